"""A log's head as a checkpoint: written at each commit, and held against a writer that wants to go on with the log."""

from rulecap.audit.checkpoint import Checkpoint, tree_head
from rulecap.audit.errors import LogError
from rulecap.audit.log import Head
from rulecap.audit.note import NoteError, Signer, open_note, sign
from rulecap.audit.trust import open_checkpoint, trust_after
from rulecap.plural import how_many

ORIGIN = "rulecap/"


def origin_of(log: str) -> str:
    """Return the name of a log in its checkpoints."""
    return ORIGIN + log


def checkpoint_of(head: Head) -> Checkpoint:
    """Return a head as a checkpoint."""
    return Checkpoint(origin_of(head.id), head.size, head.root)


def head_note(log: str, size: int, root: bytes, signer: Signer | None) -> str:
    """Return a head as a checkpoint, signed where there is a key."""
    text = tree_head(origin_of(log), size, root)
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
    """Let a writer go on with a log only with the key that signs it, and only from the head that the key signed.

    Else a writer would sign, with its next record, whatever somebody without the key has made of the log.

    Raises:
        LogError: the head is signed by another key, is another than the signed one, or there is no key to go on with.
    """
    if not is_signed(head.note):
        if signer is not None and head.size:
            raise LogError(
                "signing-key",
                f"this log has {how_many(head.size, 'record')} that {signer.name} has not signed, and would sign with"
                " the next one: go on without a key, or begin a signed log that follows it"
                " (`rulecap audit begin --after`)",
            )
        return
    try:
        names = ", ".join(one.name for one in open_note(head.note).signatures)
        if signer is None:
            raise LogError("signing-key", f"this log is signed by {names}: give its key, or RULECAP_SIGNING_KEY")
        signed = open_checkpoint(head.note, trust_after([], [signer.verifier]))
    except NoteError as error:
        hint = "hand over with `rulecap audit rotate`, or, if that was done, start with the new key"
        raise LogError(
            "signing-key", f"this log is not signed by {signer.verifier.label if signer else ''}: {error}; {hint}"
        ) from error
    if signed != checkpoint_of(head):
        raise LogError(
            "log-corrupt",
            f"the head of {how_many(head.size, 'record')} is not the one of {signed.size:,} that {names} signed",
        )
