"""The desk: what is asked of the account is answered here, by the policy in force, the shared view and the log."""

import asyncio
from typing import Any, NamedTuple

from rulecap.audit.ledger import Asked
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem, did_you_mean, shown
from rulecap.service.answers import answer, recorded_answer
from rulecap.service.in_force import PolicyInForce
from rulecap.service.keys import SERVE
from rulecap.service.problems import Refused
from rulecap.service.reading import Reader
from rulecap.service.recorder import Recorder
from rulecap.service.sources import AccountPart, SourceError, UnknownSymbol
from rulecap.service.view import SharedView
from rulecap.snapshot import Signal, Snapshot

NO_ACCOUNT = (
    "no account is configured, so this service only answers what-if questions at /api/evaluate/{decision};"
    " start it with --demo, or name an exchange in the settings"
)


# Why a market is not decided on that is there: asking again mends none of these. Of an account they may be mended.
ANOTHER_KIND = frozenset({"inverse-contract", "not-the-quote-currency", "not-supported"})


class Asker(NamedTuple):
    """Who asks: the name that goes on record, an idempotency key, and what is asked under it."""

    name: str | None = None
    key: str | None = None
    request: bytes | None = None


class Desk:
    """Answers what is asked about one account."""

    def __init__(
        self,
        in_force: PolicyInForce,
        view: SharedView,
        recorder: Recorder,
        reader: Reader,
        oldest_seconds: float,
    ) -> None:
        """Take what answers need; `oldest_seconds` is the age of the view beyond which only reductions are answered."""
        self._in_force, self.view, self._recorder, self._reader = in_force, view, recorder, reader
        self._oldest = oldest_seconds
        self._kept: dict[tuple[str, str], asyncio.Task[tuple[Decision, Snapshot]]] = {}
        self._kept_for: AccountPart | None = None

    def knows(self, decision: str) -> bool:
        """Return whether the policy in force has a decision."""
        return decision in self._in_force.policy.decisions

    async def about_account(self, decision: str, asked_by: str | None = None) -> dict[str, Any]:
        """Return the answer to a question about the account alone; asked and recorded once for each reading of it.

        Whoever asks first is on record as who asked.

        Raises:
            Refused: there is no answer, and why.
        """
        policy = known(self._in_force.policy, decision)
        snapshot = await self.snapshot()
        decided, asked = await self._once(policy, decision, snapshot, asked_by)
        return answer(policy, decided, asked, snapshot.age_seconds)

    async def _once(
        self, policy: Policy, decision: str, snapshot: Snapshot, asked_by: str | None
    ) -> tuple[Decision, Snapshot]:
        asked = Asked(policy, snapshot, decision, asked_by=asked_by)
        if self._kept_for is not self.view.account:
            self._kept, self._kept_for = {}, self.view.account
        if self._is_too_old(snapshot):
            return await self._asked(asked, snapshot, self.view.account)
        name = (decision, policy.digest)
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = asyncio.create_task(self._asked(asked, snapshot, self.view.account))
            kept.add_done_callback(lambda done: self._drop_failed(name, done))
        return await asyncio.shield(kept)

    async def _asked(self, asked: Asked, snapshot: Snapshot, account: AccountPart | None) -> tuple[Decision, Snapshot]:
        return await self._decide(asked, snapshot, account), snapshot

    def _drop_failed(self, name: tuple[str, str], done: "asyncio.Task[tuple[Decision, Snapshot]]") -> None:
        """Ask again next time where nothing went on record."""
        failed = done.cancelled() or done.exception() is not None or done.result()[0].record_id is None
        if failed and self._kept.get(name) is done:
            del self._kept[name]

    async def snapshot(self, signal: Signal | None = None) -> Snapshot:
        """Return the account as it was last read, with a signal where one is given.

        Raises:
            Refused: it was never read.
        """
        snapshot, _ = await self._composed(None, signal)
        return snapshot

    async def _composed(self, symbol: str | None, signal: Signal | None) -> tuple[Snapshot, SourceError | None]:
        try:
            return await self.view.snapshot(symbol, signal)
        except SourceError as error:
            raise refusal(error) from error

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market by any of its names.

        Raises:
            Refused: there is no such market, or the source cannot be asked.
        """
        try:
            return await self.view.symbol(name)
        except SourceError as error:
            if error.code in ANOTHER_KIND:
                raise Refused(422, error.code, str(error)) from error
            raise refusal(error) from error

    async def about_trade(self, decision: str, symbol: str, signal: Signal, asker: Asker) -> dict[str, Any]:
        """Return the answer to a question about a signal in a market.

        Args:
            decision: which question.
            symbol: the market, by the snapshot's symbol.
            signal: what is to be judged.
            asker: who asks.

        Raises:
            Refused: there is no answer, and why.
        """
        snapshot, failure = await self._composed(symbol, signal)
        return await self.about(decision, snapshot, asker, failure)

    async def about(
        self,
        decision: str,
        snapshot: Snapshot,
        asker: Asker,
        failure: SourceError | None = None,
    ) -> dict[str, Any]:
        """Return the answer to a question about a snapshot that was composed from the view.

        Raises:
            Refused: there is no answer, and why.
        """
        policy = known(self._in_force.policy, decision)
        asked = Asked(policy, snapshot, decision, asker.key, asker.request, asker.name)
        decided = await self._decide(asked, snapshot, self.view.account)
        check_key(decided)
        if asker.key is not None and decided.record_id is not None and decided.snapshot is not snapshot:
            record = await self._reader.record(decided.record_id)
            if record is not None and (decided.ok or record.fields["verdict"] is not None):
                return recorded_answer(record)
        if failure is not None and not decided.ok:
            if policy.verdict_of(decided) is None:
                raise refusal(failure)
            decided.problems = (*decided.problems, failure.problem())
        return answer(policy, decided, snapshot, snapshot.age_seconds)

    async def _decide(self, asked: Asked, snapshot: Snapshot, account: AccountPart | None) -> Decision:
        """Return the decision on a snapshot of an account, which the view may have read anew since."""
        if self._is_too_old(snapshot) and not harmless(asked.policy, asked.decision, snapshot):
            return self._recorder.refused(asked, self._too_old(snapshot))
        why = account.lacking.why if account else None
        if account is not None and why is not None:
            problem = why.problem()
            if account.lacking.hides(snapshot):
                return self._recorder.refused(asked, problem)
            return self._recorder.unrecorded(asked, problem, account.lacking.unknown)
        return await self._recorder.ask(asked)

    def _is_too_old(self, snapshot: Snapshot) -> bool:
        return snapshot.age_seconds is None or snapshot.age_seconds > self._oldest

    def _too_old(self, snapshot: Snapshot) -> Problem:
        failure = f": {self.view.failure}" if self.view.failure else ""
        message = f"account and market were read {snapshot.age_seconds:g} s ago, more than {self._oldest:g} s{failure}"
        return Problem("snapshot-too-old", message)

    async def record_watched(self) -> None:
        """Put on record what the policy has watched, so that there is a history, and metrics know the verdicts."""
        for decision in self._in_force.policy.watched:
            try:
                await self.about_account(decision, SERVE)
            except Refused:  # who asks is told the same; /ready and the metrics say it too
                continue


def known(policy: Policy, decision: str) -> Policy:
    """Return the policy, which has the decision.

    Raises:
        Refused: it has not.
    """
    if decision in policy.decisions:
        return policy
    hint = did_you_mean(decision, policy.decisions)
    text = f"the policy {policy.name} has no decision {shown(decision)}: {hint}".removesuffix(": ")
    raise Refused(404, "unknown-decision", text)


def harmless(policy: Policy, decision: str, snapshot: Snapshot) -> bool:
    """Return whether a policy's answer on old figures does no harm: a reduction, or what it answers to no figures."""
    tried = policy.evaluate(snapshot, decision)
    closed = policy.verdict_of(policy.refused(decision, Problem("snapshot-too-old", "")))
    return tried.reduces or (closed is not None and policy.verdict_of(tried) == closed)


def check_key(decided: Decision) -> None:
    """Refuse what an idempotency key cannot be used for.

    Raises:
        Refused: the key belongs to another request, or is none.
    """
    for problem in decided.problems:
        if problem.code in ("idempotency-conflict", "bad-idempotency-key"):
            status = 422 if problem.code == "idempotency-conflict" else 400
            raise Refused(status, problem.code, problem.message, [problem])


def refusal(error: SourceError) -> Refused:
    """Return why a source cannot tell: an unknown market is the caller's mistake."""
    return Refused(404 if isinstance(error, UnknownSymbol) else 503, error.code, str(error))
