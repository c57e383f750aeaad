"""No more is asked than a venue allows, by a clock that nobody sets."""

import asyncio
import time

import pytest

from rulecap.exchange import pace
from rulecap.exchange.pace import Pace
from tests.exchange.conftest import asked
from tests.patience import patience


def test_a_clock_that_is_set_back_while_requests_wait_keeps_none_of_them(venue, monkeypatch):
    """ccxt's own count was by the machine's time: an hour back, and nothing was asked for an hour."""
    from ccxt.async_support.base import throttler

    real = time.time

    def set_back():
        return real() - (3600.0 if len(venue.requests) > 3 else 0.0)

    monkeypatch.setattr(time, "time", set_back)
    monkeypatch.setattr(throttler, "time", set_back)

    async def many(exchange):
        return await asyncio.gather(*(exchange._session.client.fetch_time() for _ in range(8)))

    with patience(60):
        assert len(asked(venue, many, milliseconds_per_weight=20)) == 8


class Steady:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def steady(monkeypatch):
    one = Steady()
    monkeypatch.setattr(pace, "time", one)
    monkeypatch.setattr(pace, "sleep", one.sleep)
    return one


def of(milliseconds):
    return Pace({"refillRate": 1.0 / milliseconds, "capacity": 1, "cost": 1})


def paced(one, *costs):
    async def ask():
        return [await one(cost) for cost in costs]

    asyncio.run(ask())


def test_what_was_asked_is_paid_for_before_the_next_request(steady):
    paced(of(50), 5, 1, 20, 1)
    assert steady.now == pytest.approx(100.0 + 0.05 * (5 + 1 + 20), abs=0.01)


def test_a_request_without_a_weight_has_the_venue_s_least(steady):
    paced(of(50), None, None, None)
    assert steady.now == pytest.approx(100.1, abs=0.01)


def test_a_pause_is_no_credit_for_more_than_one(steady):
    one = of(50)
    paced(one, 1)
    steady.now += 3600.0
    paced(one, 1, 1, 1)
    assert steady.now == pytest.approx(3700.05, abs=0.01)


def test_whoever_asks_first_is_first_and_who_gives_up_holds_up_nobody():
    async def ask():
        one, told = of(1), []

        async def wait(number):
            await one(20)
            told.append(number)

        tasks = [asyncio.create_task(wait(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return told

    with patience(60):
        assert asyncio.run(ask()) == [0, 2, 3]
