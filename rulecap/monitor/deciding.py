"""Deciding: each decision that the policy has watched is asked about a snapshot, and on record before it is used."""

import logging
from collections.abc import Callable
from datetime import datetime

from rulecap.audit import LogError, UnusableKey, open_ledger
from rulecap.audit.asked import input_of
from rulecap.audit.last import last_deposits, last_memory
from rulecap.audit.ledger import Asked, Ledger
from rulecap.audit.unlogged import Unlogged
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem
from rulecap.service.keys import MONITOR
from rulecap.service.sources import WHOLE, Lacking
from rulecap.snapshot import Snapshot

logger = logging.getLogger("rulecap.monitor")
# With these nobody could ever write the log: the monitor does not start.
HOPELESS = frozenset({"bad-log-address", "not-a-log", "signing-key"})


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
            known = last_deposits(self._log, self._account)
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

    def decide(self, policy: Policy, snapshot: Snapshot, lacking: Lacking = WHOLE) -> list[Decision]:
        """Return the watched decisions, on record; where that fails, reductions are answered and the others refused.

        Args:
            policy: what decides.
            snapshot: the account.
            lacking: what of the account the snapshot lacks. What is decided then goes on no record, where it would be
                taken for the whole, and counted on from; and reductions alone are answered.
        """
        if lacking == WHOLE and self._ledger is not None:
            decided = self._ledger.evaluate_all(
                [Asked(policy, snapshot, name, asked_by=MONITOR) for name in policy.watched]
            )
            self.failure = self._ledger.failure
            return decided
        self._recall(policy)
        why = lacking.why
        problem = why.problem() if why else Problem("unlogged", f"this is not on record: {self.failure}")
        return [self._unrecorded(policy, snapshot, name, problem, lacking.unknown) for name in policy.watched]

    def _recall(self, policy: Policy) -> None:
        """Tell a ledger that was asked nothing yet what was remembered: by that, what is not recorded is decided."""
        if self._ledger is None or self._ledger.last(self._account, policy.name) is not None:
            return
        try:
            last = last_memory(self._log, self._account, policy.name)
        except LogError as error:  # reductions are decided all the same
            logger.warning("what was remembered cannot be read: %s", error, extra={"code": error.code})
        else:
            self._ledger.recall(self._account, policy.name, last)

    def _unrecorded(
        self, policy: Policy, snapshot: Snapshot, name: str, problem: Problem, unknown: frozenset[str]
    ) -> Decision:
        if self._ledger is None:
            return Unlogged().answer(policy, input_of(snapshot), name, problem, unknown)
        return self._ledger.unrecorded(Asked(policy, snapshot, name), problem, unknown)

    def close(self) -> None:
        """Let go of the log."""
        if self._ledger is not None:
            self._ledger.close()
