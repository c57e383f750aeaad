"""Executing: a decision's reductions become orders that only reduce, each at most once.

An order is durable in the journal before it is sent. What cannot be put down there is not sent.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic_core import to_json

from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.exchange.errors import VenueError
from rulecap.exchange.orders import OrderState, Reduction
from rulecap.language.values import iso
from rulecap.monitor.clock import Clock
from rulecap.monitor.following import Asked, Following, told
from rulecap.monitor.naming import order_name
from rulecap.monitor.orders import INTENDED, NOT_SENT, REFUSED, UNCERTAIN, Order, Orders, reduction
from rulecap.monitor.settings import MonitorSettings
from rulecap.problems import shown
from rulecap.snapshot import Position

# What was done about an action.
WOULD, SENT, WAITS = "would-send", "sent", "waits"
CAPPED, LATE, TWICE, NO_ORDER = "over-the-cap", "too-late", "sent-before", "no-order"
DONE = (WOULD, SENT, WAITS, CAPPED, LATE, TWICE, NO_ORDER)
# The venue turned the order down, or has no such market (any more); with any other code it was not sent.
TURNED_DOWN = frozenset({"order-refused", "unknown-symbol"})


class Venue(Asked, Protocol):
    """What sends orders; `Exchange` does."""

    async def place_reduction(
        self, action: Mapping[str, Any], client_order_id: str, within_seconds: float, held_then: float | None
    ) -> OrderState:
        """Send a reduce-only order, once, no later than after so many seconds, and for what has not gone by itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done about an action, and the order where there is one."""

    did: str
    action: Mapping[str, Any]
    order: Order | None = None
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        order = self.order.to_dict() if self.order else None
        return {"did": self.did, "message": self.message, "action": dict(self.action), "order": order}


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision whose reductions are to be sent, by which policy, and when the account that it is about was read."""

    policy: Policy
    decision: Decision
    read_at: float


class Execution:
    """Sends reductions to a venue."""

    def __init__(self, venue: Venue, orders: Orders, settings: MonitorSettings, clock: Clock) -> None:
        """Take the venue, and the journal's orders."""
        self._venue, self._orders, self._settings, self._clock = venue, orders, settings, clock
        self.following = Following(venue, orders, settings, clock)

    async def act(self, decided: Decided) -> AsyncIterator[Outcome]:
        """Send what a decision asks for, in its order; yield what was done about each action.

        Raises:
            JournalError: the journal cannot be used; whatever is not in it was not sent.
        """
        for number, action in enumerate(decided.policy.reductions_of(decided.decision)):
            yield await self._one(decided, number, action)

    async def _one(self, decided: Decided, number: int, action: Mapping[str, Any]) -> Outcome:
        try:
            wanted = Reduction.of(action)
        except VenueError as error:
            return Outcome(NO_ORDER, action, message=error.message)
        held = _held(decided.decision, wanted)
        if not held:
            text = f"the snapshot has no {wanted.side} position that is called {shown(wanted.symbol)}"
            return Outcome(NO_ORDER, action, message=text)
        hindrance = self._hindrance(decided, wanted)
        if hindrance is not None:
            return Outcome(hindrance[0], action, message=hindrance[1])
        order = self._order(decided, number, wanted, action)
        if not self._orders.intend(order, _evidence(decided)):
            known = self._orders.named(order.client_order_id)
            if known is None:
                return Outcome(WAITS, action, message="another monitor has just sent an order on this position")
            return Outcome(TWICE, action, known, "the journal has an order of this name already; none was sent")
        latest = decided.read_at + self._settings.fresh_seconds
        # Of two positions under one name nobody knows which one is reduced.
        held_then = held[0].quantity if len(held) == 1 else None
        return Outcome(SENT, action, await self._sent(order, latest, held_then))

    def _hindrance(self, decided: Decided, wanted: Reduction) -> tuple[str, str] | None:
        """Return why an action is not sent now; the next pass decides anew."""
        now, settings = self._clock.seconds(), self._settings
        if now - decided.read_at > settings.fresh_seconds:
            return LATE, f"the account was read more than {settings.fresh_seconds:g} s ago"
        # What ended later than this can have was noted by a clock that was ahead.
        latest = decided.read_at + settings.fresh_seconds
        resting = self._orders.ended_between(decided.read_at - settings.rest_seconds, latest)
        if _any_on(self._orders.going_on(), wanted):
            return WAITS, "an order on this position is not at its end"
        if _any_on(resting, wanted):
            return WAITS, "an order on this position has only just ended"
        pause = self._pause(wanted.symbol, wanted.side)
        if pause > 0:
            return WAITS, f"the last orders on this position came to nothing at the venue: again in {pause:.0f} s"
        if self._orders.taken_within_an_hour(now) >= settings.most_orders_per_hour:
            return CAPPED, f"{settings.most_orders_per_hour} orders were sent within an hour, which is the most"
        return None

    def turned_down(self, positions: Iterable[Position]) -> dict[tuple[str, str], float]:
        """Return the positions whose orders go on to come to nothing, and for how long each is left alone.

        Raises:
            JournalError: that cannot be read.
        """
        pauses = {(one.symbol, one.side): self._pause(one.symbol, one.side) for one in positions}
        return {name: pause for name, pause in pauses.items() if pause > 0}

    def unsettled(self) -> set[tuple[str, str]]:
        """Return the positions with an order that goes on for so long that the venue may not tell of it for good.

        Raises:
            JournalError: that cannot be read.
        """
        now, longest = self._clock.seconds(), self._settings.cancel_seconds + self._settings.unsettled_seconds
        # One of a time to come was noted by a clock that was ahead, and may be as old as any.
        return {(one.symbol, one.side) for one in self._orders.going_on() if not 0 <= now - one.written <= longest}

    def _pause(self, symbol: str, side: str) -> float:
        """Return how long a position is left alone: after a second order in vain, and each time twice as long."""
        vain = self._orders.in_vain(symbol, side)
        if len(vain) < 2:
            return 0.0
        pause = min(self._settings.longest_pause_seconds, self._settings.every_seconds * 2.0 ** (len(vain) - 1))
        gone = self._clock.seconds() - vain[0].changed
        return pause - gone if gone >= 0 else 0.0  # a time to come is of a clock that was ahead

    def _order(self, decided: Decided, number: int, wanted: Reduction, action: Mapping[str, Any]) -> Order:
        decision, now = decided.decision, self._clock.seconds()
        return Order(
            client_order_id=order_name(decided.policy, decision, number),
            record=decision.record_id or "",
            decision=decision.decision,
            decided_at=iso(decision.snapshot.as_of) if decision.snapshot else "",
            action=str(action.get("action")),
            symbol=wanted.symbol,
            side=wanted.side,
            quantity=wanted.quantity,
            why=str(action.get("why") or ""),
            state=INTENDED,
            written=now,
            changed=now,
        )

    async def _sent(self, order: Order, latest: float, held_then: float | None) -> Order:
        """Send an order that is in the journal, and ask once what became of it where the answer does not tell."""
        left = latest - self._clock.seconds()
        try:
            state = await self._venue.place_reduction(reduction(order), order.client_order_id, left, held_then)
            after = told(order, state)
        except VenueError as error:
            after = replace(order, state=_state_after(error), code=error.code, message=error.message)
        after = replace(after, changed=self._clock.seconds())
        self._orders.note(after)
        return await self.following.one(after) if after.goes_on else after


def _state_after(error: VenueError) -> str:
    if error.code == "order-uncertain":
        return UNCERTAIN
    return REFUSED if error.code in TURNED_DOWN else NOT_SENT


def _held(decision: Decision, wanted: Reduction) -> list[Position]:
    """Return the position that a decision was about, by the very name that other orders on it are found by."""
    positions = decision.snapshot.positions if decision.snapshot else ()
    return [one for one in positions if (one.symbol, one.side) == (wanted.symbol, wanted.side)]


def _any_on(orders: Sequence[Order], wanted: Reduction) -> bool:
    return any((one.symbol, one.side) == (wanted.symbol, wanted.side) for one in orders)


def _evidence(decided: Decided) -> bytes | None:
    """Return what an order is founded on where the log does not have it."""
    decision = decided.decision
    if decision.record_id is not None:
        return None
    snapshot = decision.snapshot.model_dump(mode="json", exclude_none=True) if decision.snapshot else None
    problems = [problem.to_dict() for problem in decision.problems]
    of = {"policy": decided.policy.digest, "snapshot": snapshot, "outputs": decision.outputs, "problems": problems}
    return to_json(of)


def would(decided: Decided) -> list[Outcome]:
    """Return what would be sent, where nothing is."""
    return [Outcome(WOULD, action) for action in decided.policy.reductions_of(decided.decision)]
