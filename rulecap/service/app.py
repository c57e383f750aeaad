"""The application: routes, the gate before them, problem documents for every error, the OpenAPI document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from rulecap.problems import Problem
from rulecap.service.gate import Gate
from rulecap.service.limits import RateLimit
from rulecap.service.openapi import document
from rulecap.service.problems import Refused, malformed
from rulecap.service.routes import capital, evaluation, operations, records
from rulecap.service.routes.common import straight
from rulecap.service.service import Service
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import Source
from rulecap.version import __version__

WITH_KEYS_PER_SECOND = 100.0
ROUTERS: tuple[APIRouter, ...] = (
    capital.recommends,  # looked at first, because what is asked most is there
    capital.reads,
    evaluation.reads,
    evaluation.admin,
    records.reads,
    operations.anybody,
    operations.reads,
)
CODES = {404: "not-found", 405: "method-not-allowed"}


def create_app(settings: ServiceSettings, source: Source | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: how it runs.
        source: where account and markets come from; else the settings say.

    Raises:
        PolicyError: the policy cannot be used.
        UnusableKeys: the keys cannot.
        BadSettings: the exchange cannot be opened.
    """
    service = Service(settings, source)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="rulecap",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # both pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,  # what generated clients call their functions
        # What FastAPI would tell of a request, wherever an OpenTelemetry of the machine sends it, may hold figures.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    document(app, ROUTERS, settings.root_path)
    rate = settings.requests_per_second or (WITH_KEYS_PER_SECOND if settings.keys else None)
    app.add_middleware(
        Gate,
        straight=straight(ROUTERS),
        ring=lambda: service.keys.ring,
        rate=RateLimit(rate, settings.burst),
        largest=settings.largest_body,
        metrics=service.metrics,
    )
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # registered for it
    return error.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # registered for it
    code = CODES.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    return Refused(error.status_code, code, str(error.detail), headers=headers).response()


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer a path, query or header that is not what the endpoint takes."""
    assert isinstance(error, RequestValidationError)  # registered for it
    problems = [_problem(one) for one in error.errors()]
    return malformed(problems, "the request").response()


def _problem(detail: Any) -> Problem:
    place, *steps = (str(step) for step in detail["loc"])
    code = "unknown-field" if detail["type"] == "extra_forbidden" else detail["type"].replace("_", "-")
    return Problem(code, f"in the {place}: {detail['msg']}", path=".".join(steps))
