"""A source that is an exchange: its account and markets, as `rulecap.exchange` reads them."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rulecap.audit import LogError
from rulecap.audit.clock import now
from rulecap.audit.review.scores import EntryScores, Scores
from rulecap.service.counted import Counted, Keeping
from rulecap.service.settings import BadSettings
from rulecap.service.sources import (
    BARS,
    AccountPart,
    Lacking,
    MarketPart,
    SourceError,
    UnknownSymbol,
    uncounted,
    unsure,
    untold,
)
from rulecap.snapshot import Account, Snapshot
from rulecap.snapshot.findings import problems_of

if TYPE_CHECKING:
    from rulecap.exchange import AccountView, Exchange, ExchangeSettings, Extras, VenueError

log = logging.getLogger("rulecap.service")
# The account is not kept waiting for the log, nor for the venue's ledger, for longer than these seconds.
LONGEST_READING, LONGEST_COUNTING = 2.0, 5.0
# Nor for the bars of all that is held, which are asked for once they have ended.
LONGEST_BARS = 10.0
# An account that moves all the time is the one of before for so long, on which entries are decided too; then what is
# told of it is taken, on which nothing is decided but reductions.
LONGEST_MOVING = 30.0


class ExchangeSource:
    """Tells the account at an exchange. A market is told with the assets that it makes with the open positions."""

    def __init__(self, exchange: "Exchange") -> None:
        """Read from an exchange, which belongs to this from now on."""
        from rulecap.exchange import Deposits
        from rulecap.exchange.counting import Counting

        self._exchange = exchange
        self._view: AccountView | None = None
        self._rested_at: float | None = None
        self._counting = Counting(exchange, Deposits(0.0, now()))
        self._keeping = Keeping(None)
        self._symbols: dict[str, str] = {}
        self._entries: EntryScores | None = None
        self._asking: asyncio.Future[Scores] | None = None
        self._scores: Scores = {}
        self._scoreless = ""  # the code with which the scores cannot be read, as it was told

    @property
    def settings(self) -> "ExchangeSettings":
        """Which account it is, and how it is reached."""
        return self._exchange.settings

    @property
    def account_name(self) -> str:
        """The account's name in memory and log."""
        return self.settings.account_name

    def resume(self, net: float, since: datetime) -> None:
        """Go on counting deposits and withdrawals where the log ended, so that none is taken for profit or loss.

        Args:
            net: all deposits minus all withdrawals by then.
            since: the moment.
        """
        from rulecap.exchange import Deposits

        self._counting.known = Deposits(net, since).with_kept(self._keeping.kept)

    def keep_in(self, counted: Counted) -> None:
        """Keep what is counted; by what was kept, `resume` goes on."""
        self._keeping = Keeping(counted)

    def score_by(self, entries: EntryScores) -> None:
        """Give each position the score at which it was entered."""
        self._entries = entries

    async def account(self) -> AccountPart:
        """Return the account; where the venue's ledger cannot be read, with what was known to be paid in or out.

        What else no reduction needs, and the venue does not tell, stops no reading either.
        """
        from rulecap.exchange import Extras, VenueError
        from rulecap.exchange.fitting import fitting

        try:
            read = await self._exchange.account_view(partial=True)
            self._look_at_rest(read)
            doubt = await self._counted(read)
            with fitting(Account):
                account = read.account.model_copy(update={"net_deposits": self._counting.known.net})
            view = replace(read, account=account)
            told, barless = await self._composed(view, Extras(scores=await self._scored(view)))
        except VenueError as error:
            raise _translated(error) from error
        self._view = view
        reasons = [(error.code, error.message) for error in view.unsure]
        lacking = Lacking(untold(error.message for error in view.untold), doubt, unsure([*reasons, *barless]))
        return AccountPart(told.account, told.positions, told.assets, told.correlation, view.read_at, lacking)

    def _look_at_rest(self, read: "AccountView") -> None:
        """Refuse an account that moves, where it was at rest not long ago.

        Raises:
            VenueError: `account-moving`.
        """
        moment = asyncio.get_running_loop().time()
        if read.moving is None:
            self._rested_at = moment
        elif self._rested_at is not None and moment - self._rested_at < LONGEST_MOVING:
            raise read.moving

    async def _composed(self, view: "AccountView", extras: "Extras") -> tuple[Snapshot, list[tuple[str, str]]]:
        """Return a view as a snapshot, and where the bars cannot be read, without what they tell, and why."""
        from rulecap.exchange import VenueError
        from rulecap.exchange.compose import compose

        failed: list[tuple[str, str]] = []
        if view.timeless is None:  # finished is what has ended by the venue's time
            try:
                async with asyncio.timeout(LONGEST_BARS):
                    return await self._exchange.snapshot(account=view, extras=extras), []
            except TimeoutError:
                failed = [(BARS, f"the bars are not read within {LONGEST_BARS:g} s")]
            except VenueError as error:
                failed = [(BARS, error.message)]
        return compose(view.read_at, view, None, {}, None, extras), failed

    async def _counted(self, read: "AccountView") -> SourceError | None:
        """Count what was paid in or out; return why that is not known."""
        until = asyncio.get_running_loop().time() + LONGEST_COUNTING
        doubt = read.timeless or await self._counting.on(read.read_at, until)
        if doubt is not None:
            return uncounted(doubt.message)
        if self._counting.late:
            text = "money that moved before the last reading came into the ledger only now"
            log.warning(text, extra={"code": "deposits-late"})
        self._keeping.note(self._counting.known)
        return None

    async def _scored(self, view: "AccountView") -> Scores:
        """Return the positions' scores; while the log cannot be read, or stands still, those of before."""
        if self._entries is None:
            return self._scores
        if self._asking is None:
            positions = [one.position for one in view.held]
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._entries.of, positions))
        await asyncio.wait({self._asking}, timeout=LONGEST_READING)
        if not self._asking.done():
            self._tell_scoreless("log-slow", "the scores of positions are not read yet")
            return self._scores
        asked, self._asking = self._asking, None
        try:
            self._scores, self._scoreless = asked.result(), ""
        except LogError as error:
            self._tell_scoreless(error.code, f"the scores of positions cannot be read: {error}")
        return self._scores

    def _tell_scoreless(self, code: str, why: str) -> None:
        """Say once why the scores cannot be read: the account is, every few seconds, and a server may be away long."""
        if self._scoreless != code:
            log.warning("%s", why, extra={"code": code})
        self._scoreless = code

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market; a name that was looked up before is not looked up again."""
        from rulecap.exchange import VenueError

        written = name.strip().upper()
        if written not in self._symbols:
            try:
                self._symbols[written] = await self._exchange.symbol(written)
            except VenueError as error:
                raise _translated(error) from error
        return self._symbols[written]

    async def market(self, symbol: str) -> MarketPart:
        """Return a market; it is from when it was asked for, or from its last trade where that is earlier."""
        from rulecap.exchange import VenueError

        asked_at = now()
        # The account's own age is told apart.
        account = replace(self._view, read_at=asked_at) if self._view else None
        try:
            told = await self._exchange.snapshot(symbol, account=account)
        except VenueError as error:
            raise _translated(error) from error
        assert told.market is not None  # a market was named
        read_at = min(asked_at, told.as_of - timedelta(seconds=told.age_seconds or 0.0))
        return MarketPart(told.market, told.book, read_at, told.assets, told.correlation)

    async def close(self) -> None:
        """Let go of connections."""
        self._counting.close()
        await self._keeping.close()
        await self._exchange.close()


def exchange_source(settings: Mapping[str, Any]) -> ExchangeSource:
    """Return the source that the settings' `exchange` names; nothing is asked yet.

    Raises:
        BadSettings: the exchange cannot be used as it is set.
    """
    try:
        from rulecap.exchange import ExchangeSettings, VenueError, open_exchange
    except ImportError as error:
        raise BadSettings(f"an exchange needs more packages: pip install 'rulecap[exchange]' ({error})") from error
    try:
        return ExchangeSource(open_exchange(ExchangeSettings.model_validate(dict(settings))))
    except ValidationError as error:
        lines = (f"exchange.{problem.path}: {problem.code}" for problem in problems_of(error, ExchangeSettings))
        raise BadSettings("the exchange cannot be used:\n" + "\n".join(lines)) from error
    except VenueError as error:
        raise BadSettings(f"the exchange cannot be used: {error}") from error


def _translated(error: "VenueError") -> SourceError:
    """Return a venue's failure as a source's."""
    if error.code == "unknown-symbol":
        return UnknownSymbol(error.message)
    return SourceError(error.code, error.message)
