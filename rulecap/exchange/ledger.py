"""Reading a venue's ledger, however long it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.venues import Venue

LONGEST_SPAN = timedelta(days=7)
Asking = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A venue's ledger of one currency, as it is asked for at a moment of the venue's time."""

    client: Any
    venue: Venue
    quote: str
    asking: Asking
    now: datetime

    async def entries(self, span: tuple[datetime, datetime], only: str = "") -> list[Mapping[str, Any]]:
        """Return the entries within a span in which money may have come in or gone out; others may be among them.

        Also such in other currencies: at Binance they fill an answer too.

        In parts of at most a week; where an answer is full, type by type, and then in halves.

        Args:
            span: from when to when.
            only: one of the venue's types of entries; none: all of them.
        """
        began, ended = span
        if ended <= began:
            return []
        if ended - began > LONGEST_SPAN:
            return await self._both(began, began + LONGEST_SPAN, ended, only)
        found = await self._answer(span, only)
        if len(found) < self.venue.flow_limit:
            return found
        if not only and self.venue.flow_filter[1]:
            # A busy account has more trades than can be read again and again.
            return [one for kind in self.venue.flow_filter[1] for one in await self.entries(span, kind)]
        if ended - began < timedelta(milliseconds=2):
            raise VenueError("half-an-answer", "one millisecond of the ledger has more entries than one answer holds")
        return await self._both(began, began + (ended - began) / 2, ended, only)

    async def _answer(self, span: tuple[datetime, datetime], only: str) -> list[Mapping[str, Any]]:
        venue, (since, until) = self.venue, (int(one.timestamp() * 1000) for one in span)
        parameters = {**venue.money(self.quote), venue.flow_until: until}
        parameters |= {venue.flow_filter[0]: only} if only else {}
        recent, older = venue.flow_older
        if recent is not None and self.now - span[0] > recent:
            parameters |= older
        found: list[Mapping[str, Any]] = await self.asking(
            "the ledger", lambda: self.client.fetch_ledger(self.quote, since, venue.flow_limit, parameters)
        )
        return found

    async def _both(self, began: datetime, middle: datetime, ended: datetime, only: str) -> list[Mapping[str, Any]]:
        """Return the entries of two spans that meet; one at the very moment is in both."""
        earlier = await self.entries((began, middle), only)
        return earlier + await self.entries((middle, ended), only)
