"""Time as the monitor has it: the machine's clock, one that nobody can set, and waiting that a stop ends."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from rulecap.service.clock import now


@dataclass(slots=True)
class Clock:
    """The clocks, and whether somebody asked to stop.

    Attributes:
        now: the machine's time, in UTC.
        moment: seconds that only go forward.
        stop: set once the monitor is to end.
    """

    now: Callable[[], datetime] = now
    moment: Callable[[], float] = time.monotonic
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float) -> bool:
        """Wait, at the longest until a stop; return whether it goes on."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), max(0.0, seconds))
        return not self.stop.is_set()

    def seconds(self) -> float:
        """Return the machine's time in seconds since 1970, as the journal keeps it."""
        return self.now().timestamp()
