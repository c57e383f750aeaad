"""Delivery: the outbox is emptied into the webhook, oldest first, beside the passes and never in their way."""

import logging
import math

from rulecap.monitor.clock import Clock
from rulecap.monitor.journal import JournalError
from rulecap.monitor.outbox import Notice, Outbox
from rulecap.monitor.webhook import Undelivered, Webhook
from rulecap.service.failing import place_of

log = logging.getLogger("rulecap.monitor")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, LOOK_SECONDS = 1.0, 300.0, 1.0
# Nothing begins to be delivered later than this after a single pass: the next one waits for its end.
ONCE_SECONDS = 10.0


class Delivery:
    """Tells each notice until it is got; the same one may be got twice, and its id says so.

    Attributes:
        failures: how many attempts failed.
    """

    def __init__(self, outbox: Outbox, webhook: Webhook, clock: Clock) -> None:
        """Take the outbox and where it is emptied to."""
        self._outbox, self._webhook, self._clock = outbox, webhook, clock
        self.failures, self._in_a_row = 0, 0

    async def run(self) -> None:
        """Deliver until told to stop, whatever becomes of one attempt."""
        while await self._clock.wait(self.pause()):
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001  # the next attempt may go well
                self._in_a_row += 1
                log.error("%s", place_of(error), extra={"code": "internal"})

    def pause(self) -> float:
        """Return how long to wait before the next attempt."""
        if not self._in_a_row:
            return LOOK_SECONDS
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._in_a_row - 1, 16))

    async def flush(self, seconds: float = math.inf) -> bool:
        """Deliver what waits, until one is not got, a stop, or the end of the time; return whether nothing waits."""
        until = self._clock.moment() + seconds
        try:
            while (notice := self._outbox.oldest()) is not None:
                over = self._clock.stop.is_set() or self._clock.moment() >= until
                if over or not await self._deliver(notice):
                    return False
        except JournalError as error:
            self._in_a_row += 1
            log.error("the notices cannot be read or forgotten: %s", error, extra={"code": "journal"})
            return False
        return True

    async def _deliver(self, notice: Notice) -> bool:
        try:
            await self._webhook.post(notice)
        except Undelivered as error:
            self.failures += 1
            self._in_a_row += 1
            text = "a notice was not delivered to %s: %s"
            log.error(text, self._webhook.host, error, extra={"code": "undelivered", "event": notice.id})
            return False
        # What the journal does not forget is told again: as seldom as to a receiver that fails.
        self._outbox.delivered(notice)
        self._in_a_row = 0
        return True
