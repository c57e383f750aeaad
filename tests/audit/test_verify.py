"""What verify can prove with which evidence, whom a writer goes on with, and what an attacker must not get signed."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from rulecap.audit import LogError, open_ledger, open_log
from rulecap.audit.merkle import node_count
from rulecap.audit.note import sign
from rulecap.audit.opening import begin, rotate
from rulecap.audit.record import Place, bare_body
from rulecap.audit.trust import NEXT_KEY, handover
from rulecap.audit.verify import verify
from rulecap.audit.witness import checkpoint_of
from tests.audit.counting import counting, snapshot
from tests.audit.independent import verdict
from tests.audit.rewriting import bodies, changed, rewrite
from tests.audit.sample import NEW, OLD, STRANGER, url_of, write


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.sqlite3"


def ask(path, policy, *minutes, key=OLD):
    with open_ledger(url_of(path), key) as ledger:
        for minute in minutes:
            assert ledger.evaluate(policy, snapshot(minute)).record_id, ledger.failure
        return ledger.head


def found(path, keys=(), kept=()):
    """Codes and records of what is found."""
    with open_log(url_of(path)) as log:
        return [(one.code, one.seq, one.last) for one in verify(log, [key.verifier for key in keys], kept).findings]


def edit(path, statement, *values):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


def signed_by(path, *keys):
    with open_log(url_of(path)) as log:
        return verify(log, [key.verifier for key in keys]).signed_by


def rewritten(path, **fields_of):
    """Change fields of records, named r1, r2 and so on, and compute everything again."""
    with closing(sqlite3.connect(path)) as database, database:
        records = bodies(database)
        for name, fields in fields_of.items():
            seq = int(name.removeprefix("r"))
            records[seq - 1] = changed(records[seq - 1], **fields)
        rewrite(database, records)


def messages(path):
    with open_log(url_of(path)) as log:
        return [one.render() for one in verify(log).findings]


# --- honest limits: only a checkpoint kept elsewhere, or nothing, finds these


def test_a_log_that_is_put_back_is_found_only_with_a_later_checkpoint(policy, path, tmp_path):
    ask(path, policy, 1, 2, 3)
    shutil.copy(path, tmp_path / "backup")
    later = ask(path, policy, 4, 5)
    shutil.copy(tmp_path / "backup", path)
    assert found(path, [OLD]) == []
    assert found(path, [OLD], [later.note]) == [("checkpoint-ahead", 4, 5)]


def test_a_past_that_the_key_s_holder_rewrites_is_found_only_with_a_checkpoint(policy, path):
    early = ask(path, policy, 1, 2, 3)
    late = ask(path, policy, 4, 5, 6)
    with closing(sqlite3.connect(path)) as database, database:
        records = bodies(database)
        records[4] = changed(records[4], engine="9.9.9")
        rewrite(database, records, OLD)
    assert found(path, [OLD]) == []
    assert found(path, [OLD], [early.note]) == []
    assert found(path, [OLD], [early.note, late.note]) == [("checkpoint-differs", 4, 6)]


def test_another_past_from_a_record_on_is_found_with_a_checkpoint_from_after_it(policy, path, tmp_path):
    ask(path, policy, 1, 2, 3, key=None)
    shutil.copy(path, tmp_path / "start")
    true = ask(path, policy, 4, 5, 6, key=None)
    shutil.copy(tmp_path / "start", path)
    ask(path, policy, 7, 8, 9, 10, key=None)
    assert found(path) == []
    assert found(path, [OLD]) == [("not-signed", None, None)]
    assert found(path, kept=[true.note]) == [("checkpoint-differs", 1, 6)]


def test_a_log_put_back_from_before_a_rotation_is_said_to_be_that(policy, path, tmp_path):
    """The later key is not trusted then, for the handover is gone too; whoever reads on learns what that may mean."""
    ask(path, policy, 1, 2)
    shutil.copy(path, tmp_path / "backup")
    rotate(url_of(path), OLD, NEW)
    later = ask(path, policy, 3, 4, 5, key=NEW)
    shutil.copy(tmp_path / "backup", path)
    with open_log(url_of(path)) as log:
        (finding,) = verify(log, [OLD.verifier], [later.note]).findings
    assert finding.code == "bad-signature"
    assert "it counts 5 records, this log 2: if the log was handed over to that key, its end was cut off" in (
        finding.message
    )
    assert found(path, [OLD, NEW], [later.note]) == [("checkpoint-ahead", 3, 5)]


def test_a_checkpoint_of_a_log_before_its_first_record_agrees_or_is_said_to_be_about_none(policy, path):
    """It proves no record, but which log it was that was begun; of that, what is none is a finding too."""
    empty = ask(path, policy, key=None)
    ask(path, policy, 1, key=None)
    with open_log(url_of(path)) as log:
        report = verify(log, checkpoints=[empty.note])
    assert (report.findings, report.checkpoints) == ((), 1)
    false = replace(checkpoint_of(empty), root=bytes(32)).to_text()
    with open_log(url_of(path)) as log:
        (finding,) = verify(log, checkpoints=[false]).findings
    assert (finding.code, finding.place, finding.to_dict()["last"]) == ("checkpoint-differs", "", None)


def test_a_checkpoint_from_between_missing_records_is_compared_by_their_leaves_as_long_as_they_are_there(policy, path):
    """Nothing is said against a checkpoint that agrees; and where it cannot be told, that is not taken for agreeing."""
    ask(path, policy, 1, 2)
    kept = [ask(path, policy, 3).note, ask(path, policy, 4).note]
    ask(path, policy, 5, 6)
    edit(path, "DELETE FROM records WHERE seq BETWEEN 3 AND 5")
    with open_log(url_of(path)) as log:
        report = verify(log, [OLD.verifier], kept)
    assert ([(one.code, one.seq, one.last) for one in report.findings], report.checkpoints) == (
        [("record-missing", 3, 5)],
        2,
    )
    edit(path, "DELETE FROM nodes WHERE position = ?", node_count(3))
    with open_log(url_of(path)) as log:
        report = verify(log, [OLD.verifier], kept)
    assert report.checkpoints == 1
    assert [one.message for one in report.findings if one.code == "checkpoint-differs"] == [
        "a checkpoint kept elsewhere, of 4 records, cannot be compared: records are missing with their leaves"
    ]
    assert report.root == ""


def test_records_that_are_not_those_of_the_signed_head_are_narrowed_by_what_was_kept(policy, path):
    """Everything agrees but the signature; a checkpoint from before the change says up to where nothing was changed."""
    early = ask(path, policy, 1, 2, key=OLD)
    head = ask(path, policy, 3, 4)
    rewritten(path, r4={"engine": "9.9.9"})
    edit(path, "UPDATE log SET note = ?", head.note)
    signed = ("head-differs", 1, 4)
    assert found(path, [OLD]) == [("head-differs", None, None), signed]
    assert found(path, [OLD], [early.note]) == [("head-differs", None, None), ("head-differs", 3, 4)]


def test_another_log_in_its_place_is_found_with_a_checkpoint_and_by_its_key_if_that_is_another(policy, path, tmp_path):
    true = ask(path, policy, 1, 2)
    for key in (OLD, STRANGER, None):
        other = tmp_path / f"{key}"
        ask(other, policy, 1, 2, key=key)
        assert [code for code, _, _ in found(other, kept=[true.note])] == ["other-log"]
    assert found(tmp_path / f"{OLD}", [OLD]) == []
    assert [code for code, _, _ in found(tmp_path / f"{STRANGER}", [OLD])] == ["bad-signature"]
    assert found(tmp_path / "None", [OLD]) == [("not-signed", None, None)]


def test_a_log_that_is_gone_is_said_and_none_is_made(path):
    with pytest.raises(LogError, match="there is no log at") as refused:
        open_log(url_of(path))
    assert refused.value.code == "no-log"
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\0" + bytes(500), os.urandom(5000)])
def test_a_file_that_is_no_log_is_said(content, path):
    path.write_bytes(content)
    with pytest.raises(LogError) as refused:
        open_log(url_of(path))
    assert refused.value.code in {"not-a-log", "log-corrupt"}


@pytest.mark.parametrize(
    ("column", "value"),
    [("size", -1), ("size", "x"), ("size", 1.5), ("root", b"short"), ("root", 10**12), ("id", b"\xff"), ("note", b"x")],
)
def test_a_head_that_is_none_is_said(column, value, policy, path):
    ask(path, policy, 1)
    edit(path, f"UPDATE log SET {column} = ?", value)
    with pytest.raises(LogError, match="the log's head is none"):
        open_log(url_of(path))


def test_a_log_of_a_later_format_is_neither_read_nor_written(policy, path):
    """What this rulecap made of it could be wrong without anybody seeing it."""
    ask(path, policy, 1, key=None)
    edit(path, "UPDATE log SET format = 2")
    for opened in (open_log, open_ledger):
        with pytest.raises(LogError, match="is of format 2; this rulecap reads format 1") as refused:
            opened(url_of(path))
        assert refused.value.code == "not-a-log"


def test_a_damaged_file_is_a_finding_that_says_how_far_it_could_be_read(tmp_path, path):
    write(path, tmp_path)
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xaa" * 200
    path.write_bytes(content)
    codes = {code for code, _, _ in found(path)}
    assert codes & {"log-damaged", "tables-differ"}


# --- what would launder a rewritten log: a writer that signs on


def test_a_writer_does_not_sign_on_after_a_head_that_its_key_has_not_signed(policy, path):
    ask(path, policy, 1, 2, 3)
    (note,) = sqlite3.connect(path).execute("SELECT note FROM log").fetchone()
    with closing(sqlite3.connect(path)) as database, database:
        records = bodies(database)
        rewrite(database, [changed(records[0], engine="9.9.9"), *records[1:]])
    with pytest.raises(LogError, match="has 3 records that desk has not signed") as refused:
        open_ledger(url_of(path), OLD)
    assert refused.value.code == "signing-key"
    edit(path, "UPDATE log SET note = ?", note)
    with pytest.raises(LogError, match="the head of 3 records is not the one of 3 that desk signed") as refused:
        open_ledger(url_of(path), OLD)
    assert refused.value.code == "log-corrupt"


def test_a_writer_does_not_write_on_where_the_head_is_not_that_of_the_tree(policy, path):
    """Its next head would cover what the head before it did not say; that is so for a writer that has it open, too."""
    with open_ledger(url_of(path)) as ledger:
        for minute in (1, 2, 3):
            ledger.evaluate(policy, snapshot(minute))
        edit(path, "UPDATE nodes SET hash = ? WHERE position = 2", bytes(32))
        edit(path, "UPDATE log SET note = note || ' '")
        assert ledger.evaluate(policy, snapshot(4)).record_id is None
        assert (ledger.failure.code, "not that of its tree" in ledger.failure.reason) == ("log-corrupt", True)
    with pytest.raises(LogError, match="the head of 3 records is not that of its tree") as refused:
        open_ledger(url_of(path))
    assert refused.value.code == "log-corrupt"


@pytest.mark.parametrize("more", [0, 1])
def test_a_writer_does_not_write_on_in_a_log_that_was_rewritten_since_it_wrote(more, policy, path):
    """Everything in it agrees and there is no key; but this process knows what it wrote, and one that is told it."""
    with open_ledger(url_of(path)) as ledger:
        for minute in (1, 2):
            ledger.evaluate(policy, snapshot(minute))
        if more:
            ask(path, policy, 3, key=None)
        rewritten(path, r1={"engine": "9.9.9"})
        for _ in range(2):
            assert ledger.evaluate(policy, snapshot(4)).record_id is None
            said = ledger.failure.code, "was rewritten since this process wrote there" in ledger.failure.reason
            assert said == ("log-corrupt", True)
        known = ledger.head
    with pytest.raises(LogError, match="was rewritten since this process wrote there"):
        open_ledger(url_of(path), since=known)
    assert found(path) == []


def test_the_signed_head_of_another_log_is_no_head_of_this_one(policy, path, tmp_path):
    ask(path, policy, 1)
    other = ask(tmp_path / "other", policy, 1)
    edit(path, "UPDATE log SET note = ?", other.note)
    with pytest.raises(LogError) as refused:
        open_ledger(url_of(path), OLD)
    assert refused.value.code == "log-corrupt"
    assert found(path, [OLD]) == [("head-differs", None, None)]


def test_a_log_that_was_begun_without_a_key_is_not_taken_over_by_one(policy, path):
    ask(path, policy, 1, key=None)
    with pytest.raises(LogError, match="begin a signed log that follows it"):
        open_ledger(url_of(path), OLD)
    with pytest.raises(LogError, match="has not signed"):
        rotate(url_of(path), OLD, NEW)


def test_records_that_nobody_signed_and_signed_ones_that_are_gone_are_named_beside_the_signed_head(policy, path):
    """Whoever has no key may make everything else agree, but the signed head still says how many records there were."""
    ask(path, policy, 1, 2, 3)
    (signed,) = sqlite3.connect(path).execute("SELECT note FROM log").fetchone()
    ask(path, policy, 4, 5)
    (later,) = sqlite3.connect(path).execute("SELECT note FROM log").fetchone()
    edit(path, "UPDATE log SET note = ?", signed)
    assert found(path, [OLD]) == [("record-inserted", 4, 5)]
    assert found(path) == [("head-differs", None, None)]
    with closing(sqlite3.connect(path)) as database, database:
        rewrite(database, bodies(database)[:2])
        database.execute("UPDATE log SET note = ?", (later,))
    assert found(path, [OLD]) == [("record-missing", 3, 5)]
    assert found(path) == [("head-differs", None, None)]


def test_a_head_s_checkpoint_of_other_records_is_found_without_a_key(policy, path):
    """It is what an auditor takes away and keeps: of a log that is whole in itself, it must not say something else."""
    head = ask(path, policy, 1, 2, key=None)
    for other in (replace(checkpoint_of(head), root=bytes(32)), replace(checkpoint_of(head), size=1)):
        edit(path, "UPDATE log SET note = ?", other.to_text())
        assert found(path) == [("head-differs", None, None)]


def test_a_checkpoint_that_was_put_into_the_log_is_no_witness_against_its_records(policy, path):
    """Anybody who writes the database can put one there, so it is held against the records, not they against it."""
    head = ask(path, policy, 1, 2, key=None)
    edit(path, "UPDATE nodes SET hash = ? WHERE position = 0", bytes(32))
    edit(path, "INSERT INTO checkpoints VALUES (2, ?)", replace(checkpoint_of(head), root=bytes(32)).to_text())
    assert sorted(found(path)) == [("checkpoint-differs", 1, 2), ("node-altered", 1, None)]


@pytest.mark.parametrize("seq", [-3, 0, 1])
def test_a_row_of_an_index_in_a_log_without_records_is_found(seq, path):
    """There is no record beside which it could be looked at, whatever number it has."""
    open_ledger(url_of(path)).close()
    edit(path, "INSERT INTO advances VALUES ('a', 'counting', 5, ?)", seq)
    assert found(path) == [("index-differs", seq if seq > 0 else None, None)]


# --- memories, in a log that is rewritten throughout: nothing else disagrees, and no key or checkpoint is at hand


def test_a_first_record_that_was_given_a_memory_is_named_and_no_record_is_blamed_for_it(policy, path):
    ask(path, policy, 1, 2, key=None)
    rewritten(path, r1={"memory": {"seen": 5.0, "worst_loss": 0.0}})
    assert messages(path) == ["record 1: was not given the memory that its account began with [memory-differs]"]


def test_a_record_that_was_given_another_memory_is_named_with_the_one_that_left_it(policy, path):
    """Also a late one, which gets the memory from before its time, and one on the snapshot of the one before it."""
    ask(path, policy, 1, 3, 5, 5, 2, key=None)
    other = {"memory": {"seen": 0.0, "worst_loss": 9.0}}
    for seq, left in ((2, 1), (3, 2), (4, 2)):
        rewritten(path, **{f"r{seq}": other})
        assert messages(path) == [f"record {seq}: was not given the memory that record {left} left [memory-differs]"]
        with open_log(url_of(path)) as log:
            given = log.record(left).fields["next_memory"]
        rewritten(path, **{f"r{seq}": {"memory": given}})
    assert messages(path) == []
    rewritten(path, r5=other)
    assert messages(path) == ["record 5: is late, and was not given the memory that record 1 left [memory-differs]"]


def test_a_first_record_that_is_missing_says_nothing_against_the_memory_of_the_next(policy, path):
    ask(path, policy, 1, 2, 3)
    edit(path, "DELETE FROM records WHERE seq = 1")
    assert found(path) == [("record-missing", 1, 1)]


def test_memories_are_carried_over_by_a_log_s_first_record_alone(policy, path):
    """Else who rewrites a log could set back what trips a circuit breaker: by carrying a memory into its middle."""
    name = ask(path, policy, 1, 2, 3, key=None).id
    forged = {"seen": 0.0, "worst_loss": 0.0}
    carried = {"account": "a", "policy": "counting", "as_of": snapshot(2)["as_of"], "memory": forged}
    rewritten(path, r3={"memory": forged})
    with closing(sqlite3.connect(path)) as database, database:
        records = bodies(database)
        time = json.loads(records[1])["time"]
        records[1] = bare_body(Place(2, name, time), json.dumps({"carried": {"memories": [carried]}}).encode())
        rewrite(database, records)
    assert messages(path) == [
        "record 2: is no decision's, and not the first record of a log that follows another [record-altered]"
    ]


def test_what_the_first_record_carries_over_is_what_the_next_ones_have_to_be_given(policy, path, tmp_path):
    """In time, late, and for whoever comes first under the log: a carried memory holds as one that a record left."""
    ask(tmp_path / "old", policy, 1, 4, key=None)
    begin(url_of(path), after=url_of(tmp_path / "old"))
    ask(path, policy, 2, 6, 5, key=None)
    assert messages(path) == []
    with open_log(url_of(path)) as log:
        given = log.record(2).fields["memory"]
    for seq, late in ((2, "is late, and "), (3, ""), (4, "is late, and ")):
        rewritten(path, **{f"r{seq}": {"memory": {"seen": 9.0, "worst_loss": 0.0}}})
        assert messages(path) == [f"record {seq}: {late}was not given the memory that record 1 left [memory-differs]"]
        rewritten(path, **{f"r{seq}": {"memory": given}})
    assert messages(path) == []


# --- from key to key


def test_after_a_rotation_either_key_or_both_prove_the_log(tmp_path, path):
    write(path, tmp_path, OLD, following=True)
    assert found(path, [OLD]) == found(path, [NEW]) == found(path, [OLD, NEW]) == found(path) == []
    assert signed_by(path, OLD) == signed_by(path, NEW) == ("desk-2",)
    assert [code for code, _, _ in found(path, [STRANGER])] == ["bad-signature", "bad-signature", "bad-signature"]
    with closing(sqlite3.connect(path)) as database:
        records, (note,) = bodies(database), database.execute("SELECT note FROM log").fetchone()
        (passed,) = database.execute("SELECT note FROM checkpoints").fetchone()
    assert verdict(records, note, NEW.verifier.to_text()) == "ok"
    assert verdict(records, note, OLD.verifier.to_text()) == "the key has not signed this text"
    assert verdict(records[: int(passed.split("\n")[1])], passed, OLD.verifier.to_text()) == "ok"


def test_a_handover_that_is_forged_is_found(policy, path):
    head = ask(path, policy, 1, 2)
    text = checkpoint_of(head).to_text()
    forged = sign(f"{text}{NEXT_KEY} {STRANGER.verifier.to_text()}\n", STRANGER)
    edit(path, "INSERT INTO checkpoints VALUES (?, ?)", 2, forged)
    edit(path, "UPDATE log SET note = ?", sign(text, STRANGER))
    assert {code for code, _, _ in found(path, [OLD])} == {"bad-signature"}


def test_a_handover_of_another_log_hands_nothing_over_here(policy, path, tmp_path):
    head = ask(path, policy, 1, 2)
    other = ask(tmp_path / "other", policy, 1)
    edit(path, "INSERT INTO checkpoints VALUES (?, ?)", 1, handover(checkpoint_of(other), OLD, STRANGER))
    edit(path, "UPDATE log SET note = ?", sign(checkpoint_of(head).to_text(), STRANGER))
    assert [code for code, _, _ in found(path, [OLD])] == ["other-log", "bad-signature"]


def test_a_retired_key_that_signs_on_is_found_if_the_handover_is_there_or_was_kept(policy, path):
    ask(path, policy, 1, 2)
    note = rotate(url_of(path), OLD, NEW)
    ask(path, policy, 3, key=NEW)
    with closing(sqlite3.connect(path)) as database, database:
        rewrite(database, bodies(database), OLD)
    assert [code for code, _, _ in found(path, [OLD])] == ["bad-signature"]
    edit(path, "DELETE FROM checkpoints")
    assert found(path, [OLD]) == []  # nothing is left of the handover: whoever keeps checkpoints has to keep it
    assert [code for code, _, _ in found(path, [OLD], [note])] == ["checkpoint-differs", "bad-signature"]
    assert [code for code, _, _ in found(path, [NEW])] == ["bad-signature"]


def test_a_running_writer_with_the_old_key_is_refused_after_the_rotation_and_works_with_the_new_one(policy, path):
    with open_ledger(url_of(path), OLD) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).record_id
        rotate(url_of(path), OLD, NEW)
        refused = ledger.evaluate(policy, snapshot(2))
        assert refused.record_id is None
        assert [problem.code for problem in refused.problems] == ["unlogged"]
        assert "if that was done, start with the new key" in str(ledger.failure)
    ask(path, policy, 2, key=NEW)
    assert found(path, [OLD]) == []


# --- what is not to take the machine with it


def test_a_head_that_counts_beyond_all_measure_is_answered_at_once(policy, path):
    ask(path, policy, 1, 2)
    edit(path, "UPDATE log SET size = ?", 2**63 - 1)
    assert ("record-missing", 3, 2**63 - 1) in found(path)


def test_a_body_of_a_hundred_megabytes_is_a_finding(policy, path):
    ask(path, policy, 1, 2)
    edit(path, "UPDATE records SET body = zeroblob(100000000) WHERE seq = 2")
    assert [(code, seq) for code, seq, _ in found(path)] == [("record-altered", 2)]


def test_of_a_log_that_is_wrong_throughout_a_thousand_findings_are_kept_and_all_are_counted(policy, path):
    ask(path, policy, *range(1, 5), key=None)
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO records SELECT ?, time, kind, body FROM records WHERE seq = 1",
            [(seq,) for seq in range(9, 2009)],
        )
    with open_log(url_of(path)) as log:
        report = verify(log)
    assert (len(report.findings), report.count) == (1000, 2000)


def test_a_late_record_of_another_version_than_the_one_before_its_time_is_fine(policy, path, tmp_path):
    newer = counting(tmp_path / "newer", version="1.1.0", loss="largest_loss")
    with open_ledger(url_of(path)) as ledger:
        for which, minute in ((policy, 1), (newer, 3), (newer, 5), (newer, 2)):
            ledger.evaluate(which, snapshot(minute))
    assert found(path) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("CREATE RULE quiet AS ON DELETE TO records DO INSTEAD NOTHING", "the rule quiet is not rulecap's"),
        ("ALTER TABLE requests ENABLE ROW LEVEL SECURITY", "the row security on requests is not rulecap's"),
        ("ALTER TABLE advances RENAME TO kept; CREATE VIEW advances AS SELECT * FROM kept", "advances is no table"),
        (
            "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " CREATE TRIGGER undo BEFORE INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION undo()",
            "the trigger undo is not rulecap's",
        ),
    ],
)
def test_what_acts_on_the_tables_of_a_server_is_found(change, said, policy, postgres_url):
    import psycopg

    with open_ledger(postgres_url) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).record_id
    with psycopg.connect(postgres_url, options="-c search_path=rulecap") as database:
        database.execute(change)
    with open_log(postgres_url) as log:
        assert said in " ".join(one.message for one in verify(log).findings)
