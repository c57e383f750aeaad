"""What a venue told is kept for a while, and no longer: what is asked again, when, and what stands where that fails."""

import asyncio

import pytest

from rulecap.exchange import ExchangeSettings, VenueError, reading
from rulecap.exchange.clock import VenueClock
from rulecap.exchange.reading import Reference, stamp
from rulecap.exchange.venues import Venue

MINUTE, HOUR = 60.0, 3600.0


class AuthenticationError(Exception):
    """As ccxt names it."""


class Client:
    """Notes what it is asked; answers with `told`, or fails with it."""

    def __init__(self, told, *can):
        self.told, self.asked = told, []
        self.has, self.options = dict.fromkeys(can, True), {}

    def __getattr__(self, method):
        async def ask(*arguments, **named):
            await asyncio.sleep(0)
            self.asked.append((method, *arguments, *named.values()))
            if isinstance(self.told, Exception):
                raise self.told
            return self.told

        return ask


def by_and_by(clocks, *questions):
    """Ask one after the other, each so many seconds after the one before; return the answers, and failures as such."""

    async def ask():
        found = []
        for seconds, question in questions:
            clocks.go_on(seconds)
            found += await asyncio.gather(question(), return_exceptions=True)
        return found

    return asyncio.run(ask())


def test_the_list_of_markets_is_read_again_after_an_hour_and_then_for_the_whole_of_it(clocks):
    client = Client({"A": {}})
    markets = Reference(client, False).markets
    found = by_and_by(clocks, (0, markets), (HOUR - 1, markets), (1, markets), (HOUR - 1, markets))
    assert found == [{"A": {}}] * 4
    assert client.asked == [("load_markets", False), ("load_markets", True)]


def test_a_list_that_lacks_something_is_read_again_after_a_minute(clocks):
    client = Client({"A": {}})
    reference = Reference(client, False)

    def lacking():
        return reference.markets(lacking=True)

    by_and_by(clocks, (0, lacking), (MINUTE - 1, lacking))
    assert len(client.asked) == 1
    by_and_by(clocks, (1, lacking), (MINUTE - 1, lacking))
    assert len(client.asked) == 2


def test_a_list_that_is_in_doubt_is_read_again_but_once_a_minute(clocks):
    """A venue that says that a market is none any more is believed before the hour is over."""
    client = Client({"A": {}})
    reference = Reference(client, False)

    def doubted():
        reference.doubt_markets()
        return reference.markets()

    by_and_by(clocks, (0, reference.markets), (MINUTE - 1, doubted))
    assert len(client.asked) == 1
    by_and_by(clocks, (1, doubted), (MINUTE - 1, doubted), (0, reference.markets))
    assert len(client.asked) == 2


def test_a_list_that_cannot_be_read_again_stays_is_said_to_and_is_tried_once_a_minute(clocks, caplog):
    client = Client({"A": {}})
    markets = Reference(client, False).markets
    by_and_by(clocks, (0, markets))
    client.told = ConnectionResetError("of a secret")
    assert by_and_by(clocks, (HOUR, markets), (MINUTE - 1, markets), (1, markets)) == [{"A": {}}] * 3
    assert len(client.asked) == 3
    assert [one.code for one in caplog.records] == ["markets-unread"] * 2
    assert "ConnectionResetError" in caplog.text and "of a secret" not in caplog.text
    client.told = {"B": {}}
    assert by_and_by(clocks, (MINUTE, markets), (HOUR - 1, markets)) == [{"B": {}}] * 2


def test_who_asks_while_the_list_is_read_again_waits_for_it(clocks):
    """One who is given the old one would take a position's market, which it lacks, for one that is not listed."""
    client = Client({"A": {}})
    markets = Reference(client, False).markets

    async def ask():
        await markets()
        client.told = {"B": {}}
        clocks.go_on(HOUR)
        return await asyncio.gather(markets(), markets(), markets(lacking=True))

    assert asyncio.run(ask()) == [{"B": {}}] * 3
    assert len(client.asked) == 2


def test_a_venue_that_names_no_market_has_told_half(clocks):
    (failure,) = by_and_by(clocks, (0, Reference(Client({}), False).markets))
    assert (failure.code, failure.message) == ("half-an-answer", "the venue names no market at all")


def test_a_list_that_was_never_read_is_asked_for_at_once_again(clocks):
    client = Client(ConnectionResetError())
    markets = Reference(client, False).markets
    found = by_and_by(clocks, (0, markets), (0, markets))
    assert [type(one) for one in found] == [ConnectionResetError] * 2
    assert len(client.asked) == 2


def test_the_venues_time_is_asked_for_once_a_minute_and_where_it_is_in_doubt(clocks):
    client = Client(1_000_000_000, "fetchTime")
    reference = Reference(client, False)
    by_and_by(clocks, (0, reference.clock), (MINUTE - 1, reference.clock))
    assert len(client.asked) == 1
    by_and_by(clocks, (1, reference.clock))
    assert len(client.asked) == 2
    reference.doubt_clock()
    by_and_by(clocks, (0, reference.clock))
    assert len(client.asked) == 3


@pytest.mark.parametrize(("skew", "theirs"), [(0.0, True), (5.0, True), (-5.0, True), (5.1, False), (-5.1, False)])
def test_a_time_that_was_told_stands_where_it_does_not_differ_too_much_from_ours(clocks, skew, theirs):
    reference = Reference(Client(None), False)
    reference._kept["clock", ""] = 0.0, VenueClock(1000.0 * (clocks.wall - skew), clocks.steady, 0.0)
    assert reference.clock_untold(5.0).skew_seconds() == (skew if theirs else 0.0)


def test_where_no_time_was_told_ours_stands(clocks):
    assert Reference(Client(None), False).clock_untold(5.0).now_ms() == 1000.0 * clocks.wall


@pytest.mark.parametrize("can", ["fetchMarketLeverageTiers", "fetchLeverageTiers"])
def test_tiers_are_kept_for_an_hour_each_markets_its_own(clocks, can):
    client = Client([{"tier": 1}], can)
    reference = Reference(client, True)

    def of(symbol):
        return lambda: reference.tiers(symbol)

    assert by_and_by(clocks, (0, of("A")), (HOUR - 1, of("A")), (0, of("B")), (1, of("A"))) == [[{"tier": 1}]] * 4
    method = "fetch_market_leverage_tiers"
    assert client.asked == [(method, "A"), (method, "B"), (method, "A")]


def test_a_venue_without_tiers_is_not_asked_for_them(clocks):
    client = Client([{"tier": 1}])
    assert by_and_by(clocks, (0, lambda: Reference(client, True).tiers("A"))) == [None]
    assert client.asked == []


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("failure", [AuthenticationError("no key"), ConnectionResetError("gone")])
def test_tiers_are_absent_only_where_they_want_a_key_and_there_is_none(clocks, keyed, failure):
    """Taken for none where the venue is down, a position would have none of its limits for an hour."""
    client = Client(failure, "fetchLeverageTiers")
    found = by_and_by(clocks, (0, lambda: Reference(client, keyed).tiers("A")))
    assert found == [[] if not keyed and isinstance(failure, AuthenticationError) else failure]


def test_fees_are_this_accounts_and_kept_for_an_hour_each_markets_its_own(clocks):
    client = Client({"taker": 0.0004}, "fetchTradingFee")
    reference = Reference(client, True)

    def of(symbol):
        return lambda: reference.fees(symbol)

    assert by_and_by(clocks, (0, of("A")), (HOUR - 1, of("A")), (0, of("B")), (1, of("A"))) == [{"taker": 0.0004}] * 4
    assert client.asked == [("fetch_trading_fee", "A"), ("fetch_trading_fee", "B"), ("fetch_trading_fee", "A")]


@pytest.mark.parametrize(("keyed", "can"), [(False, ["fetchTradingFee"]), (True, []), (False, [])])
def test_fees_that_nobody_tells_are_absent(clocks, keyed, can):
    client = Client({"taker": 0.0004}, *can)
    assert by_and_by(clocks, (0, lambda: Reference(client, keyed).fees("A"))) == [None]
    assert client.asked == []


VENUE = Venue(mode=("ask_mode", lambda told: told["why"]))


def checking(reference, venue=VENUE):
    return lambda: reference.check_mode(venue, "USDT")


def test_a_mode_is_asked_for_once_a_minute_and_refused_each_time(clocks):
    client = Client({"why": "many currencies"})
    check = checking(Reference(client, True))
    for failure in by_and_by(clocks, (0, check), (MINUTE - 1, check), (1, check)):
        assert isinstance(failure, VenueError) and failure.code == "not-one-pool"
        assert failure.message == "the account's margin is no one pool in USDT: many currencies"
    assert client.asked == [("ask_mode",)] * 2


def test_a_mode_that_cannot_be_read_again_is_as_it_was_and_asked_for_a_minute_later(clocks, caplog):
    """Asked for at each reading, a question that hangs would hold up each of them."""
    for why in (None, "many currencies"):
        client = Client({"why": why})
        check = checking(Reference(client, True))
        first, *_ = by_and_by(clocks, (0, check))
        client.told = ConnectionResetError("of a secret")
        later = by_and_by(clocks, (MINUTE, check), (MINUTE - 1, check))
        assert [str(one) for one in later] == [str(first)] * 2
        assert len(client.asked) == 2
        client.told = {"why": "a new one"}
        (failure,) = by_and_by(clocks, (1, check))
        assert failure.message.endswith("a new one")
    assert [one.code for one in caplog.records] == ["mode-unread"] * 2
    assert "of a secret" not in caplog.text


def test_a_mode_that_was_never_told_is_waited_for_longer_than_one_that_was(clocks, monkeypatch):
    monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.0)
    client = Client({"why": None})
    reference = Reference(client, True)
    assert by_and_by(clocks, (0, checking(reference))) == [None]
    client.told = {"why": "many currencies"}
    assert by_and_by(clocks, (MINUTE, checking(reference))) == [None]


def test_a_mode_that_was_never_told_is_an_error(clocks):
    (failure,) = by_and_by(clocks, (0, checking(Reference(Client(ConnectionResetError()), True))))
    assert isinstance(failure, ConnectionResetError)


def test_a_venue_without_modes_is_not_asked(clocks):
    client = Client({"why": "many currencies"})
    assert by_and_by(clocks, (0, checking(Reference(client, True), Venue()))) == [None]
    assert client.asked == []


def test_nobody_asks_for_currencies():
    client = Client(None, "fetchCurrencies", "fetchTime")
    Reference(client, True)
    assert client.has == {"fetchCurrencies": False, "fetchTime": True}


@pytest.mark.parametrize(("told", "found"), [(None, 1000), (900, 900), (1000, 1000), (1100, 1000), ("x", 1000)])
def test_no_answer_is_of_a_time_that_has_not_come(told, found):
    """A price from the future would never be too old."""
    assert stamp({"timestamp": told}, 1000.0) == found


SETTINGS = ExchangeSettings(venue="binanceusdm", timeframe="1h", bars=2)


def bars(*hours):
    return [[hour * 3_600_000, 10.0, 12.0, 9.0, 10.0 + hour % 2, 1.0] for hour in hours]


def test_bars_are_asked_for_again_once_the_next_one_has_ended_and_not_before():
    """Asked for never again, a market would be as calm for ever as it was when the first one asked."""
    client = Client(bars(1, 2, 3, 4))
    reference = Reference(client, False)

    async def last(symbol, hours):
        found = await reference.history(symbol, SETTINGS, hours * 3_600_000.0)
        return [bar.opened // 3_600_000 for bar in found.bars]

    async def ask():
        told = [await last("A", 4.0), await last("A", 4.999)]
        client.told = bars(2, 3, 4, 5)
        return [*told, await last("A", 5.0), await last("A", 5.5), await last("B", 5.5)]

    assert asyncio.run(ask()) == [[1, 2, 3]] * 2 + [[2, 3, 4]] * 3
    assert [symbol for _, symbol, *_ in client.asked] == ["A", "A", "B"]


def test_bars_are_asked_for_from_before_the_first_that_is_wanted_to_after_the_last():
    client = Client([])
    asyncio.run(Reference(client, False).history("A", SETTINGS, 1_000_000_000.9))
    assert client.asked == [("fetch_ohlcv", "A", "1h", 1_000_000_000 - 5 * 3_600_000, 6)]
