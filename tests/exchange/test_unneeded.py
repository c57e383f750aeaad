"""What no reduction needs: waited for a short while, told where it is missed, and never taken for an answer."""

import asyncio
import time
from types import SimpleNamespace

import ccxt
import pytest

from rulecap.exchange import VenueError, reading, unneeded
from rulecap.exchange.clock import VenueClock
from rulecap.exchange.unneeded import Asides, Unneeded
from tests.exchange.conftest import asked, refused


def part(exchange):
    return exchange.account_view(partial=True)


@pytest.mark.parametrize(("path", "code"), [("mode_path", "mode-unknown"), ("time_path", "time-unknown")])
@pytest.mark.parametrize("kind", ["drop", "timeout", "empty"])
def test_what_is_not_told_is_named_and_the_account_read(venue, monkeypatch, path, code, kind):
    monkeypatch.setattr(unneeded, "UNNEEDED_SECONDS", 0.3)
    venue.fault(getattr(venue, path), kind, 100_000)
    view = asked(venue, part)
    assert [error.code for error in view.unsure] == [code]
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "ETHUSDT"]
    assert (view.timeless is None) is (code != "time-unknown")


def test_a_whole_account_is_not_read_without_it(venue):
    for path in (venue.mode_path, venue.time_path):
        venue.fault(path, "drop", 100_000)
        assert refused(venue, lambda exchange: exchange.account_view()).code == "venue-down"
        venue._faults.clear()


def test_a_leverage_that_cannot_be_asked_for_is_what_margin_and_notional_come_to(binance):
    before = asked(binance, part)
    binance.fault("symbolConfig", "drop", 100_000)
    view = asked(binance, part)
    assert [error.code for error in view.unsure] == ["leverage-unknown"]
    leverages = [[one.position.leverage for one in told.held] for told in (view, before)]
    assert leverages[0] == pytest.approx(leverages[1])
    failure = refused(binance, lambda exchange: exchange.account_view())
    assert failure.code == "leverage-unknown"


NO_BRACKETS = [
    ("drop", {}),
    ("status", {"status": 500, "body": "oops"}),
    ("status", {"status": 200, "body": '[{"symbol": "BTCUSDT", "brackets": [5]}]'}),
    ("status", {"status": 200, "body": "[" * 100_000 + "]" * 100_000}),
]


@pytest.mark.parametrize(("kind", "answer"), NO_BRACKETS)
def test_brackets_that_cannot_be_read_change_no_position(binance, kind, answer):
    before = asked(binance, part)
    binance.fault("leverageBracket", kind, 100_000, **answer)
    view = asked(binance, part)
    assert [one.position for one in view.held] == [one.position for one in before.held]
    assert view.unsure == ()


@pytest.mark.parametrize(
    "failure", [ConnectionResetError("gone"), KeyError("brackets"), RecursionError(), ccxt.ExchangeError("no")]
)
def test_what_stands_for_an_answer_does_so_where_the_venue_fails(failure):
    assert asyncio.run(Asides().instead("the brackets", failing_with(failure), {})) == {}


@pytest.mark.parametrize("slip", [NameError("lod"), AssertionError(), RuntimeError("no running event loop")])
def test_a_slip_of_a_program_is_no_venue_that_is_down(slip):
    with pytest.raises(type(slip)):
        asyncio.run(Asides().instead("the brackets", failing_with(slip), {}))


def failing_with(error):
    async def ask():
        raise error

    return ask


def test_a_mode_that_is_told_and_is_no_pool_is_refused_also_where_a_part_is_enough(venue):
    venue.set_mode(venue.modes[-1])
    assert refused(venue, part).code == "not-one-pool"


def test_a_clock_that_the_venue_says_is_wrong_is_refused_also_where_a_part_is_enough(venue):
    venue.clock_offset_ms = 60_000
    assert refused(venue, part).code == "clock-skew"


def test_a_mode_that_was_told_stays_known_while_its_question_hangs(venue, monkeypatch):
    async def look(exchange):
        await part(exchange)
        venue.fault(venue.mode_path, "timeout", 100_000)
        return await part(exchange)

    monkeypatch.setattr(reading, "MODE_SECONDS", 0.0)
    monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.1)
    assert asked(venue, look).unsure == ()


def test_while_the_time_is_not_told_it_is_counted_on_from_where_it_was(venue, monkeypatch):
    async def look(exchange):
        await part(exchange)
        venue.fault(venue.time_path, "drop", 100_000)
        return await part(exchange)

    monkeypatch.setattr(reading, "CLOCK_SECONDS", 0.0)
    venue.clock_offset_ms = 2_000
    view = asked(venue, look)
    assert view.timeless.code == "time-unknown"
    assert view.read_at.timestamp() - time.time() > 1


def test_a_clock_that_stood_still_is_no_time():
    reference = reading.Reference(SimpleNamespace(has={}, options={}), False)
    reference._kept["clock", ""] = 0.0, VenueClock(time.time() * 1000 - 7_200_000, time.monotonic(), 0.0)
    assert abs(reference.clock_untold(5.0).skew_seconds()) < 1


@pytest.mark.parametrize(("waited", "later"), [(0.0, 5.0), (0.5, 5.0), (4.0, 16.0), (600.0, 20.0)])
def test_what_failed_is_left_for_a_while_and_longer_where_it_was_waited_for(waited, later):
    now, asks = [0.0], []

    async def failing():
        asks.append(now[0])
        now[0] += waited
        raise VenueError("venue-down", "no")

    async def answering():
        return 5

    async def ask():
        known = Unneeded(lambda: now[0])
        for now[0] in (0.0, waited, waited + later - 0.1):
            told = await known.told("mode-unknown", "the mode", failing)
            assert [error.code for error in told.unsure] == ["mode-unknown"]
        now[0] = waited + later
        return await known.told("mode-unknown", "the mode", answering)

    told = asyncio.run(ask())
    assert asks == [0.0]
    assert (told.found, told.unsure) == (5, ())


def test_a_venue_that_bans_is_not_read_on(binance):
    binance.fault("v1/time", "status", 100_000, status=418, body="{}")
    assert refused(binance, part).code == "venue-banned"
    assert not binance.asked("v3/account")


def test_brackets_that_are_asked_for_too_often_have_the_venue_left_alone(binance):
    banned = '{"code": -1003, "msg": "Way too much request weight used; IP banned until 1."}'
    binance.fault("leverageBracket", "status", 100_000, status=418, body=banned)
    assert refused(binance, part).code == "venue-banned"


def test_a_question_that_failed_leaves_another_one_to_be_asked():
    async def look():
        asides = Asides()

        async def fails():
            raise ccxt.NetworkError("down")

        async def answers():
            return "told"

        return [await asides.instead("one", fails, "instead"), await asides.instead("another", answers, "instead")]

    assert asyncio.run(look()) == ["instead", "told"]
