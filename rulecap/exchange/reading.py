"""What is asked of a venue and kept for a while: its time, markets, leverage tiers, fees, margin mode, bars."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from rulecap.exchange.clock import VenueClock, local_clock
from rulecap.exchange.errors import VenueError
from rulecap.exchange.history import History, history_of, seconds_of
from rulecap.exchange.numbers import number
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.unneeded import AGAIN_SECONDS
from rulecap.exchange.venues import Venue

# Limits, brackets and fees change by the day, not by the second.
REFERENCE_SECONDS = 3_600.0
# What the list of markets lacks may be listed since; more often than this the list is not read.
LOOK_AGAIN_SECONDS = 60.0
# The most bars that can be wanted, 503, are in so many answers of a hundred.
MOST_ANSWERS = 6
CLOCK_SECONDS = MODE_SECONDS = 60.0
log = logging.getLogger("rulecap.exchange")
T = TypeVar("T")
Markets = Mapping[str, Mapping[str, Any]]


class Reference:
    """What is kept for a while: the venue's time, markets, leverage tiers, fees, the margin mode, finished bars."""

    def __init__(self, client: Any, keyed: bool) -> None:
        """Keep nothing yet; `keyed` says whether there is an API key to ask with."""
        self._client, self._keyed = client, keyed
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}
        self._listed: Markets = {}
        self._listed_at = self._tried_at = 0.0
        self._listing: asyncio.Task[Markets] | None = None
        self._bars: dict[str, History] = {}
        # Currencies are a private question at some venues, and nothing here needs them.
        client.has = {**client.has, "fetchCurrencies": False}

    async def clock(self) -> VenueClock:
        """Return the venue's clock; a venue that tells no time is taken to have ours."""
        return await self._once(("clock", ""), CLOCK_SECONDS, self._read_clock)

    async def markets(self, lacking: bool = False) -> Markets:
        """Return the markets by unified symbol; a list that cannot be read again stays, and is tried again in a minute.

        Args:
            lacking: the list lacks something that may be listed since: it is read again after a minute, not an hour.
        """
        now, oldest = time.monotonic(), LOOK_AGAIN_SECONDS if lacking else REFERENCE_SECONDS
        tried = self._listing is None and now - self._tried_at < LOOK_AGAIN_SECONDS
        if self._listed and (tried or now - self._listed_at < oldest):
            return self._listed
        if self._listing is None:
            self._tried_at = now
            self._listing = asyncio.ensure_future(self._read_markets())
            self._listing.add_done_callback(self._have_listed)
        try:
            # Whoever asks meanwhile waits for the same answer, and one who goes away takes it from nobody.
            return await asyncio.shield(self._listing)
        except Exception as error:
            if not self._listed:
                raise
            # Positions and orders can be read with what was listed before; what has changed the venue will say.
            text = "the list of markets cannot be read again: %s"
            log.warning(text, type(error).__name__, extra={"code": "markets-unread"})
            return self._listed

    def _have_listed(self, done: "asyncio.Task[Markets]") -> None:
        self._listing = None
        if not done.cancelled() and done.exception() is None:
            self._listed, self._listed_at = done.result(), time.monotonic()

    def doubt_markets(self) -> None:
        """Have the list read again when it is asked for next, though not more often than once a minute."""
        self._listed_at = -math.inf

    def clock_untold(self, most_seconds: float) -> VenueClock:
        """Return what stands for the venue's clock while it cannot be asked: as it was told before, else ours.

        Ours too where the two differ by more than that: one that nobody sets stands still while the machine sleeps. If
        ours is wrong the venue says so itself, and takes no signature of another time.
        """
        kept = self._kept.get(("clock", ""))
        found: VenueClock = kept[1] if kept else local_clock()
        return self.signing(found if abs(found.skew_seconds()) <= most_seconds else local_clock())

    def signing(self, clock: VenueClock) -> VenueClock:
        """Have requests signed by a clock, as ours differs from it now: it may be set at any moment.

        By the venue's time where ours is ahead: it takes none of a second still to come. Never by a later one than
        ours, by which a request would be good for longer.
        """
        self._client.options["timeDifference"] = clock.ahead_ms()
        return clock

    def doubt_clock(self) -> None:
        """Have the venue's time asked for again."""
        self._kept.pop(("clock", ""), None)

    async def tiers(self, symbol: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the leverage tiers of a market; None where the venue has none to tell, or only with a key."""
        has = self._client.has
        if not (has.get("fetchMarketLeverageTiers") or has.get("fetchLeverageTiers")):
            return None
        return await self._once(("tiers", symbol), REFERENCE_SECONDS, lambda: self._read_tiers(symbol))

    async def fees(self, symbol: str) -> Mapping[str, Any] | None:
        """Return what this account pays in a market; None without a key. ccxt's built-in rates are nobody's word."""
        if not self._keyed or not self._client.has.get("fetchTradingFee"):
            return None
        return await self._once(("fees", symbol), REFERENCE_SECONDS, lambda: self._read_fees(symbol))

    async def check_mode(self, venue: Venue, quote: str) -> None:
        """Refuse an account whose equity and margin are not those of one currency.

        Raises:
            VenueError: `not-one-pool`.
        """
        refuse_several(await self._mode(venue), quote)

    async def _mode(self, venue: Venue) -> str | None:
        """Return why the account's margin is no one pool; None where it is, or where the venue is not asked.

        A mode that cannot be read again is the one that was told before: the account's other figures are read on.
        """
        if venue.mode is None:
            return None
        before = self._kept.get(("mode", ""))
        method, read = venue.mode
        try:
            async with asyncio.timeout(None if before is None else AGAIN_SECONDS):
                return await self._once(("mode", ""), MODE_SECONDS, lambda: self._read_mode(method, read))
        except Exception as error:
            if before is None:
                raise
            log.warning("the margin mode cannot be read again: %s", type(error).__name__, extra={"code": "mode-unread"})
            found: str | None = before[1]
            self._kept["mode", ""] = time.monotonic(), found  # so that it is not waited for at each reading
            return found

    async def history(self, symbol: str, settings: ExchangeSettings, now_ms: float) -> History:
        """Return the last finished bars of a market; they are not asked for again before the next one has ended."""
        known = self._bars.get(symbol)
        if known is not None and known.is_newest(now_ms):
            return known
        found = await _history(self._client, symbol, settings, now_ms)
        # Those of markets that nobody asks for any more go with their time.
        self._bars = {name: one for name, one in self._bars.items() if one.is_newest(now_ms)} | {symbol: found}
        return found

    async def _read_mode(self, method: str, read: Callable[[Any], str | None]) -> str | None:
        return read(await getattr(self._client, method)())

    async def _once(self, name: tuple[str, str], seconds: float, read: Callable[[], Awaitable[T]]) -> T:
        """Return what is kept, or read it."""
        if name in self._kept and time.monotonic() - self._kept[name][0] < seconds:
            kept: T = self._kept[name][1]
            return kept
        found = await read()
        self._kept[name] = time.monotonic(), found
        return found

    async def _read_clock(self) -> VenueClock:
        if not self._client.has.get("fetchTime"):
            return local_clock()
        asked = time.monotonic()
        venue_ms = number(await self._client.fetch_time())
        way = time.monotonic() - asked
        if venue_ms is None:
            raise VenueError("half-an-answer", "the venue's time is no number")
        return VenueClock(venue_ms, asked + way / 2.0, way / 2.0)

    async def _read_markets(self) -> Markets:
        markets: Markets = await self._client.load_markets(reload=bool(self._listed))
        if not markets:
            raise VenueError("half-an-answer", "the venue names no market at all")
        return markets

    async def _read_fees(self, symbol: str) -> Mapping[str, Any]:
        try:
            told: Mapping[str, Any] = await self._client.fetch_trading_fee(symbol)
            return told
        except Exception as error:
            if type(error).__name__ == "NotSupported":  # ccxt knows how to ask, though not of contracts
                return {}
            raise

    async def _read_tiers(self, symbol: str) -> Sequence[Mapping[str, Any]]:
        try:
            tiers: Sequence[Mapping[str, Any]] = await self._client.fetch_market_leverage_tiers(symbol)
            return tiers
        except Exception as error:
            if not self._keyed and type(error).__name__ == "AuthenticationError":
                return []
            raise


def refuse_several(why: str | None, quote: str) -> None:
    """Refuse an account of which it is told why its margin is no one pool.

    Raises:
        VenueError: `not-one-pool`.
    """
    if why is not None:
        raise VenueError("not-one-pool", f"the account's margin is no one pool in {quote}: {why}")


def stamp(answer: Mapping[str, Any], now_ms: float) -> float:
    """Return the time that the venue put on an answer, in ms; now where it has none, or a later one."""
    told = number(answer.get("timestamp"))
    return now_ms if told is None else min(told, now_ms)


async def _history(client: Any, symbol: str, settings: ExchangeSettings, now_ms: float) -> History:
    """Return the last finished bars of a market, asked for again from the last one on where an answer holds fewer."""
    length = 1000 * seconds_of(settings.timeframe)
    wanted = settings.bars + 3  # the one before them, the unfinished one, and one that may just have ended
    since, rows = int(now_ms) - length * wanted, []
    for _ in range(MOST_ANSWERS):
        told = await client.fetch_ohlcv(symbol, settings.timeframe, since, wanted + 1)
        rows += told
        following = max((int(number(row[0]) or 0) + length for row in told), default=since)
        if following <= since or following > now_ms - length:
            break
        since = following
    return history_of(rows, settings.timeframe, settings.bars, now_ms)


async def given(known: T) -> T:
    """Return what need not be asked for."""
    return known
