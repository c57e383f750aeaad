"""Where the monitor's snapshots come from: an account at an exchange, or the demo's."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.monitor.clock import Clock
from rulecap.service.counted import Counted, Keeping
from rulecap.service.sources import Lacking, uncounted, unsure, untold
from rulecap.snapshot import Account as AccountFigures
from rulecap.snapshot import Snapshot

if TYPE_CHECKING:
    from rulecap.exchange import AccountView, Exchange
    from rulecap.service.demo import DemoSource

log = logging.getLogger("rulecap.monitor")
# What was counted of deposits, as the journal keeps it: an older rulecap has kept the last sum alone.
Sums = Sequence[Mapping[str, Any]] | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """An account as it was read.

    Attributes:
        snapshot: what is told of it.
        untold: why it has positions that the snapshot lacks, one by one.
        doubt: why what was paid in or out since the last reading is not in the snapshot; none where it is.
        late: whether money that moved before the last reading is counted only now.
        unsure: why something else is not known that no reduction needs, one by one.
    """

    snapshot: Snapshot
    untold: tuple[VenueError, ...] = ()
    doubt: VenueError | None = None
    late: bool = False
    unsure: tuple[VenueError, ...] = ()

    @property
    def lacking(self) -> Lacking:
        """What the snapshot lacks, as the service says it too."""
        return Lacking(
            untold(error.message for error in self.untold),
            uncounted(self.doubt.message) if self.doubt else None,
            unsure((error.code, error.message) for error in self.unsure),
        )


class Account(Protocol):
    """What the monitor asks of an account; every method raises VenueError, and nothing else, where it fails."""

    name: str

    async def read(self) -> Reading:
        """Return the account and its positions as they are now, as far as they are told."""

    def resume(self, net: float, since: datetime) -> None:
        """Go on counting deposits and withdrawals from what was on record at a moment."""

    def recall(self, told: Sums) -> None:
        """Take what the journal knows of deposits, from an earlier `counted`."""

    @property
    def counted(self) -> Sums:
        """What is known of deposits, as JSON types: the latest sums, the last one last; none where nobody counts."""

    async def close(self) -> None:
        """Let go of connections."""


class ExchangeAccount:
    """An account at an exchange. Balance and positions alone: it is watched also while the markets' data fail."""

    def __init__(
        self, exchange: "Exchange", clock: Clock, ledger_seconds: float, beside: Counted | None = None
    ) -> None:
        """Read from an exchange, which belongs to this from now on.

        Args:
            exchange: the account.
            clock: the machine's.
            ledger_seconds: how long a pass waits for its ledger.
            beside: where whoever counts over the same log keeps it; none for a log that has no such file.
        """
        from rulecap.exchange import Deposits
        from rulecap.exchange.counting import Counting

        self.exchange, self._clock, self._ledger_seconds = exchange, clock, ledger_seconds
        self.name = exchange.settings.account_name
        self._counting = Counting(exchange, Deposits(0.0, clock.now()))
        self._kept: tuple[Deposits, ...] = ()
        self._keeping = Keeping(beside)

    def resume(self, net: float, since: datetime) -> None:
        """Go on counting deposits and withdrawals from there; which entries were counted only the journal knows."""
        from rulecap.exchange import Deposits

        # What is shared goes before: it was written by whoever counted last.
        self._counting.known = Deposits(net, since).with_kept((*self._kept, *self._keeping.kept))

    def recall(self, told: Sums) -> None:
        """Take what the journal knows; which of it counts, the record tells. What cannot be used counts for nothing."""
        from rulecap.exchange import Deposits

        several = [told] if isinstance(told, Mapping) else told or []
        try:
            self._kept = tuple(map(Deposits.of, several))
        except (KeyError, TypeError, ValueError) as error:
            text = "what the journal has of deposits cannot be used: %s"
            log.warning(text, type(error).__name__, extra={"code": "deposits-unkept"})

    @property
    def counted(self) -> Sums:
        """What is known of deposits: also of before, as what was counted last need not be on record yet."""
        return [one.to_dict() for one in self._kept]

    async def read(self) -> Reading:
        """Return the account; its time is the venue's when reading began."""
        from rulecap.exchange.compose import snapshot_of

        counting, view = self._counting, await self.exchange.account_view(partial=True)
        # For both readings: what is read after that comes too late for reductions.
        deadline = asyncio.get_running_loop().time() + self._ledger_seconds
        doubt = await self._counted_on(view, deadline)
        if doubt is not None and doubt.code == "account-moving":  # once more: money seldom moves twice in a row
            view = await self.exchange.account_view(partial=True)
            doubt = await self._counted_on(view, deadline)
        if doubt is None:
            self._kept = counting.known.kept_with(self._kept)
            self._keeping.note(counting.known)  # a service over the log may be the next to go on from the record
        with fitting(AccountFigures):
            account = view.account.model_copy(update={"net_deposits": counting.known.net})
        age = max(0.0, (self._clock.now() - view.read_at).total_seconds())
        positions = [one.position for one in view.held]
        snapshot = snapshot_of({"as_of": view.read_at, "age_seconds": age, "account": account, "positions": positions})
        return Reading(snapshot, view.untold, doubt, doubt is None and counting.late, view.unsure)

    async def _counted_on(self, view: "AccountView", deadline: float) -> VenueError | None:
        """Count what was paid in or out until an account was read; return why that is not known."""
        return view.timeless or await self._counting.on(view.read_at, deadline)

    async def close(self) -> None:
        """Let go of connections."""
        self._counting.close()
        await self._keeping.close()
        await self.exchange.close()


class DemoAccount:
    """The recorded account, stamped as of now."""

    name = "demo"

    def __init__(self, source: "DemoSource", clock: Clock) -> None:
        """Read from the demo's source."""
        self._source, self._clock = source, clock

    def resume(self, net: float, since: datetime) -> None:
        """Do nothing: nobody pays in."""

    def recall(self, told: Sums) -> None:
        """Do nothing: nobody pays in."""

    @property
    def counted(self) -> Sums:
        """Nothing: nobody pays in."""
        return None

    async def read(self) -> Reading:
        """Return the account."""
        told = await self._source.account()
        account = told.account.model_copy(update={"id": self.name})
        snapshot = Snapshot(as_of=self._clock.now(), age_seconds=0.0, account=account, positions=told.positions)
        return Reading(snapshot)

    async def close(self) -> None:
        """Do nothing: there is no connection."""
