"""The gate: who asks, how often, how much; and whatever goes wrong behind it ends as a problem document."""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rulecap.service.failing import place_of
from rulecap.service.keys import SCOPES, Key, KeyRing
from rulecap.service.limits import RateLimit
from rulecap.service.metrics import Metrics
from rulecap.service.problems import Refused
from rulecap.service.settings import LOOPBACK

log = logging.getLogger("rulecap.service")
requests = logging.getLogger("rulecap.service.requests")
OPEN_PATHS = frozenset({"/health", "/ready"})
# No HEAD of it: the answer would never be over.
ENDLESS = "/api/events"
IDENTITY = b"identity"
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
CALLER = "rulecap.caller"
UNMATCHED = "unmatched"
NOTED_SECONDS = 60.0
PROCESS, NUMBERS = token_hex(6), count(1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key's name, or the address where there are no keys."""

    name: str
    scopes: frozenset[str]
    key: Key | None = None


class Straight(NamedTuple):
    """A route, and what answers to it from nothing but the request."""

    route: BaseRoute
    handler: Callable[[Request], Awaitable[Response]]


ANYBODY = frozenset(SCOPES)
NOBODY: frozenset[str] = frozenset()


class TooLarge(Exception):
    """The body is larger than it may be."""


class Gate:
    """Stands before the application."""

    def __init__(
        self,
        app: ASGIApp,
        straight: Mapping[tuple[str, str], Straight],
        ring: Callable[[], KeyRing | None],
        rate: RateLimit,
        largest: int,
        metrics: Metrics,
    ) -> None:
        """Guard an application.

        Args:
            app: what is guarded.
            straight: by method and path, what answers without the application's looking for a route; that looking takes
                a fifth of a request's time.
            ring: returns the keys in force; none where none are asked for.
            rate: how often one caller may ask, and be refused for want of a key.
            largest: how many bytes a body may have.
            metrics: where requests are counted.
        """
        self._app, self._straight, self._ring = app, straight, ring
        self._rate, self._largest, self._metrics = rate, largest, metrics
        # Apart from those with a key, so that nobody who knocks holds up the bot behind the same address.
        self._strangers, self._noted = rate.alike(), RateLimit(1.0 / NOTED_SECONDS, 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = Answer(send, bodiless=scope["method"] == "HEAD")
        if answer.bodiless and not scope["path"].endswith(ENDLESS):
            scope = {**scope, "method": "GET"}
        start = time.perf_counter()
        try:
            self._admit(scope)
            await self._pass(scope, _bounded(scope, receive, self._largest), answer)
        except Refused as refused:
            await answer.instead(refused, scope, receive)
        except ClientDisconnect:  # before all was said: nobody is left to be answered, and nothing went wrong here
            pass
        except TooLarge:
            await answer.instead(too_large(self._largest), scope, receive)
        except Exception as error:  # noqa: BLE001  # nothing leaves the service but as an answer
            log.error("%s", place_of(error), extra={"code": "internal", "request_id": answer.id})
            await answer.instead(Refused(500, "internal", "something went wrong; the log says what"), scope, receive)
        finally:
            self._note(scope, answer, time.perf_counter() - start)

    async def _pass(self, scope: Scope, receive: Receive, answer: "Answer") -> None:
        found = None if scope.get("root_path") else self._straight.get((scope["method"], scope["path"]))
        if found is None:
            await self._app(scope, receive, answer)
            return
        scope["route"] = found.route
        response = await found.handler(Request(scope, receive))
        await response(scope, receive, answer)

    def _admit(self, scope: Scope) -> None:
        """Find out who asks.

        Raises:
            Refused: nobody who may, too often, or something that cannot be read.
        """
        headers = dict(scope["headers"])
        caller = self._caller(scope, headers)
        wait = self._rate.wait(caller.name)
        if wait:
            raise too_many(wait)
        scope[CALLER] = caller
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._largest:
            raise TooLarge
        has_body = scope["method"] in WITH_BODY and (length != b"0" or b"transfer-encoding" in headers)
        if has_body and not _is_json(headers.get(b"content-type", b"")):
            raise Refused(415, "not-json", "the body must be JSON: send Content-Type: application/json")
        if has_body and headers.get(b"content-encoding", IDENTITY).strip().lower() != IDENTITY:
            raise Refused(415, "not-json", "the body must be JSON as it is: send it without Content-Encoding")

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        address = str(scope["client"][0]) if scope.get("client") else ""
        ring = self._ring()
        if ring is None:
            if not _is_loopback(headers.get(b"host", b"")):
                # A page in a browser on this machine may have its own name lead here, and would read the account.
                told = "without API keys this service answers under the names of loopback alone, such as localhost"
                raise Refused(421, "wrong-host", told)
            return Caller(address, ANYBODY)
        token = _token(headers)
        if token is None:
            if scope["path"] in OPEN_PATHS:
                return Caller(address, NOBODY)
            raise self._stranger(address, "this service asks for an API key: send Authorization: Bearer KEY")
        key = ring.find(token)
        if key is None:
            raise self._stranger(address, "the API key is unknown or revoked")
        return Caller(key.id, frozenset(key.scopes), key)

    def _stranger(self, address: str, detail: str) -> Refused:
        """Return the refusal of a request without a key that counts; the log has it once a minute for an address."""
        if not self._noted.wait(address):
            log.warning("refused: %s", detail, extra={"code": "unauthorized", "address": address})
        wait = self._strangers.wait(address)
        return too_many(wait) if wait else unauthorized(detail)

    def _note(self, scope: Scope, answer: "Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        self._metrics.answered(scope["method"] if route != UNMATCHED else "", route, answer.status, seconds)
        if requests.isEnabledFor(logging.DEBUG):
            caller = scope.get(CALLER)
            said = {"route": route, "status": answer.status, "seconds": round(seconds, 6), "request_id": answer.id}
            requests.debug("request", extra={"method": scope["method"], **said, "key": caller.name if caller else ""})


class Answer:
    """What is sent back: it gets the request's id, and is known by its status."""

    def __init__(self, send: Send, *, bodiless: bool = False) -> None:
        """Send by this; nothing but the head where it is to have no body."""
        self._send, self.status, self.id = send, 0, f"{PROCESS}-{next(NUMBERS)}"
        self.bodiless = bodiless

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        elif self.bodiless:
            message = {**message, "body": b""}
        await self._send(message)

    async def instead(self, refused: Refused, scope: Scope, receive: Receive) -> None:
        """Send a problem document, where nothing was sent yet."""
        if self.status:
            raise ConnectionError("the answer was begun already")
        await refused.response()(scope, receive, self)


def unauthorized(detail: str) -> Refused:
    """Return the refusal of a request without a key that counts."""
    return Refused(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="rulecap"'})


def too_many(wait: float) -> Refused:
    """Return the refusal of a request that comes too soon, by so many seconds."""
    seconds = str(math.ceil(wait))
    return Refused(429, "too-many-requests", f"ask again in {seconds} s", headers={"Retry-After": seconds})


def too_large(largest: int) -> Refused:
    """Return the refusal of a body that is too large."""
    return Refused(413, "too-large", f"the body may have at most {largest} bytes", headers={"Connection": "close"})


def _token(headers: dict[bytes, bytes]) -> str | None:
    """Return the key that a request shows; empty where it shows something that cannot be one."""
    given = headers.get(b"authorization")
    if given is not None:
        scheme, _, token = given.decode("latin-1").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    header = headers.get(b"x-api-key")
    return None if header is None else header.decode("latin-1").strip()


def _is_loopback(host: bytes) -> bool:
    """Return whether a Host header names loopback; one that names nothing comes from no browser."""
    name = host.decode("latin-1").lower()
    name = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
    return not name or name in LOOPBACK


def _is_json(kind: bytes) -> bool:
    media = kind.partition(b";")[0].strip().lower()
    return media == b"application/json" or (media.startswith(b"application/") and media.endswith(b"+json"))


def _bounded(scope: Scope, receive: Receive, largest: int) -> Receive:
    """Return what receives the body, and refuses it once it is too large, whatever its length was said to be."""
    if scope["method"] not in WITH_BODY:
        return receive
    total = 0

    async def bounded() -> Any:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > largest:
            raise TooLarge
        return message

    return bounded
