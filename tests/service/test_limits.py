"""A bucket of tokens for each caller: it fills at a steady rate, and one caller takes nothing from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.service import limits
from rulecap.service.limits import RateLimit


class Clock:
    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


def test_a_burst_passes_and_then_one_for_each_interval():
    clock = Clock()
    limit = RateLimit(10.0, 3, clock)
    assert [limit.wait("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limit.wait("a") == pytest.approx(0.1)
    assert limit.wait("b") == 0.0
    clock.time = 0.1
    assert limit.wait("a") == 0.0
    assert limit.wait("a") > 0.0


def test_without_a_rate_nobody_waits():
    limit = RateLimit(None, 1)
    assert {limit.wait("a") for _ in range(100)} == {0.0}


@given(st.lists(st.floats(0, 5), min_size=1, max_size=200), st.floats(0.1, 50), st.integers(1, 20))
def test_never_more_pass_than_the_burst_and_the_rate_allow(pauses, rate, burst):
    clock = Clock()
    limit = RateLimit(rate, burst, clock)
    passed = 0
    for pause in pauses:
        clock.time += pause
        passed += limit.wait("a") == 0.0
        assert passed <= burst + rate * clock.time + 1e-6


def test_callers_without_end_take_no_memory_without_end(monkeypatch):
    monkeypatch.setattr(limits, "MOST_CALLERS", 10)
    clock = Clock()
    limit = RateLimit(1.0, 2, clock)
    for number in range(100):
        clock.time += 0.01
        limit.wait(f"caller {number}")
    assert len(limit._buckets) <= 10
