"""Checkpoints: a tree head as a signed note, in the form of https://c2sp.org/tlog-checkpoint."""

import re
from dataclasses import dataclass

from rulecap.audit.merkle import HASH_LENGTH
from rulecap.audit.note import NoteError, base64_of, from_base64
from rulecap.problems import shown

LARGEST_SIZE = 2**63 - 1  # what other tools and databases count with

_CONTROL = re.compile("[\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: that its first `size` records have this root.

    Attributes:
        origin: which log; the name its key signs under, usually.
        size: the number of records.
        root: their Merkle tree hash, 32 bytes.
        extensions: lines of other meaning, none empty.

    Raises:
        NoteError: a part cannot be written in a checkpoint.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the text can be read back as the same."""
        for name, line in (("origin", self.origin), *(("extension line", line) for line in self.extensions)):
            if not line or _CONTROL.search(line):
                raise NoteError(f"a checkpoint's {name} is one line, not empty: {shown(line)!r}")
        if not 0 <= self.size <= LARGEST_SIZE:
            raise NoteError(f"a checkpoint's size is 0 to {LARGEST_SIZE}")
        if len(self.root) != HASH_LENGTH:
            raise NoteError(f"a checkpoint's root has {HASH_LENGTH} bytes, not {len(self.root)}")

    def to_text(self) -> str:
        """Return the text to sign: origin, size, root in base64, extensions, each a line."""
        return tree_head(self.origin, self.size, self.root) + "".join(f"{line}\n" for line in self.extensions)


def tree_head(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint without extensions, whose parts are known to be ones that it may have."""
    return f"{origin}\n{size}\n{base64_of(root)}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text holds.

    Raises:
        NoteError: the text is not exactly as a checkpoint is written.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < 3:
        raise NoteError("a checkpoint is an origin, a size and a root, each a line that ends in a newline")
    origin, size, root, *extensions = lines
    if not re.fullmatch("0|[1-9][0-9]{0,18}", size):
        raise NoteError(f"a checkpoint's size is a whole number without leading zeros, not {shown(size)!r}")
    try:
        raw = from_base64(root)
    except NoteError as error:
        raise NoteError(f"a checkpoint's root: {error}") from None
    return Checkpoint(origin, int(size), raw, tuple(extensions))
