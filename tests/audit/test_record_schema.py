"""The schema of a record is what records are."""

import json
from random import Random

import pytest
from jsonschema import Draft202012Validator

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.opening import begin
from rulecap.resources import resource_folder
from tests.snapshots import random_snapshot, sequence

SCHEMA = json.loads((resource_folder("schemas") / "audit.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    folder, rng, policy = tmp_path_factory.mktemp("schema"), Random("schema"), load_policy("default")
    url, new = f"sqlite:///{folder / 'log.sqlite3'}", f"sqlite:///{folder / 'new.sqlite3'}"
    with open_ledger(url) as ledger:
        for given in [*sequence(rng, 5), *(random_snapshot(rng) for _ in range(30))]:
            ledger.evaluate(
                policy,
                given,
                rng.choice(policy.decisions),
                idempotency_key=rng.choice([None, str(rng.random())]),
                asked_by=rng.choice([None, "grid-bot", "x" * 64]),
            )
        for broken in (b"\xff", "{", None, {"account": {"id": "a"}}, object()):
            ledger.evaluate(policy, broken)
        ledger.evaluate(policy, random_snapshot(rng), "positon")
    begin(new, after=url)
    with open_log(url) as log, open_log(new) as following:
        return [json.loads(one.record.body) for one in (*log.stored(), *following.stored())]


def test_every_record_is_as_the_schema_says(bodies):
    assert [error.message for body in bodies for error in VALIDATOR.iter_errors(body)] == []
    assert {type(body["snapshot"]) for body in bodies} == {dict, str}
    assert {body["decision"] for body in bodies} >= {"", "positon", "position"}


def test_its_keys_stand_in_the_schema_s_order(bodies):
    assert {tuple(body) for body in bodies} == {tuple(SCHEMA["required"])}
    assert list(SCHEMA["properties"]) == SCHEMA["required"]


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"id": "x"},
        {"extra": 1},
        {"policy": {}},
        {"request": {"key": ""}},
        {"asked_by": ""},
        {"snapshot": 5},
    ],
)
def test_what_is_no_record_is_told(bodies, change):
    assert list(VALIDATOR.iter_errors({**bodies[0], **change}))


def test_every_member_is_described():
    assert [name for name, member in SCHEMA["properties"].items() if not member.get("description")] == []


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_a_record_that_lacks_a_member_or_has_another_type_there_is_none(bodies, name):
    assert not VALIDATOR.is_valid({other: value for other, value in bodies[0].items() if other != name})
    assert not VALIDATOR.is_valid({**bodies[0], name: [[1]]})
