"""What is measured on: the recorded account and market, the default policy, and the scalars of that snapshot."""

import math
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import handwritten, rivals
from benchmarks.handwritten import account, book, trade
from rulecap import Policy, Snapshot, load_policy

ROOT = Path(__file__).parent.parent
RECORDED = ROOT / "policies" / "default" / "examples" / "sushi_recorded.json"
RELATIVE = 1e-9
TEXTS = (".why", ".text", ".reason")


@cache
def recorded_json() -> bytes:
    """Return the recorded snapshot's JSON: an account with five positions, a 100-level book."""
    return RECORDED.read_bytes()


@cache
def recorded_snapshot() -> Snapshot:
    """Return the recorded snapshot as a model."""
    return Snapshot.model_validate_json(recorded_json())


@cache
def default_policy() -> Policy:
    """Return the default policy."""
    return load_policy(ROOT / "policies" / "default")


def scalars() -> dict[str, Any]:
    """Return what the rule engines are handed for the recorded snapshot: numbers, names, what the book measures."""
    snapshot: Any = recorded_snapshot()
    signal, market, money, positions = snapshot.signal, snapshot.market, snapshot.account, snapshot.positions
    wallet = money.total_wallet_balance
    band, tier = account.band_of(wallet), account.TIERS[account.tier_name(market.base)]
    equity = wallet + money.unrealized_pnl
    desired = max(wallet, 0.0) * trade.kelly_of(signal, band, [])[1] / 100.0
    bracket = trade.bracket_of(market.brackets, desired)
    parity = trade.parity_of(snapshot.assets, market.symbol)
    free_margin = 100.0 - account.margin_used_of(wallet, money.margin_used, positions)
    _, worst_score, closed = trade.opportunity_of(signal, positions, free_margin)
    return {
        "wallet": wallet,
        "available": money.available_balance,
        "margin_used": money.margin_used,
        "unrealized_pnl": money.unrealized_pnl,
        "net_deposits": money.net_deposits,
        "remembered_deposits": money.net_deposits,
        "remembered_peak": equity,
        "remembered_trough": equity,
        "remembered_state": "NORMAL",
        "hours_since_trip": 1e9,
        "open_positions": len(positions),
        "open_notional": sum(abs(position.notional) for position in positions),
        "worst_score": 0.0 if worst_score is None else worst_score,
        "correlated": bool(trade.correlated_of(snapshot, closed)),
        "parity_margin": 1e15 if parity is None else parity * wallet,
        "tier_room": trade.tier_room_of(positions, wallet, tier),
        "tier_leverage_min": tier.leverage_min,
        "tier_leverage_max": tier.leverage_max,
        "asset_allowed": band.assets is None or market.base in band.assets,
        "score": signal.score,
        "win_rate": signal.win_rate,
        "win_loss_ratio": signal.win_loss_ratio or 1.5,
        "trades": signal.trades,
        "regime": signal.market_regime or "TRENDING",
        "price": market.price,
        "atr_pct": market.atr_pct,
        "spread_pct": market.spread_pct,
        "quantity_step": market.quantity_step,
        "min_quantity": market.min_quantity,
        "min_notional": market.min_notional,
        "bracket_leverage": 1_000.0 if bracket is None else bracket.max_leverage,
        "largest_bracket": market.brackets[-1].max_notional if market.brackets else 1e15,
        "age_seconds": snapshot.age_seconds or 0.0,
        **_measured(snapshot, desired),
    }


def _measured(snapshot: Any, desired: float) -> dict[str, Any]:
    """Return what the book measures."""
    liquidity = book.liquidity_of(snapshot.book, snapshot.signal.side, desired)
    both = book.depth(snapshot.book.asks, 20) + book.depth(snapshot.book.bids, 20)
    score = snapshot.market.depth_score
    return {
        "depth_score": min(1.0, both / 1e6) if score is None else score,
        "impact_pct": liquidity.impact,
        "largest_within": liquidity.largest,
        "depth_20_usd": liquidity.depth_20,
    }


def check_equal() -> None:
    """Raise where rulecap, the hand-written code and the rule engines do not give the same answer."""
    decision = default_policy().evaluate(recorded_snapshot(), "position")
    if not decision.ok:
        raise AssertionError(decision.problems)
    outputs, memory = handwritten.decide(recorded_snapshot(), None)
    found = differences(decision.outputs, outputs) + differences(decision.memory, memory)
    handed = scalars()
    for name, evaluate in {
        "simpleeval": rivals.simpleeval(handed),
        "zen-engine": rivals.zen_engine(handed, trace=False),
        "zen-engine traced": rivals.zen_engine(handed, trace=True),
        "rulecap's steps": rivals.rulecap_policy(handed, recorded_snapshot()),
    }.items():
        found += [f"{name}: {one}" for one in differences(scalar_outputs(evaluate()), in_common(decision.outputs))]
    if found:
        raise AssertionError("\n".join(found))


# What the scalar steps call the decision's outputs.
STEP_OF = {
    "recommendation": "recommendation",
    "optimal_leverage": "leverage",
    "unconstrained_leverage": "optimum",
    "execution_method": "execution_method",
    "opportunity": "opportunity",
    "zone": "zone",
    "drawdown_state": "drawdown_state",
    "drawdown_pct": "drawdown_pct",
    "size_multiplier": "drawdown_size",
    "kelly_pct": "kelly_pct",
}
STEP_OF_ORDER = {"position_size_usd": "position_size_usd", "quantity": "quantity", "margin_required": "margin_required"}


def scalar_outputs(steps: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs that the scalar steps give."""
    outputs = {name: steps[step] for name, step in STEP_OF.items()}
    return outputs | {"would_be": {name: steps[step] for name, step in STEP_OF_ORDER.items()}}


def in_common(outputs: dict[str, Any]) -> dict[str, Any]:
    """Return those of the decision's outputs that the scalar steps give as well."""
    return {name: outputs[name] for name in (*STEP_OF, "would_be")}


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Return where two answers differ; numbers may by a billionth.

    Of a text it counts that there is one, so that the wording may change; a hand-written step has no source line.
    """
    if place.endswith(".source"):
        return []
    if place.endswith(TEXTS):
        one, other = bool(one), bool(other)
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [text for key in keys for text in differences(one.get(key), other.get(key), f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return [f"{place.lstrip('.')}: {len(one)} and {len(other)} items"]
        pairs = enumerate(zip(one, other, strict=True))
        return [text for at, (left, right) in pairs for text in differences(left, right, f"{place}[{at}]")]
    if _number(one) and _number(other):
        same = math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1e-9)
    else:
        same = one == other
    return [] if same else [f"{place.lstrip('.')}: {one!r} is not {other!r}"]


def _number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)
