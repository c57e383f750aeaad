"""How quickly a venue is asked: the leaky bucket of ccxt, counted by a clock that nobody sets.

ccxt counts by the machine's time. Where that is set back by an hour while a request waits for its turn, all of them
would wait for an hour: nothing is read, no reduction is sent, and a monitor that is told to stop does not.
"""

import time
from asyncio import Lock, sleep
from collections.abc import Mapping
from typing import Any

SHORTEST = 0.001  # seconds; a loop's clock may be no finer


class Pace:
    """Lets requests go, one after the other: each once those before it are paid for.

    Attributes:
        loop: which ccxt sets, and nothing here needs.
    """

    def __init__(self, bucket: Mapping[str, Any]) -> None:
        """Take ccxt's figures: what is allowed in a millisecond, what may be saved up, what a request weighs."""
        self._per_second, self._most, self._weight = 1000.0 * bucket["refillRate"], bucket["capacity"], bucket["cost"]
        self._left, self._at = 0.0, time.monotonic()
        self._turn = Lock()
        self.loop: Any = None

    async def __call__(self, weight: float | None = None) -> None:
        """Wait for a request's turn."""
        async with self._turn:
            self._refill()
            while self._left < 0:
                await sleep(max(SHORTEST, -self._left / self._per_second))
                self._refill()
            self._left -= self._weight if weight is None else weight

    def _refill(self) -> None:
        before, self._at = self._at, time.monotonic()
        self._left = min(self._left + (self._at - before) * self._per_second, self._most)
