"""One monitor that sends orders at a time."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from rulecap.audit import open_ledger
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.lock import AlreadyRunning, Lock


def test_a_second_one_is_refused_with_the_firsts_process(tmp_path):
    import os

    with Lock(tmp_path / "journal"), pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}, .*journal\.lock"):
        Lock(tmp_path / "journal")
    with Lock(tmp_path / "journal"):
        pass


def test_it_ends_with_its_process(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from rulecap.monitor.lock import Lock;"
        "lock = Lock(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path / "journal")], check=False)
    assert ran.returncode == -9
    with Lock(tmp_path / "journal"):
        pass


def test_a_monitor_without_execute_needs_none(at_binance):
    async def both():
        async with at_binance.running():
            async with at_binance.running(execute=False) as watching:
                report = await watching.one_pass()
            with pytest.raises(AlreadyRunning, match="end it first"):
                async with at_binance.running():
                    pass
            return report

    assert asyncio.run(both()).ok


def test_a_journal_is_of_one_account(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.claim("binanceusdm")
    journal.claim("binanceusdm")
    with pytest.raises(JournalError, match="is of the account binanceusdm: each account has its own"):
        journal.claim("bybit")
    journal.close()


def test_a_monitor_of_another_account_does_not_touch_the_journal(at_binance):
    at_binance.one()
    journal = Journal(at_binance.journal)
    journal.run("UPDATE owner SET account = 'another'")
    journal.close()
    with pytest.raises(JournalError, match="of the account another"):
        at_binance.one()


def test_another_name_of_the_journal_has_the_same_lock(tmp_path):
    (tmp_path / "journal").touch()
    (tmp_path / "other").symlink_to(tmp_path / "journal")
    with Lock(tmp_path / "journal"), pytest.raises(AlreadyRunning):
        Lock(tmp_path / "other")


def test_another_kind_of_file_is_no_journal_and_stays_as_it_was(tmp_path):
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    open_ledger(url).close()
    with pytest.raises(JournalError, match="is no journal, but another kind of file"):
        Journal(tmp_path / "log.sqlite3")
    with closing(sqlite3.connect(tmp_path / "log.sqlite3")) as log:
        assert ("orders",) not in log.execute("SELECT name FROM sqlite_master").fetchall()
