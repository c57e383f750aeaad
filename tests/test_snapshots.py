"""The generators of snapshots give valid ones, the same for a seed, that reach every corner."""

from random import Random

from hypothesis import given

from rulecap.snapshot import Snapshot, read_snapshot
from tests.snapshots import REGIMES, Json, random_snapshot, sequence, snapshots

MANY = [random_snapshot(Random(seed)) for seed in range(3_000)]


def share(condition: list[bool]) -> float:
    return sum(condition) / len(condition)


def test_random_snapshots_are_valid() -> None:
    for snapshot in MANY[:1_000]:
        found = read_snapshot(snapshot)
        assert isinstance(found, Snapshot), found


@given(snapshots())
def test_drawn_snapshots_are_valid(snapshot: Json) -> None:
    found = read_snapshot(snapshot)
    assert isinstance(found, Snapshot), found


def test_a_seed_gives_one_snapshot() -> None:
    assert random_snapshot(Random(4)) == random_snapshot(Random(4))
    assert sequence(Random(4), 5) == sequence(Random(4), 5)


def test_tweaks() -> None:
    snapshot = random_snapshot(Random(4), account={"margin_used": 7.0}, book=None, positions=[], age_seconds=3.0)
    assert snapshot["account"]["margin_used"] == 7.0
    assert "total_wallet_balance" in snapshot["account"]
    assert "book" not in snapshot
    assert snapshot["positions"] == []
    assert snapshot["age_seconds"] == 3.0


def test_they_reach_every_corner() -> None:
    wallets = [s["account"]["total_wallet_balance"] for s in MANY]
    signals = [s.get("signal", {}) for s in MANY]
    positions = [s.get("positions", []) for s in MANY]
    for reached in (
        [w <= 0 for w in wallets],
        [0 < w < 100 for w in wallets],
        [100 <= w < 1_000 for w in wallets],
        [1_000 <= w < 5_000 for w in wallets],
        [w >= 5_000 for w in wallets],
        [s["account"]["margin_used"] > s["account"]["total_wallet_balance"] for s in MANY],
        ["book" not in s for s in MANY],
        ["correlation" in s for s in MANY],
        ["assets" in s and "correlation" not in s for s in MANY],
        [len(p) == 0 for p in positions],
        [len(p) >= 10 for p in positions],
        [len({x["symbol"] for x in p}) < len(p) for p in positions],
        [s.get("reduce_only", False) for s in signals],
        ["brackets" not in s.get("market", {}) for s in MANY],
        ["atr_pct" not in s["market"] for s in MANY if "market" in s],
        [s["account"].get("net_deposits", 0) < 0 for s in MANY],
        *([s.get("market_regime") == regime for s in signals] for regime in REGIMES),
    ):
        assert 0.005 < share(reached) < 0.995


def test_sequences_are_one_account_over_time_that_falls_and_recovers() -> None:
    falls = gains = flows = 0
    for seed in range(40):
        steps = sequence(Random(seed), 60)
        assert len({step["account"]["id"] for step in steps}) == 1
        assert [step["as_of"] for step in steps] == sorted(step["as_of"] for step in steps)
        equities = [s["account"]["total_wallet_balance"] + s["account"]["unrealized_pnl"] for s in steps]
        deposits = [s["account"]["net_deposits"] for s in steps]
        for before, now, paid_before, paid in zip(equities, equities[1:], deposits, deposits[1:], strict=False):
            flows += paid != paid_before
            if paid == paid_before and before > 0:
                falls += now < before * 0.8
                gains += now > before * 1.05
        for step in steps:
            assert isinstance(read_snapshot(step), Snapshot)
    assert min(falls, gains, flows) > 40
