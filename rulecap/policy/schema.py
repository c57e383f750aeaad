"""Whether a document has the shape that a schema asks for; every fault is found, once, and said in plain words."""

import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from rulecap.location import Location
from rulecap.policy.faults import faults
from rulecap.policy.nodes import Node, plain
from rulecap.policy.quick import Test, compiled, ecma
from rulecap.policy.schema_words import finding
from rulecap.problems import Problem
from rulecap.resources import resource_folder

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MOST_ERRORS = 200


def validate(document: Node, schema_name: str = "policy", part: str | None = None) -> list[Problem]:
    """Return what is wrong with the shape of a document, in the file's order.

    Args:
        document: what the reader made of the file.
        schema_name: which of the shipped schemas: `policy`, `tests`, …
        part: a definition of the schema (`policy`, `include`, `overlay`) that the whole document must be; without
            one, the schema tells by the document's keys.
    """
    value = plain(document)
    if _test(schema_name, part)(value):
        return []
    errors = islice(_validator(schema_name, part).iter_errors(value), MOST_ERRORS)
    definitions = _schema(schema_name, part).get("$defs", {})
    problems = [finding(fault, document, definitions) for fault in faults(errors)]
    return sorted(problems, key=_place)


def _place(problem: Problem) -> tuple[Location, str]:
    """Return what findings are ordered by."""
    assert problem.location is not None  # every finding of this module has a place
    return problem.location, problem.message


@cache
def _schema(name: str, part: str | None) -> dict[str, Any]:
    """Return a shipped schema, or the part of it that is asked for."""
    path = resource_folder("schemas") / f"{name}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema if part is None else {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}


@cache
def _test(name: str, part: str | None) -> Test:
    """Return the quick test of a schema."""
    return compiled(_schema(name, part))


@cache
def _validator(name: str, part: str | None) -> "Validator":
    """Return the thorough validator of a schema; it knows no other schema, on this computer or elsewhere."""
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry

    kind: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        Draft202012Validator, {"pattern": _pattern}
    )
    return kind(_schema(name, part), registry=Registry())


def _pattern(_: "Validator", pattern: str, instance: object, __: object) -> "Iterator[ValidationError]":
    """Check a pattern in JavaScript's sense of `$`, as editors do."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not ecma(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
