"""Connections on which nobody asks: let go after a while, so that who connects and says nothing takes nobody's place.

Whoever reaches the port may open connections, with a key or without; a process has a bounded number of files, and what
it reads, of a venue or of its own policy, takes some too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any


class Silence:
    """Knows since when nothing was asked on each connection.

    Whether a request came whole is the server's to tell: `cycle` is the one that was begun last, if any.
    """

    def __init__(
        self,
        connections: Callable[[], Iterable[Any]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at the connections that a server has."""
        self._connections, self._seconds, self._clock = connections, seconds, clock
        self._since: dict[Any, tuple[object, float]] = {}

    async def look(self) -> None:
        """Close the connections on which nothing was asked for too long; one that is being answered is not."""
        now, since = self._clock(), self._since
        waiting = [one for one in self._connections() if one.cycle is None or one.cycle.response_complete]
        self._since = {
            one: since[one] if one in since and since[one][0] is one.cycle else (one.cycle, now) for one in waiting
        }
        for one in waiting:
            if now - self._since[one][1] >= self._seconds:
                one.transport.close()
