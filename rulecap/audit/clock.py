"""Time as the log keeps it, in microseconds since 1970, and the machine's clock, which no decision sees."""

from datetime import UTC, datetime, timedelta

from rulecap.language.values import iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # see above


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def time_of(text: str) -> int:
    """Return a recorded time in microseconds since 1970.

    Raises:
        ValueError: it is no time, or says no offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} is a time of no zone")
    return microseconds(moment)


def iso_of(time: int) -> str:
    """Return microseconds since 1970 as ISO-8601 text with Z, as a record has it."""
    return iso(EPOCH + time * MICROSECOND)
