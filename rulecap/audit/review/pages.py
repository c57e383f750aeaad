"""Records in the order of their time, a page at a time, found by the log's index alone.

The index has the records of each kind in the order of their time. A page is a merge of these runs. Only the runs whose
first record may come next are opened, so that a page costs what it has on it, however many kinds and records there are.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from rulecap.audit.batches import batches
from rulecap.audit.clock import EPOCH, iso_of, microseconds
from rulecap.audit.database import blob
from rulecap.audit.errors import LogError
from rulecap.audit.log import Log, Stored
from rulecap.audit.record import Record
from rulecap.audit.review.damage import LOOK
from rulecap.audit.review.moments import EVER, NoMoment, Span, moment
from rulecap.audit.review.selection import Kinds, Unselectable
from rulecap.language.values import iso

FIRST_ROWS, MOST_ROWS = 32, 1024
# So many places are held at once at the most, whatever the number of runs.
MOST_HELD = 1_000_000
BODIES = 64
MOST_VALUES = 500
FIRST, LAST = (microseconds(datetime(year, 12, 31, tzinfo=UTC)) for year in (1, 9999))


class Cursor(NamedTuple):
    """Where a page ended: the last record's time, in microseconds since 1970, and its number."""

    time: int
    seq: int

    def __str__(self) -> str:
        """Return the cursor as `TIME/NUMBER`."""
        return f"{iso_of(self.time)}/{self.seq}"


class Place(NamedTuple):
    """Where a record stands in the order of time, and its kind."""

    time: int
    seq: int
    kind: int


def cursor(text: str) -> Cursor:
    """Return the cursor that a text is.

    Raises:
        Unselectable: it is none.
    """
    time, _, seq = text.partition("/")
    try:
        if not (seq.isascii() and seq.isdigit() and len(seq) <= 18):
            raise NoMoment(seq)
        return Cursor(moment(time, EPOCH), int(seq))
    except NoMoment as error:
        raise Unselectable(
            f"{text[:80]} is where no page ended: take it from `next`, such as {iso(EPOCH)}/1"
        ) from error


@dataclass(frozen=True, slots=True)
class Way:
    """A way through the records: which, and in which direction.

    Attributes:
        kinds: what they are about.
        span: when they were written.
        newest_first: whether time runs backward.
        after: where to go on, none for the start.
        callers: who asked; whoever it was where nobody is named here. No index has it: `finding` looks for it.
    """

    kinds: Kinds
    span: Span = EVER
    newest_first: bool = True
    after: Cursor | None = None
    callers: frozenset[str] = frozenset()


def places(log: Log, way: Way) -> Iterator[Place]:
    """Yield where the records on a way stand, in the order of time and, for one time, of their numbers.

    Reads as it goes: call it within `looking`.

    Raises:
        LogError: the log cannot be read.
    """
    sign = -1 if way.newest_first else 1
    runs = _Runs(log, way)
    waiting = sorted(_heads(log, way), key=lambda head: sign * head[0])
    open_runs: list[tuple[int, int, int, Iterator[tuple[int, int]]]] = []
    opened = 0
    while True:
        while opened < len(waiting) and (not open_runs or sign * waiting[opened][0] <= open_runs[0][0]):
            kind = waiting[opened][1]
            opened += 1
            _push(open_runs, runs.run(kind), kind, sign)
        if not open_runs:
            return
        time, seq, kind, run = heapq.heappop(open_runs)
        yield Place(sign * time, sign * seq, kind)
        _push(open_runs, run, kind, sign)


def _push(
    open_runs: list[tuple[int, int, int, Iterator[tuple[int, int]]]],
    run: Iterator[tuple[int, int]],
    kind: int,
    sign: int,
) -> None:
    following = next(run, None)
    if following is not None:
        heapq.heappush(open_runs, (sign * following[0], sign * following[1], kind, run))


def _heads(log: Log, way: Way) -> Iterator[tuple[int, int]]:
    """Yield for each kind with records a time that none of them precedes on the way, and the kind."""
    start, _ = _bounds(way)
    extreme, compared = ("MAX", "<=") if way.newest_first else ("MIN", ">=")
    first = f"SELECT {extreme}(time) FROM records WHERE kind = kinds.id AND time {compared} ?"
    for some in batches(way.kinds, MOST_VALUES):
        marks = ", ".join("?" * len(some))
        rows = log.database.run(f"SELECT id, ({first}) FROM kinds WHERE id IN ({marks})", (start[0], *some))
        for kind, time in rows:
            if time is not None:
                _check_time(time, f"one of kind {kind}")
                yield time, kind


def _check_time(time: object, which: object) -> None:
    """Refuse what stands beside a record in place of its time.

    Raises:
        LogError: it is none.
    """
    if not (isinstance(time, int) and FIRST <= time <= LAST):
        raise LogError("log-corrupt", f"what stands beside record {which} is no time: {LOOK}")


def _bounds(way: Way) -> tuple[tuple[int, int], int]:
    """Return the place that a way begins behind, and the time that it ends at."""
    if way.newest_first:
        begin = (way.span.until, 0)
        return (min(begin, way.after) if way.after else begin), way.span.since
    begin = (way.span.since, 0)
    return (max(begin, way.after) if way.after else begin), way.span.until


class _Runs:
    """Reads the runs of single kinds, a few rows at first and more with each reading."""

    def __init__(self, log: Log, way: Way) -> None:
        compared, end, order = ("<", ">=", " DESC") if way.newest_first else (">", "<", "")
        self._statement = (
            f"SELECT time, seq FROM records WHERE kind = ? AND (time, seq) {compared} (?, ?) AND time {end} ?"
            f" ORDER BY time{order}, seq{order} LIMIT ?"
        )
        self._database, self._bounds = log.database, _bounds(way)
        self._most = min(MOST_ROWS, max(FIRST_ROWS, MOST_HELD // max(1, len(way.kinds))))

    def run(self, kind: int) -> Iterator[tuple[int, int]]:
        """Yield time and number of a kind's records."""
        (time, seq), end = self._bounds
        count = FIRST_ROWS
        while True:
            rows = self._database.run(self._statement, (kind, time, seq, end, count))
            yield from ((row[0], row[1]) for row in rows)
            if len(rows) < count:
                return
            time, seq = rows[-1]
            count = min(count * 2, self._most)


def stored(log: Log, found: Iterable[Place]) -> Iterator[Stored]:
    """Yield the records at places, in their order.

    Raises:
        LogError: the log cannot be read.
    """
    for some in batches(found, BODIES):
        yield from _bodies(log, some)


def _bodies(log: Log, some: Sequence[Place]) -> Iterator[Stored]:
    marks = ", ".join("?" * len(some))
    statement = f"SELECT seq, body FROM records WHERE seq IN ({marks})"
    rows = log.database.run(statement, [place.seq for place in some])
    bodies = {seq: blob(body) for seq, body in rows}
    for place in some:
        _check_time(place.time, place.seq)
        if place.seq not in bodies:
            raise LogError("log-corrupt", f"{log.database.where}: the index has record {place.seq}, the log has it not")
        yield Stored(place.time, place.kind, Record(place.seq, bodies[place.seq]))


def count(log: Log, kinds: Kinds, span: Span) -> int:
    """Return how many records there are, which takes as long as there are many.

    Raises:
        LogError: the log cannot be read.
    """
    total = 0
    for some in batches(kinds, MOST_VALUES):
        marks = ", ".join("?" * len(some))
        statement = f"SELECT COUNT(*) FROM records WHERE kind IN ({marks}) AND time >= ? AND time < ?"
        total += int(log.database.run(statement, (*some, span.since, span.until))[0][0])
    return total


@dataclass(frozen=True, slots=True)
class Page:
    """Some records in order, and where the next page begins; none where there is no more."""

    records: tuple[Stored, ...]
    next: Cursor | None


def page(log: Log, way: Way, most: int) -> Page:
    """Return the next records on a way; call it within `looking`.

    Raises:
        LogError: the log cannot be read.
    """
    found: list[Place] = []
    more = False
    for place in places(log, way):
        if len(found) == most:
            more = True
            break
        found.append(place)
    following = Cursor(found[-1].time, found[-1].seq) if more else None
    return Page(tuple(stored(log, found)), following)
