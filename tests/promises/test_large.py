"""A large policy is computed, or refused by name; it never ends the process."""

import json
from pathlib import Path
from typing import Any

import pytest

from rulecap import load_policy
from tests.promises.hostile import Json, hold_answered, loaded_or_refused, policy_of, refused
from tests.promises.policies import put
from tests.promises.shipped import CALM

pytestmark = pytest.mark.usefixtures("no_hanging")


def in_files(folder: Path, policy: Json, files: int) -> Path:
    """Put a policy into a folder, its rules in several files."""
    rules = list(policy.pop("rules").items())
    size = -(-len(rules) // files)
    put(folder, json.dumps({**policy, "include": [f"rules{n}.yaml" for n in range(files)]}))
    for number in range(files):
        part = dict(rules[number * size : (number + 1) * size])
        (folder / f"rules{number}.yaml").write_text(json.dumps({"rules": part}))
    return folder


@pytest.mark.parametrize("count", [1_500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_long_chain_of_rules_is_computed(tmp_path: Path, count: int) -> None:
    rules: Json = {"r0": {"kind": "formula", "unit": "ratio", "formula": "0"}}
    for number in range(count - 1, 0, -1):  # the last one first: order is found, not written
        rules[f"r{number}"] = {"kind": "formula", "unit": "ratio", "formula": f"r{number - 1} + 1"}
    policy = load_policy(in_files(tmp_path, policy_of(rules, outputs={"answer": f"r{count - 1}"}), 1 + count // 2_500))
    answer = policy.evaluate(CALM, "asked_for")
    assert answer.ok, answer.problems
    assert answer.outputs == {"answer": float(count - 1)}
    assert len(answer.trace.steps) == count


def test_a_long_circle_of_rules_is_refused(tmp_path: Path) -> None:
    rules = {f"r{n}": {"kind": "formula", "unit": "ratio", "formula": f"r{(n + 1) % 1_500} + 1"} for n in range(1_500)}
    found = refused(tmp_path, json.dumps(policy_of(rules, outputs={"answer": "r0"})))
    assert "cycle" in {problem.code for problem in found}


def test_rules_that_all_read_each_other_are_refused(tmp_path: Path) -> None:
    everything = " + ".join(f"r{n}" for n in range(35))
    rules = {f"r{n}": {"kind": "formula", "unit": "ratio", "formula": everything} for n in range(300)}
    refused(tmp_path, json.dumps(policy_of(rules, outputs={"answer": "r0"})))


LARGE: dict[str, Any] = {
    "bands": lambda n: policy_of(
        {
            "asked": {
                "kind": "bands",
                "of": "account.margin_used",
                "cases": [*({"name": f"C{i}", "below": f"{i + 1} USD"} for i in range(n)), {"name": "REST"}],
            }
        },
        outputs={"answer": "asked.name"},
    ),
    "table": lambda n: policy_of(
        {"asked": {"kind": "table", "of": "account.id", "rows": [{"name": f"R{i}", "is": [f"N{i}"]} for i in range(n)]}}
    ),
    "branches": lambda n: policy_of(
        {
            "asked": {
                "kind": "tree",
                "branches": [{"if": f"account.margin_used < {i} USD", "then": f"T{i}"} for i in range(n)],
                "otherwise": "REST",
            }
        }
    ),
    "checks": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [
                    {"name": f"c{i}", "if": f"account.margin_used > {i} USD", "verdict": "B", "why": "{as_of}"}
                    for i in range(n)
                ],
            }
        }
    ),
    "steps": lambda n: policy_of(
        {
            "asked": {
                "kind": "adjust",
                "unit": "USD",
                "start": "account.margin_used",
                "steps": [{"name": f"s{i}", "plus": "1 USD", "why": "{value}"} for i in range(n)],
            }
        },
        outputs={"answer": "asked", "list": "adjustments(asked)"},
    ),
    "actions": lambda n: policy_of(
        {
            "asked": {
                "kind": "actions",
                "actions": [{"for": "positions as p", "do": {"a": "p.symbol"}} for _ in range(n)],
            }
        }
    ),
    "outputs": lambda n: policy_of({}, outputs={f"o{i}": "as_of" for i in range(n)}),
    "texts": lambda n: policy_of({}, outputs={"answer": "as_of"}, decision={"explain": ["{as_of} " * n]}),
    "why": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [{"name": "c", "if": "true", "verdict": "B", "why": "{as_of} " * n}],
            }
        }
    ),
    "memory": lambda n: policy_of(
        {},
        outputs={"answer": "as_of"},
        memory={f"m{i}": {"type": "time", "start": "none", "next": "as_of"} for i in range(n)},
    ),
    "names": lambda n: policy_of(
        {}, outputs={"answer": "as_of"}, inputs={"signal.market_regime": {"one_of": [f"N{i}" for i in range(n)]}}
    ),
    "conditions": lambda n: policy_of(
        {
            "asked": {
                "kind": "tree",
                "branches": [{"if": " and ".join(["as_of==as_of"] * min(n, 117)), "then": "A"}],
                "otherwise": "B",
            }
        }
    ),
    "either": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [
                    {"name": "c", "if": " or ".join(["as_of!=as_of"] * min(n, 120)), "verdict": "B", "why": "x"}
                ],
            }
        }
    ),
    "compared": lambda n: policy_of({"asked": {"kind": "formula", "formula": "<=".join(["as_of"] * min(n, 280))}}),
}


@pytest.mark.parametrize("count", [120, 1_500])
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_rule_is_computed_or_refused(tmp_path: Path, kind: str, count: int) -> None:
    """No limit of Python's own is met: not its recursion, its nesting of blocks, its indentation."""
    policy = loaded_or_refused(put(tmp_path, json.dumps(LARGE[kind](count))))
    if policy is None:
        assert count > 120, "a policy of this size is an ordinary one"
        return
    answer = policy.evaluate(CALM, "asked_for")
    hold_answered(answer)
    assert answer.ok, answer.problems


def nested_tree(depth: int) -> Json:
    tree: Any = "LAST"
    for number in range(depth):
        tree = {"branches": [{"if": f"account.margin_used < {number} USD", "then": f"T{number}"}], "otherwise": tree}
    return {"kind": "tree", **tree}


@pytest.mark.parametrize("depth", [5, 15, 30, 35, 60, 500])
def test_a_deep_tree_is_computed_or_refused(tmp_path: Path, depth: int) -> None:
    policy = loaded_or_refused(put(tmp_path, json.dumps(policy_of({"asked": nested_tree(depth)}))))
    if policy is None:
        assert depth > 15
        return
    answer = policy.evaluate(CALM, "asked_for")
    hold_answered(answer)
    assert answer.outputs == {"answer": "LAST"}
