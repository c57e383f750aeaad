"""How fast one caller may ask: a bucket of tokens for each, which fills at a steady rate."""

import time
from collections.abc import Callable

MOST_CALLERS = 10_000


class RateLimit:
    """Counts requests by caller; without a rate there is no limit."""

    def __init__(self, rate: float | None, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `rate` requests a second, and `burst` of them at once."""
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def alike(self) -> "RateLimit":
        """Return another one with the same rate and burst, that counts for itself."""
        return RateLimit(self._rate, int(self._burst), self._clock)

    def wait(self, caller: str) -> float:
        """Take a token; return 0, or in how many seconds the next one is there."""
        if self._rate is None:
            return 0.0
        moment = self._clock()
        tokens, since = self._buckets.get(caller, (self._burst, moment))
        tokens = min(self._burst, tokens + (moment - since) * self._rate)
        if tokens < 1.0:
            self._buckets[caller] = (tokens, moment)
            return (1.0 - tokens) / self._rate
        if len(self._buckets) >= MOST_CALLERS:
            self._drop_full(moment)
        self._buckets[caller] = (tokens - 1.0, moment)
        return 0.0

    def _drop_full(self, moment: float) -> None:
        """Forget who has not asked for long enough to be as good as new; if nobody, the one longest ago."""
        assert self._rate is not None  # without a rate there are no buckets
        full = self._burst / self._rate
        gone = [caller for caller, (_, since) in self._buckets.items() if moment - since >= full]
        for caller in gone or [min(self._buckets, key=lambda one: self._buckets[one][1])]:
            del self._buckets[caller]
