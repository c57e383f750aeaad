"""One question to the venue that fails: reductions are answered on fresh figures, entries refused by a name."""

import pytest

pytest.importorskip("ccxt")

from starlette.testclient import TestClient

from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from tests.exchange.conftest import ALL_VENUES, ENVIRONMENT
from tests.service.steps import POSITION, wait
from tests.service.told import SPECIFIED
from tests.venue.endpoints import NEEDED, PATHS, UNKNOWN, ask_each_time

# Nothing asks for these where nothing is sent; which kind of account there is goes without saying, since a balance is
# told.
UNASKED = {
    *("v1/order", "v1/positionSide/dual"),
    *("order/create", "order/cancel", "order/realtime", "order/history", "user/query-api"),
    *("trade/batch-orders", "trade/cancel-order", "trade/order", "account/bills-archive", "market/books-full"),
    *("v2/mix/order/place-order", "v2/mix/order/cancel-order", "v2/mix/order/detail", "v3/account/settings"),
}
# Under which name an entry is refused, where it is not that of the market's own failure.
BARS = ("v1/klines", "market/kline", "market/candles", "v2/mix/market/candles")
NAMES = {**UNKNOWN, **dict.fromkeys(BARS, "bars-unknown")}
# What was told before is used on: the mode.
LATER = {path: code for path, code in NAMES.items() if code != "mode-unknown"}


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """Return what gives a client of a service over a venue of which a path fails from the start."""
    opened = []
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    ask_each_time(monkeypatch)

    def start(name, failing=None, clock_offset_ms=0, deposit=None):
        venue = ALL_VENUES[name]().__enter__()
        opened.append(venue)
        venue.set_wallet("12000")
        venue.set_position("ETHUSDT", "LONG", "1.2", "1942", leverage=4)
        venue.clock_offset_ms = clock_offset_ms
        if deposit:
            venue.deposit(deposit)
        if failing:
            venue.fault(failing, "drop", 100_000)
        exchange = {
            "venue": name,
            "origin": venue.origin,
            "milliseconds_per_weight": 0,
            "timeout_seconds": 1.0,
            "retries": {"attempts": 1, "first_delay_seconds": 0, "longest_seconds": 1},
        }
        log = f"sqlite:///{tmp_path / 'log.sqlite3'}"
        settings = read_settings(apart=False, exchange=exchange, log=log, refresh_seconds=0.2, oldest_seconds=300.0)
        client = TestClient(create_app(settings), base_url="http://localhost").__enter__()
        opened.append(client)
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        return client, venue

    yield start
    for one in reversed(opened):
        one.__exit__(None, None, None)


def reduced(client):
    return client.post(POSITION, json={"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True})


def entered(client):
    return client.post(POSITION, json={**SPECIFIED, "symbol": "SOLUSDT"})


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_question_that_fails_from_the_start_stops_no_reduction_and_every_entry_that_needs_it(serving, name, path):
    client, _ = serving(name, path)
    reduction, entry = reduced(client), entered(client)
    if path in NEEDED:
        assert (reduction.status_code, entry.status_code) == (503, 503)
        return
    assert (reduction.json()["recommendation"], reduction.json()["quantity"]) == ("ENTER", 1.2)
    told = entry.json()
    if path in UNASKED:
        assert told["decision_id"]
        return
    assert told["recommendation"] == "REJECT"
    assert NAMES.get(path, "venue-down") in {one["code"] for one in told["problems"]}


@pytest.mark.parametrize(("name", "path"), [one for one in PATHS if one[1] in LATER])
def test_a_question_that_fails_later_leaves_the_figures_fresh_and_nothing_on_record_until_it_is_answered(
    serving, monkeypatch, name, path
):
    client, venue = serving(name)
    view = client.app.state.service.desk.view
    monkeypatch.setattr("rulecap.exchange.history.History.is_newest", lambda *_: False)
    assert entered(client).json()["decision_id"]
    venue.fault(path, "drop", 100_000)
    wait(lambda: view.failure is not None)
    venue.set_position("ETHUSDT", "LONG", "0.7", "1942", leverage=4)
    wait(lambda: view.account.positions[0].quantity == 0.7)
    told = reduced(client).json()
    assert (told["recommendation"], told["quantity"], told["decision_id"]) == ("ENTER", 0.7, None)
    assert [one["code"] for one in told["problems"]] == [NAMES[path]]
    told = entered(client).json()
    assert (told["recommendation"], told["decision_id"]) == ("REJECT", None)
    assert NAMES[path] in {one["code"] for one in told["problems"]}
    assert client.get("/ready").json()["reasons"][0]["code"] == NAMES[path]
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert entered(client).json()["decision_id"]


def test_money_of_before_the_first_figures_never_counts_though_the_time_was_not_told_with_them(serving):
    client, venue = serving("binanceusdm", "v1/time", clock_offset_ms=4_000, deposit="5000")
    view = client.app.state.service.desk.view
    assert view.failure.code == "time-unknown"
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert (view.account.account.total_wallet_balance, view.account.account.net_deposits) == (17_000, 0)
