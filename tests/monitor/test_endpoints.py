"""One question to the venue that fails: what a reduction does not need stops none, from the start and later."""

import pytest

from tests.exchange.conftest import ALL_VENUES
from tests.monitor.conftest import RED, Desk, codes, fill, quantities
from tests.venue.endpoints import MARKETS, NEEDED, PATHS, ROUTES, UNKNOWN, ask_each_time

ORDERS = {"v1/order", "order/create", "trade/batch-orders", "v2/mix/order/place-order"}
FAULTS = {"drop": {}, "status": {"status": 500, "body": "oops"}}


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Return what gives a desk at a venue of which one path fails, and the venue."""
    opened = []

    def start(name):
        venue = ALL_VENUES[name]().__enter__()
        opened.append(venue)
        fill(venue, RED)
        return Desk(tmp_path, venue), venue

    ask_each_time(monkeypatch)
    yield start
    for venue in opened:
        venue.__exit__(None, None, None)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_question_that_fails_from_the_start_stops_no_reduction_that_does_not_need_it(at, name, path, kind):
    desk, venue = at(name)
    before = quantities(venue)
    venue.fault(path, kind, 100_000, **FAULTS[kind])
    report = desk.one()
    needed = path in NEEDED or (path in ORDERS and kind == "drop")  # after a status the order was taken
    assert (quantities(venue) != before) is not needed
    if path in UNKNOWN:
        assert UNKNOWN[path] in codes(report)
        assert all(one.record_id is None for one in report.decided)


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_question_that_fails_later_stops_no_reduction_that_does_not_need_it(at, name, path):
    desk, venue = at(name)
    venue.set_wallet("12000")

    def fail():
        venue.fault(path, "drop", 100_000)
        venue.set_wallet(RED)

    before = quantities(venue)
    first, second = desk.steps(fail)
    assert first.ok
    # The markets are those that were listed before, the mode the one that was told.
    assert (quantities(venue) != before) is (path not in (NEEDED | ORDERS) - MARKETS)
    if UNKNOWN.get(path, "mode-unknown") != "mode-unknown":
        assert UNKNOWN[path] in codes(second)


@pytest.mark.parametrize("name", ROUTES)
def test_money_of_before_the_first_figures_never_counts_though_the_time_was_not_told_with_them(at, name):
    desk, venue = at(name)
    venue.clock_offset_ms = 4_000  # so that by our clock it is of later
    venue.deposit("5000")
    venue.fault("/time", "drop", 100_000)
    first, second = desk.steps(venue._faults.clear)
    assert "time-unknown" in codes(first)
    assert (first.snapshot.account.net_deposits, second.snapshot.account.net_deposits) == (0, 0)
    assert second.ok
