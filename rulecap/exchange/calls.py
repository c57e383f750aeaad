"""Asking a venue: again where that may help, for a bounded time, and several things at once."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from rulecap.exchange.errors import VenueError, translated
from rulecap.exchange.settings import Retries

T = TypeVar("T")


async def ask(what: str, call: Callable[[], Awaitable[T]], retries: Retries, redacted: Callable[[str], str]) -> T:
    """Return the answer; what may pass is asked again, with delays that double, each drawn from a half to a whole.

    Only for what changes nothing at the venue, however often it is asked.

    Args:
        what: what is asked, for messages.
        call: asks once, and reads the answer.
        retries: how often, how long.
        redacted: takes secrets out of a text.

    Raises:
        VenueError: the last one, where trying on does not help or is over. It has no cause: what lies behind it may
            hold a request with its signature.
    """
    began, tries = time.monotonic(), 0
    while True:
        answer, failure = await attempt(what, call, redacted)
        if failure is None:
            return answer  # type: ignore[return-value]  # without a failure there is an answer
        tries += 1
        delay = _delay(retries, tries, failure)
        late = time.monotonic() - began + delay > retries.longest_seconds
        if not failure.retriable or tries >= retries.attempts or late:
            raise failure
        await asyncio.sleep(delay)


async def attempt(
    what: str, call: Callable[[], Awaitable[T]], redacted: Callable[[str], str]
) -> tuple[T | None, VenueError | None]:
    """Ask once; return the answer, or what went wrong."""
    try:
        return await call(), None
    except Exception as error:  # noqa: BLE001 - ccxt's parsers raise anything on an answer that they did not expect
        return None, translated(what, error, redacted)


def _delay(retries: Retries, tries: int, failure: VenueError) -> float:
    """Return how long to wait before the next try, at least what the venue asks for."""
    doubled = retries.first_delay_seconds * 2.0 ** (tries - 1)
    drawn = doubled * (0.5 + random.random() / 2.0)
    return max(drawn, failure.retry_after or 0.0)


async def together(*asked: Awaitable[Any]) -> list[Any]:
    """Return all answers; the first failure ends the others, so that none goes on alone."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
