"""Connections on which nobody asks or listens: ended after a while, so that who made them takes nobody's place.

Whoever reaches the port may open connections, with a key or without; a process has a bounded number of files, and what
it reads, of a venue or of its own policy, takes some too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any


class Silence:
    """Knows since when nothing was asked, or read of what is answered, on each connection.

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
        self._since: dict[Any, tuple[tuple[Any, int], float]] = {}

    async def look(self) -> None:
        """End the connections on which nothing was asked, or nothing of the answers read, for too long."""
        now, since = self._clock(), self._since
        states = {one: (one.cycle, one.transport.get_write_buffer_size()) for one in self._connections()}
        self._since = {
            one: since[one] if one in since and since[one][0] == state else (state, now)
            for one, state in states.items()
            if _waits(*state)
        }
        for one, ((_, unsent), begun) in self._since.items():
            if now - begun >= self._seconds:
                # To close it would wait until what is unsent is read.
                one.transport.abort() if unsent else one.transport.close()


def _waits(cycle: Any, unsent: int) -> bool:
    """Return whether a connection waits for whoever made it: one that is being answered, and reads, does not."""
    return unsent > 0 or cycle is None or cycle.response_complete
