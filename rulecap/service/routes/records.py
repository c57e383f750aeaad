"""The log, and what happens now."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from rulecap.audit.clock import microseconds
from rulecap.audit.review.moments import EVER, NoMoment, Span
from rulecap.audit.review.selection import Selection
from rulecap.service.gate import CALLER
from rulecap.service.problems import Refused
from rulecap.service.reading import Question, cursor
from rulecap.service.routes.common import ReadRoute, as_json, service_of

reads = APIRouter(prefix="/api", route_class=ReadRoute, tags=["records"])

Trace = Annotated[bool, Query(description="Also tell how each value came about, by the policy that decided.")]
Id = Annotated[str, Path(min_length=1, max_length=64, description="A record's id, as `decision_id`, or its number.")]
Time = Annotated[str | None, Field(max_length=40, json_schema_extra={"format": "date-time"})]
Value = Annotated[str | None, Field(min_length=1, max_length=64)]
Last = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=64, description="Go on after this event, as far as it is not too long."),
]


class Filter(BaseModel):
    """Which records a list is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Value = None
    decision: Value = None
    verdict: Value = None
    policy: Annotated[
        str | None, Field(min_length=1, max_length=128, description="A name, `name@version`, or part of a digest.")
    ] = None
    asked_by: Annotated[
        str | None,
        Field(
            min_length=1, max_length=64, description="Who asked: a key's name, `serve`, `monitor`; `none` for nobody."
        ),
    ] = None
    since: Annotated[Time, Field(description="Recorded at this time or later, as 2026-03-01T12:00:00Z.")] = None
    until: Annotated[Time, Field(description="Recorded before this time.")] = None
    where: Annotated[
        str | None,
        Field(
            min_length=1, max_length=500, description="A condition in the policy's language: `margin_used_pct > 40%`."
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="How many on a page.")] = 50
    oldest: Annotated[bool, Field(description="The oldest first, not the newest.")] = False
    after: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,17}-[0-9]{1,15}$", description="Go on where a page ended: its `next`.")
    ] = None

    def question(self) -> Question:
        """Return the question that the filter is."""
        since = EVER.since if self.since is None else _moment(self.since)
        until = EVER.until if self.until is None else _moment(self.until)
        after = cursor(self.after) if self.after else None
        selection = Selection(
            _one(self.account),
            _one(self.decision),
            _one(self.verdict),
            _one(self.policy),
            Span(since, until),
            _one(self.asked_by),
        )
        return Question(selection, self.limit, not self.oldest, after, self.where)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _moment(text: str) -> int:
    """Return a time in microseconds since 1970.

    Raises:
        NoMoment: it is none, or does not say its offset from UTC.
    """
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise NoMoment("a time is written 2026-03-01T12:00:00Z") from error
    if time.tzinfo is None:
        raise NoMoment("a time without its offset from UTC could be hours off: write 2026-03-01T12:00:00Z")
    return microseconds(time)


@reads.get("/decisions", name="decisions")
async def decisions(request: Request, filter_: Annotated[Filter, Query()]) -> Response:
    """Return a page of the log, the newest first."""
    try:
        question = filter_.question()
    except NoMoment as error:
        raise Refused(422, "bad-time", str(error)) from error
    return as_json(await service_of(request).log.page(question))


@reads.get("/decisions/{id}", name="decision")
async def decision(request: Request, id: Id, trace: Trace = False) -> Response:  # noqa: A002  # as the contract has it
    """Return a record as it stands in the log."""
    reader = service_of(request).log
    if not trace:
        record = await reader.record(id)
        if record is not None:
            return Response(record.body, media_type="application/json")
    else:
        explained = await reader.explained(id)
        if explained is not None:
            return as_json({**explained[0].fields, "trace": explained[1]})
    raise Refused(404, "unknown-record", "the log has no such record")


@reads.get("/events", name="events", response_class=StreamingResponse)
async def events(request: Request, last_event_id: Last = None) -> StreamingResponse:
    """Tell states and decisions as they are recorded, as server-sent events."""
    service, caller = service_of(request), request.scope[CALLER]
    stream = service.follower.listen(last_event_id, lambda: service.keys.lets(caller.key, "read"))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, 200, headers, "text/event-stream")
