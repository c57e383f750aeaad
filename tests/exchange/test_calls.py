"""Asking again, and several things at once."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.exchange import Retries, VenueError
from rulecap.exchange.calls import ask, together
from rulecap.exchange.errors import RETRIABLE


def failing(code, *, times):
    calls = []

    async def call():
        calls.append(code)
        if len(calls) <= times:
            raise VenueError(code, "no")
        return len(calls)

    return call, calls


def run(call, **retries):
    quick = Retries(**{"attempts": 4, "first_delay_seconds": 0.0, "longest_seconds": 5.0} | retries)
    return asyncio.run(ask("it", call, quick, str))


@given(code=st.sampled_from(sorted(RETRIABLE)), times=st.integers(0, 8), attempts=st.integers(1, 6))
@settings(max_examples=40)
def test_only_what_may_pass_is_asked_again_and_never_more_often_than_allowed(code, times, attempts):
    call, calls = failing(code, times=times)
    most = attempts if RETRIABLE[code] else 1
    if times < most:
        assert run(call, attempts=attempts) == times + 1
    else:
        with pytest.raises(VenueError):
            run(call, attempts=attempts)
        assert len(calls) == most


def test_no_try_begins_after_the_time_is_over():
    call, calls = failing("venue-down", times=9)
    with pytest.raises(VenueError):
        run(call, attempts=2, first_delay_seconds=2.0, longest_seconds=0.5)
    assert len(calls) == 1


def test_the_first_failure_of_several_ends_the_others():
    ended = []

    async def endless():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async def broken():
        await asyncio.sleep(0)
        raise VenueError("venue-down", "no")

    async def both():
        await together(endless(), broken())

    with pytest.raises(VenueError):
        asyncio.run(both())
    assert ended == [True]
