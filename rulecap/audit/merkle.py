"""The Merkle tree of RFC 6962 over the records' bytes, grown one leaf at a time.

Nodes are stored append-only, in post-order: after each leaf the parents that it completes, lowest first. Only perfect
subtrees have a node; whatever else a proof needs is folded from them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

NodeAt = Callable[[int], bytes]
HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of 0x00 and the body (RFC 6962, 2.1)."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of 0x01 and both children's hashes (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def position(level: int, index: int) -> int:
    """Return where the `index`-th perfect subtree of 2**level leaves is stored, from 0.

    It is stored `level` places after the last leaf that it covers.
    """
    return node_count(((index + 1) << level) - 1) + level


def node_count(size: int) -> int:
    """Return how many nodes a tree of `size` leaves has stored."""
    return 2 * size - size.bit_count()


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a tree must remember to grow: the roots of its perfect subtrees.

    Attributes:
        size: the number of leaves.
        hashes: one for each bit set in `size`, the largest subtree first.

    Raises:
        ValueError: there are more or fewer hashes than that.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse peaks that belong to no tree of that size."""
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves does not have {len(self.hashes)} peaks")

    @property
    def root(self) -> bytes:
        """The Merkle tree hash over all leaves, 32 bytes."""
        return folded(self.hashes)

    def append(self, leaf: bytes) -> tuple["Peaks", tuple[bytes, ...]]:
        """Return the peaks with one leaf more, and the nodes to store from position `node_count(self.size)` on.

        Args:
            leaf: the leaf's hash, as `leaf_hash` gives it.
        """
        size, kept = self.size + 1, len(self.hashes)
        nodes = [leaf]
        while not (size >> (len(nodes) - 1)) & 1:  # each low bit of the size that turned 0 is a subtree completed
            kept -= 1
            nodes.append(node_hash(self.hashes[kept], nodes[-1]))
        return Peaks(size, (*self.hashes[:kept], nodes[-1])), tuple(nodes)


def peaks_at(node_at: NodeAt, size: int) -> Peaks:
    """Return the peaks of the tree's first `size` leaves.

    Args:
        node_at: gives the hash stored at a position.
        size: at most the number of leaves stored.
    """
    return Peaks(size, tuple(node_at(place) for place in _perfect(0, size)))


def root_at(node_at: NodeAt, size: int) -> bytes:
    """Return the root of the tree's first `size` leaves; `node_at` gives the hash stored at a position."""
    return peaks_at(node_at, size).root


def inclusion_proof(node_at: NodeAt, index: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that a leaf is the `index`-th of `size`: PATH of RFC 6962, 2.1.1, lowest sibling first.

    Raises:
        ValueError: the tree of that size has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end, siblings = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append(_range_root(node_at, middle, end))
            end = middle
        else:
            siblings.append(_range_root(node_at, start, middle))
            start = middle
    return tuple(reversed(siblings))


def consistency_proof(node_at: NodeAt, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` leaves is the start of the one of `new`: PROOF of RFC 6962, 2.1.2.

    It is empty where `old` is 0 or both sizes are the same.

    Raises:
        ValueError: `old` is negative or larger than `new`.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves is not the start of one of {new}")
    if old in {0, new}:
        return ()
    start, end, hashes = 0, new, list[bytes]()
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            hashes.append(_range_root(node_at, middle, end))
            end = middle
        else:
            hashes.append(_range_root(node_at, start, middle))
            start = middle
    if start:  # else the remaining subtree is the whole old tree, whose root the verifier has
        hashes.append(_range_root(node_at, start, end))
    return tuple(reversed(hashes))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof shows that the leaf with this hash is the `index`-th of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            place, last = _up_to_right_child(place, last)
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof shows that the old tree is the start of the new one (RFC 9162, 2.1.4.2).

    The empty tree is the start of every tree; its root must be `EMPTY_ROOT`, its proof empty.
    """
    if not 0 <= old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if new == 0 or old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    return bool(path) and _leads_to(path, old, new) == (old_root, new_root)


def _leads_to(path: Sequence[bytes], old: int, new: int) -> tuple[bytes, bytes] | None:
    """Return the roots of the old and the new tree that a path leads to, or None where its length is wrong."""
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_root = new_root = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old_root, new_root = node_hash(sibling, old_root), node_hash(sibling, new_root)
            place, last = _up_to_right_child(place, last)
        else:
            new_root = node_hash(new_root, sibling)
        place, last = place >> 1, last >> 1
    return (old_root, new_root) if last == 0 else None


def _up_to_right_child(place: int, last: int) -> tuple[int, int]:
    """Return the lowest place above that is a right child: a last node without a sibling is its own parent."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(one) == HASH_LENGTH for one in hashes)


def _split(size: int) -> int:
    """Return the largest power of two below `size`, where RFC 6962 splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _perfect(start: int, end: int) -> Iterator[int]:
    """Yield the positions of the perfect subtrees that cover these leaves, largest first; `start` is aligned."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield position(level, start >> level)
        start += 1 << level


def _range_root(node_at: NodeAt, start: int, end: int) -> bytes:
    return folded([node_at(place) for place in _perfect(start, end)])


def folded(peaks: Sequence[bytes]) -> bytes:
    """Return the root above perfect subtrees, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))
