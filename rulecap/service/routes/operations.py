"""Whether the service is there, whether it may be relied on, and its figures."""

from typing import Any

from fastapi import APIRouter, Request, Response

from rulecap.problems import Problem
from rulecap.service.metrics import CONTENT_TYPE
from rulecap.service.routes.common import OpenRoute, ReadRoute, as_json, may, service_of
from rulecap.service.routes.evaluation import told
from rulecap.service.service import Service

MOST_PROBLEMS = 10

anybody = APIRouter(route_class=OpenRoute, tags=["operations"])
reads = APIRouter(route_class=ReadRoute, tags=["operations"])


@anybody.get("/health", name="health")
async def health() -> Response:
    """Tell that the service is there."""
    return as_json({"status": "ok"})


@anybody.get("/ready", name="ready", responses={503: {"description": "Entries are refused; `reasons` says why."}})
async def ready(request: Request) -> Response:
    """Tell whether entries can be decided: the log is written, the account is read. A refused edit is told too.

    `warnings` are no reason against that: the policy may say something else of entries on figures as old as these are.
    Whoever may not read is told the codes alone: the rest may repeat what the venue answered, or what the policy says.
    """
    service = service_of(request)
    reasons = reasons_against(service)
    tests_failed = service.in_force.tests["failed"]
    edit = service.in_force.failure is not None or service.keys.failure is not None or tests_failed > 0
    policy = told(service.in_force, files=False)
    shown = {name: policy[name] for name in ("name", "version", "digest", "edit", "edit_problems")}
    shown["edit_problems"] = _the_first(shown["edit_problems"])
    warnings = [] if reasons else warnings_of(service)
    if not may(request, "read"):
        reasons, warnings = ([{"code": one["code"]} for one in told] for told in (reasons, warnings))
        shown["edit_problems"] = [{"code": one["code"]} for one in shown["edit_problems"]]
    about = {
        "ready": not reasons,
        "status": "failing" if reasons else "degraded" if edit or warnings else "ok",
        "reasons": reasons,
        "warnings": warnings,
        "policy": {**shown, "tests_failed": tests_failed},
        "keys": {"edit": "refused" if service.keys.failure else "none"},
        "snapshot_age_seconds": service.desk.view.age() if service.has_account else None,
    }
    return as_json(about, 503 if reasons else 200)


def _the_first(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first problems of an edit, and how many more there are: it may fail thousands of tests."""
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return problems
    return [*problems[:MOST_PROBLEMS], Problem("too-many", f"and {more} more problems").to_dict()]


def warnings_of(service: Service) -> list[dict[str, Any]]:
    """Return why entries may be decided otherwise than on fresh figures; nothing where they are fresh enough."""
    age = service.desk.view.age() if service.has_account else None
    fresh = service.in_force.fresh_for
    if age is None or fresh is None or age <= fresh:
        return []
    why = f": {service.desk.view.failure}" if service.desk.view.failure else ""
    text = f"the account was read {age:g} s ago, and the policy asks of an entry whether that is {fresh:g} s{why}"
    return [{"code": "snapshot-stale", "detail": text}]


def reasons_against(service: Service) -> list[dict[str, Any]]:
    """Return why entries cannot be decided; nothing where they can, or where no account is served."""
    reasons = []
    if service.recorder is not None and service.recorder.ledger.failure is not None:
        failure = service.recorder.ledger.failure
        reasons.append({"code": failure.code, "detail": f"nothing can be recorded: {failure.reason}"})
    if service.has_account:
        view = service.desk.view
        age, oldest = view.age(), service.settings.oldest_seconds
        if age is None:
            told_why = view.failure or "it was not read yet"
            reasons.append({"code": "no-snapshot", "detail": f"the account is not known: {told_why}"})
        elif age > oldest:
            why = f": {view.failure}" if view.failure else ""
            text = f"the account was read {age:g} s ago, more than {oldest:g} s{why}"
            reasons.append({"code": "snapshot-too-old", "detail": text})
        elif view.lacking is not None:
            reasons.append({"code": view.lacking.code, "detail": str(view.lacking)})
    return reasons


@reads.get("/metrics", name="metrics")
async def metrics(request: Request) -> Response:
    """Return the figures in Prometheus's text format."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE)
