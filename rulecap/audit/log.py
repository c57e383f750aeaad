"""A log as a reader sees it: its head, records, policies, nodes; over one connection, of any database."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from rulecap.audit.database import Database, Row, blob
from rulecap.audit.errors import LogError
from rulecap.audit.merkle import HASH_LENGTH
from rulecap.audit.record import Record
from rulecap.audit.tables import FORMAT
from rulecap.engine.policy import Policy, policy_on_record
from rulecap.policy.sources import digest_of
from rulecap.problems import PolicyError, shown
from rulecap.version import __version__

Files = tuple[tuple[str, bytes], ...]
Load = Callable[[Files], Policy]
HEAD = "SELECT format, id, size, root, note FROM log"
MOST_LOADED = 16


class Head(NamedTuple):
    """What the log says of itself.

    Attributes:
        id: the log's own name, made at random when it was begun; records' ids start with it.
        size: how many records it has.
        root: hash of the Merkle tree over them.
        note: the same as a checkpoint in C2SP's text form, signed where the writer has a key.
    """

    id: str
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What a record is about; `verdict` and `account` are empty where there is none."""

    id: int
    account: str
    decision: str
    verdict: str
    policy: str
    digest: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with the columns beside it, which repeat what its body says."""

    time: int
    kind: int
    record: Record


def load(files: Files) -> Policy:
    """Return the policy of files that a log keeps."""
    return policy_on_record(dict(files))


def load_once() -> Load:
    """Return a loader that keeps the policies it loaded last, for whoever opens a log again and again."""
    return lru_cache(maxsize=MOST_LOADED)(load)


class Log:
    """Reads a log. Policies are kept once loaded."""

    def __init__(self, database: Database, load: Load = load) -> None:
        """Read over a connection, which this then owns."""
        self.database, self._load_files = database, load
        self.node = node_reader(database)
        self._policies: dict[str, Policy] = {}

    def head(self) -> Head:
        """Return the head.

        Raises:
            LogError: the database holds no log, or one of a later format.
        """
        return read_head(self.database)

    def record(self, seq: int) -> Record | None:
        """Return the record of a number, none where the log has none."""
        rows = self.database.run("SELECT seq, body FROM records WHERE seq = ?", (seq,))
        return Record(rows[0][0], blob(rows[0][1])) if rows else None

    def find(self, name: str) -> Record | None:
        """Return the record of an id, or of a number written as text; none where there is none."""
        log, dash, number = name.rpartition("-")
        if not number.isascii() or not number.isdigit() or len(number) > 18 or (dash and log != self.head().id):
            return None
        return self.record(int(number))

    def stored(self, first: int | None = None) -> Iterator[Stored]:
        """Yield the records in their order, with their columns: from a number on, or whatever is there."""
        where, values = ("WHERE seq >= ? ", (first,)) if first is not None else ("", ())
        rows = self.database.stream(f"SELECT seq, time, kind, body FROM records {where}ORDER BY seq", values)
        for seq, time, kind, body in rows:
            yield Stored(time, kind, Record(seq, blob(body)))

    def kinds(self) -> dict[int, Kind]:
        """Return what records are about, by the number that their rows have."""
        rows = self.database.run("SELECT id, account, decision, verdict, policy, digest FROM kinds")
        return {row[0]: Kind(*row) for row in rows}

    def checkpoints(self) -> list[str]:
        """Return the checkpoints that are kept in the log, smallest first."""
        return [note for (note,) in self.database.run("SELECT note FROM checkpoints ORDER BY size")]

    def policy_files(self, digest: str) -> dict[str, bytes]:
        """Return a policy's files by relative name; empty where the log has none of this digest."""
        rows = self.database.run("SELECT name, content FROM policies WHERE digest = ? ORDER BY name", (digest,))
        return {str(name): blob(content) for name, content in rows}

    def kept_policy(self, digest: str) -> dict[str, bytes]:
        """Return the files that have this digest, by relative name.

        Raises:
            LogError: the log lacks them, or has others under it.
        """
        files = self.policy_files(digest)
        if not files:
            raise LogError("log-corrupt", f"{self.database.where} lacks the policy {digest[:12]}")
        if digest_of(files) != digest:
            raise LogError("log-corrupt", f"the files kept for the policy {digest[:12]} have another digest")
        return files

    def policy_digests(self) -> set[str]:
        """Return the digests of all policies that the log has files of."""
        return {str(digest) for (digest,) in self.database.run("SELECT DISTINCT digest FROM policies")}

    def policy(self, digest: str) -> Policy:
        """Return a policy that the log keeps.

        Raises:
            LogError: the log lacks it, or its files are not what the digest says, or this version takes it no more.
        """
        if digest not in self._policies:
            self._policies[digest] = self._load(digest)
        return self._policies[digest]

    def _load(self, digest: str) -> Policy:
        files = self.kept_policy(digest)
        try:
            return self._load_files(tuple(files.items()))
        except PolicyError as error:
            why = next((one for one in error.problems if one.severity == "error" and not one.later), error.problems[0])
            said = f"rulecap {__version__} does not take the policy {digest[:12]}, which was recorded as one: {why}"
            raise LogError("policy-refused", said) from error

    def close(self) -> None:
        """Let go of the connection."""
        self.database.close()

    def __enter__(self) -> "Log":
        """Return the log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the connection."""
        self.close()


def read_head(database: Database) -> Head:
    """Return a log's head.

    Raises:
        LogError: the database holds no log, or one of a later format.
    """
    with _no_other_failure(database.where):
        rows = database.run(HEAD)
    return _head_of(rows, database.where)


def begin_at_head(database: Database) -> tuple[bool, Head]:
    """Start writing a log; return what `Database.begin` does, and the head.

    Raises:
        LogError: it cannot be written, or as `read_head`.
    """
    with _no_other_failure(database.where):
        touched, rows = database.begin_reading(HEAD)
    return touched, _head_of(rows, database.where)


@contextmanager
def _no_other_failure(where: str) -> Iterator[None]:
    """Say what it means where the head's table is not there."""
    try:
        yield
    except LogError as error:
        if error.code != "log-failed":
            raise
        raise LogError("not-a-log", f"{where} holds no audit log") from error


def _head_of(rows: Sequence[Row], where: str) -> Head:
    if len(rows) != 1:
        raise LogError("not-a-log", f"{where} holds no audit log")
    written, name, size, root, note = rows[0]
    if written != FORMAT:
        raise LogError("not-a-log", f"{where} is of format {written}; this rulecap reads format {FORMAT}")
    if not (
        _is_text(name) and isinstance(size, int) and size >= 0 and len(blob(root)) == HASH_LENGTH and _is_text(note)
    ):
        raise LogError("log-corrupt", f"{where}: the log's head is none: {shown(repr((name, size, root)))}")
    return Head(name, size, blob(root), note)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def node_reader(database: Database) -> Callable[[int], bytes]:
    """Return what reads a node of the tree by its position.

    Raises:
        LogError: when called, where the node is missing.
    """

    def node_at(position: int) -> bytes:
        rows = database.run("SELECT hash FROM nodes WHERE position = ?", (position,))
        if not rows:
            raise LogError("log-corrupt", f"{database.where} lacks the tree's node {position}")
        return blob(rows[0][0])

    return node_at


def parsed_memory(value: object) -> Mapping[str, Any] | None:
    """Return the memory that a record's field is."""
    return value if isinstance(value, dict) else None


def json_fields(body: bytes, *names: str) -> Sequence[Any]:
    """Return fields of the body of a record that advanced a memory.

    Raises:
        LogError: it has none of them.
    """
    try:
        parsed = json.loads(body)
        return [parsed[name] for name in names]
    except (ValueError, KeyError, TypeError) as error:
        said = f"a record that advanced a memory is damaged ({type(error).__name__}): look with `rulecap audit verify`"
        raise LogError("log-corrupt", said) from error
