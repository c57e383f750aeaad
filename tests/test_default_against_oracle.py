"""The shipped policies against the oracle: a second reading of the rules, by hand, in plain Python."""

from functools import cache
from random import Random
from typing import Any

import pytest

from rulecap import load_policy
from tests.oracle import DECISIONS, InputError, decide
from tests.oracle.compare import differences
from tests.snapshots import random_snapshot, sequence

Json = dict[str, Any]


loaded = cache(load_policy)


def disagreements(
    snapshot: Json, decision: str, memory: Json | None, policy: str = "default"
) -> tuple[list[str], Json | None]:
    """Return how policy and oracle differ on one snapshot, and the next memory."""
    answer = loaded(policy).evaluate(snapshot, decision, memory)
    scale = max(abs(value) for value in snapshot["account"].values() if isinstance(value, (int, float)))
    try:
        outputs, following = decide(decision, snapshot, memory, policy=policy)
    except InputError as error:
        return ([f"the oracle refuses {error}, the policy does not"] if answer.ok else []), memory
    if not answer.ok:
        return [f"the policy refuses: {[problem.render() for problem in answer.problems]}"], memory
    reason = answer.outputs.pop("reason", "")
    found = differences(answer.outputs, outputs, scale) + differences(answer.memory, following, scale)
    if reason != reason_of(answer.outputs):
        found.append(f"the reason is {reason!r}, of {answer.outputs['reasons']}")
    return found, answer.memory


def reason_of(outputs: Json) -> str:
    """Return the text of the first reason of the worst verdict, as the answer's reasons have it."""
    texts = [one["text"] for one in outputs.get("reasons", []) if one["verdict"] == outputs["recommendation"]]
    return texts[0] if texts else ""


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_the_oracles_on_random_snapshots(decision: str) -> None:
    rng = Random(f"snapshots for {decision}")
    for number in range(1_000):
        snapshot = random_snapshot(rng)
        found, _ = disagreements(snapshot, decision, None)
        assert not found, f"snapshot {number}: {snapshot}"


@pytest.mark.parametrize("decision", ["kelly", "leverage", "liquidity", "position"])
def test_stop_risk_is_the_oracles_on_random_snapshots(decision: str) -> None:
    rng = Random(f"stops for {decision}")
    for number in range(1_000):
        snapshot = random_snapshot(rng)
        found, _ = disagreements(snapshot, decision, None, "stop-risk")
        assert not found, f"snapshot {number}: {snapshot}"


@pytest.mark.parametrize("seed", range(8))
def test_every_decision_is_the_oracles_along_an_account(seed: int) -> None:
    """Memory is carried: falls, recoveries, breakers, deposits and withdrawals."""
    memory: Json | None = None
    rng = Random(seed)
    for number, snapshot in enumerate(sequence(rng, 60)):
        decision = rng.choice(list(DECISIONS))
        for asked in (decision, "drawdown", "position"):
            found, following = disagreements(snapshot, asked, memory)
            assert not found, f"step {number}, {asked}, memory {memory}: {snapshot}"
        memory = following
