"""Arithmetic on the order book and on order quantities, and what it says of a desired notional."""

from decimal import Decimal
from functools import lru_cache
from math import ceil, floor
from typing import Any, NamedTuple

Levels = tuple[tuple[float, float], ...]

LEVELS = 100


def depth(rows: Levels, levels: int) -> float:
    """Return what the first levels are worth."""
    value = 0.0
    for price, quantity in rows[:levels]:
        value += price * quantity
    return value


def fill_price(rows: Levels, notional: float) -> float | None:
    """Return the average price of an order, None where the book is too thin."""
    spent = taken = 0.0
    for price, quantity in rows[:LEVELS]:
        value = spent + price * quantity
        if value >= notional:
            return notional / (taken + (notional - spent) / price) if spent else price
        spent = value
        taken += quantity
    return None


def largest_within(rows: Levels, bound: float, away: float) -> float:
    """Return the largest notional whose average price is within the bound."""
    spent = taken = 0.0
    for price, quantity in rows[:LEVELS]:
        value = spent + price * quantity
        if away * (value - bound * (taken + quantity)) > 0.0:
            room = (bound * taken - spent) / (price - bound) if price != bound else 0.0
            return spent + price * min(max(room, 0.0), quantity)
        spent = value
        taken += quantity
    return spent


@lru_cache(maxsize=1024)
def decimal_ratio(number: float) -> tuple[int, int]:
    """Return a number's decimal text as a fraction of whole numbers over a power of ten."""
    _, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    numerator, power = int("".join(map(str, digits))), int(exponent)
    return (numerator * 10**power, 1) if power >= 0 else (numerator, 10**-power)


def round_down(x: float, step: float) -> float:
    """Return the multiple of the step below, as a clean decimal."""
    numerator, denominator = decimal_ratio(step)
    return floor(x / step + 1e-9) * numerator / denominator


def slices_of(quantity: float, parts: int, step: float, least: float) -> list[float]:
    """Return the order's slices: equal on the step, the rest in the last; fewer where one would be too small."""
    q, q_scale = decimal_ratio(quantity)
    s, s_scale = decimal_ratio(step)
    scale = max(q_scale, s_scale)
    total, grid = q * (scale // q_scale), s * (scale // s_scale)
    count = min(parts, total // grid // max(1, ceil(least / step - 1e-9)))
    if count < 2:
        return []
    each = total // count // grid * grid
    return [each / scale] * (count - 1) + [(total - each * (count - 1)) / scale]


class Liquidity(NamedTuple):
    """What the book says of the desired notional."""

    impact: float | None
    name: str
    size: float
    largest: float | None
    depth_20: float | None


def liquidity_of(book: Any, side: str, desired: float) -> Liquidity:
    """Return impact, size multiplier and largest order of the taker's side of the book."""
    if book is None:
        return Liquidity(None, "SMALL", 1.0, None, None)
    rows, away = (book.asks, 1.0) if side == "BUY" else (book.bids, -1.0)
    mid = (book.bids[0][0] + book.asks[0][0]) / 2
    fill = fill_price(rows, desired)
    largest = largest_within(rows, mid * (1.0 + away * 0.2 / 100.0), away)
    if fill is None:
        return Liquidity(None, "SMALL", 0.3, largest, depth(rows, 20))
    impact = 100.0 * abs(fill - mid) / mid
    name, size = ("SMALL", 1.0) if impact <= 0.2 else ("MODERATE", 0.6) if impact <= 0.5 else ("SEVERE", 0.3)
    return Liquidity(impact, name, size, largest, depth(rows, 20))
