"""The outbox: what was last told, and the notices that nobody has got yet; both outlive the monitor.

A monitor that posts nothing only shows what has changed. It remembers that apart: else whoever looks by hand would take
the notice of it from one that posts.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rulecap.monitor.changes import Change, changed
from rulecap.monitor.journal import Journal, JournalError

log = logging.getLogger("rulecap.monitor")
MOST_WAITING = 1000
SHOWN = "shown "
SAVE_VALUE = "INSERT OR REPLACE INTO told VALUES (?, ?)"
Found = Mapping[str, tuple[object, str | None]]


class Notice(NamedTuple):
    """Something to be told: its id, by which a receiver drops what it got twice, and the body as JSON."""

    id: str
    body: str


Composed = Callable[[list[Change]], Notice]


class Outbox:
    """Keeps notices in the journal; in memory while that cannot be written.

    Attributes:
        told: what was last told, by name; what was only shown, by its name after `SHOWN`.
    """

    def __init__(self, journal: Journal, telling: bool = True) -> None:
        """Read what was told; `telling` says whether notices go anywhere.

        Raises:
            JournalError: it cannot be read.
        """
        self._journal, self._telling = journal, telling
        self.told: dict[str, Any] = {
            name: json.loads(value) for name, value in journal.run("SELECT name, value FROM told")
        }
        self._unsaved: deque[Notice] = deque(maxlen=MOST_WAITING)
        self._unsaved_values: dict[str, object] = {}

    def tell(self, found: Found, composed: Composed, written: float) -> tuple[list[Change], bool]:
        """Keep what is not as it was last told, and the notice of it, in one.

        What another monitor on the same journal has told meanwhile is not told again.

        Args:
            found: how it is now.
            composed: returns the notice of changes; asked only where notices go anywhere.
            written: the time.

        Returns:
            The changes, and whether they are durable.
        """
        taken = None
        try:
            with self._journal.together():
                self._learn()
                taken = self._taken(found, composed)
                if self._unsaved or self._unsaved_values:
                    self._save(written)
        except JournalError:
            return (self._taken(found, composed) if taken is None else taken), False
        self._saved()
        return taken, True

    def _learn(self) -> None:
        """Read what was told by whoever it was; what could not be put down yet is younger."""
        rows = self._journal.run("SELECT name, value FROM told")
        self.told |= {name: json.loads(value) for name, value in rows if name not in self._unsaved_values}

    def _taken(self, found: Found, composed: Composed) -> list[Change]:
        changes = changed(self._before(found), found)
        if not changes:
            return []
        notice = composed(changes) if self._telling else None
        values = {self._kept_as(change.what): change.after for change in changes}
        self.told |= values
        self._unsaved_values |= values
        if notice is not None:
            if len(self._unsaved) == MOST_WAITING:
                _give_up(1)
            self._unsaved.append(notice)
        return changes

    def _before(self, found: Found) -> dict[str, Any]:
        """Return how it was; what was never shown is as it was told."""
        told = {name: self.told[name] for name in found if name in self.told}
        return told | {name: self.told[self._kept_as(name)] for name in found if self._kept_as(name) in self.told}

    def _kept_as(self, name: str) -> str:
        return name if self._telling else SHOWN + name

    def _save(self, written: float) -> None:
        """Make what is told durable, and all notices that are not yet, in their order."""
        for name, value in self._unsaved_values.items():
            self._journal.run(SAVE_VALUE, (name, json.dumps(value)))
        for notice in self._unsaved:
            statement = "INSERT OR IGNORE INTO notices (id, written, body) VALUES (?, ?, ?)"
            self._journal.run(statement, (notice.id, written, notice.body))
        if self._unsaved:
            self._bound()

    def _saved(self) -> None:
        self._unsaved.clear()
        self._unsaved_values.clear()

    def _bound(self) -> None:
        """Give up the oldest where too many wait."""
        statement = "DELETE FROM notices WHERE number <= (SELECT max(number) FROM notices) - ? RETURNING id"
        given_up = len(self._journal.run(statement, (MOST_WAITING,)))
        if given_up:
            _give_up(given_up)

    def note(self, name: str, value: object) -> None:
        """Keep a value that nobody is told; in memory where the journal fails.

        Raises:
            JournalError: it is kept in memory alone.
        """
        self.told[name] = value
        self._unsaved_values[name] = value
        self._journal.run(SAVE_VALUE, (name, json.dumps(value)))
        del self._unsaved_values[name]

    def oldest(self) -> Notice | None:
        """Return the notice that waits longest; none where none does.

        Raises:
            JournalError: it cannot be read.
        """
        unsaved = next(iter(self._unsaved), None)  # younger than what the journal has
        try:
            rows = self._journal.run("SELECT id, body FROM notices ORDER BY number LIMIT 1")
        except JournalError:
            if unsaved is None:
                raise
            return unsaved
        return Notice(*rows[0]) if rows else unsaved

    def delivered(self, notice: Notice) -> None:
        """Forget a notice that was got.

        Raises:
            JournalError: it stays, and will be told again.
        """
        if self._unsaved and self._unsaved[0] == notice:
            self._unsaved.popleft()
        else:
            self._journal.run("DELETE FROM notices WHERE id = ?", (notice.id,))

    def waiting(self) -> int:
        """Return how many notices wait.

        Raises:
            JournalError: it cannot be read.
        """
        return len(self._unsaved) + int(self._journal.run("SELECT count(*) FROM notices")[0][0])


def _give_up(count: int) -> None:
    text = "more than %s notices wait: the oldest %s are given up, and nobody got them"
    log.error(text, MOST_WAITING, count, extra={"code": "notices-given-up"})
