"""The audit log: a decision on record beside the same database inserting the same bytes, and the disk's own sync."""

import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from benchmarks import case
from benchmarks.measure import Call, Timings, time_calls
from benchmarks.rows import Row, micro, milli
from rulecap.audit import Ledger, open_ledger, open_log
from rulecap.audit.asked import input_of
from rulecap.audit.clock import now
from rulecap.audit.database import Database
from rulecap.audit.postgres import PostgresDatabase
from rulecap.audit.sqlite import CHECKPOINT_PAGES, SqliteDatabase
from rulecap.audit.watch import SETTLED_NS
from rulecap.audit.writer import Question, Writer
from rulecap.engine.policy import Policy

WRITERS, EACH = 16, 60
SLOW_SYNCS = (0.0002, 0.002)
PLACE = (
    Path(__file__).parent.parent / "build"
)  # on the disk of the checkout: a folder for temporary files may be memory


def on_record(rounds: int) -> list[Row]:
    """Return a durable decision, one after the other and from many writers at once, in SQLite."""
    with folder() as place, open_ledger(f"sqlite:///{place}/log.sqlite3") as ledger:
        body = first_body(ledger, f"sqlite:///{place}/log.sqlite3")
        open_ledger(f"sqlite:///{place}/ready.sqlite3").close()
        ready = SqliteDatabase(place / "ready.sqlite3", write=True, create=False, patience=2.0)
        with plain(place, body) as insert, synced(place, len(body)) as sync, appending(ready, body) as append:
            rows = beside(rounds, ledger, {"append": append, "insert": insert, "sync": sync}, len(body))
        rows += [on_slower_disk(rounds, place, body, extra) for extra in SLOW_SYNCS]
        with plain(place, body, "one.sqlite3") as one, plain(place, body, "many.sqlite3", WRITERS) as many:
            rows.append(grouping(rounds, one, many))
    return [*rows, *many_writers(rounds)]


def on_server(rounds: int) -> list[Row]:
    """Return the same in PostgreSQL, on a server of its own; nothing where it cannot be started on this machine."""
    from tests.audit.server import NoServer, Server

    try:
        server = Server()
    except NoServer as error:
        return [Row(f"no PostgreSQL server here: {error}", "")]
    try:
        urls = [server.url(server.new_database()) for _ in range(3)]
        with folder() as place, open_ledger(urls[0]) as ledger:
            body = first_body(ledger, urls[0])
            open_ledger(urls[1]).close()
            ready = PostgresDatabase(urls[1], write=True, patience=10.0)
            with served(urls[2], body) as insert, synced(place, len(body)) as sync, appending(ready, body) as append:
                rows = beside(rounds, ledger, {"append": append, "insert": insert, "sync": sync}, len(body))
            policy = case.default_policy()
            together(ledger, WRITERS, policy)
            pairs = pairs_of(ledger, policy, rounds)
    finally:
        server.remove()
    return [*rows, gained(pairs, "decision")]


def beside(rounds: int, ledger: Ledger, calls: Mapping[str, Call], size: int) -> list[Row]:
    """Return what appending a record takes beside the same database inserting the same bytes."""
    policy, snapshot = case.default_policy(), case.recorded_snapshot()
    whole = {"whole": lambda: ledger.evaluate(policy, snapshot)}
    timings = time_calls({**whole, **calls}, rounds, 0.03, clock=time.perf_counter)
    return [
        Row(f"the disk alone: {size:,} bytes written over, and fdatasync", micro(timings.median("sync"))),
        Row("the same database inserting the same bytes, one by one", micro(timings.median("insert"))),
        shared("a ready record appended: hash, tree, columns, head, commit", timings),
        Row("a decision evaluated, written as a record and appended", micro(timings.median("whole"))),
    ]


def shared(what: str, timings: Timings, of: str = "the insert's rate") -> Row:
    """Return the rate of appending as a share of the plain insert's."""
    share = 1 / timings.ratio("append", "insert")
    return Row(what, micro(timings.median("append")), f"{share:.0%} of {of}", "≥ 70 %", share >= 0.7)


def on_slower_disk(rounds: int, place: Path, body: bytes, extra: float) -> Row:
    """Return the same share where each commit, of the log and of the plain table, takes that many seconds longer."""
    with (
        slowed(place, extra, f"slow-{extra}.sqlite3") as database,
        plain(place, body, f"plain-{extra}.sqlite3", extra=extra) as insert,
        appending(database, body) as append,
    ):
        calls = {"append": append, "insert": insert}
        timings = time_calls(calls, max(9, rounds // 8), 0.03, clock=time.perf_counter)
    return shared(f"a ready record appended, {longer(extra)}", timings, "the insert's rate, slept as long")


def longer(extra: float) -> str:
    """Return how it is told that commits take longer."""
    return f"each commit slept {milli(extra)} longer, as on a slower disk"


def grouping(rounds: int, one: Call, many: Call) -> Row:
    """Return what the database itself gains from many inserts to a commit: no log in it can gain more."""
    timings = time_calls({"one": one, "many": many}, rounds, 0.03, clock=time.perf_counter)
    return Row(
        f"the same database inserting the same bytes, {WRITERS} to a commit",
        micro(timings.median("many") / WRITERS),
        f"{WRITERS / timings.ratio('many', 'one'):.1f} × the rate one by one, which is the most that grouping can gain",
    )


def many_writers(rounds: int) -> list[Row]:
    """Return what many writers at once gain over one, on this disk and where a sync takes longer."""
    rows = []
    for extra, made in ((0.0, False), (0.0, True), (SLOW_SYNCS[-1], True)):
        with folder() as place, slowed(place, extra, "log.sqlite3") as database, writing(database) as ledger:
            url = f"sqlite:///{place}/log.sqlite3"
            with decisions() if made else records(first_body(ledger, url)) as policy:
                pairs = pairs_of(ledger, policy, rounds)
        what = "decision" if made else "ready record"
        where = f", {longer(extra)}" if extra else ""
        rows.append(gained(pairs, f"{what}{where}"))
    return rows


def pairs_of(ledger: Ledger, policy: Policy, rounds: int) -> list[tuple[float, float]]:
    """Return seconds for each decision of one writer and of many, again and again in turn."""
    time.sleep(SETTLED_NS / 1e9)  # until the files beside a new log are looked at as seldom as beside an old one
    return [(together(ledger, 1, policy), together(ledger, WRITERS, policy)) for _ in range(max(9, rounds // 8))]


@contextmanager
def decisions() -> Iterator[Policy]:
    """Give what makes decisions."""
    yield case.default_policy()


def gained(pairs: list[tuple[float, float]], what: str) -> Row:
    """Return what many writers gain, from pairs of seconds for each decision: of one writer, of many."""
    one, many = (statistics.median(column) for column in zip(*pairs, strict=True))
    gain = statistics.median(single / each for single, each in pairs)
    return Row(
        f"{WRITERS} writers at once, each {what}",
        micro(many),
        f"{gain:.1f} × the rate of one writer ({micro(one)})",
        "≥ 5 ×",
        gain >= 5,
    )


@contextmanager
def slowed(place: Path, extra: float, name: str) -> Iterator[SqliteDatabase]:
    """Give a new log's database whose commits take that many seconds longer."""

    class Slowed(SqliteDatabase):
        def commit(self) -> None:
            super().commit()
            time.sleep(extra)

    open_ledger(f"sqlite:///{place}/{name}").close()
    kind = Slowed if extra else SqliteDatabase  # to sleep no time takes some
    yield kind(place / name, write=True, create=False, patience=2.0)


@contextmanager
def writing(database: SqliteDatabase) -> Iterator[Ledger]:
    """Give a ledger on a log's database."""
    with Ledger(database, lambda: database, None, patience=2.0, clock=now) as ledger:
        yield ledger


@contextmanager
def appending(database: Database, body: bytes) -> Iterator[Call]:
    """Give what appends bytes that are ready: a ledger whose evaluation and writing of a record are taken out."""
    given, writer = input_of(case.recorded_snapshot()), Writer(database, None, now)
    with records(body) as ready:
        yield lambda: writer.answer([Question(ready, given, "position")])
    database.close()


@contextmanager
def records(body: bytes) -> Iterator[Any]:
    """Give what makes no decisions: a policy whose evaluation, and whose record's writing, are taken out."""
    policy, decision = case.default_policy(), case.default_policy().evaluate(case.recorded_snapshot())
    decision.ok = False  # so that it advances no memory, as most records of one snapshot do not

    class Ready:
        name, digest, files, decisions = policy.name, policy.digest, policy.files, policy.decisions
        typed, verdict_of = policy.typed, policy.verdict_of
        __class__ = property(lambda self: Policy)  # a ledger asks nothing else

        def evaluate(self, *_: object) -> object:
            return decision

    def ready_body(*_: object) -> bytes:
        return body

    with mock.patch("rulecap.audit.writer.body_of", new=ready_body):
        yield Ready()


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder on the checkout's disk, for as long as it is needed."""
    PLACE.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=PLACE) as place:
        yield Path(place)


def first_body(ledger: Ledger, url: str) -> bytes:
    """Write a first record; return its bytes."""
    ledger.evaluate(case.default_policy(), case.recorded_snapshot())
    with open_log(url) as log:
        record = log.record(1)
    assert record is not None
    return record.body


@contextmanager
def plain(
    place: Path, body: bytes, name: str = "plain.sqlite3", times: int = 1, extra: float = 0.0
) -> Iterator[Callable[[], None]]:
    """Give what inserts the bytes into a table of a plain SQLite database, set up as the log's, and commits."""
    connection = sqlite3.connect(place / name, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(times):
            connection.execute("INSERT INTO records (body) VALUES (?)", (body,))
        connection.execute("COMMIT")
        if extra:
            time.sleep(extra)

    yield insert
    connection.close()


@contextmanager
def served(url: str, body: bytes) -> Iterator[Call]:
    """Give what inserts the bytes into a table of a PostgreSQL server, and commits durably."""
    import psycopg

    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on") as connection:
        connection.execute("CREATE TABLE records (seq BIGSERIAL PRIMARY KEY, body BYTEA NOT NULL)")
        yield lambda: connection.execute("INSERT INTO records (body) VALUES (%s)", (body,))


@contextmanager
def synced(place: Path, size: int) -> Iterator[Callable[[], None]]:
    """Give what writes that many bytes into a file and syncs them."""
    handle, content = os.open(place / "disk", os.O_CREAT | os.O_WRONLY), os.urandom(size)

    def sync() -> None:
        os.pwrite(handle, content, 0)
        os.fdatasync(handle)

    yield sync
    os.close(handle)


def together(ledger: Ledger, writers: int, policy: Policy) -> float:
    """Return the seconds on the clock for each decision of some writers at once."""
    snapshot = case.recorded_snapshot()

    def write() -> None:
        for _ in range(EACH):
            ledger.evaluate(policy, snapshot)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / (writers * EACH)
