"""The shared view: one account and the markets that are asked for, read in one task, whoever asks.

A request never asks the source for the account. A market is read when it is asked for the first time, by one request
for all that wait; from then on the task reads it too, for as long as somebody asks.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rulecap.audit.clock import now
from rulecap.service.failing import place_of, steadily
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import AccountPart, MarketPart, Source, SourceError, UnknownSymbol, plain_symbol
from rulecap.snapshot import Market, Signal, Snapshot, read_snapshot
from rulecap.snapshot.model import with_values

log = logging.getLogger("rulecap.service")
MOST_MARKETS = 200
# What a venue may be asked in a minute is the same for all: more at once would have the account wait for the markets.
MARKETS_AT_ONCE = 4


class Read(NamedTuple):
    """A market as the source told it, and when it was asked, by the loop's clock."""

    told: MarketPart
    asked_at: float


@dataclass(slots=True)
class Watched:
    """A market that is read as long as it is asked for; `part` is none before the first reading."""

    asked_at: float
    part: Read | None = None
    reading: asyncio.Task[Read] | None = None


class SharedView:
    """What the source last told, and when.

    Attributes:
        account: none before the first reading.
        failure: why the last reading failed, or told a part of the account alone; none where it did not.
        read_once: set after the first reading, whether it failed or not.
    """

    def __init__(self, source: Source, settings: ServiceSettings, clock: Callable[[], datetime] = now) -> None:
        """Read from a source; nothing is read yet."""
        self._source, self._settings, self._clock = source, settings, clock
        self._markets: dict[str, Watched] = {}
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
        self._forget_unasked()
        waiting = iter(list(self._markets))

        async def read_on() -> None:
            for symbol in waiting:
                if symbol in self._markets:  # else it was never read, and is not there
                    await self._read_quietly(symbol)

        await asyncio.gather(*(read_on() for _ in range(MARKETS_AT_ONCE)))

    async def _read_account(self) -> SourceError | None:
        asked_at = _moment()
        try:
            account = await self._source.account()
            self._base = _composed(account, None)
        except SourceError as error:
            return error
        self.account, self._looked, self._asked_at = account, (self._clock(), _moment()), asked_at
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

    async def _read_quietly(self, symbol: str) -> None:
        """Read a market; whatever becomes of it, the next one is read too."""
        try:
            await self._read_market(symbol)
        except SourceError as error:
            log.debug("the market %s cannot be read: %s", symbol, error.code, extra={"code": error.code})
        except Exception as error:  # noqa: BLE001  # the market grows old, and who asks is told its age
            log.error("%s", place_of(error), extra={"code": "internal"})

    async def _read_market(self, symbol: str) -> Read:
        """Read a market, together with whoever else is waiting for it."""
        watched = self._markets.setdefault(symbol, Watched(_moment()))
        if watched.reading is None:
            watched.reading = asyncio.ensure_future(self._asked_for(symbol))
            watched.reading.add_done_callback(lambda done: self._have_read(watched, done))
        return await asyncio.shield(watched.reading)

    async def _asked_for(self, symbol: str) -> Read:
        asked_at = _moment()
        return Read(await self._source.market(symbol), asked_at)

    def _have_read(self, watched: Watched, done: "asyncio.Task[Read]") -> None:
        watched.reading = None
        if not done.cancelled() and done.exception() is None:
            watched.part = done.result()

    def _forget_unasked(self) -> None:
        """Drop the markets that nobody has asked for lately."""
        longest = _moment() - self._settings.watch_seconds
        for symbol in [symbol for symbol, watched in self._markets.items() if watched.asked_at < longest]:
            del self._markets[symbol]
            self._bases.pop(symbol, None)

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
            read = symbol in self._markets and not isinstance(error, UnknownSymbol)
            if read or self._held(symbol) is not None:
                return symbol
            raise

    async def market(self, symbol: str) -> Read:
        """Return a market as it was last read; waits for a first reading where there was none.

        Raises:
            SourceError: it was never read, and cannot be read now.
        """
        watched = self._markets.get(symbol)
        if watched is not None:
            watched.asked_at = _moment()
            if watched.part is not None:
                return watched.part
        elif len(self._markets) >= MOST_MARKETS:
            raise SourceError("too-many-markets", f"{MOST_MARKETS} markets are watched already; ask again later")
        try:
            return await self._read_market(symbol)
        except SourceError:
            self._drop_unread(symbol)
            raise

    def _drop_unread(self, symbol: str) -> None:
        watched = self._markets.get(symbol)
        if watched is not None and watched.part is None and watched.reading is None:
            del self._markets[symbol]

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
            told, asked_at = await self.market(symbol)
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
        return round(max(_moment() - asked_at, (self._now() - read_at).total_seconds()), 3)

    def _now(self) -> datetime:
        """Return the time; a clock that was set back since the account was read makes no figure younger."""
        if self._looked is None:
            return self._clock()
        then, moment = self._looked
        return max(self._clock(), then + timedelta(seconds=_moment() - moment))

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


def _moment() -> float:
    return asyncio.get_running_loop().time()
