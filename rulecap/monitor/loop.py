"""The loop: passes at fixed times, one after the other, until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from rulecap.monitor.clock import Clock
from rulecap.monitor.heartbeat import tell_systemd
from rulecap.service.hangup import at_hangup

log = logging.getLogger("rulecap.monitor")


async def run(one_pass: Callable[[], Awaitable[object]], seconds: float, clock: Clock) -> None:
    """Do a pass now and one every so many seconds from now; one that takes longer leaves out those that it is late for.

    A stop lets the pass end in which it comes.
    """
    began = clock.moment()
    tell_systemd("READY=1")
    while True:
        await one_pass()
        tell_systemd("WATCHDOG=1")
        gone = clock.moment() - began
        if not await clock.wait(seconds * (gone // seconds + 1.0) - gone):
            break
    tell_systemd("STOPPING=1")
    log.info("stopped")


def stop_on_signals(clock: Clock) -> None:
    """Stop at SIGTERM and SIGINT, and at SIGHUP where that says that the terminal has gone."""
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        log.info("stopping: %s", name)
        clock.stop.set()

    for one in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(one, stop, one.name)
    at_hangup(log, lambda: stop("SIGHUP"))
