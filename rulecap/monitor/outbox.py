"""The outbox: what was last told, and the notices that nobody has got yet; both outlive the monitor."""

import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from rulecap.monitor.changes import Change
from rulecap.monitor.journal import Journal, JournalError

log = logging.getLogger("rulecap.monitor")
MOST_WAITING = 1000


class Notice(NamedTuple):
    """Something to be told: its id, by which a receiver drops what it got twice, and the body as JSON."""

    id: str
    body: str


class Outbox:
    """Keeps notices in the journal; in memory while that cannot be written.

    Attributes:
        told: what was last told, by name.
    """

    def __init__(self, journal: Journal) -> None:
        """Read what was told.

        Raises:
            JournalError: it cannot be read.
        """
        self._journal = journal
        self.told: dict[str, Any] = {
            name: json.loads(value) for name, value in journal.run("SELECT name, value FROM told")
        }
        self._unsaved: deque[Notice] = deque(maxlen=MOST_WAITING)

    def put(self, notice: Notice | None, changes: Sequence[Change], written: float) -> bool:
        """Keep a notice, and what is told by it, in one; return whether that is durable."""
        values = {change.what: change.after for change in changes}
        self.told |= values
        if notice is not None:
            if len(self._unsaved) == MOST_WAITING:
                _give_up(1)
            self._unsaved.append(notice)
        try:
            self._save(values, written)
        except JournalError:
            return False
        self._unsaved.clear()
        return True

    def _save(self, values: Mapping[str, object], written: float) -> None:
        """Make what is told durable, and all notices that are not yet, in their order."""
        with self._journal.together():
            for name, value in values.items():
                self._journal.run("INSERT OR REPLACE INTO told VALUES (?, ?)", (name, json.dumps(value)))
            for notice in self._unsaved:
                statement = "INSERT OR IGNORE INTO notices (id, written, body) VALUES (?, ?, ?)"
                self._journal.run(statement, (notice.id, written, notice.body))
            if self._unsaved:
                self._bound()

    def _bound(self) -> None:
        """Give up the oldest where too many wait."""
        statement = "DELETE FROM notices WHERE number <= (SELECT max(number) FROM notices) - ? RETURNING id"
        given_up = len(self._journal.run(statement, (MOST_WAITING,)))
        if given_up:
            _give_up(given_up)

    def note(self, name: str, value: object) -> None:
        """Keep a value that nobody is told; in memory where the journal fails, which the next notice says."""
        self.told[name] = value
        with suppress(JournalError):
            self._journal.run("INSERT OR REPLACE INTO told VALUES (?, ?)", (name, json.dumps(value)))

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
