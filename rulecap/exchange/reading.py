"""What is asked of ccxt's client, question by question."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from rulecap.exchange.clock import VenueClock, local_clock
from rulecap.exchange.errors import VenueError
from rulecap.exchange.history import History, history_of, seconds_of
from rulecap.exchange.numbers import number
from rulecap.exchange.positions import Held, held_positions, leverage_table
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.venues import Venue

# Limits, brackets and fees change by the day, not by the second.
REFERENCE_SECONDS = 3_600.0
CLOCK_SECONDS = 60.0
LONGEST_SPAN = timedelta(days=7)
T = TypeVar("T")
Asking = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Reference:
    """What is kept for a while: the venue's time, markets, leverage tiers and fees."""

    def __init__(self, client: Any, keyed: bool) -> None:
        """Keep nothing yet; `keyed` says whether there is an API key to ask with."""
        self._client, self._keyed = client, keyed
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}
        # Currencies are a private question at some venues, and nothing here needs them.
        client.has = {**client.has, "fetchCurrencies": False}

    async def clock(self) -> VenueClock:
        """Return the venue's clock; a venue that tells no time is taken to have ours."""
        return await self._once(("clock", ""), CLOCK_SECONDS, self._read_clock)

    async def markets(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the markets by unified symbol."""
        return await self._once(("markets", ""), REFERENCE_SECONDS, self._read_markets)

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

    async def _read_markets(self) -> Mapping[str, Mapping[str, Any]]:
        markets: Mapping[str, Mapping[str, Any]] = await self._client.load_markets(reload=("markets", "") in self._kept)
        if not markets:
            raise VenueError("half-an-answer", "the venue names no market at all")
        return markets

    async def _read_fees(self, symbol: str) -> Mapping[str, Any]:
        told: Mapping[str, Any] = await self._client.fetch_trading_fee(symbol)
        return told

    async def _read_tiers(self, symbol: str) -> Sequence[Mapping[str, Any]]:
        try:
            tiers: Sequence[Mapping[str, Any]] = await self._client.fetch_market_leverage_tiers(symbol)
            return tiers
        except Exception as error:
            if not self._keyed and type(error).__name__ == "AuthenticationError":
                return []
            raise


async def positions(
    client: Any, venue: Venue, markets: Mapping[str, Mapping[str, Any]], quote: str
) -> tuple[Held, ...]:
    """Return the open positions; their leverage is asked for where they do not tell it."""
    answer = await client.fetch_positions(None, venue.positions(quote))
    if venue.most_positions is not None and len(answer) >= venue.most_positions:
        raise VenueError("not-supported", f"{len(answer)} positions or more: the venue's answer may be cut there")
    leverages = {}
    if any(number(one.get("leverage")) is None for one in answer) and client.has.get("fetchLeverages"):
        leverages = leverage_table(await client.fetch_leverages())
    return held_positions(answer, markets.get, quote, leverages)


async def ticker(client: Any, symbol: str) -> Mapping[str, Any]:
    """Return the ticker."""
    answer: Mapping[str, Any] = await client.fetch_ticker(symbol)
    return answer


def stamp(answer: Mapping[str, Any], now_ms: float) -> float:
    """Return the time that the venue put on an answer, in ms; now where it has none, or a later one."""
    told = number(answer.get("timestamp"))
    return now_ms if told is None else min(told, now_ms)


async def history(client: Any, symbol: str, settings: ExchangeSettings, now_ms: float) -> History:
    """Return the last finished bars of a market."""
    wanted = settings.bars + 3  # the one before them, the unfinished one, and one that may just have ended
    since = int(now_ms) - 1000 * seconds_of(settings.timeframe) * wanted
    rows = await client.fetch_ohlcv(symbol, settings.timeframe, since, wanted + 1)
    return history_of(rows, settings.timeframe, settings.bars, now_ms)


async def ledger(
    client: Any, venue: Venue, quote: str, span: tuple[datetime, datetime], asking: Asking
) -> list[Mapping[str, Any]]:
    """Return the ledger's entries within a span: in parts of at most a week, each halved while its answer is full."""
    began, ended = span
    if ended <= began:
        return []
    if ended - began > LONGEST_SPAN:
        middle = began + LONGEST_SPAN
        return await _both(client, venue, quote, (began, middle, ended), asking)
    since, until = (int(one.timestamp() * 1000) for one in span)
    found: list[Mapping[str, Any]] = await asking(
        "the ledger", lambda: client.fetch_ledger(quote, since, venue.flow_limit, {venue.flow_until: until})
    )
    if len(found) < venue.flow_limit:
        return found
    if until - since < 2:
        raise VenueError("half-an-answer", "one millisecond of the ledger has more entries than one answer holds")
    return await _both(client, venue, quote, (began, began + (ended - began) / 2, ended), asking)


async def _both(
    client: Any, venue: Venue, quote: str, times: tuple[datetime, datetime, datetime], asking: Asking
) -> list[Mapping[str, Any]]:
    """Return the entries of two spans that meet; one at the very moment is in both."""
    began, middle, ended = times
    earlier = await ledger(client, venue, quote, (began, middle), asking)
    return earlier + await ledger(client, venue, quote, (middle, ended), asking)


async def nothing() -> None:
    """Return nothing, where nothing is asked for."""
