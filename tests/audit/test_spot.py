"""The look at a sample: what it sees before a log is written on."""

import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest

from rulecap.audit import LogError, open_ledger
from rulecap.audit.asked import input_of
from rulecap.audit.batches import batches
from rulecap.audit.spot import AT_ONCE, LATEST, SAMPLE, _sampled
from rulecap.audit.writer import Question
from tests.audit.counting import counting, snapshot

SIZE = 40


@pytest.fixture
def file(tmp_path):
    policy = counting(tmp_path / "counting")
    with open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}") as ledger:
        ledger._answer([Question(policy, input_of(snapshot(minute)), "position") for minute in range(SIZE)])
    return tmp_path / "log.sqlite3"


@pytest.mark.parametrize("size", [0, 1, 2, 16, 17, 199, 200, 201, 1_000, 10_000_000])
def test_a_sample_has_the_first_record_the_latest_ones_and_others_in_between(size):
    seqs = _sampled(size)
    assert seqs == sorted(set(seqs))
    assert set(range(1, size + 1)[:1]) | set(range(1, size + 1)[-LATEST:]) <= set(seqs) <= set(range(1, size + 1))
    assert len(seqs) <= SAMPLE + LATEST
    assert len(seqs) == size or max(b - a for a, b in pairwise(seqs)) <= size // (SAMPLE - 1) + 1
    assert [seq for some in batches(seqs, AT_ONCE) for seq in some] == seqs
    assert all(len(some) <= AT_ONCE for some in batches(seqs, AT_ONCE))


@pytest.mark.parametrize("seq", range(1, SIZE + 1))
def test_a_record_that_is_missing_keeps_a_small_log_from_being_written_on(file, seq):
    with closing(sqlite3.connect(file)) as other:
        other.execute("DELETE FROM records WHERE seq = ?", (seq,))
        other.commit()
    with pytest.raises(LogError, match=f"record {seq} is missing or is not what was written") as raised:
        open_ledger(f"sqlite:///{file}")
    assert raised.value.code == "log-corrupt"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE records SET body = body || ' ' WHERE seq = 7", "UPDATE nodes SET hash = zeroblob(32) WHERE position = 10"],
)
def test_a_record_that_is_not_what_was_hashed_keeps_it_too(file, statement):
    with closing(sqlite3.connect(file)) as other:
        assert other.execute(statement).rowcount == 1
        other.commit()
    with pytest.raises(LogError, match="record 7 is missing or is not what was written"):
        open_ledger(f"sqlite:///{file}")


def test_a_record_that_goes_missing_from_a_file_in_use_keeps_it_from_being_written_on(file, tmp_path):
    """The head and the tree are still as they were; what tells is that somebody wrote into the file."""
    policy = counting(tmp_path / "again")
    with open_ledger(f"sqlite:///{file}") as ledger:
        assert ledger.evaluate(policy, snapshot(SIZE)).record_id
        with closing(sqlite3.connect(file)) as other:
            other.execute("DELETE FROM records WHERE seq = 7")
            other.commit()
            assert other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
        assert ledger.evaluate(policy, snapshot(SIZE + 1)).record_id is None
        assert "record 7 is missing" in ledger.failure.reason
        assert ledger.failure.code == "log-corrupt"
