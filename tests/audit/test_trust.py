"""Whose signature counts at which size, and how one key hands over to the next."""

from collections.abc import Callable
from itertools import permutations

import pytest

from rulecap.audit.checkpoint import Checkpoint, read_checkpoint
from rulecap.audit.note import NoteError, Signer, open_note, sign, signed_by
from rulecap.audit.trust import Term, Trust, handover, open_checkpoint, trust_after

OLD, NEW, NEXT, STRANGER = (Signer("log", bytes([number]) * 32) for number in (1, 2, 3, 4))


def head(size: int, *extensions: str) -> Checkpoint:
    return Checkpoint("log", size, bytes([size]) * 32, extensions)


def signed(size: int, *signers: Signer) -> str:
    return sign(head(size).to_text(), *signers)


def hands_over(size: int, to: Signer, *signers: Signer) -> str:
    """A handover signed by whoever it may be."""
    return sign(head(size, f"rulecap-next-key {to.verifier.to_text()}").to_text(), *signers)


def trusted(*notes: str) -> Trust:
    return trust_after(notes, [OLD.verifier])


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(NoteError) as caught:
        act()
    return str(caught.value)


def test_a_handover_is_the_checkpoint_with_the_next_key_signed_by_both() -> None:
    note = open_note(handover(head(5, "other"), OLD, NEW))
    assert read_checkpoint(note.text) == head(5, "other", f"rulecap-next-key {NEW.verifier.to_text()}")
    assert signed_by(note, [OLD.verifier, NEW.verifier]) == (OLD.verifier, NEW.verifier)


def test_without_a_handover_the_first_keys_are_trusted_at_every_size() -> None:
    trust = trusted(signed(3, OLD), signed(5, STRANGER))
    assert trust == Trust((Term(OLD.verifier),))
    assert trust.at(0) == trust.at(10**12) == trust.current == (OLD.verifier,)


def test_from_a_handover_on_the_new_key_is_trusted_and_the_old_one_for_nothing_larger() -> None:
    trust = trusted(signed(3, OLD), handover(head(5), OLD, NEW), signed(9, NEW))
    assert trust.at(4) == (OLD.verifier,)
    assert trust.at(5) == (OLD.verifier, NEW.verifier)
    assert trust.at(6) == trust.current == (NEW.verifier,)
    for size, signer, counts in [(3, OLD, 1), (5, OLD, 1), (6, OLD, 0), (4, NEW, 0), (5, NEW, 1), (6, NEW, 1)]:
        if counts:
            assert open_checkpoint(signed(size, signer), trust) == head(size)
        else:
            message = refused(lambda size=size, signer=signer: open_checkpoint(signed(size, signer), trust))
            only = f"{signer.verifier.label} only, not trusted at that size"
            assert message == f"the checkpoint of size {size} is signed by {only}"


def test_trust_is_handed_on_from_key_to_key_even_at_one_size() -> None:
    trust = trusted(handover(head(5), OLD, NEW), handover(head(5), NEW, NEXT), signed(8, NEXT))
    assert trust.current == trust.at(6) == (NEXT.verifier,)
    assert trust.at(5) == (OLD.verifier, NEW.verifier, NEXT.verifier)


def test_handovers_at_one_size_count_in_whatever_order_they_are_given() -> None:
    chain = [handover(head(5), OLD, NEW), handover(head(5), NEW, NEXT), handover(head(5), NEXT, STRANGER)]
    for notes in permutations([*chain, signed(5, OLD)]):
        trust = trusted(signed(3, OLD), *notes, signed(6, STRANGER))
        assert trust.current == (STRANGER.verifier,)
        assert set(trust.at(5)) == {one.verifier for one in (OLD, NEW, NEXT, STRANGER)}
    assert refused(lambda: trusted(chain[2], chain[1])).startswith("checkpoint 1: the handover is signed by no trusted")


def test_a_key_that_was_retired_cannot_hand_over_again() -> None:
    again = hands_over(5, STRANGER, OLD, STRANGER)
    assert refused(lambda: trusted(handover(head(5), OLD, NEW), again)) == (
        f"checkpoint 2: the handover is signed by {OLD.verifier.label} only, not trusted at that size"
    )
    back, by = hands_over(7, OLD, OLD, STRANGER), f"{OLD.verifier.label}, {STRANGER.verifier.label}"
    assert refused(lambda: trusted(handover(head(5), OLD, NEW), back)) == (
        f"checkpoint 2: the handover is signed by no trusted key, but by {by}"
    )


def test_a_retired_key_gains_nothing_by_signing_a_later_handover_too() -> None:
    trust = trusted(handover(head(5), OLD, NEW), hands_over(7, NEXT, OLD, NEW, NEXT))
    assert trust.at(6) == (NEW.verifier,)
    assert trust.at(7) == (NEW.verifier, NEXT.verifier)


def test_a_key_may_come_back_when_the_current_one_says_so() -> None:
    trust = trusted(handover(head(5), OLD, NEW), handover(head(7), NEW, OLD))
    assert trust.at(6) == (NEW.verifier,)
    assert trust.at(8) == trust.current == (OLD.verifier,)


def test_a_handover_by_a_stranger_is_refused() -> None:
    by = f"{STRANGER.verifier.label}, {NEW.verifier.label}"
    assert refused(lambda: trusted(signed(1, OLD), handover(head(5), STRANGER, NEW))) == (
        f"checkpoint 2: the handover is signed by no trusted key, but by {by}"
    )
    assert refused(lambda: trust_after([handover(head(5), OLD, NEW)], [])).startswith("checkpoint 1: the handover is ")


def test_a_handover_needs_the_signatures_of_both_keys() -> None:
    assert refused(lambda: trusted(hands_over(5, NEW, OLD))) == (
        f"checkpoint 1: the handover is not signed by the new key {NEW.verifier.label}"
    )
    assert refused(lambda: trusted(hands_over(5, NEW, NEW))) == (
        f"checkpoint 1: the handover is signed by no trusted key, but by {NEW.verifier.label}"
    )


def test_a_handover_with_a_false_signature_is_refused() -> None:
    note = handover(head(5), OLD, NEW)
    lines = note.split("\n")
    forged = note.replace(lines[-3], signed(6, OLD).split("\n")[-2])
    assert refused(lambda: trusted(forged)).startswith(f"checkpoint 1: the signature of {OLD.verifier.label} is not")
    forged = note.replace(lines[-2], signed(6, NEW).split("\n")[-2])
    assert refused(lambda: trusted(forged)).startswith(f"checkpoint 1: the signature of {NEW.verifier.label} is not")


def test_with_several_keys_only_those_that_hand_over_are_retired() -> None:
    trust = trust_after([handover(head(5), OLD, NEW)], [OLD.verifier, NEXT.verifier])
    assert trust.at(6) == trust.current == (NEXT.verifier, NEW.verifier)


def test_who_trusts_the_new_key_from_the_start_needs_no_trust_in_the_old_one() -> None:
    trust = trust_after([handover(head(5), OLD, NEW)], [NEW.verifier])
    assert trust == Trust((Term(NEW.verifier),))


def test_a_checkpoint_out_of_order_is_refused() -> None:
    assert refused(lambda: trusted(signed(5, OLD), signed(4, OLD))) == (
        "checkpoint 2: its size 4 is below the one before it, 5"
    )


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        (["rulecap-next-key"], "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
        (["rulecap-next-key  a"], "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"),
        (
            [f"rulecap-next-key {NEW.to_text()}"],
            "this is a private key, to be kept secret; the public one, NAME+ID+KEY",
        ),
        ([f"rulecap-next-key {NEW.verifier.to_text()}"] * 2, "a checkpoint hands over to one key, not several"),
    ],
)
def test_a_malformed_handover_is_refused(extensions: list[str], message: str) -> None:
    note = sign(head(5, *extensions).to_text(), OLD, NEW)
    assert refused(lambda: trusted(note)).startswith(f"checkpoint 1: {message}")


def test_other_extension_lines_hand_nothing_over() -> None:
    note = sign(head(5, f"rulecap-next-keys {NEW.verifier.to_text()}").to_text(), OLD, NEW)
    assert trusted(note) == trusted()


def test_no_key_hands_over_to_itself_and_no_checkpoint_twice() -> None:
    assert refused(lambda: handover(head(5), OLD, OLD)) == "a key cannot hand over to itself"
    twice = read_checkpoint(open_note(handover(head(5), OLD, NEW)).text)
    assert refused(lambda: handover(twice, NEW, NEXT)) == "this checkpoint hands over already"


def test_a_malformed_note_is_named_by_its_number() -> None:
    assert refused(lambda: trusted(signed(5, OLD), "x\n")).startswith("checkpoint 2: a note is a text, ")
    assert refused(lambda: trusted(sign("x\n", OLD))).startswith("checkpoint 1: a checkpoint is an origin, ")


def test_a_checkpoint_by_a_stranger_or_with_a_false_signature_is_not_opened() -> None:
    assert refused(lambda: open_checkpoint(signed(5, STRANGER), trusted())) == (
        f"the checkpoint of size 5 is signed by no trusted key, but by {STRANGER.verifier.label}"
    )
    assert open_checkpoint(signed(5, STRANGER, OLD), trusted()) == head(5)
    forged = signed(5, OLD).replace("\n5\n", "\n6\n")
    assert refused(lambda: open_checkpoint(forged, trusted())).startswith(f"the signature of {OLD.verifier.label} is ")
