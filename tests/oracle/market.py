"""Arithmetic on one market: the order book, quantities, liquidation, a confidence bound."""

import math
from decimal import Decimal, getcontext
from typing import Any

getcontext().prec = 60
Book = dict[str, list[list[float]]]
BUYING = ("BUY", "LONG")


def taken_levels(book: Book, side: str) -> list[list[float]]:
    """Return the levels that an order of this side takes, best first."""
    return book["asks"] if side in BUYING else book["bids"]


def depth_usd(book: Book, side: str, levels: int) -> float:
    """Return what the first levels on the taker's side are worth."""
    total = 0.0
    for price, quantity in taken_levels(book, side)[:levels]:
        total += price * quantity
    return total


def mid_price(book: Book) -> float:
    """Return the middle between best bid and best ask."""
    return (book["bids"][0][0] + book["asks"][0][0]) / 2


def fill_price(book: Book, side: str, notional: float, levels: int) -> float | None:
    """Return the average price of an order worth `notional`, or None where the levels do not hold that much."""
    left, quantity_bought = notional, 0.0
    for price, quantity in taken_levels(book, side)[:levels]:
        if left <= price * quantity:
            quantity_bought += left / price
            return notional / quantity_bought if quantity_bought > 0 else price
        left -= price * quantity
        quantity_bought += quantity
    return None


def impact_pct(book: Book, side: str, notional: float, levels: int) -> float | None:
    """Return by how many percent of the mid price the average fill is off it; None where the book is too thin."""
    fill, mid = fill_price(book, side, notional, levels), mid_price(book)
    return None if fill is None else 100 * abs(fill - mid) / mid


def largest_within(book: Book, side: str, most_impact_pct: float, levels: int) -> float:
    """Return the largest notional whose average price is within the impact, found level by level.

    With cost C for quantity Q so far and the next level at price p, the average reaches the limit L where
    (C + p·x) / (Q + x) = L, that is at x = (L·Q − C) / (p − L).
    """
    mid = mid_price(book)
    limit = mid * (1 + most_impact_pct / 100) if side in BUYING else mid * (1 - most_impact_pct / 100)
    cost, total = 0.0, 0.0
    for price, quantity in taken_levels(book, side)[:levels]:
        if quantity == 0:
            continue
        average = (cost + price * quantity) / (total + quantity)
        within = average <= limit if side in BUYING else average >= limit
        if not within:
            part = (limit * total - cost) / (price - limit) if price != limit else 0.0
            return cost + price * max(0.0, part)
        cost, total = cost + price * quantity, total + quantity
    return cost


def rounded_down(quantity: float, step: float) -> float:
    """Return the multiple of the step below the quantity; a billionth of a step short counts as reached."""
    steps = math.floor(quantity / step + 1e-9)
    return float(Decimal(repr(step)) * steps)


def slices(quantity: float, parts: int, step: float, least: float) -> list[float]:
    """Return equal parts, the rest in the last; fewer where a part would be under `least`, none where not two fit."""
    whole, grain = Decimal(repr(quantity)), Decimal(repr(step))
    for count in range(parts, 1, -1):
        part = (whole // (grain * count)) * grain
        if part > 0 and float(part) >= least:
            return [float(part)] * (count - 1) + [float(whole - part * (count - 1))]
    return []


def bracket_holding(brackets: list[dict[str, Any]] | None, notional: float) -> dict[str, Any] | None:
    """Return the first bracket up to and including whose largest notional the order is, or None."""
    for bracket in brackets or []:
        if notional <= bracket["max_notional"]:
            return bracket
    return None


def liquidation_price(
    side: str, quantity: float, price: float, margin: float, rate: float, amount: float
) -> float | None:
    """Return the price at which an isolated position is liquidated, or None where there is none above zero."""
    if quantity == 0:
        return None
    if side in BUYING:
        if rate == 1:
            return None
        found = (quantity * price - margin - amount) / (quantity * (1 - rate))
    else:
        found = (quantity * price + margin + amount) / (quantity * (1 + rate))
    return found if found > 0 else None
