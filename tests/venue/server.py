"""The server under a venue: HTTP in a thread, faults on demand, every request on record."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]

    @property
    def sent(self) -> str:
        """What is signed: the body of a POST, else the query."""
        return self.body if self.method == "POST" else self.query

    @property
    def params(self) -> dict[str, str]:
        if self.body.startswith("{"):
            return {**json.loads(self.body)}
        return dict(parse_qsl(self.sent, keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or a text as it is."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


@dataclass
class Fault:
    """What goes wrong with the next `times` requests to a path."""

    path: str
    kind: str
    times: int
    options: dict[str, Any]


Handler = Callable[[Asked], Answer]


class Server:
    """An HTTP server on this machine; a venue derives from it and answers in `answer`."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.clock_offset_ms = 0
        self._faults: list[Fault] = []
        self._after: list[tuple[str, Callable[[], None]]] = []
        self._lock = threading.RLock()
        self._started = threading.Event()
        self.origin = ""

    # What a test says.

    def fault(self, path: str, kind: str, times: int = 1, **options: Any) -> None:
        """Let the next requests whose path ends so fail.

        Kinds: `timeout` (no answer), `drop` (the connection ends), `cut` (half of the JSON), `empty`, `status` with
        `status=` and `body=` and `headers=`, `then` with `change=`: a function that changes the whole answer's JSON.
        With `method=` only requests of that method fail, with `when=` those of which a function says so.
        """
        with self._lock:
            self._faults.append(Fault(path, kind, times, options))

    def after(self, path: str, act: Callable[[], None]) -> None:
        """Do something once, when the next request to a path has been answered."""
        with self._lock:
            self._after.append((path, act))

    def asked(self, path: str) -> list[Asked]:
        """Return the requests to a path."""
        return [one for one in self.requests if one.path.endswith(path)]

    def now(self) -> int:
        """Return the venue's time in ms."""
        return int(time.time() * 1000) + self.clock_offset_ms

    # What a venue does.

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    # What runs it.

    def __enter__(self) -> Any:
        self._started.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        self._started.set()
        await self._stopped.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.raw_path.partition("?")[2], body, headers)
        with self._lock:
            self.requests.append(asked)
            fault = next(self._matching(asked), None)
        if fault is not None and fault.kind == "timeout":
            await self._stopped.wait()
        if fault is not None and fault.kind == "lost":  # the venue does it, but its answer is lost
            self._answered(asked)
        if fault is not None and fault.kind in ("drop", "timeout", "lost"):
            if request.transport is not None:  # None where the client has gone already
                request.transport.abort()
            return web.Response()
        answer = _faulty(fault, self._answered(asked))
        response = web.Response(
            text=answer.text, status=answer.status, headers=answer.headers, content_type="application/json"
        )
        response.force_close()  # no idle connection is left when the server ends
        return response

    def _matching(self, asked: Asked) -> Iterator[Fault]:
        for fault in self._faults:
            fits = asked.path.endswith(fault.path) and fault.options.get("method") in (None, asked.method)
            if fits and fault.times > 0 and fault.options.get("when", bool)(asked):
                fault.times -= 1
                yield fault

    def _answered(self, asked: Asked) -> Answer:
        with self._lock:
            answer = self.answer(asked)
            for entry in [one for one in self._after if asked.path.endswith(one[0])]:
                self._after.remove(entry)
                entry[1]()
        return answer


def _faulty(fault: Fault | None, answer: Answer) -> Answer:
    """Return the answer as the fault leaves it."""
    if fault is None:
        return answer
    if fault.kind == "cut":
        return Answer(answer.text[: len(answer.text) // 2])
    if fault.kind == "empty":
        return Answer("")
    if fault.kind == "status":
        body = fault.options.get("body", "")
        return Answer(body, fault.options["status"], fault.options.get("headers", {}))
    assert fault.kind == "then", f"no fault {fault.kind}"
    changed = fault.options["change"](json.loads(answer.text))
    return Answer(changed, answer.status, answer.headers)
