"""The lower bound of a win rate."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.measures.statistics import lower_confidence_bound


def test_known_bounds() -> None:
    assert lower_confidence_bound(0.5, 10, 1.959964) == pytest.approx(0.236593, abs=1e-6)
    # 81 of 263: R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3
    assert lower_confidence_bound(81 / 263, 263, 1.959964) == pytest.approx(0.2553, abs=5e-5)
    assert lower_confidence_bound(1.0, 30, 1.2816) == pytest.approx(30 / (30 + 1.2816**2))


def test_nothing_measured_is_worth_nothing() -> None:
    assert lower_confidence_bound(0.9, 0, 1.2816) == 0.0
    assert lower_confidence_bound(0.9, -1, 1.2816) == 0.0
    assert lower_confidence_bound(0.0, 50, 1.2816) == 0.0


def test_without_a_margin_the_bound_is_the_share() -> None:
    assert lower_confidence_bound(0.58, 100, 0.0) == 0.58


@given(st.floats(0, 1), st.integers(1, 10**12), st.floats(0, 5))
def test_the_bound_solves_the_score_equation(share: float, trials: int, z: float) -> None:
    """(p̂ − p)² = z²·p(1 − p)/n at the bound p, which is what the interval inverts."""
    bound = lower_confidence_bound(share, trials, z)
    assert 0.0 <= bound <= share + 1e-15
    assert share - bound == pytest.approx(z * sqrt(bound * (1 - bound) / trials), abs=1e-7)


@given(st.floats(0, 1), st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_trades_never_lower_it(share: float, first: int, second: int) -> None:
    few, many = sorted((first, second))
    assert lower_confidence_bound(share, few, 1.2816) <= lower_confidence_bound(share, many, 1.2816) + 1e-12


@pytest.mark.parametrize("share", [-0.5, 1.5])
def test_a_share_beyond_its_range_counts_as_its_bound(share: float) -> None:
    assert 0.0 <= lower_confidence_bound(share, 10, 1.2816) <= 1.0
