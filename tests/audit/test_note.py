"""Signed notes against the published ones of C2SP and Go; whatever is changed in one is refused."""

import base64
import re
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.audit.note import (
    Note,
    NoteError,
    Signer,
    Verifier,
    base64_of,
    from_base64,
    generate,
    open_note,
    sign,
    signed_by,
    signer_from_text,
    verifier_from_text,
)

# golang.org/x/mod/sumdb/note, note_test.go
PETER_SIGNS = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
SIGNED = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"
# https://c2sp.org/signed-note, "Example"
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The poem that opens an earlier edition of it: an empty line within the text, and a key that is not published.
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="+"), min_size=1)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n")).map("{}\n".format)
seeds = st.binary(min_size=32, max_size=32)


def peter() -> Signer:
    return signer_from_text(PETER_SIGNS)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(NoteError) as caught:
        act()
    return str(caught.value)


def holds(note: str, verifier: Verifier) -> bool:
    """Whether the note is well-formed and this key signed it."""
    try:
        return signed_by(open_note(note), [verifier]) == (verifier,)
    except NoteError:
        return False


def test_gos_example_is_signed_byte_for_byte() -> None:
    assert peter().verifier == verifier_from_text(PETER)
    assert sign(TEXT, peter()) == f"{TEXT}\n{PETER_LINE}"


@pytest.mark.parametrize(
    ("note", "keys"), [(SIGNED, [PETER, ENOCH]), (SIGNED, [ENOCH]), (SIGNED, [PETER]), (EXAMPLE, [EXAMPLE_KEY])]
)
def test_the_published_notes_are_verified(note: str, keys: list[str]) -> None:
    verifiers = tuple(map(verifier_from_text, keys))
    assert signed_by(open_note(note), verifiers) == verifiers


def test_a_text_may_hold_empty_lines() -> None:
    opened = open_note(POEM)
    assert opened.text == POEM[: POEM.index("\n\n—") + 1]
    assert [(one.name, one.key_id.hex()) for one in opened.signatures] == [("quasimodo.example/salvatore", "367ba04b")]


def test_signatures_of_other_keys_are_passed_over() -> None:
    assert signed_by(open_note(SIGNED), [verifier_from_text(EXAMPLE_KEY)]) == ()
    assert signed_by(open_note(SIGNED), []) == ()
    namesake = Verifier("PeterNeumann", bytes(32))
    assert signed_by(open_note(SIGNED), [namesake]) == ()


def test_a_key_given_twice_signs_once() -> None:
    verifier = verifier_from_text(PETER)
    assert signed_by(open_note(SIGNED), [verifier, verifier]) == (verifier,)


def test_a_false_signature_of_a_known_key_refuses_the_whole_note() -> None:
    verifiers = [verifier_from_text(PETER), verifier_from_text(ENOCH)]
    false = SIGNED.replace("rwz+eBzmZa0S", "rwz+eBzmZa0T")
    assert refused(lambda: signed_by(open_note(false), verifiers)) == (
        "the signature of EnochRoot+af0cfe78 is not over this text: one of them was changed"
    )
    twice = f"{TEXT}\n{PETER_LINE}{PETER_LINE.replace('x08go/ZJ', 'x08go/ZK')}"
    assert refused(lambda: signed_by(open_note(twice), verifiers)).startswith("the signature of PeterNeumann+c74f20a3 ")
    short = f"{TEXT}\n— PeterNeumann {base64_of(bytes.fromhex('c74f20a3') + b'x')}\n"
    assert refused(lambda: signed_by(open_note(short), verifiers)).startswith("the signature of PeterNeumann+c74f20a3 ")


def test_no_changed_byte_of_a_note_goes_unseen() -> None:
    note, verifier = f"{TEXT}\n{PETER_LINE}".encode(), verifier_from_text(PETER)
    assert holds(note.decode(), verifier)
    for place in range(len(note)):
        for changed in {note[place] ^ 1 << bit for bit in range(8)} | {
            ord(one) for one in "\n +—A\0".encode().decode("latin-1")
        }:
            other = note[:place] + bytes([changed]) + note[place + 1 :]
            assert other == note or not holds(other.decode("utf-8", "surrogateescape"), verifier), (place, changed)
        assert not holds((note[:place] + note[place + 1 :]).decode("utf-8", "surrogateescape"), verifier), place
        assert not holds(note[:place].decode("utf-8", "surrogateescape"), verifier), place


@given(texts, st.lists(st.tuples(names, seeds), min_size=1, max_size=4, unique_by=lambda one: one[1]))
def test_what_is_signed_is_read_back_with_every_signer(text: str, keys: list[tuple[str, bytes]]) -> None:
    signers = [Signer(*key) for key in keys]
    note = open_note(sign(text, *signers))
    assert note.text == text
    assert signed_by(note, [signer.verifier for signer in signers]) == tuple(signer.verifier for signer in signers)
    assert not holds(sign(f"{text}\n", *signers).replace(f"{text}\n\n", f"{text}\n", 1), signers[0].verifier)


@given(names, seeds)
def test_keys_are_read_back_from_their_text(name: str, seed: bytes) -> None:
    signer = Signer(name, seed)
    assert signer_from_text(signer.to_text()) == signer
    assert verifier_from_text(signer.verifier.to_text()) == signer.verifier
    public = signer.verifier.public
    assert signer.key_id == sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def test_a_generated_key_signs_and_no_two_are_the_same() -> None:
    one, other = generate("rulecap.example/log"), generate("rulecap.example/log")
    assert one != other
    assert holds(sign("hello\n", one), one.verifier)
    assert not holds(sign("hello\n", one), other.verifier)


def test_a_public_key_that_is_no_point_of_the_curve_verifies_nothing() -> None:
    assert not Verifier("nobody", b"\x02" + bytes(30) + b"\x7f").verify(b"hello", bytes(64))


@pytest.mark.parametrize("text", [PETER, PETER_SIGNS])
def test_no_part_of_a_key_and_no_changed_byte_is_taken_for_one(text: str) -> None:
    read: Callable[[str], object] = signer_from_text if text == PETER_SIGNS else verifier_from_text
    read(text)
    for start in range(len(text)):
        for end in range(start, len(text) + 1):
            if text[start:end] not in (PETER, PETER_SIGNS):
                refused(lambda part=text[start:end]: read(part))
    for place, character in enumerate(text):
        for other in {chr(ord(character) ^ 1 << bit) for bit in range(7)} | set(" +A\n\0é\ud800"):
            if other != character:
                refused(lambda changed=text[:place] + other + text[place + 1 :]: read(changed))
        refused(lambda longer=f"{text[:place]}\n{text[place:]}": read(longer))
    refused(lambda: read(f"{text}\n"))


MALFORMED_KEYS = [
    ("", "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
    ("a+12345678", "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
    ("a+1234567+AA==", "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
    (PETER.replace("c74f20a3", "C74F20A3"), "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
    (PETER.replace("Neumann", " Neumann"), "the public key's name or base64 is malformed"),
    (PETER[:-1], "the public key's name or base64 is malformed"),
    (
        PETER.replace("c74f20a3", "c74f20a4"),
        "the public key's id is not that of its name and key: a part of it was changed",
    ),
    # note_test.go: a key of the wrong length, and an unknown algorithm, each with the id that fits it
    (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "the public key's name or base64 is malformed",
    ),
    (
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "the public key is of signature type 101; Ed25519 is 1",
    ),
    (f"a+12345678+{base64_of(bytes([1, 2, 3]))}", "an Ed25519 key has 32 bytes, not 2"),
    (PETER_SIGNS, "this is a private key, to be kept secret; the public one, NAME+ID+KEY, is asked for"),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED_KEYS)
def test_a_malformed_public_key_is_refused_saying_why(text: str, message: str) -> None:
    assert refused(lambda: verifier_from_text(text)) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PETER, "a private key starts with PRIVATE+KEY+"),
        (PETER_SIGNS[:-1], "the private key's name or base64 is malformed"),
        (PETER_SIGNS[:-4], "an Ed25519 key has 32 bytes, not 29"),
        (PETER_SIGNS.replace("+AY", "+BY"), "the private key is of signature type 5; Ed25519 is 1"),
        (
            PETER_SIGNS.replace("c74f20a3", "c74f20a4"),
            "the private key's id is not that of its name and key: a part of it was changed",
        ),
        ("PRIVATE+KEY+", "a private key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
    ],
)
def test_a_malformed_private_key_is_refused_saying_why(text: str, message: str) -> None:
    assert refused(lambda: signer_from_text(text)) == message


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u2028b", "a\u0085b", "a\0", "\ud800"])
def test_a_name_is_not_empty_and_has_no_spaces_controls_or_plus(name: str) -> None:
    refused(lambda: generate(name))
    refused(lambda: Verifier(name, bytes(32)))
    refused(lambda: open_note(f"x\n\n— {name} {base64_of(bytes(68))}\n"))


SIXTEEN = [f"— a{number} {base64_of(bytes(68))}\n" for number in range(16)]
MALFORMED_NOTES = [
    ("", "a note is a text, a blank line, and a line for each signature; there is no blank line"),
    (TEXT, "a note is a text, a blank line, and a line for each signature; there is no blank line"),
    (f"\n{PETER_LINE}", "a note is a text, a blank line, and a line for each signature; there is no blank line"),
    (f"{TEXT}{PETER_LINE}", "a note is a text, a blank line, and a line for each signature; there is no blank line"),
    (f"{TEXT}\n", "a note has 1 to 16 signatures, not 0"),
    (f"{TEXT}\n{''.join(SIXTEEN)}{PETER_LINE}", "a note has 1 to 16 signatures, not 17"),
    (f"{TEXT}\n{PETER_LINE[:-1]}", "a note ends in a newline: its last line is cut short"),
    (f"{TEXT}\n{PETER_LINE}more\n", "a signature's line is `— NAME BASE64`, not 'more'"),
    (f"{TEXT}\n- a AAAA\n", "a signature's line is `— NAME BASE64`, not '- a AAAA'"),
    (f"{TEXT}\n— a\n", "a signature's line is `— NAME BASE64`, not '— a'"),
    (f"{TEXT}\n—  AAAAAAA=\n", "a key's name is not empty and has no spaces and no +: ''"),
    (f"{TEXT}\n— Bad Name AAAAAAA=\n", "the signature of Bad: this is not base64 as it is written canonically"),
    (f"{TEXT}\n— a+b AAAAAAA=\n", "a key's name is not empty and has no spaces and no +: 'a+b'"),
    (f"{TEXT}\n— a AAAAAAB=\n", "the signature of a: this is not base64 as it is written canonically"),
    (f"{TEXT}\n— a AAAAAA==\n", "the signature of a is cut short"),
    (f"{TEXT}\n— a \n", "the signature of a: this is not base64 as it is written canonically"),
    (f"\x01{TEXT}\n{PETER_LINE}", "line 1 holds U+0001, which no note may hold"),
    (f"{TEXT}\r\n\n{PETER_LINE}", "line 3 holds U+000D, which no note may hold"),
    (f"{TEXT}\n{PETER_LINE[:-1]}\t\n", "line 4 holds U+0009, which no note may hold"),
    (f"\udcff{TEXT}\n{PETER_LINE}", "line 1 holds U+DCFF, which no note may hold"),
]


@pytest.mark.parametrize(("note", "message"), MALFORMED_NOTES)
def test_a_malformed_note_is_refused_saying_why(note: str, message: str) -> None:
    assert refused(lambda: open_note(note)) == message


def test_sixteen_signatures_are_read() -> None:
    assert len(open_note(f"{TEXT}\n{''.join(SIXTEEN)}").signatures) == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a note's text ends in a newline"),
        ("abc", "a note's text ends in a newline"),
        ("a\tb\n", "line 1 holds U+0009, which no note may hold"),
        ("a\n\ud800\n", "line 2 holds U+D800, which no note may hold"),
    ],
)
def test_a_text_that_no_note_may_hold_is_not_signed(text: str, message: str) -> None:
    assert refused(lambda: sign(text, peter())) == message


def test_a_note_is_signed_by_one_to_sixteen_keys_each_once() -> None:
    signers = [Signer("a", bytes([number]) * 32) for number in range(17)]
    assert len(open_note(sign("x\n", *signers[:16])).signatures) == 16
    assert refused(lambda: sign("x\n", *signers)) == "a note has 1 to 16 signatures, not 17"
    assert refused(lambda: sign("x\n")) == "a note has 1 to 16 signatures, not 0"
    assert refused(lambda: sign("x\n", peter(), peter())) == "a key signs a note once"


def test_a_signer_shows_its_public_half_only() -> None:
    signer, seed = peter(), base64.b64decode(PETER_SIGNS[-44:])[1:]
    shown = f"{signer!r} {signer} {signer.verifier!r} {[signer]} {(signer,)!s}"
    assert "PeterNeumann" in shown
    for secret in (repr(seed)[2:-1], seed.hex(), PETER_SIGNS[-44:], PETER_SIGNS[-42:], repr(seed[:4])[2:-1]):
        assert secret not in shown


def test_no_message_about_a_private_key_repeats_a_part_of_it() -> None:
    secret = PETER_SIGNS[-44:]
    for place in range(len(PETER_SIGNS)):
        changed = f"{PETER_SIGNS[:place]}!{PETER_SIGNS[place + 1 :]}"
        for read in (signer_from_text, verifier_from_text):
            message = refused(lambda read=read, changed=changed: read(changed))
            assert not any(secret[start : start + 5] in message for start in range(40))


@given(st.binary(min_size=1))
def test_base64_is_read_back_and_has_one_form(raw: bytes) -> None:
    text = base64_of(raw)
    assert from_base64(text) == raw == base64.b64decode(text)
    for other in (
        f"{text}\n",
        f" {text}",
        f"{text}=",
        text.rstrip("="),
        f"{text[:2]}\n{text[2:]}",
        f"{text}AAA",
        f"=={text}",
    ):
        assert other == text or refused(lambda other=other: from_base64(other))


def test_a_note_is_a_value() -> None:
    assert open_note(EXAMPLE) == open_note(EXAMPLE) != open_note(POEM)
    assert isinstance(open_note(EXAMPLE), Note)
    assert re.search(r"Note\(text='This", repr(open_note(EXAMPLE)))
