"""A ledger in a process of its own: decisions are made and recorded on one core, requests answered on another.

A process that ends, or stands still, is replaced, and what it was asked is asked again. It may have been on record
already, for nobody; asked at the same time of the account's, the question gets the same memory and the same answer.
"""

import asyncio
import logging
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from rulecap.audit.asked import input_of
from rulecap.audit.errors import LogError
from rulecap.audit.keys import UnusableKey
from rulecap.audit.ledger import Asked
from rulecap.audit.log import Head
from rulecap.audit.timeline import Last
from rulecap.audit.unlogged import Unlogged, unlogged
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem
from rulecap.service.failing import place_of
from rulecap.service.wire import (
    HEAD,
    KEY,
    Answers,
    Opening,
    Questions,
    Sender,
    decision_of,
    length_of,
    packed,
    receive,
    send,
    unpacked,
)

# No transaction takes so long: a database has its own, shorter patience.
LONGEST_ANSWER = 30.0
LONGEST_START = 60.0
# The very modules that run here, from wherever they were found.
START = "import sys; sys.path[:] = sys.argv[2:]; from rulecap.service import scribe; scribe.run(int(sys.argv[1]))"
log = logging.getLogger("rulecap.service")


class Lost(Exception):
    """The process has ended, or gives no answer."""


class Scribe:
    """One process, and the socket that it answers on.

    Attributes:
        head: the log's head when the process opened it.
    """

    def __init__(self, opening: Opening, digest: str) -> None:
        """Start it, and wait until its log is open; `digest` is that of the opening's policy.

        Raises:
            LogError, UnusableKey: the log cannot be opened.
            Lost: the process ended before.
        """
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._asked: deque[asyncio.Future[Answers]] = deque()
        self.sender = Sender(digest)
        try:
            self._socket, self._process = started()
        except OSError as error:
            raise Lost(f"the log's process cannot be started: {error.strerror}") from error
        try:
            self.head = self._opened(opening)
        except BaseException:
            self.kill()
            raise

    def _opened(self, opening: Opening) -> Head:
        self._socket.settimeout(LONGEST_START)
        try:
            send(self._socket, opening)
            answer = receive(self._socket)
        except (OSError, EOFError) as error:
            raise Lost("the log's process did not come up") from error
        if isinstance(answer, Head):
            return answer
        kind, *told = answer
        raise UnusableKey(*told) if kind == KEY else LogError(*told)

    @property
    def listens(self) -> bool:
        """Whether it is heard."""
        return self._listening is not None

    async def listen(self) -> None:
        """Hear what it answers, from now on."""
        reader, self._writer = await asyncio.open_connection(sock=self._socket)
        self._listening = asyncio.create_task(self._hear(reader))
        self._listening.add_done_callback(self._lose)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        """Hand out answers, until there are no more."""
        with suppress(OSError, EOFError):
            while True:
                text = await reader.readexactly(length_of(await reader.readexactly(HEAD)))
                answers: Answers = unpacked(text)
                answer = self._asked.popleft()  # not before: whoever waits is told of an answer that makes no sense
                if not answer.done():
                    answer.set_result(answers)

    def _lose(self, listening: "asyncio.Task[None]") -> None:
        """Tell all who wait that there will be no answer, whatever the reason."""
        failure = None if listening.cancelled() else listening.exception()
        told = f": {type(failure).__name__}" if failure else ""  # its text may have figures in it
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(Lost(f"the log's process has ended{told}"))

    async def ask(self, questions: Questions) -> Answers:
        """Return what the process answers; several may ask at once, and are answered in their order.

        Raises:
            Lost: it does not answer.
        """
        assert self._writer is not None, "it listens first"
        assert self._listening is not None, "it listens first"
        text = packed(questions)
        if self._listening.done() or self._writer.is_closing():  # the one is known a moment after the other
            raise Lost("the log's process has ended")
        answer: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._writer.write(text)
        try:
            async with asyncio.timeout(LONGEST_ANSWER):
                return await answer
        except TimeoutError as error:
            raise Lost(f"the log's process gave no answer within {LONGEST_ANSWER:g} s") from error

    def kill(self) -> None:
        """End it at once; its end is not waited for here, because one that waits for a disk may take long to end."""
        self._process.kill()
        threading.Thread(target=self._process.wait, daemon=True).start()
        self._socket.close()

    async def end(self, seconds: float) -> None:
        """Have it finish what it is doing, for some seconds at the longest."""
        self._let_go()
        try:
            await asyncio.to_thread(self._process.wait, seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def give_up(self) -> None:
        """End it at once, while it is asked something."""
        self._let_go()
        self.kill()

    def _let_go(self) -> None:
        """Hear and say nothing more."""
        if self._writer is not None:
            self._writer.transport.abort()
        if self._listening is not None:
            self._listening.cancel()
        self._socket.close()


def started() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Return a process that begins, and the socket that it is asked on.

    Raises:
        OSError: the system has no room for it.
    """
    ours, other = socket.socketpair()
    with other:
        command = [sys.executable, "-P", "-c", START, str(other.fileno()), *sys.path]
        try:
            return ours, subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()])
        except BaseException:
            ours.close()
            raise


class LedgerApart:
    """Asks a ledger in another process.

    Attributes:
        head: the log's head as it was last written there.
        failure: why the last writing failed, none where it did not.
    """

    shifts = 2

    def __init__(self, url: str, policy: Policy) -> None:
        """Open a log; it is begun where there is none yet.

        Args:
            url: as `open_ledger` takes it.
            policy: what will be asked, so that it is loaded there before it is.

        Raises:
            LogError, UnusableKey: as `open_ledger`.
        """
        self._url, self._unlogged, self._starting = url, Unlogged(), asyncio.Lock()
        self.failure: LogError | None = None
        try:
            self._scribe: Scribe | None = Scribe(
                Opening(url, create=True, since=None, files=policy.files), policy.digest
            )
        except Lost as error:
            raise LogError("log-failed", str(error)) from error
        self.head = self._scribe.head

    async def answer(self, asked: Sequence[Asked]) -> list[Decision]:
        """Return decisions in the order asked for, once all of them are on record; as `Ledger.evaluate_all`."""
        found = await self._tried(asked, asked[0].policy)
        return [self.unrecorded(one, unlogged(found)) for one in asked] if isinstance(found, LogError) else found

    async def probe(self, policy: Policy) -> None:
        """Find out, while nobody asks, whether the log can still be written to; as `Ledger.probe`."""
        if self.failure is None:
            await self._tried([], policy)

    async def _tried(self, asked: Sequence[Asked], policy: Policy) -> list[Decision] | LogError:
        """Return what the process answers, if need be another one; `failure` is then why none does."""
        try:
            try:
                return await self._ask(asked, policy)
            except Lost as error:
                log.error("%s; another one goes on", error, extra={"code": "log-process"})
                return await self._ask(asked, policy)
        except Lost as error:
            self.failure = LogError("log-failed", str(error))
        except UnusableKey as error:
            self.failure = LogError("signing-key", str(error))
        except LogError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, reductions are answered
            log.error("%s", place_of(error), extra={"code": "internal"})
            self.failure = LogError("log-failed", f"the log's process cannot be asked: {type(error).__name__}")
        return self.failure

    def recall(self, account: str, policy: str, last: Last | None) -> None:
        """Take a memory for the latest where none is known yet; as `Ledger.recall`."""
        self._unlogged.recall((account, policy), last)

    def unrecorded(self, asked: Asked, problem: Problem, unknown: frozenset[str] = frozenset()) -> Decision:
        """Answer without a record; as `Ledger.unrecorded`."""
        return self._unlogged.answer(asked.policy, input_of(asked.snapshot), asked.decision, problem, unknown)

    async def _ask(self, asked: Sequence[Asked], policy: Policy) -> list[Decision]:
        scribe = await self._running(policy)
        try:
            answers = await scribe.ask(scribe.sender.questions(asked))
        except BaseException:
            if self._scribe is scribe:  # else another question has seen to it
                self._scribe = None
                scribe.give_up()
            raise
        self.head = answers.head
        self.failure = None if answers.failure is None else LogError(*answers.failure)
        for key, last in answers.memories.items():
            self._unlogged.note(key, last)
        return [decision_of(*one) for one in zip(asked, answers.told, strict=True)]

    async def _running(self, policy: Policy) -> Scribe:
        """Return the process; start another one, that goes on where the last one was, where it has ended.

        Raises:
            LogError, UnusableKey, Lost: the log cannot be opened.
        """
        async with self._starting:
            if self._scribe is None:
                opening = Opening(self._url, create=False, since=self.head, files=policy.files)
                self._scribe = await asyncio.to_thread(Scribe, opening, policy.digest)
            if not self._scribe.listens:
                await self._scribe.listen()
            return self._scribe

    async def close(self) -> None:
        """Let go of the log, once what is being written is durable."""
        if self._scribe is not None:
            await self._scribe.end(LONGEST_ANSWER)
            self._scribe = None
