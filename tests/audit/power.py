"""A disk that loses power: what SQLite writes is noted, and what was not synced is dropped, mixed up or torn.

The files are real ones, through a file system of apsw's. Each write, truncation, sync and deletion is an event. After a
loss at an event, what the last sync of each file made durable is there, and of what came after it any part, by sectors.
A file's making and deletion are durable once the folder is synced, as SQLite does with the first sync of a journal.

An operation may also be made to fail, once or from then on. What a failed sync should have made durable is lost for
good unless it is written again: the system has forgotten that it was never written.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import apsw

from rulecap.audit import sqlite

SECTOR = 512
FULL = apsw.SQLITE_FULL
# What each kind of operation says when the disk fails.
FAILURES = {
    "create": apsw.SQLITE_CANTOPEN,
    "write": apsw.SQLITE_IOERR_WRITE,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


@dataclass(frozen=True)
class Event:
    """Something that SQLite did to a file."""

    kind: str  # create, write, truncate, sync or delete
    file: str
    offset: int = 0
    content: bytes = b""
    forgotten: bool = False


def nothing_fails(kind: str) -> int | None:
    """Let every operation succeed."""
    return None


@dataclass
class Disk:
    """Everything that was done, in order; `fails` gives the SQLite code that an operation of a kind fails with."""

    events: list[Event] = field(default_factory=list)
    fails: Callable[[str], int | None] = nothing_fails
    says_so: bool = True  # a disk that lies about its syncs is the control

    def meet(self, kind: str) -> None:
        """Fail where the operation is to fail."""
        code = self.fails(kind)
        if code is not None:
            failure = apsw.FullError("failed on purpose") if code == FULL else apsw.IOError("failed on purpose")
            failure.extendedresult = code
            raise failure

    def forget(self, file: str) -> None:
        """Take what was written to a file since its last sync for written though it was not."""
        for place in range(len(self.events) - 1, -1, -1):
            event = self.events[place]
            if event.file == file:
                if event.kind in ("sync", "delete", "create"):
                    return
                self.events[place] = replace(event, forgotten=True)

    def after_loss(self, at: int, chance: Random | None) -> dict[str, bytes]:
        """Return the files after a loss of power when `at` events had happened.

        Args:
            at: how many events had happened.
            chance: what decides which unsynced sectors got through; none: nothing that was not synced did.
        """
        done = list(enumerate(self.events[:at]))
        named = _folder_synced([event for _, event in done])
        files = {}
        for name in dict.fromkeys(event.file for _, event in done):
            own = [(place, event) for place, event in done if event.file == name]
            synced = max((place for place, event in own if event.kind == "sync"), default=-1)
            content: bytes | None = None
            for place, event in own:
                if place <= (named if event.kind in NAMING else synced) and not event.forgotten:
                    content = _step(content, event)
                elif chance is not None:
                    content = _torn(content, event, chance)
            if content is not None:
                files[name] = content
        return files


NAMING = ("create", "delete")


def _folder_synced(done: list[Event]) -> int:
    """Return the place of the last event that synced the folder: the first sync of a new journal or write-ahead log."""
    last, new = -1, set()
    for place, event in enumerate(done):
        if event.kind == "create" and event.file.endswith(("-wal", "-journal")):
            new.add(event.file)
        elif event.kind == "sync" and event.file in new:
            new.remove(event.file)
            last = place
    return last


def _step(content: bytes | None, event: Event) -> bytes | None:
    if event.kind == "delete":
        return None
    held = content or b""
    if event.kind != "create" and content is None:
        return None  # its name did not get through
    if event.kind == "write":
        held = held.ljust(event.offset, b"\0")
        return held[: event.offset] + event.content + held[event.offset + len(event.content) :]
    if event.kind == "truncate":
        return held[: event.offset].ljust(event.offset, b"\0")
    return held


def _torn(content: bytes | None, event: Event, chance: Random) -> bytes | None:
    """Return a file after an event that was not synced: it happened, did not happen, or in part."""
    luck = chance.random()
    if luck < 0.4:
        return content
    if event.kind != "write" or luck < 0.7:
        return _step(content, event)
    for start in range(0, len(event.content), SECTOR):
        if chance.random() < 0.5:
            part = event.content[start : start + SECTOR]
            content = _step(content, Event("write", event.file, event.offset + start, part))
    return content


class PowerFile(apsw.VFSFile):
    """A file whose changes are noted."""

    def __init__(self, name: Any, flags: Any, disk: Disk) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # apsw's names
        try:
            self._disk.meet("write")
        except apsw.Error:
            half = bytes(data)[: len(data) // 2]
            super().xWrite(half, offset)
            self._disk.events.append(Event("write", self._name, offset, half))
            raise
        super().xWrite(data, offset)
        self._disk.events.append(Event("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.meet("truncate")
        super().xTruncate(newsize)
        self._disk.events.append(Event("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Note it; nothing need be synced in truth, for the files after a loss are made from the notes."""
        try:
            self._disk.meet("sync")
        except apsw.Error:
            self._disk.forget(self._name)
            if not self._disk.says_so:
                return
            raise
        self._disk.events.append(Event("sync", self._name))

    def excepthook(self, *_: object) -> None:
        """Say nothing of what fails on purpose while SQLite tidies up."""


class PowerVFS(apsw.VFS):
    """A file system that notes what is done to its files."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: Any) -> PowerFile:  # noqa: N802
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if not path.exists():
            self._disk.meet("create")
            self._disk.events.append(Event("create", path.name))
        return PowerFile(name, flags, self._disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.meet("delete")
        super().xDelete(filename, False)
        self._disk.events.append(Event("delete", Path(filename).name))
        if syncdir:
            self._disk.events.append(Event("sync", Path(filename).name))

    def excepthook(self, *_: object) -> None:
        """Say nothing of what fails on purpose while SQLite tidies up."""


class Connection:
    """What the log uses of a connection of sqlite3, over one of apsw's."""

    def __init__(self, connection: apsw.Connection, changed: Callable[[str], str]) -> None:
        self._connection, self._changed = connection, changed

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: Any = ()) -> "Rows":
        with as_sqlite3_says():
            found = self._connection.execute(self._changed(statement), tuple(values)).fetchall()
        return Rows(found, self._connection.changes())

    def executemany(self, statement: str, rows: Any) -> None:
        for values in rows:
            self.execute(statement, values)

    def close(self) -> None:
        with as_sqlite3_says():
            self._connection.close()


@contextmanager
def as_sqlite3_says() -> Iterator[None]:
    """Raise what sqlite3 raises."""
    try:
        yield
    except apsw.Error as error:
        failed = sqlite3.OperationalError(str(error))
        failed.sqlite_errorcode = getattr(error, "extendedresult", 1)
        raise failed from error


class Rows:
    """A cursor whose rows are all there."""

    def __init__(self, rows: list[tuple[Any, ...]], changed: int) -> None:
        self._rows, self.rowcount = rows, changed

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        some, self._rows = self._rows[:size], self._rows[size:]
        return some


def as_written(statement: str) -> str:
    """Return a statement as the log writes it."""
    return statement


def without_full_sync(statement: str) -> str:
    """Return a statement, but for the one that has each commit synced."""
    return statement.replace("synchronous = FULL", "synchronous = NORMAL")


@contextmanager
def powered(disk: Disk, changed: Callable[[str], str] = as_written, pages: int = 4000) -> Iterator[None]:
    """Have logs opened on a disk whose events are noted.

    Args:
        disk: where they are noted.
        changed: what becomes of each statement.
        pages: after how many pages the write-ahead log is folded into the file.
    """
    vfs = PowerVFS(f"power-{id(disk)}", disk)

    def connect(path: Path, write: bool, create: bool, patience: float) -> Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        with as_sqlite3_says():
            opened = apsw.Connection(str(path), flags=flags, vfs=f"power-{id(disk)}")
            # A file system in Python has no shared memory; a connection that is alone needs none.
            opened.execute("PRAGMA locking_mode = EXCLUSIVE")
        return Connection(opened, changed)

    with mock.patch.object(sqlite, "connect", connect), mock.patch.object(sqlite, "CHECKPOINT_PAGES", pages):
        yield
    vfs.unregister()
