"""One connection to a file: when it writes at once, when it looks again first, and what it leaves behind."""

import os
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from rulecap.audit.errors import LogError
from rulecap.audit.sqlite import CHECKPOINT_PAGES, TURN, SqliteDatabase
from rulecap.audit.tables import NODES

NEXT = ("UPDATE log SET size = 1 WHERE size = ?", (0,))
STALE = ("UPDATE log SET size = 1 WHERE size = ?", (7,))
ROW = {NODES: [(0, b"hash")]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.sqlite3"


@pytest.fixture
def database(path):
    """Return an open database with a head and a table for rows, that knows of no writing but its own."""
    with closing(SqliteDatabase(path, write=True, create=True, patience=0.1)) as opened:
        opened.run("CREATE TABLE log (size INTEGER)")
        opened.run("INSERT INTO log VALUES (0)")
        opened.run("CREATE TABLE nodes (position INTEGER, hash BLOB)")
        opened.begin()
        opened.rollback()
        yield opened


def stored(path):
    with closing(sqlite3.connect(path)) as other:
        return other.execute("SELECT size, (SELECT count(*) FROM nodes) FROM log").fetchone()


def test_a_file_as_it_was_left_is_written_at_once(database, path):
    assert database.append(NEXT, ROW) is True
    assert stored(path) == (1, 1)


def test_a_head_that_is_another_is_written_nothing_over_and_nothing_stays_open(database, path):
    assert database.append(STALE, ROW) is False
    assert stored(path) == (0, 0)
    assert database.begin() is False
    database.rollback()


def test_a_file_that_somebody_wrote_to_is_not_written_until_it_was_read_again(database, path):
    os.utime(path, ns=(1, 1))
    assert [database.append(NEXT, ROW), database.append(NEXT, ROW)] == [False, False]
    assert stored(path) == (0, 0)
    assert database.begin() is True
    database.rollback()
    assert database.begin() is False
    database.rollback()
    assert database.append(NEXT, ROW) is True


def test_whoever_begins_looks_whether_it_was_written_to_and_is_told_once(database, path):
    os.utime(path, ns=(1, 1))
    begun = []
    for _ in range(2):
        begun.append(database.begin())
        database.rollback()
    assert begun == [True, False]


@pytest.mark.parametrize("step", ["begin", "append", "commit"])
def test_another_file_in_its_place_is_refused_at_each_step(database, path, step):
    if step == "commit":
        database.begin()
    shutil.copy(path, f"{path}.other")
    os.replace(f"{path}.other", path)  # noqa: PTH105
    with pytest.raises(LogError) as raised:
        {"begin": database.begin, "commit": database.commit, "append": lambda: database.append(NEXT, ROW)}[step]()
    assert raised.value.code == "log-replaced"


def test_a_write_ahead_log_that_was_folded_in_elsewhere_and_cut_is_looked_into_once(database, path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        begun = []
        for _ in range(2):
            begun.append(database.begin())
            database.rollback()
    assert begun == [True, False]


def test_to_undo_where_nothing_was_begun_is_nothing(database):
    database.rollback()
    assert database.begin() is False


def test_only_for_another_process_s_lock_is_waited(database, path, monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with pytest.raises(LogError):
        database.run("SELECT nothing FROM nowhere")
    assert waited == []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogError, match="locked"):
            database.run("BEGIN IMMEDIATE")
    assert 0 <= min(waited) <= max(waited) <= TURN


def test_each_commit_is_synced_and_the_write_ahead_log_folded_in_as_seldom_as_said(database):
    told = [database.run(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "wal_autocheckpoint")]
    assert told == [[("wal",)], [(2,)], [(CHECKPOINT_PAGES,)]]  # 2 is FULL


def test_one_that_is_closed_is_refused(database):
    database.close()
    with pytest.raises(LogError, match="closed") as raised:
        database.run("SELECT 1")
    assert raised.value.code == "log-failed"
