"""The journal: a SQLite file beside the log, in which the monitor keeps what must outlive it.

Orders stand in it before they are sent, and notices before they are told.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rulecap.audit.errors import LogError
from rulecap.audit.inherited import identity, opened

PATIENCE = 2.0
# A journal of format 1 does not say which venue it belongs to.
FORMAT, READABLE = 2, (1, 2)
# At one moment, as another process may just begin it.
BEGUN = "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
TABLES = """
CREATE TABLE IF NOT EXISTS orders (
  client_order_id TEXT PRIMARY KEY, record TEXT NOT NULL, decision TEXT NOT NULL, decided_at TEXT NOT NULL,
  action TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL, quantity REAL NOT NULL, why TEXT NOT NULL,
  state TEXT NOT NULL, written REAL NOT NULL, changed REAL NOT NULL, sent_quantity REAL, filled REAL,
  average_price REAL, code TEXT NOT NULL, message TEXT NOT NULL, evidence BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_end ON orders (state, changed);
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (written);
CREATE INDEX IF NOT EXISTS orders_by_position ON orders (symbol, side, written);
CREATE UNIQUE INDEX IF NOT EXISTS one_order_at_a_time ON orders (symbol, side)
  WHERE state IN ('INTENDED', 'UNCERTAIN', 'OPEN');
CREATE TABLE IF NOT EXISTS dated (
  client_order_id TEXT NOT NULL, written REAL NOT NULL, PRIMARY KEY (client_order_id, written)
) STRICT;
CREATE TABLE IF NOT EXISTS owner (one INTEGER PRIMARY KEY CHECK (one = 1), account TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), venue TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, written REAL NOT NULL, body TEXT NOT NULL
) STRICT;
"""


class JournalError(Exception):
    """The journal cannot be read or written; the text says why."""


class Journal:
    """An open journal; each writing is durable when it returns."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, or begin it.

        Args:
            path: the file.
            reading: whether it is only read, and stays as it is: also where its disk is full, or an older rulecap's.

        Raises:
            JournalError: that cannot be done, or it is another kind of file.
        """
        self.path = path
        with _said(path):
            if not reading:
                # Orders and positions are nobody else's to read; the files that SQLite puts beside it are made like it.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            address = f"{path.absolute().as_uri()}?mode={'ro' if reading else 'rw'}"
            self._connection = opened(path, address, PATIENCE, one_thread=True)
        try:
            self._look(reading)
            if not reading:
                self._begin()
        except BaseException:
            self._connection.close()
            raise

    def _look(self, reading: bool) -> None:
        """See that it is a journal, or one that may be begun.

        Raises:
            JournalError: it is none.
        """
        with _said(self.path):
            written, tables = self._connection.execute(BEGUN).fetchone()
        if written not in (0, *READABLE):
            raise JournalError(f"the journal {self.path} is of format {written}; this rulecap reads {FORMAT}")
        if written == 0 and (tables or reading):
            raise JournalError(f"{self.path} is no journal, but another kind of file")

    def _begin(self) -> None:
        with _said(self.path):
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")

    def claim(self, account: str, venue: str) -> None:
        """Keep the journal for one account at one venue, where its orders are asked about.

        Args:
            account: the account's name.
            venue: where it is, a test environment told apart. An account that is called so was named after it.

        Raises:
            JournalError: it is another account's, or another venue's, or nothing tells whose.
        """
        with self.together():
            begun = not self.run("SELECT 1 FROM owner")
            if begun:
                self.run("INSERT INTO owner VALUES (1, ?)", (account,))
            ((owner,),) = self.run("SELECT account FROM owner")
            if owner == account and (begun or account == venue):
                self.run("INSERT INTO place VALUES (1, ?) ON CONFLICT DO NOTHING", (venue,))
            place = [name for (name,) in self.run("SELECT venue FROM place")]
        if owner != account:
            raise JournalError(f"the journal {self.path} is of the account {owner}: each account has its own")
        if not place:
            raise JournalError(
                f"the journal {self.path} of the account {account} does not say at which venue that is, or whether in a"
                " test environment: it was begun by an older rulecap. See that none of its orders is open there"
                " (--orders lists them), and move the file away"
            )
        if place != [venue]:
            raise JournalError(
                f"the journal {self.path} is of the account {account} at {place[0]}, not at {venue}: each has its own"
            )

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; what it writes is durable.

        Raises:
            JournalError: it cannot be run, the file is not at its place any more, or another process opened it.
        """
        with _said(self.path):
            if self._connection.inherited:
                raise JournalError(f"the journal {self.path} was opened in another process: open it after forking")
            if identity(self.path) != self._connection.file:
                raise JournalError(f"the journal {self.path} is not at its place any more: bring it back, and restart")
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all that is written within durable at once, or nothing of it.

        Raises:
            JournalError: as `run`.
        """
        try:  # also the beginning: what is written in a transaction that nobody ends is gone with the process
            self.run("BEGIN IMMEDIATE")
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def close(self) -> None:
        """Let go of the file; a forked process leaves it to its parent."""
        if not self._connection.inherited:
            self._connection.close()


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, LogError) as error:
        why = error.reason if isinstance(error, LogError) else error
        raise JournalError(f"the journal {path} cannot be used: {why}") from error
