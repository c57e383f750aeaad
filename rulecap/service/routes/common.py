"""What endpoints share: the service, the answer as JSON, the scope that a route asks for."""

from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from inspect import signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from rulecap.engine.outputs import json_text
from rulecap.problems import Problem, did_you_mean, shown
from rulecap.service.gate import CALLER, NOBODY, Caller, Straight
from rulecap.service.keys import Scope
from rulecap.service.problems import Refused, malformed
from rulecap.service.service import Service

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
COMPONENT = "#/components/schemas/"
MOST_PROBLEMS = 10


class OpenRoute(APIRoute):
    """A route that asks for no scope."""

    scope: Scope | None = None

    @property
    def is_bare(self) -> bool:
        """Whether the endpoint takes nothing but the request."""
        return list(signature(self.endpoint).parameters) == ["request"]

    def get_route_handler(self) -> Handler:
        """Return the route's handler behind a look at the caller's scopes.

        An endpoint that takes nothing but the request is called without FastAPI's looking for more to give it.
        """
        handler: Handler = self.endpoint if self.is_bare else super().get_route_handler()
        scope, taken = self.scope, frozenset(_in_query(self.endpoint))

        async def guarded(request: Request) -> Response:
            if scope is not None:
                check_scope(request, scope)
                if request.scope["query_string"]:
                    check_query(request, taken)
            return await handler(request)

        return guarded


def _in_query(endpoint: Callable[..., Any]) -> Iterator[str]:
    """Give the names that an endpoint takes in the query."""
    for name, hint in get_type_hints(endpoint, include_extras=True).items():
        kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if any(isinstance(mark, QueryParameter) for mark in marks):
            yield from kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else (name,)


def straight(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Straight]:
    """Return the routes of one path each that need nothing but the request, by method and path."""
    routes = [route for router in routers for route in router.routes]
    return {
        (method, route.path): Straight(route, route.get_route_handler())
        for route in routes
        if isinstance(route, OpenRoute) and route.is_bare and "{" not in route.path
        for method in route.methods or ()
    }


class ReadRoute(OpenRoute):
    """A route that tells something."""

    scope = "read"


class RecommendRoute(OpenRoute):
    """A route that a trade may follow from."""

    scope = "recommend"


class AdminRoute(OpenRoute):
    """A route that changes how the service decides."""

    scope = "admin"


def check_scope(request: Request, scope: Scope) -> None:
    """Refuse a caller whose key has not the scope.

    Raises:
        Refused: it has not.
    """
    if not may(request, scope):
        raise Refused(403, "forbidden", f"this needs a key with the scope {scope}")


def check_query(request: Request, taken: Collection[str]) -> None:
    """Refuse a query with a name that is none here, or is there twice: either would be answered as if it were not.

    Raises:
        Refused: it has one.
    """
    counts = Counter(name for name, _ in request.query_params.multi_items())
    unknown = [
        Problem("unknown-field", "is no name in the query here", path=shown(name), hint=did_you_mean(name, taken))
        for name in counts
        if name not in taken
    ]
    twice = [
        Problem("duplicate-key", f"is in the query {count} times; keep one of them", path=name)
        for name, count in counts.items()
        if name in taken and count > 1
    ]
    if unknown or twice:
        raise malformed([*unknown, *twice][:MOST_PROBLEMS], "the request")


def may(request: Request, scope: Scope) -> bool:
    """Return whether the caller has a scope."""
    caller: Caller | None = request.scope.get(CALLER)
    return scope in (caller.scopes if caller else NOBODY)


def asked_by(request: Request) -> str | None:
    """Return the name of the key by which somebody asks, none where no keys are asked for."""
    caller: Caller | None = request.scope.get(CALLER)
    return caller.key.id if caller is not None and caller.key is not None else None


def service_of(request: Request) -> Service:
    """Return the service that a request is made to."""
    service: Service = request.app.state.service
    return service


def as_json(content: Any, status: int = 200) -> Response:
    """Return an answer."""
    return Response(json_text(content), status, media_type="application/json")


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that the endpoint reads by itself."""
    content = {"application/json": {"schema": {"$ref": COMPONENT + model.__name__}}}
    return {"requestBody": {"required": True, "content": content}}
