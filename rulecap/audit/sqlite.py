"""SQLite as the log's database: one file, write-ahead log, every commit synced to the disk."""

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from rulecap.audit.database import UNCHANGED, Row, Statement
from rulecap.audit.errors import LogError
from rulecap.audit.inherited import opened
from rulecap.audit.tables import Batch, differing, insertion
from rulecap.audit.watch import Watch

TURN = 0.005
# A write-ahead log is folded into the file once it has this many pages, 4 KiB each.
CHECKPOINT_PAGES = 4000
UNRECOVERED = (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY, sqlite3.SQLITE_READONLY_CANTINIT)
MOST_FAULTS = 20
CODES = {
    sqlite3.SQLITE_BUSY: ("log-locked", "is locked by another process"),
    sqlite3.SQLITE_LOCKED: ("log-locked", "is locked by another process"),
    sqlite3.SQLITE_FULL: ("log-full", "has no room left on its disk"),
    sqlite3.SQLITE_READONLY: ("log-read-only", "may not be written"),
    sqlite3.SQLITE_PERM: ("log-read-only", "may not be written"),
    sqlite3.SQLITE_CANTOPEN: ("log-gone", "cannot be opened"),
    sqlite3.SQLITE_CORRUPT: ("log-corrupt", "is damaged"),
    sqlite3.SQLITE_NOTADB: ("not-a-log", "is no SQLite database"),
}


class SqliteDatabase:
    """One connection to a log's file, and the watch that it is still that file."""

    words = ("INTEGER", "BLOB", "TEXT")
    preparations: tuple[str, ...] = ()

    def __init__(self, path: Path, *, write: bool, create: bool, patience: float) -> None:
        """Open the file.

        Args:
            path: where it is.
            write: whether it will be written.
            create: whether it may be made where it is not there.
            patience: seconds to wait for another process's writing.

        Raises:
            LogError: it is not there, or cannot be opened.
        """
        self.where = str(path)
        self._path, self._patience, self._touched = path, patience, False
        try:
            _look_at(path, write, create)
            self._connection = connect(path, write, create, 0 if write else patience)
            if write:
                self._prepare()
                self._files = Watch(path)
            else:
                self._read_first(patience)
        except (sqlite3.Error, OSError) as error:
            self.close()
            self._fail(error)

    def _read_first(self, patience: float) -> None:
        """Look into the file; where a killed writer left it to be recovered, that is done, as any next writer would."""
        try:
            self._run("PRAGMA journal_mode")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in UNRECOVERED:
                raise
            self._connection.close()
            with closing(connect(self._path, True, False, patience)) as writer:
                writer.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            self._connection = connect(self._path, False, False, patience)
            self._run("PRAGMA journal_mode")

    def _prepare(self) -> None:
        if self._patiently("PRAGMA journal_mode = WAL") != [("wal",)]:
            raise LogError("log-failed", f"{self.where} cannot keep a write-ahead log: its file system lacks it")
        # FULL syncs at each commit; without it a commit survives a crash of the process but not of the machine.
        self._run("PRAGMA synchronous = FULL")
        self._patiently("SELECT 1 FROM sqlite_master LIMIT 1")  # opens the write-ahead log, which is then watched
        self._run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")

    def holds_log(self) -> bool:
        """Return whether the file holds a log; refuse one that holds something else."""
        names = {name for (name,) in self.run("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and "log" not in names:
            raise LogError("not-a-log", f"{self.where} holds other tables: {', '.join(sorted(names)[:5])}")
        return bool(names)

    def begin(self) -> bool:
        """Start writing, as the only writer; return whether the file was written to meanwhile, by whomever.

        Another process's connection does so when it folds the write-ahead log in; so does whoever copies over the file.
        """
        touched, self._touched = self._watch() or self._touched, False
        if touched:
            self.run("PRAGMA shrink_memory")  # the pages that are held in memory are no longer what is in the file
        if self._files.cut:
            self.run("PRAGMA wal_checkpoint(PASSIVE)")  # fails where a page that was written ahead is not there
            self._files.cut = False
        self.run("BEGIN IMMEDIATE")
        return touched

    def begin_reading(self, statement: str) -> tuple[bool, list[Row]]:
        """Start writing; return the rows of a statement too."""
        return self.begin(), self.run(statement)

    def append(self, swap: Statement, batch: Batch) -> bool:
        """Write rows in a transaction of their own, where the file is as it was left and the swap finds its row."""
        self._touched = self._touched or self._watch()
        if self._touched:
            return False
        self.run("BEGIN IMMEDIATE")
        if not self._swapped(swap):
            self.rollback()
            return False
        self.insert(batch)
        self.commit()
        return True

    def probe(self) -> None:
        """Fail where another file, or none, is at the log's address; that a disk is full shows in a writing alone."""
        self._touched = self._watch() or self._touched
        if hasattr(os, "statvfs") and os.statvfs(self._path).f_flag & os.ST_RDONLY:  # as an error of the disk leaves it
            raise LogError("log-read-only", f"{self.where} lies on a file system that may not be written")

    def look(self) -> None:
        """Start reading what is there at this moment."""
        self.run("BEGIN")
        self.run("SELECT 1 FROM sqlite_master LIMIT 1")

    def commit(self) -> None:
        """Make what was written durable, in the file that is at the log's address."""
        self.run("COMMIT")
        self._watch()

    def rollback(self) -> None:
        """Undo what was written, or end the reading."""
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        try:
            return self._patiently(statement, values)
        except (sqlite3.Error, OverflowError) as error:
            self._fail(error)

    def swap(self, swap: Statement) -> None:
        """Change a row; refuse where there is none to change."""
        if not self._swapped(swap):
            raise LogError("log-corrupt", f"{self.where}: {UNCHANGED}")

    def _swapped(self, swap: Statement) -> bool:
        try:
            return self._connection.execute(*swap).rowcount == 1
        except sqlite3.Error as error:
            self._fail(error)

    def insert(self, batch: Batch) -> None:
        """Write rows."""
        try:
            for into, rows in batch.items():
                if len(rows) == 1:
                    self._connection.execute(insertion(into), rows[0])
                else:
                    self._connection.executemany(insertion(into), rows)
        except sqlite3.Error as error:
            self._fail(error)

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Yield a statement's rows."""
        try:
            yield from self._connection.execute(statement, values)
        except (sqlite3.Error, OverflowError) as error:
            self._fail(error)

    def faults(self) -> list[str]:
        """Return what is wrong with the tables: definitions that are others, and what SQLite's own check finds."""
        found = self.run("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        damage = [str(said) for (said,) in self.run(f"PRAGMA integrity_check({MOST_FAULTS})") if said != "ok"]
        return [*differing(found, self.words), *(f"SQLite finds damage: {said}" for said in damage)]

    def cautions(self) -> list[str]:
        """Return nothing: a file is the log itself."""
        return []

    def close(self) -> None:
        """Close the file."""
        files: Watch | None = getattr(self, "_files", None)
        if files is not None:
            files.close()
        connection: sqlite3.Connection | None = getattr(self, "_connection", None)
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:  # what could not be written was reported when it was asked for
                return

    def _run(self, statement: str) -> list[Row]:
        return self._connection.execute(statement).fetchall()

    def _patiently(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run a statement, again and again while another process is in its way, for as long as patience lasts.

        SQLite by itself would look for its turn ever more seldom, so that one of several busy writers may never get it,
        and does not wait at all for one who turns to a write-ahead log.
        """
        deadline = 0.0
        while True:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                deadline = deadline or time.monotonic() + self._patience
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(random.uniform(0, TURN))

    def _watch(self) -> bool:
        """Return whether the file was written to since it was last looked at; refuse one that is another."""
        try:
            return self._files.look()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, OSError):
            code = "log-read-only" if isinstance(error, PermissionError) else "log-gone"
            raise LogError(code, f"{error.filename or self.where} cannot be reached: {error.strerror}") from error
        whole = getattr(error, "sqlite_errorcode", None) or 0
        code, words = CODES.get(whole & 0xFF, ("log-failed", "cannot be used"))
        if code == "log-gone" and self._path.exists() and not os.access(self._path.parent, os.W_OK):
            code, words = "log-read-only", "lies in a folder that may not be written"
        raise LogError(code, f"{self.where} {words} ({error})") from error


def _look_at(path: Path, write: bool, create: bool) -> None:
    there = path.exists()
    if path.is_dir():
        raise LogError("not-a-log", f"{path} is a folder: name a file in it")
    if create and not path.parent.is_dir():
        raise LogError("log-gone", f"{path} cannot be made: there is no folder {path.parent}")
    if not there and not create:
        raise LogError("no-log", f"there is no log at {path}")
    if not there and not os.access(path.parent, os.W_OK):
        raise LogError("log-read-only", f"{path} cannot be made: the folder {path.parent} may not be written")
    if there and not os.access(path, os.R_OK):
        raise LogError("log-read-only", f"{path} may not be read")
    if there and write and not os.access(path, os.W_OK):
        # SQLite would open it for reading, and make a write-ahead log that nobody may write ever after.
        raise LogError("log-read-only", f"{path} may not be written")


def connect(path: Path, write: bool, create: bool, patience: float) -> sqlite3.Connection:
    """Return a connection.

    A reader that may not write the file leaves nothing beside it: what SQLite would make there for its reading would
    belong to the reader, and the log's writer could not write it. Such a file is read as it stands.

    Raises:
        LogError: it cannot be read as it stands, because the write-ahead log of a writer that died is to be taken in;
            or this process was forked from one that has it open.
    """
    mode = "rwc" if create else "rw" if write else "ro"
    if not write and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        if not Path(f"{path}-wal").exists():
            mode = "ro&immutable=1"
        elif not Path(f"{path}-shm").exists():
            raise LogError("log-read-only", f"{path}-wal is to be taken in, by somebody who may write {path}")
    connection = opened(path, f"{path.absolute().as_uri()}?mode={mode}", patience)
    # Text that is no UTF-8 was not written by rulecap; it is to be read, and found, rather than to fail.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    return connection
