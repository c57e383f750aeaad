"""What is paid in and out while an account is watched is neither profit nor loss, whatever the ledger does."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from rulecap.audit import LogError, open_log
from rulecap.audit.clock import now
from rulecap.audit.review.deposits import deposits_on_record
from rulecap.exchange import Exchange
from rulecap.exchange.counting import Counting
from rulecap.monitor import deciding
from tests.monitor.conftest import ORANGE, changes, codes, ledger_path
from tests.venue.venue import put


def nothing_yet(venue):
    """Return what takes all entries out of an answer of the ledger."""
    return lambda answer: venue.with_rows(answer, lambda rows: [])


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

    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet(venue))
    reports = [desk.one() for _ in range(3)]
    assert [one.snapshot.account.net_deposits for one in reports] == [0, -3000, -3000]
    assert [codes(one) for one in reports] == [[], ["deposits-late"], []]  # the records before it are wrong
    venue.deposit("500")
    assert [desk.one().snapshot.account.net_deposits for _ in range(2)] == [-2500, -2500]


@pytest.mark.parametrize("ahead", [0, 3_600], ids=["right", "ahead"])
def test_what_was_paid_in_before_the_first_pass_is_no_loss_where_the_ledger_tells_it_late(desk, venue, ahead):
    """Also where the clock was wrong at the start, and set right since."""
    venue.deposit("3000", at=venue.now() - 20_000)
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet(venue))
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

    def decide(*_):
        raise LogError("log-failed", "the disk is full")

    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet(venue))
    assert desk.one().snapshot.account.net_deposits == 0
    with monkeypatch.context() as patched:
        patched.setattr(deciding.Office, "decide", decide)
        assert [one.snapshot.account.net_deposits for one in desk.passes(2)] == [-3000, -3000]
    assert [desk.one().snapshot.account.net_deposits for _ in range(2)] == [-3000, -3000]


@pytest.mark.parametrize("folder", [None, "kept"])
@pytest.mark.parametrize("last", ["monitor", "service"])
def test_monitor_and_service_over_one_log_go_on_from_each_others_sums(at_binance, binance, tmp_path, last, folder):
    """Else whichever starts next takes the other's record for all that it counted, and a late entry for known."""
    from rulecap.service import DynamicCapitalManager, exchange_source

    kept = None if folder is None else tmp_path / folder
    if kept is not None:
        kept.mkdir()
    at_binance.deposits_folder = kept
    reached = {"venue": "binanceusdm", "origin": binance.origin, "milliseconds_per_weight": 0, "deposits_folder": kept}

    async def serve():
        source = exchange_source(reached)
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
    assert kept is None or [one.name for one in kept.iterdir()] == ["deposits-binanceusdm"]


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
    async def look():
        async with desk.running(ledger_seconds=0.05) as running:
            slow = await running.one_pass()
            open_up(ledger, running)
            return slow, await running.one_pass(), await running.one_pass()

    ledger.set()
    desk.one()
    venue.deposit("-3000")
    venue.fault(ledger_path(venue), "then", 1, change=nothing_yet(venue))
    desk.one()
    ledger.clear()
    assert [set(codes(one)) for one in asyncio.run(look())] == [{"deposits-unknown"}, {"deposits-late"}, set()]


def test_a_ledger_whose_sum_is_infinite_stops_no_reduction_and_is_read_again(desk, venue):
    """Else the sum were kept, and nothing could ever be counted on from it."""

    def endless():
        venue.set_wallet(ORANGE)
        venue.fault(
            ledger_path(venue),
            "then",
            1000,
            change=put(income="1e308", cashFlow="1e308", change="1e308", balChg="1e308"),
        )
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
