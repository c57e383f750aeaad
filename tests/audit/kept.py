"""Logs as a version of rulecap wrote them, kept as text so that later versions are held to them.

    python -m tests.audit.kept

writes this version's, where there is none yet. One that was released is not written again: what it holds has to verify
and to replay for as long as its format is read. One is from before records said who asked.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.opening import rotate
from rulecap.version import __version__
from tests.audit.sample import NEW, OLD, Clock, url_of
from tests.snapshots import sequence

LOGS = Path(__file__).with_name("logs")
LEVELS, QUESTIONS = 4, 7
HEX = re.compile("X'([0-9A-F]*)'")


def written(version: str, path: Path) -> str:
    """Make the log file that a version wrote; return the checkpoint that was kept of it elsewhere."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((LOGS / f"{version}.sql").read_text())
    return (LOGS / f"{version}.checkpoint").read_text()


def write(path: Path) -> str:
    """Write a log: some questions, what is no snapshot, the same question again, another key; return its head."""
    policy = load_policy(LOGS / "policy.yaml")
    clock, given = Clock(), list(_snapshots())
    with open_ledger(url_of(path), OLD, clock=clock) as ledger:
        for number, one in enumerate(given):
            ledger.evaluate(policy, one, "position", asked_by="bot" if number % 2 else None)
        ledger.evaluate(policy, given[0], "margin", "a key", b"what is asked")
        ledger.evaluate(policy, {"account": {"id": "kept"}}, "margin")
    rotate(url_of(path), OLD, NEW)
    with open_ledger(url_of(path), NEW, clock=clock) as ledger:
        ledger.evaluate(policy, "{", "position")
        ledger.evaluate(policy, given[-1], "margin")
    with open_log(url_of(path)) as log:
        return log.head().note


def _snapshots() -> Iterator[dict[str, Any]]:
    """Yield an account over time, with thin books to keep the file small."""
    rng = Random("kept 1")
    found = [one for one in sequence(rng, 400) if {"market", "book", "signal", "assets", "positions"} <= one.keys()]
    for one in found[:QUESTIONS]:
        for side in ("bids", "asks"):
            one["book"][side] = one["book"][side][:LEVELS]
        yield one


def _text(path: Path) -> str:
    """Return a log file as SQL, with records and policies as the text that they are."""
    with closing(sqlite3.connect(path)) as connection:
        return "".join(f"{HEX.sub(_readable, line)}\n" for line in connection.iterdump())


def _readable(found: re.Match[str]) -> str:
    raw = bytes.fromhex(found[1])
    if not raw.isascii() or not raw.replace(b"\n", b"").decode().isprintable():
        return found[0]
    quoted = raw.decode().replace("'", "''")
    return f"CAST('{quoted}' AS BLOB)"


if __name__ == "__main__":
    place = LOGS / f"{__version__}.sql"
    if place.exists():
        raise SystemExit(f"{place} is there already")
    with TemporaryDirectory() as folder:
        place.with_suffix(".checkpoint").write_text(write(Path(folder) / "log.sqlite3"))
        place.write_text(_text(Path(folder) / "log.sqlite3"))
