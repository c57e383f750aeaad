"""What fails outside fails one pass at the most: no order on what is not known, and the next pass goes on."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from rulecap.audit import LogError, UnusableKey, open_log
from rulecap.monitor import deciding
from rulecap.monitor.journal import Journal, JournalError
from tests.monitor.conftest import ORANGE, changes, codes, quantities
from tests.venue.venue import restless

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


def test_a_journal_that_cannot_be_written_is_told_also_while_nothing_is_to_be_sent(desk, monkeypatch):
    """As where its disk is full on a calm day: else nobody hears of it until a reduction is not sent."""
    run = Journal.run

    def full(journal, statement, values=()):
        """Take what changes nothing, as a full disk does."""
        if statement.startswith("INSERT"):
            raise JournalError("the disk is full")
        return run(journal, statement, values)

    async def look():
        async with desk.running() as running:
            reports = [await running.one_pass()]
            with monkeypatch.context() as patched:
                patched.setattr(Journal, "run", full)
                reports += [await running.one_pass(), await running.one_pass()]
            return [*reports, await running.one_pass()]

    reports = asyncio.run(look())
    assert [one.ok for one in reports] == [True, False, False, True]
    assert [codes(one) for one in reports[1:3]] == [["journal"]] * 2


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
    order = venue.order_path
    asked = venue.lookup_paths[0]
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


def test_an_account_that_never_rests_is_reduced(desk, venue):
    """As that of a bot which trades all the time: the one that needs it most was never read."""
    venue.set_wallet("620")
    restless(venue)
    report = desk.one()
    assert codes(report).count("account-moving") == len(report.decided)
    assert [(one.action["symbol"], one.order.state) for one in report.outcomes][:1] == [("BTCUSDT", "FILLED")]
    assert {one.record_id for one in report.decided} == {None}
    assert "BTCUSDT" not in quantities(venue)
    venue._after.clear()
    assert desk.one().ok
