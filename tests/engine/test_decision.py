"""What a decision says of itself: whether its memory moved on, the values of its steps, whose answer it is."""

import copy
import json
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic_core import to_json

from rulecap import Decision, Policy, Snapshot, load_policy
from rulecap.engine.outputs import json_value
from tests.promises.policies import put, situation, written
from tests.promises.shipped import SHIPPED, shipped, step_values
from tests.snapshots import random_snapshot, sequence

Json = dict[str, Any]
BAD_MEMORIES: list[Any] = [
    {"peak_equity": "high"},
    {"nothing": 1},
    "no memory",
    {"peak_equity": 1e308, "trough_equity": -1e308, "net_deposits": -1e308},
    {"stamped": "yesterday", "state": 5},
]

COUNTED = """
language: 1
policy: counted
version: 1.0.0
title: Counted
memory:
  count: {start: 0, next: memory.count + 1, unit: count}
decisions:
  asked:
    title: Asked
    outputs: {answer: answer, seen_at: seen_at, smallest: smallest, size: size}
    on_error: {answer: none, seen_at: none, smallest: none, size: none}
  reducing:
    title: Reducing
    answers_anyway: true
    outputs: {answer: answer, count: counted}
    on_error: {answer: none, count: 0}
  handed:
    title: Handed over
    hand_over: [{if: account.unrealized_pnl < 0 USD, to: reducing}]
    outputs: {answer: answer, count: counted}
    on_error: {answer: none, count: 0}
rules:
  counted: {kind: formula, formula: memory.count, unit: count}
  seen_at: {kind: formula, formula: as_of + 1h}
  used: {kind: formula, formula: account.margin_used, unit: USD}
  smallest: {kind: pick, from: positions as p, lowest: p.margin}
  size:
    kind: bands
    of: account.margin_used
    cases:
      - {name: SMALL, below: 100 USD, assets: any}
      - {name: LARGE, assets: [BTC]}
  answer: {kind: formula, formula: used / account.available_balance, unit: ratio}
"""


def snapshot(**account: float) -> Json:
    whole = {"id": "a", "total_wallet_balance": 1, "available_balance": 2, "margin_used": 3, "unrealized_pnl": 0}
    return {"as_of": "2026-03-01T12:00:00.000120Z", "account": {**whole, **account}, "positions": [POSITION]}


POSITION = {
    "symbol": "BTCUSDT",
    "base": "BTC",
    "side": "LONG",
    "quantity": 1,
    "entry_price": 1,
    "mark_price": 1,
    "notional": 1,
    "margin": 1,
    "leverage": 1,
    "unrealized_pnl": 0,
}


@pytest.fixture
def counted(tmp_path: Path) -> Policy:
    return load_policy(put(tmp_path, COUNTED))


def situations(name: str) -> list[tuple[Json, Any]]:
    rng = Random(f"decision {name}")
    drawn = [random_snapshot(rng) for _ in range(30)] + sequence(rng, 20)
    found: list[tuple[Json, Any]] = [(one, rng.choice([None, *BAD_MEMORIES])) for one in drawn]
    for one, _ in found[:6]:  # what arithmetic cannot hold
        one["account"] = {**one["account"], "margin_used": 1.7e308, "unrealized_pnl": 1.7e308}
    return found


def answers(policy: Policy, given: list[tuple[Json, Any]]) -> list[tuple[Decision, Any]]:
    found = []
    for one, memory in given:
        for asked in policy.decisions:
            kept = copy.deepcopy(memory)
            found += [(policy.evaluate(one, asked, kept), memory), (policy.reference(one, asked, kept), memory)]
    return found


def hold_advanced(answer: Decision, policy: Policy, given: Any) -> None:
    """A memory that moved on has every name of the policy; one that did not is what was given, to the letter."""
    if answer.advanced:
        assert list(answer.memory) == list(policy.typed.memory)
    else:
        assert answer.memory == (given if isinstance(given, dict) else {})
        assert not policy.typed.memory or answer.problems


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SHIPPED)
def test_advanced_says_whether_the_memory_is_the_next_one(name: str) -> None:
    policy = shipped(name)
    seen = set()
    for answer, given in answers(policy, situations(name)):
        hold_advanced(answer, policy, given)
        seen.add((answer.advanced, answer.ok))
    assert seen == {(True, True), (False, True), (False, False)}


@pytest.mark.no_cover
def test_advanced_says_it_of_generated_policies_too(tmp_path: Path) -> None:
    for seed in range(4):
        rng = Random(f"advanced {seed}")
        policy = load_policy(put(tmp_path / str(seed), written(rng)))
        given = [(situation(rng), rng.choice([None, *BAD_MEMORIES])) for _ in range(10)]
        for answer, memory in answers(policy, given):
            hold_advanced(answer, policy, memory)


def test_a_memory_that_counts_shows_when_it_moved_on(counted: Policy) -> None:
    """Every way an answer can come about: computed, refused, fallen back, unread, unknown."""
    fine, broken = snapshot(), snapshot(available_balance=0)
    for ask in (counted.evaluate, counted.reference):
        assert (ask(fine, "asked", {"count": 7}).memory, ask(fine, "asked", {"count": 7}).advanced) == (
            {"count": 8},
            True,
        )
        for given, asked, memory in (
            (broken, "asked", {"count": 7}),
            (broken, "reducing", {"count": 7}),
            (fine, "asked", {"count": "many"}),
            (fine, "reducing", {"count": "many"}),
            ({}, "asked", {"count": 7}),
            ({}, "reducing", {"count": 7}),
            (fine, "unheard of", {"count": 7}),
        ):
            answer = ask(given, asked, memory)
            assert (answer.memory, answer.advanced) == (memory, False)


def hold_steps(answer: Decision) -> None:
    assert answer.steps_json() == to_json(answer.steps)
    assert json.loads(json.dumps(answer.steps, allow_nan=False)) == answer.steps
    assert list(answer.steps) == list(step_values(answer))
    assert [step["rule"] for step in answer.trace.steps] == list(answer.steps)
    shown = {step["rule"]: step["value"] for step in answer.trace.steps}
    assert json.loads(answer.steps_json()) == shown


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SHIPPED)
def test_steps_are_the_traces_values_and_their_quick_bytes_say_the_same(name: str) -> None:
    policy = shipped(name)
    found = answers(policy, situations(name))
    for answer, _ in found:
        hold_steps(answer)
    assert any(answer.steps and answer.advanced for answer, _ in found)
    assert any(answer.steps and answer.ok and not answer.advanced for answer, _ in found)


@pytest.mark.no_cover
def test_steps_of_generated_policies_have_the_same_bytes_both_ways(tmp_path: Path) -> None:
    for seed in range(8):
        rng = Random(f"steps {seed}")
        policy = load_policy(put(tmp_path / str(seed), written(rng)))
        for answer, _ in answers(policy, [(situation(rng), None) for _ in range(8)]):
            hold_steps(answer)


def test_steps_are_json_types_in_the_order_of_evaluation(counted: Policy) -> None:
    answer = counted.evaluate(snapshot(), "asked", {"count": 7})
    assert answer.steps["seen_at"] == "2026-03-01T13:00:00.000120Z"
    assert answer.steps["smallest"] == {
        **POSITION,
        **dict.fromkeys(("score", "volatility_pct", "liquidation_price", "tradable")),
    }
    assert answer.steps["answer"] == 1.5
    assert "count" not in answer.steps
    assert list(answer.steps) == [step["rule"] for step in answer.trace.steps]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_steps_of_one_kind_are_those_of_the_trace(name: str) -> None:
    policy, rng = shipped(name), Random(5)
    found: set[str] = set()
    for _ in range(20):
        trace = policy.evaluate(random_snapshot(rng)).trace
        kinds = {step["kind"] for step in trace.steps}
        for kind in kinds:
            alone = json.loads(to_json(trace.of_kind(kind), fallback=json_value))
            assert alone == [step for step in trace.steps if step["kind"] == kind]
        found |= kinds
        assert trace.of_kind("no-kind") == []
    assert "adjust" in found


def test_steps_of_a_failed_evaluation_are_those_before_the_failure(counted: Policy) -> None:
    answer = counted.evaluate(snapshot(available_balance=0), "asked", {"count": 7})
    assert [problem.code for problem in answer.problems] == ["division-by-zero"]
    assert answer.steps["used"] == 3
    assert "answer" not in answer.steps
    assert answer.steps_json() == to_json(answer.steps)


def test_where_nothing_was_computed_there_are_no_steps(counted: Policy) -> None:
    for answer in (
        counted.evaluate({}, "asked"),
        counted.evaluate(snapshot(), "unheard of"),
        counted.evaluate(snapshot(), "handed", memory={"count": "many"}),
    ):
        assert (answer.steps, answer.steps_json()) == ({}, b"{}")


def test_a_remembered_text_that_no_record_can_hold_is_refused(tmp_path: Path) -> None:
    text = """
    language: 1
    policy: noted
    version: 1.0.0
    title: Noted
    memory:
      note: {type: text, start: none, next: memory.note}
    decisions:
      asked: {title: Asked, outputs: {said: said}, on_error: {said: none}}
    rules:
      said: {kind: formula, formula: "default(memory.note, account.id)"}
    """
    policy = load_policy(put(tmp_path, textwrap.dedent(text)))
    assert policy.evaluate(snapshot(), "asked", {"note": "naïve ✓"}).steps == {"said": "naïve ✓"}
    answer = policy.evaluate(snapshot(), "asked", {"note": "\ud800"})
    assert [problem.code for problem in answer.problems] == ["wrong-type"]
    assert answer.steps_json() == b"{}"


@pytest.mark.parametrize("microsecond", [0, 1, 100, 120_000, 999_999])
def test_a_time_has_the_same_bytes_in_steps_and_outputs(counted: Policy, microsecond: int) -> None:
    """In every year that a snapshot can be of."""
    for year in (1, 999, 1970, 2026, 9999):
        moment = datetime(year, 1, 2, 3, 4, 5, microsecond, UTC)
        answer = counted.evaluate({**snapshot(), "as_of": (moment - timedelta(hours=1)).isoformat()}, "asked")
        assert answer.outputs["seen_at"] == answer.steps["seen_at"]
        assert json.loads(answer.steps_json())["seen_at"] == answer.outputs["seen_at"]


def test_the_evaluated_snapshot_is_the_decisions(counted: Policy) -> None:
    given = snapshot()
    read = Snapshot.model_validate(given)
    for ask in (counted.evaluate, counted.reference):
        assert ask(given, "asked").snapshot == read
        assert ask(read, "asked").snapshot is read
        assert ask(snapshot(available_balance=0), "asked").snapshot is not None
        assert ask(given, "asked", {"count": "many"}).snapshot == read
        assert ask({}, "asked").snapshot is None
    with pytest.raises(AttributeError):
        counted.evaluate(given, "asked").snapshot = None  # type: ignore[misc]  # that it is refused is the test


def test_a_decision_reduces_where_the_one_that_answered_answers_anyway(counted: Policy) -> None:
    falling = snapshot(unrealized_pnl=-1)
    for ask in (counted.evaluate, counted.reference):
        assert not ask(snapshot(), "asked").reduces
        assert ask(snapshot(), "reducing").reduces
        assert ask({}, "reducing").reduces
        assert ask(snapshot(available_balance=0), "reducing").reduces
        assert not ask(snapshot(), "handed").reduces
        assert ask(falling, "handed").reduces
        assert ask(falling, "handed").answered_by == "reducing"
        assert not ask(snapshot(), "unheard of").reduces


def test_what_a_notebook_shows_of_a_decision_says_what_was_wrong(tmp_path):
    shown = repr(load_policy("default").evaluate({}))
    assert "ok=False" in shown
    assert "problems=['as_of: missing-field', 'account: missing-field']" in shown
    fine = load_policy("default").evaluate(Path("policies/default/examples/sushi_recorded.json").read_bytes())
    assert "problems" not in repr(fine)
    fine.record_id = "c0ffee000000-7"
    assert "record_id='c0ffee000000-7'" in repr(fine)
