"""Records found by columns and, where one is given, by a filter: the stream that lists, exports and counts share."""

from collections.abc import Callable, Iterator

from rulecap.audit.log import Log, Stored
from rulecap.audit.review.damage import named
from rulecap.audit.review.filter import Filter
from rulecap.audit.review.pages import Cursor, Page, Way, count, places, stored
from rulecap.audit.review.selection import NONE, Selection, kinds_of

Progress = Callable[[int, int], None]


def way_of(log: Log, selection: Selection, newest_first: bool = True, after: Cursor | None = None) -> Way:
    """Return the way through the selected records.

    Raises:
        Unselectable: a value that no record of the log has.
        LogError: the log cannot be read.
    """
    callers = {"" if name == NONE else name for name in selection.callers} | set(selection.callers)
    return Way(kinds_of(log, selection), selection.span, newest_first, after, frozenset(callers))


def found(log: Log, way: Way, where: Filter | None = None, progress: Progress | None = None) -> Iterator[Stored]:
    """Yield the records on a way on which the filter holds; none of them is held in memory.

    Raises:
        LogError: the log cannot be read.
    """
    total = count(log, way.kinds, way.span) if progress else 0
    for number, one in enumerate(stored(log, places(log, way)), 1):
        if progress and (number % 256 == 0 or number == total):
            progress(number, total)
        if _fits(one, way, where):
            yield one


def _fits(one: Stored, way: Way, where: Filter | None) -> bool:
    if where is None and not way.callers:
        return True
    with named(one.record.seq):
        asked = not way.callers or (one.record.fields["asked_by"] or "") in way.callers
        return asked and one.record.decides and (where is None or where.holds(one.record))


def page_where(log: Log, way: Way, most: int, where: Filter | None, progress: Progress | None = None) -> Page:
    """Return the next records on a way on which a filter holds, as many as asked for where there are as many.

    Without a filter it does what `page` does, and looks for who asked.

    Raises:
        LogError: the log cannot be read.
    """
    records: list[Stored] = []
    for one in found(log, way, where, progress):
        if len(records) == most:
            last = records[-1]
            return Page(tuple(records), Cursor(last.time, last.record.seq))
        records.append(one)
    return Page(tuple(records), None)


def page_within(log: Log, way: Way, most: int, where: Filter | None, enough: Callable[[Stored], bool]) -> Page:
    """Return what `page_where` does, as far as one may look; the next page begins where the looking ended.

    Args:
        log: where the records are.
        way: which are looked at, and in which order.
        most: how many are on a page.
        where: which are on it.
        enough: asked before each record is looked at, whether to end here; the first one has to be let through.

    Raises:
        LogError: the log cannot be read.
    """
    records: list[Stored] = []
    last = way.after
    for one in stored(log, places(log, way)):
        if len(records) == most or enough(one):
            return Page(tuple(records), last)
        last = Cursor(one.time, one.record.seq)
        if _fits(one, way, where):
            records.append(one)
    return Page(tuple(records), None)
