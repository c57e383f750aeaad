"""Reading the log for the service: one connection for each question, in a thread, while the ledger writes on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from rulecap.audit import Log, LogError, open_log
from rulecap.audit.clock import microseconds, now
from rulecap.audit.log import Stored, load_once
from rulecap.audit.record import Record
from rulecap.audit.replay import evaluated_again
from rulecap.audit.review.finding import way_of
from rulecap.audit.review.listing import listed
from rulecap.audit.review.moments import Span
from rulecap.audit.review.pages import Cursor, Way, page
from rulecap.audit.review.selection import Selection, Unselectable, looking, meant
from rulecap.service.answers import recorded_answer
from rulecap.service.condition import page_on
from rulecap.service.problems import Refused

Found = TypeVar("Found")
MOST_MISSED = 1000
MOST_STATES = 10_000
# How many questions are read for at once, in threads of their own: keys, policy and the log's process have the loop's.
MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Question:
    """Which records a list is of.

    Attributes:
        after: where the page before ended, as its `next` said.
        where: a condition in the policy's language, none where all of them are meant.
    """

    selection: Selection
    limit: int
    newest_first: bool = True
    after: Cursor | None = None
    where: str | None = None

    @property
    def looks(self) -> bool:
        """Whether records have to be looked at to see whether they are meant."""
        return self.where is not None or bool(self.selection.callers)


class Reader:
    """Reads one log; every method raises Refused where it cannot be read."""

    def __init__(self, url: str, clock: Callable[[], datetime] = now) -> None:
        """Read the log at an address."""
        self._url, self._clock, self._load = url, clock, load_once()
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="rulecap-reading")
        # A condition takes the time of many records: whoever asks one waits for the others, and holds up nobody else.
        self._conditions = asyncio.Semaphore(1)

    async def record(self, name: str) -> Record | None:
        """Return the record of an id or number, none where there is none."""
        return await self._read(lambda log: log.find(name))

    async def explained(self, name: str) -> tuple[Record, list[dict[str, Any]]] | None:
        """Return a record and the trace of its decision, evaluated again by the policy that decided."""
        return await self._read(lambda log: _explained(log, name))

    async def page(self, question: Question) -> dict[str, Any]:
        """Return a page of records as a list shows them, and where the next one begins."""
        if not question.looks:
            return await self._read(lambda log: _page(log, question))
        async with self._conditions:
            return await self._read(lambda log: _page(log, question))

    async def history(self, account: str, decision: str, hours: float) -> dict[str, Any]:
        """Return the recorded answers to a question about an account within the last hours, oldest first."""
        since = self._clock() - timedelta(hours=hours)
        selection = Selection((account,), (decision,), span=Span(since=microseconds(since)))
        return await self._read(lambda log: _history(log, selection))

    async def head(self) -> int:
        """Return how many records the log has."""
        return await self._read(lambda log: log.head().size)

    async def missed(self, last: str, accounts: tuple[str, ...], made: Callable[[Record], Found]) -> list[Found]:
        """Return what is made of the records after one, as far as they are not too many; nothing where it is none.

        Args:
            last: the record's id or number.
            accounts: whose decisions are meant; none at all: everybody's.
            made: what is wanted of a record.
        """

        def ask(log: Log) -> list[Found]:
            known = log.find(last)
            if known is None:
                return []
            seq = max(known.seq, log.head().size - MOST_MISSED)
            return _after(log, seq, MOST_MISSED, accounts, made)[0]

        return await self._read(ask)

    async def after(
        self, seq: int, most: int, accounts: tuple[str, ...], made: Callable[[Record], Found]
    ) -> tuple[list[Found], int]:
        """Return what is made of at most so many records after a number, and the number of the last one of them."""
        return await self._read(lambda log: _after(log, seq, most, accounts, made))

    async def _read(self, ask: Callable[[Log], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, ask)

    def _ask(self, ask: Callable[[Log], Found]) -> Found:
        try:
            with open_log(self._url, self._load) as log, looking(log):
                return ask(log)
        except LogError as error:
            raise Refused(503, error.code, f"the audit log cannot be read: {error.reason}") from error


def cursor(text: str) -> Cursor:
    """Return the cursor that a page's `next` is."""
    time, _, seq = text.rpartition("-")
    return Cursor(int(time), int(seq))


def _way(log: Log, question: Question) -> Way:
    """Return the way through the records; through none where no record has what is asked for."""
    try:
        return way_of(log, question.selection, question.newest_first, question.after)
    except Unselectable:
        return Way({}, question.selection.span, question.newest_first, question.after)


def _page(log: Log, question: Question) -> dict[str, Any]:
    way, told = _way(log, replace(question, selection=meant(log, question.selection))), {}
    if not question.looks:
        found = page(log, way, question.limit)
    else:
        found, looked = page_on(log, way, question.limit, question.where)
        told = {"where": looked}
    kinds = log.kinds()
    shown = [listed(one, kinds[one.kind]).to_dict() for one in found.records]
    return {"decisions": shown, "next": f"{found.next.time}-{found.next.seq}" if found.next else None, **told}


def _history(log: Log, selection: Selection) -> dict[str, Any]:
    found = page(log, _way(log, Question(selection, MOST_STATES)), MOST_STATES)
    states = [_entry(one) for one in reversed(found.records)]
    return {"history": states, "complete": found.next is None}


def _entry(stored: Stored) -> dict[str, Any]:
    told = recorded_answer(stored.record)
    return {"time": stored.record.fields["time"], **told}


def _explained(log: Log, name: str) -> tuple[Record, list[dict[str, Any]]] | None:
    record = log.find(name)
    if record is None or not record.decides:
        return None if record is None else (record, [])
    policy = log.policy(record.fields["policy"]["digest"])
    return record, evaluated_again(record, policy).trace.steps


def _after(
    log: Log, seq: int, most: int, accounts: tuple[str, ...], made: Callable[[Record], Found]
) -> tuple[list[Found], int]:
    read = list(islice(log.stored(seq + 1), most))
    kinds = log.kinds() if read else {}
    meant = [one.record for one in read if not accounts or kinds[one.kind].account in accounts]
    return [made(one) for one in meant if one.decides], read[-1].record.seq if read else seq
