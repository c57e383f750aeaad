"""What-if questions, and the policy that answers."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from rulecap.service.answers import fields_of
from rulecap.service.desk import known
from rulecap.service.in_force import PolicyInForce
from rulecap.service.problems import Refused, malformed
from rulecap.service.routes.common import COMPONENT, AdminRoute, ReadRoute, as_json, service_of
from rulecap.snapshot import Snapshot, read_snapshot

reads = APIRouter(prefix="/api", route_class=ReadRoute, tags=["policy"])
admin = APIRouter(prefix="/api", route_class=AdminRoute, tags=["policy"])

SNAPSHOT = {"application/json": {"schema": {"$ref": COMPONENT + "Snapshot"}}}
Trace = Annotated[bool, Query(description="Also tell how each value came about.")]
Name = Annotated[str, Path(min_length=1, max_length=64, description="One of the decisions that /api/policy names.")]


@reads.post(
    "/evaluate/{decision}",
    name="evaluate",
    openapi_extra={"requestBody": {"required": True, "content": SNAPSHOT}},
)
async def evaluate(request: Request, decision: Name, trace: Trace = False) -> Response:
    """Return the decision on a whole snapshot; nothing is remembered or recorded."""
    policy = known(service_of(request).in_force.policy, decision)
    snapshot = read_snapshot(await request.body())
    if not isinstance(snapshot, Snapshot):
        raise malformed(snapshot)
    decided = policy.evaluate(snapshot, decision)
    if not decided.ok and policy.verdict_of(decided) is None:
        first = decided.problems[0]
        raise Refused(422, first.code, f"{first.path or ''} {first.message}".strip(), decided.problems)
    fields = fields_of(policy, decided, snapshot, snapshot.age_seconds)
    return as_json({**fields, "trace": decided.trace.steps} if trace else fields)


@reads.get("/policy", name="policy")
async def policy_in_force(request: Request) -> Response:
    """Return the policy in force: its text by file, its digest, its decisions, and how its own tests went."""
    return as_json(told(service_of(request).in_force, files=True))


@admin.post("/policy/reload", name="reload")
async def reload(request: Request) -> Response:
    """Read the policy's files now rather than at the next look; a bad edit leaves the last good one in force."""
    import asyncio

    service = service_of(request)
    if not await asyncio.to_thread(service.reload):
        failure = service.in_force.failure
        problems = failure.problems if failure else ()
        text = "the policy's files cannot be used; the last good policy stays in force"
        raise Refused(409, "bad-policy", text, [replace(one, path=None) for one in problems])
    return as_json(told(service.in_force, files=False))


def told(in_force: PolicyInForce, files: bool) -> dict[str, Any]:
    """Return what is to be told of the policy in force."""
    policy, failure = in_force.policy, in_force.failure
    about = {
        "name": policy.name,
        "version": policy.version,
        "title": policy.title,
        "digest": policy.digest,
        "meaning": policy.meaning,
        "decisions": list(policy.decisions),
        "edit": "refused" if failure else "none",
        "edit_problems": [problem.to_dict() for problem in failure.problems] if failure else [],
    }
    if not files:
        return about
    text = {name: content.decode(errors="replace") for name, content in sorted(policy.files.items())}
    warnings = [problem.to_dict() for problem in policy.warnings]
    return {**about, "files": text, "tests": in_force.tests, "warnings": warnings}
