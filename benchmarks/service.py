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

from benchmarks.rows import Row

CONNECTIONS, SECONDS, ROUNDS = 16, 2.0, 5
BODY = {
    "symbol": "BTCUSDT",
    "signal_score": 75,
    "expected_return_pct": 3.5,
    "market_regime": "TRENDING",
    "win_rate": 0.58,
}
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


async def _asked(port: int) -> float:
    text = json.dumps(BODY).encode()
    head = (
        f"POST {PATH} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
    )
    request = "\r\n".join((*head, "", "")).encode() + text
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(_ask(*one, request, time.perf_counter() + 0.5) for one in connections))
    start = time.perf_counter()
    counts = await asyncio.gather(*(_ask(*one, request, start + SECONDS) for one in connections))
    return sum(counts) / (time.perf_counter() - start)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, until: float) -> int:
    """Ask one request after the other until a time; return how many were answered with 200."""
    count = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]  # both send it
        await reader.readexactly(length)
        count += 1
    return count


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import uvloop

        print(uvloop.run(_asked(int(sys.argv[1]))))
    else:
        from benchmarks.report import terminal

        print(terminal("Under load", under_load(ROUNDS)))
