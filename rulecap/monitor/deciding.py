"""Deciding: each decision that the policy has watched is asked about a snapshot, and on record before it is used."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from rulecap.audit import LogError, UnusableKey, open_ledger, open_log
from rulecap.audit.ledger import Asked, Ledger
from rulecap.audit.review.deposits import deposits_on_record
from rulecap.audit.review.selection import looking
from rulecap.audit.why.question import paths_read
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.exchange.errors import VenueError
from rulecap.policy.plan import plan_of
from rulecap.problems import Problem
from rulecap.snapshot import Snapshot

# With these nobody could ever write the log: the monitor does not start.
HOPELESS = frozenset({"bad-log-address", "not-a-log", "signing-key"})
NET_DEPOSITS = "account.net_deposits"


class Office:
    """Asks the ledger. A log that cannot be opened is tried again at each pass; reductions are decided all the same.

    Attributes:
        failure: why the log could not be opened or written the last time, none where it could.
    """

    def __init__(self, log: str, account: str, resume: Callable[[float, datetime], None]) -> None:
        """Take the log's address, and what is told the account's deposits once the log can be read."""
        self._log, self._account, self._resume = log, account, resume
        self._ledger: Ledger | None = None
        self.failure: LogError | UnusableKey | None = None

    def open(self) -> None:
        """Open the log, and have deposits counted on from what it has on record.

        Raises:
            LogError, UnusableKey: it cannot be opened.
        """
        if self._ledger is not None:
            return
        ledger = open_ledger(self._log)
        try:
            with open_log(self._log) as log, looking(log):
                known = deposits_on_record(log, self._account)
        except BaseException:
            ledger.close()
            raise
        if known is not None:
            self._resume(*known)
        self._ledger = ledger

    def ready(self) -> bool:
        """Open the log where it is not open; return whether it is."""
        try:
            self.open()
        except (LogError, UnusableKey) as error:
            self.failure = error
            return False
        return True

    def decide(self, policy: Policy, snapshot: Snapshot, doubt: VenueError | None = None) -> list[Decision]:
        """Return the watched decisions, on record; where that fails, reductions are answered and the others refused.

        Args:
            policy: whose decisions are asked.
            snapshot: the account.
            doubt: why what was paid in or out is not in the snapshot. Nothing goes on record then: what is counted on
                from there would be wrong for ever. What depends on it is refused.
        """
        if doubt is not None:
            problem = Problem("deposits-unknown", f"what was paid in or out cannot be read: {doubt.message}")
            return [_unlogged(policy, snapshot, name, problem, _on_deposits) for name in policy.watched]
        if self._ledger is None:
            problem = Problem("unlogged", f"this is not on record: {self.failure}")
            return [_unlogged(policy, snapshot, name, problem) for name in policy.watched]
        decided = self._ledger.evaluate_all([Asked(policy, snapshot, name) for name in policy.watched])
        self.failure = self._ledger.failure
        return decided

    def close(self) -> None:
        """Let go of the log."""
        if self._ledger is not None:
            self._ledger.close()


def _unlogged(
    policy: Policy,
    snapshot: Snapshot,
    name: str,
    problem: Problem,
    unusable: Callable[[Policy, str], bool] = lambda policy, name: False,
) -> Decision:
    """Return a decision that goes on no record: refused, but for one about reductions that is not unusable."""
    answer = policy.evaluate(snapshot, name)
    if not answer.reduces or any(unusable(policy, one) for one in {name, answer.answered_by}):
        return policy.refused(name, problem)
    answer.problems = (*answer.problems, replace(problem, severity="warning"))
    return answer


def _on_deposits(policy: Policy, name: str) -> bool:
    """Return whether a decision depends on what was paid in or out; what it only remembers goes nowhere."""
    typed = policy.typed
    return NET_DEPOSITS in paths_read(plan_of(typed, typed.decisions[name], advances=False))
