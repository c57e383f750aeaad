"""What the promises' tests share: shipped policies, a calm snapshot, values whose equal texts are equal bits."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rulecap import Policy, load_policy
from rulecap.engine.decision import Decision
from rulecap.language.values import ANY, iso

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("default", "stop-risk", "conservative")


@cache
def shipped(name: str) -> Policy:
    return load_policy(name)


def bits(value: Any) -> Any:
    """Return a value in which 1, 1.0, True, 0.0 and -0.0 all differ, and lists and tuples do not."""
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, bool | int | str) or value is None:
        return (type(value).__name__, value)
    if isinstance(value, datetime):
        return ("time", iso(value))
    if isinstance(value, Mapping):
        return {name: bits(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    if isinstance(value, BaseModel):
        return (type(value).__name__, {name: bits(getattr(value, name)) for name in type(value).model_fields})
    return "any" if value is ANY else repr(value)


def step_values(decision: Decision) -> Json:
    """Return the value of every rule that a decision computed."""
    if decision._steps is not None and decision._steps[1] is not None:
        evaluator, values = decision._steps
        found = dict(zip(evaluator.compiled.names, values, strict=True))
    else:
        found = dict(decision._partial or {})
    return {name: value for name, value in found.items() if not name.startswith("memory.")}


CALM: Json = {
    "as_of": "2026-03-01T12:00:00Z",
    "account": {
        "id": "a",
        "total_wallet_balance": 10_000.0,
        "available_balance": 9_000.0,
        "margin_used": 1_000.0,
        "unrealized_pnl": 0.0,
    },
    "positions": [],
    "signal": {"symbol": "BTCUSDT", "score": 90.0, "win_rate": 0.515, "win_loss_ratio": 1.0},
    "market": {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "price": 50_000.0,
        "atr_pct": 2.0,
        "spread_pct": 0.01,
        "depth_score": 1.0,
        "min_quantity": 0.0,
        "quantity_step": 1e-8,
        "min_notional": 0.0,
    },
}
