"""Proofs that somebody checks without the log: that a record is in it, that an earlier state is the start of it."""

from dataclasses import dataclass
from typing import Any

from rulecap.audit.errors import LogError
from rulecap.audit.log import Head, Log
from rulecap.audit.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
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


@dataclass(frozen=True, slots=True)
class Consistency:
    """How the tree of the log's head grew out of the one that it was at an earlier size.

    Attributes:
        head: the head that it is held against.
        size: how many records the log had.
        root: the root of its tree then, as the tree has it now; a checkpoint from then has to have the same.
        path: the hashes that lead from the one root to the other (RFC 6962, 2.1.2).
        holds: whether they do.
    """

    head: Head
    size: int
    root: bytes
    path: tuple[bytes, ...]
    holds: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types: hashes in hexadecimal, and the head's checkpoint as a note."""
        return {
            "holds": self.holds,
            "since": {"size": self.size, "root": self.root.hex()},
            "size": self.head.size,
            "root": self.head.root.hex(),
            "path": [one.hex() for one in self.path],
            "checkpoint": self.head.note,
        }


def growth_of(log: Log, size: int) -> Consistency:
    """Return the proof that the log of so many records is the start of the log.

    Raises:
        ValueError: the log never had so many.
        LogError: the tree is damaged.
    """
    head = log.head()
    path = consistency_proof(log.node, size, head.size)
    root = root_at(log.node, size)
    return Consistency(head, size, root, path, verify_consistency(size, root, head.size, head.root, path))
