"""The history of an account: what its policy wants to be seen over time, from the records' steps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rulecap.audit.clock import MICROSECOND, iso_of, time_of
from rulecap.audit.log import Log, Stored
from rulecap.audit.review.damage import named
from rulecap.audit.review.moments import EVER, Span
from rulecap.audit.review.pages import Way, places
from rulecap.audit.review.selection import Kinds, Unselectable
from rulecap.policy.typed import TypedPanel, TypedPolicy

MOST_POINTS = 200_000


@dataclass(frozen=True, slots=True)
class State:
    """A case of a panel's states, and between which numbers it is; none where it is open."""

    name: str
    start: float | None
    stop: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel with the states that stand behind its lines, mildest or lowest first as the policy has them."""

    shown: TypedPanel
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """What was seen at a time.

    Attributes:
        time: the snapshots' `as_of`, in microseconds since 1970.
        seq: the last record of that time.
        values: by rule; a rule that no record of that time computed is missing.
    """

    time: int
    seq: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """An account's history under a policy.

    Attributes:
        account: whose it is.
        policy: the policy's name.
        panels: what is shown, as the policy that was given has it, with that policy's states.
        points: what was seen.
        versions: the policy's versions that decided what was seen, in the order of their first records.
        version: that whose states the panels have.
    """

    account: str
    policy: str
    panels: tuple[Panel, ...]
    points: tuple[Point, ...]
    versions: tuple[str, ...]
    version: str

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each point: its time, then each panel's lines, state and flags by what they are called."""
        for point in self.points:
            row: dict[str, Any] = {"time": iso_of(point.time), "record": point.seq}
            for panel in self.panels:
                row |= _cells(panel.shown, point.values)
            yield row


def _cells(panel: TypedPanel, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for label, rule in panel.lines.items():
        yield label, values.get(rule)
    if panel.states is not None:
        yield f"{panel.name} state", (values.get(panel.states) or {}).get("name")
    for label, rule in panel.flags.items():
        yield f"{panel.name} {label}", values.get(rule)


def account_of(kinds: Kinds) -> str:
    """Return the one account among the selected kinds.

    Raises:
        Unselectable: there is none, or several of them.
    """
    names = sorted({kind.account for kind in kinds.values() if kind.account})
    if len(names) == 1:
        return names[0]
    if not names:
        raise Unselectable("there is no record of an account here")
    raise Unselectable(f"a history is one account's: choose one with --account, here are {', '.join(names[:20])}")


def policy_of(log: Log, kinds: Kinds, span: Span = EVER) -> TypedPolicy:
    """Return the policy that decided last among the selected kinds and in a span, which says what a history shows.

    Raises:
        Unselectable: the kinds are of several policies, or the policy shows no history.
        LogError: the log lacks it.
    """
    decided = {number: kind for number, kind in kinds.items() if kind.digest}
    names = sorted({kind.policy for kind in decided.values()})
    if len(names) > 1:
        raise Unselectable(f"a history is by one policy: choose one with --policy, here are {', '.join(names[:20])}")
    last = next(places(log, Way(decided, span)), None)
    if last is None:
        raise Unselectable("there is no record here")
    typed = log.policy(decided[last.kind].digest).typed
    if not typed.history:
        raise Unselectable(f"the policy {typed.text.name} does not say what a history shows: it has no `history`")
    return typed


def history_of(records: Iterable[Stored], account: str, policy: TypedPolicy, every: timedelta | None = None) -> History:
    """Return the history that records tell.

    Args:
        records: the account's, in any order of time.
        account: whose they are.
        policy: says what is shown.
        every: of each stretch of so much time only the last point is kept; all of them where none.

    Raises:
        Unselectable: there are more than 200,000 points.
        LogError: a record is damaged.
    """
    rules = {rule for panel in policy.history for rule in (*panel.lines.values(), *panel.flags.values())}
    rules |= {panel.states for panel in policy.history if panel.states is not None}
    step = every // MICROSECOND if every else 1
    found: dict[int, Point] = {}
    first: dict[str, int] = {}
    for stored in records:
        with named(stored.record.seq):
            fields = stored.record.fields
            as_of = _as_of(fields["snapshot"])
            values = {name: value for name, value in fields["steps"].items() if name in rules}
        if as_of is None or not values or not fields["ok"]:
            continue
        version = fields["policy"]["version"]
        first[version] = min(stored.record.seq, first.get(version, stored.record.seq))
        _merge(found, as_of // step, Point(as_of, stored.record.seq, values))
        if len(found) > MOST_POINTS:
            raise Unselectable(f"these are more than {MOST_POINTS:,} points in time: choose --every 1h, or less time")
    points = tuple(found[key] for key in sorted(found))
    panels = tuple(_panel(policy, one) for one in policy.history)
    versions = tuple(sorted(first, key=lambda one: first[one]))
    return History(account, policy.text.name, panels, points, versions, policy.text.version)


def _merge(found: dict[int, Point], key: int, point: Point) -> None:
    """Keep the later of two points of a stretch; what it lacks it has from the earlier."""
    other = found.get(key)
    if other is None:
        found[key] = point
        return
    first, last = sorted((other, point), key=lambda one: (one.time, one.seq))
    found[key] = Point(last.time, last.seq, {**first.values, **last.values})


def _as_of(snapshot: object) -> int | None:
    text = snapshot.get("as_of") if isinstance(snapshot, dict) else None
    return time_of(text) if isinstance(text, str) else None


def _panel(policy: TypedPolicy, panel: TypedPanel) -> Panel:
    cases = policy.rules[panel.states].cases if panel.states is not None else None
    rows: Sequence[dict[str, Any]] = [value for value, _ in cases.rows.values()] if cases else []
    return Panel(panel, tuple(State(row["name"], row["from"], row["to"]) for row in rows))
