"""Following orders up: the venue is asked what became of each; none is ever sent a second time.

What the venue does not know for longer than any request can be under way was never taken; a new pass then decides anew
on what is held by that time, under another name.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from rulecap.exchange.calls import together
from rulecap.exchange.errors import VenueError
from rulecap.exchange.orders import CANCELLED as VENUE_CANCELLED
from rulecap.exchange.orders import FILLED as VENUE_FILLED
from rulecap.exchange.orders import OPEN as VENUE_OPEN
from rulecap.exchange.orders import REJECTED as VENUE_REJECTED
from rulecap.exchange.orders import OrderState
from rulecap.monitor.clock import Clock
from rulecap.monitor.orders import (
    CANCELLED,
    FILLED,
    INTENDED,
    NOT_SENT,
    OPEN,
    REFUSED,
    UNCERTAIN,
    UNFILLED,
    Order,
    Orders,
)
from rulecap.monitor.settings import MonitorSettings

# The venue does not know the order, or has no such market (any more).
NOT_FOUND, UNLISTED = "order-not-found", "unknown-symbol"
MISSED = (NOT_FOUND, UNLISTED)
AFTER = ", after: "
STATES = {VENUE_OPEN: OPEN, VENUE_FILLED: FILLED, VENUE_CANCELLED: CANCELLED, VENUE_REJECTED: REFUSED}


class Asked(Protocol):
    """What is asked of a venue about orders; `Exchange` has it."""

    async def order(self, client_order_id: str, symbol: str) -> OrderState:
        """Return what became of an order."""

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Cancel what is open of an order."""


@dataclass(frozen=True, slots=True)
class Following:
    """Follows the journal's orders up at a venue."""

    venue: Asked
    orders: Orders
    settings: MonitorSettings
    clock: Clock

    async def all(self) -> list[Order]:
        """Ask about each order that is not at its end; return them as they are now. What was never sent is forgotten.

        Raises:
            JournalError: they cannot be read, or what became of them cannot be put down.
        """
        self.orders.prune(self.clock.seconds())
        found = [self._found(order) for order in self.orders.going_on()]
        # All at once: however many a silent venue leaves unanswered, the account is read as soon as after one.
        told = await together(*map(self.one, found))
        self.orders.date(self.clock.seconds(), self.clock.moment())
        return told

    def _found(self, order: Order) -> Order:
        """Return an order as it may be followed: one that a dead monitor meant may have been sent until just now."""
        if order.state != INTENDED:
            return order
        after = replace(order, state=UNCERTAIN)
        return self._noted(order, after)

    async def one(self, order: Order) -> Order:
        """Return an order as it is now; one that stayed open for too long is cancelled.

        Raises:
            JournalError: what became of it cannot be put down.
        """
        found = self._noted(order, await self._asked(order))
        if found.state != OPEN or 0 <= self.clock.seconds() - order.written <= self.settings.cancel_seconds:
            return found
        try:
            await self.venue.cancel(order.client_order_id, order.symbol)
        except VenueError as error:
            if error.code != NOT_FOUND:  # else it has ended meanwhile, which the next question tells
                return self._noted(found, replace(found, code=error.code, message=error.message))
        return self._noted(found, await self._asked(found))

    async def _asked(self, order: Order) -> Order:
        try:
            state = await self.venue.order(order.client_order_id, order.symbol)
        except VenueError as error:
            if error.code in MISSED:
                return self._unknown_there(order, error)
            return replace(order, code=error.code, message=error.message)
        return told(order, state)

    def _unknown_there(self, order: Order, error: VenueError) -> Order:
        # Counted from when the venue first said so, for it took the time of that request for right. Not from when the
        # order was written: it may have waited long before it was sent, a dead monitor's may be found at any time, and
        # a clock may have been set meanwhile.
        now = self.clock.seconds()
        if order.code not in MISSED or now < order.changed:
            order = replace(order, changed=now)
        if now - order.changed <= self.settings.settle_seconds:
            return replace(order, code=error.code, message=_after("the venue does not know it, yet", order))
        if error.code == UNLISTED:  # nothing is open there any more, and nobody tells what was filled before
            return replace(order, state=CANCELLED, code=UNLISTED, message="its market is not listed any more")
        if order.state == OPEN:
            return replace(order, state=CANCELLED, code=NOT_FOUND, message="the venue does not know it any more")
        return replace(order, state=NOT_SENT, code=NOT_FOUND, message=_after("the venue never took it", order))

    def _noted(self, before: Order, after: Order) -> Order:
        """Put down what has changed; the venue's silence is no change that the settling would be counted from."""
        if after == before:
            return after
        if after.state != before.state:
            after = replace(after, changed=self.clock.seconds())
        self.orders.note(after)
        return after


def _after(text: str, order: Order) -> str:
    """Return a text that keeps what was said when the order was sent: it may be why the venue does not know it."""
    missed = order.code in MISSED and AFTER not in order.message
    said = "" if missed else order.message.rpartition(AFTER)[2]
    return f"{text}{AFTER}{said}" if said else text


def told(order: Order, state: OrderState) -> Order:
    """Return an order with what the venue tells of it; one that it took and tells no state of is open."""
    found = replace(
        order,
        state=STATES.get(state.status or "", OPEN),
        sent_quantity=order.sent_quantity if state.quantity is None else state.quantity,
        filled=order.filled if state.filled is None else state.filled,
        average_price=order.average_price if state.average_price is None else state.average_price,
        code="",
        message="",
    )
    if (found.state, found.filled) == (CANCELLED, 0.0):
        return replace(found, code=UNFILLED, message="it has ended, and nothing of it was filled")
    return found
