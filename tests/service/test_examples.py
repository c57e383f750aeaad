"""The accounts and trades of the specification's three examples, from a venue through the REST API to the log."""

from decimal import Decimal
from typing import Any

import pytest

pytest.importorskip("ccxt")

from starlette.testclient import TestClient

from rulecap.audit import open_log
from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from tests.service.steps import POSITION, wait
from tests.service.test_capital import trades
from tests.venue.account import Spec
from tests.venue.binance import Binance
from tests.venue.venue import KEY, SECRET

TRADES = {one["name"].split(":")[0]: one for one in trades()}
BRACKETS = [(Decimal(10_000_000), Decimal("0.01"), Decimal(50))]


def list_market(venue: Binance, like: dict[str, Any], depth: tuple[int, int] = (500_000, 500_000)) -> None:
    """Have a market that moves by so much each hour, with so much to sell into and to buy, in USD."""
    price, step = like["price"], str(like["quantity_step"])
    numbers = (str(price), "0.0001", step, step, "1000000", "1000000", "5")
    venue.specs[like["symbol"]] = Spec(like["symbol"], like["base"], *map(Decimal, numbers), BRACKETS)
    half = price * like["atr_pct"] / 200
    venue.bars[like["symbol"]] = [(price, price + half, price - half, price, 100.0)] * 600
    bid, ask = Decimal(str(price)) * Decimal("0.99995"), Decimal(str(price)) * Decimal("1.00005")
    venue.books[like["symbol"]] = ([(bid, depth[0] / bid)], [(ask, depth[1] / ask)])


def asked(trade: str) -> dict[str, object]:
    signal = dict(TRADES[trade]["snapshot"]["signal"])
    return {"expected_return_pct": 3.0, "signal_score": signal.pop("score"), **signal}


@pytest.fixture
def venue(monkeypatch):
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    with Binance() as one:
        one.weight_limit = 10**9  # it is read five times a second
        one.specs.clear()
        yield one


@pytest.fixture
def serve(venue, tmp_path):
    exchange = {"venue": "binanceusdm", "origin": venue.origin, "milliseconds_per_weight": 0}
    settings = read_settings(
        apart=False, exchange=exchange, log=f"sqlite:///{tmp_path / 'log.sqlite3'}", refresh_seconds=0.2
    )
    clients = []

    def start() -> TestClient:
        client = TestClient(create_app(settings), base_url="http://localhost")
        client.__enter__()
        clients.append(client)
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def compare(answer, trade: str) -> None:
    for name in ("recommendation", "optimal_leverage", "position_size_usd", "quantity", "execution_method"):
        expected = TRADES[trade]["expect"][name]
        assert answer[name] == (expected if isinstance(expected, str) else pytest.approx(expected)), (name, answer)


def test_the_small_accounts_trade(venue, serve):
    venue.set_wallet("500")
    list_market(venue, TRADES["small"]["snapshot"]["market"])
    answer = serve().post(POSITION, json=asked("small")).json()
    compare(answer, "small")
    assert answer["margin_required"] == pytest.approx(1.875)


def test_the_medium_accounts_trade(venue, serve):
    venue.set_wallet("2500")
    list_market(venue, TRADES["medium"]["snapshot"]["market"])
    compare(serve().post(POSITION, json=asked("medium")).json(), "medium")


def test_the_large_accounts_trade_beside_eight_positions_that_were_entered_here(venue, serve, tmp_path):
    venue.set_wallet("10000")
    market = TRADES["large"]["snapshot"]["market"]
    list_market(venue, market, depth=(489_000, 1_000))
    positions = TRADES["large"]["snapshot"]["positions"]
    for one in positions:
        list_market(venue, {**market, "symbol": one["symbol"], "base": one["base"], "price": one["mark_price"]})
    client = serve()
    for one in positions:  # all asked about before the first is open: later ones would have to beat it
        body = {**asked("large"), "symbol": one["symbol"], "signal_score": one["score"], "win_rate": 0.6}
        answer = client.post(POSITION, json=body).json()
        assert answer["recommendation"] in ("ENTER", "CAUTION"), (one["symbol"], answer["reason"])
    for one in positions:
        venue.set_position(one["symbol"], "LONG", str(one["quantity"]), str(one["entry_price"]), leverage=5)
    view = client.app.state.service.desk.view
    wait(lambda: sum(one.score is not None for one in view.account.positions) == len(positions), seconds=90)
    answer = client.post(POSITION, json=asked("large")).json()
    with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
        recorded = log.find(answer["decision_id"]).fields["snapshot"]["positions"]
    assert {one["symbol"]: one["score"] for one in recorded} == {one["symbol"]: one["score"] for one in positions}
    compare(answer, "large")
    assert "does not beat the worst open position's 65" in answer["reason"]
    assert answer["would_be"]["margin_required"] == pytest.approx(37.5)
