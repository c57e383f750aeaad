"""Protection is monotone: wallet and signal held fixed, nothing that is worse gives a larger order or more leverage.

A lever makes one thing worse and leaves all else as it is. What is compared is the order as placed and as it would be,
and the leverage, of the market and of the account.

One case is left out, because the rules settle it otherwise: where money was paid in and the equity before that is not
above zero, nothing of the remembered high-water mark can be carried over. Peak and trough restart at equity then, and
the drawdown is none.
"""

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from rulecap import Policy
from tests.promises.shipped import SHIPPED, shipped
from tests.snapshots import Json, random_snapshot, sequence

Situation = tuple[Json, Json | None]
Lever = Callable[[Random, Json, Json], bool]
TOLERANCE = 1 + 1e-9  # the last digits of a product are no order

# Each lever changes snapshot and memory in place; false where there is nothing that it could make worse.


def lower_equity(rng: Random, snapshot: Json, memory: Json) -> bool:
    account = snapshot["account"]
    account["unrealized_pnl"] -= abs(account["total_wallet_balance"]) * rng.choice((1e-6, 0.01, 0.05, 0.1, 0.3, 2))
    flow = account.get("net_deposits", 0.0) - memory.get("net_deposits", 0.0)
    equity = account["total_wallet_balance"] + account["unrealized_pnl"]
    restarts = flow != 0 and equity > 0 and equity - flow <= 0
    return bool(memory) and not restarts  # without a memory the high-water mark would follow


def higher_peak(rng: Random, snapshot: Json, memory: Json) -> bool:
    if not memory or memory["peak_equity"] <= 0:
        return False
    memory["peak_equity"] *= rng.choice((1 + 1e-9, 1.01, 1.03, 1.06, 1.12, 1.3, 10))
    return True


def tripped_breaker(rng: Random, snapshot: Json, memory: Json) -> bool:
    if not memory:
        return False
    now = datetime.fromisoformat(snapshot["as_of"])
    memory["breaker_tripped_at"] = (now - timedelta(hours=rng.choice((0, 1, 23.99)))).isoformat()
    return True


def more_margin(rng: Random, snapshot: Json, memory: Json) -> bool:
    account = snapshot["account"]
    share = rng.choice((1e-6, 0.1, 0.25, 0.5, 1.0, 3.0))
    account["margin_used"] = max(account["margin_used"], 0.0) + abs(account["total_wallet_balance"]) * share
    return True


def less_available(rng: Random, snapshot: Json, memory: Json) -> bool:
    account = snapshot["account"]
    account["available_balance"] = min(account["available_balance"], 0.0) + max(
        account["available_balance"], 0.0
    ) * rng.choice((0.999, 0.5, 0.1, 0.01, 0))
    return True


def more_margin_in_positions(rng: Random, snapshot: Json, memory: Json) -> bool:
    for position in snapshot.get("positions", ()):
        position["margin"] *= rng.choice((1, 1.5, 4, 50))
    return bool(snapshot.get("positions"))


def higher_atr(rng: Random, snapshot: Json, memory: Json) -> bool:
    return _raise(snapshot, "market", "atr_pct", rng.choice((1.001, 1.3, 2, 5, 20)), 100)


def wider_spread(rng: Random, snapshot: Json, memory: Json) -> bool:
    return _raise(snapshot, "market", "spread_pct", rng.choice((1.001, 1.5, 3, 10, 100)), 100)


def lower_depth_score(rng: Random, snapshot: Json, memory: Json) -> bool:
    market = snapshot["market"]
    if "depth_score" not in market:
        return False
    market["depth_score"] *= rng.choice((0.999, 0.8, 0.5, 0.1, 0))
    return True


def thinner_book(rng: Random, snapshot: Json, memory: Json) -> bool:
    if "book" not in snapshot:
        return False
    share = rng.choice((0.999, 0.7, 0.3, 0.05, 0.001))
    for side in ("bids", "asks"):
        snapshot["book"][side] = [[price, quantity * share] for price, quantity in snapshot["book"][side]]
    return True


def shorter_book(rng: Random, snapshot: Json, memory: Json) -> bool:
    if "book" not in snapshot:
        return False
    for side in ("bids", "asks"):
        snapshot["book"][side] = snapshot["book"][side][: max(1, len(snapshot["book"][side]) * 2 // 3)]
    return True


def more_heat(rng: Random, snapshot: Json, memory: Json) -> bool:
    for position in snapshot.get("positions", ()):
        position["notional"] *= rng.choice((1, 1.2, 3, 10, 100))
    return bool(snapshot.get("positions"))


def more_volatile_asset(rng: Random, snapshot: Json, memory: Json) -> bool:
    own = [asset for asset in snapshot.get("assets", ()) if asset["symbol"] == snapshot["market"]["symbol"]]
    for asset in own:
        asset["volatility_pct"] = min(1000.0, asset["volatility_pct"] * rng.choice((1.01, 1.5, 4, 300)))
    return bool(own)


def _raise(snapshot: Json, part: str, name: str, factor: float, most: float) -> bool:
    before = snapshot[part].get(name)
    if before is None:
        return False
    snapshot[part][name] = min(most, max(before, 0.01) * factor)
    return True


LEVERS: tuple[Lever, ...] = (
    lower_equity,
    higher_peak,
    tripped_breaker,
    more_margin,
    less_available,
    more_margin_in_positions,
    higher_atr,
    wider_spread,
    lower_depth_score,
    thinner_book,
    shorter_book,
    more_heat,
    more_volatile_asset,
)


def situations(rng: Random, count: int) -> Iterator[Situation]:
    """Yield snapshots that are sized: alone, after a remembered high-water mark, and along accounts over time."""
    for number in range(count):
        snapshot = random_snapshot(rng)
        equity = snapshot["account"]["total_wallet_balance"] + snapshot["account"]["unrealized_pnl"]
        peak = equity * rng.choice((1, 1, 1.02, 1.05, 1.08, 1.15, 1.3)) if equity > 0 else 1.0
        trough = rng.choice((equity, equity * 0.97, equity * 0.9, equity * 0.7))
        deposits = snapshot["account"].get("net_deposits", 0.0)
        state = rng.choice(("NORMAL", "NORMAL", "LIGHT", "MODERATE", "HEAVY"))
        memory = {"peak_equity": peak, "trough_equity": trough, "net_deposits": deposits, "drawdown_state": state}
        yield snapshot, memory if number % 3 else None


def along(policy: Policy, rng: Random, accounts: int, length: int) -> Iterator[Situation]:
    for _ in range(accounts):
        memory: Json | None = None
        for snapshot in sequence(rng, length):
            yield snapshot, memory
            memory = policy.evaluate(snapshot, memory=memory).memory


def sized(policy: Policy, snapshot: Json, memory: Json | None) -> dict[str, float] | None:
    """Return the order and its leverage; none where the input was refused or another decision answered."""
    answer = policy.evaluate(snapshot, memory=memory)
    if not answer.ok or answer.answered_by != "position":
        return None
    out = answer.outputs
    return {
        "placed": out["position_size_usd"],
        "placed quantity": out["quantity"],
        "would be": out["would_be"]["position_size_usd"],
        "leverage": out["optimal_leverage"],
        "leverage of the market": out["unconstrained_leverage"],
    }


def hold_monotone(policy: Policy, lever: Lever, rng: Random, cases: Iterator[Situation]) -> tuple[int, int]:
    """Fail where worse is more; return how many pairs were looked at, and in how many worse was less."""
    pairs = smaller = 0
    for snapshot, memory in cases:
        better = sized(policy, snapshot, memory)
        if better is None:
            continue
        worse_snapshot, worse_memory = copy.deepcopy(snapshot), copy.deepcopy(memory or {})
        if not lever(rng, worse_snapshot, worse_memory):
            continue
        worse = sized(policy, worse_snapshot, worse_memory or None)
        if worse is None:
            continue  # refused: nothing is placed
        pairs += 1
        smaller += worse != better
        for name, value in worse.items():
            assert value <= better[name] * TOLERANCE, (
                f"{lever.__name__}: {name} {better[name]} becomes {value}\n"
                f"better: {snapshot} {memory}\nworse: {worse_snapshot} {worse_memory}"
            )
    return pairs, smaller


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.__name__)
@pytest.mark.parametrize("name", SHIPPED)
def test_worse_is_never_more(name: str, lever: Lever) -> None:
    rng, policy = Random(f"worse {name} {lever.__name__}"), shipped(name)
    pairs, smaller = hold_monotone(policy, lever, rng, situations(rng, 220))
    assert pairs > 15
    assert smaller > 1, "the lever moves nothing: the test would see nothing"


@pytest.mark.parametrize("name", SHIPPED)
def test_worse_is_never_more_along_an_account(name: str) -> None:
    rng, policy = Random(f"along {name}"), shipped(name)
    for snapshot, memory in along(policy, rng, accounts=6, length=25):
        for lever in rng.sample(LEVERS, 4):
            hold_monotone(policy, lever, rng, iter([(snapshot, memory)]))


@pytest.mark.parametrize("name", SHIPPED)
def test_several_things_worse_at_once_are_never_more(name: str) -> None:
    rng, policy = Random(f"several {name}"), shipped(name)

    def several(rng: Random, snapshot: Json, memory: Json) -> bool:
        moved = [lever(rng, snapshot, memory) for lever in rng.sample(LEVERS, 3)]
        return any(moved)

    pairs, smaller = hold_monotone(policy, several, rng, situations(rng, 300))
    assert pairs > 60
    assert smaller > 30


@pytest.mark.soak
@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.__name__)
@pytest.mark.parametrize("name", SHIPPED)
def test_worse_is_never_more_at_length(name: str, lever: Lever) -> None:
    rng: Any = Random(f"soak {name} {lever.__name__}")
    hold_monotone(shipped(name), lever, rng, situations(rng, 4_000))
    hold_monotone(shipped(name), lever, rng, along(shipped(name), rng, accounts=60, length=60))
