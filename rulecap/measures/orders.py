"""Order quantities on an exchange's grid: rounding down to the step, and cutting an order into slices."""

from decimal import Decimal
from functools import lru_cache
from math import ceil, floor, isfinite

# A quotient that misses a whole number by less than this is that number: 15 / 50,000 at step 0.0001 is 3 steps, not 2.
TOLERANCE = 1e-9
# In a large quotient the rounding of x, of the step and of the division show: two units in its last place.
LAST_PLACES = 4.5e-16
MOST_SLICES = 1_000


@lru_cache(maxsize=1024)
def _ratio(step: float) -> tuple[int, int]:
    """Return the step's decimal text as numerator and power of ten: 0.005 is 5 / 1000."""
    if not (step > 0 and isfinite(step)):
        raise ValueError(f"a step must be above 0, not {step}")
    return _scaled(step)


def _scaled(number: float) -> tuple[int, int]:
    """Return the shortest decimal text of a number as numerator and power of ten."""
    _, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    numerator = int("".join(map(str, digits)))
    power = int(exponent)
    return (numerator * 10**power, 1) if power >= 0 else (numerator, int(10**-power))


def round_down(x: float, step: float) -> float:
    """Return the largest multiple of the step that is not above x, within a billionth of a step, as a clean decimal.

    The multiple is divided out of whole numbers, which rounds once: 3 steps of 0.1 are 0.3, not 0.30000000000000004. A
    number too large for steps to show in it is returned as it is.
    """
    numerator, denominator = _ratio(step)
    steps = x / step
    if not -1e15 < steps < 1e15:
        return x
    return floor(steps + TOLERANCE + abs(steps) * LAST_PLACES) * numerator / denominator


def order_slices(quantity: float, parts: float, step: float, least: float) -> list[float]:
    """Return an order's quantity cut into `parts` slices: equal ones on the step, the rest in the last.

    Fewer where a slice would be under `least` (or under one step), none where not even two fit. The slices' decimals
    sum exactly to the quantity's. At most 1,000 slices.
    """
    if not (parts >= 2 and quantity > 0):
        return []
    total, grid, scale = _on_one_scale(quantity, step)
    smallest = least / step - TOLERANCE
    if smallest > 1e15:
        return []
    count = min(int(min(parts, MOST_SLICES)), total // grid // max(1, ceil(smallest)))
    if count < 2:
        return []
    each = total // count // grid * grid
    return [each / scale] * (count - 1) + [(total - each * (count - 1)) / scale]


def _on_one_scale(quantity: float, step: float) -> tuple[int, int, int]:
    """Return quantity and step as whole numbers over one power of ten, and that power."""
    q, q_scale = _scaled(quantity)
    s, s_scale = _ratio(step)
    scale = max(q_scale, s_scale)
    return q * (scale // q_scale), s * (scale // s_scale), scale
