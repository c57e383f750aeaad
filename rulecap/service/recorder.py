"""Decisions on record without a thread for each request: whoever asks at the same time is answered by one commit."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from rulecap.audit.ledger import Asked, Ledger
from rulecap.engine.decision import Decision

MOST_AT_ONCE = 256
# Whoever asks a crowd's next question is not far behind the others: the longest that a commit waits for them.
LONGEST_PAUSE = 0.005


class Waiting(NamedTuple):
    """A question, who waits for its answer, and since when."""

    asked: Asked
    answer: "asyncio.Future[Decision]"
    since: float


Answered = Callable[[Asked, Decision, float], None]


class Recorder:
    """Asks the ledger from one thread of its own: the event loop goes on while the log is written.

    Attributes:
        ledger: the log; `failure` says why it cannot be written.
        waiting: how many questions are not answered yet.
    """

    def __init__(self, ledger: Ledger, answered: Answered) -> None:
        """Write into a ledger.

        Args:
            ledger: belongs to this from now on.
            answered: called with each question, its decision, and how many seconds it took to be on record.
        """
        self.ledger, self._answered = ledger, answered
        self._queue: list[Waiting] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rulecap-audit")
        self._working: asyncio.Task[None] | None = None
        self._gathered: asyncio.Event = asyncio.Event()
        self._expected, self._pause = 1, 0.0
        self.waiting = 0

    async def ask(self, asked: Asked) -> Decision:
        """Return a decision once it is on record; as `Ledger.evaluate` otherwise."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Decision] = loop.create_future()
        self._queue.append(Waiting(asked, answer, time.perf_counter()))
        self.waiting += 1
        if self._working is None:
            self._working = loop.create_task(self._work())
        elif len(self._queue) >= self._expected:
            self._gathered.set()
        # What is asked is recorded, whether or not the one who asked is still there.
        return await asyncio.shield(answer)

    async def _work(self) -> None:
        """Answer what waits, batch after batch."""
        try:
            while self._queue:
                await self._gather()
                batch = self._queue[:MOST_AT_ONCE]
                del self._queue[:MOST_AT_ONCE]
                await self._answer(batch)
        finally:
            self._working = None

    async def _gather(self) -> None:
        """Give as many as were answered together last time a moment to come back: a commit costs more than that."""
        if len(self._queue) >= self._expected or not self._pause:
            return
        self._gathered.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gathered.wait(), self._pause)

    async def _answer(self, batch: list[Waiting]) -> None:
        questions = [one.asked for one in batch]
        loop, start = asyncio.get_running_loop(), time.perf_counter()
        try:
            decisions = await loop.run_in_executor(self._thread, self.ledger.evaluate_all, questions)
        except Exception as error:  # noqa: BLE001  # whatever it was, nobody waits forever
            self.waiting -= len(batch)
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            self._hand_out(batch, decisions)
        self._expected = len(batch) + len(self._queue)
        self._pause = min((time.perf_counter() - start) / 2, LONGEST_PAUSE)

    def _hand_out(self, batch: list[Waiting], decisions: list[Decision]) -> None:
        moment = time.perf_counter()
        self.waiting -= len(batch)
        for one, decision in zip(batch, decisions, strict=True):
            if not one.answer.done():
                one.answer.set_result(decision)
            self._answered(one.asked, decision, moment - one.since)

    async def close(self) -> None:
        """Finish what waits, then let go of the log."""
        if self._working is not None:
            await self._working
        self._thread.shutdown()
        self.ledger.close()
