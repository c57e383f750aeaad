"""Opening a log by its address: for writing as a Ledger, for reading as a Log."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from rulecap.audit.carry import carried_over
from rulecap.audit.clock import now
from rulecap.audit.database import Database
from rulecap.audit.errors import LogError
from rulecap.audit.followed import check_free, mark
from rulecap.audit.keys import UnusableKey, read_signer
from rulecap.audit.ledger import Ledger
from rulecap.audit.log import Head, Load, Log, begin_at_head, load
from rulecap.audit.merkle import EMPTY_ROOT
from rulecap.audit.note import Signer
from rulecap.audit.tables import CHECKPOINTS, FORMAT, definitions
from rulecap.audit.trust import handover
from rulecap.audit.witness import admit, checkpoint_of, head_note, origin_of
from rulecap.audit.writer import SWAP, Clock

PATIENCE = 2.0
SQLITE, POSTGRES = "sqlite:///", ("postgresql://", "postgres://")
UNWRITABLE = ("log-read-only", "log-full")  # what may be why another log is begun
KEY_VARIABLE = "RULECAP_SIGNING_KEY"
HINT = "sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/database"


def open_ledger(
    url: str,
    key: str | os.PathLike[str] | Signer | None = None,
    *,
    create: bool = True,
    patience: float = PATIENCE,
    clock: Clock = now,
    since: Head | None = None,
) -> Ledger:
    """Open a log for writing; it is begun where there is none yet.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.
        key: what signs the log's head: a key file's path, or a key's text; else the environment's RULECAP_SIGNING_KEY;
            else the log is not signed.
        create: whether a log may be begun.
        patience: seconds to wait for another process that writes.
        clock: tells when a record is written, in UTC.
        since: a head that the log had before, as `Ledger.head` told it; a log that does not go on from it is refused.

    Raises:
        LogError: the address is none, the log cannot be opened or is damaged, or the key is not the one that signs it.
        UnusableKey: the key cannot be read.
    """
    signer = _signer(key)
    database = connect(url, write=True, create=create, patience=patience)
    try:
        if create:
            _begin(database, signer)
        return Ledger(database, _again(url, patience), signer, patience, clock, since)
    except BaseException:
        database.close()
        raise


def open_log(url: str, load: Load = load) -> Log:
    """Open a log for reading; nothing of it is changed.

    Args:
        url: as in `open_ledger`.
        load: what loads the policies it keeps: `load_once` for whoever opens a log again and again.

    Raises:
        LogError: the address is none, or there is no log at it.
    """
    log = Log(connect(url, write=False, create=False, patience=PATIENCE), load)
    try:
        log.head()
    except LogError:
        log.close()
        raise
    return log


class Begun(NamedTuple):
    """A log that follows another one; why that could not be written into the other one, none where it was."""

    head: Head
    unmarked: LogError | None


def begin(url: str, after: str, key: str | os.PathLike[str] | Signer | None = None, instead: str = "") -> Begun:
    """Begin a log that goes on with the memories of another one, which nothing should write any more.

    Args:
        url: the new log's address.
        after: the old log's.
        key: what signs the new log, as in `open_ledger`.
        instead: the id of a log that was begun to follow the old one, and is given up for the new one.

    Raises:
        LogError: the old log cannot be read, or another log follows it, or the new one has records already.
        UnusableKey: the key cannot be read.
    """
    old, unmarked = _held(after)
    with old:
        given_up, carried = check_free(old, instead), carried_over(old)
        with open_ledger(url, key) as ledger:
            if old.head().id == ledger.head.id:
                raise LogError("log-failed", f"{old.database.where} cannot follow itself")
            ledger.begin_with(carried)
            return Begun(ledger.head, unmarked or _marked(old, origin_of(ledger.head.id), given_up))


def _held(url: str) -> tuple[Log, LogError | None]:
    """Return a log that nobody else writes until it is closed; or that is only read, and why it cannot be written."""
    try:
        database = connect(url, write=True, create=False, patience=PATIENCE)
        try:
            begin_at_head(database)
        except LogError:
            database.close()
            raise
    except LogError as error:
        if error.code not in UNWRITABLE:
            raise
        log = open_log(url)
        log.database.look()
        return log, error
    return Log(database), None


def _marked(old: Log, follower: str, instead: str) -> LogError | None:
    """Write into a log which one follows it; return why that cannot be done, for the new one is begun by now."""
    head = old.head()
    try:
        old.database.insert({CHECKPOINTS: [(head.size, mark(checkpoint_of(head), follower, instead))]})
        old.database.commit()
    except LogError as error:
        return error
    return None


def rotate(url: str, old: Signer, new: Signer) -> str:
    """Hand a log over to a new key; return the checkpoint that both keys signed, which the log keeps.

    A writer that runs with the old key is refused by the log from then on: it has to be started with the new one.

    Raises:
        LogError: the log cannot be written, or is not signed by the old key.
        NoteError: both keys are the same.
    """
    database = connect(url, write=True, create=False, patience=PATIENCE)
    try:
        _, head = begin_at_head(database)
        admit(head, old)
        note = handover(checkpoint_of(head), old, new)
        signed = head_note(head.id, head.size, head.root, new)
        database.insert({CHECKPOINTS: [(head.size, note)]})
        database.swap((SWAP, (head.size, head.root, signed, *head)))
        database.commit()
    finally:
        database.close()
    return note


def connect(url: str, *, write: bool, create: bool, patience: float) -> Database:
    """Return a connection to the database at an address.

    Raises:
        LogError: the address is none, or the database cannot be reached.
    """
    if not isinstance(url, str):
        raise LogError("bad-log-address", f"a {type(url).__name__} is no log's address: write {HINT}")
    if url.startswith(SQLITE):
        from rulecap.audit.sqlite import SqliteDatabase

        return SqliteDatabase(sqlite_path(url), write=write, create=create, patience=patience)
    if url.startswith(POSTGRES):
        from rulecap.audit.postgres import PostgresDatabase

        database = PostgresDatabase(url, write=write, patience=patience)
        return database if create else _holding(database)
    told = "this" if {"@", "="} & set(url) else url  # which may have a password in it, nobody knows where
    raise LogError("bad-log-address", f"{told} is no log's address: write {HINT}")


def _holding(database: Database) -> Database:
    """Return a connection to a database that holds a log."""
    try:
        if not database.holds_log():
            raise LogError("no-log", f"there is no log at {database.where}")
    except LogError:
        database.close()
        raise
    return database


def sqlite_path(url: str) -> Path:
    """Return the file that a `sqlite:///` address names.

    Raises:
        LogError: it names none.
    """
    name = unquote(url.removeprefix(SQLITE))
    if not name or "\0" in name:
        raise LogError("bad-log-address", f"{url} names no file: write {HINT}")
    return Path(name)


def _signer(key: str | os.PathLike[str] | Signer | None) -> Signer | None:
    where = key if key is not None else os.environ.get(KEY_VARIABLE)
    if where is None or isinstance(where, Signer):
        return where
    if isinstance(where, os.PathLike):
        where = os.fspath(where)
    if not isinstance(where, str):
        raise UnusableKey(f"a {type(where).__name__} is no key: a file's path or the key itself is asked for")
    return read_signer(where)


def _again(url: str, patience: float) -> Callable[[], Database]:
    def again() -> Database:
        try:
            return connect(url, write=True, create=False, patience=patience)
        except LogError as error:
            if error.code != "no-log":
                raise
            raise LogError("log-gone", f"{error.reason}, where one was open") from error

    return again


def _begin(database: Database, signer: Signer | None) -> None:
    """Make the tables and an empty log where the database has none."""
    if database.holds_log():
        return
    database.begin()
    try:
        for statement in (*database.preparations, *definitions(*database.words)):
            database.run(statement)
        name = secrets.token_hex(6)
        note = head_note(name, 0, EMPTY_ROOT, signer)
        statement = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        database.run(statement, (1, FORMAT, name, 0, EMPTY_ROOT, note))
        database.commit()
    except BaseException:
        database.rollback()
        raise
