"""The specification's endpoints: what they answer, in its own field names, from bodies as small as its own."""

import pytest
import yaml

from tests.service.conftest import ROOT
from tests.service.steps import POSITION
from tests.service.told import SPECIFIED, told_of

ENVELOPE = {"as_of", "snapshot_age_seconds", "policy_digest", "decision_id"}


def test_state_is_the_specifications_example(client):
    told = client.get("/api/capital/state").json()
    example = {
        "total_wallet_balance": 5000.0,
        "available_balance": 4200.0,
        "margin_used": 800.0,
        "margin_used_pct": 16.0,
        "unrealized_pnl": -50.0,
        "buying_power": 25000.0,
        "capital_status": "HEALTHY",
    }
    assert {name: told[name] for name in example} == example


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("margin/status", {"zone": "GREEN_ZONE", "margin_used_pct": 16.0, "actions": []}),
        ("strategy/scaling", {"band": "LARGE", "max_positions": 15}),
        ("drawdown/status", {"state": "NORMAL", "drawdown_pct": 0.0, "breaker_open": False}),
        ("allocation/multi-tier", {"rebalance": "DAILY"}),
        ("leverage/optimal/BTCUSDT", {"allowed_leverage": 5.0}),
        ("leverage/optimal/BTC/USDT:USDT", {"allowed_leverage": 5.0}),
        ("leverage/optimal/btcusdt?win_rate=0.7&trades=100&market_regime=RANGING", {"win_rate_factor": 1.1}),
    ],
)
def test_each_question_about_the_account_is_answered(client, path, expected):
    answer = client.get(f"/api/capital/{path}")
    told = answer.json()
    assert (answer.status_code, {name: told[name] for name in expected}) == (200, expected)
    assert told.keys() >= ENVELOPE
    assert client.get(f"/api/decisions/{told['decision_id']}").json()["outputs"].items() <= told.items()


def test_the_specifications_request_is_recommended(client):
    answer = client.post(POSITION, json=SPECIFIED)
    told = answer.json()
    assert answer.status_code == 200
    assert told["recommendation"] == "ENTER"
    assert {"optimal_leverage", "quantity", "position_size_usd", "risk_pct", "execution_method"} <= told.keys()
    assert told["adjustments"]
    assert told.keys() >= ENVELOPE


def test_a_symbol_may_be_written_either_way(client):
    either = [client.post(POSITION, json={**SPECIFIED, "symbol": name}).json() for name in ("BTCUSDT", "BTC/USDT:USDT")]
    assert either[0]["quantity"] == either[1]["quantity"] == 0.003


def test_kelly_needs_a_win_rate_alone(client):
    told = client.post("/api/capital/position-size/kelly", json={"win_rate": 0.58, "win_loss_ratio": 1.75}).json()
    assert told["kelly_pct"] == pytest.approx(34.0)
    with_market = {"symbol": "BTCUSDT", "win_rate": 0.58, "win_loss_ratio": 1.75}
    assert client.post("/api/capital/position-size/kelly", json=with_market).json()["kelly_pct"] == told["kelly_pct"]


def test_null_is_as_good_as_absent_and_30_as_good_as_30_0(client):
    told = [
        client.post("/api/capital/position-size/kelly", json={"win_rate": 0.58, **more}).json()["kelly_pct"]
        for more in ({}, {"trades": None, "symbol": None, "win_loss_ratio": None}, {"trades": 30}, {"trades": 30.0})
    ]
    assert len(set(told)) == 1


def test_risk_parity_is_of_the_assets_that_are_sent(client):
    volatilities = {"BTC": 2.5, "ETH": 3.2, "SOL": 5.8}
    assets = [{"symbol": name, "volatility_pct": value} for name, value in volatilities.items()]
    told = client.post("/api/capital/allocation/risk-parity", json={"assets": assets}).json()
    total = sum(1 / value for value in volatilities.values())
    expected = {name: pytest.approx(100 / value / total) for name, value in volatilities.items()}
    assert {one["symbol"]: one["weight_pct"] for one in told["weights"]} == expected


def test_history_is_what_was_recorded_of_the_state(client):
    state = client.get("/api/capital/state").json()
    told = client.get("/api/capital/history?hours=24").json()
    assert (told["hours"], told["complete"]) == (24.0, True)
    assert told["history"][-1]["decision_id"] == state["decision_id"]
    assert told["history"][-1]["total_wallet_balance"] == 5000.0
    assert client.get("/api/capital/history?hours=0.0000001").json()["history"] == []


def test_everything_comes_in_one_answer(client):
    told = client.get("/api/capital/analysis/complete").json()
    sections = ("state", "margin", "scaling", "drawdown", "multi_tier", "risk_parity", "history")
    assert set(sections) <= told.keys()
    state = client.get("/api/capital/state").json()
    assert {**told["state"], "snapshot_age_seconds": 0} == {**state, "snapshot_age_seconds": 0}


def test_a_reduction_needs_no_more_than_its_market(client):
    told = client.post(POSITION, json={"symbol": "SOLUSDT", "side": "SELL", "reduce_only": True}).json()
    assert (told["recommendation"], told["quantity"]) == ("ENTER", 40.0)


def trades():
    document = yaml.safe_load((ROOT / "policies/default/tests/worked_trades.yaml").read_text())
    return [one for one in document["tests"] if one["name"].split(":")[0] in ("small", "medium", "large")]


@pytest.mark.parametrize("trade", trades(), ids=lambda one: one["name"].split(":")[0])
def test_the_accounts_and_trades_of_the_specification_come_out_over_http(served, told, trade):
    document = trade["snapshot"]
    found = told_of(document)
    told.account_part, told.markets = found.account_part, found.markets
    signal = dict(document["signal"])
    body = {"expected_return_pct": 3.0, "signal_score": signal.pop("score"), **signal}
    answer = served().post(POSITION, json=body).json()
    for name in ("recommendation", "optimal_leverage", "position_size_usd", "quantity", "execution_method"):
        expected = trade["expect"][name]
        assert answer[name] == (expected if isinstance(expected, str) else pytest.approx(expected))
    for name, value in trade["expect"].get("would_be", {}).items():
        assert answer["would_be"][name] == pytest.approx(value)
