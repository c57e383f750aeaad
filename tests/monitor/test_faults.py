"""What fails outside fails one pass at the most: no order on what is not known, and the next pass goes on."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from rulecap.audit import LogError, UnusableKey, open_log
from rulecap.audit.clock import now
from rulecap.audit.review.deposits import deposits_on_record
from rulecap.exchange import Exchange
from rulecap.exchange.counting import Counting
from rulecap.monitor import deciding
from tests.monitor.conftest import ORANGE, changes, codes, ledger_path, quantities
from tests.venue.venue import put

FAULTS = {
    "timeout": ({"kind": "timeout"}, "venue-timeout"),
    "drop": ({"kind": "drop"}, "venue-down"),
    "cut": ({"kind": "cut"}, "half-an-answer"),
    "empty": ({"kind": "empty"}, "half-an-answer"),
    "500": ({"kind": "status", "status": 500, "body": "oops"}, "venue-down"),
    "429": ({"kind": "status", "status": 429, "body": "slow down"}, "venue-rate-limited"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_account_that_cannot_be_read_is_not_acted_on_and_is_again_when_it_can_be(desk, venue, fault):
    venue.set_wallet(ORANGE)
    given, code = FAULTS[fault]
    options = dict(given)
    venue.fault(venue.positions_path, options.pop("kind"), 1000, **options)
    first, second = desk.steps(venue._faults.clear)
    assert codes(first) == [code]
    assert (first.decided, first.outcomes) == ([], [])
    assert second.ok
    assert {one.did for one in second.outcomes} == {"sent"}
    assert len(venue.orders) == 4


def test_a_wrong_clock_is_told_and_nothing_is_sent(desk, venue):
    venue.set_wallet(ORANGE)
    venue.clock_offset_ms = 60_000
    report = desk.one()
    assert codes(report) == ["clock-skew"]
    assert venue.orders == []
    venue.clock_offset_ms = 0
    assert desk.one().ok


def test_a_position_that_appears_between_two_calls_is_in_the_decision(desk, venue):
    venue.after(venue.positions_path, lambda: venue.set_position("BTCUSDT", "LONG", "0.06", "32310", leverage=5))
    venue.set_wallet(ORANGE)
    report = desk.one()
    assert report.ok
    assert report.outcomes[0].action["quantity"] == pytest.approx(0.018)


def test_a_market_that_is_taken_off_keeps_nothing_else_from_being_reduced(desk, venue):
    venue.set_wallet(ORANGE)

    def delist():
        venue.delist("SUSHIUSDT")
        venue.set_wallet("600")

    _, second = desk.steps(delist)
    assert second.ok
    assert "SUSHIUSDT" not in {one.action["symbol"] for one in second.outcomes}
    assert {one.did for one in second.outcomes} == {"sent"}


def test_an_account_is_stale_after_a_while_and_fresh_again_each_told_once(desk, venue):
    def fail():
        venue.fault(venue.positions_path, "drop", 1000)

    def late():
        desk.clock.pass_time(91)

    def mend():
        venue._faults.clear()

    reports = desk.steps(fail, late, lambda: None, mend, lambda: None)
    told = [changes(one).get("monitor.account") for one in reports]
    assert told == [None, None, ("FRESH", "STALE"), None, ("STALE", "FRESH"), None]


def test_staleness_is_told_by_passes_from_cron_too(desk, venue):
    desk.one()
    venue.fault(venue.positions_path, "drop", 1000)
    assert "monitor.account" not in changes(desk.one())
    desk.clock.pass_time(91)
    assert changes(desk.one())["monitor.account"] == ("FRESH", "STALE")
    assert "monitor.account" not in changes(desk.one())


def test_a_log_that_cannot_be_written_stops_no_reduction_and_is_told(at_binance, binance):
    desk, venue = at_binance, binance
    desk.one()
    other = sqlite3.connect(desk.folder / "log.sqlite3", isolation_level=None)

    def lock():
        other.execute("BEGIN IMMEDIATE")
        venue.set_wallet(ORANGE)

    with closing(other):
        first, second, third = desk.steps(lock, lambda: other.execute("ROLLBACK"))
    assert first.ok
    assert not second.ok
    assert set(codes(second)) == {"unlogged"}
    assert changes(second)["monitor.log"] == ("WRITTEN", "FAILING")
    assert {one.did for one in second.outcomes} == {"sent"}
    assert all(order.client_id.startswith("rcu") for order in venue.orders)
    assert len({order.client_id for order in venue.orders}) == 4
    assert changes(third)["monitor.log"] == ("FAILING", "WRITTEN")
    assert third.ok
    evidence = sqlite3.connect(desk.journal)
    with closing(evidence):
        (kept,) = evidence.execute("SELECT evidence FROM orders LIMIT 1").fetchone()
    assert b'"snapshot"' in kept and b'"actions"' in kept


def test_a_log_that_is_not_there_at_the_start_is_begun_when_it_can_be(at_binance, binance):
    desk, venue = at_binance, binance
    folder = desk.folder / "later"
    desk.log = f"sqlite:///{folder / 'log.sqlite3'}"
    venue.set_wallet(ORANGE)
    first, second = desk.steps(folder.mkdir)
    assert set(codes(first)) == {"unlogged"}
    assert {one.did for one in first.outcomes} == {"sent"}
    assert second.ok
    with open_log(desk.log) as log:
        assert log.head().size == 3


def test_a_signing_key_that_is_lost_meanwhile_stops_no_reduction(at_binance, binance, monkeypatch):
    failures = [LogError("log-locked", "at first"), UnusableKey("the key is gone")]

    def no_ledger(_):
        raise failures.pop(0)

    monkeypatch.setattr(deciding, "open_ledger", no_ledger)
    binance.set_wallet(ORANGE)
    report = at_binance.one()
    assert set(codes(report)) == {"unlogged"}
    assert {one.did for one in report.outcomes} == {"sent"}


def test_where_the_journal_is_gone_nothing_is_sent(desk, venue):
    def lose():
        desk.journal.unlink()
        venue.set_wallet(ORANGE)

    _, second = desk.steps(lose)
    assert "journal" in codes(second)
    assert [one.decision for one in second.decided] == ["state", "margin", "drawdown"]
    assert venue.orders == []
    assert quantities(venue)["BTCUSDT"] == 0.05


def test_a_venue_that_cannot_be_asked_about_an_order_leaves_its_position_alone(desk, venue):
    venue.set_wallet(ORANGE)
    order = "v1/order" if venue.positions_path == "positionRisk" else "order/create"
    asked = "v1/order" if venue.positions_path == "positionRisk" else "order/realtime"
    venue.fault(order, "lost", method="POST")
    venue.fault(asked, "drop", 1000, method="GET")
    first, second = desk.steps(lambda: desk.clock.pass_time(300))
    assert first.outcomes[0].order.state == "UNCERTAIN"
    assert second.followed[0].code == "venue-down"
    assert [order.symbol for order in venue.orders].count("BTCUSDT") == 1


def test_what_nobody_foresaw_ends_a_pass_and_not_the_monitor(desk, monkeypatch, caplog):
    from rulecap.monitor.account import ExchangeAccount

    async def broken(self):
        raise ZeroDivisionError("wallet 12000")

    with monkeypatch.context() as patched:
        patched.setattr(ExchangeAccount, "read", broken)
        assert codes(desk.one()) == ["internal"]
        first, second = desk.steps(lambda: desk.clock.pass_time(91))
        assert "monitor.account" not in changes(first)
        assert changes(second)["monitor.account"] == ("FRESH", "STALE")
    assert "12000" not in caplog.text
    assert desk.one().ok


def test_deposits_are_counted_on_from_where_the_log_ended(desk, venue):
    desk.one()
    venue.deposit("5000")
    report = desk.one()
    assert report.snapshot.account.net_deposits == 5000
    (drawdown,) = [one for one in report.decided if one.decision == "drawdown"]
    assert drawdown.outputs["drawdown_pct"] == pytest.approx(0, abs=1e-9)
    venue.deposit("-8000")
    report = desk.one()
    assert report.snapshot.account.net_deposits == -3000
    assert report.verdicts()["drawdown"] == "NORMAL"


@pytest.mark.parametrize("amount", ["6000", "-6000"])
def test_money_that_moves_while_the_account_is_read_is_no_profit_and_no_loss(desk, venue, amount):
    def move():
        time.sleep(0.2)  # later than reading began, by any clock
        venue.deposit(amount)

    reports = desk.steps(lambda: venue.after(venue.positions_path, move), lambda: None)
    assert [report.snapshot.account.net_deposits for report in reports] == [0, float(amount), float(amount)]
    assert all(report.ok for report in reports)
    for report in reports:
        (drawdown,) = [one for one in report.decided if one.decision == "drawdown"]
        assert (drawdown.outputs["state"], drawdown.outputs["breaker_open"]) == ("NORMAL", False)


def test_where_money_never_rests_nothing_that_depends_on_it_is_decided(desk, venue):
    def move():
        time.sleep(0.1)
        venue.deposit("100")
        venue.after(venue.positions_path, move)

    desk.one()
    venue.after(venue.positions_path, move)
    report = desk.one()
    assert set(codes(report)) == {"deposits-unknown"}
    assert all(one.record_id is None for one in report.decided)


def test_an_entry_that_comes_late_counts_though_each_pass_is_started_anew(desk, venue):
    """As from cron: it is of before the last record, which does not make it known."""

    def nothing_yet(answer):
        return [] if isinstance(answer, list) else put(list=[])(answer)

    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet)
    reports = [desk.one() for _ in range(3)]
    assert [one.snapshot.account.net_deposits for one in reports] == [0, -3000, -3000]
    assert [codes(one) for one in reports] == [[], ["deposits-late"], []]  # the records before it are wrong
    venue.deposit("500")
    assert [desk.one().snapshot.account.net_deposits for _ in range(2)] == [-2500, -2500]


@pytest.mark.parametrize("ahead", [0, 3_600], ids=["right", "ahead"])
def test_what_was_paid_in_before_the_first_pass_is_no_loss_where_the_ledger_tells_it_late(desk, venue, ahead):
    """Also where the clock was wrong at the start, and set right since."""
    venue.deposit("3000", at=venue.now() - 20_000)
    venue.fault(ledger_path(venue), "then", 1, change=lambda one: [] if isinstance(one, list) else put(list=[])(one))
    desk.clock.pass_time(ahead)

    async def look():
        async with desk.running() as running:
            desk.clock.pass_time(-ahead)
            return [await running.one_pass() for _ in range(2)]

    reports = [*asyncio.run(look()), desk.one()]
    assert [one.snapshot.account.net_deposits for one in reports] == [0, 0, 0]
    assert [codes(one) for one in reports] == [[], [], []]


def test_what_was_counted_and_came_on_no_record_is_counted_again(desk, venue, monkeypatch):
    """As where the monitor is killed in between, or the log's disk was full: the entry is of before the last record."""

    def nothing_yet(answer):
        return [] if isinstance(answer, list) else put(list=[])(answer)

    def decide(*_):
        raise LogError("log-failed", "the disk is full")

    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet)
    assert desk.one().snapshot.account.net_deposits == 0
    with monkeypatch.context() as patched:
        patched.setattr(deciding.Office, "decide", decide)
        assert [one.snapshot.account.net_deposits for one in desk.passes(2)] == [-3000, -3000]
    assert [desk.one().snapshot.account.net_deposits for _ in range(2)] == [-3000, -3000]


@pytest.mark.parametrize("last", ["monitor", "service"])
def test_monitor_and_service_over_one_log_go_on_from_each_others_sums(at_binance, binance, last):
    """Else whichever starts next takes the other's record for all that it counted, and a late entry for known."""
    from rulecap.service import DynamicCapitalManager, exchange_source

    async def serve():
        source = exchange_source({"venue": "binanceusdm", "origin": binance.origin, "milliseconds_per_weight": 0})
        manager = DynamicCapitalManager(source, log=at_binance.log)
        await manager.get_capital_state()
        manager.close()
        await source.close()
        with open_log(at_binance.log) as log:
            return deposits_on_record(log, "binanceusdm")[0]

    looks = {
        "monitor": lambda: at_binance.one().snapshot.account.net_deposits,
        "service": lambda: asyncio.run(serve()),
    }
    other = looks.pop(last)
    (one,) = looks.values()
    assert one() == 0
    binance.deposit("500")
    assert other() == 500
    binance.deposit("-3000")
    binance.fault("v1/income", "then", 1, change=lambda _: [])
    assert other() == 500
    assert [one(), other(), one()] == [-2500, -2500, -2500]


def test_what_the_journal_knows_of_deposits_counts_only_beside_the_record_that_it_belongs_to(desk, venue):
    desk.one()
    told = json.dumps({"net": 77.0, "through": now().isoformat(), "seen": []})
    venue.clock_offset_ms += 50  # after the last record, by any clock
    with closing(sqlite3.connect(desk.journal)) as journal:
        assert journal.execute("UPDATE told SET value = ? WHERE name = 'monitor.deposits'", (told,)).rowcount == 1
        journal.commit()
    venue.deposit("500")
    assert desk.one().snapshot.account.net_deposits == 500


@pytest.mark.parametrize("told", ["{}", "[]", '{"net": Infinity, "through": "2026-01-01T00:00:00Z", "seen": []}'])
def test_what_the_journal_has_of_deposits_and_cannot_be_used_counts_for_nothing(desk, venue, told, caplog):
    """As an infinite sum, which an earlier version took: the account is watched, and counted on from the log."""
    desk.one()
    with closing(sqlite3.connect(desk.journal)) as journal:
        assert journal.execute("UPDATE told SET value = ? WHERE name = 'monitor.deposits'", (told,)).rowcount == 1
        journal.commit()
    assert desk.one().snapshot.account.net_deposits == 0
    assert ("deposits-unkept" in {getattr(one, "code", "") for one in caplog.records}) is (told != "[]")


def test_an_account_that_was_never_read_is_stale_after_a_while_too(desk, venue):
    venue.fault(venue.positions_path, "drop", 1000)
    assert changes(desk.one()) == {}
    desk.clock.pass_time(91)
    assert changes(desk.one()) == {"monitor.account": ("FRESH", "STALE")}


def test_staleness_is_told_in_time_though_the_clock_was_ahead_at_first(desk, venue):
    venue.fault(venue.positions_path, "drop", 1000)
    desk.clock.pass_time(7200)
    desk.one()
    desk.clock.pass_time(-7200)
    assert changes(desk.one()) == {}
    desk.clock.pass_time(91)
    assert changes(desk.one()) == {"monitor.account": ("FRESH", "STALE")}


@pytest.fixture
def ledger(monkeypatch):
    """Return what a venue's ledger waits for, each time that it is read."""
    deposits, open_again = Exchange.deposits, threading.Event()

    async def slowly(exchange, before, until):
        found = await deposits(exchange, before, until)
        for _ in range(1000):
            if open_again.is_set():
                break
            await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(Exchange, "deposits", slowly)
    return open_again


def open_up(ledger, running):
    """Have the ledger answer, and passes wait for it however slow this machine is."""
    ledger.set()
    running.monitor._parts.account._ledger_seconds = 60.0


def test_a_ledger_that_takes_long_holds_up_no_reduction_and_is_taken_up_when_it_comes(desk, venue, ledger):
    """Else reductions were decided on figures that are too old to act on, pass after pass."""

    async def look():
        async with desk.running(ledger_seconds=0.05) as running:
            venue.deposit("-11000")  # which leaves the account in the orange zone
            slow = [await running.one_pass() for _ in range(2)]
            open_up(ledger, running)
            venue.deposit("70")
            return *slow, await running.one_pass(), await running.one_pass()

    ledger.set()
    desk.one()
    ledger.clear()
    first, second, taken_up, after = asyncio.run(look())
    for one in (first, second):
        assert set(codes(one)) == {"deposits-unknown"}
        assert {decided.record_id for decided in one.decided} == {None}
    assert {one.did for one in first.outcomes} == {"sent"}
    assert (taken_up.ok, after.ok) == (True, True)
    assert [one.snapshot.account.net_deposits for one in (taken_up, after)] == [-10930, -10930]
    (drawdown,) = [one for one in taken_up.decided if one.decision == "drawdown"]
    assert drawdown.outputs["drawdown_pct"] < 0.1  # what the orders cost


def test_what_is_on_record_is_counted_on_from_and_not_what_was_begun_before_it_was_known(desk, venue, ledger):
    """As where the log is down at the start."""

    async def look():
        async with desk.running(ledger_seconds=0.05) as running:
            await running.one_pass()
            account = running.monitor._parts.account
            account.resume(1000.0, account._counting.known.through)
            open_up(ledger, running)
            return await running.one_pass()

    assert asyncio.run(look()).snapshot.account.net_deposits == 1000


def test_what_comes_late_is_told_though_it_took_long_to_be_read(desk, venue, ledger):
    def nothing_yet(answer):
        return [] if isinstance(answer, list) else put(list=[])(answer)

    async def look():
        async with desk.running(ledger_seconds=0.05) as running:
            slow = await running.one_pass()
            open_up(ledger, running)
            return slow, await running.one_pass(), await running.one_pass()

    ledger.set()
    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet)
    desk.one()
    ledger.clear()
    assert [set(codes(one)) for one in asyncio.run(look())] == [{"deposits-unknown"}, {"deposits-late"}, set()]


def test_a_ledger_whose_sum_is_infinite_stops_no_reduction_and_is_read_again(desk, venue):
    """Else the sum were kept, and nothing could ever be counted on from it."""

    def endless():
        venue.set_wallet(ORANGE)
        venue.fault(ledger_path(venue), "then", 1000, change=put(income="1e308", cashFlow="1e308", change="1e308"))
        for _ in range(2):
            venue.deposit("1")

    first, second, third = desk.steps(endless, venue._faults.clear)
    assert first.ok
    assert set(codes(second)) == {"deposits-unknown"}
    assert {one.did for one in second.outcomes} == {"sent"}
    assert third.ok
    assert third.snapshot.account.net_deposits == 2


def test_what_was_paid_in_that_no_account_has_is_told_by_its_name(desk, venue, monkeypatch):
    monkeypatch.setattr(Counting, "on", endlessly)
    assert codes(desk.one()) == ["not-a-snapshot"]


async def endlessly(counting, *_):
    counting.known = replace(counting.known, net=float("inf"))


def test_a_ledger_that_cannot_be_read_stops_no_reduction_and_puts_nothing_wrong_on_record(desk, venue):
    desk.one()
    venue.deposit("-11000")  # which leaves the account in the orange zone
    venue.fault(ledger_path(venue), "drop", 1000)
    report, mended = desk.steps(venue._faults.clear)
    assert set(codes(report)) == {"deposits-unknown"}
    made = {one.decision: (one.ok, one.record_id) for one in report.decided}
    assert made == {"state": (False, None), "margin": (True, None), "drawdown": (False, None)}
    assert {one.did for one in report.outcomes} == {"sent"}
    assert all(order.client_id.startswith("rcu") for order in venue.orders)
    assert "monitor.log" not in changes(report)
    assert changes(report)["drawdown.decided"] == (True, False)
    assert mended.ok
    assert mended.snapshot.account.net_deposits == -11000
    (drawdown,) = [one for one in mended.decided if one.decision == "drawdown"]
    assert drawdown.outputs["drawdown_pct"] < 0.1  # what the orders cost; 92 where the withdrawal were a loss
