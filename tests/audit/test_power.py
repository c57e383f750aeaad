"""Power that fails at any moment: what was answered is there afterwards, whole, and the log goes on."""

from pathlib import Path
from random import Random

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.verify import verify
from tests.audit.counting import counting, snapshot
from tests.audit.power import Disk, as_written, powered, without_full_sync


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return counting(tmp_path_factory.mktemp("power") / "counting")


def run(folder: Path, policy, decisions: int, changed=as_written, pages: int = 4000):
    """Write a log on a disk that notes everything; return the disk, and after how many events each answer came."""
    disk, answers = Disk(), []
    with powered(disk, changed, pages), open_ledger(f"sqlite:///{folder / 'log.sqlite3'}") as ledger:
        for minute in range(decisions):
            decision = ledger.evaluate(policy, snapshot(minute % 60))
            assert decision.record_id is not None, decision.problems
            answers.append((len(disk.events), decision.record_id, decision.outputs))
        before_closing = len(disk.events)
    disk.events = disk.events[:before_closing]
    return disk, answers


def lost(folder: Path, disk: Disk, answers, at: int, chance: Random | None, policy) -> list[str]:
    """Return which answered decisions are missing after a loss; the log must verify, and be written on."""
    folder.mkdir()
    for name, content in disk.after_loss(at, chance).items():
        (folder / name).write_bytes(content)
    due = [(record, outputs) for when, record, outputs in answers if when <= at]
    url = f"sqlite:///{folder / 'log.sqlite3'}"
    if due and not (folder / "log.sqlite3").exists():
        return [record for record, _ in due]
    with open_ledger(url) as ledger:
        number = ledger.head.size
        assert ledger.evaluate(policy, snapshot(59), "margin").record_id.endswith(f"-{number + 1}")
    with open_log(url) as log:
        report = verify(log)
        assert report.fine, [finding.render() for finding in report.findings]
        found = [log.find(record) for record, _ in due]
        return [one for (one, outputs), record in zip(due, found, strict=True)
                if record is None or record.fields["outputs"] != outputs]  # fmt: skip


@pytest.mark.no_cover
def test_nothing_answered_is_lost_whichever_event_was_the_last(tmp_path, policy):
    disk, answers = run(tmp_path, policy, 4)
    assert len(disk.events) > 50
    for at in range(len(disk.events) + 1):
        for turn, chance in enumerate([None, Random(f"{at} a")]):
            assert lost(tmp_path / f"{at} {turn}", disk, answers, at, chance, policy) == []


@pytest.mark.no_cover
def test_nothing_answered_is_lost_while_a_log_is_closed_and_opened_again(tmp_path, policy):
    """Closing folds the write-ahead log into the file and deletes it; opening makes a new one."""
    disk, answers = Disk(), []
    (tmp_path / "run").mkdir()
    with powered(disk):
        for minute in range(3):
            with open_ledger(f"sqlite:///{tmp_path / 'run' / 'log.sqlite3'}") as ledger:
                decision = ledger.evaluate(policy, snapshot(minute))
                answers.append((len(disk.events), decision.record_id, decision.outputs))
    assert sum(event.kind == "delete" and event.file.endswith("-wal") for event in disk.events) == 3
    for at in range(answers[0][0], len(disk.events) + 1):
        for turn, chance in enumerate([None, Random(f"{at} closing")]):
            assert lost(tmp_path / f"{at} {turn}", disk, answers, at, chance, policy) == []


def random_losses(tmp_path, policy, times):
    """Lose power at random moments of longer runs, in which the write-ahead log is folded into the file."""
    (tmp_path / "run").mkdir()
    disk, answers = run(tmp_path / "run", policy, 60, pages=20)
    assert any(event.kind == "sync" and event.file == "log.sqlite3" for event in disk.events)
    rng = Random("losses")
    for turn in range(times):
        at = rng.randint(0, len(disk.events))
        assert lost(tmp_path / str(turn), disk, answers, at, Random(f"loss {turn}"), policy) == []


@pytest.mark.no_cover
def test_nothing_answered_is_lost_while_the_file_is_brought_up_to_date(tmp_path, policy):
    random_losses(tmp_path, policy, 150)


@pytest.mark.soak
def test_nothing_answered_is_lost_in_thousands_of_losses(tmp_path, policy):
    random_losses(tmp_path, policy, 5_000)


def test_without_a_sync_at_each_commit_answered_decisions_are_lost(tmp_path, policy):
    """The control: the same disk takes away what was answered where commits are not synced."""
    (tmp_path / "run").mkdir()
    disk, answers = run(tmp_path / "run", policy, 8, without_full_sync)
    losses = [lost(tmp_path / str(at), disk, answers, at, None, policy) for at in range(0, len(disk.events) + 1, 5)]
    assert any(losses)
