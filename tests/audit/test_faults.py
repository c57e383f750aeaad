"""A log that cannot be written: nothing is entered without a record, reductions are answered, and it recovers alone."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import LogError, open_ledger, open_log
from rulecap.audit.asked import input_of
from rulecap.audit.verify import verify
from rulecap.audit.writer import Question
from tests.audit.counting import snapshot
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ledger(policy, file):
    """Return an open ledger with one record, that waits a moment for others and no longer."""
    with open_ledger(f"sqlite:///{file}", patience=0.1) as opened:
        assert opened.evaluate(policy, snapshot(1)).record_id
        yield opened


def refuses(ledger, policy, code):
    """Hold what is answered while the log cannot be written: entries are refused, reductions are not."""
    with patience(60):
        entry = ledger.evaluate(policy, snapshot(2))
        reduction = ledger.evaluate(policy, snapshot(2), "margin")
    assert (entry.ok, entry.outputs, entry.record_id) == (False, {"number": None, "verdict": "NO"}, None)
    assert [(one.code, one.severity) for one in entry.problems] == [("unlogged", "error")]
    assert f"[{code}]" in entry.problems[0].message
    assert (reduction.ok, reduction.outputs["wallet"], reduction.record_id) == (True, 1000, None)
    assert [(one.code, one.severity) for one in reduction.problems] == [("unlogged", "warning")]
    assert ledger.failure.code == code


def recovers(ledger, policy, file, size=2):
    """Hold that the log goes on where it was, with nothing repaired by hand."""
    decision = ledger.evaluate(policy, snapshot(3))
    assert decision.record_id.endswith(f"-{size}"), decision.problems
    assert decision.outputs["number"] == size
    assert ledger.failure is None
    with open_log(f"sqlite:///{file}") as log:
        report = verify(log)
        assert (report.fine, report.size) == (True, size)


class TestALockedLog:
    @contextmanager
    def locked(self, file):
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    def test_refuses_within_its_patience_and_recovers(self, ledger, policy, file):
        with self.locked(file):
            refuses(ledger, policy, "log-locked")
        recovers(ledger, policy, file)

    def test_refuses_many_threads_at_once_each_in_time(self, ledger, policy, file):
        answers = []

        def ask():
            answers.append(ledger.evaluate(policy, snapshot(2)))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        with self.locked(file), patience(60):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert {answer.record_id for answer in answers} == {None}
        assert {problem.code for answer in answers for problem in answer.problems} == {"unlogged"}
        recovers(ledger, policy, file)

    def test_is_waited_for_where_that_is_short(self, policy, file):
        with (
            open_ledger(f"sqlite:///{file}", patience=30) as patient,
            closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            release = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
            release.start()
            assert patient.evaluate(policy, snapshot(1)).record_id
            release.join()


class TestAFullDisk:
    def test_by_the_size_that_the_file_may_have_refuses_and_recovers(self, ledger, policy, file):
        """The kernel refuses to let any file of this process grow, as a full disk would."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
            refuses_full(ledger, policy)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        recovers(ledger, policy, file)

    def test_by_the_pages_that_the_file_may_have_refuses_and_recovers(self, ledger, policy, file):
        """SQLite's own limit; a failure lets go of the connection, and the limit with it."""
        for minute in range(2, 5):
            pages = ledger._database.run("PRAGMA page_count")[0][0]
            ledger._database.run(f"PRAGMA max_page_count = {pages}")
            size = ledger.head.size
            entry = ledger.evaluate(policy, "no snapshot, and more than fits on the page " * 400)
            assert (entry.ok, entry.record_id, ledger.failure.code) == (False, None, "log-full")
            assert ledger.evaluate(policy, snapshot(minute)).record_id.endswith(f"-{size + 1}")
        with open_log(f"sqlite:///{file}") as log:
            assert (verify(log).fine, log.head().size) == (True, 4)

    def test_in_truth_refuses_and_recovers(self, policy, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("a small file system cannot be mounted here")
        try:
            file = disk / "log.sqlite3"
            with open_ledger(f"sqlite:///{file}", patience=0.1) as ledger:
                assert ledger.evaluate(policy, snapshot(1)).record_id
                (disk / "filler").write_bytes(b"x")
                fill(disk / "filler")
                refuses_full(ledger, policy)
                (disk / "filler").unlink()
                recovers(ledger, policy, file)
        finally:
            subprocess.run(["umount", disk], check=True)


def fill(path):
    """Write until there is no room left."""
    with path.open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


def refuses_full(ledger, policy):
    """Hold what is answered on a full disk: the database finds it full, or fails to write."""
    with patience(60):
        entry = ledger.evaluate(policy, snapshot(2))
    assert (entry.ok, entry.record_id) == (False, None)
    assert ledger.failure.code in ("log-full", "log-failed")
    refuses(ledger, policy, ledger.failure.code)


class TestAFile:
    def test_that_is_deleted_is_refused_and_not_begun_again(self, ledger, policy, file):
        file.unlink()
        refuses(ledger, policy, "log-gone")
        assert not file.exists()

    def test_that_is_moved_away_and_back_goes_on(self, ledger, policy, file):
        away = file.parent.with_name("away")
        file.parent.rename(away)
        refuses(ledger, policy, "log-gone")
        away.rename(file.parent)
        recovers(ledger, policy, file)

    def test_that_is_another_log_is_refused_until_the_right_one_is_back(self, ledger, policy, file, tmp_path):
        other, kept = tmp_path / "other.sqlite3", tmp_path / "kept.sqlite3"
        with open_ledger(f"sqlite:///{other}") as second:
            second.evaluate(policy, snapshot(1))
        for ending in ("", "-wal", "-shm"):
            if Path(f"{file}{ending}").exists():
                Path(f"{file}{ending}").rename(f"{kept}{ending}")
        shutil.copy(other, file)
        refuses(ledger, policy, "log-replaced")
        refuses(ledger, policy, "log-replaced")
        for path in file.parent.iterdir():
            path.unlink()
        for ending in ("", "-wal", "-shm"):
            if Path(f"{kept}{ending}").exists():
                Path(f"{kept}{ending}").rename(f"{file}{ending}")
        recovers(ledger, policy, file)

    def test_that_is_an_older_copy_of_itself_is_refused(self, policy, file, tmp_path):
        url = f"sqlite:///{file}"
        with open_ledger(url) as first:
            first.evaluate(policy, snapshot(1))
        old = shutil.copy(file, tmp_path / "old.sqlite3")
        with open_ledger(url, patience=0.1) as ledger:
            ledger.evaluate(policy, snapshot(2))
            for path in file.parent.iterdir():
                path.unlink()
            shutil.copy(old, file)
            for _ in range(2):
                answer = ledger.evaluate(policy, snapshot(3))
                assert (answer.record_id, ledger.failure.code) == (None, "log-replaced")

    def test_whose_write_ahead_log_is_deleted_refuses_and_loses_nothing(self, ledger, policy, file):
        """Closing folds what was written to the deleted file into the log; the next question opens it again."""
        Path(f"{file}-wal").unlink()
        entry = ledger.evaluate(policy, snapshot(2))
        assert (entry.ok, ledger.failure.code) == (False, "log-gone")
        recovers(ledger, policy, file)

    def test_whose_shared_memory_is_deleted_is_left_before_two_write_over_each_other(self, ledger, policy, file):
        """A process that opens the log then makes a new one, and sees no lock of those that have the old one."""
        Path(f"{file}-shm").unlink()
        write = "from tests.audit.test_faults import write_from_elsewhere; write_from_elsewhere({!r}, {!r})"
        text = write.format(str(file), str(file.parent.with_name("counting")))
        command = [sys.executable, "-c", text]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as elsewhere:
            assert elsewhere.stdout.readline() == b"written\n"
            entry = ledger.evaluate(policy, snapshot(2))
            assert (entry.ok, ledger.failure.code) == (False, "log-replaced")
            recovers(ledger, policy, file, size=3)

    def test_that_is_cut_to_nothing_is_refused_and_comes_back_from_its_write_ahead_log(self, ledger, policy, file):
        ledger.evaluate(policy, snapshot(2))
        os.truncate(file, 0)
        entry = ledger.evaluate(policy, snapshot(2.5))
        assert (entry.ok, ledger.failure.code) == (False, "log-corrupt")
        recovers(ledger, policy, file, size=3)

    @pytest.mark.parametrize("lost", [1, 4_120, 10**9])
    def test_whose_write_ahead_log_is_cut_takes_nothing_that_would_be_lost(self, ledger, policy, file, lost):
        answers = [ledger.evaluate(policy, snapshot(minute)) for minute in (2, 3)]
        ahead = Path(f"{file}-wal")
        os.truncate(ahead, max(0, ahead.stat().st_size - lost))
        answers = [ledger.evaluate(policy, snapshot(minute)) for minute in (4, 5)]
        assert [answer.record_id for answer in answers] == [None, None]
        assert ledger.head.size == 3

    def test_whose_write_ahead_log_lacks_a_page_that_the_next_answer_does_not_need_refuses(self, ledger, policy, file):
        """Here a key's: neither the look at a sample nor an answer without a key reads it, and it could not be kept."""
        assert ledger.evaluate(policy, snapshot(2), idempotency_key="k").record_id
        ahead = Path(f"{file}-wal")
        os.truncate(ahead, ahead.stat().st_size - 1)
        for minute in (4, 5):
            assert ledger.evaluate(policy, snapshot(minute)).record_id is None

    def test_whose_write_ahead_log_another_process_has_folded_in_and_cut_goes_on(self, ledger, policy, file):
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0] == 0
        assert Path(f"{file}-wal").stat().st_size == 0
        recovers(ledger, policy, file)

    def test_whose_header_alone_is_overwritten_goes_on_from_its_write_ahead_log(self, ledger, policy, file):
        """All that was written is still there, and the next folding in makes the header whole."""
        with file.open("r+b") as written:
            written.write(b"garbage " * 12)
        recovers(ledger, policy, file)


FOLDED = 300  # records that were folded into the file before it is harmed


class TestAFileThatIsWrittenToByOthers:
    """A copy over a log in use: the file is the same, and SQLite, which has pages in memory, would not look."""

    @pytest.fixture
    def folded(self, policy, file):
        """Return an open ledger of a log that lies in its file, but for the last record."""
        write(policy, file, FOLDED)
        with open_ledger(f"sqlite:///{file}", patience=0.1) as opened:
            assert opened.evaluate(policy, snapshot(FOLDED)).record_id
            yield opened

    def holds_out(self, ledger, policy, file):
        """Hold that it is refused, now, later and to a new process."""
        for _ in range(3):
            with patience(60):
                entry, reduction = (
                    ledger.evaluate(policy, snapshot(900)),
                    ledger.evaluate(policy, snapshot(900), "margin"),
                )
            assert (entry.ok, entry.record_id) == (False, None)
            assert (reduction.ok, reduction.record_id, reduction.outputs["number"]) == (True, None, FOLDED + 2)
            assert ledger.failure.code in {"log-corrupt", "not-a-log"}
            with pytest.raises(LogError):
                open_ledger(f"sqlite:///{file}", create=False)

    def test_garbage_is_refused(self, folded, policy, file):
        with file.open("r+b") as written:
            written.write(b"garbage " * (file.stat().st_size // 8))
        self.holds_out(folded, policy, file)

    def test_an_older_copy_of_itself_is_refused(self, policy, file, tmp_path):
        write(policy, file, FOLDED // 2)
        old = shutil.copy(file, tmp_path / "old.sqlite3").read_bytes()
        write(policy, file, FOLDED, FOLDED // 2)
        with open_ledger(f"sqlite:///{file}", patience=0.1) as ledger:
            assert ledger.evaluate(policy, snapshot(FOLDED)).record_id
            with file.open("r+b") as written:
                written.write(old)
            self.holds_out(ledger, policy, file)

    def test_an_older_copy_that_cuts_it_short_is_refused(self, policy, file, tmp_path):
        write(policy, file, FOLDED // 2)
        old = shutil.copy(file, tmp_path / "old.sqlite3").read_bytes()
        write(policy, file, FOLDED, FOLDED // 2)
        with open_ledger(f"sqlite:///{file}", patience=0.1) as ledger:
            assert ledger.evaluate(policy, snapshot(FOLDED)).record_id
            file.write_bytes(old)
            self.holds_out(ledger, policy, file)

    def test_a_cut_to_nothing_is_refused(self, folded, policy, file):
        os.truncate(file, 0)
        self.holds_out(folded, policy, file)

    def test_a_folding_in_by_another_process_is_none_of_it(self, folded, policy, file):
        with closing(sqlite3.connect(file)) as other:
            assert other.execute("PRAGMA wal_checkpoint").fetchall()[0][0] == 0
        decision = folded.evaluate(policy, snapshot(900))
        assert decision.record_id.endswith(f"-{FOLDED + 2}")


def write(policy, file, until, start=0):
    """Write records and close the log, which folds them into the file."""
    with open_ledger(f"sqlite:///{file}") as ledger:
        questions = [Question(policy, input_of(snapshot(minute)), "position") for minute in range(start, until)]
        ledger._answer(questions)  # together, in one commit
        assert all(question.answer for question in questions)


class TestAWriteAheadLog:
    def test_that_is_deleted_while_another_process_reads_forks_nothing(self, ledger, policy, file):
        script = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT 1 FROM log').fetchall()); "
        )
        with subprocess.Popen(
            [sys.executable, "-c", script + "sys.stdout.flush(); sys.stdin.read()", file],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as reader:  # fmt: skip
            reader.stdout.readline()
            Path(f"{file}-wal").unlink()
            assert ledger.evaluate(policy, snapshot(2)).record_id is None
            assert ledger.failure.code == "log-gone"
            assert ledger.evaluate(policy, snapshot(2)).record_id is None
            reader.kill()
        for _ in range(3):
            answer = ledger.evaluate(policy, snapshot(3))
            assert (answer.record_id, answer.ok) == (None, False)

    def test_that_is_deleted_after_a_crash_is_missed_by_whoever_kept_a_checkpoint(self, policy, file, tmp_path):
        """The log itself cannot know; so the docs say that the file is a part of the log."""
        url = f"sqlite:///{file}"
        write(policy, file, 1)
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(2))
            kept = ledger.head.note
            shutil.copytree(file.parent, tmp_path / "crashed")
        crashed = tmp_path / "crashed" / file.name
        Path(f"{crashed}-wal").unlink()
        write(policy, crashed, 4, 3)
        with open_log(f"sqlite:///{crashed}") as log:
            assert verify(log).fine
            assert "checkpoint-differs" in {one.code for one in verify(log, checkpoints=[kept]).findings}


def write_from_elsewhere(file, policy):
    """Write to a log as another process does, and keep it open for as long as there is input."""
    with open_ledger(f"sqlite:///{file}", patience=30) as elsewhere:
        assert elsewhere.evaluate(load_policy(policy), snapshot(1.5)).record_id
        print("written", flush=True)
        sys.stdin.read()


def test_a_reduce_only_signal_is_answered_by_the_default_policy_without_a_log(ledger, file):
    default = load_policy("default")
    given = json.loads((ROOT / "policies/default/examples/sushi_recorded.json").read_text())
    held = given["positions"][0]
    side = "SELL" if held["side"] == "LONG" else "BUY"
    given |= {"signal": {"symbol": held["symbol"], "side": side, "reduce_only": True},
              "market": {"symbol": held["symbol"], "price": held["mark_price"]}}  # fmt: skip
    given.pop("book", None)
    file.unlink()
    answer = ledger.evaluate(default, given)
    assert (answer.ok, answer.outputs["recommendation"], answer.record_id) == (True, "ENTER", None)
    assert answer.outputs["quantity"] == held["quantity"]
    assert [problem.code for problem in answer.problems] == ["unlogged"]
    entry = ledger.evaluate(default, (ROOT / "policies/default/examples/sushi_recorded.json").read_bytes())
    assert (entry.ok, entry.outputs["recommendation"]) == (False, "REJECT")


def test_many_threads_at_once_are_refused_and_answered_in_time_while_the_file_comes_and_goes(ledger, policy, file):
    away, answers, ended = file.with_name("away"), [], threading.Event()

    def come_and_go():
        while not ended.wait(0.002):
            file.rename(away)
            away.rename(file)

    def ask(number):
        for turn in range(20):
            given = snapshot(100 + turn, account=f"{number}")
            answers.append((ledger.evaluate(policy, given), ledger.evaluate(policy, given, "margin")))

    moving = threading.Thread(target=come_and_go)
    asking = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    with patience(90):
        for thread in (moving, *asking):
            thread.start()
        for thread in asking:
            thread.join()
        ended.set()
        moving.join()
    assert len(answers) == 16 * 20
    assert all(reduction.ok and reduction.outputs["wallet"] == 1000 for _, reduction in answers)
    assert all(entry.ok == (entry.record_id is not None) for entry, _ in answers)
    assert ledger.evaluate(policy, snapshot(900)).record_id
    told = {answer.record_id: answer.outputs for pair in answers for answer in pair if answer.record_id}
    with open_log(f"sqlite:///{file}") as log:
        assert verify(log).fine
        assert {one: log.find(one).fields["outputs"] for one in told} == told


def test_an_unlogged_reduction_remembers_what_the_log_did_and_changes_none_of_it(ledger, policy, file):
    ledger.evaluate(policy, snapshot(2))
    away = file.rename(file.with_name("away"))
    assert ledger.evaluate(policy, snapshot(9), "margin").outputs["number"] == 3
    assert ledger.evaluate(policy, snapshot(10), "margin").outputs["number"] == 3
    away.rename(file)
    recovers(ledger, policy, file, size=3)


class TestAClockThatGoesBack:
    def test_is_recorded_as_it_is_and_noted(self, policy, file):
        clock = [datetime(2026, 1, 2, tzinfo=UTC)]
        with open_ledger(f"sqlite:///{file}", clock=lambda: clock[0]) as ledger:
            ledger.evaluate(policy, snapshot(1))
            clock[0] -= timedelta(hours=5)
            assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
        with open_log(f"sqlite:///{file}") as log:
            report = verify(log)
            assert [stored.record.fields["time"][:13] for stored in log.stored()] == ["2026-01-02T00", "2026-01-01T19"]
        assert report.fine
        assert report.notes == ("the writer's clock went back once; records are in the order of their numbers",)

    def test_keeps_an_idempotency_key_alive(self, policy, file):
        clock = [datetime(2026, 1, 2, tzinfo=UTC)]
        with open_ledger(f"sqlite:///{file}", clock=lambda: clock[0]) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            clock[0] -= timedelta(days=400)
            assert ledger.evaluate(policy, snapshot(1), idempotency_key="k").record_id == first.record_id


@pytest.mark.parametrize("name", ["a b.sqlite3", "what?.sqlite3", "50%41.sqlite3", "#1.sqlite3", "größe.sqlite3"])
def test_a_file_may_have_any_name(policy, tmp_path, name):
    from urllib.parse import quote

    url = f"sqlite:///{quote(str(tmp_path / name))}"
    with open_ledger(url) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).record_id
    assert (tmp_path / name).is_file()
    with open_log(url) as log:
        assert verify(log).fine


def test_a_ledger_is_not_used_across_a_fork(ledger, policy, file):
    child = os.fork()
    if child == 0:
        answer = ledger.evaluate(policy, snapshot(2))
        os._exit(0 if answer.record_id is None and "after forking" in answer.problems[0].message else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    recovers(ledger, policy, file)


def test_a_medium_that_takes_no_writing_can_be_read(policy, file):
    with open_ledger(f"sqlite:///{file}") as ledger:
        ledger.evaluate(policy, snapshot(1))
    mounted = subprocess.run(
        ["mount", "--bind", "-o", "ro", file.parent, file.parent], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a folder cannot be mounted for reading here")
    try:
        if os.access(file.parent, os.W_OK):
            subprocess.run(["mount", "-o", "remount,ro,bind", file.parent], check=True)
        with open_log(f"sqlite:///{file}") as log:
            assert verify(log).fine
        with pytest.raises(LogError):
            open_ledger(f"sqlite:///{file}")
    finally:
        subprocess.run(["umount", file.parent], check=True)


def test_processes_that_begin_one_log_at_the_same_moment_all_get_it(tmp_path):
    """SQLite does not wait for another one that turns to a write-ahead log; we do."""
    context = multiprocessing.get_context("fork")
    for turn in range(20):
        barrier = context.Barrier(4)
        url = f"sqlite:///{tmp_path / f'{turn}.sqlite3'}"
        processes = [context.Process(target=begin_together, args=(url, barrier)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * 4


def begin_together(url, barrier):
    barrier.wait(30)
    open_ledger(url, patience=30).close()
    os._exit(0)


def test_a_log_whose_beginning_was_cut_short_can_be_read_without_a_writer(policy, file):
    """A hot journal, as a writer leaves it that was killed while it began the file."""
    with closing(sqlite3.connect(file)) as killed:
        killed.execute("PRAGMA synchronous = OFF")
        killed.execute("CREATE TABLE begun (one INTEGER)")
        killed.commit()
        killed.execute("BEGIN IMMEDIATE")
        killed.execute("PRAGMA cache_spill = ON")
        killed.execute("PRAGMA cache_size = 1")
        killed.executemany("INSERT INTO begun VALUES (?)", ((number,) for number in range(20_000)))
        for path in list(file.parent.iterdir()):
            shutil.copy(path, path.with_name(path.name.replace("log.", "copy.")))
    copy = file.with_name("copy.sqlite3")
    assert Path(f"{copy}-journal").exists()
    with pytest.raises(LogError, match="holds no audit log"):
        open_log(f"sqlite:///{copy}")
    assert not Path(f"{copy}-journal").exists()
