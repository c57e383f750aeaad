"""The shipped JSON schema of snapshots is what the models say, and accepts what they accept."""

import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest

from rulecap.snapshot.contract import schema_text, snapshot_schema
from tests.snapshots import random_snapshot

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas/snapshot.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_shipped_schema_is_the_generated_one() -> None:
    shipped = (ROOT / "schemas/snapshot.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "write it anew: python -m rulecap.snapshot.contract > schemas/snapshot.schema.json"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(snapshot_schema())


def test_it_names_units_and_describes_every_field() -> None:
    assert SCHEMA["$defs"]["Account"]["properties"]["margin_used"]["unit"] == "USD"
    assert SCHEMA["$defs"]["Market"]["properties"]["atr_pct"]["whole"] is True
    levels = SCHEMA["$defs"]["Book"]["properties"]["asks"]["items"]["prefixItems"]
    assert [number["unit"] for number in levels] == ["price", "quantity"]
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        assert all(field["description"] for field in part["properties"].values())


def test_it_accepts_what_the_models_accept() -> None:
    rng = Random(9)
    for _ in range(100):
        VALIDATOR.validate(random_snapshot(rng))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "policies/default/examples").glob("*.json")), ids=lambda path: path.name
)
def test_it_accepts_the_shipped_examples(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize(
    "change", [{"as_of": 5}, {"account": {}}, {"posittions": []}, {"age_seconds": -1}, {"facts": {"a": []}}]
)
def test_it_refuses_what_the_models_refuse(change: dict[str, Any]) -> None:
    snapshot = {**random_snapshot(Random(1)), **change}
    assert not VALIDATOR.is_valid(snapshot)
