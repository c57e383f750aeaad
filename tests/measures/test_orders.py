"""Order quantities: rounding down to the step and slices, exact in decimal."""

import math
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.measures.orders import MOST_SLICES, order_slices, round_down

STEPS = st.sampled_from([1.0, 0.1, 0.01, 0.001, 0.0001, 1e-8, 0.5, 0.25, 0.005, 5.0, 10.0, 1000.0, 3.0])


def exact(number: float) -> Decimal:
    return Decimal(repr(number))


@pytest.mark.parametrize(
    ("x", "step", "rounded"),
    [
        (15 / 50_000, 0.0001, 0.0003),
        (15 / 50_000, 0.001, 0.0),
        (0.3, 0.1, 0.3),
        (0.1 + 0.2, 0.1, 0.3),
        (0.7, 0.1, 0.7),
        (19.97, 1.0, 19.0),
        (20.0, 1, 20.0),
        (1.2345, 0.005, 1.23),
        (1234.0, 1000.0, 1000.0),
        (0.0, 0.1, 0.0),
        (4.074880450743505, 1.0, 4.0),
        (-0.25, 0.1, -0.3),
        (0.00000123, 1e-8, 0.00000123),
        (0.9999999999, 1.0, 1.0),
        (0.999999998, 1.0, 0.0),
    ],
)
def test_rounding_down(x: float, step: float, rounded: float) -> None:
    result = round_down(x, step)
    assert result == rounded
    assert type(result) is float


@pytest.mark.parametrize("step", [0.0, -1.0, math.inf, math.nan])
def test_a_step_is_above_zero(step: float) -> None:
    with pytest.raises(ValueError, match="a step must be above 0"):
        round_down(1.0, step)


@pytest.mark.parametrize("x", [1e300, -1e300, 1e16, 1.7976931348623157e308])
def test_a_number_too_large_to_show_steps_stays(x: float) -> None:
    assert round_down(x, 1e-8) == x


@given(st.floats(0, 1e7), STEPS)
def test_the_rounded_number_is_a_clean_multiple_not_above_and_less_than_a_step_below(x: float, step: float) -> None:
    rounded = round_down(x, step)
    assert exact(rounded) % exact(step) == 0
    assert float(exact(rounded) / exact(step) * exact(step)) == rounded
    assert rounded <= x + step * 1e-9 + x * 1e-15
    assert rounded > x - step * (1 + 1e-9)


@given(st.integers(0, 10**9), STEPS)
def test_a_multiple_of_the_step_is_its_own_rounding(count: int, step: float) -> None:
    multiple = float(exact(step) * count)
    assert round_down(multiple, step) == multiple


def test_rounding_agrees_with_decimal_arithmetic() -> None:
    rng = Random(3)
    for _ in range(20_000):
        step, x = rng.choice((0.001, 0.1, 1e-6, 2.5, 1.0)), rng.random() * 10 ** rng.randrange(-3, 6)
        expected = float(Decimal(repr(step)) * math.floor(x / step + 1e-9))
        assert round_down(x, step) == expected


@pytest.mark.parametrize(
    ("quantity", "parts", "step", "least", "slices"),
    [
        (10.0, 3, 1.0, 1.0, [3.0, 3.0, 4.0]),
        (0.007, 3, 0.001, 0.001, [0.002, 0.002, 0.003]),
        (0.3, 3, 0.1, 0.1, [0.1, 0.1, 0.1]),
        (12.0, 4.0, 1.0, 0.0, [3.0, 3.0, 3.0, 3.0]),
        (0.003, 5, 0.001, 0.001, [0.001, 0.001, 0.001]),
        (0.123, 7, 0.001, 0.02, [0.02, 0.02, 0.02, 0.02, 0.02, 0.023]),
        (0.04, 20, 0.001, 0.02, [0.02, 0.02]),
        (0.039, 20, 0.001, 0.02, []),
        (0.001, 5, 0.001, 0.001, []),
        (10.0, 1, 1.0, 1.0, []),
        (0.0, 5, 1.0, 1.0, []),
        (0.1, 2, 0.001, 5 / 50_000, [0.05, 0.05]),
        (7.0, 2, 2.0, 0.0, [2.0, 5.0]),
    ],
)
def test_slices(quantity: float, parts: float, step: float, least: float, slices: list[float]) -> None:
    assert order_slices(quantity, parts, step, least) == slices


@given(st.integers(1, 10**7), st.integers(-3, 30), STEPS, st.floats(0, 100))
def test_slices_sum_exactly_and_each_is_large_enough(count: int, parts: int, step: float, least: float) -> None:
    quantity = float(exact(step) * count)
    slices = order_slices(quantity, parts, step, least)
    assert len(slices) <= max(0, parts)
    assert len(slices) != 1
    if slices:
        assert sum(map(exact, slices)) == exact(quantity)
        assert len(set(slices[:-1])) == 1
        assert slices[-1] >= slices[0] >= least - step * 1e-9
        assert all(exact(one) % exact(step) == 0 for one in slices)


@given(st.integers(2, 10**5), st.integers(2, 30), STEPS, st.floats(0, 100))
def test_there_are_fewer_slices_only_where_one_more_would_be_too_small(
    count: int, parts: int, step: float, least: float
) -> None:
    quantity = float(exact(step) * count)
    slices = order_slices(quantity, parts, step, least)
    if len(slices) < parts:
        more = max(len(slices), 1) + 1
        each = count // more * exact(step)
        assert each < exact(max(least - step * 1e-9, step))


@pytest.mark.parametrize("parts", [1e9, math.inf, 10**30])
def test_slices_are_bounded(parts: float) -> None:
    assert len(order_slices(1e9, parts, 1.0, 0.0)) == MOST_SLICES


@pytest.mark.parametrize(
    ("quantity", "step", "least"), [(1e308, 1e-300, 0.0), (1.0, 1e-300, 1e308), (5e-324, 5e-324, 0)]
)
def test_slices_of_extreme_numbers(quantity: float, step: float, least: float) -> None:
    assert isinstance(order_slices(quantity, 5, step, least), list)
