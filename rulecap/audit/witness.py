"""What others hold against a log: its signed head, handovers between keys, checkpoints that were kept elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rulecap.audit.checkpoint import Checkpoint, read_checkpoint
from rulecap.audit.errors import LogError
from rulecap.audit.findings import Findings
from rulecap.audit.log import Head, Log
from rulecap.audit.note import NoteError, Signer, Verifier, open_note, sign
from rulecap.audit.trust import Trust, open_checkpoint, trust_after

ORIGIN = "rulecap/"


def origin_of(log: str) -> str:
    """Return the name of a log in its checkpoints."""
    return ORIGIN + log


def checkpoint_of(head: Head) -> Checkpoint:
    """Return a head as a checkpoint."""
    return Checkpoint(origin_of(head.id), head.size, head.root)


def head_note(log: str, size: int, root: bytes, signer: Signer | None) -> str:
    """Return a head as a checkpoint, signed where there is a key."""
    text = Checkpoint(origin_of(log), size, root).to_text()
    return sign(text, signer) if signer else text


def is_signed(note: str) -> bool:
    """Tell whether a checkpoint carries signatures."""
    return "\n\n" in note


def text_of(note: str) -> str:
    """Return a checkpoint's text, without the signatures where it has any.

    Raises:
        NoteError: it is no note.
    """
    return open_note(note).text if is_signed(note) else note


def admit(head: Head, signer: Signer | None) -> None:
    """Let a writer go on with a log only with the key that signs it.

    Raises:
        LogError: the head is signed by another key, or there is none to go on with.
    """
    if not is_signed(head.note):
        return
    try:
        names = ", ".join(one.name for one in open_note(head.note).signatures)
        if signer is None:
            raise LogError("signing-key", f"this log is signed by {names}: give its key, or RULECAP_SIGNING_KEY")
        open_checkpoint(head.note, trust_after([], [signer.verifier]))
    except NoteError as error:
        hint = "hand over with `rulecap audit rotate`"
        raise LogError(
            "signing-key", f"this log is not signed by {signer.name if signer else ''}: {error}; {hint}"
        ) from error


def split_notes(text: str) -> list[str]:
    """Return the checkpoints in a text that several were appended to."""
    notes: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(ORIGIN) or not notes:
            notes.append("")
        notes[-1] += line
    return [note for note in notes if note.strip()]


@dataclass(frozen=True, slots=True)
class Witness:
    """A checkpoint that was kept elsewhere."""

    note: str
    checkpoint: Checkpoint

    @classmethod
    def read(cls, note: str, findings: Findings) -> "Witness | None":
        """Return a checkpoint as it was kept; where it is none, that is a finding."""
        try:
            return cls(note, read_checkpoint(text_of(note)))
        except NoteError as error:
            findings.add("bad-checkpoint", f"a checkpoint kept elsewhere is none: {error}")
            return None


def trust(log: Log, trusted: Sequence[Verifier], findings: Findings) -> Trust | None:
    """Return who may have signed at which size, by the keys that are trusted and what they handed over to."""
    if not trusted:
        return None
    handovers = log.checkpoints()
    try:
        return trust_after(handovers, trusted)
    except NoteError as error:
        findings.add("bad-signature", f"the log's own checkpoints: {error}")
        return trust_after([], trusted)


def check_head(head: Head, root: bytes, authority: Trust | None, findings: Findings) -> tuple[str, ...]:
    """Compare the head's note with the head and the records; return the names of the trusted keys that signed it."""
    try:
        checkpoint = read_checkpoint(text_of(head.note))
    except NoteError as error:
        findings.add("head-differs", f"the head's checkpoint is none: {error}")
        return ()
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (origin_of(head.id), head.size, head.root):
        findings.add("head-differs", "the head's checkpoint is not the head's: it is of another log, size or root")
    elif checkpoint.root != root and not findings.count:
        findings.add("head-differs", "the head's checkpoint has another root than the records")
    if authority is None:
        return ()
    if not is_signed(head.note):
        findings.add("not-signed", "the head is not signed, and a key was given that should have signed it")
        return ()
    try:
        open_checkpoint(head.note, authority)
    except NoteError as error:
        findings.add("bad-signature", f"the head: {error}")
        return ()
    names = {one.name for one in open_note(head.note).signatures}
    return tuple(one.name for one in authority.at(head.size) if one.name in names)


def check_witnesses(
    head: Head,
    witnesses: Iterable[Witness],
    roots: Mapping[int, bytes],
    authority: Trust | None,
    findings: Findings,
) -> int:
    """Compare checkpoints kept elsewhere with the records; return how many agree."""
    agreeing, last = 0, 0
    for witness in sorted(witnesses, key=lambda one: one.checkpoint.size):
        found = _disagreement(head, witness, roots, authority, last)
        if found is None:
            agreeing, last = agreeing + 1, witness.checkpoint.size
        else:
            findings.add(*found)
    return agreeing


def _disagreement(
    head: Head, witness: Witness, roots: Mapping[int, bytes], authority: Trust | None, last: int
) -> tuple[str, str] | None:
    checkpoint = witness.checkpoint
    if checkpoint.origin != origin_of(head.id):
        return "other-log", f"a checkpoint kept elsewhere is of {checkpoint.origin}, this log is {origin_of(head.id)}"
    if authority is not None and is_signed(witness.note):
        try:
            open_checkpoint(witness.note, authority)
        except NoteError as error:
            return "bad-signature", f"a checkpoint kept elsewhere: {error}"
    if checkpoint.size > head.size:
        cut = f"the log had {checkpoint.size} records when a checkpoint was kept, and has {head.size} now: it was cut"
        return "checkpoint-ahead", cut
    if checkpoint.size == 0:
        return None
    if roots.get(checkpoint.size) != checkpoint.root:
        since = f"{last + 1} to " if last + 1 < checkpoint.size else ""
        differ = (
            f"the log was rewritten: its records {since}{checkpoint.size} are not those of a checkpoint kept elsewhere"
        )
        return "checkpoint-differs", differ
    return None
