"""What is answered where a value of the snapshot is not to be relied on: nothing that depends on it."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from rulecap import Policy, load_policy
from rulecap.problems import Problem
from tests.promises.policies import put
from tests.promises.shipped import SHIPPED, bits, shipped
from tests.promises.test_reductions import MEMORIES, hold_taken, wild
from tests.written import ACCOUNT, AS_OF

DEPOSITS = frozenset(["account.net_deposits"])
PROBLEM = Problem("deposits-unknown", "the ledger cannot be read")
SNAPSHOT = {"as_of": AS_OF, "account": ACCOUNT}
REDUCING = """
language: 1
policy: reducing
version: 1.0.0
memory:
  paid: {start: account.net_deposits, next: account.net_deposits, unit: USD}
  looks: {start: 0, next: memory.looks + 1, unit: count}
rules:
  gain: {kind: formula, unit: USD, formula: account.total_wallet_balance - account.net_deposits}
  doubled: {kind: formula, unit: USD, formula: gain + gain}
  wallet: {kind: formula, unit: USD, formula: account.total_wallet_balance}
decisions:
  anyway:
    answers_anyway: true
    outputs:
      wallet: wallet
      gain: doubled
      paid: account.net_deposits
      since: memory.paid
      looks: memory.looks
      both: {wallet: wallet, gain: gain}
    on_error: {wallet: none, gain: none, paid: none, since: none, looks: none, both: none}
    explain:
      - "{wallet} is there."
      - "{gain} was gained."
  entry:
    outputs: {wallet: wallet}
    on_error: {wallet: none}
  bare:
    answers_anyway: true
    outputs: {wallet: wallet}
    on_error: {wallet: none}
  by_deposits:
    hand_over: [{if: account.net_deposits > 0 USD, to: bare}]
    outputs: {wallet: wallet}
    on_error: {wallet: none}
  by_wallet:
    hand_over: [{if: account.total_wallet_balance > 0 USD, to: bare}]
    outputs: {wallet: wallet}
    on_error: {wallet: none}
"""


@pytest.fixture
def reducing(tmp_path: Path) -> Policy:
    return load_policy(put(tmp_path, REDUCING))


def test_what_depends_on_it_by_whatever_way_is_left_out_and_nothing_else(reducing: Policy) -> None:
    memory = {"paid": 3.0, "looks": 4}
    answer = reducing.partially(SNAPSHOT, "anyway", DEPOSITS, PROBLEM, memory)
    wallet = ACCOUNT["total_wallet_balance"]
    left_out = dict.fromkeys(("gain", "paid", "since"))
    assert answer.outputs == {"wallet": wallet, "looks": 4, "both": {"wallet": wallet, "gain": None}, **left_out}
    assert [(one.code, one.severity) for one in answer.problems] == [("deposits-unknown", "warning")]
    assert (answer.ok, answer.reduces, answer.memory, answer.advanced) == (True, True, memory, False)
    assert "gain" not in answer.steps


def test_what_is_about_no_reduction_is_refused(reducing: Policy) -> None:
    answer = reducing.partially(SNAPSHOT, "entry", DEPOSITS, PROBLEM)
    assert (answer.ok, answer.outputs, answer.problems) == (False, {"wallet": None}, (PROBLEM,))


def test_a_hand_over_that_depends_on_it_is_refused_and_another_one_taken(reducing: Policy) -> None:
    paid = {**SNAPSHOT, "account": {**ACCOUNT, "net_deposits": 5.0}}
    assert reducing.partially(paid, "by_deposits", DEPOSITS, PROBLEM).problems == (PROBLEM,)
    assert reducing.evaluate(paid, "by_deposits").answered_by == "bare"
    taken = reducing.partially(SNAPSHOT, "by_wallet", DEPOSITS, PROBLEM)
    assert (taken.ok, taken.decision, taken.answered_by) == (True, "by_wallet", "bare")


@pytest.mark.parametrize("memory", [{"looks": "many"}, {"nothing": 1}, 5])
def test_a_memory_that_cannot_be_used_is_named_too(reducing: Policy, memory: Any) -> None:
    answer = reducing.partially(SNAPSHOT, "anyway", DEPOSITS, PROBLEM, memory)
    assert (answer.ok, answer.outputs["looks"]) == (True, None)
    assert answer.problems[0].code == "deposits-unknown"
    assert len(answer.problems) == 2


def test_what_is_no_snapshot_or_no_decision_is_refused(reducing: Policy) -> None:
    assert not reducing.partially({"as_of": AS_OF}, "anyway", DEPOSITS, PROBLEM).ok
    assert reducing.partially(SNAPSHOT, "nothing", DEPOSITS, PROBLEM).problems[0].code == "unknown-decision"


@pytest.mark.parametrize("memory", range(len(MEMORIES)))
@pytest.mark.parametrize("name", SHIPPED)
def test_a_reduction_is_taken_whatever_was_paid_in_and_says_nothing_that_depends_on_it(name: str, memory: int) -> None:
    rng, policy = Random(f"deposits {name} {memory}"), shipped(name)
    for _ in range(20):
        snapshot = wild(rng)
        answer = policy.partially(snapshot, "position", DEPOSITS, PROBLEM, MEMORIES[memory])
        hold_taken(answer, snapshot)
        snapshot["account"]["net_deposits"] = rng.choice((0.0, 1e6, -1e15))
        other = policy.partially(snapshot, "position", DEPOSITS, PROBLEM, MEMORIES[memory])
        assert bits(answer.outputs) == bits(other.outputs)
        assert answer.outputs["drawdown_state"] is None
