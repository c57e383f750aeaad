"""The independent verifier agrees about a log's signed head, and about every way to tamper with one."""

import pytest

from rulecap.audit.checkpoint import Checkpoint
from rulecap.audit.merkle import Peaks, leaf_hash
from rulecap.audit.note import Signer, sign
from tests.audit.independent import verdict

SIGNER, OTHER = Signer("log", bytes(range(32))), Signer("log", bytes(32))
VKEY = SIGNER.verifier.to_text()
BODIES = [b'{"seq": %d}' % seq for seq in range(23)]


def signed_head(bodies: list[bytes], *signers: Signer) -> str:
    peaks = Peaks()
    for body in bodies:
        peaks, _ = peaks.append(leaf_hash(body))
    return sign(Checkpoint("log", peaks.size, peaks.root).to_text(), *signers)


@pytest.mark.parametrize("size", range(len(BODIES) + 1))
def test_both_agree_about_a_signed_head(size: int) -> None:
    assert verdict(BODIES[:size], signed_head(BODIES[:size], OTHER, SIGNER), VKEY) == "ok"


def test_records_edited_inserted_deleted_reordered_or_cut_are_found() -> None:
    note, differ = signed_head(BODIES, SIGNER), "the head is not that of these records"
    assert verdict([*BODIES[:4], b"edited", *BODIES[5:]], note, VKEY) == differ
    assert verdict([BODIES[1], BODIES[0], *BODIES[2:]], note, VKEY) == differ
    assert verdict([*BODIES[:4], b"inserted", *BODIES[4:-1]], note, VKEY) == differ
    assert verdict([*BODIES, b"added"], note, VKEY) == "the head is of 23 records, and there are 24"
    assert verdict(BODIES[:-1], note, VKEY) == "the head is of 23 records, and there are 22"


def test_a_head_by_another_key_or_changed_after_signing_is_found() -> None:
    unsigned = "the key has not signed this text"
    assert verdict(BODIES, signed_head(BODIES, OTHER), VKEY) == unsigned
    assert verdict(BODIES, signed_head(BODIES, SIGNER).replace("\n23\n", "\n22\n"), VKEY) == unsigned
    assert verdict(BODIES, signed_head(BODIES, SIGNER).partition("\n\n")[0], VKEY) == "there is no signature"
    assert verdict(BODIES, signed_head(BODIES, SIGNER), VKEY.replace("log", "lag")).startswith("the key is not ")
