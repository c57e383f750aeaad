"""The snapshot's JSON schema, generated from the models.

`python -m rulecap.snapshot.contract > schemas/snapshot.schema.json` writes the file that is shipped.
"""

import json
import sys
from typing import Any

from pydantic import BaseModel

from rulecap.snapshot.model import Account, Asset, Book, Bracket, Market, Position, Signal, Snapshot
from rulecap.units import PRICE, QUANTITY, WHOLE, Unit

MODELS: tuple[type[BaseModel], ...] = (Account, Position, Signal, Bracket, Market, Book, Asset)
TITLE = "rulecap snapshot"


def snapshot_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a snapshot; `unit` names a number's unit, `whole` what a whole market has."""
    schema = Snapshot.model_json_schema()
    _mark(schema, Snapshot)
    for model in MODELS:
        _mark(schema["$defs"][model.__name__], model)
    _mark_levels(schema["$defs"]["Book"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_untitled(schema), "title": TITLE}


def schema_text() -> str:
    """Return the schema as the file's text."""
    return json.dumps(snapshot_schema(), indent=2, ensure_ascii=False) + "\n"


def _mark(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put each field's unit, and whether a whole market has it, into the schema of its model."""
    for name, field in model.model_fields.items():
        unit = next((mark.name for mark in field.metadata if isinstance(mark, Unit)), None)
        if unit:
            schema["properties"][name]["unit"] = unit
        if WHOLE in field.metadata:
            schema["properties"][name]["whole"] = True


def _mark_levels(book: dict[str, Any]) -> None:
    """Put the units into the two numbers of a level."""
    for side in ("bids", "asks"):
        price, quantity = book["properties"][side]["items"]["prefixItems"]
        price["unit"], quantity["unit"] = PRICE, QUANTITY


def _untitled(schema: Any) -> Any:
    """Return the schema without pydantic's titles of fields, which only repeat their names."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}


if __name__ == "__main__":
    sys.stdout.write(schema_text())
