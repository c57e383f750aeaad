"""The ledger: what a bot calls in place of `policy.evaluate`, so that each decision is on record before it is used."""

import os
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from types import TracebackType
from typing import NamedTuple

from rulecap.audit.asked import LONGEST_NAME, input_of, nameable
from rulecap.audit.database import Database
from rulecap.audit.errors import LogError
from rulecap.audit.group import Group
from rulecap.audit.log import Head
from rulecap.audit.note import Signer
from rulecap.audit.record import Request
from rulecap.audit.snapshot_json import SnapshotJson
from rulecap.audit.timeline import Last
from rulecap.audit.unlogged import Unlogged, unlogged
from rulecap.audit.writer import Clock, Question, Writer
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem, shown, text_of

LONGEST_KEY = 255
A_KEY = f"an idempotency key is a printable text of 1 to {LONGEST_KEY} characters"
A_CALLER = f"who asks is named by a printable text of 1 to {LONGEST_NAME} characters"
A_REQUEST = "what was asked under an idempotency key is handed in as bytes"
# A caller may wait for one transaction of another caller's before its own, each bounded by the database's patience.
WAITS = 3.0


def _no_policy(given: object) -> str:
    said = f"a ledger is asked by a Policy and then a snapshot, not by a {type(given).__name__}"
    return f"{said}: rulecap.load_policy({given[:80]!r}) gives one" if isinstance(given, str) else said


class Asked(NamedTuple):
    """What `Ledger.evaluate` is asked; it says what each is."""

    policy: Policy
    snapshot: object
    decision: str = "position"
    idempotency_key: str | None = None
    request: bytes | None = None
    asked_by: str | None = None


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
        since: Head | None = None,
    ) -> None:
        """Write over a connection, and over new ones after failures; go on from a head where one is known.

        Raises:
            LogError: the log's head does not agree with its records.
        """
        self._reconnect, self._signer, self._clock = reconnect, signer, clock
        self._writing = threading.Lock()
        self._group = Group(self._answer, WAITS * patience)
        self._unlogged, self._written = Unlogged(), SnapshotJson()
        self._process, self._closed = os.getpid(), False
        self.failure: LogError | None = None
        self._database = database
        self._writer: Writer | None = Writer(database, signer, clock, since)
        self.head: Head = self._writer.head

    def evaluate(
        self,
        policy: Policy,
        snapshot: object,
        decision: str = "position",
        idempotency_key: str | None = None,
        request: bytes | None = None,
        asked_by: str | None = None,
    ) -> Decision:
        """Return a decision once it is on record, durably; never raises for data or for a log that fails.

        Args:
            policy: what decides.
            snapshot: a Snapshot, a dict that follows JSON's rules, or JSON as text or bytes.
            decision: which question is asked.
            idempotency_key: within 24 hours, the same key of the same account and decision gets the first answer again.
            request: what was asked under the key, where that is something else than the snapshot.
            asked_by: who asks, a short name for the record alone: no answer depends on it. Under a key that was used
                before, the first answer's record goes on to say who asked first.

        Returns:
            The decision, with `record_id`. The memory is the log's. Where it could not be recorded, `record_id` is none
            and a problem `unlogged` says why; the outputs are then the decision's `on_error`, but for a reduction,
            which is answered all the same.

        Raises:
            TypeError: what is to decide is no policy.
        """
        if not isinstance(policy, Policy):
            raise TypeError(_no_policy(policy))
        question = _question(Asked(policy, snapshot, decision, idempotency_key, request, asked_by), self._written)
        if isinstance(question, Decision):
            return question
        if self._is_foreign(question):
            return self._not_recorded(question)
        if not self._group.ask(question) and question.failure is None:
            question.failure = LogError("log-locked", "another caller's writing did not come to its end")
        return question.answer or self._not_recorded(question)

    def evaluate_all(self, asked: Sequence[Asked]) -> list[Decision]:
        """Return decisions in the order asked for, once all of them are on record, durable together.

        What `evaluate` says of one holds for each; where the log fails, it fails for all of them.
        """
        questions = [_question(one, self._written) for one in asked]
        self._answer([one for one in questions if isinstance(one, Question) and not self._is_foreign(one)])
        return [one if isinstance(one, Decision) else one.answer or self._not_recorded(one) for one in questions]

    def _not_recorded(self, question: Question) -> Decision:
        problem = unlogged(question.failure or LogError("log-failed", "the log gave no answer"))
        return self._unlogged.answer(question.policy, question.given, question.decision, problem)

    def _is_foreign(self, question: Question) -> bool:
        """Return whether a fork asks, whose locks and connection are copies of another process's; then it fails."""
        if os.getpid() == self._process:
            return False
        question.failure = LogError("log-failed", "the ledger was opened in another process; open it after forking")
        return True

    def _answer(self, questions: list[Question]) -> None:
        """Answer questions in one transaction."""
        with self._writing:
            self._write(questions)

    def _write(self, questions: list[Question]) -> None:
        """Answer questions together; where one of them may be what fails, each alone, so that only that one does."""
        failure = self._attempt(questions)
        if failure is None or failure.code != "log-failed" or len(questions) == 1:
            return
        failures = []
        for number, question in enumerate(questions, 1):
            failure = self._attempt([question])
            failures.append(failure)
            if failure is not None and failure.code != "log-failed":  # it is the log, which each would wait for
                self._fail(questions[number:], failure)
                return
        if None in failures:
            self.failure = None

    def _attempt(self, questions: list[Question]) -> LogError | None:
        """Answer questions in one transaction; return why none was answered."""
        try:
            # Put back only when it has come through: what it remembers may be of a transaction that is undone.
            writer, self._writer = self._usable(), None
            writer.answer(questions)
        except LogError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, nobody is answered as if it were on record
            failure = LogError("log-failed", f"{type(error).__name__}: {error}"[:200])
        except BaseException as error:
            self._fail(questions, LogError("log-failed", f"the writing was interrupted: {type(error).__name__}"))
            raise
        else:
            self._writer, self.failure, self.head = writer, None, writer.head
            for question in questions:
                key = (question.given.account, question.policy.name)
                self._unlogged.note(key, writer.last(*key))
            return None
        self._fail(questions, failure)
        return failure

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
        if self._writer is None:
            self._database.close()  # which an interrupted failure may have left open, in a transaction
            self._database = self._reconnect()
            self._writer = Writer(self._database, self._signer, self._clock, since=self.head)
        return self._writer

    def probe(self) -> None:
        """Find out, while nobody asks, whether the log can still be written to; `failure` then says why it cannot.

        As far as that shows without a writing. A failure that is known ends with the next record alone.
        """
        if os.getpid() != self._process:
            return
        with self._writing:
            if self._closed or self._writer is None:
                return
            try:
                self._database.probe()
            except LogError:  # what ends a connection does not keep another one from being made
                self._writer = None
                self.failure = self._failed_again()

    def _failed_again(self) -> LogError | None:
        """Return why the log cannot be opened anew; none where it can."""
        try:
            self._usable()
        except LogError as error:
            return error
        except Exception as error:  # noqa: BLE001  # as for a question
            return LogError("log-failed", f"{type(error).__name__}: {error}"[:200])
        return None

    def last(self, account: str, policy: str) -> Last | None:
        """Return the latest memory of an account under a policy, as far as it was used here."""
        return self._unlogged.known((account, policy))

    def recall(self, account: str, policy: str, last: Last | None) -> None:
        """Take a memory that was read from the log for the latest where none was used here yet."""
        self._unlogged.recall((account, policy), last)

    def unrecorded(self, asked: Asked, problem: Problem, unknown: frozenset[str] = frozenset()) -> Decision:
        """Answer without a record what is not known well enough for one: a reduction all the same, else `on_error`.

        Args:
            asked: as for `evaluate`; its key is left out of account.
            problem: why it is not recorded; a warning of the decision where it is about reductions.
            unknown: paths of the snapshot that are not to be relied on; as for `Policy.partially`.
        """
        question = _question(asked._replace(idempotency_key=None), self._written)
        if isinstance(question, Decision):
            return question
        return self._unlogged.answer(question.policy, question.given, question.decision, problem, unknown)

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
        """Let go of the log, once what is being written is durable; a forked process leaves it to its parent."""
        if os.getpid() != self._process:
            return
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


def _question(asked: Asked, written: SnapshotJson) -> Question | Decision:
    """Return the question, or the refusal where its key or the name of who asks cannot be used."""
    given, request, decision = input_of(asked.snapshot, written), None, text_of(asked.decision)
    if decision not in asked.policy.decisions:
        decision = nameable(shown(asked.decision))
    asked_by = None if asked.asked_by is None else _printable(asked.asked_by, LONGEST_NAME)
    if asked_by is None and asked.asked_by is not None:
        return asked.policy.refused(decision, Problem("bad-caller", A_CALLER))
    if asked.idempotency_key is not None:
        key = _printable(asked.idempotency_key, LONGEST_KEY)
        if key is None:
            return asked.policy.refused(decision, Problem("bad-idempotency-key", A_KEY))
        if asked.request is not None and not issubclass(type(asked.request), bytes | bytearray):
            return asked.policy.refused(decision, Problem("bad-request", A_REQUEST, hint="encode a text"))
        digest = given.digest if asked.request is None else sha256(asked.request).hexdigest()
        request = Request(key, digest)
    return Question(asked.policy, given, decision, request, asked_by)


def _printable(value: object, longest: int) -> str | None:
    """Return what may stand in a record as a name, none where it may not."""
    text = text_of(value)
    return text if text is not None and 0 < len(text) <= longest and text.isprintable() else None
