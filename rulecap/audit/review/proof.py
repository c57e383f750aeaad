"""The proof that a record is in the log: what somebody needs to check it without the log."""

from dataclasses import dataclass
from typing import Any

from rulecap.audit.errors import LogError
from rulecap.audit.log import Head, Log
from rulecap.audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from rulecap.audit.record import Record


@dataclass(frozen=True, slots=True)
class Proof:
    """A record's place in the tree of the log's head.

    Attributes:
        head: the head that it is held against.
        leaf: the record's hash.
        index: its place in the tree, from 0.
        path: the hashes of its siblings, lowest first (RFC 6962, 2.1.1).
        holds: whether the record's bytes and the path lead to the head's root.
    """

    head: Head
    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    holds: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types: hashes in hexadecimal, and the head's checkpoint as a note."""
        return {
            "holds": self.holds,
            "index": self.index,
            "size": self.head.size,
            "leaf": self.leaf.hex(),
            "path": [one.hex() for one in self.path],
            "root": self.head.root.hex(),
            "checkpoint": self.head.note,
        }


def proof_of(log: Log, record: Record) -> Proof | None:
    """Return the proof that a record is in the log; none where the log has no proof of it, as it is damaged."""
    head, index, leaf = log.head(), record.seq - 1, leaf_hash(record.body)
    try:
        path = inclusion_proof(log.node, index, head.size)
    except (ValueError, LogError):
        return None
    return Proof(head, leaf, index, path, verify_inclusion(leaf, index, head.size, path, head.root))
