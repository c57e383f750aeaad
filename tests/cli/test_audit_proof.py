"""`rulecap audit verify`, `checkpoint`, `keygen` and `rotate`: what they say, and how they end."""

import errno
import json
import resource
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from rulecap.audit.merkle import verify_consistency
from rulecap.cli.audit import checkpoint
from tests.audit.rewriting import changed
from tests.cli.logged import LOG, ask


@pytest.fixture
def keys(rulecap, policy):
    """The public halves of two keys, `desk.key` and `next.key`."""
    return [rulecap("audit", "keygen", f"{name}.key", "--name", name).out.strip() for name in ("desk", "next")]


def edit(seq, **fields):
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        (body,) = database.execute("SELECT body FROM records WHERE seq = ?", (seq,)).fetchone()
        database.execute("UPDATE records SET body = ? WHERE seq = ?", (changed(body, **fields), seq))


def test_a_fine_log_says_what_the_proof_rests_on(rulecap, log):
    said = rulecap("audit", "verify", "--log", LOG)
    assert said.code == 0
    assert said.out.splitlines() == [
        f"log {log.id}, 3 records, root {log.root.hex()}: fine",
        "no key was given (--key), so that whoever can write the log could have rewritten all of it",
        "no checkpoint kept elsewhere was given (--checkpoint), so that a cut end with its head could be missed",
    ]


def test_an_edited_record_is_named_and_the_command_fails(rulecap, log):
    edit(2, outputs={"number": 5, "verdict": "GO"})
    said = rulecap("audit", "verify", "--log", LOG)
    assert said.code == 1
    assert said.out.splitlines()[:2] == [
        "record 2: its bytes are not those that were hashed when it was written [record-altered]",
        f"log {log.id}, 3 records, root {json.loads(rulecap('audit', 'verify', '--log', LOG, '--json').out)['root']}:"
        " 1 finding",
    ]
    told = json.loads(rulecap("audit", "verify", "--log", LOG, "--json").out)
    assert (told["ok"], told["count"], told["size"], told["signed_by"]) == (False, 1, 3, [])
    assert told["findings"] == [
        {
            "code": "record-altered",
            "record": 2,
            "last": 2,
            "message": "its bytes are not those that were hashed when it was written",
        }
    ]


def test_several_records_are_named_as_a_range(rulecap, log):
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("DELETE FROM records WHERE seq > 1")
    assert "records 2 to 3: missing [record-missing]" in rulecap("audit", "verify", "--log", LOG).out


@pytest.mark.parametrize("command", ["verify", "replay", "checkpoint"])
def test_a_log_that_is_not_there_is_said_and_not_made(command, rulecap, policy, tmp_path):
    said = rulecap("audit", command, "--log", LOG)
    assert said.code == 2
    assert said.err == "rulecap: there is no log at log.sqlite3 [no-log]\n"
    assert not (tmp_path / "log.sqlite3").exists()


@pytest.mark.parametrize("command", ["verify", "replay", "checkpoint"])
def test_a_file_that_is_no_log_is_said(command, rulecap, policy, tmp_path):
    (tmp_path / "log.sqlite3").write_text("Dear auditor, ...")
    said = rulecap("audit", command, "--log", LOG)
    assert said.code == 2
    assert "[not-a-log]" in said.err


def test_a_table_that_is_gone_is_a_finding_of_verify_and_stops_replay(rulecap, log):
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("DROP TABLE records")
    said = rulecap("audit", "verify", "--log", LOG)
    assert said.code == 1
    assert "the table records is not there [tables-differ]" in said.out
    assert "[log-damaged]" in said.out
    said = rulecap("audit", "replay", "--log", LOG)
    assert said.code == 2
    assert "no such table: records" in said.err


def test_the_signature_is_checked_with_a_key_from_a_file_or_from_the_line(rulecap, policy, keys, tmp_path):
    ask(policy, 1, 2, key="desk.key")
    (tmp_path / "keys.txt").write_text("\n".join(keys))
    for given in (keys[0], "keys.txt"):
        said = rulecap("audit", "verify", "--log", LOG, "--key", given)
        assert (said.code, said.out.splitlines()[1]) == (0, "the head is signed by desk")
    said = rulecap("audit", "verify", "--log", LOG, "--key", keys[1])
    assert said.code == 1
    assert said.out.splitlines()[0].endswith("[bad-signature]")
    assert "the head is not signed by a key that was given" in said.out
    unkeyed = rulecap("audit", "verify", "--log", LOG)
    assert unkeyed.out.splitlines()[-1] == "the head carries a signature, which nobody checked: no key was given"


def test_a_key_that_is_none_and_a_checkpoint_file_that_is_not_there_are_said(rulecap, log):
    assert rulecap("audit", "verify", "--log", LOG, "--key", "none.key").code == 2
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "none.txt")
    assert (said.code, said.err) == (2, "rulecap: cannot read none.txt: No such file or directory\n")


def test_checkpoints_are_printed_appended_to_a_file_and_compared(rulecap, policy, log, tmp_path):
    assert rulecap("audit", "checkpoint", "--log", LOG).out == log.note
    told = json.loads(rulecap("audit", "checkpoint", "--log", LOG, "--json").out)
    expected = {"origin": f"rulecap/{log.id}", "size": 3, "root": log.root.hex(), "signed": False, "note": log.note}
    assert told == expected
    for minute in (4, 5):
        ask(policy, minute)
        assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").out == ""
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")
    (tmp_path / "kept.txt").write_text("no checkpoint")
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert said.code == 1
    assert said.out.splitlines()[0].startswith("a checkpoint kept elsewhere is none: ")
    assert said.out.splitlines()[-1] == "no checkpoint that was given agrees"


def test_a_checkpoint_that_is_ahead_says_that_the_end_was_cut_off(rulecap, policy, log, tmp_path):
    (tmp_path / "kept.txt").write_text(log.note)
    (tmp_path / "log.sqlite3").unlink()
    ask(policy, 1)
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("UPDATE log SET id = ?, note = replace(note, id, ?)", (log.id, log.id))
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    expected = "records 2 to 3: the log had 3 records when a checkpoint kept elsewhere was made, and has 1: "
    assert f"{expected}the end was cut off [checkpoint-ahead]" in said.out


def test_a_key_is_made_for_its_owner_alone_and_never_over_another_file(rulecap, policy, keys, tmp_path):
    assert keys[0].startswith("desk+")
    assert stat.S_IMODE((tmp_path / "desk.key").stat().st_mode) == 0o600
    before = (tmp_path / "desk.key").read_text()
    said = rulecap("audit", "keygen", "desk.key")
    assert said.code == 2
    assert "a key is never overwritten" in said.err
    assert (tmp_path / "desk.key").read_text() == before
    told = json.loads(rulecap("audit", "keygen", "third.key", "--json").out)
    assert (told["file"], told["name"]) == ("third.key", "rulecap")
    assert "PRIVATE" not in json.dumps(told)


def test_a_key_that_spoke_for_one_record_says_one(rulecap, policy, keys):
    ask(policy, 1, key="desk.key")
    assert rulecap("audit", "rotate", "--log", LOG, "--from", "desk.key", "--to", "next.key").code == 0
    assert " up to 1 record, by " in rulecap("audit", "verify", "--log", LOG, "--key", keys[0]).out


def test_a_rotation_is_printed_and_either_public_key_proves_the_log(rulecap, policy, keys):
    ask(policy, 1, 2, key="desk.key")
    said = rulecap("audit", "rotate", "--log", LOG, "--from", "desk.key", "--to", "next.key")
    assert said.code == 0
    assert f"rulecap-next-key {keys[1]}" in said.out
    ask(policy, 3, key="next.key")
    for key in keys:
        proof = rulecap("audit", "verify", "--log", LOG, "--key", key)
        assert (proof.code, proof.out.splitlines()[1]) == (0, "the head is signed by next")
    labels = ["+".join(key.split("+")[:2]) for key in keys]
    proof = rulecap("audit", "verify", "--log", LOG, "--key", keys[0])
    assert f"heads are signed by {labels[0]} up to 2 records, by {labels[1]} from there on" in proof.out.splitlines()
    assert "heads are" not in rulecap("audit", "verify", "--log", LOG, "--key", keys[1]).out  # who trusts it alone
    again = rulecap("audit", "rotate", "--log", LOG, "--from", "desk.key", "--to", "next.key")
    assert again.code == 2
    assert "this log is not signed by desk+" in again.err
    assert rulecap("audit", "rotate", "--log", LOG, "--from", "next.key", "--to", "next.key").code == 2
    assert rulecap("audit", "rotate", "--log", "sqlite:///none", "--from", "desk.key", "--to", "next.key").code == 2


class TestCheckpointSince:
    def test_proves_to_who_has_both_checkpoints_that_the_one_grew_out_of_the_other(self, rulecap, policy):
        heads = [ask(policy, minute) for minute in range(1, 8)]
        for old in heads:
            said = rulecap("audit", "checkpoint", "--since", str(old.size), "--log", LOG)
            told = json.loads(said.out)
            path = [bytes.fromhex(one) for one in told["path"]]
            assert (said.code, told["holds"], told["checkpoint"]) == (0, True, heads[-1].note)
            assert (told["since"], told["size"]) == ({"size": old.size, "root": old.root.hex()}, 7)
            assert verify_consistency(old.size, old.root, 7, heads[-1].root, path)
            assert not verify_consistency(old.size, bytes(32), 7, heads[-1].root, path)

    def test_does_not_hold_where_the_tree_was_changed(self, rulecap, policy):
        ask(policy, *range(1, 8))
        with closing(sqlite3.connect("log.sqlite3")) as database, database:
            database.execute("UPDATE nodes SET hash = zeroblob(32) WHERE position = 0")
        said = rulecap("audit", "checkpoint", "--since", "1", "--log", LOG)
        assert (said.code, json.loads(said.out)["holds"]) == (1, False)

    @pytest.mark.parametrize("size", ["4", "-1"])
    def test_of_a_size_that_the_log_never_had_is_refused(self, size, rulecap, log):
        said = rulecap("audit", "checkpoint", f"--since={size}", "--log", LOG)
        assert said.code == 2
        assert said.err == f"rulecap: the log has 3 records, and never had {size}\n"

    def test_is_not_written_to_a_file_of_checkpoints(self, rulecap, log):
        assert rulecap("audit", "checkpoint", "--since", "1", "--out", "kept.txt", "--log", LOG).code == 2


def test_an_unsigned_log_that_follows_a_signed_one_is_said(rulecap, policy, keys):
    """Whoever forgets the key would only find out when somebody verifies."""
    ask(policy, 1, key="desk.key")
    with_key = rulecap("audit", "begin", "--after", LOG, "--log", "sqlite:///next.sqlite3", "--key", "next.key")
    assert (with_key.code, with_key.err) == (0, "")
    without = rulecap(
        "audit", "begin", "--after", LOG, "--log", "sqlite:///other.sqlite3", "--instead", with_key.out.split()[1]
    )
    assert without.code == 0
    assert without.err == "rulecap: log.sqlite3 is signed, and this log is not: no key was given (--key)\n"
    assert rulecap("audit", "verify", "--log", LOG, "--key", keys[0]).code == 0  # what it is told is not signed


def test_an_unsigned_log_that_follows_another_is_nothing_to_be_said(rulecap, log):
    assert rulecap("audit", "begin", "--after", LOG, "--log", "sqlite:///next.sqlite3").err == ""


@pytest.mark.parametrize("ended", [True, False])
def test_a_checkpoint_that_cannot_be_kept_whole_takes_nothing_with_it(rulecap, log, monkeypatch, ended):
    """Half of one would take the next one with it, for it would go on in the same line; a cut what others append."""
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    kept = Path("kept.txt").read_bytes()
    if not ended:
        kept = kept.rstrip(b"\n")
        Path("kept.txt").write_bytes(kept)

    def full(_):
        with Path("kept.txt").open("ab") as file:
            file.write(log.note.encode())  # by somebody else, meanwhile
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        ran = rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt")
    assert (ran.code, ran.err) == (2, "rulecap: cannot write kept.txt: No space left on device\n")
    left = Path("kept.txt").read_bytes()
    assert left.startswith(kept)
    assert left.removeprefix(kept).lstrip(b"\n") == log.note.encode()
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")


def test_a_checkpoint_of_which_a_piece_is_written_leaves_blank_lines_for_it(rulecap, log):
    """As where the disk has room for a piece: here the kernel lets no file of the process grow any more."""
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    kept = Path("kept.txt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) + 20, hard))
    try:
        with pytest.raises(OSError, match="No space left"):
            checkpoint._keep(Path("kept.txt"), log.note.encode())
        with pytest.raises(OSError, match="File too large"):  # not a byte
            checkpoint._keep(Path("kept.txt"), log.note.encode())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert Path("kept.txt").read_bytes() == kept + b"\n" * 20
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")


def test_a_checkpoint_is_kept_in_a_file_that_can_only_be_appended_to(rulecap, log, monkeypatch):
    """As `chattr +a` makes one, so that nobody takes a checkpoint out again."""
    opened = Path.open

    def appended_to(path, mode="r", *how, **named):
        if path.name == "kept.txt" and set(mode) & set("w+"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return opened(path, mode, *how, **named)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", appended_to)
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")
    monkeypatch.setattr("os.fsync", full)
    ran = rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt")
    assert (ran.code, ran.err) == (2, "rulecap: cannot write kept.txt: No space left on device\n")


def test_a_checkpoint_begins_a_line_of_its_own_behind_what_was_kept_without_an_end(rulecap, log):
    """As by an editor or a mailbox that leaves the last newline out."""
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    Path("kept.txt").write_bytes(Path("kept.txt").read_bytes().rstrip(b"\n"))
    assert rulecap("audit", "checkpoint", "--log", LOG, "--out", "kept.txt").code == 0
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")


@pytest.mark.parametrize("key", [None, "desk.key"])
def test_blank_lines_and_a_mark_that_mailboxes_and_editors_add_are_no_part_of_a_checkpoint(rulecap, policy, keys, key):
    head = ask(policy, 1, 2, key=key)
    early = head.note
    later = ask(policy, 3, key=key).note
    Path("kept.txt").write_text(f"\ufeff{early}\n\n{later}\n", encoding="utf-8")
    trusted = ["--key", keys[0]] if key else []
    said = rulecap("audit", "verify", "--log", LOG, *trusted, "--checkpoint", "kept.txt")
    assert (said.code, said.out.splitlines()[-1]) == (0, "2 checkpoints kept elsewhere agree")


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_a_file_without_a_checkpoint_proves_nothing(rulecap, log, text):
    """As one that a mailing which failed has left; an alarm that leaves it out of account would be silent."""
    Path("kept.txt").write_text(text)
    said = rulecap("audit", "verify", "--log", LOG, "--checkpoint", "kept.txt")
    assert (said.code, said.out, said.err) == (2, "", "rulecap: kept.txt holds no checkpoint\n")
