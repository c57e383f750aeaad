"""Questions whose answer no reduction needs: asked for a short while, and where none comes the account is read on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rulecap.exchange.errors import VenueError, is_of_the_venue

log = logging.getLogger("rulecap.exchange")
T = TypeVar("T")
# How long an answer is waited for: an account that took a minute to be read moves nothing any more.
UNNEEDED_SECONDS = 5.0
# How long where it was told before: less than that, so that what was told is used in time.
AGAIN_SECONDS = 3.0
# How long after a failure it is not asked again: it may be part of a reading several times, and of each order. Where it
# was waited for, so many times as long as that, or a pass with several orders would wait before each of them; but not
# so long that the monitor's next pass, which begins half a minute after this one, does not ask.
LATER_SECONDS = 5.0
LATER_TIMES = 4.0
# With these it is told what an account cannot be read with, or that the venue is to be left alone.
ANSWERS = frozenset({"not-one-pool", "clock-skew", "venue-banned"})


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """An answer, or why there is none.

    Attributes:
        found: the answer; None where there is none.
        unsure: why, under the name by which entries are refused.
    """

    found: T | None
    unsure: tuple[VenueError, ...] = ()


class Unneeded:
    """What such questions failed with of late."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Have asked nothing yet."""
        self._monotonic = monotonic
        self._failed: dict[str, tuple[float, VenueError]] = {}

    async def told(self, code: str, what: str, asking: Callable[[], Awaitable[T]]) -> Told[T]:
        """Return the answer, or why there is none.

        Args:
            code: under which name it is missed.
            what: what is asked, for messages, and by which a question is told from others.
            asking: asks, and tries again where that may help.

        Raises:
            VenueError: another try does not help: the answer came, and is what stops a reading.
        """
        began = self._monotonic()
        until, failure = self._failed.get(what, (0.0, None))
        if failure is not None and began < until:
            return Told(None, (failure,))
        try:
            async with asyncio.timeout(UNNEEDED_SECONDS):
                found = await asking()
        except TimeoutError:
            failure = VenueError(code, f"{what}: no answer within {UNNEEDED_SECONDS:g} s")
        except VenueError as error:
            if error.code in ANSWERS:
                raise
            failure = VenueError(code, error.message)
        else:
            self._failed.pop(what, None)
            return Told(found)
        now = self._monotonic()
        # A process that stood still has not waited for longer than is ever waited.
        waited = min(now - began, UNNEEDED_SECONDS)
        self._failed[what] = now + max(LATER_SECONDS, LATER_TIMES * waited), failure
        return Told(None, (failure,))


class Asides:
    """What ccxt asks beside what it is asked for, and can do without: where it fails, what stands for it."""

    def __init__(self) -> None:
        """Have asked nothing yet."""
        self._unneeded = Unneeded()

    async def instead(self, what: str, asking: Callable[[], Awaitable[Any]], instead: Any) -> Any:
        """Return the answer, or what stands for it.

        Raises:
            Exception: ccxt's, where the venue wishes to be left alone; and what is no failure of a venue.
        """

        async def ask() -> Any:
            try:
                return await asking()
            except Exception as error:
                if _wishes(error) or not is_of_the_venue(error):
                    raise
                raise VenueError("venue-down", type(error).__name__) from None

        told = await self._unneeded.told("venue-down", what, ask)
        if told.unsure:
            log.warning("%s cannot be read: %s", what, told.unsure[0].message, extra={"code": told.unsure[0].code})
            return instead
        return told.found


def _wishes(error: Exception) -> bool:
    """Return whether the venue wishes to be left alone."""
    limited = getattr(error, "status", None) == 429 or getattr(error, "retry_after", None) is not None
    return limited or getattr(error, "banned", False) is True
