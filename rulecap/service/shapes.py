"""What the answers are that are no decision's, as JSON schemas for the OpenAPI document."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
FLAG: dict[str, Any] = {"type": "boolean"}
DIGEST: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
EDIT: dict[str, Any] = {"type": "string", "enum": ["none", "refused"]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def shape(description: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has all of these fields, and may have more."""
    said = {"type": "object", "description": description, "required": list(fields), "properties": fields}
    return {**said, "additionalProperties": True}  # said, because generated clients drop what is not


def many(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def perhaps(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


PROBLEM = shape("A problem: its code, and with the scope read what it is and where.", code=TEXT)
NAMED = {"name": TEXT, "version": TEXT, "digest": DIGEST}
IN_FORCE = {**NAMED, "edit": EDIT, "edit_problems": many(PROBLEM)}
OBJECT: dict[str, Any] = {"type": "object"}
ROW = {
    "seq": COUNT,
    "id": TEXT,
    "time": TIME,
    "account": TEXT,
    "decision": TEXT,
    "verdict": perhaps(TEXT),
    "ok": FLAG,
    "policy": shape("The policy that decided.", **NAMED),
    "problems": {**many(TEXT), "description": "Their codes."},
}
HISTORY = {
    "history": many(shape("The outputs of a recorded state, and beside them:", time=TIME, decision_id=TEXT)),
    "complete": {**FLAG, "description": "False where there are more; these are the newest."},
}
# By the name of the route.
SHAPES: dict[str, dict[str, Any]] = {
    "health": shape("The service is there.", status={"const": "ok"}),
    "ready": shape(
        "Whether entries can be decided, and why not.",
        ready=FLAG,
        status={"type": "string", "enum": ["ok", "degraded", "failing"]},
        reasons=many(PROBLEM),
        warnings=many(PROBLEM),
        policy=shape("The policy in force.", **IN_FORCE, tests_failed=COUNT),
        keys=shape("The file of keys.", edit=EDIT),
        snapshot_age_seconds=perhaps({"type": "number", "minimum": 0}),
    ),
    "history": shape("Recorded states, oldest first.", hours={"type": "number"}, **HISTORY),
    "complete": shape("The answer of each decision about the account, by its name.", **HISTORY),
    "policy": shape(
        "The policy in force.", **IN_FORCE, title=TEXT, meaning=TEXT, decisions=many(TEXT), files=OBJECT, tests=OBJECT
    ),
    "reload": shape("The policy in force.", **IN_FORCE, title=TEXT, meaning=TEXT, decisions=many(TEXT)),
    "decisions": shape("A page of the log.", decisions=many(shape("A record, in short.", **ROW)), next=perhaps(TEXT)),
    "decision": shape("A record.", **{name: ROW[name] for name in ("seq", "id", "time")}),
}
