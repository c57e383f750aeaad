"""The OpenAPI document: what FastAPI makes of the routes, with the bodies, the keys and the problem documents."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from rulecap.service.bodies import Allocation, Kelly, Recommendation
from rulecap.service.contract import ACCOUNT_PATHS, KELLY, LEVERAGE, POSITION, RISK_PARITY
from rulecap.service.problems import MEDIA_TYPE
from rulecap.service.routes.common import COMPONENT, OpenRoute, ReadRoute, as_json
from rulecap.service.shapes import SHAPES, TEXT
from rulecap.snapshot import Snapshot

BODIES: tuple[type[BaseModel], ...] = (Recommendation, Kelly, Allocation, Snapshot)
PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "pointer", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": TEXT,
        "status": {"type": "integer"},
        "code": {**TEXT, "description": "A stable name in kebab-case."},
        "detail": TEXT,
        "pointer": {"type": ["string", "null"], "description": "The first finding's place, as a JSON pointer."},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
ANSWER = {
    "type": "object",
    "description": "The outputs of the decision that the policy in force gives, and beside them:",
    "required": ["as_of", "snapshot_age_seconds", "policy_digest", "decision_id"],
    "properties": {
        "as_of": {"type": ["string", "null"], "format": "date-time"},
        "snapshot_age_seconds": {"type": ["number", "null"], "minimum": 0},
        "policy_digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "decision_id": {"type": ["string", "null"], "description": "The record in the audit log."},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": True,  # said, because generated clients drop what is not
}
# By the name of the route, which is that of the decision it asks.
ANSWERED = frozenset({*ACCOUNT_PATHS.values(), LEVERAGE, KELLY, RISK_PARITY, POSITION, "evaluate"})
ABOUT_KEYS = "An API key; not asked for where the service has none."
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": ABOUT_KEYS},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": ABOUT_KEYS},
}
HEADERS = {
    "401": {"WWW-Authenticate": {"schema": TEXT}},
    "429": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}},
}
KINDS = {"events": "text/event-stream", "metrics": "text/plain"}


def document(app: FastAPI, routers: tuple[APIRouter, ...], root_path: str | None) -> None:
    """Have an application, which includes these routers, tell its OpenAPI document at /openapi.json.

    The document alone knows the path that it is served below: what is asked comes without it, and no header says it.
    """
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_made(app, (*routers, router)))
            if root_path is not None:
                made["servers"] = [{"url": root_path}]
        return made

    router = APIRouter(route_class=ReadRoute, tags=["operations"])

    @router.get("/openapi.json", name="openapi")
    async def tell(request: Request) -> Response:
        """Return this document."""
        return as_json(request.app.openapi())

    app.include_router(router)
    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the document


def _made(app: FastAPI, routers: tuple[APIRouter, ...]) -> dict[str, Any]:
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    made = get_openapi(title=app.title, version=app.version, summary="Trading capital by policy.", routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {"Problem": PROBLEM, "Answer": ANSWER, **{_name(route): told for route, told in SHAPES.items()}}
    for model in BODIES:
        schema = model.model_json_schema(ref_template=COMPONENT + "{model}")
        schemas |= schema.pop("$defs", {})
        # Generated clients call classes by title: of two with the same they leave one out.
        schemas[model.__name__] = {**schema, "title": model.__name__}
    made["components"]["securitySchemes"] = SCHEMES
    for route in routes:
        for method in route.methods or ():
            _complete(made["paths"][route.path_format][method.lower()], route)
    return made


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Say of an operation what it answers, and which key it asks for."""
    responses = operation["responses"]
    responses.pop("422", None)
    kind = KINDS.get(route.name, "application/json")
    schema = _answer(route.name)
    responses["200"]["content"] = {kind: {"schema": schema if kind == "application/json" else TEXT}}
    if route.name == "ready":
        responses["503"]["content"] = responses["200"]["content"]
    for status in map(str, _failures(route)):
        content = {MEDIA_TYPE: {"schema": {"$ref": COMPONENT + "Problem"}}}
        told = {"headers": HEADERS[status]} if status in HEADERS else {}
        responses[status] = {"description": "See `code`.", **told, "content": content}
    scope = route.scope if isinstance(route, OpenRoute) else None
    operation["security"] = [{name: []} for name in SCHEMES] if scope else []
    if scope:
        operation["x-scope"] = scope


def _name(route: str) -> str:
    """Return what the schema of a route's answer is called."""
    return route.capitalize() + "Answer"


def _answer(route: str) -> dict[str, Any]:
    """Return the schema of a route's answer."""
    if route in ANSWERED:
        return {"$ref": COMPONENT + "Answer"}
    return {"$ref": COMPONENT + _name(route)} if route in SHAPES else {"type": "object"}


def _failures(route: APIRoute) -> tuple[int, ...]:
    """Return the statuses of the problem documents that a route may answer with."""
    if route.name in ("health", "ready"):
        return 401, 421, 429, 500
    with_body = (400, 413, 415) if "POST" in (route.methods or ()) else (400,)
    return (*with_body, 401, 403, 404, 409, 421, 422, 429, 500, 503)
