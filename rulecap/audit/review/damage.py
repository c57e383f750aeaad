"""What cannot be read of a log, said of the record that it is in."""

from collections.abc import Iterator
from contextlib import contextmanager

from rulecap.audit.errors import LogError
from rulecap.audit.record import DamagedRecord

LOOK = "look with `rulecap audit verify`"
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What comes of reading a record that is none."""


@contextmanager
def named(seq: int) -> Iterator[None]:
    """Say which record it is that cannot be read.

    Raises:
        LogError: it cannot.
    """
    try:
        yield
    except DamagedRecord as error:
        raise LogError("log-corrupt", f"{error}; {LOOK}") from error
    except UNREADABLE as error:
        raise LogError("log-corrupt", f"record {seq} is damaged ({type(error).__name__}); {LOOK}") from error
