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
        self._enough: threading.Lock | None = None
        self._queue: list[Turn[Item]] = []
        self._leader: Turn[Item] | None = None
        self._taken: list[Turn[Item]] = []
        self._gates: list[Turn[Item]] = []
        self._expected, self._pause = 1, 0.0

    def ask(self, item: Item) -> bool:
        """Have something done; return whether it was, in time.

        What is not is taken back, unless it is being done at the moment. A thread that is interrupted takes its own
        back too, and lets the next lead.
        """
        turn = Turn(item)
        try:
            self._take_part(turn)
            self._settle(turn)
        except BaseException:  # also where settling is what was interrupted
            self._settle(turn)
            raise
        return turn.state is State.DONE

    def _take_part(self, turn: Turn[Item]) -> None:
        with self._mutex:
            self._queue.append(turn)
            if self._leader is None:
                self._leader, turn.state = turn, State.LEADS
            elif self._enough is not None and len(self._queue) >= self._expected:
                enough, self._enough = self._enough, None
                enough.release()
        if turn.state is not State.LEADS:
            turn.gate.acquire(timeout=self._patience)
        if turn.state is State.LEADS:
            self._lead()

    def _lead(self) -> None:
        """Do all that waits, the leader's own first."""
        self._await_crowd()
        with self._mutex:
            # In one statement: a turn in both lists would be said to be done, and then lead with nobody to lead for it.
            self._taken, self._queue = self._queue[:MOST_AT_ONCE], self._queue[MOST_AT_ONCE:]
            for turn in self._taken:
                turn.state = State.TAKEN
        start = time.monotonic()
        self._work([turn.item for turn in self._taken])
        self._pause = min((time.monotonic() - start) / 2, LONGEST_PAUSE)

    def _await_crowd(self) -> None:
        """Give those who asked the last time a moment to come back.

        By a lock, as turns do: an interruption inside a Condition may leave its mutex released that it should hold.
        """
        enough = threading.Lock()
        enough.acquire()
        with self._mutex:
            if len(self._queue) >= self._expected:
                return
            self._enough = enough
        enough.acquire(timeout=self._pause)

    def _settle(self, own: Turn[Item]) -> None:
        """Leave nothing of a turn behind: take back what nobody has begun, and hand the lead over.

        Done again after an interruption, it goes on where it was.
        """
        if own.state is State.DONE and self._leader is not own and not self._gates:
            return
        with self._mutex:
            if own in self._queue:
                self._queue.remove(own)
            if self._leader is own:
                self._hand_over()
            while self._gates:
                if self._gates[-1].gate.locked():
                    self._gates[-1].gate.release()
                self._gates.pop()

    def _hand_over(self) -> None:
        """Say what is done and who leads now, and only then which gates are to be opened: anybody may open them."""
        if self._taken:
            self._expected = len(self._taken) + len(self._queue)
        for turn in self._taken:
            turn.state = State.DONE
        following = self._queue[0] if self._queue else None
        if following is not None:
            following.state = State.LEADS
        gates = [*self._gates, *self._taken, *self._queue[:1]]
        self._gates, self._taken, self._leader = gates, [], following
