"""What would have changed a verdict of the shipped policies, borne out from outside; what the search stands on."""

import copy
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap import load_policy
from rulecap.audit.why import Change, why
from rulecap.audit.why.changed import changed_document, changed_policy
from rulecap.audit.why.opened import open_policy
from rulecap.audit.why.written import numbers_in
from rulecap.engine.amend import amended
from rulecap.policy.nodes import Scalar, Sequence
from tests.audit.why.questions import ASKED, EXAMPLES, ZONES, asked, example, recommendation, seen, the
from tests.promises.shipped import SHIPPED, shipped
from tests.snapshots import random_snapshot
from tests.written import policy, snapshot


def path_of(where: str) -> str:
    return where.replace("[", ".").replace("]", "")


def outcome(rules: Any, base: dict[str, Any], memory: Any, decision: str, change: Change, value: Any) -> Any:
    """Return the decision with a value in a change's place, by none of the engine's own ways."""
    if change.kind == "memory":
        return rules.evaluate(base, decision, {**memory, change.where.removeprefix("memory."): value})
    return rules.evaluate(amended(base, _paths(change, value)), decision, memory)


def _paths(change: Change, value: Any) -> list[tuple[str, Any]]:
    path = path_of(change.where)
    if not path.startswith("correlation."):
        return [(path, value)]
    name, i, j = path.split(".")
    return [(path, value), (f"{name}.{j}.{i}", value)]


def overlaid(folder: Path, change: Change) -> Any:
    """Return the policy that the overlay is which a change tells to write."""
    quoted = change.written.replace("'", "''")
    alone = change.written.replace(".", "").replace("-", "").replace("e", "").isdigit()
    value = change.written if alone else f"'{quoted}'"
    place = folder / "other.yaml"
    place.write_text(
        f"language: 1\nextends: default\npolicy: other\nversion: 1.0.0\nset:\n  '{change.where}': {value}\n"
    )
    return load_policy(place)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(("decision", "output"), ASKED)
def test_each_change_of_an_example_is_borne_out_from_outside(name, decision, output, tmp_path):
    base, rules = example(name), shipped("default")
    findings = why(rules, seen(base), None, decision, lambda one: one.outputs.get(output))
    assert findings.counts["thresholds"].unverified == findings.counts["inputs"].unverified == 0
    assert findings.changes
    for change in findings.inputs:
        assert outcome(rules, base, None, decision, change, change.after).outputs[output] == change.verdict_after
        if change.turns is not None:
            assert outcome(rules, base, None, decision, change, change.turns).outputs[output] != findings.verdict
            assert outcome(rules, base, None, decision, change, change.stays).outputs[output] == findings.verdict
    for change in findings.thresholds:
        assert overlaid(tmp_path, change).evaluate(base, decision).outputs[output] == change.verdict_after
    keys = [(one.distance is None, one.distance or 0) for one in findings.changes]
    assert keys == sorted(keys)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_grid_finds_nothing_nearer_in_the_examples(name):
    base, rules = example(name), shipped("default")
    findings = why(rules, seen(base), None, "position", recommendation)
    for change in findings.inputs:
        if not isinstance(change.turns, float) or change.where.startswith("correlation"):
            continue
        for step in range(1, 400):
            value = change.before + (change.stays - change.before) * step / 400
            decided = outcome(rules, base, None, "position", change, value)
            assert recommendation(decided) == findings.verdict or not decided.ok, (change.where, value)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_told_of_any_account_holds(seed):
    """The promise: at `after` and `turns` the verdict is another, at `stays`, their neighbour, it is the old one."""
    base = random_snapshot(Random(seed))
    rules = shipped("default")
    memory = rules.evaluate(base).memory or None
    later = {**base, "as_of": "2027-06-01T00:00:00Z"}
    findings = why(rules, seen(later), memory, "position", recommendation, work=12_000)
    for change in findings.inputs:
        after = outcome(rules, later, memory, "position", change, change.after)
        assert after.ok
        assert (recommendation(after) != findings.verdict) or not findings.ok
        assert recommendation(after) == change.verdict_after
        if change.turns is None or isinstance(change.turns, str):
            continue
        assert recommendation(outcome(rules, later, memory, "position", change, change.turns)) != findings.verdict or (
            not findings.ok
        )
        stays = outcome(rules, later, memory, "position", change, change.stays)
        assert not stays.ok or recommendation(stays) == findings.verdict
        whole = isinstance(change.turns, int)
        step = 1 if whole else abs(change.turns - change.stays)
        assert whole or math.nextafter(change.stays, change.turns) == change.turns
        assert abs(change.turns - change.stays) == step
        assert abs(change.after - change.before) >= abs(change.turns - change.before)


@settings(max_examples=40, deadline=None)
@given(wallet=st.floats(10, 1e6), margin=st.floats(0, 1e6), share=st.floats(0.01, 1))
def test_where_a_verdict_turns_but_once_everything_before_the_turn_stays(wallet, margin, share):
    base = {"account": {"total_wallet_balance": wallet, "margin_used": margin}}
    findings = asked(ZONES, **copy.deepcopy(base))
    change = the(findings, "account.margin_used")
    between = change.before + (change.stays - change.before) * share
    between = min(max(between, min(change.before, change.stays)), max(change.before, change.stays))  # rounded past it
    again = policy(ZONES).evaluate(snapshot(account={"total_wallet_balance": wallet, "margin_used": between}), "answer")
    assert again.outputs["verdict"] == findings.verdict


# What the search stands on


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_of_a_shipped_policy_is_changed_where_its_path_says_and_nowhere_else(name):
    typed = shipped(name).typed
    numbers = list(numbers_in(typed, {"rules": tuple(typed.rules), "parameters": tuple(typed.parameters)}))
    assert len(numbers) > 140
    before = texts(typed.text.node)
    for number in numbers:
        value = number.value + 1 if number.value + 1 <= number.high else number.value - 1
        document = changed_document(typed.text.node, number, value)
        assert document is not None, number.path
        assert {**before, number.steps: number.rewritten(value)} == texts(document), number.path


def texts(node: Any, steps: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], str]:
    """Return every single value of a document by the way there."""
    if isinstance(node, Scalar):
        return {steps: node.text}
    parts = enumerate(node.items) if isinstance(node, Sequence) else node.items()
    return {way: text for step, part in parts for way, text in texts(part, (*steps, step)).items()}


@pytest.mark.no_cover
@pytest.mark.parametrize("decision", ["position", "margin", "drawdown", "multi_tier", "leverage"])
def test_a_policy_that_stands_open_decides_as_the_changed_one_does(decision):
    rules = shipped("default")
    typed = rules.typed
    sections = {
        "rules": tuple(typed.rules),
        "parameters": tuple(typed.parameters),
        "inputs": tuple(check.path for check in typed.inputs if check.low is not None),
    }
    numbers = {f"n_{index}": one for index, one in enumerate(numbers_in(typed, sections))}
    opened, used = open_policy(rules, numbers, tuple(typed.decisions), {})
    assert used == set(numbers)
    base = seen(example("sushi_recorded"))
    rng = Random(decision)
    untouched = opened.evaluate(base, decision)
    assert figures(untouched.outputs) == figures(rules.evaluate(base, decision).outputs)
    for name in rng.sample(sorted(numbers), 25):
        number = numbers[name]
        wished = number.value * rng.choice((0.1, 0.7, 1.5, 3.0)) if number.value else rng.choice((0.1, 5.0, -1.0))
        value = min(max(round(wished) if number.whole else wished, number.low), number.high)
        changed = changed_policy(rules, number, value)
        if changed is None:
            continue
        real = changed.evaluate(base, decision)
        quick = opened.evaluate_with(name, value, base, decision, None)
        assert (quick.ok, figures(quick.outputs)) == (real.ok, figures(real.outputs)), (number.path, value)
    assert figures(opened.evaluate(base, decision).outputs) == figures(untouched.outputs)


def figures(value: Any) -> Any:
    """Return the value without sentences: they may tell a number of the policy as it is written."""
    if isinstance(value, dict):
        return {name: figures(part) for name, part in value.items()}
    if isinstance(value, list):
        return [figures(part) for part in value]
    return "…" if isinstance(value, str) and " " in value else value
