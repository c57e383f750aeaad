"""A monitor as a process of its own that kills itself at a moment, for the tests of what a kill leaves behind.

For each line ORIGIN VENUE FOLDER NUMBER of its input, a fork does one pass with orders, and ends by SIGKILL when that
many lines of the monitor and of the exchange's orders have run; 0: never.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from rulecap.exchange import ExchangeSettings, Retries
from rulecap.monitor import running
from rulecap.monitor.clock import Clock
from rulecap.monitor.running import Wanted, opened
from rulecap.monitor.settings import MonitorSettings
from rulecap.service.in_force import PolicyInForce

WATCHED = (
    "execution.py",
    "following.py",
    "orders.py",
    "journal.py",
    "placing.py",
    "outbox.py",
    "one_pass.py",
    "calls.py",
)


def counting(most: int) -> Any:
    """Return a tracer that kills this process after so many lines."""
    seen = 0

    def line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if event == "line":
            seen += 1
            if seen == most:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        ours = "/rulecap/" in frame.f_code.co_filename and frame.f_code.co_filename.endswith(WATCHED)
        return line if ours else None

    def told() -> int:
        return seen

    call.told = told  # type: ignore[attr-defined]
    return call


async def one_pass(origin: str, venue: str, folder: Path, most: int) -> int:
    settings = MonitorSettings(f"sqlite:///{folder / 'log.sqlite3'}", execute=True, rest_seconds=0.0)
    retries = Retries(attempts=2, first_delay_seconds=0.001, longest_seconds=5)
    exchange = ExchangeSettings(venue=venue, origin=origin, milliseconds_per_weight=0, retries=retries)
    wanted = Wanted(settings, folder / "journal.sqlite3", exchange)
    async with opened(wanted, Clock()) as monitor:
        tracer = counting(most)
        sys.settrace(tracer)
        await monitor.one_pass()
        sys.settrace(None)
        return int(tracer.told())


def child(origin: str, venue: str, folder: str, most: str) -> tuple[int, str]:
    """Do one pass in a process of its own; return how it ended, and how many lines it ran."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        lines = asyncio.run(one_pass(origin, venue, Path(folder), int(most)))
        os.write(writing, str(lines).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    told = os.read(reading, 32).decode()
    os.close(reading)
    return os.waitstatus_to_exitcode(status), told or "0"


if __name__ == "__main__":
    KEPT = PolicyInForce("default")  # read once; a fork for each pass has it
    running.PolicyInForce = lambda _: KEPT  # type: ignore[assignment,misc]  # as above
    for request in sys.stdin:
        print(*child(*request.split()), flush=True)
