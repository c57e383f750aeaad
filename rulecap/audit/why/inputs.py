"""The values of a snapshot and a memory that a decision reads, and where each of them may move."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

from rulecap.audit.clock import microseconds
from rulecap.audit.why.axis import Axis
from rulecap.audit.why.candidates import MICROSECONDS_A_DAY, Candidate, Decide
from rulecap.language import types as t
from rulecap.language.grammar import LARGEST
from rulecap.language.terms import Const, Listing, walk
from rulecap.language.values import iso
from rulecap.policy.checks.inputs import follow
from rulecap.policy.plan import terms_of
from rulecap.policy.typed import InputCheck, TypedPolicy
from rulecap.rules.code import unit_name
from rulecap.snapshot import Snapshot
from rulecap.snapshot.findings import models_in

MOST_LEVELS = 5  # of each side of a book; deeper ones take part too, but no one of them decides much
MOST_NAMES = 60
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
GUESSES = (0.0, *(sign * 10.0**power for power in range(-4, 13) for sign in (1, -1)))
STEPS_OF_RANGE = 20

Json = Any
Way = tuple[str | int, ...]
Places = tuple[Way, ...]
Deciding = Callable[[Places], tuple[Decide, Decide]]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the numbers of a policy say about where values of a unit turn, and the names that it knows."""

    by_unit: Mapping[str | None, tuple[float, ...]]
    names: tuple[str, ...]

    def of(self, unit: str | None) -> tuple[float, ...]:
        """Return the numbers of a unit."""
        return self.by_unit.get(unit, ())


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What makes candidates of one snapshot's values."""

    policy: TypedPolicy
    snapshot: dict[str, Json]
    numbers: Numbers
    deciding: Deciding

    def candidates(self, paths: frozenset[str]) -> Iterator[Candidate]:
        """Yield a candidate for each value that is there at one of the paths, elements' fields included."""
        for path in sorted(paths, key=lambda one: (self._many(one), one)):
            kind, _, _ = follow(path, self.policy.snapshot)
            if kind is None:
                continue
            if t.strip(kind) == t.BOOK:
                yield from self._book(path)
            elif t.strip(kind) == t.MATRIX:
                yield from self._matrix(path)
            else:
                for way in _ways(self.snapshot, path.split(".")):
                    yield from self._one(path, way, t.strip(kind), value_at(self.snapshot, way))

    def absent(self, paths: tuple[str, ...]) -> Iterator[Candidate]:
        """Yield a candidate for each plain value that is not there at one of the paths."""
        for path in paths:
            kind, _, _ = follow(path, self.policy.snapshot)
            way = tuple(path.split("."))
            if kind is None or not isinstance(value_at(self.snapshot, way[:-1]), dict):
                continue
            choices = self._guesses(path, t.strip(kind))
            if choices:
                yield Candidate("input", path, None, *self.deciding((way,)), None, choices, unit_name(kind))

    def _many(self, path: str) -> bool:
        """Tell whether a path leads through a list; what there is once is looked at first."""
        return any(isinstance(value_at(self.snapshot, way), list) for way in _prefixes(path))

    def _one(self, path: str, way: Way, kind: t.Type, value: Json) -> Iterator[Candidate]:
        if isinstance(kind, t.Number):
            axis = self._axis(path, kind, value)
            yield Candidate("input", shown(way), value, *self.deciding((way,)), axis, (), unit_name(kind))
        elif kind == t.TIME:
            yield Candidate("input", shown(way), value, *self.deciding((way,)), time_axis(), time=True)
        elif choices := self._choices(path, kind, value):
            yield Candidate("input", shown(way), value, *self.deciding((way,)), None, choices)

    def _axis(self, path: str, kind: t.Number, value: Json) -> Axis:
        low, high = bounds_of(path, self.policy.inputs)
        return Axis(low, high, kind == t.COUNT and isinstance(value, int), self.numbers.of(unit_name(kind)))

    def _choices(self, path: str, kind: t.Type, value: Json) -> tuple[Json, ...]:
        if kind == t.FLAG:
            return (not value,)
        if not isinstance(kind, t.Text):
            return ()
        partners = [check.same_as if check.path == path else check.path for check in same_as(self.policy, path)]
        others = [value_at(self.snapshot, tuple(other.split("."))) for other in partners if other]
        names = [*others, *(sorted(kind.options) if kind.options is not None else self.numbers.names)]
        return tuple(one for one in dict.fromkeys(names) if one is not None and one != value)[:MOST_NAMES]

    def _guesses(self, path: str, kind: t.Type) -> tuple[Json, ...]:
        """Return values to try where there is none: over the whole range, where there is a range."""
        if not isinstance(kind, t.Number):
            return (True, False) if kind == t.FLAG else self._choices(path, kind, None)
        low, high = bounds_of(path, self.policy.inputs)
        if low > -LARGEST and high < LARGEST:
            steps = [low + (high - low) * step / STEPS_OF_RANGE for step in range(STEPS_OF_RANGE + 1)]
        else:
            steps = [one for one in (*self.numbers.of(unit_name(kind)), *GUESSES) if low <= one <= high]
        return tuple(dict.fromkeys(int(one) if kind == t.COUNT else one for one in steps))

    def _book(self, path: str) -> Iterator[Candidate]:
        """Yield the best levels of both sides: [price, quantity]."""
        for side in ("bids", "asks"):
            levels = value_at(self.snapshot, (path, side)) or []
            for level, _ in enumerate(levels[:MOST_LEVELS]):
                for part, unit in enumerate((t.PRICE, t.QUANTITY)):
                    way: Way = (path, side, level, part)
                    axis = Axis(0.0, LARGEST)
                    value = value_at(self.snapshot, way)
                    yield Candidate("input", shown(way), value, *self.deciding((way,)), axis, (), unit_name(unit))

    def _matrix(self, path: str) -> Iterator[Candidate]:
        """Yield each correlation; it stands in the matrix twice."""
        rows = value_at(self.snapshot, (path,)) or []
        landmarks = self.numbers.of(unit_name(t.RATIO))
        for i, row in enumerate(rows):
            for j in range(i):
                ways: Places = ((path, i, j), (path, j, i))
                axis = Axis(-1.0, 1.0, landmarks=landmarks)
                yield Candidate("input", shown(ways[0]), row[j], *self.deciding(ways), axis, (), unit_name(t.RATIO))


def memory_candidates(
    policy: TypedPolicy, memory: Mapping[str, Any], numbers: Numbers, deciding: Callable[[str], tuple[Decide, Decide]]
) -> Iterator[Candidate]:
    """Yield a candidate for each remembered value that is there."""
    for name, remembered in policy.memory.items():
        value, kind = memory.get(name), t.strip(remembered.type)
        where = f"memory.{name}"
        if value is None:
            continue
        at, really = deciding(name)
        if isinstance(kind, t.Number):
            axis = Axis(-LARGEST, LARGEST, kind == t.COUNT and isinstance(value, int), numbers.of(unit_name(kind)))
            yield Candidate("memory", where, value, at, really, axis, (), unit_name(kind))
        elif kind == t.TIME:
            text = iso(value.astimezone(UTC)) if isinstance(value, datetime) else value
            yield Candidate("memory", where, text, at, really, time_axis(), time=True)
        elif kind == t.FLAG:
            yield Candidate("memory", where, value, at, really, None, (not value,))
        elif isinstance(kind, t.Text):
            names = sorted(kind.options) if kind.options is not None else numbers.names
            yield Candidate("memory", where, value, at, really, None, tuple(one for one in names if one != value))


def time_axis() -> Axis:
    """Return the axis of a time, in microseconds, whose steps are shares of a day."""
    low, high = microseconds(FIRST), microseconds(LAST)
    return Axis(low, high, whole=True, scale=float(MICROSECONDS_A_DAY))


def same_as(policy: TypedPolicy, path: str) -> list[InputCheck]:
    """Return what asks of a path that it is the same as another."""
    return [check for check in policy.inputs if check.same_as is not None and path in (check.path, check.same_as)]


def bounds_of(path: str, checks: tuple[InputCheck, ...]) -> tuple[float, float]:
    """Return between which numbers, both included, the snapshot's model and the policy's inputs let a value be."""
    low, high = _model_bounds(path.split("."))
    for check in checks:
        if check.path == path and check.low is not None and check.high is not None:
            low, high = max(low, check.low), min(high, check.high)
    return low, high


def _model_bounds(parts: list[str]) -> tuple[float, float]:
    low, high = -LARGEST, LARGEST
    model: type[BaseModel] | None = Snapshot
    for part in parts:
        field = model.model_fields.get(part) if model is not None else None
        if field is None:
            return low, high
        for mark in field.metadata:
            low, high = _narrowed(mark, low, high)
        model = next(models_in(field.annotation), None)
    return low, high


def _narrowed(mark: object, low: float, high: float) -> tuple[float, float]:
    """Return bounds within what one mark of a field allows."""
    match mark:
        case Ge(ge=end) if isinstance(end, int | float):
            return max(low, end), high
        case Gt(gt=end) if isinstance(end, int | float):
            return max(low, math.nextafter(end, math.inf)), high
        case Le(le=end) if isinstance(end, int | float):
            return low, min(high, end)
        case Lt(lt=end) if isinstance(end, int | float):
            return low, min(high, math.nextafter(end, -math.inf))
    return low, high


def names_known(policy: TypedPolicy, rules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in the lists of some rules' cases and conditions, which a text may be looked for in."""
    found: list[object] = []
    for name in rules:
        cases = policy.rules[name].cases
        rows = cases.rows.values() if cases is not None else ()
        found += [one for value, _ in rows for part in value.values() if isinstance(part, tuple) for one in part]
        index = getattr(policy.rules[name], "index", None)  # a table's names
        found += list(index) if isinstance(index, dict) else []
        lists = [one for term in terms_of(policy, name) for one in walk(term) if isinstance(one, Listing)]
        found += [item.value for one in lists for item in one.items if isinstance(item, Const)]
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str)))


def value_at(tree: Json, way: Way) -> Json:
    """Return the value at the end of a way, none where it ends early."""
    for step in way:
        if isinstance(step, int):
            tree = tree[step] if isinstance(tree, list) and step < len(tree) else None
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def shown(way: Way) -> str:
    """Return a way as a person reads it: `positions[2].margin`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)
    return text.removeprefix(".")


def _prefixes(path: str) -> list[Way]:
    parts = path.split(".")
    return [tuple(parts[:end]) for end in range(1, len(parts))]


def _ways(tree: Json, parts: list[str], before: Way = ()) -> Iterator[Way]:
    """Yield the ways along a path to all values that are there, through every element of a list."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _ways(item, parts, (*before, index))
    elif not parts:
        if tree is not None and not isinstance(tree, dict):
            yield before
    elif isinstance(tree, dict):
        yield from _ways(tree.get(parts[0]), parts[1:], (*before, parts[0]))
