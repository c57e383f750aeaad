"""Checkpoints against published ones; every other way to write one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.audit.checkpoint import LARGEST_SIZE, Checkpoint, read_checkpoint
from rulecap.audit.note import NoteError, base64_of, generate, open_note, sign, signed_by, verifier_from_text
from rulecap.audit.trust import open_checkpoint, trust_after

# https://c2sp.org/tlog-checkpoint; its signature is that of sum.golang.org, the origin's name changed.
EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
# A tree head of the Go checksum database as a witness kept it, cosigned by keys of another type.
GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
GO = """\
go.sum database tree
15081221
BoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg=

— sum.golang.org Az3grilD7vQqTrv66jRgKM84Y80KTprrSt4bKmiOPxgmS5ZVBTeCl6dUvjYnN13R+C8j0jGY1WnUADGMkok3U0m2Zgo=
— test.example.com qTGhC3917mAr6hGh+T55tNjxaej/D/GQivJZRIj7XGdAcQOTqfMWIPgp/v/904LEduN/h2sSRtHUJXUL4b9Gm7Bz4Qc=
— test.example.com \
/Pa7Y/dUvWMAAAAAQVwkQVi81ArPV7BIaQYrMIxyzY0m8a4BdeeBhSKd3PviPK4/3Sd+NKSc5N7PDTCfAkUSVniN+R2oKIggA4iiDQ==
"""
ROOT = bytes(range(32))
ROOT_LINE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def test_the_published_checkpoint_is_read() -> None:
    note = open_note(EXAMPLE)
    checkpoint = read_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.extensions) == ("example.com/behind-the-sofa", 20852163, ())
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.to_text() == note.text


def test_the_published_checkpoint_is_signed_under_the_name_its_log_has() -> None:
    renamed = EXAMPLE.replace("example.com/behind-the-sofa\n2", "go.sum database tree\n2")
    renamed = renamed.replace("— example.com/behind-the-sofa", "— sum.golang.org")
    verifier = verifier_from_text(GO_KEY)
    assert signed_by(open_note(renamed), [verifier]) == (verifier,)


def test_a_cosigned_tree_head_of_the_go_checksum_database_is_verified() -> None:
    checkpoint = open_checkpoint(GO, trust_after([], [verifier_from_text(GO_KEY)]))
    assert checkpoint == Checkpoint("go.sum database tree", 15081221, checkpoint.root)
    assert base64_of(checkpoint.root) == "BoMMe1wd25Tco0mYGROkyqxHZWx+hcSCtMV315Lu6Lg="


@given(lines, st.integers(0, LARGEST_SIZE), st.binary(min_size=32, max_size=32), st.lists(lines).map(tuple))
def test_a_checkpoint_is_read_back_as_it_was_written(
    origin: str, size: int, root: bytes, more: tuple[str, ...]
) -> None:
    checkpoint = Checkpoint(origin, size, root, more)
    assert read_checkpoint(checkpoint.to_text()) == checkpoint
    signer = generate("log")
    assert open_checkpoint(sign(checkpoint.to_text(), signer), trust_after([], [signer.verifier])) == checkpoint


def test_what_a_checkpoint_looks_like() -> None:
    checkpoint = Checkpoint("rulecap.example/log", 0, ROOT, ("one", "two three"))
    assert checkpoint.to_text() == f"rulecap.example/log\n0\n{ROOT_LINE}\none\ntwo three\n"


HEAD = "a checkpoint is an origin, a size and a root, each a line that ends in a newline"
SIZE = "a checkpoint's size is a whole number without leading zeros, not "
BASE64 = "a checkpoint's root: this is not base64 as it is written canonically"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", HEAD),
        ("log\n1\n", HEAD),
        (f"log\n1\n{ROOT_LINE}", HEAD),
        (f"log\n1\n{ROOT_LINE}\nmore", HEAD),
        (f"\n1\n{ROOT_LINE}\n", "a checkpoint's origin is one line, not empty: ''"),
        (f"log\n1\n{ROOT_LINE}\n\n", "a checkpoint's extension line is one line, not empty: ''"),
        (f"log\n1\n{ROOT_LINE}\n\nmore\n", "a checkpoint's extension line is one line, not empty: ''"),
        (f"log\r\n1\n{ROOT_LINE}\n", "a checkpoint's origin is one line, not empty: 'log\\r'"),
        (f"log\n01\n{ROOT_LINE}\n", f"{SIZE}'01'"),
        (f"log\n00\n{ROOT_LINE}\n", f"{SIZE}'00'"),
        (f"log\n+1\n{ROOT_LINE}\n", f"{SIZE}'+1'"),
        (f"log\n-1\n{ROOT_LINE}\n", f"{SIZE}'-1'"),
        (f"log\n1_0\n{ROOT_LINE}\n", f"{SIZE}'1_0'"),
        (f"log\n 1\n{ROOT_LINE}\n", f"{SIZE}' 1'"),
        (f"log\n1١\n{ROOT_LINE}\n", f"{SIZE}'1١'"),
        (f"log\n١\n{ROOT_LINE}\n", f"{SIZE}'١'"),
        (f"log\n\n{ROOT_LINE}\n", f"{SIZE}''"),
        (f"log\n{'9' * 5000}\n{ROOT_LINE}\n", f"{SIZE}'{'9' * 64}'"),
        (f"log\n{2**63}\n{ROOT_LINE}\n", f"a checkpoint's size is 0 to {2**63 - 1}"),
        (f"log\n1\n{ROOT_LINE[:-1]}\n", BASE64),
        (f"log\n1\n{ROOT_LINE[:-2]}9=\n", BASE64),  # the same 32 bytes, with bits after them
        (f"log\n1\n {ROOT_LINE}\n", BASE64),
        ("log\n1\n\nmore\n", BASE64),
        (f"log\n1\n{base64_of(ROOT[:31])}\n", "a checkpoint's root has 32 bytes, not 31"),
        (f"log\n1\n{base64_of(bytes(33))}\n", "a checkpoint's root has 32 bytes, not 33"),
    ],
)
def test_a_malformed_checkpoint_is_refused_saying_why(text: str, message: str) -> None:
    with pytest.raises(NoteError) as caught:
        read_checkpoint(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions", "message"),
    [
        ("", 1, ROOT, (), "a checkpoint's origin is one line, not empty: ''"),
        ("a\nb", 1, ROOT, (), "a checkpoint's origin is one line, not empty: 'a\\nb'"),
        ("a", -1, ROOT, (), f"a checkpoint's size is 0 to {2**63 - 1}"),
        ("a", 1, ROOT[1:], (), "a checkpoint's root has 32 bytes, not 31"),
        ("a", 1, ROOT, ("x", ""), "a checkpoint's extension line is one line, not empty: ''"),
        ("a", 1, ROOT, ("\ud800",), "a checkpoint's extension line is one line, not empty: '\\\\ud800'"),
    ],
)
def test_no_checkpoint_is_made_that_could_not_be_read(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...], message: str
) -> None:
    with pytest.raises(NoteError) as caught:
        Checkpoint(origin, size, root, extensions)
    assert str(caught.value) == message


def test_no_changed_byte_of_a_signed_checkpoint_goes_unseen() -> None:
    trust, note = trust_after([], [verifier_from_text(GO_KEY)]), GO[: GO.index("— test")].encode()
    open_checkpoint(note.decode(), trust)
    for place in range(len(note)):
        for bit in range(8):
            changed = note[:place] + bytes([note[place] ^ 1 << bit]) + note[place + 1 :]
            with pytest.raises(NoteError):
                open_checkpoint(changed.decode("utf-8", "surrogateescape"), trust)
