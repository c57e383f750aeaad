"""A log that is looked at while nobody asks: why it could not be written is known before a question finds it out."""

import os
from contextlib import closing

import pytest

from rulecap.audit import open_ledger
from tests.audit.counting import snapshot
from tests.audit.test_postgres import end_sessions


@pytest.fixture
def ledger(policy, file):
    """Return an open ledger with one record."""
    with open_ledger(f"sqlite:///{file}", patience=0.1) as opened:
        assert opened.evaluate(policy, snapshot(1)).record_id
        yield opened


def probed(ledger):
    ledger.probe()
    return None if ledger.failure is None else ledger.failure.code


def number(ledger, policy):
    return int(ledger.evaluate(policy, snapshot(2)).record_id.rpartition("-")[2])


def test_a_log_that_is_as_it_was_is_fine_and_nothing_is_written(policy, url):
    with open_ledger(url) as ledger:
        assert [probed(ledger) for _ in range(3)] == [None] * 3
        assert number(ledger, policy) == 1
        assert probed(ledger) is None
        assert number(ledger, policy) == 2


def test_a_file_that_was_moved_away_is_told_until_a_record_is_written(ledger, policy, file):
    aside = file.with_name("aside")
    file.rename(aside)
    assert probed(ledger) == "log-gone"
    aside.rename(file)
    assert probed(ledger) == "log-gone"  # nobody has tried to write it
    assert number(ledger, policy) == 2
    assert probed(ledger) is None


def test_another_log_in_its_place_is_told(ledger, policy, file, tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'other.sqlite3'}") as other:
        other.evaluate(policy, snapshot(1))
    for one in [*file.parent.iterdir()]:
        one.rename(tmp_path / one.name)
    (tmp_path / "other.sqlite3").rename(file)
    assert probed(ledger) == "log-replaced"


def test_a_file_system_that_may_not_be_written_any_more_is_told(ledger, policy, monkeypatch):
    if not hasattr(os, "statvfs"):
        pytest.skip("nothing tells it here")
    told = list(os.statvfs("/"))
    told[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(told))
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    assert probed(ledger) == "log-read-only"
    monkeypatch.undo()
    assert number(ledger, policy) == 2


def test_a_fork_and_a_ledger_that_is_closed_are_left_alone(ledger, file, monkeypatch):
    file.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 0)
        assert probed(ledger) is None
    ledger.close()
    assert probed(ledger) is None


def test_a_connection_that_the_server_ended_is_made_anew_unnoticed(policy, postgres_url, server, database):
    with open_ledger(postgres_url) as ledger:
        assert number(ledger, policy) == 1
        with closing(server.admin(database)) as admin:
            end_sessions(admin)
        assert probed(ledger) is None
        assert number(ledger, policy) == 2


def test_a_server_that_is_away_is_told(policy, postgres_url, server):
    with open_ledger(postgres_url) as ledger:
        assert number(ledger, policy) == 1
        server.stop()
        try:
            assert probed(ledger) == "log-unreachable"
        finally:
            server.start()
        assert number(ledger, policy) == 2
        assert probed(ledger) is None
