"""One monitor that sends orders at a time."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rulecap.audit import open_ledger
from rulecap.exchange import ExchangeSettings
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.lock import AlreadyRunning, Lock
from rulecap.monitor.running import opened
from rulecap.monitor.settings import journal_beside
from tests.exchange.conftest import settings_of


def test_a_second_one_is_refused_with_the_firsts_process(tmp_path):
    with Lock(tmp_path / "journal"), pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}, .*journal\.lock"):
        Lock(tmp_path / "journal")
    with Lock(tmp_path / "journal"):
        pass


def test_its_file_names_the_process_that_has_it_and_none_of_before(tmp_path):
    path = tmp_path / "journal.lock"
    path.write_text("123456789012345\n")
    with Lock(tmp_path / "journal"):
        assert path.read_text() == f"{os.getpid()}\n"
    path.unlink()
    with Lock(tmp_path / "journal"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_where_its_file_names_nobody_it_is_anothers_and_asking_keeps_nothing_open(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / "journal.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = len(list(Path("/dev/fd").iterdir()))
        for _ in range(5):
            with pytest.raises(AlreadyRunning, match=r"process another, .*journal\.lock"):
                Lock(tmp_path / "journal")
        assert len(list(Path("/dev/fd").iterdir())) == before
        os.write(file.fileno(), b"\xff9\n")
        with pytest.raises(AlreadyRunning, match="process \ufffd9, "):
            Lock(tmp_path / "journal")


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
    journal.claim("binanceusdm", "binanceusdm")
    journal.claim("binanceusdm", "binanceusdm")
    with pytest.raises(JournalError, match="is of the account binanceusdm: each account has its own"):
        journal.claim("bybit", "bybit")
    journal.close()


def test_a_journal_is_of_one_venue_and_of_a_test_environment_or_not(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.claim("main", "binanceusdm")
    for other in ("binanceusdm-sandbox", "bybit", "demo"):
        with pytest.raises(JournalError, match=f"of the account main at binanceusdm, not at {other}: each has its own"):
            journal.claim("main", other)
    journal.claim("main", "binanceusdm")
    journal.close()


def of_before(path, account):
    """Begin a journal as it was before it said its venue."""
    journal = Journal(path)
    journal.run("INSERT INTO owner VALUES (1, ?)", (account,))
    journal.run("DROP TABLE place")
    journal.run("PRAGMA user_version = 1")
    journal.close()


def test_a_journal_that_does_not_say_its_venue_is_not_guessed_to_be_anybodys(tmp_path):
    of_before(tmp_path / "journal", "main")
    for _ in range(2):  # having looked at it tells no more
        journal = Journal(tmp_path / "journal")
        for venue in ("binanceusdm", "binanceusdm-sandbox"):
            with pytest.raises(JournalError, match="does not say at which venue that is") as raised:
                journal.claim("main", venue)
        assert "--orders" in str(raised.value)
        assert journal.run("SELECT * FROM place") == []
        journal.close()


@pytest.mark.parametrize("place", ["binanceusdm", "binanceusdm-sandbox", "demo"])
def test_a_journal_whose_account_is_named_after_its_venue_is_taken_over(tmp_path, place):
    of_before(tmp_path / "journal", place)
    journal = Journal(tmp_path / "journal")
    journal.claim(place, place)
    assert journal.run("SELECT venue FROM place") == [(place,)]
    journal.close()


def test_a_journal_of_a_later_format_is_refused(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.run("PRAGMA user_version = 3")
    journal.close()
    with pytest.raises(JournalError, match="is of format 3; this rulecap reads 2"):
        Journal(tmp_path / "journal")


def test_an_account_in_a_sandbox_and_a_live_one_of_the_same_name_share_nothing(at_binance):
    wanted = at_binance.wanted()
    live = settings_of(at_binance.venue, account="main")
    sandbox = settings_of(at_binance.venue, account="main", sandbox=True)
    assert (live.account_name, sandbox.account_name) == ("main", "main-sandbox")
    beside = [journal_beside(at_binance.log, one.account_name).name for one in (live, sandbox)]
    assert beside == ["log.sqlite3.monitor-main", "log.sqlite3.monitor-main-sandbox"]

    async def set_up(exchange):
        async with opened(replace(wanted, exchange=exchange), at_binance.clock):
            pass

    asyncio.run(set_up(live))
    asyncio.run(set_up(live))
    with pytest.raises(JournalError, match="is of the account main: each account has its own"):
        asyncio.run(set_up(sandbox))
    with pytest.raises(JournalError, match="of the account main at binanceusdm, not at bybit"):
        asyncio.run(set_up(ExchangeSettings(venue="bybit", account="main")))


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
