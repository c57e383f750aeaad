"""The specification's endpoints, below /api/capital."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from rulecap.service.answers import UNDECIDED
from rulecap.service.bodies import Allocation, Body, Kelly, Recommendation, Record, read_body
from rulecap.service.contract import ACCOUNT_PATHS, KELLY, LEVERAGE, POSITION, RISK_PARITY, STATE
from rulecap.service.desk import Asker
from rulecap.service.problems import Refused, malformed
from rulecap.service.routes.common import ReadRoute, RecommendRoute, as_json, asked_by, service_of, takes
from rulecap.service.service import Service
from rulecap.snapshot import Snapshot, read_snapshot

reads = APIRouter(prefix="/api/capital", route_class=ReadRoute, tags=["capital"])
recommends = APIRouter(prefix="/api/capital", route_class=RecommendRoute, tags=["capital"])

# Told to OpenAPI here and read by hand below: what every trade waits for is not to wait for more than it needs.
PRINTABLE = r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE},
    "description": "Within 24 hours the same key gets the first answer again; 422 for another request.",
}


class Back(BaseModel):
    """How far back a history goes; a misspelt name is no default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    hours: Annotated[float, Field(gt=0, le=24 * 366, description="How far back.")] = 24.0


SymbolInPath = Annotated[str, Path(min_length=1, max_length=64, description="`BTCUSDT`, or `BTC/USDT:USDT`.")]


def _about_account(path: str, decision: str) -> None:
    """Add the endpoint that asks a decision about the account alone."""

    async def endpoint(request: Request) -> Response:
        return as_json(await service_of(request).desk.about_account(decision, asked_by(request)))

    endpoint.__name__ = decision
    reads.add_api_route(f"/{path}", endpoint, methods=["GET"], summary=f"Ask the decision {decision}", name=decision)


for _path, _decision in ACCOUNT_PATHS.items():
    _about_account(_path, _decision)


@reads.get("/history", name="history")
async def history(request: Request, back: Annotated[Back, Query()]) -> Response:
    """Return the account's states as they were recorded, oldest first."""
    service = service_of(request)
    return as_json({"hours": back.hours, **await _history(service, back.hours)})


async def _history(service: Service, hours: float) -> dict[str, Any]:
    snapshot = await service.desk.snapshot()
    return await service.log.history(snapshot.account.id, STATE, hours)


@reads.get("/analysis/complete", name="complete")
async def complete(request: Request, back: Annotated[Back, Query()]) -> Response:
    """Return everything about the account at once, and the recorded states of the last hours."""
    service = service_of(request)
    desk = service.desk
    snapshot = await desk.snapshot()
    by, asked = asked_by(request), [*ACCOUNT_PATHS.values(), *([RISK_PARITY] if snapshot.assets else [])]
    answers = {decision: await desk.about_account(decision, by) for decision in asked if desk.knows(decision)}
    return as_json({**answers, **await _history(service, back.hours)})


@reads.get("/leverage/optimal/{symbol:path}", name=LEVERAGE)
async def leverage(request: Request, symbol: SymbolInPath, record: Annotated[Record, Query()]) -> Response:
    """Return the best leverage for a market, and what this account may use of it."""
    desk = service_of(request).desk
    market = await desk.symbol(symbol)
    return as_json(await desk.about_trade(LEVERAGE, market, record.signal(market), Asker(asked_by(request))))


def _takes(model: type[Body]) -> dict[str, Any]:
    return {**takes(model), "parameters": [IDEMPOTENCY_KEY]}


def _asker(request: Request, body: Body) -> Asker:
    """Return who asks, and its idempotency key with what it asks under it, where it sends one.

    Raises:
        Refused: it sends two.
    """
    # The parser leaves the blanks after a value in it, which HTTP says are no part of it.
    keys = [key.strip(" \t") for key in request.headers.getlist("idempotency-key")]
    if not keys:
        return Asker(asked_by(request))
    if len(keys) > 1:
        raise Refused(400, "bad-idempotency-key", f"a request has one idempotency key, not {len(keys)}")
    return Asker(asked_by(request), keys[0], body.model_dump_json().encode())


@recommends.post("/recommendation/position", name=POSITION, openapi_extra=_takes(Recommendation))
async def position(request: Request) -> Response:
    """Return whether to enter a trade, how large, at what leverage, how to execute it, and why."""
    body = read_body(Recommendation, await request.body())
    desk, asker = service_of(request).desk, _asker(request, body)
    symbol = await desk.symbol(body.symbol)
    return as_json(await desk.about_trade(POSITION, symbol, body.signal(symbol), asker))


@recommends.post("/position-size/kelly", name=KELLY, openapi_extra=_takes(Kelly))
async def kelly(request: Request) -> Response:
    """Return how much of the wallet Kelly puts on a record of trades."""
    body = read_body(Kelly, await request.body())
    desk, asker = service_of(request).desk, _asker(request, body)
    symbol = await desk.symbol(body.symbol) if body.symbol is not None else None
    signal = body.of_nothing() if symbol is None else body.signal(symbol)
    return as_json(await desk.about(KELLY, await desk.snapshot(signal), asker))


@recommends.post("/allocation/risk-parity", name=RISK_PARITY, openapi_extra=_takes(Allocation))
async def risk_parity(request: Request) -> Response:
    """Return how capital is divided such that every asset carries the same risk."""
    body = read_body(Allocation, await request.body())
    desk, asker = service_of(request).desk, _asker(request, body)
    snapshot = await desk.snapshot()
    allocated = {"assets": body.assets, "correlation": body.correlation}
    read = read_snapshot({**dict(snapshot), **allocated})
    if not isinstance(read, Snapshot):
        raise malformed(read)
    try:
        return as_json(await desk.about(RISK_PARITY, read, asker))
    except Refused as refused:
        if refused.code != UNDECIDED:
            raise
        raise malformed(refused.errors) from refused  # what the policy does not take was sent
