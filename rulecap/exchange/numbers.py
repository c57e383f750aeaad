"""Numbers as venues send them, and what is absent: missing is never zero."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from rulecap.exchange.errors import VenueError


def number(value: object) -> float | None:
    """Return a finite number from a number or a text of one; None for what is absent, empty or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def needed(value: float | None, path: str, told: str) -> float:
    """Return a number that a snapshot cannot be without.

    Raises:
        VenueError: `missing-field`; `told` says what the venue did not tell.
    """
    if value is None:
        raise VenueError("missing-field", f"the venue does not tell {told}", path=path)
    return value


def first(*values: float | None) -> float | None:
    """Return the first number that is there; a zero is."""
    return next((value for value in values if value is not None), None)


def not_below_zero(value: float | None) -> float | None:
    """Return a number, None for one below zero where there can be none: nonsense tells nothing."""
    return None if value is None or value < 0 else value


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum, None where one of them is absent: a sum over some of them would look like one over all."""
    numbers = list(values)
    return None if None in numbers else sum(value for value in numbers if value is not None)


def exact(value: object) -> Decimal:
    """Return the shortest decimal that a number is written as.

    Raises:
        VenueError: `half-an-answer`, it is no finite number.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise VenueError("half-an-answer", "the venue sent something else where a number belongs")
    return found


def product(a: object, b: object) -> float:
    """Return a product computed in decimal, so that 3 contracts of 0.1 are 0.3."""
    return float(exact(a) * exact(b))


def part(value: object, *steps: str | int) -> Any:
    """Return what stands at a place inside an answer, None where the answer has no such place."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value
