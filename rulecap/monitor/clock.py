"""Time as the monitor has it: the machine's clock, one that nobody can set, and waiting that a stop ends."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from rulecap.audit.clock import now


def moment() -> float:
    """Return seconds that only go forward; where the system can tell them, those in which it slept are among them."""
    asleep_too = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if asleep_too is None else time.clock_gettime(asleep_too)


@dataclass(slots=True)
class Clock:
    """The clocks, and whether somebody asked to stop.

    Attributes:
        now: the machine's time, in UTC.
        moment: seconds that only go forward.
        stop: set once the monitor is to end.
        offset: how far the machine's time was ahead of `moment` when it was last looked at, in seconds.
    """

    now: Callable[[], datetime] = now
    moment: Callable[[], float] = moment
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    offset: float | None = None

    async def wait(self, seconds: float) -> bool:
        """Wait, at the longest until a stop; return whether it goes on."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), max(0.0, seconds))
        return not self.stop.is_set()

    def look(self) -> None:
        """Look at the machine's time. It may be set at any moment: within a pass, ages are not to change by that."""
        self.offset = self.now().timestamp() - self.moment()

    def seconds(self) -> float:
        """Return the time in seconds since 1970, as the journal keeps it: the machine's when it was last looked at."""
        if self.offset is None:
            self.look()
        assert self.offset is not None  # it was looked at
        return self.moment() + self.offset
