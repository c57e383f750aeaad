"""Order book: what stands in it, what an order of some size is filled at, and how large one may be.

A book has `bids` and `asks`, tuples of (price, quantity), best first. A buyer (BUY, or LONG to open) takes asks, a
seller bids. Sums add from left to right, so that every Python version gives the same last digit; `fill_price` and
`largest_within` add in the order of `depth`, so that the whole of the levels is the same number in all three.
"""

from typing import Protocol

Levels = tuple[tuple[float, float], ...]


class BookLike(Protocol):
    """What the measures need of a book."""

    @property
    def bids(self) -> Levels:
        """Levels of the buyers, highest price first."""

    @property
    def asks(self) -> Levels:
        """Levels of the sellers, lowest price first."""


def _taken(book: BookLike, side: str, levels: float) -> Levels:
    """Return the first `levels` levels that an order of this side takes."""
    if side in {"BUY", "LONG"}:
        rows = book.asks
    elif side in {"SELL", "SHORT"}:
        rows = book.bids
    else:
        raise ValueError(f"a side is BUY, SELL, LONG or SHORT, not {side}")
    return rows if levels >= len(rows) else rows[: max(0, int(levels))]


def depth(book: BookLike, side: str, levels: float) -> float:
    """Return the USD value of the first levels that an order of this side takes: the sum of price times quantity."""
    value = 0.0
    for price, quantity in _taken(book, side, levels):
        value += price * quantity
    return value


def mid_price(book: BookLike) -> float:
    """Return the price halfway between best bid and best ask."""
    return (book.bids[0][0] + book.asks[0][0]) / 2


def fill_price(book: BookLike, side: str, notional: float, levels: float) -> float | None:
    """Return the volume-weighted average price of a market order worth `notional` USD; None where levels are too thin.

    notional / quantity, where the quantity is what that money takes level by level. An order of nothing is filled at
    the best price.
    """
    spent = taken = 0.0
    for price, quantity in _taken(book, side, levels):
        value = spent + price * quantity
        if value >= notional:
            return notional / (taken + (notional - spent) / price) if spent else price
        spent = value
        taken += quantity
    return None


def largest_within(book: BookLike, side: str, impact_pct: float, levels: float) -> float:
    """Return the largest USD value whose average fill is at most `impact_pct` percent off the mid price.

    The average price moves only away from the mid with size, so the bound is crossed once, inside one level: there
    (spent + p·x) / (taken + x) = bound is solved for x. 0 where the spread alone is wider; the whole of the levels
    where they all lie within.
    """
    buying = side in {"BUY", "LONG"}
    bound = mid_price(book) * (1.0 + impact_pct / 100.0 if buying else 1.0 - impact_pct / 100.0)
    spent = taken = 0.0
    for price, quantity in _taken(book, side, levels):
        if price > bound if buying else price < bound:  # only such a level can take the average past the bound
            room = (bound * taken - spent) / (price - bound)
            if room < quantity:
                return spent + price * max(room, 0.0)
        spent += price * quantity
        taken += quantity
    return spent
