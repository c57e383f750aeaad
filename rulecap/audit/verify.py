"""Verification: every record hashed again, the tree computed again, and both compared with what is known of them.

Three things speak for a record: its bytes, the tree's stored nodes, and the head (signed, or in a checkpoint kept
elsewhere). The pass grows the tree from the bytes, beside the stored nodes; the head then tells which of both is right.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from rulecap.audit import followed
from rulecap.audit.chain import Chain
from rulecap.audit.errors import LogError
from rulecap.audit.findings import Findings, Report
from rulecap.audit.held import WITHIN, Signed, Witness, check_head, check_witnesses, root_that_counts, trust, witnesses
from rulecap.audit.log import Head, Log, Stored
from rulecap.audit.merkle import EMPTY_ROOT, leaf_hash
from rulecap.audit.note import Verifier
from rulecap.audit.regrown import Regrown
from rulecap.audit.trust import Trust
from rulecap.audit.witness import is_signed
from rulecap.plural import how_many

Progress = Callable[[int, int], None]
NODES = "SELECT position, hash FROM nodes ORDER BY position"
SHOWN_EVERY = 1000
# What a log that was tampered with may say; anything else, such as a server that is gone, says nothing of the log.
DAMAGE = {"log-corrupt", "log-failed", "not-a-log"}


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
        LogError: the log cannot be reached, or is locked. A log that is there and damaged is a finding.
    """
    log.database.look()
    try:
        return Pass(log, progress).run(trusted, list(checkpoints))
    finally:
        with suppress(LogError):  # a damaged file may refuse even this
            log.database.rollback()


class Pass:
    """One verification of a log."""

    def __init__(self, log: Log, progress: Progress | None) -> None:
        """Start at the first record."""
        self._log, self._progress = log, progress
        self._findings = Findings()
        self._roots: dict[int, bytes | None] = {0: EMPTY_ROOT}
        self._root: bytes | None = None
        self._done = 0
        self._notes: list[str] = []

    def run(self, trusted: Sequence[Verifier], checkpoints: list[str]) -> Report:
        """Return what was found."""
        head, signed, agreeing = Head("", 0, EMPTY_ROOT, ""), Signed(), 0
        try:
            head = self._log.head()
            for fault in self._log.database.faults():
                self._findings.add("tables-differ", fault)
            self._notes += self._log.database.cautions()
            kept = witnesses(self._log, head, checkpoints, self._findings)
            authority = trust(kept, trusted, self._findings)
            if authority is not None and (terms := authority.told()):
                self._notes.append(terms)
            signed = check_head(head, authority, self._findings)
            self._followed(head, kept)
            agreeing = self._compare(head, signed, kept, authority)
        except LogError as error:
            if error.code not in DAMAGE:
                raise
            where = f"after record {self._done}" if self._done else "from the beginning"
            self._findings.add("log-damaged", f"cannot be read {where}: {error.reason}")
        if not trusted and is_signed(head.note):
            self._notes.append("the head carries a signature, which nobody checked: no key was given")
        root = self._root.hex() if self._root is not None else ""
        found = self._findings
        return Report(
            head.id, head.size, root, signed.names, agreeing, tuple(self._notes), found.in_order(), found.count
        )

    def _compare(self, head: Head, signed: Signed, kept: Sequence[Witness], authority: Trust | None) -> int:
        """Go through the records, and hold against them what is known; return how many checkpoints agree."""
        sizes = {one.checkpoint.size for one in kept}
        tree = Regrown(self._log.database.stream(NODES), self._findings)
        self._records(head, tree, sizes)
        self._root = tree.root
        right = tree.root == root_that_counts(head, signed, kept)
        tree.ended(right)
        agreement = check_witnesses(head, kept, self._roots, authority, self._findings)
        self._head(head, signed, tree, agreement.proven)
        return agreement.elsewhere

    def _followed(self, head: Head, kept: Sequence[Witness]) -> None:
        """Say which log follows this one; that two do is a finding."""
        marks = [one.checkpoint for one in kept if one.where == WITHIN]
        self._notes += followed.told(marks, head.size)
        names = [one.log for one in followed.in_force(marks)]
        if len(names) > 1:
            self._findings.add("followed-by-another", f"only one log may follow it, and {' and '.join(names)} do")

    def _records(self, head: Head, tree: Regrown, sizes: set[int]) -> None:
        chain, add = Chain(self._log, self._findings), self._findings.add
        for stored in self._log.stored():
            seq = stored.record.seq
            if not isinstance(seq, int) or seq <= tree.size:
                place = seq if isinstance(seq, int) and seq > 0 else None
                add("record-inserted", f"a record of the number {seq} stands where there is no place for one", place)
            elif seq > head.size:
                add("record-inserted", f"is beyond the head, which counts {how_many(head.size, 'record')}", seq)
            else:
                self._missing(tree, seq - 1, sizes)
                self._take(stored, tree, chain, sizes)
            if self._progress and self._done % SHOWN_EVERY == 0:
                self._progress(self._done, head.size)
        self._missing(tree, head.size, sizes)
        chain.ended(head.size)
        self._notes += chain.notes()

    def _take(self, stored: Stored, tree: Regrown, chain: Chain, sizes: set[int]) -> None:
        agrees = tree.take(leaf_hash(stored.record.body))
        if chain.take(stored, agrees) and not agrees:
            tree.doubt()
        self._done = tree.size
        if self._done in sizes:
            self._roots[self._done] = tree.root

    def _missing(self, tree: Regrown, stop: int, sizes: set[int]) -> None:
        """Note records that are not there; the tree goes on with the leaves that are stored for them."""
        start = tree.size
        if start >= stop:
            return
        self._findings.add("record-missing", "missing", start + 1, stop)
        for size in sorted(size for size in sizes if start < size <= stop):
            tree.skip(size)
            self._roots[size] = tree.root
        tree.skip(stop)

    def _head(self, head: Head, signed: Signed, tree: Regrown, proven: int) -> None:
        """Say that the head is not of these records, where no record or node was found that explains it."""
        if tree.root is None or tree.differs:
            return
        if signed.checkpoint and signed.checkpoint.size == head.size and signed.checkpoint.root != tree.root:
            said = "they are not those of the signed head: at least one was changed, and the tree with it"
            self._findings.add("head-differs", said, proven + 1, head.size)
        if head.root != tree.root:
            self._findings.add("head-differs", "the head's root is not that of the records")
