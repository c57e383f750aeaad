"""The ledger: what a bot calls in place of `policy.evaluate`, so that each decision is on record before it is used."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Any, NamedTuple

from rulecap.audit.asked import input_of
from rulecap.audit.database import Database
from rulecap.audit.errors import LogError
from rulecap.audit.group import Group
from rulecap.audit.log import Head
from rulecap.audit.note import Signer
from rulecap.audit.record import Request
from rulecap.audit.timeline import MOST_ACCOUNTS
from rulecap.audit.writer import Clock, Question, Writer
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem

LONGEST_KEY = 255
# A caller may wait for one transaction of another caller's before its own, each bounded by the database's patience.
WAITS = 3.0


class Asked(NamedTuple):
    """What `Ledger.evaluate` is asked; it says what each is."""

    policy: Policy
    snapshot: object
    decision: str = "position"
    idempotency_key: str | None = None
    request: bytes | None = None


class Ledger:
    """An open audit log; safe to share between threads. Many callers at once share one commit.

    Attributes:
        head: the log's head as it was last written or seen here.
        failure: why the last writing failed, none where it did not.
    """

    def __init__(
        self,
        database: Database,
        reconnect: Callable[[], Database],
        signer: Signer | None,
        patience: float,
        clock: Clock,
    ) -> None:
        """Write over a connection, and over new ones after failures.

        Raises:
            LogError: the log's head does not agree with its records.
        """
        self._reconnect, self._signer, self._clock = reconnect, signer, clock
        self._writing = threading.Lock()
        self._group = Group(self._answer, WAITS * patience)
        self._memories: dict[tuple[str, str], dict[str, Any]] = {}
        self._process, self._closed = os.getpid(), False
        self.failure: LogError | None = None
        self._database = database
        self._writer: Writer | None = Writer(database, signer, clock)
        self.head: Head = self._writer.head

    def evaluate(
        self,
        policy: Policy,
        snapshot: object,
        decision: str = "position",
        idempotency_key: str | None = None,
        request: bytes | None = None,
    ) -> Decision:
        """Return a decision once it is on record, durably; never raises for data or for a log that fails.

        Args:
            policy: what decides.
            snapshot: a Snapshot, a dict that follows JSON's rules, or JSON as text or bytes.
            decision: which question is asked.
            idempotency_key: within 24 hours, the same key of the same account and decision gets the first answer again.
            request: what was asked under the key, where that is something else than the snapshot.

        Returns:
            The decision, with `record_id`. The memory is the log's. Where it could not be recorded, `record_id` is none
            and a problem `unlogged` says why; the outputs are then the decision's `on_error`, but for a reduction,
            which is answered all the same.
        """
        asked = Asked(policy, snapshot, decision, idempotency_key, request)
        question = _question(asked)
        if isinstance(question, Decision):
            return question
        if not self._group.ask(question) and question.failure is None:
            question.failure = LogError("log-locked", "another caller's writing did not come to its end")
        return question.answer or self._unlogged(question)

    def evaluate_all(self, asked: Sequence[Asked]) -> list[Decision]:
        """Return decisions in the order asked for, once all of them are on record, durable together.

        What `evaluate` says of one holds for each; where the log fails, it fails for all of them.
        """
        questions = [_question(one) for one in asked]
        self._answer([one for one in questions if isinstance(one, Question)])
        return [one if isinstance(one, Decision) else one.answer or self._unlogged(one) for one in questions]

    def _answer(self, questions: list[Question]) -> None:
        """Answer questions in one transaction."""
        with self._writing:
            self._write(questions)

    def _write(self, questions: list[Question]) -> None:
        try:
            writer = self._usable()
            writer.answer(questions)
        except LogError as error:
            self._fail(questions, error)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, nobody is answered as if it were on record
            self._fail(questions, LogError("log-failed", f"{type(error).__name__}: {error}"[:200]))
        else:
            self.failure, self.head = None, writer.head
            self._remember(questions)

    def _fail(self, questions: list[Question], error: LogError) -> None:
        """Refuse the questions, and let go of the connection: the next question tries a new one."""
        self._database.close()
        self._writer, self.failure = None, error
        for question in questions:
            question.failure = error

    def _usable(self) -> Writer:
        """Return the writer, over a new connection where the last one failed."""
        if self._closed:
            raise LogError("log-failed", "the ledger is closed")
        if os.getpid() != self._process:
            raise LogError("log-failed", "the ledger was opened in another process; open it after forking")
        if self._writer is None:
            self._database = self._reconnect()
            self._writer = Writer(self._database, self._signer, self._clock, since=self.head)
        return self._writer

    def _remember(self, questions: list[Question]) -> None:
        """Keep each account's latest memory, for a reduction that must be answered while the log cannot be written."""
        if len(self._memories) > MOST_ACCOUNTS:
            self._memories.clear()
        for question in questions:
            if question.answer is not None and question.answer.advanced:
                self._memories[question.given.account, question.policy.name] = dict(question.answer.memory)

    def _unlogged(self, question: Question) -> Decision:
        """Answer what could not be recorded: a reduction all the same, anything else with its `on_error`."""
        error = question.failure or LogError("log-failed", "the log gave no answer")
        policy, given = question.policy, question.given
        memory = self._memories.get((given.account, policy.name))
        problem = Problem("unlogged", f"this is not on record: {error}", hint="nothing is entered without a record")
        answer = policy.evaluate(given.given, question.decision, memory)
        if not answer.reduces:
            return policy.refused(question.decision, problem, memory)
        answer.problems = (*answer.problems, replace(problem, severity="warning"))
        answer.memory = dict(memory or {})
        return answer

    def begin_with(self, carried: bytes) -> None:
        """Write a log's first record, which carries memories over from another log.

        Raises:
            LogError: the log has records already, or cannot be written.
        """
        with self._writing:
            writer = self._usable()
            writer.begin_with(carried)
            self.head = writer.head

    def close(self) -> None:
        """Let go of the log, once what is being written is durable."""
        with self._writing:
            self._closed = True
            self._database.close()

    def __enter__(self) -> "Ledger":
        """Return the ledger itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let go of the log."""
        self.close()


def now() -> datetime:
    """Return the time of the machine's clock, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # a record says when it was written; no decision sees this


def _question(asked: Asked) -> Question | Decision:
    """Return the question, or the refusal where its key cannot be used."""
    given, request = input_of(asked.snapshot), None
    if asked.idempotency_key is not None:
        problem = _unusable(asked.idempotency_key)
        if problem is not None:
            return asked.policy.refused(asked.decision, problem)
        digest = given.digest if asked.request is None else sha256(asked.request).hexdigest()
        request = Request(asked.idempotency_key, digest)
    return Question(asked.policy, given, asked.decision, request)


def _unusable(key: object) -> Problem | None:
    if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isprintable():
        return None
    return Problem("bad-idempotency-key", f"an idempotency key is a printable text of 1 to {LONGEST_KEY} characters")
