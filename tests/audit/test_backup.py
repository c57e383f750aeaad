"""Copies of a log in SQLite as the manual tells to make them: whole while it is written, and gone on with."""

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from rulecap.audit import open_ledger, open_log
from rulecap.audit.verify import verify
from tests.audit.counting import snapshot

MANUAL = Path(__file__).parents[2] / "docs" / "operations.md"


def documented(copy):
    """Return the statement that the manual has for a copy while the bot runs, naming another copy."""
    (statement,) = re.findall(r"""`sqlite3 risk\.sqlite3 "([^"]*)"`""", MANUAL.read_text(encoding="utf-8"))
    return statement.replace("copy.sqlite3", str(copy))


def test_a_copy_made_while_the_log_is_written_is_whole_and_the_log_can_be_gone_on_with(policy, sqlite_url, tmp_path):
    file, copy, enough = tmp_path / "log.sqlite3", tmp_path / "copies" / "copy.sqlite3", threading.Event()
    copy.parent.mkdir()
    with open_ledger(sqlite_url) as ledger:
        for minute in range(300):
            ledger.evaluate(policy, snapshot(minute))
        kept = ledger.head.note

        def write():
            while not enough.is_set():
                ledger.evaluate(policy, snapshot(1))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with closing(sqlite3.connect(file)) as database:
                database.execute(documented(copy))
        finally:
            enough.set()
            writer.join()
        last = ledger.head.note
    with open_log(f"sqlite:///{copy}") as log:
        assert verify(log, checkpoints=[kept]).fine
        assert {one.code for one in verify(log, checkpoints=[last]).findings} <= {"checkpoint-ahead"}
    with open_ledger(f"sqlite:///{copy}", create=False) as ledger:
        assert ledger.evaluate(policy, snapshot(400)).outputs["number"] == 301
