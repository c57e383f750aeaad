"""Any operation of the disk that fails: nothing is answered that is not on record, and the log goes on by itself."""

from contextlib import suppress

import pytest

from rulecap.audit import LogError, open_ledger, open_log
from rulecap.audit.verify import verify
from tests.audit.counting import counting, snapshot
from tests.audit.power import FAILURES, FULL, Disk, powered

PAGES = 12  # so that the write-ahead log is folded into the file within the run
ASKED = 4


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return counting(tmp_path_factory.mktemp("errors") / "counting")


class Failing:
    """Fails an operation by its number, and all after it where that lasts, until it is mended."""

    def __init__(self, at: int | None, lasting: bool = False, full: bool = False) -> None:
        self.at, self.lasting, self.full = at, lasting, full
        self.count, self.met = 0, []

    def __call__(self, kind: str) -> int | None:
        number, self.count = self.count, self.count + 1
        if self.at is None or number < self.at or (number > self.at and not self.lasting):
            return None
        self.met.append(kind)
        return FULL if self.full and kind == "write" else FAILURES[kind]


def open_in_the_end(url, failing):
    """Return a ledger; the disk is mended where it cannot be opened before."""
    with suppress(LogError):
        return open_ledger(url, patience=0.1)
    failing.at = None
    return open_ledger(url, patience=0.1)


def run(folder, policy, failing, says_so=True):
    """Ask while the disk fails, and once more when it is mended; return the disk and the answers on record."""
    disk, answered = Disk(fails=failing, says_so=says_so), []
    with powered(disk, pages=PAGES), open_in_the_end(f"sqlite:///{folder / 'log.sqlite3'}", failing) as ledger:
        for minute in range(ASKED):
            answer = ledger.evaluate(policy, snapshot(minute))
            if answer.record_id:
                answered.append((answer.record_id, answer.outputs))
                continue
            assert answer.outputs == {"number": None, "verdict": "NO"}
            assert [problem.code for problem in answer.problems] == ["unlogged"]
            assert ledger.failure.code in {"log-failed", "log-full", "log-gone"}
            reduction = ledger.evaluate(policy, snapshot(minute), "margin")
            assert reduction.outputs["wallet"] == 1000
            if reduction.record_id:
                answered.append((reduction.record_id, reduction.outputs))
        failing.at = None
        last = ledger.evaluate(policy, snapshot(50))
        assert last.record_id, (last.problems, failing.met)
        assert ledger.failure is None
        answered.append((last.record_id, last.outputs))
    return disk, answered


def holds(folder, answered):
    """Hold that a log verifies, and has what was answered."""
    with open_log(f"sqlite:///{folder / 'log.sqlite3'}") as log:
        report = verify(log)
        assert report.fine, [finding.render() for finding in report.findings]
        for record, outputs in answered:
            assert log.find(record).fields["outputs"] == outputs


@pytest.mark.parametrize(
    ("lasting", "full"), [(False, False), (True, False), (True, True)], ids=["once", "from then on", "full"]
)
@pytest.mark.no_cover
def test_whichever_operation_fails_nothing_is_answered_that_is_not_on_record(tmp_path, policy, lasting, full):
    (tmp_path / "none").mkdir()
    run(tmp_path / "none", policy, counting_only := Failing(None))
    assert counting_only.count > 60
    kinds = set()
    for at in range(counting_only.count):
        folder = tmp_path / str(at)
        folder.mkdir()
        failing = Failing(at, lasting, full)
        _, answered = run(folder, policy, failing)
        kinds |= set(failing.met)
        holds(folder, answered)
    assert kinds >= {"create", "write", "sync"}


def lost_after_a_failed_sync(folder, policy, says_so):
    """Fail each sync of a run and lose power at the end of it; return which answers are gone, and how many syncs."""
    (folder / "none").mkdir()
    run(folder / "none", policy, counting_only := Failing(None))
    syncs, gone = 0, []
    for at in range(counting_only.count):
        before, after = folder / f"{at} before", folder / f"{at} after"
        before.mkdir()
        after.mkdir()
        failing = Failing(at)
        disk, answered = run(before, policy, failing, says_so)
        if failing.met != ["sync"]:
            continue
        syncs += 1
        for name, content in disk.after_loss(len(disk.events), None).items():
            (after / name).write_bytes(content)
        url = f"sqlite:///{after / 'log.sqlite3'}"
        try:
            with open_ledger(url) as ledger:
                assert ledger.evaluate(policy, snapshot(59)).record_id
            holds(after, answered)
        except (LogError, AssertionError, AttributeError) as error:
            gone.append((at, error))
    return gone, syncs


@pytest.mark.no_cover
def test_a_sync_that_fails_loses_nothing_that_was_answered_when_the_power_goes_afterwards(tmp_path, policy):
    """The system drops what it could not write; only what is written again can be relied on."""
    gone, syncs = lost_after_a_failed_sync(tmp_path, policy, says_so=True)
    assert gone == []
    assert syncs > 5


@pytest.mark.no_cover
def test_a_disk_that_does_not_say_that_a_sync_failed_loses_what_was_answered(tmp_path, policy):
    """The control: no software helps against it, and the test above would see it."""
    gone, _ = lost_after_a_failed_sync(tmp_path, policy, says_so=False)
    assert gone


def test_the_disk_sees_all_that_is_written(tmp_path, policy):
    """What is noted of a run, all of it, is what is in the files."""
    disk = Disk()
    with powered(disk, pages=PAGES), open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}") as ledger:
        for minute in range(20):
            assert ledger.evaluate(policy, snapshot(minute)).record_id
        for name, content in disk.after_loss(len(disk.events), Through()).items():
            assert (tmp_path / name).read_bytes() == content
        assert {path.name for path in tmp_path.iterdir()} == set(disk.after_loss(len(disk.events), Through()))


class Through:
    """The luck by which everything gets through."""

    def random(self) -> float:
        return 0.5
