"""A log that follows another one."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from rulecap.audit import LogError, open_ledger, open_log, opening
from rulecap.audit.carry import follows
from rulecap.audit.checkpoint import Checkpoint
from rulecap.audit.findings import Findings
from rulecap.audit.log import begin_at_head
from rulecap.audit.opening import begin
from rulecap.audit.review.deposits import deposits_on_record
from rulecap.audit.tables import CHECKPOINTS
from rulecap.audit.verify import verify
from tests.audit.counting import snapshot
from tests.audit.test_ledger import records


class TestALogThatFollowsAnother:
    @pytest.fixture
    def new(self, tmp_path):
        return f"sqlite:///{tmp_path / 'new.sqlite3'}"

    def test_goes_on_with_its_memories(self, policy, url, new):
        with open_ledger(url) as ledger:
            for minute in (1, 2):
                ledger.evaluate(policy, snapshot(minute))
        begin(new, after=url)
        with open_ledger(new) as ledger:
            assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 3
            assert ledger.evaluate(policy, snapshot(1)).outputs["number"] == 3
            assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 3
            assert ledger.evaluate(policy, snapshot(4)).outputs["number"] == 4
            assert ledger.evaluate(policy, snapshot(4, account="b")).outputs["number"] == 1
        with open_log(new) as log:
            assert verify(log).fine

    def test_gives_its_first_snapshot_the_memory_that_was_carried_again_after_a_restart(self, policy, url, new):
        """One advance is on record then, and what was before it stands in the first record alone."""
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        begin(new, after=url)
        for _ in range(2):
            with open_ledger(new) as ledger:
                assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
        with open_log(new) as log:
            assert verify(log).fine

    def test_says_which_one_and_at_which_head(self, policy, url, new):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            head = ledger.head
        begun = begin(new, after=url)
        with open_log(new) as log:
            assert log.head() == begun.head
        carried = records(new)[0]["snapshot"]["carried"]
        assert (carried["log"], carried["size"], carried["root"]) == (f"rulecap/{head.id}", 1, head.root.hex())
        assert carried["memories"] == [
            {
                "account": "a",
                "policy": "counting",
                "as_of": "2026-01-01T00:01:00Z",
                "memory": records(url)[0]["next_memory"],
            }
        ]

    def test_counts_deposits_on_through_logs_in_which_nobody_was_asked(self, policy, url, new, tmp_path):
        """Else all that was ever paid in were a withdrawal at the first look, and would hide a loss."""
        third = f"sqlite:///{tmp_path / 'third.sqlite3'}"
        with open_ledger(url) as ledger:
            told = snapshot(1)
            ledger.evaluate(policy, {**told, "account": {**told["account"], "net_deposits": 8000}})
            ledger.evaluate(policy, snapshot(1, account="b"))
            ledger.evaluate(policy, {"account": {"id": "a"}})  # which is no snapshot, and tells nothing
        begin(new, after=url)
        begin(third, after=new)
        for one in (url, new, third):
            with open_log(one) as log:
                found = [deposits_on_record(log, name) for name in ("a", "b", "c")]
            time = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
            assert found == [(8000.0, time), (0.0, time), None]
        with open_ledger(third) as ledger:
            ledger.evaluate(policy, snapshot(2))
        with open_log(third) as log:
            assert deposits_on_record(log, "a")[0] == 0.0
            assert verify(log).fine

    def test_passes_on_what_it_was_given_to_the_one_after_it(self, policy, url, new, tmp_path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            ledger.evaluate(policy, snapshot(1, account="b"))
        begin(new, after=url)
        with open_ledger(new) as ledger:
            ledger.evaluate(policy, snapshot(2, account="b"))
        third = f"sqlite:///{tmp_path / 'third.sqlite3'}"
        begin(third, after=new)
        with open_ledger(third) as ledger:
            assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 2
            assert ledger.evaluate(policy, snapshot(3, account="b")).outputs["number"] == 3

    def test_is_empty_before(self, policy, url, new):
        with open_ledger(url) as ledger, open_ledger(new) as other:
            ledger.evaluate(policy, snapshot(1))
            other.evaluate(policy, snapshot(1))
        with pytest.raises(LogError, match="has 1 record already"):
            begin(new, after=url)

    def test_is_the_only_one_that_follows(self, policy, url, new, tmp_path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        head = begin(new, after=url).head
        third = f"sqlite:///{tmp_path / 'third.sqlite3'}"
        with pytest.raises(LogError, match=f"is followed by rulecap/{head.id} already, and by one log only"):
            begin(third, after=url)
        assert not (tmp_path / "third.sqlite3").exists()
        with open_log(url) as log:
            report = verify(log)
        assert (report.findings, report.notes) == ((), (f"rulecap/{head.id} follows it at 1 record",))

    def test_is_not_begun_while_somebody_writes_the_old_one(self, policy, url, new, tmp_path, monkeypatch):
        """It would carry what is about to be outdated, and the old log could not say that it is followed."""
        monkeypatch.setattr(opening, "PATIENCE", 0.1)
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        with closing(opening.connect(url, write=True, create=False, patience=0.1)) as writing:
            begin_at_head(writing)
            with pytest.raises(LogError) as refused:
                begin(new, after=url)
        assert (refused.value.code, (tmp_path / "new.sqlite3").exists()) == ("log-locked", False)
        assert begin(new, after=url).unmarked is None

    def test_may_be_begun_in_place_of_one_that_is_given_up(self, policy, url, new, tmp_path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        third = f"sqlite:///{tmp_path / 'third.sqlite3'}"
        with pytest.raises(LogError, match="there is none in whose place another could be begun"):
            begin(third, after=url, instead="0123")
        first = begin(new, after=url).head
        with pytest.raises(LogError, match=f"is followed by rulecap/{first.id} already"):
            begin(third, after=url, instead="0123")
        head = begin(third, after=url, instead=first.id).head
        with open_log(url) as log:
            expected = f"rulecap/{head.id} follows it at 1 record, in place of rulecap/{first.id}"
            assert (verify(log).findings, verify(log).notes) == ((), (expected,))

    def test_does_not_know_what_is_written_to_the_old_one_afterwards(self, policy, url, new):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            head = begin(new, after=url).head
            ledger.evaluate(policy, snapshot(2))
        with open_log(url) as log:
            said = f"the records after those 1 are not known to rulecap/{head.id}"
            assert (verify(log).findings, verify(log).notes[1:]) == ((), (said,))

    def test_one_of_two_that_follow_is_found_by_both_logs(self, policy, url, new, tmp_path):
        """As where they were begun of copies of the old log, whose marks somebody puts together."""
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        with open_log(url) as log:
            size, root, note = log.head().size, log.head().root, log.head().note.split("\n")[0]
        begin(new, after=url)
        ledger = open_ledger(url)
        with ledger:
            other = Checkpoint(note, size, root, ("rulecap-followed-by rulecap/other",)).to_text()
            ledger._database.begin()
            ledger._database.insert({CHECKPOINTS: [(size, other)]})
            ledger._database.commit()
        with open_log(url) as log:
            assert [one.code for one in verify(log).findings] == ["followed-by-another"]
        with open_log(new) as log, open_log(url) as old:
            findings = Findings()
            follows(log, old, findings)
        assert [one.code for one in findings.kept] == ["followed-by-another"]
        assert "was followed by rulecap/other, and this log is" in findings.kept[0].message

    def test_cannot_follow_itself(self, url):
        open_ledger(url).close()
        with pytest.raises(LogError, match="cannot follow itself"):
            begin(url, after=url)

    def test_shows_where_what_was_carried_is_changed(self, policy, url, new, tmp_path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        begin(new, after=url)
        with open_ledger(new) as ledger:
            ledger.evaluate(policy, snapshot(2))
        with closing(sqlite3.connect(tmp_path / "new.sqlite3")) as attacker, attacker:
            (body,) = attacker.execute("SELECT body FROM records WHERE seq = 1").fetchone()
            attacker.execute("UPDATE records SET body = ? WHERE seq = 1", (body.replace(b'"seen":1', b'"seen":9'),))
        with open_log(new) as log:
            assert [(one.code, one.seq) for one in verify(log).findings] == [("record-altered", 1)]
