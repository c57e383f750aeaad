"""Writers that are killed at random moments: what was answered is on record, and the log goes on from there."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import pytest

from rulecap.audit import Ledger, LogError, open_ledger, open_log
from rulecap.audit.record import Record
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from tests.audit import killed
from tests.audit.counting import snapshot
from tests.audit.forkserver import FORKSERVER

TIMES_ON_ONE_LOG = 5
LONGEST_LIFE = 0.25  # seconds


@pytest.fixture(params=["sqlite", "postgres"])
def logs(request, tmp_path):
    """What makes addresses of logs that are not there yet, and what takes them away again."""
    if request.param == "sqlite":
        return lambda number: f"sqlite:///{tmp_path / f'{number}.sqlite3'}", lambda url: None
    server, database = request.getfixturevalue("server"), request.getfixturevalue("database")
    return lambda number: server.url(database), lambda url: server.empty(database)


def test_a_writer_killed_at_any_moment_loses_no_decision_and_forks_no_memory(logs, tmp_path):
    kill_many(logs, tmp_path, 25)


@pytest.mark.soak
def test_a_writer_killed_a_thousand_times_loses_no_decision_and_forks_no_memory(logs, tmp_path):
    kill_many(logs, tmp_path, 1_000)


def test_a_writer_killed_before_any_statement_of_beginning_a_log_leaves_one_that_goes_on(logs, tmp_path):
    make, take_away = logs
    answers, statement, ended = [], 0, None
    while ended != 0:
        statement += 1
        url, notes = make(statement), tmp_path / f"{statement}.notes"
        writer = start(killed.write_until, url, notes, statement)
        writer.join(60)
        ended = writer.exitcode
        assert ended in {0, -signal.SIGKILL}
        check(url, notes)
        go_on(url, 1)
        answers.append(len(told(notes)))
        take_away(url)
    assert statement > 10
    assert (answers[0], answers[-1]) == (0, 2)
    assert answers == sorted(answers)


def test_a_file_whose_making_was_cut_short_is_read_as_no_log_and_begun_anew(tmp_path):
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    child = os.fork()
    if child == 0:
        cut_short = sqlite3.connect(tmp_path / "log.sqlite3", isolation_level=None)
        cut_short.execute("PRAGMA cache_size = 1")
        cut_short.execute("BEGIN IMMEDIATE")
        for number in range(50):  # more than the cache holds, so that some of it is in the file already
            cut_short.execute(f"CREATE TABLE half_{number} (id INTEGER)")
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "log.sqlite3-journal").stat().st_size > 0
    assert (tmp_path / "log.sqlite3").stat().st_size > 0
    with pytest.raises(LogError) as raised:
        open_log(url)
    assert raised.value.code == "not-a-log"
    open_ledger(url).close()
    with open_log(url) as log:
        assert verify(log).fine


def kill_many(logs, tmp_path, kills):
    """Kill writers, several times on each log, and hold the log against what was answered."""
    make, take_away = logs
    rng = Random(f"kills {kills}")
    done = answered = records = unborn = number = 0
    while done < kills:
        number += 1
        url, notes = make(number), tmp_path / f"{number}.notes"
        for generation in range(1, TIMES_ON_ONE_LOG + 1):
            before = len(told(notes))
            done += kill(url, notes, generation, rng)
            unborn += len(told(notes)) == before
            check(url, notes)
            go_on(url, generation)
        answered += len(told(notes))
        records += replay_all(url)
        take_away(url)
    print(
        f"{done} kills, {unborn} of them before the first answer; {number} logs, {answered} answers, {records} records"
    )
    assert answered
    assert unborn < done, "a machine this loaded kills every writer before its first answer, which shows nothing"


def kill(url: str, notes: Path, generation: int, rng: Random) -> int:
    """Start a writer, or two that write at the same time, and kill it while it opens, or later; return how many."""
    before = notes.stat().st_size if notes.exists() else 0
    writers = [start(killed.write, url, notes, generation) for _ in range(rng.choice((1, 1, 2)))]
    opening = rng.random() < 0.3
    if not opening:
        wait_for_an_answer(notes, before)
    for writer in writers:
        time.sleep(rng.uniform(0, 0.006 if opening else LONGEST_LIFE))
        assert writer.is_alive(), "the writer ended by itself"
        writer.kill()
    for writer in writers:
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        writer.close()
    return len(writers)


def wait_for_an_answer(notes: Path, before: int) -> None:
    """Wait until somebody was answered, so that a writer on a slow machine is not always killed while it opens."""
    end = time.monotonic() + 60
    while not notes.exists() or notes.stat().st_size == before:
        assert time.monotonic() < end, "no writer has got an answer"
        time.sleep(0.002)


def start(program: Callable[..., None], url: str, notes: Path, number: int) -> BaseProcess:
    ours, theirs = FORKSERVER.Pipe(duplex=False)
    writer = FORKSERVER.Process(target=program, args=(url, str(notes), number, theirs))
    writer.start()
    theirs.close()
    with closing(ours):
        assert ours.recv_bytes() == b"born"
    return writer


def told(notes: Path) -> list[tuple[str, str, str | None, list[str]]]:
    """Return the answers that callers have got; a last line that was cut off is none."""
    whole, _, _ = (notes.read_bytes() if notes.exists() else b"").rpartition(b"\n")
    return [tuple(json.loads(line)) for line in whole.splitlines()]


def stored(url: str) -> list[Record]:
    """Return a log's records; none where the writer was killed before it had begun the log."""
    try:
        with open_log(url) as log:
            log.database.look()
            return [one.record for one in log.stored()]
    except LogError as error:
        if error.code not in {"no-log", "not-a-log"}:
            raise
        return []


def check(url: str, notes: Path) -> None:
    """Hold a log against the notes: every answer is on record as it was given, and the log is sound."""
    records, answers = stored(url), told(notes)
    outputs = {record.fields["id"]: killed.digest(record.fields["outputs"]) for record in records}
    for name, given, _, problems in answers:
        assert "unlogged" not in problems
        assert outputs[name] == given
    keys = {record.fields["request"]["key"] for record in records if record.fields["request"]}
    assert sorted(keys) == sorted(record.fields["request"]["key"] for record in records if record.fields["request"])
    for key in keys:
        assert len({name for name, _, known, _ in answers if known == key}) <= 1
    plain = [name for name, _, known, _ in answers if known is None]
    assert len(plain) == len(set(plain))
    if records:
        with open_log(url) as log:
            assert verify(log).findings == ()


def go_on(url: str, generation: int) -> None:
    """Ask once more for each account: the memory has to be the one that the last advance on record left."""
    left = advanced(stored(url))
    with open_ledger(url, patience=30) as ledger:
        for account in killed.ACCOUNTS:
            assert given_to(ledger, url, snapshot(10_000 * generation + 9_000, account=account)) == left.get(account)


def given_to(ledger: Ledger, url: str, asked: dict[str, object]) -> object:
    """Return the memory that an evaluation is given, as it is on record."""
    decision = ledger.evaluate(killed.POLICIES[0], asked)
    with open_log(url) as log:
        return log.find(decision.record_id).fields["memory"]


def advanced(records: list[Record]) -> dict[str, object]:
    """Return each account's memory, from the records alone: a record of a later time than all before it advances it."""
    latest: dict[str, tuple[str, object]] = {}
    for fields in (record.fields for record in records):
        if fields["policy"]["name"] != "counting" or not fields["ok"] or fields["problems"]:
            continue
        account, as_of = fields["account"], fields["snapshot"]["as_of"]
        if account not in latest or as_of > latest[account][0]:
            latest[account] = as_of, fields["next_memory"]
    return {account: memory for account, (_, memory) in latest.items()}


def replay_all(url: str) -> int:
    """Compute every record again, from the stored policies; return how many there are."""
    policies: dict[str, object] = {}
    with open_log(url) as log:
        for record in stored(url):
            name = record.fields["policy"]["digest"]
            policies[name] = policies.get(name) or log.policy(name)
            assert replayed(record, policies[name]) is None
        return log.head().size
