"""Whether the service is there, whether it may be relied on, and its figures."""

from typing import Any

from fastapi import APIRouter, Request, Response

from rulecap.service.metrics import CONTENT_TYPE
from rulecap.service.routes.common import OpenRoute, ReadRoute, as_json, may, service_of
from rulecap.service.routes.evaluation import told
from rulecap.service.service import Service

anybody = APIRouter(route_class=OpenRoute, tags=["operations"])
reads = APIRouter(route_class=ReadRoute, tags=["operations"])


@anybody.get("/health", name="health")
async def health() -> Response:
    """Tell that the service is there."""
    return as_json({"status": "ok"})


@anybody.get("/ready", name="ready", responses={503: {"description": "Entries are refused; `reasons` says why."}})
async def ready(request: Request) -> Response:
    """Tell whether entries can be decided: the log is written, the account is read. A refused edit is told too.

    Whoever may not read is told the codes alone: the rest may repeat what the venue answered, or what the policy says.
    """
    service = service_of(request)
    reasons = reasons_against(service)
    tests_failed = service.in_force.tests["failed"]
    edit = service.in_force.failure is not None or service.keys_failure is not None or tests_failed > 0
    policy = told(service.in_force, files=False)
    shown = {name: policy[name] for name in ("name", "version", "digest", "edit", "edit_problems")}
    if not may(request, "read"):
        reasons = [{"code": one["code"]} for one in reasons]
        shown["edit_problems"] = [{"code": one["code"]} for one in shown["edit_problems"]]
    about = {
        "ready": not reasons,
        "status": "failing" if reasons else "degraded" if edit else "ok",
        "reasons": reasons,
        "policy": {**shown, "tests_failed": tests_failed},
        "keys": {"edit": "refused" if service.keys_failure else "none"},
        "snapshot_age_seconds": service.desk.view.age() if service.has_account else None,
    }
    return as_json(about, 503 if reasons else 200)


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
