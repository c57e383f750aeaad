"""Times as a reviewer writes them: a moment, a day, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rulecap.audit.clock import microseconds
from rulecap.problems import shown

LONG_AGO = re.compile(r"([1-9][0-9]{0,6})(s|m|min|h|d|w)")
UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HINT = "write 2026-03-01, 2026-03-01T12:00Z, or how long ago: 24h, 7d"
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in microseconds since 1970: `since` is within it, `until` is not."""

    since: int = -LARGEST
    until: int = LARGEST


EVER = Span()


class NoMoment(ValueError):
    """A text that says no time; its message says what to write."""


def moment(text: str, now: datetime) -> int:
    """Return the time that a text says, in microseconds since 1970.

    Args:
        text: a day (its midnight in UTC), a moment with its offset from UTC, or how long before `now`.
        now: the time that `24h` counts back from.

    Raises:
        NoMoment: it says no time, or one without an offset.
    """
    ago = LONG_AGO.fullmatch(text)
    try:
        if ago:
            return microseconds(now - length(text))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise NoMoment(f"{shown(text)} is no time: {HINT}") from error
    if found.tzinfo is not None:
        return microseconds(found)
    if len(text) > len("2026-03-01"):
        raise NoMoment(f"{shown(text)} does not say its offset from UTC: write {shown(text)}Z")
    return microseconds(found.replace(tzinfo=UTC))


def length(text: str) -> timedelta:
    """Return the stretch of time that `90s`, `15m`, `24h`, `7d` or `2w` says, and `15min`, as a policy has it.

    Raises:
        NoMoment: it says none.
    """
    found = LONG_AGO.fullmatch(text)
    if found is None:
        raise NoMoment(f"{shown(text)} is no stretch of time: write 15m, 24h or 7d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
