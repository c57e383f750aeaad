"""Whatever is done to a log, an auditor finds it, as far as what the auditor holds can tell; the limits stand here."""

import shutil
import sqlite3
from contextlib import closing
from random import Random
from types import SimpleNamespace

import pytest

from rulecap import load_policy
from rulecap.audit import LogError, open_ledger, open_log
from rulecap.audit.note import generate
from rulecap.audit.verify import verify
from tests.audit.counting import counting
from tests.audit.independent import verdict
from tests.audit.tampering import NAIVE, THOROUGH
from tests.patience import patience
from tests.snapshots import random_snapshot, sequence

AUDITORS = ("nothing", "key", "checkpoint", "both")


@pytest.fixture(scope="module", params=["unsigned", "signed"])
def kept(request, tmp_path_factory):
    """Return a log of some sixty records, who signs it, a checkpoint of it, and an older copy of it."""
    folder = tmp_path_factory.mktemp(request.param)
    signer = generate("desk") if request.param == "signed" else None
    rng, policy, other = Random("kept"), load_policy("default"), counting(folder / "counting")
    url = f"sqlite:///{folder / 'log.sqlite3'}"
    backup = folder / "backup.sqlite3"
    with open_ledger(url, key=signer) as ledger:
        for number, given in enumerate([*sequence(rng, 20), *(random_snapshot(rng) for _ in range(20))]):
            given["account"]["id"] = rng.choice(["main", "hedge"])
            decision = rng.choice(["position", "margin", "drawdown"])
            ledger.evaluate(policy, given, decision, idempotency_key=f"key {number}" if number % 3 == 0 else None)
            if number == 25:
                with (
                    closing(sqlite3.connect(folder / "log.sqlite3")) as source,
                    closing(sqlite3.connect(backup)) as copy,
                ):
                    source.backup(copy)
        for broken in ("{", b"\xff", {"account": {"id": "main"}}):
            ledger.evaluate(policy, broken)
        for given in sequence(rng, 15):
            ledger.evaluate(other, given)
        checkpoint = ledger.head.note
    return SimpleNamespace(file=folder / "log.sqlite3", backup=backup, signer=signer, checkpoint=checkpoint)


def audited(kept, file, auditor):
    """Return what an auditor finds who holds nothing but the log, the public key, a checkpoint, or both."""
    keys = [kept.signer.verifier] if kept.signer and auditor in ("key", "both") else []
    notes = [kept.checkpoint] if auditor in ("checkpoint", "both") else []
    with patience(60), open_log(f"sqlite:///{file}") as log:
        return verify(log, keys, notes)


def tampered(kept, tmp_path, act, rng):
    """Return a copy of the log after something was done to it, and what that was."""
    file = tmp_path / "tampered.sqlite3"
    shutil.copy(kept.file, file)
    with closing(sqlite3.connect(file)) as log, log:
        what = act(log, rng)
    return file, what


def naive(kept, tmp_path, act, times):
    for turn in range(times):
        file, what = tampered(kept, tmp_path, act, Random(f"{act.__name__} {turn}"))
        report = audited(kept, file, Random(turn).choice(AUDITORS))
        found = [(finding.code, finding.seq) for finding in report.findings]
        assert what.codes & {code for code, _ in found}, (turn, found)
        if what.seq is not None:
            assert any(seq == what.seq and code in what.codes for code, seq in found), (turn, what, found)
        file.unlink()


def test_the_log_itself_is_fine_whoever_looks(kept):
    for auditor in AUDITORS:
        report = audited(kept, kept.file, auditor)
        assert report.findings == ()
        assert report.checkpoints == (auditor in ("checkpoint", "both"))
        assert report.signed_by == (("desk",) if kept.signer and auditor in ("key", "both") else ())


@pytest.mark.parametrize("act", NAIVE, ids=lambda act: act.__name__)
def test_what_is_changed_alone_is_found_by_anybody_and_named(kept, tmp_path, act):
    naive(kept, tmp_path, act, 25)


@pytest.mark.soak
@pytest.mark.parametrize("act", NAIVE, ids=lambda act: act.__name__)
def test_a_thousand_of_each_are_found(kept, tmp_path, act):
    naive(kept, tmp_path, act, 1_000)


@pytest.mark.parametrize("act", THOROUGH, ids=lambda act: act.__name__)
def test_what_is_made_to_agree_again_is_found_by_who_holds_a_key_or_a_checkpoint(kept, tmp_path, act):
    thorough(kept, tmp_path, act, 10)


@pytest.mark.soak
@pytest.mark.parametrize("act", THOROUGH, ids=lambda act: act.__name__)
def test_a_thousand_that_were_made_to_agree_are_found(kept, tmp_path, act):
    thorough(kept, tmp_path, act, 1_000)


def thorough(kept, tmp_path, act, times):
    for turn in range(times):
        file, what = tampered(kept, tmp_path, act, Random(f"{act.__name__} {turn}"))
        codes = {auditor: {one.code for one in audited(kept, file, auditor).findings} for auditor in AUDITORS}
        assert codes["nothing"] == set()  # an honest limit: whoever can write all of it can make all of it agree
        assert what.codes <= codes["checkpoint"]
        assert what.codes <= codes["both"]
        assert codes["key"] == ({"not-signed"} if kept.signer else set())
        file.unlink()


def test_an_older_copy_is_found_by_who_holds_a_later_checkpoint_and_by_nobody_else(kept):
    found = {auditor: {one.code for one in audited(kept, kept.backup, auditor).findings} for auditor in AUDITORS}
    assert found == {"nothing": set(), "key": set(), "checkpoint": {"checkpoint-ahead"}, "both": {"checkpoint-ahead"}}


def test_another_log_in_its_place_is_found(kept, tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'other.sqlite3'}", key=generate("desk")) as ledger:
        ledger.evaluate(load_policy("default"), random_snapshot(Random(1)))
    found = {
        auditor: {one.code for one in audited(kept, tmp_path / "other.sqlite3", auditor).findings}
        for auditor in AUDITORS
    }
    assert found["checkpoint"] == {"other-log"}
    assert found["key"] == ({"bad-signature"} if kept.signer else set())
    assert found["nothing"] == set()


def test_a_deleted_log_is_named_and_none_is_begun(kept, tmp_path):
    with pytest.raises(LogError) as raised:
        audited(kept, tmp_path / "gone.sqlite3", "both")
    assert raised.value.code == "no-log"
    assert list(tmp_path.iterdir()) == []


def test_a_second_verifier_that_shares_no_code_agrees(kept, tmp_path):
    key = (kept.signer or generate("nobody")).verifier.to_text()

    def says(file):
        with closing(sqlite3.connect(file)) as log:
            bodies = [bytes(body) for (body,) in log.execute("SELECT CAST(body AS BLOB) FROM records ORDER BY seq")]
            return verdict(bodies, log.execute("SELECT note FROM log").fetchone()[0], key)

    assert (says(kept.file) == "ok") is (kept.signer is not None)  # an unsigned head proves nothing to it
    bodies_change = [
        act for act in NAIVE if act.__name__.startswith(("a_byte", "a_number", "a_body_spelled", "one_rec", "two_rec"))
    ]
    for turn, act in enumerate([*bodies_change, *THOROUGH] * 3):
        file, _ = tampered(kept, tmp_path, act, Random(f"second {turn}"))
        assert says(file) != "ok"
        assert not audited(kept, file, "both").fine
        file.unlink()
