"""Snapshots to be read, and what is found in one."""

import json
from pathlib import Path
from typing import Any

from rulecap.problems import Problem
from rulecap.snapshot import Snapshot, read_snapshot
from tests.snapshots import Json

EXAMPLES = sorted((Path(__file__).parents[2] / "policies/default/examples").glob("*.json"))
ACCOUNT = {
    "id": "a",
    "total_wallet_balance": 5000,
    "available_balance": 4200,
    "margin_used": 800,
    "unrealized_pnl": -50,
}
POSITION = {
    "symbol": "BTCUSDT", "base": "BTC", "side": "LONG", "quantity": 1, "entry_price": 10, "mark_price": 11,
    "notional": 11, "margin": 2, "leverage": 5, "unrealized_pnl": 1,
}  # fmt: skip
BRACKET = {"max_notional": 1, "max_leverage": 5, "maintenance_margin_rate": 0.1, "maintenance_amount": 0}


def minimal(**parts: Any) -> Json:
    return {"as_of": "2026-01-01T00:00:00Z", "account": dict(ACCOUNT), **parts}


def read(value: object) -> Snapshot:
    """Return the snapshot, the same from the value and from its JSON."""
    snapshot = read_snapshot(value)
    assert isinstance(snapshot, Snapshot), snapshot
    if isinstance(value, dict):
        assert read_snapshot(json.dumps(value)) == snapshot
    return snapshot


def problems(value: object) -> list[Problem]:
    found = read_snapshot(value)
    assert isinstance(found, list), found
    return found


def only(value: object) -> tuple[str | None, str, str]:
    """Return path, code and words of the one problem."""
    found = problems(value)
    assert len(found) == 1, found
    return found[0].path, found[0].code, found[0].message


def put(snapshot: Json, path: str, value: Any) -> Json:
    """Set a value deep inside, by a path such as `book.asks.0.1`."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = snapshot
    for step in way:
        place = place[step]
    place[last] = value
    return snapshot


def whole() -> Json:
    """Return a snapshot with every part in it."""
    return minimal(
        positions=[dict(POSITION)],
        signal={"symbol": "BTCUSDT"},
        market={"symbol": "BTCUSDT", "price": 10, "brackets": [dict(BRACKET), {**BRACKET, "max_notional": 2}]},
        book={"bids": [[9, 1], [8, 2]], "asks": [[10, 1], [11, 2]]},
        assets=[{"symbol": "A", "volatility_pct": 1}, {"symbol": "B", "volatility_pct": 2}],
        correlation=[[1, 0.5], [0.5, 1]],
        facts={"funding": 0.01, "venue": "x", "open": True, "n": 3},
    )
