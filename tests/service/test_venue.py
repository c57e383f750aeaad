"""The service over an exchange: what the venue has is what is decided on, and what it lacks is told."""

import pytest

pytest.importorskip("ccxt")

from starlette.testclient import TestClient

from rulecap.audit import open_log
from rulecap.service.app import create_app
from rulecap.service.settings import BadSettings, read_settings
from rulecap.service.venue import exchange_source
from tests.service.test_keys import wait
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED
from tests.venue.binance import Binance
from tests.venue.venue import KEY, SECRET

POSITION = "/api/capital/recommendation/position"


@pytest.fixture
def venue(monkeypatch):
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    with Binance() as one:
        one.set_wallet("12000")
        one.set_position("ETHUSDT", "LONG", "1.2", "1942", leverage=4)
        yield one


@pytest.fixture
def client(venue, tmp_path):
    exchange = {
        "venue": "binanceusdm",
        "origin": venue.origin,
        "milliseconds_per_weight": 0,
        "retries": {"attempts": 1, "first_delay_seconds": 0, "longest_seconds": 1},
    }
    settings = read_settings(
        exchange=exchange, log=f"sqlite:///{tmp_path / 'log.sqlite3'}", refresh_seconds=0.2, oldest_seconds=300.0
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        yield client


def test_an_account_at_an_exchange_is_served(client, tmp_path):
    told = client.get("/api/capital/state").json()
    assert (told["total_wallet_balance"], told["band"]) == (12000.0, "LARGE")
    for symbol in ("BTCUSDT", "BTC/USDT:USDT"):
        answer = client.post(POSITION, json={**SPECIFIED, "symbol": symbol})
        assert answer.status_code == 200
        assert answer.json()["recommendation"] in ("ENTER", "CAUTION", "HOLD", "REJECT")
    refused(client.post(POSITION, json={**SPECIFIED, "symbol": "NOPEUSDT"}), 404, "unknown-symbol")
    with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
        assert log.record(log.head().size).fields["account"] == "binanceusdm"


@pytest.mark.parametrize("kind", ["status", "drop", "cut", "empty"])
def test_a_venue_that_goes_away_and_comes_back(client, venue, kind):
    reduction = {"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}
    assert client.get("/api/capital/state").status_code == 200
    view = client.app.state.service.desk.view
    options = {"status": 503, "body": "{}"} if kind == "status" else {}
    venue.fault("", kind, 100_000, **options)
    wait(lambda: view.failure is not None)
    assert client.get("/health").status_code == 200
    assert client.post(POSITION, json=reduction).json()["quantity"] == 1.2
    entry = client.post(POSITION, json=SPECIFIED)
    assert entry.status_code == 503 or entry.json()["recommendation"] == "REJECT"
    assert "rulecap_source_failing 1.0" in client.get("/metrics").text
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert client.post(POSITION, json=SPECIFIED).status_code == 200
    assert client.get("/ready").status_code == 200


def test_deposits_are_counted_on_from_where_the_log_ended(client, venue, tmp_path):
    from rulecap.service.reading import last_deposits

    client.get("/api/capital/state")
    venue.deposit("500")
    log = f"sqlite:///{tmp_path / 'log.sqlite3'}"

    def counted():
        client.get("/api/capital/state")
        known = last_deposits(log, "binanceusdm")
        return known is not None and known[0] == 500.0

    wait(counted)
    source = client.app.state.service.source
    source.resume(*last_deposits(log, "binanceusdm"))
    assert client.portal.call(source.account).account.net_deposits == 500.0


@pytest.mark.parametrize("given", [{}, {"venue": "nowhere"}, {"venue": "binanceusdm", "speed": 1}])
def test_an_exchange_that_cannot_be_used_is_refused(given):
    with pytest.raises(BadSettings, match="the exchange cannot be used"):
        exchange_source(given)
