"""Compiled and reference evaluator are one: the same answers to the bit, on any policy and any snapshot."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rulecap import Policy, PolicyError, load_policy
from tests.promises.policies import policies, put, situation, written
from tests.promises.shipped import SHIPPED, bits, shipped, step_values
from tests.snapshots import random_snapshot, sequence

Json = dict[str, Any]
SOAK = 100_000


def hold_equal(policy: Policy, snapshot: Json, decision: str, memory: Json | None) -> Json:
    """Fail where the two evaluators differ in anything; return the next memory."""
    compiled = policy.evaluate(snapshot, decision, memory)
    reference = policy.reference(snapshot, decision, memory)
    told = f"{decision} of {snapshot} with {memory}: {compiled.problems}, {reference.problems}"
    assert compiled.ok == reference.ok, told
    found = [
        [(one.code, one.severity, one.path, one.message) for one in each.problems] for each in (compiled, reference)
    ]
    assert found[0] == found[1], told
    assert "internal-error" not in [code for code, *_ in found[0]], told
    assert bits(compiled.outputs) == bits(reference.outputs), told
    assert bits(compiled.memory) == bits(reference.memory), told
    assert compiled.answered_by == reference.answered_by, told
    if compiled.ok:
        assert bits(step_values(compiled)) == bits(step_values(reference)), told
    json.dumps([compiled.outputs, compiled.memory], allow_nan=False)
    return compiled.memory


def hold_equal_over_time(policy: Policy, rng: Random, length: int) -> None:
    memory: Json | None = None
    for _ in range(length):
        snapshot = situation(rng)
        for decision in policy.decisions:
            following = hold_equal(policy, snapshot, decision, memory if rng.random() < 0.9 else junk_memory(rng))
        memory = following


def junk_memory(rng: Random) -> Json:
    return rng.choice(
        ({"stamped": "yesterday"}, {"state": 5}, {"nothing": 1}, {"once": None}, {"raised": 1}, {"once": 1e300})
    )


@given(policies(rules=11), st.integers(0, 2**32))
@settings(
    max_examples=8, suppress_health_check=list(HealthCheck), phases=set(Phase) - {Phase.shrink, Phase.explain}
)  # a policy a try
def test_generated_policies_give_the_same_by_both_evaluators(tmp_path_factory: Any, text: str, seed: int) -> None:
    policy = load_policy(put(tmp_path_factory.mktemp("generated"), text))
    hold_equal_over_time(policy, Random(seed), 6)


@pytest.mark.parametrize("seed", range(8))
def test_large_generated_policies_give_the_same_by_both_evaluators(tmp_path: Path, seed: int) -> None:
    rng = Random(f"policy {seed}")
    hold_equal_over_time(load_policy(put(tmp_path, written(rng, rules=30))), rng, 8)


def test_traces_and_explanations_of_generated_policies_can_be_told(tmp_path: Path) -> None:
    """Rendering reads what evaluation guarded: no absent value, division by zero or short list may trip it."""
    for seed in range(6):
        rng = Random(f"told {seed}")
        policy = load_policy(put(tmp_path / str(seed), written(rng)))
        for _ in range(6):
            decision = policy.evaluate(situation(rng), "whole")
            assert json.loads(decision.trace.to_json())["ok"] == decision.ok
            assert isinstance(decision.trace.explain(), str)


def test_a_parameter_that_is_a_name_compares_with_other_names(tmp_path: Path) -> None:
    """A parameter is there to be changed: what it is today is not all that it can be."""
    policy = {
        "language": 1,
        "policy": "named",
        "version": "1.0.0",
        "title": "Named",
        "parameters": {"mode": {"value": "CAREFUL"}},
        "decisions": {"asked": {"title": "A", "outputs": {"bold": "mode == BOLD"}, "on_error": {"bold": False}}},
    }
    loaded = load_policy(put(tmp_path, json.dumps(policy)))
    assert hold_equal(loaded, situation(Random(1)), "asked", None) == {}
    assert loaded.evaluate(situation(Random(1)), "asked").outputs == {"bold": False}


def both_on_a_shipped_policy(name: str, rng: Random, count: int) -> None:
    policy = shipped(name)
    for number in range(count):
        if number % 4:
            hold_equal(policy, random_snapshot(rng), rng.choice(policy.decisions), None)
            continue
        memory: Json | None = None
        for snapshot in sequence(rng, 3):
            memory = hold_equal(policy, snapshot, rng.choice(("position", rng.choice(policy.decisions))), memory)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_give_the_same_by_both_evaluators(name: str) -> None:
    both_on_a_shipped_policy(name, Random(f"both {name}"), 200)


@pytest.mark.soak
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_give_the_same_by_both_evaluators_at_length(name: str) -> None:
    both_on_a_shipped_policy(name, Random(f"soak {name}"), SOAK // len(SHIPPED))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(50))
def test_generated_policies_give_the_same_by_both_evaluators_at_length(tmp_path: Path, seed: int) -> None:
    refused = 0
    for number in range(40):
        rng = Random(f"soak {seed} {number}")
        try:
            policy = load_policy(put(tmp_path / str(number), written(rng, rules=12 + number % 20)))
        except PolicyError:  # about one text in two thousand divides a score by a plain number where a ratio is wanted
            refused += 1
            continue
        hold_equal_over_time(policy, rng, 12)
    assert refused <= 1
