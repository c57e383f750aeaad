"""Reductions → reduce-only orders, and ccxt's orders → what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.markets import contract_size, quantity_step
from rulecap.exchange.numbers import exact, number, part, product
from rulecap.exchange.positions import Held, Holdings
from rulecap.exchange.venues import Venue
from rulecap.measures.orders import round_down
from rulecap.problems import shown

CLOSING_SIDE = {"LONG": "sell", "SHORT": "buy"}
OPEN, FILLED, CANCELLED, REJECTED = "OPEN", "FILLED", "CANCELLED", "REJECTED"
STATES = {"open": OPEN, "closed": FILLED, "canceled": CANCELLED, "expired": CANCELLED, "rejected": REJECTED}


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is to be reduced: a position's side of a market, by a quantity of the base asset."""

    symbol: str
    side: str
    quantity: float
    held_then: float | None = None

    @classmethod
    def of(cls, action: Mapping[str, Any], held_then: float | None = None) -> "Reduction":
        """Return an action of a decision's output `actions` as a reduction.

        Args:
            action: as a policy has it.
            held_then: how much was held when it was decided, where that is known.

        Raises:
            VenueError: `order-refused`, it is not one; nothing that could open or enlarge a position is.
        """
        symbol, side, quantity = action.get("symbol"), action.get("side"), number(action.get("quantity"))
        if not isinstance(symbol, str) or side not in CLOSING_SIDE or quantity is None or not quantity > 0:
            raise VenueError("order-refused", "a reduction needs symbol, side (LONG or SHORT) and a quantity above 0")
        if action.get("reduce_only") is not True:
            raise VenueError("order-refused", f"the action on {shown(symbol)} is not reduce-only: nothing else is sent")
        return cls(symbol, str(side), quantity, held_then)

    def left(self, held: float) -> float:
        """Return what is still to be reduced of what is held by now: what has gone by itself since is not again.

        Raises:
            VenueError: `nothing-to-reduce`, as much has gone.
        """
        if self.held_then is None or held >= self.held_then:
            return self.quantity
        rest = float(exact(self.quantity) - (exact(self.held_then) - exact(held)))
        if rest <= 0:
            text = f"of the {self.side} position in {self.symbol} {held:g} is left, which is what was to stay of it"
            raise VenueError("nothing-to-reduce", text)
        return rest


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as the venue has it.

    Attributes:
        client_order_id: our name for it.
        id: the venue's.
        symbol: the snapshot's symbol.
        side: buy or sell.
        status: OPEN, FILLED, CANCELLED or REJECTED; None where the venue does not tell (yet).
        quantity: of the base asset; filled: how much of it is done. None where not told.
        average_price: of what is filled.
    """

    client_order_id: str
    id: str
    symbol: str
    side: str
    status: str | None
    quantity: float | None
    filled: float | None
    average_price: float | None


def position_to_reduce(positions: Holdings, symbol: str, side: str) -> Held:
    """Return the open position of a market on a side.

    Raises:
        VenueError: `nothing-to-reduce`; why a position cannot be counted, which may be this one.
    """
    for one in positions.held:
        if one.position.symbol == symbol and one.position.side == side:
            return one
    positions.all()
    raise VenueError("nothing-to-reduce", f"there is no {side} position in {symbol}")


def contracts_text(quantity: float, held: Held, precision_mode: int, venue: Venue) -> str:
    """Return how many contracts to send, as an exact decimal: never more than asked, held, or taken at once.

    Rounded down to the market's step; a quantity that misses a step by a billionth is that step. All that is held is
    sent though it is less than the least order: the venue alone knows whether it lets that out.

    Raises:
        VenueError: `quantity-too-small`, not even one step, or less than the least order; `missing-field`, the market
            tells no step.
    """
    market, symbol = held.market, held.position.symbol
    step, size = quantity_step(market, precision_mode), exact(contract_size(market))
    if step is None:
        raise VenueError("missing-field", f"the venue does not tell the quantity step of {symbol}")
    most = [*_limits(market, "max"), number(part(market, "info", *venue.most_market))]
    bounds = [quantity, held.position.quantity, *(product(limit, size) for limit in most if limit)]
    rounded = exact(round_down(min(bounds), step))
    # A quantity too large for steps to show in a float is cut to them in decimal.
    on_step = (rounded / exact(step)).to_integral_value(ROUND_FLOOR) * exact(step)
    if not on_step > 0:
        raise VenueError("quantity-too-small", f"{quantity:g} of {symbol} is less than its step of {step:g}")
    least = size * exact(max(_limits(market, "min"), default=0.0))
    if on_step < least and quantity < held.position.quantity:
        text = f"{on_step:g} of {symbol} is less than the {least:g} that an order there is at the least"
        raise VenueError("quantity-too-small", text)
    return plain(on_step / size)


def _limits(market: Mapping[str, Any], end: str) -> list[float]:
    """Return the limits of a market order in contracts, as far as they are told."""
    told = [number(part(market, "limits", kind, end)) for kind in ("market", "amount")]
    return [limit for limit in told if limit]


def plain(value: Decimal) -> str:
    """Return a decimal without an exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_state(order: Mapping[str, Any], symbol: str, market: Mapping[str, Any], client_order_id: str) -> OrderState:
    """Return ccxt's order structure as ours.

    Raises:
        VenueError: `half-an-answer`, it names no order: ccxt makes one of nothing.
    """
    if not order.get("id") and not order.get("clientOrderId"):
        raise VenueError("half-an-answer", f"the answer is about no order, though {client_order_id} was asked about")
    size = contract_size(market)

    def base(name: str) -> float | None:
        contracts = number(order.get(name))
        return None if contracts is None else product(contracts, size)

    status, quantity, filled = STATES.get(str(order.get("status"))), base("amount"), base("filled")
    if status == FILLED and quantity is not None and filled is not None and filled < quantity:
        status = CANCELLED  # ccxt calls an order closed whose rest was cancelled
    return OrderState(
        client_order_id=client_order_id,
        id=str(order.get("id") or ""),
        symbol=symbol,
        side=str(order.get("side") or ""),
        status=status,
        quantity=quantity,
        filled=filled,
        average_price=number(order.get("average")),
    )
