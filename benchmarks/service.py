"""The service under load: position decisions on record, beside an empty FastAPI endpoint that takes the same body."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import cast

from benchmarks.rows import Row

CONNECTIONS, SECONDS, ROUNDS, LONGEST = 16, 2.0, 5, 60.0
BODY = {
    "symbol": "BTCUSDT",
    "signal_score": 75,
    "expected_return_pct": 3.5,
    "market_regime": "TRENDING",
    "win_rate": 0.58,
}
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
PATH = "/api/capital/recommendation/position"
EMPTY = """\
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Body(BaseModel):
    symbol: str
    signal_score: float
    expected_return_pct: float
    market_regime: str
    win_rate: float

app = FastAPI()

@app.post("/api/capital/recommendation/position")
async def position(body: Body) -> dict[str, str]:
    return {}

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("listening on http://127.0.0.1:%d" % self.servers[0].sockets[0].getsockname()[1], flush=True)

Server(uvicorn.Config(app, port=0, access_log=False, log_level="warning")).run()
"""


def under_load(rounds: int) -> list[Row]:
    """Return requests a second of both, in turn, over 16 connections each."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        log = f"sqlite:///{folder}/log.sqlite3"
        ours = [sys.executable, "-m", "rulecap", "serve", "--demo", "--port", "0", "--log", log]
        with serving([sys.executable, "-c", EMPTY]) as empty, serving(ours) as service:
            rates = [(rate(empty), rate(service)) for _ in range(min(rounds, ROUNDS))]
    ratio = median(ours / bare for bare, ours in rates)
    return [
        Row("an empty FastAPI endpoint that takes the body", f"{median(bare for bare, _ in rates):,.0f} /s"),
        Row(
            "a position decision, durably on record",
            f"{median(ours for _, ours in rates):,.0f} /s",
            f"{ratio:.0%} of the empty endpoint",
            "≥ 60 %",
            ratio >= 0.6,
        ),
    ]


@contextmanager
def serving(command: list[str]) -> Iterator[int]:
    """Run a server; give its port."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None  # a pipe
        found = re.search(r":(\d+)$", process.stdout.readline().strip())
        assert found, "the server did not start"
        try:
            yield int(found[1])
        finally:
            process.terminate()


def rate(port: int) -> float:
    """Return how many requests a second a server answers, asked by another process."""
    asked = [sys.executable, "-m", "benchmarks.service", str(port)]
    return float(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


class Asking(asyncio.Protocol):
    """One connection that asks, again and again until a time; with little work of its own, to leave room for others."""

    def __init__(self, request: bytes, until: float) -> None:
        """Ask this."""
        self._request, self._until = request, until
        self._transport: asyncio.Transport | None = None
        self._buffer, self._length, self.count = b"", 0, 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; ask again after its last."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._length:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 200"), self._buffer
            found = CONTENT_LENGTH.search(self._buffer, 0, end + 2)
            assert found, self._buffer  # both send it
            self._length = end + 4 + int(found[1])
        if len(self._buffer) < self._length:
            return
        self._buffer, self._length = b"", 0
        self.count += 1
        assert self._transport is not None  # it was made
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail where the server closed it."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


async def _asked(port: int) -> float:
    text = json.dumps(BODY).encode()
    head = (
        f"POST {PATH} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
    )
    request = "\r\n".join((*head, "", "")).encode() + text
    await _ask(port, request, time.perf_counter() + 0.5)
    start = time.perf_counter()
    count = await _ask(port, request, start + SECONDS)
    return count / (time.perf_counter() - start)


async def _ask(port: int, request: bytes, until: float) -> int:
    """Ask over many connections until a time; return how many requests were answered."""
    loop = asyncio.get_running_loop()
    made = [loop.create_connection(lambda: Asking(request, until), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    asking = [one for _, one in await asyncio.gather(*made)]
    async with asyncio.timeout_at(loop.time() + LONGEST):
        await asyncio.gather(*(one.done for one in asking))
    return sum(one.count for one in asking)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import uvloop

        print(uvloop.run(_asked(int(sys.argv[1]))))
    else:
        from benchmarks.report import terminal

        print(terminal("Under load", under_load(ROUNDS)))
