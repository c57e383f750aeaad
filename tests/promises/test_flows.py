"""Money paid in or out is neither profit nor loss: an account with it has the drawdown of one without, step by step."""

from random import Random
from typing import Any

import pytest

from tests.promises.shipped import SHIPPED, shipped

RETURNS = (0.0, 0.03, -0.03, 0.1, -0.1, -0.25, 0.3)
FLOWS = (-0.999, -0.9, -0.5, 0.5, 3.0)


def look(number: int, equity: float, net_deposits: float, open_share: float) -> dict[str, Any]:
    """Return an account of that equity, part of it in open profit or loss."""
    pnl = equity * open_share
    money = {"total_wallet_balance": equity - pnl, "available_balance": 0.0, "margin_used": 0.0, "unrealized_pnl": pnl}
    as_of = f"2026-01-{1 + number // 2:02d}T{number % 2 * 12:02d}:00:00Z"
    return {"as_of": as_of, "account": {"id": "a", **money, "net_deposits": net_deposits}}


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_paid_in_or_out_leaves_drawdown_breaker_and_size_as_they_are(name: str) -> None:
    policy, states = shipped(name), set()
    for seed in range(25):
        rng = Random(f"flows {name} {seed}")
        with_flows = without = rng.choice((500.0, 5_000.0, 100_000.0))
        deposits, memory, other = 0.0, None, None
        for number in range(40):
            change = 1 + rng.choice(RETURNS) * rng.random()
            with_flows, without = with_flows * change, without * change
            flow = with_flows * rng.choice(FLOWS) if rng.random() < 0.4 else 0.0
            if with_flows + flow > 1:
                with_flows, deposits = with_flows + flow, deposits + flow
            share = rng.choice((0.0, 0.2, -0.4))
            paid = policy.evaluate(look(number, with_flows, deposits, share), "drawdown", memory)
            plain = policy.evaluate(look(number, without, 0.0, share), "drawdown", other)
            for key in ("state", "leverage_cut", "breaker_open", "breaker_until"):
                assert paid.outputs[key] == plain.outputs[key], (seed, number, key)
            for key in ("drawdown_pct", "size_multiplier"):
                assert paid.outputs[key] == pytest.approx(plain.outputs[key], rel=1e-7, abs=1e-7), (seed, number, key)
            memory, other = paid.memory, plain.memory
            states.add(paid.outputs["state"])
    assert states == {"NORMAL", "LIGHT", "MODERATE", "HEAVY"}
