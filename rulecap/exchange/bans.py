"""Leaving a venue alone: one that has banned this address, or said when to come back, is not asked before that.

Whoever goes on asking is banned for longer, at Binance for up to three days in which nobody watches the account.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from rulecap.exchange.errors import VenueError

T = TypeVar("T")
# Of a ban that does not say how long it is: the shortest one of Binance.
BAN_SECONDS = 120.0
UNTIL = re.compile(r"until (\d{13})\b")


class Resting(VenueError):
    """The venue was not asked, because it wished to be left alone."""


@dataclass(slots=True)
class Rest:
    """How long a venue is not asked, and why.

    Attributes:
        until: a moment of `time.monotonic()`.
        why: what the venue answered; none where it was never too much.
    """

    until: float = 0.0
    why: VenueError | None = None

    def check(self) -> None:
        """Return where the venue may be asked.

        Raises:
            Resting: with the code with which it wished to be left alone, and for how long it still does.
        """
        left = self.until - time.monotonic()
        if self.why is None or left <= 0:
            return
        error = Resting(self.why.code, f"the venue is not asked for {left:.0f} s: {self.why.message}")
        error.retry_after = left
        raise error

    def kept(self, call: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        """Return a question that is not asked before its time."""

        async def ask() -> T:
            self.check()
            return await call()

        return ask

    def note(self, error: VenueError) -> None:
        """Leave the venue alone where an error of its says so."""
        seconds = 0.0 if isinstance(error, Resting) else _seconds(error)
        until = time.monotonic() + seconds
        if seconds > 0 and until > self.until:
            self.until, self.why = until, error


def _seconds(error: VenueError) -> float:
    """Return for how long the venue wishes to be left alone; 0 where it does not."""
    if error.code == "venue-rate-limited":
        return error.retry_after or 0.0
    if error.code != "venue-banned":
        return 0.0
    told = UNTIL.search(error.message)
    until = int(told[1]) / 1000.0 - time.time() if told else 0.0
    return max(error.retry_after or 0.0, until) or BAN_SECONDS
