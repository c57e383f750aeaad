"""Ranges, volatilities and correlations from bars."""

from math import exp, isclose, sqrt
from statistics import correlation, stdev

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rulecap.measures.bars import Bar, atr_pct, correlation_matrix, log_returns, true_ranges, volatility_pct

HOUR = 3_600


@st.composite
def bar_lists(draw, least=2, most=20):
    bars = []
    for number in range(draw(st.integers(least, most))):
        low = draw(st.floats(0.01, 1e5))
        close = low * draw(st.floats(1, 1.2))
        bars.append(Bar(number, close * draw(st.floats(1, 1.2)), low, close))
    return bars


def test_a_gap_counts_into_the_true_range():
    bars = [Bar(0, 11, 9, 10), Bar(1, 16, 15, 15.5), Bar(2, 15.6, 13, 14)]
    assert true_ranges(bars) == pytest.approx([6, 2.6])
    assert atr_pct(bars) == pytest.approx(100 * 4.3 / 14)


def test_fourteen_bars_of_two_percent_are_two_percent():
    bars = [Bar(number, 101, 99, 100) for number in range(15)]
    assert atr_pct(bars) == 2
    assert volatility_pct(bars, HOUR) == 0


@given(bar_lists())
def test_the_range_of_a_bar_is_at_least_its_own(bars):
    for one, bar in zip(true_ranges(bars), bars[1:], strict=True):
        assert one >= bar.high - bar.low


@given(bar_lists(), st.floats(1e-3, 1e3))
def test_percents_do_not_depend_on_the_unit_of_prices(bars, scale):
    scaled = [Bar(bar.opened, bar.high * scale, bar.low * scale, bar.close * scale) for bar in bars]
    assert isclose(atr_pct(bars), atr_pct(scaled), rel_tol=1e-9, abs_tol=1e-9)
    if len(bars) > 2:
        assert isclose(volatility_pct(bars, HOUR), volatility_pct(scaled, HOUR), rel_tol=1e-6, abs_tol=1e-9)


@given(bar_lists(least=3))
def test_volatility_is_the_sample_deviation_of_log_returns_scaled_to_a_day(bars):
    expected = 100 * stdev(log_returns([bar.close for bar in bars])) * sqrt(24)
    assert isclose(volatility_pct(bars, HOUR), expected, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("bars", [[], [Bar(0, 1, 1, 1)], [Bar(0, 1, 1, 1), Bar(1, 1, 1, 1)]])
def test_too_few_bars_tell_nothing(bars):
    assert volatility_pct(bars, HOUR) is None
    assert (atr_pct(bars) is None) is (len(bars) < 2)


@pytest.mark.parametrize(
    "numbers", [(1, 2, 1.5), (3, 0, 2), (3, 1, 4), (3, 1, 0.5), (float("inf"), 1, 2), (float("nan"), 1, 2)]
)
def test_what_is_no_bar_is_refused(numbers):
    with pytest.raises(ValueError, match="no bar has"):
        Bar(0, *numbers)


RETURNS = st.floats(-0.2, 0.2).map(lambda x: round(x, 6))


@given(
    st.integers(2, 12).flatmap(lambda n: st.lists(st.lists(RETURNS, min_size=n, max_size=n), min_size=1, max_size=6))
)
def test_a_matrix_is_symmetric_with_ones_and_positive_semi_definite(series):
    matrix = correlation_matrix(series)
    if matrix is None:
        assert any(max(one) == min(one) for one in series)
        return
    size = len(series)
    assert all(matrix[i][i] == 1 for i in range(size))
    assert all(matrix[i][j] == matrix[j][i] and -1 <= matrix[i][j] <= 1 for i in range(size) for j in range(size))
    for weights in ([1.0] * size, [(-1.0) ** i for i in range(size)], [1.0 / (i + 1) for i in range(size)]):
        form = sum(weights[i] * weights[j] * matrix[i][j] for i in range(size) for j in range(size))
        assert form > -1e-9


@given(st.lists(st.tuples(RETURNS, RETURNS), min_size=3, max_size=30))
def test_each_element_is_pearsons(pairs):
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    assume(stdev(first) > 1e-6 and stdev(second) > 1e-6)
    matrix = correlation_matrix([first, second])
    assert isclose(matrix[0][1], correlation(first, second), abs_tol=1e-9)


def test_what_does_not_move_is_correlated_with_nothing():
    assert correlation_matrix([[0.01, 0.02, 0.03], [0.01, 0.01, 0.01]]) is None
    assert correlation_matrix([]) is None
    assert correlation_matrix([[0.01], [0.02]]) is None


def test_log_returns_add_up():
    closes = [100.0, 103.0, 99.0, 120.0]
    assert exp(sum(log_returns(closes))) == pytest.approx(1.2)
