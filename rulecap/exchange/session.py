"""One client of a venue: asked again where that may help, left alone where it wishes, its answers kept for a while."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from rulecap.exchange import calls
from rulecap.exchange.bans import Rest
from rulecap.exchange.clock import VenueClock
from rulecap.exchange.errors import VenueError
from rulecap.exchange.history import History
from rulecap.exchange.keys import Keys
from rulecap.exchange.reading import Markets, Reference
from rulecap.exchange.remarks import Remarks
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.symbols import find_market
from rulecap.exchange.unneeded import Unneeded
from rulecap.exchange.venues import venue_of

T = TypeVar("T")


class Session:
    """What the questions to one venue share."""

    def __init__(self, settings: ExchangeSettings, keys: Keys, client: Any) -> None:
        """Have asked nothing yet."""
        self.settings, self.keys, self.client = settings, keys, client
        self.venue = venue_of(settings.venue)
        self.reference = Reference(client, keys.present)
        self.rest = Rest()
        self.unneeded = Unneeded()
        self.remarks = Remarks()

    async def ask(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer.

        Raises:
            VenueError: there is none.
        """
        try:
            return await calls.ask(what, self.rest.kept(call), self.settings.retries, self.keys.redacted)
        except VenueError as error:
            self.rest.note(error)
            raise

    async def clock(self) -> VenueClock:
        """Return the venue's clock; where ours seems wrong, it is asked for anew: either may have been set since."""
        most, kept = self.settings.max_clock_skew_seconds, await self.ask("the venue's time", self.reference.clock)
        try:
            return self.reference.signing(kept.checked(most))
        except VenueError:
            self.reference.doubt_clock()
        return self.reference.signing((await self.ask("the venue's time", self.reference.clock)).checked(most))

    async def markets(self, lacking: bool = False) -> Markets:
        """Return the markets by unified symbol."""
        return await self.ask("the markets", lambda: self.reference.markets(lacking))

    async def market(self, symbol: str, traded: bool = True) -> Mapping[str, Any]:
        """Return a market; where the list lacks it, or says that it is not traded, the list may be read again."""
        markets, quote = await self.markets(), self.settings.quote
        try:
            return find_market(markets.values(), symbol, quote, traded)
        except VenueError as error:
            if error.code != "unknown-symbol":
                raise
        return find_market((await self.markets(lacking=True)).values(), symbol, quote, traded)

    async def history(self, market: Mapping[str, Any], clock: VenueClock) -> History:
        """Return the finished bars of a market."""
        symbol = market["symbol"]
        return await self.ask(
            f"the bars of {symbol}", lambda: self.reference.history(symbol, self.settings, clock.now_ms())
        )
