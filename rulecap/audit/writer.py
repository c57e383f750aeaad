"""Writing: questions are answered and recorded in one transaction, with the tree's head and the next memories.

As long as nobody else writes, all is known that a question needs: it is answered first, and its record is then written
where the log's head is still the one that is known. Where it is not, or where others were seen to write, the log is
locked first, and read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rulecap.audit.asked import Input
from rulecap.audit.carry import check_empty
from rulecap.audit.clock import microseconds
from rulecap.audit.database import Database, Statement
from rulecap.audit.errors import LogError
from rulecap.audit.log import Head, begin_at_head, node_reader, read_head
from rulecap.audit.merkle import Peaks, leaf_hash, node_count, peaks_at, root_at
from rulecap.audit.note import Signer
from rulecap.audit.pending import MustBegin, Pending
from rulecap.audit.record import Asking, Place, Record, Request, bare_body, body_of
from rulecap.audit.replay import recorded_decision
from rulecap.audit.spot import spot_check
from rulecap.audit.tables import KINDS, NODES, POLICIES, RECORDS, REQUESTS
from rulecap.audit.timeline import Last, Timeline
from rulecap.audit.witness import admit, head_note
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.language.values import iso
from rulecap.plural import how_many
from rulecap.problems import Problem

NOBODY = ("", "", "", "", "")
SWAP = "UPDATE log SET size = ?, root = ?, note = ? WHERE id = ? AND size = ? AND root = ? AND note = ?"
REQUESTS_LIVE = timedelta(hours=24)
Clock = Callable[[], datetime]


@dataclass(slots=True)
class Question:
    """One evaluation that is asked for; `answer` is set once it is durable, `failure` where it could not be."""

    policy: Policy
    given: Input
    decision: str
    request: Request | None = None
    asked_by: str | None = None
    answer: Decision | None = None
    failure: LogError | None = None


@dataclass(slots=True)
class Work:
    """What a transaction has done so far."""

    peaks: Peaks
    head: Head
    written: list[tuple[Question, Decision]] = field(default_factory=list)


class Writer:
    """The writing end of a log over one connection; not for two threads at once."""

    def __init__(self, database: Database, signer: Signer | None, clock: Clock, since: Head | None = None) -> None:
        """Take over a connection to a log.

        Args:
            database: the connection.
            signer: what signs the head.
            clock: tells when a record is written.
            since: the head as this process knew it, which the log has to continue.

        Raises:
            LogError: it holds no log, or one whose head does not agree with its tree or with what was known of it.
        """
        self._database, self._signer, self._clock = database, signer, clock
        self._pending = Pending(database)
        self._timeline = Timeline(self._pending)
        self._kinds: dict[tuple[str, str, str, str, str], int] = {}
        self._policies: set[str] = set()
        self._peaks = Peaks()
        head = read_head(database)
        self.head, self._alone = since or head, False
        self._sync(head)
        spot_check(database, head.size)

    def answer(self, questions: Sequence[Question]) -> None:
        """Answer questions in their order, all durable together.

        Raises:
            LogError: nothing was written, and no question has an answer.
        """
        try:
            alone = self._alone and not any(question.request for question in questions[1:])
            # A key is looked up behind the records of the questions before it, which needs the transaction anyway.
            work = self._appended(questions) if alone else None
            work = work or self._locked(questions)
        except BaseException:
            self._abandon()
            raise
        self._peaks, self.head = work.peaks, work.head
        for question, decision in work.written:
            question.answer = decision

    def _appended(self, questions: Sequence[Question]) -> Work | None:
        """Answer questions from what is known, and write that; none where what is known does not do."""
        self._pending.restart(begun=False)
        work = Work(self._peaks, self.head)
        try:
            for question in questions:
                self._one(question, work)
        except MustBegin:
            pass
        except LogError as error:
            if error.code != "log-unreachable":  # as a server leaves a connection that idled for longer than it likes
                raise
        else:
            swap = self._close(work)
            if swap is not None and self._database.append(swap, self._pending.batch):
                return work
        self._forget()
        return None

    def _locked(self, questions: Sequence[Question]) -> Work:
        """Answer questions while nobody else can write."""
        work = self._begin()
        for question in questions:
            self._one(question, work)
        self._commit(work)
        return work

    def _begin(self) -> Work:
        """Lock the log, and take it up where others have left it."""
        touched, head = begin_at_head(self._database)
        self._alone = head == self.head
        if not self._alone:
            self._sync(head)
        if touched:
            spot_check(self._database, head.size)
        self._pending.restart(begun=True)
        return Work(self._peaks, head)

    def _commit(self, work: Work) -> None:
        self._pending.flush()
        swap = self._close(work)
        if swap is not None:
            self._database.swap(swap)
        self._database.commit()

    def last(self, account: str, policy: str) -> Last | None:
        """Return the last advance of an account's memory, as far as this writer knows it."""
        return self._timeline.last(account, policy)

    def begin_with(self, snapshot: bytes) -> None:
        """Write the first record of a log that follows another one.

        Raises:
            LogError: the log has records already, or cannot be written.
        """
        try:
            work = self._begin()
            check_empty(work.head, self._database.where)
            moment = self._clock()
            place = Place(1, work.head.id, iso(moment))
            self._append(work, bare_body(place, snapshot), self._known_kind(NOBODY), moment)
            self._commit(work)
        except BaseException:
            self._abandon()
            raise
        self._peaks, self.head = work.peaks, work.head

    def _abandon(self) -> None:
        """Undo what was begun; this writer is not used again."""
        try:
            self._database.rollback()
        except LogError:  # the failure that led here is the one to report
            return

    def _sync(self, head: Head) -> None:
        """Take up the log where others have left it; refuse one that is not a continuation of what was written here."""
        admit(head, self._signer)
        self._forget()
        node_at = node_reader(self._database)
        peaks = peaks_at(node_at, head.size)
        if peaks.root != head.root:
            raise LogError(
                "log-corrupt",
                f"{self._database.where}: the head of {how_many(head.size, 'record')} is not that of its tree",
            )
        if head.id != self.head.id or head.size < self.head.size:
            raise LogError(
                "log-replaced", f"{self._database.where} is not the log that was written here: it was cut or swapped"
            )
        if root_at(node_at, self.head.size) != self.head.root:
            raise LogError("log-corrupt", f"{self._database.where} was rewritten since this process wrote there")
        self._peaks, self.head = peaks, head

    def _forget(self) -> None:
        """Drop what is kept of the log: somebody else has written, or what was written is undone."""
        self._timeline.forget()
        self._kinds.clear()
        self._policies.clear()

    def _one(self, question: Question, work: Work) -> None:
        earlier = self._earlier(question) if question.request else None
        if earlier is not None:
            work.written.append((question, earlier))
            return
        policy, given = question.policy, question.given
        memory = self._timeline.memory(given.account, policy, given.as_of)
        decision = policy.evaluate(given.given, question.decision, memory)
        moment = self._clock()
        place = Place(work.peaks.size + 1, self.head.id, iso(moment))
        body = body_of(place, policy, given, memory, decision, Asking(question.asked_by, question.request))
        self._keep(policy)
        self._append(work, body, self._kind(policy, given, decision), moment)
        as_of = given.as_of
        if decision.advanced and as_of is not None and self._timeline.advances(given.account, policy.name, as_of):
            # Copied, because what a decision holds belongs to the caller.
            self._timeline.advance(given.account, policy.name, as_of, dict(decision.memory), place.seq)
        if question.request:
            self._pending.insert(REQUESTS, (given.account, decision.decision, question.request.key, place.seq))
        decision.record_id = place.id
        work.written.append((question, decision))

    def _append(self, work: Work, body: bytes, kind: int, moment: datetime) -> None:
        position = node_count(work.peaks.size)
        work.peaks, nodes = work.peaks.append(leaf_hash(body))
        self._pending.insert(RECORDS, (work.peaks.size, microseconds(moment), kind, body))
        self._pending.insert(NODES, *enumerate(nodes, position))

    def _close(self, work: Work) -> Statement | None:
        """Return what puts the head that follows into the place of the one before; none where both are the same."""
        before, size = work.head, work.peaks.size
        if size == before.size:
            return None
        root = work.peaks.root
        work.head = Head(before.id, size, root, head_note(before.id, size, root, self._signer))
        return SWAP, (size, root, work.head.note, *before)

    def _keep(self, policy: Policy) -> None:
        """Keep a policy's files, once for each digest."""
        if policy.digest in self._policies:
            return
        rows = [(policy.digest, name, content) for name, content in sorted(policy.files.items())]
        self._pending.insert(POLICIES, *rows)
        self._policies.add(policy.digest)

    def _kind(self, policy: Policy, given: Input, decision: Decision) -> int:
        verdict = policy.verdict_of(decision) or ""
        about = (given.account, decision.decision, verdict, policy.name, policy.digest)
        if about not in self._kinds:
            self._kinds[about] = self._known_kind(about)
        return self._kinds[about]

    def _known_kind(self, about: tuple[str, str, str, str, str]) -> int:
        columns = "account = ? AND decision = ? AND verdict = ? AND policy = ? AND digest = ?"
        rows = self._pending.run(f"SELECT id FROM kinds WHERE {columns}", about)
        if rows:
            return int(rows[0][0])
        number = int(self._pending.run("SELECT COALESCE(MAX(id), 0) + 1 FROM kinds")[0][0])
        self._pending.insert(KINDS, (number, *about))
        return number

    def _earlier(self, question: Question) -> Decision | None:
        """Return the first answer under a question's key while it lives; a refusal where it was another question."""
        assert question.request is not None  # asked for only then
        rows = self._pending.run(
            "SELECT records.seq, body FROM requests JOIN records ON records.seq = requests.seq"
            " WHERE account = ? AND decision = ? AND name = ?",
            (question.given.account, question.decision, question.request.key),
        )
        if not rows:
            return None
        record = Record(rows[0][0], bytes(rows[0][1]))
        if self._clock() - datetime.fromisoformat(record.fields["time"]) >= REQUESTS_LIVE:
            return None
        if record.fields["request"]["digest"] != question.request.digest:
            known = f"the key {question.request.key} was used for another request, on record as {record.fields['id']}"
            problem = Problem("idempotency-conflict", known, hint="a new request needs a new key")
            return question.policy.refused(question.decision, problem)
        return recorded_decision(record, question.policy)
