"""Verification: every record hashed again, the tree computed again, and both compared with what is known of them.

Three things speak for a record: its bytes, the tree's stored nodes, and the head (signed, or in a checkpoint kept
elsewhere). The pass hashes the bytes, and grows one tree from them and one from the stored leaves; the head then tells
which of the two is right.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from rulecap.audit.chain import Chain
from rulecap.audit.findings import Findings, Report
from rulecap.audit.log import Head, Log, Stored, as_bytes
from rulecap.audit.merkle import HASH_LENGTH, Peaks, leaf_hash, node_count
from rulecap.audit.note import Verifier
from rulecap.audit.witness import Witness, check_head, check_witnesses, trust

Progress = Callable[[int, int], None]


def verify(
    log: Log,
    trusted: Sequence[Verifier] = (),
    checkpoints: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Return what is wrong with a log.

    Args:
        log: the log, which is read as it is at this moment.
        trusted: keys that its head may be signed with; none where it is not known who signs.
        checkpoints: checkpoints of it that were kept elsewhere, as C2SP notes.
        progress: is told from time to time how many records are done, and of how many.

    Raises:
        LogError: the log cannot be read.
    """
    log.database.look()
    try:
        return Pass(log, progress).run(trusted, list(checkpoints))
    finally:
        log.database.rollback()


class Pass:
    """One verification of a log."""

    def __init__(self, log: Log, progress: Progress | None) -> None:
        """Start at the first record."""
        self._log, self._progress = log, progress
        self._findings = Findings()
        self._chain = Chain(log, self._findings)
        self._bodies, self._leaves = Peaks(), Peaks()
        self._whole = True
        self._differing: list[int] = []
        self._roots: dict[int, bytes] = {}
        self._nodes = _nodes(log)

    def run(self, trusted: Sequence[Verifier], checkpoints: list[str]) -> Report:
        """Return what was found."""
        head, found = self._log.head(), self._findings
        witnesses = [Witness.read(note, found) for note in checkpoints]
        sizes = {witness.checkpoint.size for witness in witnesses if witness}
        expected = 1
        for stored in self._log.stored():
            seq = stored.record.seq
            if seq > head.size:
                found.add("record-inserted", f"is beyond the head, which counts {head.size} records", seq)
                continue
            if seq < expected:
                found.add("record-inserted", "stands before the first place", seq)
                continue
            self._missing(expected, seq)
            self._take(stored, sizes)
            expected = seq + 1
            if self._progress and seq % 1000 == 0:
                self._progress(seq, head.size)
        self._missing(expected, head.size + 1)
        self._ended(head)
        self._chain.ended(head.size)
        authority = trust(self._log, trusted, found)
        signed = check_head(head, self._bodies.root, authority, found)
        agreeing = check_witnesses(head, [one for one in witnesses if one], self._roots, authority, found)
        return Report(
            head.id,
            head.size,
            self._bodies.root.hex(),
            signed,
            agreeing,
            tuple(self._chain.notes()),
            tuple(found.kept),
            found.count,
        )

    def _take(self, stored: Stored, sizes: set[int]) -> None:
        seq = stored.record.seq
        leaf = leaf_hash(stored.record.body)
        if not stored.raw:
            self._findings.add("record-altered", "its bytes are stored as something else", seq)
        self._bodies, nodes = self._bodies.append(leaf)
        kept = self._stored_nodes(seq, len(nodes))
        self._leaves, following = self._leaves.append(kept[0] if len(kept[0]) == HASH_LENGTH else bytes(HASH_LENGTH))
        if kept[0] != leaf:
            self._differing.append(seq)
        elif kept[1:] != following[1:]:
            self._findings.add("node-altered", "the tree's stored nodes above it do not follow from the records", seq)
        if seq in sizes:
            self._roots[seq] = self._bodies.root
        self._chain.take(stored)

    def _stored_nodes(self, seq: int, count: int) -> tuple[bytes, ...]:
        """Return the tree's nodes that were stored with a record; an empty one for each that is missing."""
        first = node_count(seq - 1)
        return tuple(self._nodes(position) for position in range(first, first + count))

    def _missing(self, start: int, stop: int) -> None:
        """Note records that are not there; the trees go on with the leaves that are stored for them."""
        if start < stop:
            self._whole = False
            last = stop - 1
            which = f"records {start} to {last} are" if last > start else "is"
            self._findings.add("record-missing", f"{which} missing", start)
        for seq in range(start, stop):
            (leaf,) = self._stored_nodes(seq, 1)
            if not leaf:  # the leaves end here too: nothing is left to go on with
                return
            leaf = leaf if len(leaf) == HASH_LENGTH else bytes(HASH_LENGTH)
            self._bodies, nodes = self._bodies.append(leaf)
            self._stored_nodes(seq, len(nodes))
            self._leaves, _ = self._leaves.append(leaf)

    def _ended(self, head: Head) -> None:
        """Say which of the records and leaves that differ are wrong: those that do not lead to the head."""
        right = self._whole and self._bodies.root == head.root
        for seq in self._differing:
            if right:
                self._findings.add("node-altered", "the tree's stored leaf is not the hash of it", seq)
            else:
                self._findings.add(
                    "record-altered", "its bytes are not those that were hashed when it was written", seq
                )
        if not right and not self._differing and self._whole:
            self._findings.add("head-differs", f"the head of {head.size} records is not the root of their tree")


def _nodes(log: Log) -> Callable[[int], bytes]:
    """Return what gives the stored nodes in the order of their positions, empty where one is missing."""
    rows: Iterator[tuple[int, bytes]] = log.database.stream("SELECT position, hash FROM nodes ORDER BY position")
    waiting: list[tuple[int, bytes]] = []

    def node_at(position: int) -> bytes:
        while not waiting or waiting[0][0] < position:
            row = next(rows, None)
            if row is None:
                return b""
            waiting[:] = [(row[0], as_bytes(row[1]))]
        return waiting[0][1] if waiting[0][0] == position else b""

    return node_at
