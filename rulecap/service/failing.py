"""What goes wrong though nobody foresaw it: told by type and place, and no reason to stop."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

log = logging.getLogger("rulecap.service")
MOST_FRAMES = 8


def place_of(error: Exception) -> str:
    """Return an error's type and where it was raised, without its text: that may hold figures of the account."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    return " < ".join([type(error).__name__, *(f"{one.name} {one.filename}:{one.lineno}" for one in reversed(frames))])


async def steadily(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do some work again and again, until cancelled, whatever becomes of one round of it.

    Args:
        work: one round.
        seconds: the pause between two rounds.
    """
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the next round may go well; who relies on it sees it in /ready
            log.error("%s", place_of(error), extra={"code": "internal"})
        await asyncio.sleep(seconds)
