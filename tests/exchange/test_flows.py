"""Deposits and withdrawals: each is counted once, whenever it comes, and nothing else is."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.exchange import Deposits, VenueError
from rulecap.exchange.clock import moment
from rulecap.exchange.flows import IN_OR_OUT, OVERLAP, counted
from rulecap.exchange.ledger import Ledger
from rulecap.exchange.venues import BYBIT, Venue, venue_of
from tests.exchange.conftest import asked, settings_of

# Deposits and withdrawals.

START = datetime(2026, 1, 1, tzinfo=UTC)
BINANCE = Venue()


def entry(seconds, amount, name=None):
    return {
        "id": name or f"{seconds}",
        "timestamp": int(after(seconds).timestamp() * 1000),
        "amount": abs(amount),
        "direction": "in" if amount > 0 else "out",
        "currency": "USDT",
        "type": "transfer",
    }


def after(seconds):
    return START + timedelta(seconds=seconds)


amounts = st.integers(-1000, 1000).filter(bool)


@given(st.lists(st.tuples(st.integers(1, 5_000), amounts), max_size=12), st.lists(st.integers(1, 5_000), max_size=4))
def test_every_entry_counts_once_however_often_the_ledger_is_read(flows, readings):
    entries = [entry(seconds, amount, f"{i}") for i, (seconds, amount) in enumerate(flows)]
    known = Deposits(100.0, START)
    for reading in [*sorted(readings), 6_000]:
        now = after(reading)
        span = known.since.timestamp() * 1000, now.timestamp() * 1000
        window = [one for one in entries if span[0] <= one["timestamp"] <= span[1]]
        known = counted(known, window + window, BINANCE, "USDT", now)
    assert known.net == 100.0 + sum(amount for _, amount in flows)


def test_an_entry_that_comes_late_counts_too():
    known = counted(Deposits(0.0, START), [entry(50, 10)], BINANCE, "USDT", after(100))
    late = counted(known, [entry(50, 10), entry(60, 7)], BINANCE, "USDT", after(200))
    assert (late.net, known.late, late.late) == (17, False, True)
    assert counted(late, [entry(50, 10), entry(60, 7)], BINANCE, "USDT", after(300)).late is False
    assert known.since == after(100) - OVERLAP
    # It is late where it is of before the last record, however long before that something was kept.
    again = Deposits(10.0, after(150)).with_kept([known])
    assert again.through == after(100)
    found = counted(again, [entry(50, 10), entry(120, 7)], BINANCE, "USDT", after(200))
    assert (found.net, found.late) == (17, True)
    assert counted(again, [entry(50, 10), entry(160, 7)], BINANCE, "USDT", after(200)).late is False


def test_what_moved_before_counting_began_counts_never_however_late_it_comes():
    """It is in the first figures: an account that was filled just before its first reading has lost nothing."""
    began = Deposits.beginning(START)
    late = counted(began, [entry(-60, 7), entry(50, 10)], BINANCE, "USDT", after(100))
    later = [entry(-60, 7), entry(-30, 5), entry(60, 2)]
    again = counted(Deposits.of(late.to_dict()), later, BINANCE, "USDT", after(200))
    assert (began.net, late.net, late.late, again.net) == (0, 10, False, 12)


def test_what_moved_at_the_very_moment_is_in_the_figures_of_that_moment_and_counts_once():
    assert counted(Deposits(0.0, START), [entry(0, 10)], BINANCE, "USDT", after(100)).net == 0
    assert counted(Deposits.beginning(START), [entry(0, 10)], BINANCE, "USDT", after(100)).net == 0
    now = counted(Deposits(0.0, START), [entry(100, 10)], BINANCE, "USDT", after(100))
    assert (now.net, counted(now, [entry(100, 10)], BINANCE, "USDT", after(200)).net) == (10, 10)


def test_of_what_was_kept_of_one_sum_the_latest_is_counted_on_from():
    """It knows most of what was counted; what only an earlier one lacks would be taken for money that came late."""
    kept = [Deposits(10.0, after(second), frozenset({f"{second}"})) for second in (50, 80)]
    assert Deposits(10.0, after(100)).with_kept(kept).seen == {"80"}
    assert Deposits(10.0, after(100)).with_kept(kept[::-1]).seen == {"50"}
    assert Deposits(11.0, after(100)).with_kept(kept).seen is None


def test_money_that_moved_after_the_account_was_read_is_neither_counted_nor_passed_over():
    moved = [entry(50, 10), entry(101, 7)]
    with pytest.raises(VenueError, match="paid in or out while") as raised:
        counted(Deposits(0.0, START), moved, BINANCE, "USDT", after(100))
    assert (raised.value.code, raised.value.retriable) == ("account-moving", True)
    assert counted(Deposits(0.0, START), moved, BINANCE, "USDT", after(101)).net == 17
    with pytest.raises(VenueError, match="paid in or out while"):  # the venue's time is not known better
        counted(Deposits(0.0, START), moved, BINANCE, "USDT", after(101), timedelta(seconds=0.5))
    trade = entry(101, 5) | {"type": "trade"}
    assert counted(Deposits(0.0, START), [trade], BINANCE, "USDT", after(100)).net == 0


@pytest.mark.parametrize("amount", ["6000", "-6000"])
def test_the_account_is_read_again_when_money_moves_meanwhile(venue, amount):
    def move():
        time.sleep(0.2)  # later than reading began, by any clock
        venue.deposit(amount)

    venue.after(venue.positions_path, move)
    known = Deposits(0.0, moment(venue.now()))
    view = asked(venue, lambda exchange: exchange.account_view(known))
    assert view.account.total_wallet_balance == 12_000 + float(amount)
    assert view.account.net_deposits == float(amount)


def test_money_that_moves_just_before_counts_though_the_venues_time_is_known_only_roughly(venue):
    """Its answer may have been long under way: by what it told, it is earlier than it is."""

    def told(answer):
        time.sleep(0.8)
        return answer

    async def look(exchange):
        await exchange.account_view()
        venue.deposit("500")
        return await exchange.account_view(known)

    venue.fault(venue.time_path, "then", 1, change=told)
    known = Deposits(0.0, moment(venue.now()))
    assert asked(venue, look).account.net_deposits == 500
    assert len(venue.asked(venue.positions_path)) > 4


def test_what_is_no_flow_of_this_account_does_not_count():
    trade, dollars = entry(1, 5) | {"type": "trade"}, entry(2, 5) | {"currency": "BTC"}
    assert counted(Deposits(0.0, START), [trade, dollars], BINANCE, "USDT", after(9)).net == 0
    interest = entry(3, 5) | {"type": "transaction", "info": {"type": "INTEREST"}}
    moved = entry(4, 5) | {"type": "transaction", "info": {"type": "TRANSFER_IN"}}
    assert counted(Deposits(0.0, START), [interest, moved], BYBIT, "USDT", after(9)).net == 5


@pytest.mark.parametrize("change", [{"amount": None}, {"timestamp": None}, {"direction": None}])
def test_a_flow_that_is_not_whole_is_refused(change):
    with pytest.raises(VenueError):
        counted(Deposits(0.0, START), [entry(1, 5) | change], BINANCE, "USDT", after(9))


def test_a_sum_that_no_number_holds_is_refused_and_not_kept():
    with pytest.raises(VenueError, match="more than a number can hold") as raised:
        counted(Deposits(1e308, START), [entry(1, 1e308)], BINANCE, "USDT", after(9))
    assert raised.value.code == "half-an-answer"


def test_deposits_since_the_last_reading_are_in_the_account(venue):
    async def twice(exchange):
        first = await exchange.account_view(Deposits(10_000.0, moment(venue.now()) - timedelta(days=20)))
        venue.deposit("500")
        venue.deposit("-120")
        second = await exchange.account_view(first.deposits)
        return first, second, await exchange.account_view(second.deposits)

    venue.deposit("250", at=venue.now() - 86_400_000 * 15)
    first, second, third = asked(venue, twice)
    assert [one.account.net_deposits for one in (first, second, third)] == [10_250, 10_630, 10_630]


def test_a_ledger_longer_than_an_answer_is_read_whole(bybit):
    for minute in range(180):
        bybit.deposit("1", at=bybit.now() - 60_000 * minute)
    begin = moment(bybit.now()) - timedelta(hours=4)
    view = asked(bybit, lambda exchange: exchange.account_view(Deposits(0.0, begin)))
    assert view.account.net_deposits == 180
    sent = [json.dumps(one.params) for one in bybit.asked("transaction-log")]
    assert len(sent) > 4


def test_what_is_asked_for_type_by_type_is_what_counts():
    import ccxt

    name = ccxt.binanceusdm().parse_ledger_entry_type
    assert {name(kind) for kind in venue_of("binanceusdm").flow_filter[1]} == set(IN_OR_OUT)
    assert set(venue_of("bybit").flow_filter[1]) == venue_of("bybit").flow_types


def test_no_ledger_is_asked_what_moved_in_a_time_that_ends_before_it_begins():
    """As where the last reading was of later than now: a venue refuses the question, and deposits were not known."""
    ledger = Ledger(None, Venue(), "USDT", None, START)
    assert asyncio.run(ledger.entries((START, START - OVERLAP))) == []


@pytest.mark.parametrize("amount", ["300", "-300"])
def test_however_much_was_traded_what_was_paid_in_or_out_is_found_in_a_few_questions(venue, amount):
    """Else a busy account's ledger takes longer to be read than it is good for, at each reading."""
    venue.trade(4_000, at=venue.now() - 300_000)
    venue.deposit(amount, at=venue.now() - 200_000)
    venue.trade(4_000, at=venue.now() - 100_000)
    begin = moment(venue.now()) - timedelta(minutes=8)
    view = asked(venue, lambda exchange: exchange.account_view(Deposits(0.0, begin)))
    assert view.account.net_deposits == float(amount)
    kinds = venue_of(settings_of(venue).venue).flow_filter[1]
    assert len(venue.asked(venue.ledger_path)) <= max(7, 1 + len(kinds))  # each of them is asked for by itself


def test_entries_in_other_currencies_fill_an_answer_too(venue):
    """Whoever pays fees in another coin has more of those than of his own currency's."""
    for second in range(200, 0, -1):
        venue.trade(5, at=venue.now() - 1_000 * second)
        venue.trade(15, at=venue.now() - 1_000 * second + 500, asset="BNB")
        if second == 10:
            venue.deposit("-300", at=venue.now() - 1_000 * second)
    begin = moment(venue.now()) - timedelta(minutes=8)
    view = asked(venue, lambda exchange: exchange.account_view(Deposits(0.0, begin)))
    assert view.account.net_deposits == -300


def test_nobody_asks_the_ledger_where_nobody_wants_to_know(venue):
    view = asked(venue, lambda exchange: exchange.account_view())
    assert (view.deposits, view.account.net_deposits) == (None, 0)
    assert not venue.asked(venue.ledger_path)
