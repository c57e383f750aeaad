"""The machine's clock: it says when a record was written and an account read; no decision sees it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # see above
