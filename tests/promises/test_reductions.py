"""A reduction is never denied by a risk limit, whatever account, market, memory and the snapshot's age look like."""

import copy
from random import Random
from typing import Any

import pytest

from rulecap.engine.decision import Decision
from tests.promises.shipped import SHIPPED, shipped
from tests.snapshots import BASES, Json, random_snapshot

WILD_NUMBERS = (0.0, -1.0, -1e6, 1e-9, 5.0, 1e6, 1e12, 1e13, 1e15, -1e13)
BAD_MEMORIES: list[Any] = [
    {"peak_equity": "high"},
    {"drawdown_state": "DOOM"},
    {"nothing": 1},
    "no memory",
    5,
    {"breaker_tripped_at": "yesterday"},
    {"peak_equity": 1e308, "trough_equity": -1e308, "net_deposits": -1e308},
    {"net_deposits": 1.7e308},
]
OPEN_BREAKER = {
    "peak_equity": 1e6,
    "trough_equity": 1.0,
    "net_deposits": 0.0,
    "drawdown_state": "HEAVY",
    "breaker_tripped_at": "9999-12-31T00:00:00Z",
}


def position(rng: Random, symbol: str, side: str) -> Json:
    mark = 10 ** (rng.random() * 6 - 2)
    quantity = round(10 ** (rng.random() * 6 - 3), 6)
    return {
        "symbol": symbol,
        "base": rng.choice(BASES),
        "side": side,
        "quantity": quantity,
        "entry_price": mark * (0.5 + rng.random()),
        "mark_price": mark,
        "notional": mark * quantity * rng.choice((1, -1)),
        "margin": rng.choice((0.0, -5.0, mark * quantity / 10)),
        "leverage": rng.choice((0, 1, 10, 125)),
        "unrealized_pnl": mark * quantity * (rng.random() - 0.7),
    }


def wild(rng: Random) -> Json:
    """Return a reduce-only signal with a position that it reduces, in an account in which every limit may be broken."""
    snapshot = random_snapshot(rng)
    side = rng.choice(("BUY", "SELL"))
    signal: Json = {"symbol": "ANYUSDT", "side": side, "reduce_only": True}
    market: Json = {"symbol": "ANYUSDT", "price": 10 ** (rng.random() * 8 - 4)}
    if rng.random() < 0.6:
        market = {**snapshot.get("market", {}), **market}
        if "atr_pct" in market:
            market["atr_pct"] = rng.choice((0.0, 1e-9, 1_000.0, market["atr_pct"]))
            market["spread_pct"] = rng.choice((0.0, 500.0, market["spread_pct"]))
    if rng.random() < 0.4:
        signal |= {"win_rate": rng.random(), "score": rng.random() * 100, "trades": 0, "stop_distance_pct": 1e-300}
        signal["win_loss_ratio"] = rng.choice((1e-308, 1.5))
    account = {name: rng.choice(WILD_NUMBERS) for name in ("total_wallet_balance", "available_balance", "margin_used")}
    snapshot["account"] |= {
        **account,
        "unrealized_pnl": rng.choice(WILD_NUMBERS),
        "net_deposits": rng.choice(WILD_NUMBERS),
    }
    own = [position(rng, "ANYUSDT", "LONG" if side == "SELL" else "SHORT") for _ in range(1 + int(rng.random() * 3))]
    snapshot["positions"] = [
        *own,
        *(
            position(rng, f"{rng.choice(BASES)}USDT", rng.choice(("LONG", "SHORT")))
            for _ in range(int(rng.random() * 20))
        ),
    ]
    if rng.random() < 0.3:
        snapshot["positions"].append(position(rng, "ANYUSDT", "LONG" if side == "BUY" else "SHORT"))
    rng.shuffle(snapshot["positions"])
    snapshot |= {"signal": signal, "market": market, "age_seconds": rng.choice((0.0, 61.0, 1e9))}
    if rng.random() < 0.3:
        signal["quantity"] = rng.choice((0.25, 1.0, 2.0)) * own[0]["quantity"]
    if rng.random() < 0.5:
        snapshot.pop("book", None)
    for asset in snapshot.get("assets", ()):
        asset["volatility_pct"] = rng.choice((1e-6, 1e5, asset["volatility_pct"]))
    return snapshot


def reducible(snapshot: Json) -> list[Json]:
    side = "SHORT" if snapshot["signal"]["side"] == "BUY" else "LONG"
    symbol = snapshot["signal"]["symbol"]
    return [one for one in snapshot["positions"] if one["symbol"] == symbol and one["side"] == side]


def hold_taken(answer: Decision, snapshot: Json) -> None:
    """Fail where a reduction that can be made is denied or changed."""
    own = reducible(snapshot)
    whole = 0
    for one in own:
        whole += one["quantity"]
    quantity = min(snapshot["signal"].get("quantity", whole), whole)
    out = answer.outputs
    assert answer.ok, answer.problems
    assert answer.answered_by == "reduction"
    assert out["recommendation"] == "ENTER"
    assert (out["reason"], out["reasons"]) == ("", [])
    assert out["quantity"] == pytest.approx(quantity, rel=1e-12)
    assert out["quantity"] <= whole
    assert out["position_size_usd"] == pytest.approx(quantity * snapshot["market"]["price"], rel=1e-12)
    assert out["would_be"] == {**{name: out[name] for name in ("position_size_usd", "quantity")}, "margin_required": 0}
    assert out["optimal_leverage"] == own[0]["leverage"]
    assert (out["margin_required"], out["risk_pct"], out["slices"]) == (0, 0, [])


MEMORIES: list[Any] = [None, OPEN_BREAKER, *BAD_MEMORIES]


@pytest.mark.parametrize("memory", range(len(MEMORIES)))
@pytest.mark.parametrize("name", SHIPPED)
def test_a_reduction_is_taken_whatever_the_limits_say(name: str, memory: int) -> None:
    rng, policy = Random(f"reduce {name} {memory}"), shipped(name)
    for _ in range(80):
        snapshot = wild(rng)
        answer = policy.evaluate(snapshot, memory=copy.deepcopy(MEMORIES[memory]))
        hold_taken(answer, snapshot)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_limit_alone_does_not_keep_a_reduction_back(name: str) -> None:
    """One limit broken at a time, each of which rejects an entry."""
    policy, rng = shipped(name), Random("limits")
    base = wild(rng)
    base["account"] |= {"total_wallet_balance": 5_000.0, "available_balance": 5_000.0, "margin_used": 0.0}
    base["account"] |= {"unrealized_pnl": 0.0, "net_deposits": 0.0}
    for change in (
        {"total_wallet_balance": -1.0},
        {"total_wallet_balance": 0.0},
        {"total_wallet_balance": 50.0},
        {"total_wallet_balance": 1e13},
        {"margin_used": 4_999.0},
        {"margin_used": 50_000.0},
        {"available_balance": -1_000.0},
        {"unrealized_pnl": -4_900.0},
    ):
        snapshot = {**base, "account": {**base["account"], **change}}
        hold_taken(policy.evaluate(snapshot), snapshot)
    hold_taken(policy.evaluate(base, memory=OPEN_BREAKER), base)
    old = {**base, "age_seconds": 1e12}
    hold_taken(policy.evaluate(old), old)
    many = {**base, "positions": [*base["positions"], *(position(rng, "OTHERUSDT", "LONG") for _ in range(200))]}
    hold_taken(policy.evaluate(many), many)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_market_of_symbol_and_price_is_enough(name: str) -> None:
    snapshot = wild(Random(1))
    bare = {
        "as_of": snapshot["as_of"],
        "account": snapshot["account"],
        "positions": snapshot["positions"],
        "signal": {"symbol": "ANYUSDT", "side": snapshot["signal"]["side"], "reduce_only": True},
        "market": {"symbol": "ANYUSDT", "price": 7.5},
    }
    hold_taken(shipped(name).evaluate(bare), bare)


@pytest.mark.parametrize("name", SHIPPED)
def test_without_anything_to_reduce_it_is_rejected_and_says_so(name: str) -> None:
    rng, policy = Random("nothing"), shipped(name)
    for _ in range(50):
        snapshot = wild(rng)
        gone = reducible(snapshot)
        snapshot["positions"] = [one for one in snapshot["positions"] if one not in gone]
        answer = policy.evaluate(snapshot)
        assert answer.ok, answer.problems
        assert answer.outputs["recommendation"] == "REJECT"
        assert "nothing to reduce" in answer.outputs["reason"]
        assert answer.outputs["quantity"] == 0


@pytest.mark.parametrize("name", SHIPPED)
def test_another_markets_price_is_a_problem_and_no_trade(name: str) -> None:
    snapshot = wild(Random(2))
    snapshot["market"]["symbol"] = "OTHERUSDT"
    answer = shipped(name).evaluate(snapshot)
    assert not answer.ok
    assert answer.outputs["recommendation"] == "REJECT"
    assert answer.outputs["quantity"] == 0


@pytest.mark.parametrize("memory", [None, OPEN_BREAKER, *BAD_MEMORIES], ids=str)
@pytest.mark.parametrize("name", SHIPPED)
def test_margin_actions_are_given_whatever_the_wallet_and_the_memory(name: str, memory: Any) -> None:
    rng, policy = Random("margin"), shipped(name)
    for _ in range(40):
        snapshot = wild(rng)
        wallet = snapshot["account"]["total_wallet_balance"]
        answer = policy.evaluate(snapshot, "margin", copy.deepcopy(memory))
        assert answer.ok, answer.problems
        if wallet <= 0:
            assert answer.outputs["zone"] == "RED_ZONE"
            if snapshot["account"]["margin_used"] >= 0:
                assert answer.outputs["actions"] or not snapshot["positions"]
        for action in answer.outputs["actions"]:
            assert action["reduce_only"] is True
            assert action["action"] in ("CLOSE", "REDUCE")
        if memory in BAD_MEMORIES[:6]:
            assert answer.problems


@pytest.mark.parametrize("name", SHIPPED)
def test_margin_actions_never_take_more_than_is_open(name: str) -> None:
    rng, policy = Random("more"), shipped(name)
    for _ in range(150):
        snapshot = random_snapshot(rng)
        open_quantity: dict[tuple[str, str], float] = {}
        for one in snapshot.get("positions", ()):
            key = one["symbol"], one["side"]
            open_quantity[key] = open_quantity.get(key, 0.0) + one["quantity"]
        taken: dict[tuple[str, str], float] = {}
        for action in policy.evaluate(snapshot, "margin").outputs["actions"]:
            key = action["symbol"], action["side"]
            taken[key] = taken.get(key, 0.0) + action["quantity"]
        assert all(quantity <= open_quantity[key] * (1 + 1e-12) for key, quantity in taken.items())
