"""The machine's clock: a service says when something was read; no decision sees this."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # see above
