"""A hostile name is refused, or it is a name and nothing else."""

import json
from pathlib import Path

import pytest

from rulecap import load_policy
from tests.promises.hostile import hold_answered, loaded_or_refused, policy_of
from tests.promises.policies import put
from tests.promises.shipped import CALM

pytestmark = pytest.mark.usefixtures("no_hanging")


NAMES = [
    "__class__",
    "constructor",
    "__init__",
    "class",
    "def",
    "lambda",
    "import",
    "print",
    "len",
    "list",
    "dict",
    "exec",
    "self",
    "cls",
    "syntax",
    "expression",
    "template",
    "none",
    "true",
    "any",
    "value",
    "memory",
    "name",
    "e_value",
    "v_text",
    "k0",
    "t1",
    "s_account",
    "r_asked",
    "f_float",
    "f_finite",
    "o",
    "s",
    "m",
    "v",
    "t",
    "at_asked",
    "rows_asked",
    "x_asked",
    "__import__",
    "a b",
    "a.b",
    "a-b",
    "A",
    "1a",
    "ä",
    "",
    "x" * 5_000,
    "prototype",
    "__proto__",
    "datetime",
    "sum",
    "min",
    "account",
    "as_of",
    "at",
    "cases",
    "rows",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    """As a rule, a parameter, a column, an output, an element and a fact: refused by name, or it means itself."""
    number = {"kind": "formula", "unit": "ratio", "formula": "0.25"}
    band = {
        "kind": "bands",
        "of": "account.margin_used",
        "cases": [{"name": "A", "below": "1 USD", name: 3}, {"name": "B", name: 4}],
    }
    give = {"kind": "each", "of": f"positions as {name}", "give": {name: "as_of"}}
    for kind, policy in {
        "rule": policy_of({name: number}, outputs={"answer": f"{name} + 1"}),
        "parameter": policy_of(
            {}, parameters={name: {"unit": "ratio", "value": 0.25}}, outputs={"answer": f"{name} + 1"}
        ),
        "output": policy_of({}, outputs={name: "1.25"}),
        "memory": policy_of(
            {},
            memory={name: {"unit": "ratio", "start": "0.25", "next": f"memory.{name}"}},
            outputs={"answer": f"memory.{name} + 1"},
        ),
        "column": policy_of({"asked": band}, outputs={"answer": f"asked.{name} - 2.75"}),
        "element": policy_of({"asked": give}, outputs={"answer": "1.25 if count(asked) == 0 else 0"}),
    }.items():
        loaded = loaded_or_refused(put(tmp_path / kind, json.dumps(policy)))
        if loaded is None:
            continue
        answer = loaded.evaluate(CALM, "asked_for")
        hold_answered(answer)
        assert list(answer.outputs.values()) == [1.25], (kind, answer.problems)
        assert loaded.reference(CALM, "asked_for").outputs == answer.outputs


def test_keys_of_a_snapshot_are_no_names(tmp_path: Path) -> None:
    inputs = {"facts.boost": {"unit": "ratio", "optional": True}}
    policy = load_policy(
        put(tmp_path, json.dumps(policy_of({}, inputs=inputs, outputs={"answer": "default(facts.boost, 1)"})))
    )
    for name in ("__class__", "get", "boost ", "Boost", "K0", "a.b", "__init__", "constructor", "\0", "{boost}"):
        answer = policy.evaluate({**CALM, "facts": {name: 5.0}}, "asked_for")
        hold_answered(answer)
        assert answer.outputs == {"answer": 1}
