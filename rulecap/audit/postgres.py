"""PostgreSQL as the log's database: where several processes share one log."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

from rulecap.audit.batches import batches
from rulecap.audit.database import UNCHANGED, Row, Statement
from rulecap.audit.errors import LogError
from rulecap.audit.tables import SCHEMA, WRITERS, Batch, Into, names

if TYPE_CHECKING:
    from psycopg import Connection, Cursor, Error

# A writer that stops in mid-transaction (frozen, or cut off from the network) holds up all others; the server ends it.
LONGEST_IDLE = 10.0
# A network that was cut while the server computes is noticed by these: after 25 s, however long the answer may take.
ALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
# The server itself ends what takes longer than the patience; it is not waited for longer than this beyond it.
GRACE = 1.0
STREAMS = count(1)
MOST_VALUES = 65_535  # as many as the protocol lets a statement have
# What a server that can compresses long records with; its default takes a good part of an insert's time.
QUICKER = (
    "SELECT set_config(name, 'lz4', false) FROM pg_settings"
    " WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
)
# A commit returns once the server has synced it to its disk, whatever its default is; a stricter one is left.
DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)
# A session that a pooler has put in place of another, or shares with others, is not set as this one was.
SESSION = (
    f"pg_backend_pid(), current_setting('search_path') = '{SCHEMA}'"
    " AND current_setting('synchronous_commit') IN ('on', 'remote_apply')"
)
ANOTHER = (
    "the session is not as it was set: a pooler shares sessions out by transaction; have it keep one for each"
    " connection (pool_mode = session), or leave it out"
)
# Whoever makes the tables holds this; whoever writes, the head's row.
ALONE = f"SELECT pg_advisory_xact_lock({WRITERS})"
# Tables before the row, as in a statement that appends: who has the row waits for nobody that waits for a table of his.
FIRST = f"LOCK TABLE {', '.join(sorted(names() - {'log', 'checkpoints'}))} IN ROW EXCLUSIVE MODE"
# Fails where nothing was changed, so that a commit in the same round does not come to pass.
CERTAINLY = "WITH head AS ({} RETURNING 1) SELECT 1 / count(*) FROM head"
# A transaction or a snapshot older than the server lets it get; statements prepared in a session that is another one.
SESSIONS_END = {"25P04", "72000", "26000", "42P05"}
# As a server names them.
INDICES = {f"{name}_pkey" for name in names() - {"checkpoints"}}
INDICES |= {"kinds_account_decision_verdict_policy_digest_key", "records_by_kind"}
STANDBY = "SELECT pg_is_in_recovery()"
UNLOGGED = "the table {} is unlogged: a crash of the server empties it"
MALFORMED = (
    "this is no PostgreSQL address: write postgresql://user:password@host:port/database, with / @ : ? # and % in a"
    " password as %2F %40 %3A %3F %23 and %25"
)


class PostgresDatabase:
    """One connection to a server. What is written goes to the server together, with the commit."""

    # In the order of their bytes: any other changes with the operating system, and indices made before it find nothing.
    words = ("BIGINT", "BYTEA", 'TEXT COLLATE "C"')
    # Not IF NOT EXISTS, which asks for the right to create even where there is nothing to create.
    preparations: tuple[str, ...] = (
        "DO $$ BEGIN IF current_setting('server_encoding') NOT IN ('UTF8', 'SQL_ASCII') THEN RAISE EXCEPTION"
        " 'the database is encoded in %, which lacks characters that names may have: make one with ENCODING ''UTF8''',"
        " current_setting('server_encoding'); END IF; END $$",
        f"DO $$ BEGIN IF to_regnamespace('{SCHEMA}') IS NULL THEN CREATE SCHEMA {SCHEMA}; END IF; END $$",
    )

    def __init__(self, url: str, *, write: bool, patience: float) -> None:
        """Connect.

        Args:
            url: `postgresql://…`, as libpq takes it.
            write: whether it will be written.
            patience: seconds to wait for the server, and for another process's writing.

        Raises:
            LogError: psycopg is not installed, or the server cannot be reached.
        """
        try:
            import psycopg
        except ImportError as error:
            raise LogError(
                "log-unreachable", "a PostgreSQL log needs psycopg: pip install 'rulecap[postgres]'"
            ) from error
        self._psycopg, self._errors = psycopg, psycopg.errors
        self.where = self._shown(url)
        self._pending: list[Statement] = []
        self._session: Row | None = None
        self._url, self._write, self._patience = url, write, patience
        self._connection = self._connect()

    def _connect(self) -> "Connection[Row]":
        from rulecap.audit.bounded import BoundedConnection

        milliseconds = int(self._patience * 1000)
        try:
            connection = BoundedConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=max(2, math.ceil(self._patience)),
                tcp_user_timeout=milliseconds,
                client_encoding="UTF8",
                application_name="rulecap",
                **ALIVE,
            )
            connection.longest = self._patience + GRACE
            # Not with the start, where poolers refuse or drop it; and in one text, which even they give one session.
            cursor = connection.execute(self._settings(milliseconds))
            while cursor.nextset():
                self._session = cursor.fetchone() if cursor.description else self._session
            if not self._write:
                connection.longest = math.inf  # reading a whole log may take as long as it takes
        except (self._psycopg.Error, UnicodeError) as error:
            raise LogError("log-unreachable", f"{self.where} cannot be reached: {_first_line(error)}") from error
        return connection

    def _settings(self, milliseconds: int) -> Any:
        """Return what sets a session, and tells which it is: what is read is then as it is once a lock is had."""
        settings = [
            f"SET search_path = {SCHEMA}",
            f"SET lock_timeout = {milliseconds}",
            "SET default_transaction_isolation = 'read committed'",
            DURABLE,
        ]
        if self._write:
            settings += [
                f"SET statement_timeout = {milliseconds}",
                f"SET idle_in_transaction_session_timeout = {int(LONGEST_IDLE * 1000)}",
                QUICKER,
            ]
        # A standby knows no serializable transactions, whatever its default is.
        return "; ".join(["BEGIN ISOLATION LEVEL READ COMMITTED", *settings, f"SELECT {SESSION}", "COMMIT"])

    def _shown(self, url: str) -> str:
        """Return an address as it may be shown, without its password.

        Raises:
            LogError: it is none, or parts of the password would be taken for something else, and shown.
        """
        try:
            parts = self._psycopg.conninfo.conninfo_to_dict(url)
        except (self._psycopg.Error, UnicodeError):  # whose words may have the password in them
            parts = {"host": "@"}
        host, port, name = (str(parts.get(part) or "") for part in ("host", "port", "dbname"))
        if "@" in host + name or (port and not port.replace(",", "").isdigit()):
            raise LogError("bad-log-address", MALFORMED)
        user = parts.get("user")
        return f"postgresql://{f'{user}@' if user else ''}{host}{f':{port}' if port else ''}/{name}"

    def holds_log(self) -> bool:
        """Return whether the schema has a log; refuse one that has something else, or that may not be used."""
        rows = self.run(
            "SELECT relname, has_schema_privilege(relnamespace, 'USAGE'), relpersistence = 'p' FROM pg_class"
            " WHERE relnamespace = to_regnamespace(?) AND relkind IN ('r', 'p', 'v', 'm', 'f')",
            (SCHEMA,),
        )
        there = {name for name, _, _ in rows}
        if there and "log" not in there:
            others = ", ".join(sorted(there)[:5])
            raise LogError("not-a-log", f"{self.where} holds other tables in its schema {SCHEMA}: {others}")
        if not all(usable for _, usable, _ in rows):
            raise LogError("log-read-only", f"{self.where}: this role may not use the schema {SCHEMA}")
        for name in sorted(name for name, _, lasting in rows if self._write and not lasting and name in names()):
            raise LogError("log-failed", f"{self.where}: {UNLOGGED.format(name)}")
        return bool(there)

    def begin(self) -> bool:
        """Start making a log, as the only one who does; over a new connection where the old one ended meanwhile.

        Only a server that was restarted may have other files than before.
        """
        return self._begin(ALONE)[0]

    def begin_reading(self, statement: str) -> tuple[bool, list[Row]]:
        """Start writing; return the rows of a statement too, which no other writer has until the end."""
        return self._begin(f"{FIRST}; {statement} FOR UPDATE")

    def _begin(self, statement: str) -> tuple[bool, list[Row]]:
        self._pending.clear()
        try:
            return False, self._locked(statement)
        except LogError:
            if not self._connection.closed:
                raise
            self._connection = self._connect()
            return True, self._locked(statement)

    def _locked(self, statement: str) -> list[Row]:
        """Begin, and return the rows of a statement that locks.

        All in one text, and not in a pipeline: after one of these, the server does not end a session that idles.
        """
        try:
            cursor = self._connection.execute(f"BEGIN; SELECT {SESSION}; {statement}")  # texts of our own
            cursor.nextset()
            self._check(cursor.fetchone())
            while cursor.nextset():
                pass
            return cursor.fetchall()
        except self._errors.Error as error:
            self._fail(error)

    def append(self, swap: Statement, batch: Batch) -> bool:
        """Write rows in one round to the server: one statement, which is a transaction by itself.

        A swap that finds its row changed by another writer, for whom it may have waited, finds it no more.
        """
        statement, values = swap
        given = [*values, *(value for rows in batch.values() for row in rows for value in row)]
        if len(given) > MOST_VALUES:
            return False
        text = _appending(statement, tuple((into, len(rows)) for into, rows in batch.items()))
        try:
            changed, *session = self._connection.execute(text, given).fetchall()[0]
        except self._errors.Error as error:
            if self._connection.closed:  # as a server leaves it that was restarted; nobody knows when
                return False
            self._fail(error)
        if changed:
            self._check(tuple(session))  # what was written is then not answered: it may not be on the disk
        return bool(changed == 1)

    def _check(self, session: Row | None) -> None:
        if session != self._session:
            raise LogError("log-unreachable", f"{self.where}: {ANOTHER}")

    def probe(self) -> None:
        """Fail where the server does not answer over this connection."""
        self._check(self.run(f"SELECT {SESSION}")[0])

    def look(self) -> None:
        """Start reading what is there at this moment."""
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._check(self.run(f"SELECT {SESSION}")[0])

    def commit(self) -> None:
        """Make what was written durable."""
        self._pending.append(("COMMIT", ()))
        if self._flush() != "COMMIT":  # where a statement had failed the server makes a rollback of it, and no error
            raise LogError("log-failed", f"{self.where} did not commit")

    def rollback(self) -> None:
        """Undo what was written, or end the reading."""
        self._pending.clear()
        if not self._connection.closed:
            self.run("ROLLBACK")

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        self._flush()
        try:
            cursor = self._connection.execute(_placed(statement), tuple(values) or None)
            return cursor.fetchall() if cursor.description else []
        except self._errors.Error as error:
            if isinstance(error, self._errors.UndefinedTable) and not self._connection.info.transaction_status:
                self._check((self._connection.info.backend_pid, True))  # which a pooler makes up
            self._fail(error)

    def swap(self, swap: Statement) -> None:
        """Take a change of a row along; where there is none to change it fails, and the commit with it."""
        statement, values = swap
        self._pending.append((CERTAINLY.format(statement), values))

    def insert(self, batch: Batch) -> None:
        """Take rows along with the next round to the server."""
        for into, rows in batch.items():
            most = MOST_VALUES // into.row.count("?")
            for some in batches(rows, most):
                marks = ", ".join([into.row] * len(some))
                values = [value for row in some for value in row]
                self._pending.append((f"INSERT INTO {into.table} VALUES {marks} {into.otherwise}", values))

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Yield a statement's rows; only while reading, after `look`."""
        try:
            with self._connection.cursor(name=f"stream_{next(STREAMS)}") as cursor:
                cursor.itersize = 256
                yield from cursor.execute(_placed(statement), tuple(values) or None)
        except self._errors.Error as error:
            self._fail(error)

    def faults(self) -> list[str]:
        """Return which of the tables are none, and what else acts on them."""
        relations = self.run(
            "SELECT relname, relkind::text, relrowsecurity, relpersistence = 'p' FROM pg_class WHERE relname = ANY (?)"
            " AND relnamespace = to_regnamespace(?)",
            (sorted(names()), SCHEMA),
        )
        indices = self.run(
            "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indisvalid AND relnamespace = to_regnamespace(?)",
            (SCHEMA,),
        )
        triggers = self.run(
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relnamespace = to_regnamespace(?)",
            (SCHEMA,),
        )
        rules = self.run("SELECT rulename FROM pg_rules WHERE schemaname = ?", (SCHEMA,))
        said = "is not rulecap's: it may change what is read or written"
        kinds = {name: kind for name, kind, _, _ in relations}
        return [
            *(f"{name} is no table" for name in sorted(names()) if kinds.get(name) != "r"),
            *(UNLOGGED.format(name) for name, _, _, lasting in sorted(relations) if not lasting),
            *(
                f"the index {name} is not there, or not valid"
                for name in sorted(INDICES - {name for (name,) in indices})
            ),
            *(f"the row security on {name} {said}" for name, _, hides, _ in sorted(relations) if hides),
            *(f"the trigger {name} {said}" for (name,) in triggers),
            *(f"the rule {name} {said}" for (name,) in rules),
        ]

    def cautions(self) -> list[str]:
        """Return what the reader of a verification has to know of the server."""
        standby = self.run(STANDBY) == [(True,)]
        return ["the server is a standby: records that are missing at the end may not have come yet"] if standby else []

    def close(self) -> None:
        """Let go of the connection."""
        try:
            self._connection.close()
        except self._errors.Error:  # it was broken, which was reported when it was used
            return

    def _flush(self) -> str | None:
        """Take what is pending to the server in one round; return what it says that it did last."""
        if not self._pending:
            return None
        pending, self._pending = self._pending, []
        first: Error | None = None
        last: Cursor[Row] | None = None
        try:
            with self._connection.pipeline():
                try:
                    for statement, values in pending:
                        last = self._connection.execute(_placed(statement), tuple(values) or None)
                except self._errors.Error as error:  # psycopg logs those behind it where this one leaves the pipeline
                    first = error
        except self._errors.Error as error:
            self._fail(first or error)
        if first is not None:
            self._fail(first)
        return last.statusmessage if last is not None else None

    def _fail(self, error: "Error") -> NoReturn:
        if isinstance(error, self._errors.DivisionByZero):
            raise LogError("log-corrupt", f"{self.where}: {UNCHANGED}") from error
        raise LogError(self._code(error), f"{self.where}: {_first_line(error)}") from error

    def _code(self, error: "Error") -> str:
        if error.sqlstate in SESSIONS_END:
            return "log-unreachable"
        codes: dict[type[Exception], str] = {
            self._errors.LockNotAvailable: "log-locked",
            self._errors.QueryCanceled: "log-locked",
            self._errors.DeadlockDetected: "log-locked",
            self._errors.DiskFull: "log-full",
            self._errors.ReadOnlySqlTransaction: "log-read-only",
            self._errors.InsufficientPrivilege: "log-read-only",
            self._errors.IdleInTransactionSessionTimeout: "log-unreachable",
            self._errors.DataCorrupted: "log-corrupt",
            self._errors.IndexCorrupted: "log-corrupt",
            self._errors.OperationalError: "log-unreachable",
        }
        return next((code for kind, code in codes.items() if isinstance(error, kind)), "log-failed")


@lru_cache(maxsize=64)
def _appending(swap: str, shape: tuple[tuple[Into, int], ...]) -> Any:
    """Return a statement that does a swap, and writes rows where it was done; it returns how many, in which session."""
    parts = [f"head AS ({swap} RETURNING 1)"]
    for into, times in shape:
        many = f"SELECT rows.* FROM head, (VALUES {', '.join([into.row] * times)}) AS rows"
        source = f"SELECT {into.row.strip('()')} FROM head" if times == 1 else many
        parts.append(f"{into.table}_written AS (INSERT INTO {into.table} {source} {into.otherwise})")
    return _placed(f"WITH {', '.join(parts)} SELECT count(*), {SESSION} FROM head")


def _placed(statement: str) -> Any:
    """Return a statement with psycopg's marks for values."""
    return statement.replace("?", "%s")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
