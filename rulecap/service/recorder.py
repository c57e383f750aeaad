"""Decisions on record without a thread for each request: whoever asks at the same time is answered by one commit."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, Protocol, cast

from rulecap.audit.errors import LogError
from rulecap.audit.ledger import Asked, Ledger
from rulecap.audit.timeline import Last
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem
from rulecap.service.failing import place_of

log = logging.getLogger("rulecap.service")
MOST_AT_ONCE = 256
# Whoever asks a crowd's next question is not far behind the others: the longest that a commit waits for them.
LONGEST_PAUSE = 0.005


class Waiting(NamedTuple):
    """A question, who waits for its answer, and since when."""

    asked: Asked
    answer: "asyncio.Future[Decision]"
    since: float


Answered = Callable[[Asked, Decision, float], None]


class Answering(Protocol):
    """What is asked: a ledger in a thread of its own, or in a process of its own.

    Attributes:
        failure: why the last writing failed, none where it did not.
        shifts: how many batches it may have at once: a process of its own has one to go on with.
    """

    shifts: int

    @property
    def failure(self) -> LogError | None:
        """Why the last writing failed, none where it did not."""

    async def answer(self, asked: Sequence[Asked]) -> list[Decision]:
        """Return decisions in the order asked for, once all of them are on record."""

    async def probe(self, policy: Policy) -> None:
        """Find out, while nobody asks, whether the log can still be written to; as `Ledger.probe`."""

    def recall(self, account: str, policy: str, last: Last | None) -> None:
        """Take a memory for the latest where none is known yet; as `Ledger.recall`."""

    def unrecorded(self, asked: Asked, problem: Problem, unknown: frozenset[str] = frozenset()) -> Decision:
        """Answer without a record what is not known well enough for one; as `Ledger.unrecorded`."""

    async def close(self) -> None:
        """Let go of the log, once what is being written is durable."""


class LedgerHere:
    """Asks a ledger of this process from one thread of its own: the event loop goes on while the log is written."""

    shifts = 1

    def __init__(self, ledger: Ledger) -> None:
        """Take a ledger, which belongs to this from now on."""
        self._ledger, self._thread = ledger, ThreadPoolExecutor(1, thread_name_prefix="rulecap-audit")

    @property
    def failure(self) -> LogError | None:
        """Why the last writing failed, none where it did not."""
        return self._ledger.failure

    async def answer(self, asked: Sequence[Asked]) -> list[Decision]:
        """Return decisions in the order asked for, once all of them are on record."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ledger.evaluate_all, asked)

    async def probe(self, policy: Policy) -> None:
        """Find out, while nobody asks, whether the log can still be written to; as `Ledger.probe`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._ledger.probe)

    def recall(self, account: str, policy: str, last: Last | None) -> None:
        """Take a memory for the latest where none is known yet; as `Ledger.recall`."""
        self._ledger.recall(account, policy, last)

    def unrecorded(self, asked: Asked, problem: Problem, unknown: frozenset[str] = frozenset()) -> Decision:
        """Answer without a record; as `Ledger.unrecorded`."""
        return self._ledger.unrecorded(asked, problem, unknown)

    async def close(self) -> None:
        """Let go of the log, once what is being written is durable."""
        self._thread.shutdown()
        self._ledger.close()


class Recorder:
    """Has whoever asks at the same time answered together.

    Attributes:
        ledger: the log; `failure` says why it cannot be written.
        waiting: how many questions are not answered yet.
    """

    def __init__(self, ledger: Answering, answered: Answered) -> None:
        """Write into a ledger.

        Args:
            ledger: belongs to this from now on.
            answered: called with each question, its decision, and how many seconds that took.
        """
        self.ledger, self._answered = ledger, answered
        self._queue: list[Waiting] = []
        self._working: set[asyncio.Task[None]] = set()
        self._probing: set[asyncio.Task[None]] = set()
        self._gathered: asyncio.Event = asyncio.Event()
        self._enough, self._pause = 1, 0.0
        self.waiting = 0

    async def ask(self, asked: Asked) -> Decision:
        """Return a decision once it is on record; as `Ledger.evaluate` otherwise."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Decision] = loop.create_future()
        self._queue.append(Waiting(asked, answer, time.perf_counter()))
        self.waiting += 1
        if len(self._working) < self.ledger.shifts:
            self._working.add(loop.create_task(self._work()))
        elif len(self._queue) >= self._enough:
            self._gathered.set()
        # Who is told to wait no longer takes back the waiting alone: what is asked is recorded all the same.
        return await answer

    async def probe(self, policy: Policy) -> None:
        """Find out whether the log can still be written to, where nobody asks; whoever asks finds it out anyway."""
        if self._working or self._probing:
            return
        probing = asyncio.create_task(self.ledger.probe(policy))
        self._probing.add(probing)
        probing.add_done_callback(self._probing.discard)
        await asyncio.shield(probing)  # given up half way, it would take the log's process with it

    def unrecorded(self, asked: Asked, problem: Problem, unknown: frozenset[str]) -> Decision:
        """Return a decision at once, without a record; as `Ledger.unrecorded`."""
        began = time.perf_counter()
        decision = self.ledger.unrecorded(asked, problem, unknown)
        self._tell(asked, decision, time.perf_counter() - began)
        return decision

    def refused(self, asked: Asked, problem: Problem) -> Decision:
        """Return a refusal at once, without a record: the policy is not asked."""
        decision = asked.policy.refused(asked.decision, problem)
        self._tell(asked, decision, 0.0)
        return decision

    async def _work(self) -> None:
        """Answer what waits, batch after batch."""
        try:
            while self._queue:
                await self._gather()
                # One shift takes all; of two, each takes its part, so that neither waits for the other.
                most = MOST_AT_ONCE if self.ledger.shifts == 1 else min(self._enough, MOST_AT_ONCE)
                batch, self._queue = self._queue[:most], self._queue[most:]
                if batch:  # else another shift has taken it
                    await self._answer(batch)
        finally:
            # At once: whoever asks before the task's callbacks are called would take it that somebody is at work.
            self._working.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _gather(self) -> None:
        """Give as many as were answered together last time a moment to come back: a commit costs more than that."""
        if len(self._queue) >= self._enough or not self._pause:
            return
        self._gathered.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gathered.wait(), self._pause)

    async def _answer(self, batch: list[Waiting]) -> None:
        questions = [one.asked for one in batch]
        start = time.perf_counter()
        try:
            decisions = await self.ledger.answer(questions)
        except Exception as error:  # noqa: BLE001  # whatever it was, nobody waits forever
            self.waiting -= len(batch)
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            self._enough = max(1, self.waiting // self.ledger.shifts)  # half of the crowd, where there are two shifts
            self._hand_out(batch, decisions)
        self._pause = min((time.perf_counter() - start) / 2, LONGEST_PAUSE)

    def _hand_out(self, batch: list[Waiting], decisions: list[Decision]) -> None:
        moment = time.perf_counter()
        self.waiting -= len(batch)
        for one, decision in zip(batch, decisions, strict=True):
            if not one.answer.done():
                one.answer.set_result(decision)
        for one, decision in zip(batch, decisions, strict=True):
            self._tell(one.asked, decision, moment - one.since)

    def _tell(self, asked: Asked, decision: Decision, seconds: float) -> None:
        try:
            self._answered(asked, decision, seconds)
        except Exception as error:  # noqa: BLE001  # what is counted or told of a decision holds nobody up
            log.error("%s", place_of(error), extra={"code": "internal"})

    async def close(self) -> None:
        """Finish what waits, then let go of the log."""
        while waited_for := self._working | self._probing:
            await asyncio.wait(waited_for)
        await self.ledger.close()
