"""What every venue on this machine has: markets, prices, one account, orders and their fills."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tests.venue.account import Account, Flow, Holding, Order, Spec
from tests.venue.figures import Levels, Row, drawn_book, drawn_rows, recorded_book, specs
from tests.venue.server import Server

KEY, SECRET = "test-key-4f1c9b7a", "test-secret-98d2e6c3"
PASSWORD = "test-password-5d07b1aa"  # which some venues want beside the two
READ_ONLY_KEY, READ_ONLY_SECRET = "read-only-key-11aa", "read-only-secret-22bb"
SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}
# Bybit's names of the same lengths.
SECONDS |= {"1": 60, "5": 300, "15": 900, "60": 3_600, "240": 14_400, "D": 86_400}
# And OKX's, by UTC.
SECONDS |= {"1H": 3_600, "4H": 14_400, "1Dutc": 86_400}


class Venue(Server):
    """A venue with one account; a test changes it by its methods and looks at `orders` and `requests`.

    By which paths it tells positions and what was paid in or out, takes orders, and tells what became of one.
    """

    # The ends of the paths by which it is asked for these; `lookup_paths` tell what became of an order.
    time_path: str
    markets_path: str
    mode_path: str
    positions_path: str
    balance_path: str
    ledger_path: str
    book_path: str
    bars_path: str
    ticker_path: str
    tiers_path: str
    order_path: str
    lookup_paths: tuple[str, ...]
    listing_lookups: tuple[str, ...]  # those of them that list orders
    fine: Mapping[str, Any]  # what every answer has that is fine
    modes: tuple[str, ...]
    # What its path begins with, and where an answer has its rows.
    prefix: str
    rows_at: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.specs: dict[str, Spec] = specs()
        self.keys = {KEY: SECRET, READ_ONLY_KEY: READ_ONLY_SECRET}
        self.account = Account()
        self.orders: list[Order] = []
        self.marks: dict[str, Decimal] = {}
        self.books: dict[str, tuple[Levels, Levels]] = {}
        self.bars: dict[str, list[Row]] = {}
        self.fill_share = Decimal(1)
        self.off: set[str] = set()
        self.bound: set[str] = set()
        self.lapsing: set[str] = set()

    # What a test says.

    def set_wallet(self, amount: str) -> None:
        """Set the wallet balance."""
        self.account.wallet = Decimal(amount)

    def set_position(
        self, symbol: str, side: str, quantity: str, entry: str, leverage: int = 10, isolated: bool = False
    ) -> None:
        """Open a position, or change one; a quantity of 0 closes it."""
        if Decimal(quantity) == 0:
            self.account.holdings.pop((symbol, side), None)
            return
        held = Holding(symbol, side, Decimal(quantity), Decimal(entry), leverage, isolated)
        self.account.holdings[symbol, side] = held

    def set_mark(self, symbol: str, price: str) -> None:
        """Set a market's mark price."""
        self.marks[symbol] = Decimal(price)

    def set_hedged(self, hedged: bool) -> None:
        """Hold both sides of a market apart, or not."""
        self.account.hedged = hedged

    def deposit(self, amount: str, at: int | None = None) -> None:
        """Move money into the account, or out (below 0)."""
        self.account.wallet += Decimal(amount)
        number = len(self.account.flows) + 1
        self.account.flows.append(Flow(Decimal(amount), at or self.now(), 1000 + number))

    def trade(self, count: int, at: int, asset: str = "USDT") -> None:
        """Have so many fees of trades in the ledger, one a millisecond from a time on; they are too small to count."""
        flows, first = self.account.flows, 500_000 + len(self.account.flows)
        flows += [Flow(Decimal("-0.00000001"), at + one, first + one, traded=True, asset=asset) for one in range(count)]

    def delist(self, symbol: str) -> None:
        """Take a market off, as from now."""
        del self.specs[symbol]

    def take_off(self, symbol: str) -> None:
        """Take a market off the list; what is held there stays until the venue settles it."""
        self.off.add(symbol)

    def bind(self, *symbols: str) -> None:
        """Refuse reductions in markets, as where an open stop order holds what there is."""
        self.bound = set(symbols)

    def lapse(self, *symbols: str) -> None:
        """Take orders in markets, and fill nothing of them, as where no price is left within the venue's bounds."""
        self.lapsing = set(symbols)

    def put_on(self, symbol: str) -> None:
        """List a market (again)."""
        self.off.discard(symbol)

    def fill_rest(self, client_id: str) -> None:
        """Fill what is open of an order."""
        order = next(one for one in self.orders if one.client_id == client_id)
        self.account.fill(order, order.quantity - order.filled, self.last(order.symbol))

    def set_mode(self, mode: str) -> None:
        """Have the account in a margin mode of its own, one of `modes`, in which its margin is no one pool."""
        raise NotImplementedError

    def with_rows(self, answer: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
        """Return an answer with other rows."""

        def at(inner: Any, place: tuple[str, ...]) -> Any:
            return {**inner, place[0]: at(inner[place[0]], place[1:])} if place else change(inner)

        return at(answer, self.rows_at)

    # What a venue answers with.

    def listed(self) -> dict[str, Spec]:
        return {symbol: spec for symbol, spec in self.specs.items() if symbol not in self.off}

    def last(self, symbol: str) -> Decimal:
        return self.specs[symbol].price

    def mark(self, symbol: str) -> Decimal:
        return self.marks.get(symbol, self.last(symbol))

    def book(self, symbol: str) -> tuple[Levels, Levels]:
        if symbol not in self.books:
            self.books[symbol] = recorded_book(symbol) or drawn_book(self.specs[symbol])
        return self.books[symbol]

    def rows(self, symbol: str, interval: str, count: int, since: int | None) -> list[tuple[int, Row]]:
        """Return bars with their opening times, oldest first; the last one is not finished yet."""
        length = SECONDS[interval] * 1000
        rows = self.bars.setdefault(symbol, drawn_rows(symbol, float(self.last(symbol)), 600))
        current = self.now() // length * length
        timed = [(current - length * back, row) for back, row in enumerate(reversed(rows))][::-1]
        if since is not None:
            return [one for one in timed if one[0] >= since][:count]
        return timed[-count:]

    def initial_margin(self, held: Holding) -> Decimal:
        return self.notional(held) / held.leverage

    def notional(self, held: Holding) -> Decimal:
        return held.quantity * self.mark(held.symbol)

    def pnl(self) -> Decimal:
        return sum((held.pnl(self.mark(held.symbol)) for held in self.holdings()), Decimal(0))

    def margin(self) -> Decimal:
        return sum(map(self.initial_margin, self.holdings()), Decimal(0))

    def maintenance(self) -> Decimal:
        return sum(map(self.maintenance_of, self.holdings()), Decimal(0))

    def maintenance_of(self, held: Holding) -> Decimal:
        return self.specs[held.symbol].maintenance(self.notional(held))

    def available(self) -> Decimal:
        return max(Decimal(0), self.account.wallet + self.pnl() - self.margin())

    def liquidation(self, held: Holding) -> Decimal:
        """Return a price that leaves the maintenance margin; 0 where there is none above zero."""
        room = self.account.wallet - self.maintenance()
        price = held.entry - held.sign * room / held.quantity
        return max(Decimal(0), price)

    def holdings(self) -> list[Holding]:
        return [held for held in self.account.holdings.values() if held.symbol in self.specs]

    def place(self, order: Order) -> None:
        """Take an order, and fill the share of it that the test wants at once."""
        order.id, order.time = 90_000 + len(self.orders), self.now()
        self.orders.append(order)
        if order.symbol in self.lapsing:
            order.cancelled = order.lapsed = True
            return
        step = self.specs[order.symbol].step
        share = order.quantity * self.fill_share // step * step
        if share > 0:
            self.account.fill(order, share, self.last(order.symbol))


def restless(venue: Venue, size: int = 10) -> None:
    """Have a position grow each time that the positions in the account's currency are told."""

    def told() -> None:
        asked = venue.asked(venue.positions_path)[-1].params
        ours = asked.get("category", "linear") == "linear" and asked.get("settleCoin", "USDT") == "USDT"
        restless(venue, size + ours)

    venue.set_position("SOLUSDT", "LONG", str(size), "27")
    venue.after(venue.positions_path, told)


def text(value: Decimal, places: int | None = None) -> str:
    """Return a decimal as venues write it."""
    return f"{value:f}" if places is None else f"{value:.{places}f}"


def levels(book: Levels, count: int) -> list[list[str]]:
    return [[text(price), text(quantity)] for price, quantity in book[:count]]


def dropped(*names: str) -> Any:
    """Return a change for `fault(…, 'then')` that takes fields out, wherever they are in the answer."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: change(inner) for name, inner in value.items() if name not in names}
        return [change(inner) for inner in value] if isinstance(value, list) else value

    return change


def put(**fields: Any) -> Any:
    """Return a change that sets fields, wherever they are in the answer."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fields.get(name, change(inner)) for name, inner in value.items()}
        return [change(inner) for inner in value] if isinstance(value, list) else value

    return change
