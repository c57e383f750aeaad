"""Every record is as `rulecap schema audit` says."""

import json

import pytest
from jsonschema import Draft202012Validator

from rulecap.audit import open_log
from rulecap.audit.opening import begin
from rulecap.resources import resource_folder
from tests.audit.sample import OLD, url_of, write

SCHEMA = json.loads((resource_folder("schemas") / "audit.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory) -> list[bytes]:
    """The records of a log of every kind of question, and the first one of a log that follows it."""
    folder = tmp_path_factory.mktemp("schema")
    write(folder / "log.sqlite3", folder, OLD)
    begin(url_of(folder / "next.sqlite3"), url_of(folder / "log.sqlite3"))
    found = []
    for name in ("log", "next"):
        with open_log(url_of(folder / f"{name}.sqlite3")) as log:
            found += [stored.record.body for stored in log.stored()]
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_kind_of_record_is_as_the_schema_says(bodies) -> None:
    for body in bodies:
        assert [error.message for error in VALIDATOR.iter_errors(json.loads(body))] == []


def test_the_members_stand_in_the_schema_s_order_without_spaces(bodies) -> None:
    for body in bodies:
        assert list(json.loads(body)) == list(SCHEMA["properties"]) == SCHEMA["required"]
        assert body.startswith(b'{"seq":')


def test_every_member_is_described() -> None:
    assert [name for name, member in SCHEMA["properties"].items() if not member.get("description")] == []


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_a_record_that_lacks_a_member_or_has_another_type_there_is_none(name, bodies) -> None:
    record = json.loads(bodies[0])
    assert not VALIDATOR.is_valid({other: value for other, value in record.items() if other != name})
    assert not VALIDATOR.is_valid({**record, name: [[1]]})


def test_nothing_else_is_in_a_record(bodies) -> None:
    assert not VALIDATOR.is_valid({**json.loads(bodies[0]), "more": 1})
