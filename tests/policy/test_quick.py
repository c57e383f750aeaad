"""The schema as quick functions, beside the thorough validator."""

import json
import subprocess
import sys
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.policy.document import parse_document
from rulecap.policy.nodes import plain
from rulecap.policy.quick import UnknownKeywordError, compiled
from rulecap.policy.schema import _test, _validator, validate
from tests.policy.test_schema import OVERLAY, POLICY, read


def test_a_valid_policy_costs_no_schema_library():
    code = (
        "import sys; from rulecap.policy.document import parse_document; from rulecap.policy.schema import validate;"
        "assert validate(parse_document('rules: {}', 'p')[0]) == []; sys.exit('jsonschema' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_keyword_that_the_quick_test_does_not_know_is_refused():
    for schema in ({"oneOf": []}, {"properties": {"a": {"format": "date"}}}):
        with pytest.raises(UnknownKeywordError):
            compiled(schema)
    with pytest.raises(KeyError):
        compiled({"$ref": "#/$defs/missing", "$defs": {}})


def places(value, path=()):
    """Return the way to every value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [deeper for key, part in items for deeper in places(part, (*path, key))]


VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        0.5,
        "",
        "any",
        "x",
        "bands",
        "percent",
        "A B",
        "2026-01-01",
        [],
        [1],
        ["a"],
        [[1]],
        {},
        {"a": 1},
        {"kind": "bands"},
        {"kind": "formula", "formula": 0},
        {"name": "A"},
        {"value": 1},
        {"if": "a", "then": "b"},
    ]
)
KEYS = st.sampled_from(
    ["kind", "name", "value", "values", "unit", "below", "up_to", "is", "extends", "language", "Bad", "x", "lowest"]
)


@st.composite
def spoilt(draw):
    """A valid document with a few values and keys replaced, added and taken away."""
    document = deepcopy(draw(st.sampled_from([plain(read(POLICY)), plain(read(OVERLAY))])))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(document)[1:] or [("x",)]))
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "remove":
            parent.pop(path[-1], None) if isinstance(parent, dict) else parent.pop(path[-1])
        elif kind == "add" and isinstance(parent, dict):
            parent[draw(KEYS)] = deepcopy(draw(VALUES))
        else:
            parent[path[-1]] = deepcopy(draw(VALUES))
    return document


@pytest.mark.hypothesis
@given(spoilt(), st.sampled_from([None, "policy", "include", "overlay"]))
def test_the_quick_test_and_the_thorough_one_agree(document, part):
    valid = _validator("policy", part).is_valid(document)
    assert _test("policy", part)(document) == valid
    node, problems = parse_document(json.dumps(document), "p.yaml")
    assert problems == []
    assert (validate(node, part=part) == []) == valid


def test_a_whole_policy_is_judged_without_the_slow_validator(monkeypatch):
    rules = plain(read(POLICY))["rules"]
    text = json.dumps({"rules": {f"{name}_{number}": rule for number in range(12) for name, rule in rules.items()}})
    monkeypatch.setitem(sys.modules, "jsonschema", None)  # importing it would now fail
    assert validate(read(text)) == []
