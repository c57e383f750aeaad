"""Group commit: what many threads ask for at the same time is done together, by one of them.

Whoever asks while nobody leads becomes the leader and does all that waits in one go; who asks meanwhile waits for the
next. A leader that follows a crowd gives it a moment to come back, because a commit that waits for a disk costs more
than that moment; one thread alone never waits.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

Item = TypeVar("Item")
MOST_AT_ONCE = 256
LONGEST_PAUSE = 0.005


class State(Enum):
    """What has become of something that was asked for."""

    QUEUED, LEADS, TAKEN, DONE = range(4)


class Turn(Generic[Item]):
    """Something that a thread asked for; the gate opens when it is done, or when the thread is to lead."""

    __slots__ = ("gate", "item", "state")

    def __init__(self, item: Item) -> None:
        """Start with the gate closed."""
        self.item, self.state, self.gate = item, State.QUEUED, threading.Lock()
        self.gate.acquire()


class Group(Generic[Item]):
    """Has the work of many threads done by one at a time."""

    def __init__(self, work: Callable[[list[Item]], None], patience: float) -> None:
        """Take what does the work, and how many seconds a thread waits for another's."""
        self._work, self._patience = work, patience
        self._mutex = threading.Lock()
        self._crowd = threading.Condition(self._mutex)
        self._queue: list[Turn[Item]] = []
        self._led = False
        self._expected, self._pause = 1, 0.0

    def ask(self, item: Item) -> bool:
        """Have something done; return whether it was, in time.

        What is not is taken back, unless it is being done at the moment.
        """
        turn = Turn(item)
        with self._mutex:
            self._queue.append(turn)
            leads = not self._led
            if leads:
                self._led, turn.state = True, State.LEADS
            elif len(self._queue) >= self._expected:
                self._crowd.notify()
        if not leads and not turn.gate.acquire(timeout=self._patience):
            self._give_up(turn)
        if turn.state is State.LEADS:
            self._lead(turn)
        return turn.state is State.DONE

    def _give_up(self, turn: Turn[Item]) -> None:
        """Take back what nobody has begun."""
        with self._mutex:
            if turn.state is State.QUEUED:
                self._queue.remove(turn)

    def _lead(self, own: Turn[Item]) -> None:
        """Do all that waits, the leader's own first, then let the next lead."""
        with self._mutex:
            if len(self._queue) < self._expected:
                self._crowd.wait_for(lambda: len(self._queue) >= self._expected, self._pause)
            batch = self._queue[:MOST_AT_ONCE]
            del self._queue[:MOST_AT_ONCE]
            for turn in batch:
                turn.state = State.TAKEN
        start = time.monotonic()
        try:
            self._work([turn.item for turn in batch])
        finally:
            self._hand_over(own, batch, time.monotonic() - start)

    def _hand_over(self, own: Turn[Item], batch: list[Turn[Item]], taken: float) -> None:
        with self._mutex:
            self._expected = len(batch) + len(self._queue)
            self._pause = min(taken / 2, LONGEST_PAUSE)
            for turn in batch:
                turn.state = State.DONE
            following = self._queue[:1]
            self._led = bool(following)
            for turn in following:
                turn.state = State.LEADS
        for turn in (*batch, *following):
            if turn is not own:
                turn.gate.release()
