"""A writer that is there to be killed: what it was answered, it notes in a file before it asks again."""

import hashlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from rulecap import load_policy
from rulecap.audit import open_ledger, postgres, sqlite
from tests.audit.counting import counting, snapshot
from tests.snapshots import random_snapshot

ACCOUNTS = ("a", "b", "c")
THREADS = 3
LONGEST_LIFE = 300  # seconds, should nobody be left to kill it
# So small that the write-ahead log is folded into the file all the time.
PAGES = 16

with tempfile.TemporaryDirectory() as folder:
    POLICIES = (counting(Path(folder) / "counting"), load_policy("default"))
for policy in POLICIES:  # compiled before the fork
    for decision in ("position", "margin"):
        policy.evaluate({}, decision)


def digest(outputs: object) -> str:
    """Return what stands for a decision's outputs."""
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def write(url: str, notes: str, generation: int, born: Connection) -> None:
    """Ask without end; each line of the notes is an answer that a caller has got."""
    sqlite.CHECKPOINT_PAGES = PAGES
    signal.alarm(LONGEST_LIFE)
    file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    born.send_bytes(b"born")
    ledger = open_ledger(url, patience=30)

    def ask(number: int) -> None:
        rng, count = Random(f"{generation} {number} {os.getpid()}"), 0
        while True:
            count += 1
            key = f"generation {generation}" if count == 1 else None
            asked = first(generation) if key else question(rng, generation, count)
            decision = ledger.evaluate(*asked, idempotency_key=key)
            told = [decision.record_id, digest(decision.outputs), key, [problem.code for problem in decision.problems]]
            os.write(file, json.dumps(told).encode() + b"\n")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_until(url: str, notes: str, statement: int, born: Connection) -> None:
    """Begin a log and ask twice, and be killed before a statement, counted from the opening on."""
    born.send_bytes(b"born")
    left = [statement]

    def counted(run: Callable[..., object]) -> Callable[..., object]:
        def run_or_die(*given: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return run(*given)

        return run_or_die

    for kind in (sqlite.SqliteDatabase, postgres.PostgresDatabase):
        for name in ("run", "swap", "append", "commit"):
            setattr(kind, name, counted(getattr(kind, name)))
    with open_ledger(url) as ledger, Path(notes).open("ab", buffering=0) as file:
        for minute in (1, 2):
            decision = ledger.evaluate(POLICIES[0], snapshot(10_000 + minute), "position")
            told = [decision.record_id, digest(decision.outputs), None, []]
            file.write(json.dumps(told).encode() + b"\n")


def first(generation: int) -> tuple[object, object, str]:
    """Return what every thread of a generation asks first, under one key."""
    return POLICIES[0], snapshot(10_000 * generation), "position"


def question(rng: Random, generation: int, count: int) -> tuple[object, object, str]:
    """Return one of many questions: most go on in time, some are late, some hold no snapshot."""
    kind = rng.random()
    decision = rng.choice(("position", "margin"))
    if kind < 0.05:
        return POLICIES[1], random_snapshot(rng), decision
    if kind < 0.08:
        return POLICIES[0], "no snapshot", decision
    minute = 10_000 * generation + (count if kind < 0.8 else rng.randint(-50, count))
    return POLICIES[0], snapshot(minute, rng.randint(-500, 500), rng.choice(ACCOUNTS)), decision
