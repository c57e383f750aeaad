"""The function table: what each function takes and gives, and what computes it. Both evaluators read it."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rulecap.language import types as t
from rulecap.language.types import Type
from rulecap.measures import allocation, book, liquidation, orders, statistics

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
MOST_POWER = 64.0
SECONDS_IN_HOUR = 3600.0


class OutOfDomain(ArithmeticError):
    """A function has no value for what it was given."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with fixed parameter types.

    Attributes:
        parameters: name and type of each; an optional type takes `none`.
        gives: the result's type.
        compute: the Python function behind it.
    """

    parameters: tuple[tuple[str, Type], ...]
    gives: Type
    compute: Callable[..., object]


def add(values: Iterable[float]) -> float:
    """Return the sum, left to right: the built-in compensates from Python 3.12 on, and so differs between versions."""
    total: float = 0
    for value in values:
        total += value
    return total


def average(values: list[float]) -> float | None:
    """Return the arithmetic mean, none of nothing."""
    return add(values) / len(values) if values else None


def least(values: list[float]) -> float | None:
    """Return the smallest, none of nothing."""
    return min(values) if values else None


def greatest(values: list[float]) -> float | None:
    """Return the largest, none of nothing."""
    return max(values) if values else None


def percent_of(whole: float, percent: float) -> float:
    """Return whole * percent / 100, in this order of operations."""
    return whole * percent / 100.0


def as_percent(part: float, whole: float) -> float:
    """Return 100 * part / whole, in this order of operations."""
    return 100.0 * part / whole


def power(base: float, exponent: float) -> float:
    """Return base ** exponent, as a float; exponents beyond 64 and roots of negative numbers have no value here."""
    if abs(exponent) > MOST_POWER:
        raise OutOfDomain(f"the exponent {exponent} is beyond 64")
    if base < 0 and exponent != math.floor(exponent):
        raise OutOfDomain(f"{base} has no real power of {exponent}")
    result: float = float(base) ** exponent
    return result


def square_root(value: float) -> float:
    """Return the square root."""
    if value < 0:
        raise OutOfDomain(f"{value} has no square root")
    return math.sqrt(value)


def floor(value: float) -> float:
    """Return the largest whole number that is not larger."""
    return float(math.floor(value))


def ceil(value: float) -> float:
    """Return the smallest whole number that is not smaller."""
    return float(math.ceil(value))


def round_down(value: float, step: float) -> float:
    """Return value rounded down to a multiple of step, exact in decimal."""
    if not 0 < step < math.inf:
        raise OutOfDomain(f"cannot round to a step of {step}")
    if not -math.inf < value < math.inf:
        raise OutOfDomain(f"cannot round {value}")
    return orders.round_down(value, step)


def order_slices(quantity: float, parts: float, step: float, least: float) -> list[float]:
    """Return an order's slices; what is infinite cannot be sliced."""
    if not (0 < step < math.inf and all(-math.inf < one < math.inf for one in (quantity, parts, least))):
        raise OutOfDomain(f"cannot slice {quantity} into {parts} at a step of {step}")
    return orders.order_slices(quantity, parts, step, least)


def hours_between(earlier: datetime, later: datetime) -> float:
    """Return the hours from one time to another; negative where the later comes first."""
    return (later - earlier).total_seconds() / SECONDS_IN_HOUR


def shift(moment: datetime, hours: float) -> datetime:
    """Return the time some hours later."""
    return moment + timedelta(hours=hours)


def weekday(moment: datetime) -> str:
    """Return the name of the day, in UTC."""
    return WEEKDAYS[moment.weekday()]


def hour(moment: datetime) -> int:
    """Return the hour of the day, 0 to 23, in UTC."""
    return moment.hour


def midnight(moment: datetime) -> datetime:
    """Return when the day of a time began, in UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


SIDE = t.Text(frozenset({"BUY", "SELL", "LONG", "SHORT"}))
ASSETS = t.ListOf(t.Record({"symbol": t.TEXT, "volatility_pct": t.PERCENT}, "attribute", "asset"))
WEIGHTS = t.ListOf(t.Record({"symbol": t.TEXT, "weight": t.RATIO}, "key", "weight"))
SHARES = t.ListOf(t.Record({"symbol": t.TEXT, "weight": t.RATIO, "risk_share": t.RATIO}, "key", "risk share"))
EQUAL_RISK = t.Record({"weights": WEIGHTS, "residual": t.RATIO}, "key", "equal-risk weights")
MATRIX = t.Optional(t.MATRIX)

FUNCTIONS: Mapping[str, Function] = {
    "hours_between": Function((("earlier", t.TIME), ("later", t.TIME)), t.HOURS, hours_between),
    "weekday": Function((("time", t.TIME),), t.Text(frozenset(WEEKDAYS)), weekday),
    "hour": Function((("time", t.TIME),), t.COUNT, hour),
    "midnight": Function((("time", t.TIME),), t.TIME, midnight),
    "book_depth": Function((("book", t.BOOK), ("side", SIDE), ("levels", t.COUNT)), t.USD, book.depth),
    "mid_price": Function((("book", t.BOOK),), t.PRICE, book.mid_price),
    "fill_price": Function(
        (("book", t.BOOK), ("side", SIDE), ("notional", t.USD), ("levels", t.COUNT)),
        t.Optional(t.PRICE),
        book.fill_price,
    ),
    "largest_within": Function(
        (("book", t.BOOK), ("side", SIDE), ("impact", t.PERCENT), ("levels", t.COUNT)), t.USD, book.largest_within
    ),
    "order_slices": Function(
        (("quantity", t.QUANTITY), ("parts", t.COUNT), ("step", t.QUANTITY), ("least", t.QUANTITY)),
        t.ListOf(t.QUANTITY),
        order_slices,
    ),
    "equal_risk_weights": Function(
        (("assets", ASSETS), ("correlation", MATRIX)), EQUAL_RISK, allocation.equal_risk_weights
    ),
    "risk_shares": Function(
        (("weights", WEIGHTS), ("assets", ASSETS), ("correlation", MATRIX)), SHARES, allocation.risk_shares
    ),
    "correlation_between": Function(
        (("assets", ASSETS), ("correlation", t.MATRIX), ("symbol", t.TEXT), ("symbol", t.TEXT)),
        t.Optional(t.RATIO),
        allocation.correlation_between,
    ),
    "liquidation_price": Function(
        (
            ("side", SIDE),
            ("quantity", t.QUANTITY),
            ("price", t.PRICE),
            ("margin", t.USD),
            ("maintenance margin rate", t.RATIO),
            ("maintenance amount", t.USD),
        ),
        t.Optional(t.PRICE),
        liquidation.liquidation_price,
    ),
    "lower_confidence_bound": Function(
        (("share", t.RATIO), ("trials", t.COUNT), ("z", t.RATIO)), t.RATIO, statistics.lower_confidence_bound
    ),
}

# Functions whose result's unit follows from what they are given; inference types them one by one.
COMPUTED: Mapping[str, Callable[..., object]] = {
    "abs": abs,
    "floor": floor,
    "ceil": ceil,
    "round_down": round_down,
    "sqrt": square_root,
    "percent_of": percent_of,
    "as_percent": as_percent,
    "min": min,
    "max": max,
}
OVER_LISTS: Mapping[str, Callable[..., object]] = {
    "sum": add,
    "count": len,
    "average": average,
    "min": least,
    "max": greatest,
}
SPECIAL = frozenset({"default", "known", "adjustments"})
ALL_NAMES = frozenset(FUNCTIONS) | frozenset(COMPUTED) | frozenset(OVER_LISTS) | SPECIAL
