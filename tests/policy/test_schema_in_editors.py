"""The schema of a policy as an editor reads it: it explains itself, by examples that are valid."""

import json

import pytest
from jsonschema import Draft202012Validator

from rulecap.policy.nodes import plain
from rulecap.policy.quick import compiled
from rulecap.resources import resource_folder
from tests.policy.test_schema import POLICY, read


def test_the_schema_explains_itself_to_an_editor():
    schema = _schema()
    Draft202012Validator.check_schema(schema)
    assert "oneOf" not in json.dumps(schema)
    for name, definition in schema["$defs"].items():
        assert definition.get("description"), name
        for key, part in definition.get("properties", {}).items():
            referred = (
                schema["$defs"].get(str(part.get("$ref")).removeprefix("#/$defs/"), part) if part is not True else None
            )
            assert referred is None or "description" in part or "description" in referred, (name, key)


@pytest.mark.parametrize(("alone", "together"), [
    ("type: time}", "type: time, unit: USD}"),
    ("type: time}", "type: time, range: [1%, 2%]}"),
    ("{kind: table, rows", "{kind: table, of: market.base, rows"),
])  # fmt: skip
def test_an_editor_is_told_what_does_not_go_together(alone, together):
    valid = Draft202012Validator(_schema()).is_valid
    assert valid(plain(read(POLICY)))
    assert not valid(plain(read(POLICY.replace(alone, together, 1))))


def test_examples_in_the_schema_are_valid():
    schema = _schema()
    for name, definition in schema["$defs"].items():
        for example in definition.get("examples", ()):
            test = compiled({"$ref": f"#/$defs/{name}"}, schema)
            assert test(example), (name, example)


def _schema():
    return json.loads((resource_folder("schemas") / "policy.schema.json").read_text(encoding="utf-8"))
