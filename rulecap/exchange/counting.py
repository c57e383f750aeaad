"""Deposits and withdrawals counted on, reading by reading; none of them keeps an account waiting for long."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rulecap.exchange.errors import VenueError
from rulecap.exchange.flows import Deposits

if TYPE_CHECKING:
    from rulecap.exchange.exchange import Exchange


@dataclass(slots=True)
class Reading:
    """A reading of the ledger that was begun: from what was known, and the task of it."""

    before: Deposits
    task: asyncio.Task[Deposits | None]


class Counting:
    """Counts what is paid into an account and out of it.

    Attributes:
        known: what is known by now; whoever sets it has what was begun before taken for nothing.
        late: whether money that moved before the last whole reading came only with this one.
    """

    def __init__(self, exchange: "Exchange", known: Deposits) -> None:
        """Ask an exchange's ledger; unless it is said otherwise, nothing was counted before the first reading."""
        self._exchange, self.known, self._unread = exchange, known, known
        self._reading: Reading | None = None
        self._one_at_a_time = asyncio.Lock()
        self._come_late = self.late = False

    async def on(self, until: datetime, deadline: float) -> VenueError | None:
        """Count what moved until the account was read; return why that is not known.

        A reading that takes longer goes on beside the next readings of the account, and is taken up by one of them.
        Several may ask at once: each goes on when all is counted until its own moment, and reads `known` before it
        waits for anything else, or more may be counted by then.

        Args:
            until: when reading the account began.
            deadline: how long it is waited for, by the loop's clock.
        """
        if self.known is self._unread:  # begun by the venue's clock, as the ledger's times are the venue's
            self.known = Deposits.beginning(until)
        try:
            async with asyncio.timeout_at(deadline), self._one_at_a_time:
                if self._reading is not None:
                    await self._taken_up(self._reading)
                counted = False
                while not counted:
                    self._reading = self._begun(until)
                    counted = await self._taken_up(self._reading)
        except TimeoutError:
            return VenueError("venue-timeout", "the ledger is not read in time")
        except VenueError as error:
            return error
        self.late, self._come_late = self._come_late, False
        return None

    def _begun(self, until: datetime) -> Reading:
        task = asyncio.ensure_future(self._exchange.deposits(self.known, until))
        # Where nobody takes it up any more, its failure is nobody's.
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return Reading(self.known, task)

    async def _taken_up(self, reading: Reading) -> bool:
        """Wait for a reading, and count what it tells; return whether nothing else was said to be known since."""
        try:
            found = await asyncio.shield(reading.task)
        finally:
            if reading.task.done():
                self._reading = None
        if reading.before is not self.known:
            return False
        if found is not None:
            self.known, self._come_late = found, self._come_late or found.late
        return True

    def close(self) -> None:
        """Give up what is being read."""
        if self._reading is not None:
            self._reading.task.cancel()
