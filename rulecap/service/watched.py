"""The markets that are watched: read when they are asked for first, and on for as long as somebody asks for them."""

import asyncio
import logging
from collections.abc import Set
from dataclasses import dataclass
from typing import NamedTuple

from rulecap.service.failing import place_of
from rulecap.service.sources import MarketPart, Source, SourceError

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


class WatchedMarkets:
    """The markets that somebody has asked for lately."""

    def __init__(self, source: Source, watch_seconds: float) -> None:
        """Watch none yet; a market that nobody asks for is watched for so many seconds more."""
        self._source, self._seconds = source, watch_seconds
        self._markets: dict[str, Watched] = {}

    @property
    def symbols(self) -> Set[str]:
        """Which they are."""
        return self._markets.keys()

    async def refresh(self) -> None:
        """Read them, a few at a time; what cannot be read stays as it was, and grows old."""
        self._forget_unasked()
        waiting = iter(list(self._markets))

        async def read_on() -> None:
            for symbol in waiting:
                if symbol in self._markets:  # else it was never read, and is not there
                    await self._read_quietly(symbol)

        await asyncio.gather(*(read_on() for _ in range(MARKETS_AT_ONCE)))

    async def market(self, symbol: str) -> Read:
        """Return a market as it was last read; waits for a first reading where there was none.

        Raises:
            SourceError: it was never read, and cannot be read now.
        """
        watched = self._markets.get(symbol)
        if watched is not None:
            watched.asked_at = moment()
            if watched.part is not None:
                return watched.part
        elif len(self._markets) >= MOST_MARKETS:
            raise SourceError("too-many-markets", f"{MOST_MARKETS} markets are watched already; ask again later")
        try:
            return await self._read(symbol)
        except SourceError:
            self._drop_unread(symbol)
            raise

    async def _read_quietly(self, symbol: str) -> None:
        """Read a market; whatever becomes of it, the next one is read too."""
        try:
            await self._read(symbol)
        except SourceError as error:
            log.debug("the market %s cannot be read: %s", symbol, error.code, extra={"code": error.code})
        except Exception as error:  # noqa: BLE001  # the market grows old, and who asks is told its age
            log.error("%s", place_of(error), extra={"code": "internal"})

    async def _read(self, symbol: str) -> Read:
        """Read a market, together with whoever else is waiting for it."""
        watched = self._markets.setdefault(symbol, Watched(moment()))
        if watched.reading is None:
            watched.reading = asyncio.ensure_future(self._asked_for(symbol))
            watched.reading.add_done_callback(lambda done: self._have_read(watched, done))
        return await asyncio.shield(watched.reading)

    async def _asked_for(self, symbol: str) -> Read:
        asked_at = moment()
        return Read(await self._source.market(symbol), asked_at)

    def _have_read(self, watched: Watched, done: "asyncio.Task[Read]") -> None:
        watched.reading = None
        if not done.cancelled() and done.exception() is None:
            watched.part = done.result()

    def _forget_unasked(self) -> None:
        """Drop the markets that nobody has asked for lately."""
        longest = moment() - self._seconds
        for symbol in [symbol for symbol, watched in self._markets.items() if watched.asked_at < longest]:
            del self._markets[symbol]

    def _drop_unread(self, symbol: str) -> None:
        watched = self._markets.get(symbol)
        if watched is not None and watched.part is None and watched.reading is None:
            del self._markets[symbol]


def moment() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()
