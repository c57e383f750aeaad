"""Small snapshots of one account, and the two policies that are asked about them."""

from rulecap import load_policy
from rulecap.snapshot import Snapshot, read_snapshot

POLICY = load_policy("default")
OTHER = load_policy("conservative")


def read(told):
    found = read_snapshot(told)
    assert isinstance(found, Snapshot)
    return found


def snapshot(minute=0, balance=5000.0, **more):
    return read({
        "as_of": f"2026-01-01T00:{minute:02}:00Z",
        "account": {
            "id": "a", "total_wallet_balance": balance, "available_balance": 4000.0, "margin_used": 0.0,
            "unrealized_pnl": 0.0,
        },
        **more,
    })  # fmt: skip
