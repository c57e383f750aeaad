"""What an account at a venue is: money, positions, orders, and what a fill does to them. Decimals throughout."""

from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)


@dataclass
class Spec:
    """A market's figures."""

    symbol: str
    base: str
    price: Decimal
    tick: Decimal
    step: Decimal
    least: Decimal
    most: Decimal
    most_market: Decimal
    min_notional: Decimal
    brackets: list[tuple[Decimal, Decimal, Decimal]]  # (largest notional, maintenance rate, largest leverage)
    status: str = "TRADING"

    def maintenance(self, notional: Decimal) -> Decimal:
        amount, lower, before = ZERO, ZERO, ZERO
        for largest, rate, _ in self.brackets:
            amount += lower * (rate - before)
            if notional <= largest:
                return notional * rate - amount
            lower, before = largest, rate
        return notional * before - amount


@dataclass
class Holding:
    """An open position."""

    symbol: str
    side: str  # LONG or SHORT
    quantity: Decimal
    entry: Decimal
    leverage: int = 10
    isolated: bool = False

    @property
    def sign(self) -> int:
        return 1 if self.side == "LONG" else -1

    def pnl(self, mark: Decimal) -> Decimal:
        return (mark - self.entry) * self.quantity * self.sign


@dataclass
class Order:
    """An order; `filled` of `quantity` is done at `average`."""

    id: int
    client_id: str
    symbol: str
    side: str  # BUY or SELL
    quantity: Decimal
    position_side: str = "BOTH"
    reduce_only: bool = False
    filled: Decimal = ZERO
    average: Decimal = ZERO
    time: int = 0
    cancelled: bool = False
    lapsed: bool = False

    @property
    def done(self) -> bool:
        return self.filled >= self.quantity


@dataclass
class Flow:
    """Money in (above zero) or out; or what a trade brought or cost."""

    amount: Decimal
    time: int
    id: int
    traded: bool = False
    asset: str = "USDT"


@dataclass
class Account:
    """One account in USDT."""

    wallet: Decimal = Decimal(10_000)
    hedged: bool = False
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    flows: list[Flow] = field(default_factory=list)
    fee: Decimal = Decimal("0.0005")

    def reducible(self, order: Order) -> Holding | None:
        """Return the position that an order reduces."""
        side = "LONG" if order.side == "SELL" else "SHORT"
        return self.holdings.get((order.symbol, side))

    def fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Fill part of a reducing order."""
        held = self.reducible(order)
        assert held is not None and quantity <= held.quantity, "an order can only be filled against its position"
        self.wallet += (price - held.entry) * quantity * held.sign - price * quantity * self.fee
        held.quantity -= quantity
        order.average = (order.average * order.filled + price * quantity) / (order.filled + quantity)
        order.filled += quantity
        if held.quantity == 0:
            del self.holdings[held.symbol, held.side]
