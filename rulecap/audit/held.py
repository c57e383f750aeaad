"""What is held against a log: its signed head, handovers between keys, checkpoints that were kept elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rulecap.audit.checkpoint import Checkpoint, read_checkpoint
from rulecap.audit.findings import Findings
from rulecap.audit.log import Head, Log
from rulecap.audit.note import NoteError, Verifier, open_note
from rulecap.audit.trust import NEXT_KEY, Trust, open_checkpoint, trust_after
from rulecap.audit.witness import ORIGIN, is_signed, origin_of, text_of
from rulecap.plural import how_many

ELSEWHERE, WITHIN = "a checkpoint kept elsewhere", "a checkpoint kept in the log"


def split_notes(text: str) -> list[str]:
    """Return the checkpoints in a text that several were appended to; blank lines behind one are no part of it."""
    notes: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(ORIGIN) or not notes:
            notes.append("")
        notes[-1] += line
    return [note.rstrip("\n") + "\n" * note.endswith("\n") for note in notes if note.strip()]


@dataclass(frozen=True, slots=True)
class Witness:
    """A checkpoint of the log that was kept: elsewhere, or in the log, where handovers are."""

    note: str
    checkpoint: Checkpoint
    where: str

    @property
    def hands_over(self) -> bool:
        """Whether it names the next key."""
        return any(line.startswith(f"{NEXT_KEY} ") for line in self.checkpoint.extensions)


def witnesses(log: Log, head: Head, elsewhere: Iterable[str], findings: Findings) -> list[Witness]:
    """Return the checkpoints of this log, smallest first; of what is none, or of another log, that is a finding."""
    rows = log.database.run("SELECT size, note FROM checkpoints")
    found = [_read(note, WITHIN, head, findings) for _, note in rows]
    for (size, _), witness in zip(rows, found, strict=True):
        if witness and witness.checkpoint.size != size:
            findings.add(
                "checkpoint-differs",
                f"{WITHIN} is of {how_many(witness.checkpoint.size, 'record')}, its row says {size:,}",
            )
    found += [_read(note, ELSEWHERE, head, findings) for note in elsewhere]
    return sorted((one for one in found if one), key=lambda one: one.checkpoint.size)


def _read(note: object, where: str, head: Head, findings: Findings) -> Witness | None:
    try:
        if not isinstance(note, str):
            raise NoteError("it is no text")
        checkpoint = read_checkpoint(text_of(note))
    except NoteError as error:
        findings.add("bad-checkpoint", f"{where} is none: {error}")
        return None
    if checkpoint.origin != origin_of(head.id):
        findings.add("other-log", f"{where} is of {checkpoint.origin}, this log is {origin_of(head.id)}")
        return None
    return Witness(note, checkpoint, where)


def trust(kept: Sequence[Witness], trusted: Sequence[Verifier], findings: Findings) -> Trust | None:
    """Return who may have signed at which size, by the keys that are trusted and what they handed over to."""
    if not trusted:
        return None
    within = {one.note for one in kept if one.where == WITHIN}
    for one in kept:
        if one.hands_over and one.note not in within:
            lacks = f"the log lacks the handover at {how_many(one.checkpoint.size, 'record')} that was kept elsewhere"
            findings.add("checkpoint-differs", lacks)
    try:
        return trust_after(dict.fromkeys(one.note for one in kept if one.hands_over), trusted)
    except NoteError as error:
        findings.add("bad-signature", f"the handovers from key to key: {error}")
        return trust_after([], trusted)


@dataclass(frozen=True, slots=True)
class Signed:
    """What the head's signature proves: who signed, and what; nothing where no trusted key did."""

    names: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None


def check_head(head: Head, authority: Trust | None, findings: Findings) -> Signed:
    """Compare the head's note with the head; return what a trusted key signed of it."""
    try:
        checkpoint = read_checkpoint(text_of(head.note))
    except NoteError as error:
        findings.add("head-differs", f"the head's checkpoint is none: {error}")
        return Signed()
    signed = _signed(head, authority, findings) if authority else Signed()
    if checkpoint.origin != origin_of(head.id):
        findings.add(
            "head-differs", f"the head's checkpoint is of {checkpoint.origin}, this log is {origin_of(head.id)}"
        )
        return Signed()
    if checkpoint.size > head.size and signed.names:
        said = f"the signed head counts {checkpoint.size}, the log's head {head.size}: the end was cut off"
        findings.add("record-missing", said, head.size + 1, checkpoint.size)
    elif checkpoint.size < head.size and signed.names:
        said = f"the signed head counts {how_many(checkpoint.size, 'record')}, so that nobody signed these"
        findings.add("record-inserted", said, checkpoint.size + 1, head.size)
    elif checkpoint.size != head.size:
        findings.add(
            "head-differs",
            f"the head's checkpoint counts {how_many(checkpoint.size, 'record')}, the head {head.size:,}",
        )
    elif checkpoint.root != head.root:
        findings.add("head-differs", "the head's checkpoint has another root than the head")
    return signed


def _signed(head: Head, authority: Trust, findings: Findings) -> Signed:
    if not is_signed(head.note):
        findings.add("not-signed", "the head is not signed, and a key was given that should have signed it")
        return Signed()
    try:
        checkpoint = open_checkpoint(head.note, authority)
    except NoteError as error:
        findings.add("bad-signature", f"the head: {error}")
        return Signed()
    by = {(one.name, one.key_id) for one in open_note(head.note).signatures}
    names = tuple(one.name for one in authority.at(checkpoint.size) if (one.name, one.key_id) in by)
    return Signed(names, checkpoint)


def root_that_counts(head: Head, signed: Signed, kept: Sequence[Witness]) -> bytes:
    """Return the root that the records should lead to: what a trusted key signed, else what was kept elsewhere."""
    if signed.checkpoint is not None and signed.checkpoint.size == head.size:
        return signed.checkpoint.root
    at_head = (one.checkpoint for one in kept if one.where == ELSEWHERE and one.checkpoint.size == head.size)
    return next((checkpoint.root for checkpoint in at_head), head.root)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the checkpoints kept elsewhere agree, and up to which size the records are proven by any."""

    elsewhere: int = 0
    proven: int = 0


def check_witnesses(
    head: Head, kept: Sequence[Witness], roots: Mapping[int, bytes | None], authority: Trust | None, findings: Findings
) -> Agreement:
    """Compare checkpoints with the records, smallest first."""
    agreeing = proven = 0
    for one in kept:
        if authority is not None and is_signed(one.note):
            try:
                open_checkpoint(one.note, authority)
            except NoteError as error:
                findings.add("bad-signature", f"{one.where}: {error}{_beyond(head, one)}")
                continue
        if _agrees(head, one, roots, proven, findings):
            agreeing, proven = agreeing + (one.where == ELSEWHERE), one.checkpoint.size
    return Agreement(agreeing, proven)


def _beyond(head: Head, witness: Witness) -> str:
    """Return what it may mean that a checkpoint by an unknown key has more records than the log."""
    if witness.checkpoint.size <= head.size:
        return ""
    said = f"; it counts {how_many(witness.checkpoint.size, 'record')}, this log {head.size:,}"
    return f"{said}: if the log was handed over to that key, its end was cut off, and the handover with it"


def _agrees(head: Head, witness: Witness, roots: Mapping[int, bytes | None], proven: int, findings: Findings) -> bool:
    size, where = witness.checkpoint.size, witness.where
    if size > head.size:
        cut = (
            f"the log had {how_many(size, 'record')} when {where} was made, and has {head.size:,}: the end was cut off"
        )
        findings.add("checkpoint-ahead", cut, head.size + 1, size)
        return False
    root = roots.get(size)
    if root is None:
        lost = f"{where}, of {how_many(size, 'record')}, cannot be compared: records are missing with their leaves"
        findings.add("checkpoint-differs", lost)
        return False
    if root != witness.checkpoint.root:
        differ = f"they are not those of {where}: the log was rewritten"
        findings.add("checkpoint-differs", differ, min(proven + 1, size) or None, size)
        return False
    return True
