"""Clocks that are wrong, or set meanwhile: what is far off is named, what is a little off stops nothing."""

import contextlib
import re
import time

import pytest

from rulecap.exchange import VenueError, reading
from tests.exchange.conftest import asked, refused, whole


@pytest.mark.parametrize("offset", [-60_000, 60_000])
def test_a_wrong_clock_is_named_with_how_wrong_it_is(venue, offset):
    venue.clock_offset_ms = offset
    failure = refused(venue, whole)
    assert failure.code == "clock-skew"
    assert ("ahead of" if offset < 0 else "behind") in failure.message
    assert re.search(r" (5\d|60)\.\d s ", failure.message)


def test_a_clock_that_is_set_right_counts_at_once(venue):
    """Ours or the venue's; a machine that slept, too, whose own clock does not count the sleep."""

    async def look(exchange):
        venue.clock_offset_ms = 30_000
        with pytest.raises(VenueError) as raised:
            await exchange.account_view()
        venue.clock_offset_ms = 0
        return raised.value.code, await exchange.account_view()

    code, view = asked(venue, look)
    assert (code, view.account.total_wallet_balance > 0) == ("clock-skew", True)


def test_a_clock_that_is_a_little_ahead_stops_nothing(venue):
    """Venues take no request of a second that is still to come; by theirs it is of now."""
    venue.clock_offset_ms = -4_000
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}

    async def reduce(exchange):
        return await exchange.account_view(), await exchange.place_reduction(action, "one")

    view, sent = asked(venue, reduce)
    found = asked(venue, lambda exchange: exchange.order("one", "BTCUSDT"))  # as the first question of a new process
    assert abs(view.read_at.timestamp() * 1000 - venue.now()) < 3_000
    assert (sent.quantity, found.filled) == (0.1, 0.1)


def test_a_clock_that_is_put_right_after_it_was_ahead_is_right_again(venue, monkeypatch):
    monkeypatch.setattr(reading, "CLOCK_SECONDS", 0.0)

    async def look(exchange):
        venue.clock_offset_ms = -4_000
        await exchange.account_view()
        venue.clock_offset_ms = 0
        await exchange.account_view()
        return exchange._session.client.options["timeDifference"]

    assert asked(venue, look) <= 1  # the venue tells whole milliseconds alone


@pytest.mark.parametrize("step", [3_600, -3_600, 4])
def test_a_clock_that_is_set_for_a_moment_and_put_right_signs_right_at_once(venue, monkeypatch, step):
    """The venue's own clock goes on; by what it told before, requests would be of another hour for a minute."""
    machines = time.time

    def set_by(seconds):
        venue.clock_offset_ms = -1000 * seconds  # it runs on this machine
        monkeypatch.setattr(time, "time", lambda: machines() + seconds)

    async def look(exchange):
        await exchange.account_view()
        set_by(step)
        with contextlib.suppress(VenueError):
            await exchange.account_view()
        differs = exchange._session.client.options["timeDifference"]
        set_by(0)
        return differs, await exchange.account_view(), exchange._session.client.options["timeDifference"]

    differs, view, after = asked(venue, look)
    assert abs(differs - (step * 1000 if step == 4 else 0)) < 1_000
    assert (view.account.total_wallet_balance > 0, after < 1_000) == (True, True)


def test_a_clock_that_the_venue_refuses_is_named_too(binance):
    body = '{"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}'
    binance.fault("v3/account", "status", 100, status=400, body=body)
    failure = refused(binance, whole)
    assert failure.code == "clock-skew"
    assert "-1021" in failure.message
