"""The venue's time, and how wrong the local clock is."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from rulecap.exchange.errors import VenueError


@dataclass(frozen=True, slots=True)
class VenueClock:
    """The venue's time at one moment of a clock that nobody can set.

    Attributes:
        venue_ms: what the venue said, in ms since 1970.
        at: `time.monotonic()` when it was true, as good as a request's way there and back lets it be known.
        uncertainty: half of that way, in seconds.
    """

    venue_ms: float
    at: float
    uncertainty: float

    def now_ms(self) -> float:
        """Return the venue's time."""
        return self.venue_ms + 1000.0 * (time.monotonic() - self.at)

    def skew_seconds(self) -> float:
        """Return how far the local clock is ahead of the venue's, beyond what cannot be known; 0 within that."""
        ahead = time.time() - self.now_ms() / 1000.0
        return max(0.0, abs(ahead) - self.uncertainty) * (1.0 if ahead > 0 else -1.0)

    def ahead_ms(self) -> int:
        """Return how far the local clock is ahead of the venue's; 0 where it is behind, or that cannot be known."""
        return round(time.time() * 1000.0 - self.now_ms()) if self.skew_seconds() > 0 else 0

    def checked(self, most_seconds: float) -> "VenueClock":
        """Return it, unless the local clock is wrong.

        Raises:
            VenueError: `clock-skew`.
        """
        skew = self.skew_seconds()
        if abs(skew) > most_seconds:
            way = "ahead of" if skew > 0 else "behind"
            text = f"the local clock is {abs(skew):.1f} s {way} the venue's; more than {most_seconds:g} s is refused"
            raise VenueError("clock-skew", text)
        return self


def local_clock() -> VenueClock:
    """Return the local clock in the place of a venue's that tells no time, or does not just now."""
    return VenueClock(time.time() * 1000.0, time.monotonic(), 0.0)


def moment(milliseconds: float) -> datetime:
    """Return a time in ms since 1970 as a datetime in UTC."""
    return datetime.fromtimestamp(round(milliseconds) / 1000.0, UTC)
