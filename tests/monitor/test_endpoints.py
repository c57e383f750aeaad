"""One question to the venue that fails: what a reduction does not need stops none, from the start and later."""

import pytest

from rulecap.exchange import reading, unneeded
from tests.exchange.conftest import VENUES
from tests.monitor.conftest import RED, Desk, codes, fill, order_path, quantities
from tests.venue import binance, bybit

ROUTES = {"binanceusdm": binance.PUBLIC | binance.SIGNED, "bybit": bybit.PUBLIC | bybit.SIGNED}
# What an order is made of: the markets' steps, balance and margin, positions; and the order itself.
NEEDED = {
    "binanceusdm": {"v1/exchangeInfo", "v3/account", "v3/positionRisk", "v1/order"},
    "bybit": {"market/instruments-info", "account/wallet-balance", "position/list", "order/create"},
}
# What the venue has told once is used on.
KEPT = {"v1/exchangeInfo", "market/instruments-info"}
# What is no part of an account that is on record; the others are asked for nothing that a pass needs.
DOUBTED = {
    "v1/time": "time-unknown",
    "market/time": "time-unknown",
    "v1/multiAssetsMargin": "mode-unknown",
    "account/info": "mode-unknown",
    "v1/symbolConfig": "leverage-unknown",
    "v1/income": "deposits-unknown",
    "transaction-log": "deposits-unknown",
}
PATHS = [(name, path) for name, routes in ROUTES.items() for path in sorted({one.split()[1] for one in routes})]
FAULTS = {"drop": {}, "status": {"status": 500, "body": "oops"}}


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Return what gives a desk at a venue of which one path fails, and the venue."""
    opened = []

    def start(name):
        venue = VENUES[name]().__enter__()
        opened.append(venue)
        fill(venue, RED)
        return Desk(tmp_path, venue), venue

    monkeypatch.setattr(reading, "CLOCK_SECONDS", 0.0)
    monkeypatch.setattr(reading, "MODE_SECONDS", 0.0)
    yield start
    for venue in opened:
        venue.__exit__(None, None, None)


def doubt_of(path):
    return next((code for end, code in DOUBTED.items() if path.endswith(end)), None)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_question_that_fails_from_the_start_stops_no_reduction_that_does_not_need_it(at, name, path, kind):
    desk, venue = at(name)
    before = quantities(venue)
    venue.fault(path, kind, 100_000, **FAULTS[kind])
    report = desk.one()
    needed = path in NEEDED[name] and not (kind == "status" and path == order_path(venue))  # an order that was taken
    assert (quantities(venue) != before) is not needed
    doubt = doubt_of(path)
    if doubt is not None:
        assert doubt in codes(report)
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
    assert (quantities(venue) != before) is (path not in NEEDED[name] - KEPT)
    if doubt_of(path) not in (None, "mode-unknown"):  # the mode is the one that was told before
        assert doubt_of(path) in codes(second)


@pytest.mark.parametrize("name", ROUTES)
def test_money_of_before_the_first_figures_never_counts_though_the_time_was_not_told_with_them(at, monkeypatch, name):
    monkeypatch.setattr(unneeded, "LATER_SECONDS", 0.0)
    monkeypatch.setattr(unneeded, "LATER_TIMES", 0.0)
    desk, venue = at(name)
    venue.clock_offset_ms = 4_000  # so that by our clock it is of later
    venue.deposit("5000")
    venue.fault("/time", "drop", 100_000)
    first, second = desk.steps(venue._faults.clear)
    assert "time-unknown" in codes(first)
    assert (first.snapshot.account.net_deposits, second.snapshot.account.net_deposits) == (0, 0)
    assert second.ok
