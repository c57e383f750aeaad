"""The tree grown again from the records, beside the nodes that were stored when they were written."""

from collections.abc import Iterable, Iterator

from rulecap.audit.database import Row, blob
from rulecap.audit.findings import Findings
from rulecap.audit.merkle import HASH_LENGTH, folded, node_count, node_hash
from rulecap.plural import how_many

# Until the head tells whether the records or the stored nodes are right.
LEAF, PARENT = "leaf-unclear", "parent-unclear"
BEYOND = "the tree has stored leaves for them, and neither the head nor the records do: the end was cut off"
MEANINGS = (
    (LEAF, "its bytes are not those that were hashed when it was written", "the tree's stored leaf is not its hash"),
    (
        PARENT,
        "one of them is not as it was written: leaf and record agree, the tree above them does not",
        "the tree's stored node above them does not follow from them",
    ),
)
Pair = tuple[bytes, bytes]


class Regrown:
    """Grows a tree leaf by leaf; each subtree as the records make it, and as it is stored (empty where it is not).

    Which of both is right, the head tells at the end; until then the code is a provisional one.
    """

    def __init__(self, rows: Iterable[Row], findings: Findings) -> None:
        """Start with no leaf.

        Args:
            rows: position and hash of the stored nodes, in the order of their positions.
            findings: where it is noted what differs.
        """
        self.size = 0
        self.lost: int | None = None
        self.differs = False
        self._nodes, self._findings = _Nodes(rows), findings
        self._peaks: list[Pair] = []

    @property
    def root(self) -> bytes | None:
        """The root as the records make it; none where a record is missing with its leaf."""
        if self.lost:
            return None
        return folded([computed for computed, _ in self._peaks])

    def take(self, leaf: bytes) -> bool:
        """Grow by a record's leaf; return whether it is the one that is stored."""
        stored = self._nodes.at(node_count(self.size))
        self.size += 1
        agrees = stored == leaf
        if not agrees:
            self.differs = True
            if not stored:
                self._findings.add("node-altered", "the tree's leaf for it is not stored", self.size)
        if not self.lost:
            self._grow(leaf, stored)
        return agrees or not stored

    def doubt(self) -> None:
        """Note that the last record and its stored leaf do not agree."""
        self._findings.add(LEAF, "", self.size)

    def skip(self, stop: int) -> None:
        """Go on to a size with the leaves that are stored, for the records are not there."""
        while self.size < stop and not self.lost:
            stored = self._nodes.at(node_count(self.size))
            self.size += 1
            if stored:
                self._grow(stored, stored)
            else:
                self.lost = self.size
        self.size = max(self.size, stop)

    def ended(self, right: bool) -> None:
        """Say of all that differs which is wrong, and note the stored nodes that belong to no record.

        Args:
            right: whether the records lead to the root that they should.
        """
        for code, of_records, of_nodes in MEANINGS:
            self._findings.recode(code, *(("node-altered", of_nodes) if right else ("record-altered", of_records)))
        beyond, strays = self._nodes.rest(node_count(self.size))
        if beyond is not None:
            self._findings.add("record-missing", BEYOND, self.size + 1, _leaves(beyond))
        if strays and not self.lost:
            self._findings.add("node-altered", f"{how_many(strays, 'stored node')} without a place in the tree")

    def _grow(self, leaf: bytes, stored: bytes) -> None:
        """Add a leaf, and the parents that it completes."""
        node, position, level = (leaf, stored), node_count(self.size - 1), 0
        while not (self.size >> level) & 1:
            level += 1
            node = self._parent(self._peaks.pop(), node, self._nodes.at(position + level), 1 << level)
        self._peaks.append(node)

    def _parent(self, left: Pair, right: Pair, stored: bytes, leaves: int) -> Pair:
        """Return a parent; where the stored one follows neither from the records nor from its children, say so."""
        computed = node_hash(left[0], right[0])
        if stored != computed and stored != node_hash(left[1], right[1]):
            self.differs = True
            first = self.size - leaves + 1
            if stored:
                self._findings.add(PARENT, "", first, self.size)
            else:
                self._findings.add("node-altered", "the tree's node above them is not stored", first, self.size)
        return computed, stored


class _Nodes:
    """The stored nodes, asked for in the order of their positions."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: Iterator[Row] = iter(rows)
        self._next = next(self._rows, None)
        self._strays = 0

    def at(self, position: int) -> bytes:
        """Return the node at a position; empty where there is none, or what is there is no hash."""
        while self._next is not None and not self._reaches(position):
            self._strays += 1
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != position:
            return b""
        found = blob(self._next[1])
        self._next = next(self._rows, None)
        return found if len(found) == HASH_LENGTH else b""

    def rest(self, end: int) -> tuple[int | None, int]:
        """Return the last position from the tree's end on, and how many nodes had no place."""
        last = None
        while self._next is not None:
            if isinstance(self._next[0], int) and self._next[0] >= end:
                last = self._next[0]
            else:
                self._strays += 1
            self._next = next(self._rows, None)
        return last, self._strays

    def _reaches(self, position: int) -> bool:
        found = self._next[0] if self._next else None
        return isinstance(found, int) and found >= position


def _leaves(position: int) -> int:
    """Return how many leaves a tree has whose stored nodes reach to a position."""
    size = position // 2
    while node_count(size) <= position:
        size += 1
    return size
