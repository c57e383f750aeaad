"""Which key speaks for a log, and from which size on: a key hands over to the next within a checkpoint.

A handover is a checkpoint with the extension line `rulecap-next-key NEWKEY`, signed by the old key and the new one.
From its size on the new key is trusted; the old one speaks for no larger tree, and cannot hand over again.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rulecap.audit.checkpoint import LARGEST_SIZE, Checkpoint, read_checkpoint
from rulecap.audit.note import Note, NoteError, Signer, Verifier, open_note, sign, signed_by, verifier_from_text
from rulecap.plural import how_many

NEXT_KEY = "rulecap-next-key"
Numbered = tuple[int, Note, Checkpoint]


@dataclass(frozen=True, slots=True)
class Term:
    """The sizes, both inclusive, of the trees that a key speaks for; until it is retired that has no end."""

    verifier: Verifier
    since: int = 0
    until: int = LARGEST_SIZE
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Trust:
    """Who is trusted from which size on."""

    terms: tuple[Term, ...]

    @property
    def current(self) -> tuple[Verifier, ...]:
        """The keys that are not retired."""
        return tuple(term.verifier for term in self.terms if not term.retired)

    def told(self) -> str:
        """Return in words which key speaks for which sizes; empty where none has handed over."""
        terms = sorted(self.terms, key=lambda term: term.until)
        said = [f"by {term.verifier.label} up to {how_many(term.until, 'record')}" for term in terms if term.retired]
        now = [f"by {one.label} from there on" for one in self.current]
        return f"heads are signed {', '.join(said + now)}" if said else ""

    def at(self, size: int) -> tuple[Verifier, ...]:
        """Return the keys that speak for the tree of this size: at a handover's own size, both."""
        return tuple(term.verifier for term in self.terms if term.since <= size <= term.until)


def handover(checkpoint: Checkpoint, old: Signer, new: Signer) -> str:
    """Return the note by which the old key hands over to the new one, signed by both.

    Raises:
        NoteError: the keys are the same, or the checkpoint hands over already.
    """
    if old.verifier == new.verifier:
        raise NoteError("a key cannot hand over to itself")
    if _next_key(checkpoint):
        raise NoteError("this checkpoint hands over already")
    extension = f"{NEXT_KEY} {new.verifier.to_text()}"
    return sign(replace(checkpoint, extensions=(*checkpoint.extensions, extension)).to_text(), old, new)


def trust_after(notes: Iterable[str], trusted: Iterable[Verifier]) -> Trust:
    """Return who is trusted after the handovers among a log's checkpoints; the others are only read, not verified.

    Args:
        notes: the log's checkpoints, in order of size; those of one size in any order, as a database may give them.
        trusted: the keys trusted to begin with, at every size until they hand over.

    Raises:
        NoteError: a note is malformed or of a smaller size than the one before it, or a handover is not signed by a key
            trusted at that point and by the new key; the message says which note, counted from 1.
    """
    trust, size, waiting = Trust(tuple(Term(verifier) for verifier in dict.fromkeys(trusted))), 0, list[Numbered]()
    for number, text in enumerate(notes, start=1):
        with _numbered(number):
            note = open_note(text)
            checkpoint = read_checkpoint(note.text)
            if checkpoint.size < size:
                raise NoteError(f"its size {checkpoint.size} is below the one before it, {size}")
        if checkpoint.size > size:
            trust, size, waiting = _after_all(trust, waiting), checkpoint.size, []
        waiting.append((number, note, checkpoint))
    return _after_all(trust, waiting)


def open_checkpoint(text: str, trust: Trust) -> Checkpoint:
    """Return the checkpoint in a note that a key trusted at its size has signed.

    Raises:
        NoteError: it is malformed, a trusted key's signature on it is wrong, or no trusted key has signed it.
    """
    note = open_note(text)
    checkpoint = read_checkpoint(note.text)
    signers = signed_by(note, [term.verifier for term in trust.terms])
    if not set(signers) & set(trust.at(checkpoint.size)):
        raise NoteError(f"the checkpoint of size {checkpoint.size} is signed by {_why_not(note, signers)}")
    return checkpoint


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    """Say which note it was."""
    try:
        yield
    except NoteError as error:
        raise NoteError(f"checkpoint {number}: {error}") from None


def _after_all(trust: Trust, notes: list[Numbered]) -> Trust:
    """Return the trust after checkpoints of one size: whichever the trusted keys have signed comes first."""
    while notes:
        later = []
        for one in notes:
            try:
                trust = _after(trust, *one[1:])
            except NoteError:  # it may follow from another one
                later.append(one)
        if len(later) == len(notes):
            number, note, checkpoint = later[0]
            with _numbered(number):
                return _after(trust, note, checkpoint)
        notes = later
    return trust


def _after(trust: Trust, note: Note, checkpoint: Checkpoint) -> Trust:
    """Return the trust after one checkpoint."""
    new = _next_key(checkpoint)
    if new is None:
        return trust
    signers = signed_by(note, [*(term.verifier for term in trust.terms), new])
    if new not in signers:
        raise NoteError(f"the handover is not signed by the new key {new.label}")
    if not set(signers) & set(trust.current):
        raise NoteError(f"the handover is signed by {_why_not(note, [one for one in signers if one != new])}")
    return _handed_over(trust, [one for one in signers if one != new], new, checkpoint.size)


def _handed_over(trust: Trust, old: list[Verifier], new: Verifier, size: int) -> Trust:
    terms = [
        replace(term, until=size, retired=True) if term.verifier in old and not term.retired else term
        for term in trust.terms
    ]
    if new not in trust.current:
        terms.append(Term(new, since=size))
    return Trust(tuple(terms))


def _next_key(checkpoint: Checkpoint) -> Verifier | None:
    """Return the key that the checkpoint hands over to, if it does."""
    words = (line.partition(" ") for line in checkpoint.extensions)
    found = [key for word, _, key in words if word == NEXT_KEY]
    if len(found) > 1:
        raise NoteError("a checkpoint hands over to one key, not several")
    return verifier_from_text(found[0]) if found else None


def _why_not(note: Note, retired: Iterable[Verifier]) -> str:
    """Return in words why none of a note's signatures counts."""
    labels = [verifier.label for verifier in retired]
    if labels:
        return f"{', '.join(labels)} only, not trusted at that size"
    return f"no trusted key, but by {', '.join(f'{one.name}+{one.key_id.hex()}' for one in note.signatures)}"
