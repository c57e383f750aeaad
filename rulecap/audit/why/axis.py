"""The line that a number may move on, and the nearest place on it where something turns over."""

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

# How far a step goes, as a share of the number that it starts from; zero and the other sign are among the goals.
SHARES = tuple(sorted({10.0**power for power in range(-6, 10)} | {part / 12 for part in range(1, 19)}))
LOOKS_BETWEEN = 24  # how many places before the first turn are looked at, for a nearer one that turns back
NEAREST_LANDMARKS = 6
SLACK_OF_CHANGE, SLACK_OF_NUMBER = 1e-4, 1e-6  # how much further than needed a number may go to be short
EXACT = Context(prec=800)

Turned = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a number may stand.

    Attributes:
        low: the smallest value, included; in the number's own unit.
        high: the largest, included.
        whole: whether it moves in whole steps.
        landmarks: values at which something is known to begin or end, in any order.
        scale: what steps are shares of; the number itself where not given.
    """

    low: float
    high: float
    whole: bool = False
    landmarks: tuple[float, ...] = ()
    scale: float = 0.0

    def scale_at(self, start: float) -> float:
        """Return what steps from a number are shares of; 1 at zero."""
        return self.scale or abs(start) or 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn on the way: `stays` and `turns` are neighbours on the axis, `short` lies at or beyond `turns`."""

    stays: float
    turns: float
    short: float


def nearest_turns(axis: Axis, start: float, turned: Turned) -> list[Turn]:
    """Return the nearest turn found below the start and the nearest found above it, as far as there are any.

    Between the places that are looked at a turn may hide that turns back before the next of them; what is found is a
    turn, and the nearest of those found.
    """
    found = (_nearest(axis, start, way, turned) for way in (-1, 1))
    return [turn for turn in found if turn is not None]


def _nearest(axis: Axis, start: float, way: int, turned: Turned) -> Turn | None:
    before = start
    for goal in _goals(axis, start, way):
        if turned(goal):
            stays, turns = _closed(axis, *_nearer(axis, start, before, goal, turned), turned)
            return Turn(stays, turns, _short(axis, start, turns, way, turned))
        before = goal
    return None


def _goals(axis: Axis, start: float, way: int) -> list[float]:
    """Return the places to look at on one side of the start, nearest first."""
    scale = axis.scale_at(start)
    near = sorted((one for one in set(axis.landmarks) if (one - start) * way >= 0), key=lambda one: abs(one - start))
    marks = [side for one in near[:NEAREST_LANDMARKS] for side in _around(axis, one)]
    end = axis.high if way > 0 else axis.low
    wished = [*(start + way * scale * share for share in SHARES), *marks, _step(axis, start, way), end]
    goals = {_on(axis, one, way) for one in wished}
    return sorted(
        (one for one in goals if (one - start) * way > 0 and axis.low <= one <= axis.high),
        key=lambda one: abs(one - start),
    )


def _around(axis: Axis, mark: float) -> tuple[float, ...]:
    return _step(axis, mark, -1), mark, _step(axis, mark, 1)


def _step(axis: Axis, value: float, way: int) -> float:
    return value + way if axis.whole else math.nextafter(value, way * math.inf)


def _on(axis: Axis, value: float, way: int) -> float:
    """Return the first place of the axis at a value or beyond it."""
    if not axis.whole or not math.isfinite(value):
        return value
    return math.ceil(value) if way > 0 else math.floor(value)


def _nearer(axis: Axis, start: float, before: float, goal: float, turned: Turned) -> tuple[float, float]:
    """Return neighbours among the places looked at, of which only the second has turned."""
    stays = start
    for number in range(1, LOOKS_BETWEEN):
        place = start + (goal - start) * number / LOOKS_BETWEEN
        place = _on(axis, place, 1 if goal > start else -1)
        if not min(start, goal) < place < max(start, goal) or place == stays:
            continue
        if turned(place):
            return (before if _between(stays, before, place) else stays), place
        stays = place
    return (before if _between(stays, before, goal) else stays), goal


def _between(one: float, value: float, other: float) -> bool:
    return min(one, other) < value < max(one, other)


def _closed(axis: Axis, stays: float, turns: float, turned: Turned) -> tuple[float, float]:
    """Return the neighbours on the axis between which it turns, by halving."""
    a, b = (int(stays), int(turns)) if axis.whole else (_ordinal(stays), _ordinal(turns))
    place = (lambda number: number) if axis.whole else _at
    while abs(b - a) > 1:
        middle = (a + b) // 2
        if turned(place(middle)):
            b = middle
        else:
            a = middle
    return place(a), place(b)


def _ordinal(value: float) -> int:
    """Return which double it is, counted from zero."""
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _at(ordinal: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", abs(ordinal)))[0]
    return value if ordinal >= 0 else -value


def _short(axis: Axis, start: float, turns: float, way: int, turned: Turned) -> float:
    """Return the value of fewest digits that is little further than needed and has turned too."""
    slack = max(SLACK_OF_CHANGE * abs(turns - start), SLACK_OF_NUMBER * axis.scale_at(start))
    for one in _rounded(turns, way):
        if abs(one - turns) <= slack and axis.low <= one <= axis.high and turned(_on(axis, one, way)):
            return _on(axis, one, way)
    return turns


def _rounded(value: float, way: int) -> Iterable[float]:
    """Yield the value rounded away from where it came, to more and more digits."""
    exact = Decimal(value)
    first = -exact.adjusted() if value else 0
    for places in range(min(first, 12), min(first, 12) + 18):
        step = Decimal(1).scaleb(-places)
        yield float(exact.quantize(step, ROUND_CEILING if way > 0 else ROUND_FLOOR, EXACT))
