"""The log followed for those who listen: what others record there is told too, each record once, in the log's order.

What this service records itself is told at once where it is the log's next record; everything else at the next look.
"""

from collections.abc import AsyncIterator, Callable

from rulecap.service.events import RETRY, Event, Events, MayListen, anybody, recorded
from rulecap.service.problems import Refused
from rulecap.service.reading import Reader

MOST_AT_ONCE = 200  # fewer than may wait for a listener
LONGEST_WAIT = 1.0  # seconds that those who listen wait for one who reads slowly
Accounts = tuple[str, ...] | None


class Follower:
    """Tells listeners what goes on record about an account."""

    def __init__(self, reader: Reader, events: Events, accounts: Callable[[], Accounts]) -> None:
        """Follow the log that a reader reads.

        Args:
            reader: reads the log.
            events: whom to tell.
            accounts: whose decisions are told: all where it gives none at all; None: that is not known yet.
        """
        self._reader, self._events, self._accounts = reader, events, accounts
        self._told: int | None = None  # the last record that was looked at; none while nobody listens

    async def listen(self, last: str | None = None, may: MayListen = anybody) -> AsyncIterator[bytes]:
        """Yield a stream: what was recorded after the event `last`, then what is recorded from now on.

        It ends where the log cannot be read, or the account is not known yet; who listens comes back. It ends for good
        where the listener may not be told any more.
        """
        stream = self._events.listen(lambda: self._begun(last), may)
        try:
            async for text in stream:
                yield text
        except Refused:
            yield RETRY
        finally:
            await stream.aclose()

    async def _begun(self, last: str | None) -> list[Event]:
        """Begin to follow where nobody did before; return what was missed."""
        accounts = self._accounts()
        if accounts is None:
            raise Refused(503, "no-snapshot", "the account was not read yet")
        if self._told is None:
            head = await self._reader.head()
            self._told = head if self._told is None else self._told
        return await self._reader.missed(last, accounts, recorded) if last else []

    def own(self, event: Event) -> None:
        """Tell what this service has recorded, where nothing that is before it in the log is still to be told."""
        if self._told is not None and event.number == self._told + 1:
            self._told = event.number
            self._events.publish(event)

    async def look(self) -> None:
        """Tell what was recorded since; nothing is read while nobody listens."""
        if not self._events.listened_to:
            self._told = None
        accounts = self._accounts()
        while self._told is not None and accounts is not None and self._events.listened_to:
            began = self._told
            try:
                found, through = await self._reader.after(began, MOST_AT_ONCE, accounts, recorded)
            except Refused:  # /ready and the metrics say it; the next look goes on from the same record
                return
            for event in found:
                if event.number > self._told:  # else it was this service's, told meanwhile
                    self._told = event.number
                    self._events.publish(event)
            self._told = max(self._told, through)
            if through < began + MOST_AT_ONCE:
                return
            # The next part may be read sooner than this one is taken.
            await self._events.room(MOST_AT_ONCE, LONGEST_WAIT)
