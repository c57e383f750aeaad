"""The shared view: one account and the markets that are asked for, read in one task, whoever asks.

A request never asks the source for the account. A market is read when it is asked for the first time, by one request
for all that wait; from then on the task reads it too, for as long as somebody asks.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from rulecap.audit.clock import now
from rulecap.service.failing import steadily
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import AccountPart, MarketPart, Source, SourceError, UnknownSymbol, plain_symbol
from rulecap.service.watched import WatchedMarkets, moment
from rulecap.snapshot import Market, Signal, Snapshot, read_snapshot
from rulecap.snapshot.model import with_values

log = logging.getLogger("rulecap.service")


class SharedView:
    """What the source last told, and when.

    Attributes:
        account: none before the first reading.
        markets: those that are watched.
        failure: why the last reading failed, or told a part of the account alone; none where it did not.
        read_once: set after the first reading, whether it failed or not.
    """

    def __init__(self, source: Source, settings: ServiceSettings, clock: Callable[[], datetime] = now) -> None:
        """Read from a source; nothing is read yet."""
        self._source, self._settings, self._clock = source, settings, clock
        self.markets = WatchedMarkets(source, settings.watch_seconds)
        self._bases: dict[str, tuple[AccountPart, MarketPart, Snapshot]] = {}
        self._base: Snapshot | None = None
        self.read_once = asyncio.Event()
        self.account: AccountPart | None = None
        self._looked: tuple[datetime, float] | None = None
        self._asked_at = 0.0
        self.failure: SourceError | None = None

    async def run(self) -> None:
        """Read again and again, until cancelled; the account does not wait for the markets, however many they are."""
        seconds = self._settings.refresh_seconds
        await asyncio.gather(steadily(self._refresh_account, seconds), steadily(self._refresh_markets, seconds))

    async def refresh(self) -> None:
        """Read the account and the watched markets; what cannot be read stays as it was, and grows old."""
        await asyncio.gather(self._refresh_account(), self._refresh_markets())

    async def _refresh_account(self) -> None:
        """Read the account."""
        try:
            found = await self._read_account()
            if found is not None:
                self._note(found)
        finally:
            self.read_once.set()

    async def _refresh_markets(self) -> None:
        await self.markets.refresh()
        self._bases = {symbol: base for symbol, base in self._bases.items() if symbol in self.markets.symbols}

    async def _read_account(self) -> SourceError | None:
        asked_at = moment()
        try:
            account = await self._source.account()
            self._base = _composed(account, None)
        except SourceError as error:
            return error
        self.account, self._looked, self._asked_at = account, (self._clock(), moment()), asked_at
        if account.lacking.why is not None:
            return account.lacking.why
        if self.failure is not None:
            log.info("the account is read again")
        self.failure = None
        return None

    def _note(self, error: SourceError) -> None:
        if self.failure is None or self.failure.code != error.code:
            # The code alone: the message may repeat what the venue answered, balances among it. Who asks is told it.
            log.warning("the account cannot be read: %s", error.code, extra={"code": error.code})
        self.failure = error

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market by any of its names.

        Where the source cannot be asked, a market that was read before or is held keeps its name; one that is held
        also where the source does not list or trade it any more.

        Raises:
            UnknownSymbol: there is no such market.
            SourceError: the source cannot be asked, and nothing of that name is known.
        """
        try:
            return await self._source.symbol(name)
        except SourceError as error:
            symbol = plain_symbol(name)
            read = symbol in self.markets.symbols and not isinstance(error, UnknownSymbol)
            if read or self._held(symbol) is not None:
                return symbol
            raise

    def _held(self, symbol: str) -> Market | None:
        """Return what the account's own position tells of its market: the mark price, which a reduction needs."""
        positions = self.account.positions if self.account else ()
        held = next((one for one in positions if one.symbol == symbol), None)
        return Market(symbol=symbol, price=held.mark_price) if held else None

    async def snapshot(
        self, symbol: str | None = None, signal: Signal | None = None
    ) -> tuple[Snapshot, SourceError | None]:
        """Return the account as it was last read, with a market where one is named, and why that is not whole.

        A market that cannot be read is told by the position in it, if there is one, and is absent else: that is enough
        for a reduction, and not for an entry.

        Raises:
            SourceError: the account was never read.
        """
        if self.account is None or self._base is None:
            raise self.failure or SourceError("no-snapshot", "the account was not read yet")
        if symbol is None:
            return _aged(self._base, self.age(), signal), None
        try:
            told, asked_at = await self.markets.market(symbol)
        except SourceError as error:
            bare = with_values(self._base, {"market": self._held(symbol)})
            return _aged(bare, self.age(), signal), error
        age = self._age_of(min(self.account.read_at, told.read_at), min(self._asked_at, asked_at))
        return _aged(self._with_market(told), age, signal), None

    def _with_market(self, part: MarketPart) -> Snapshot:
        """Return account and market in one, made once for a reading of both."""
        assert self.account is not None  # asked for by `snapshot` only
        symbol = part.market.symbol
        known = self._bases.get(symbol)
        if known is None or known[0] is not self.account or known[1] is not part:
            known = (self.account, part, _composed(self.account, part))
            self._bases[symbol] = known
        return known[2]

    def _age_of(self, read_at: datetime, asked_at: float) -> float:
        """Return how old is what is from a moment, and was asked for at one."""
        # A venue's clock may be ahead of ours, and ours may be set back: what it told is no younger than our question.
        return round(max(moment() - asked_at, (self._now() - read_at).total_seconds()), 3)

    def _now(self) -> datetime:
        """Return the time; a clock that was set back since the account was read makes no figure younger."""
        if self._looked is None:
            return self._clock()
        then, looked_at = self._looked
        return max(self._clock(), then + timedelta(seconds=moment() - looked_at))

    @property
    def lacking(self) -> SourceError | None:
        """Why the account, as it was last read, is not whole; none where it is."""
        return self.account.lacking.why if self.account else None

    def age(self) -> float | None:
        """Return how old the account is in seconds, none before it was read."""
        return None if self.account is None else self._age_of(self.account.read_at, self._asked_at)


def _aged(snapshot: Snapshot, age: float | None, signal: Signal | None) -> Snapshot:
    return with_values(snapshot, {"age_seconds": age, "signal": signal})


def _composed(account: AccountPart, market: MarketPart | None) -> Snapshot:
    """Return a snapshot of the parts; its time is the account's, so that one reading advances a memory once.

    Raises:
        SourceError: the source tells what no snapshot may hold.
    """
    allocated = market if market is not None and market.assets is not None else account
    read = read_snapshot(
        {
            "as_of": account.read_at,
            "account": account.account,
            "positions": account.positions,
            "assets": allocated.assets,
            "correlation": allocated.correlation,
            "market": market.market if market else None,
            "book": market.book if market else None,
        }
    )
    if isinstance(read, Snapshot):
        return read
    raise SourceError("not-a-snapshot", "the source tells no snapshot: " + read[0].render())
