"""Server-sent events: what is decided, told to whoever listens, without waiting for anyone who reads slowly."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from rulecap.audit.record import Record
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.language.values import iso
from rulecap.service.contract import STATE

MOST_WAITING = 256
LOOK_SECONDS = 0.002
KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": still here\n\n"
RETRY = b"retry: 2000\n\n"


class Event(NamedTuple):
    """Something that happened; `id` is the record's, by which a listener goes on after a break."""

    kind: str
    id: str
    content: dict[str, Any]

    @property
    def number(self) -> int:
        """The record's number in the log."""
        return int(self.id.rpartition("-")[2])

    def written(self) -> bytes:
        """Return the event as the stream has it."""
        return b"event: %s\nid: %s\ndata: %s\n\n" % (self.kind.encode(), self.id.encode(), to_json(self.content))


def decided(policy: Policy, decision: Decision, verdict: str | None) -> Event:
    """Return a decision on record as an event."""
    as_of = iso(decision.snapshot.as_of) if decision.snapshot else None
    return _event(decision.decision, verdict, str(decision.record_id), decision.outputs, (as_of, policy.digest))


def recorded(record: Record) -> Event:
    """Return the same event of a record that is read from the log."""
    told = record.fields
    as_of = told["snapshot"]["as_of"] if isinstance(told["snapshot"], dict) else None
    of = (as_of, told["policy"]["digest"])
    return _event(told["decision"], told["verdict"], told["id"], told["outputs"], of)


def _event(
    decision: str, verdict: str | None, record: str, outputs: dict[str, Any], of: tuple[str | None, str]
) -> Event:
    kind = "state" if decision == STATE else "decision"
    about = {"decision": decision, "verdict": verdict, "decision_id": record}
    return Event(kind, record, {**about, "as_of": of[0], "policy_digest": of[1], "outputs": outputs})


Missed = Callable[[], Awaitable[Sequence[Event]]]
MayListen = Callable[[], bool]


def anybody() -> bool:
    """Return that who listens may go on."""
    return True


class Events:
    """Hands events to all listeners; one that lags behind is let go, and finds what it missed in the log."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._listeners: dict[asyncio.Queue[Event | None], MayListen] = {}
        self._closed = False

    @property
    def listened_to(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def publish(self, event: Event) -> None:
        """Tell an event to all who listen."""
        for queue in list(self._listeners):
            if queue.qsize() < MOST_WAITING:
                queue.put_nowait(event)
            else:
                self._let_go(queue)

    async def room(self, count: int, seconds: float) -> None:
        """Wait until so many events find room with everybody who listens, for some seconds at the longest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while any(queue.qsize() + count > MOST_WAITING for queue in self._listeners) and loop.time() < until:
            await asyncio.sleep(LOOK_SECONDS)

    def _let_go(self, queue: "asyncio.Queue[Event | None]") -> None:
        """End a stream once what waits is told; there is always room for the end."""
        self._listeners.pop(queue, None)
        queue.put_nowait(None)

    def ask_who_may(self) -> None:
        """End the streams of those who may not listen any more."""
        for queue, may in list(self._listeners.items()):
            if not may():
                self._let_go(queue)

    async def listen(self, missed: Missed | None = None, may: MayListen = anybody) -> AsyncGenerator[bytes, None]:
        """Yield what the stream says until it ends: first what was missed, then what happens, each event once.

        Args:
            missed: gives what was missed; asked once what happens is kept for this stream.
            may: returns whether the listener may be told anything; asked before each event.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING + 1)
        if self._closed:
            return
        self._listeners[queue] = may
        last = -1
        try:
            before = await missed() if missed is not None else ()
            yield RETRY
            for event in before:
                if not may():
                    return
                yield event.written()
                last = event.number
            while True:
                try:
                    event_or_end = await _next_of(queue)
                except TimeoutError:
                    yield KEEP_ALIVE
                    continue
                if event_or_end is None or not may():
                    return
                if event_or_end.number > last:  # else it happened while what was missed was read
                    yield event_or_end.written()
        finally:
            self._listeners.pop(queue, None)

    def close(self) -> None:
        """End every stream, and begin no other."""
        self._closed = True
        for queue in list(self._listeners):
            self._let_go(queue)


async def _next_of(queue: "asyncio.Queue[Event | None]") -> Event | None:
    """Return what happens next; none at the end.

    Raises:
        TimeoutError: nothing happens for a while.
    """
    if queue.empty():
        return await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
    return queue.get_nowait()  # at once: waiting for it takes turns, in which more comes than may wait
