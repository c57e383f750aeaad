"""A net for what must not hang: nothing is timed, but what never comes back is ended and fails."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LONGEST = 120  # seconds; whatever is bounded takes a small part of it on any machine


class Hanging(BaseException):
    """Raised by the clock; nothing that is tested catches it."""


@contextmanager
def patience(seconds: int = LONGEST) -> Iterator[None]:
    """End what does not come back."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hanging

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
