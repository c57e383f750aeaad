"""Connections on which nobody asks or listens: ended after a while, so that who made them takes nobody's place.

Whoever reaches the port may open connections, with a key or without; a process has a bounded number of files, and what
it reads, of a venue or of its own policy, takes some too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

State = tuple[Any, int, int]


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
        self._since: dict[Any, tuple[State, float]] = {}

    async def look(self) -> None:
        """End the connections on which nothing was asked, or nothing of the answers read, for too long."""
        now, since = self._clock(), self._since
        states = {one: _state(one) for one in self._connections()}
        self._since = {
            one: since[one] if one in since and since[one][0] == state else (state, now)
            for one, state in states.items()
            if _waits(*state)
        }
        for one, ((_, unsent, _), begun) in self._since.items():
            if now - begun >= self._seconds:
                # To close it would wait until what is unsent is read.
                one.transport.abort() if unsent else one.transport.close()


def _state(connection: Any) -> State:
    """Return what changes where whoever made a connection asks, reads, or sends more of a body.

    Not where he sends more of a head: that is small, and would be sent letter by letter.
    """
    cycle = connection.cycle
    # Of another parser's, nothing tells: a body has no more time than a head.
    heard = getattr(connection, "heard", 0) if _comes(cycle) else 0
    return cycle, connection.transport.get_write_buffer_size(), heard


def _waits(cycle: Any, unsent: int, _: int) -> bool:
    """Return whether a connection waits for whoever made it: one that was asked, and is answered and read, does not."""
    return unsent > 0 or cycle is None or cycle.response_complete or _comes(cycle)


def _comes(cycle: Any) -> bool:
    """Return whether the rest of a body is to come before there is an answer."""
    return cycle is not None and not cycle.response_complete and bool(cycle.more_body)
