"""What each record says, against its columns and against the records before it: ids, policies, memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from rulecap.audit.clock import time_of
from rulecap.audit.database import blob
from rulecap.audit.findings import Findings
from rulecap.audit.indices import Indices
from rulecap.audit.log import Log, Stored
from rulecap.audit.said import RecordedSnapshot, Said, said_by
from rulecap.policy.sources import digest_of

Key = tuple[str, str]
EARLIER = (
    "SELECT body FROM advances JOIN records ON records.seq = advances.seq"
    " WHERE account = ? AND policy = ? AND as_of < ? ORDER BY as_of DESC LIMIT 1"
)
MOST_LATE = 1000


class Left(NamedTuple):
    """A memory that was left, by which policy and which record; by none where nothing came before."""

    memory: Any
    digest: str = ""
    seq: int = 0


class Advanced(NamedTuple):
    """The last advance of a memory, as the records tell it: when, from what (none where not known), to what."""

    as_of: int
    before: Left | None
    after: Left


NOTHING = Left(None)


class Chain:
    """Follows a log's records in their order."""

    def __init__(self, log: Log, findings: Findings) -> None:
        """Start before the first record.

        Raises:
            LogError: a table of the log cannot be read.
        """
        self._log, self._findings = log, findings
        self._name = log.head().id
        self._indices = Indices(log, findings)
        self._policies: set[str] = set()
        self._last: dict[Key, Advanced] = {}
        self._carried: dict[Key, Left] = {}
        self._late: list[tuple[int, str]] = []
        self._time, self._back = 0, 0
        self._seq, self._gap = 0, 0

    def notes(self) -> Iterator[str]:
        """Tell what is worth knowing though nothing is wrong."""
        if self._back:
            times = "once" if self._back == 1 else f"{self._back} times"
            yield f"the writer's clock went back {times}; records are in the order of their numbers"

    def take(self, stored: Stored, sure: bool) -> bool:
        """Look at the next record; tell whether it belongs at its place.

        Args:
            stored: the record.
            sure: whether its bytes are those that were written. Where they are not, or where records are missing
                before it, nothing is concluded from them about the memory of others.
        """
        seq = stored.record.seq
        self._gap = seq if not sure else max(self._gap, seq - 1) if seq > self._seq + 1 else self._gap
        self._seq = seq
        try:
            said = said_by(stored.record.body)
        except ValueError as error:
            return self._unreadable(stored, f"is no record: {error}")
        if said.seq != seq or said.id != f"{self._name}-{seq}":
            self._skip(stored)
            self._findings.add("record-moved", f"holds the record {said.id}, number {said.seq}", seq)
            return False
        self._back += said.written < self._time
        self._time = said.written
        if not said.policy.digest:
            return self._carry(stored, said)
        self._policy(seq, said.policy.digest)
        advances = self._memory(seq, said)
        if self._indices.take(stored, said, advances, sure):
            self._advance((said.account, said.policy.name), said)
        return True

    def ended(self, size: int) -> None:
        """Note what the tables hold that no record calls for."""
        complete = not self._gap and self._seq == size
        self._indices.ended(size, self._policies, complete)
        if self._indices.advances_are_right and not self._gap:  # else it does not tell what was there before a time
            for seq, said in self._late:
                self._findings.add("memory-differs", said, seq)

    def _unreadable(self, stored: Stored, why: str) -> bool:
        self._skip(stored)
        self._findings.add("record-altered", why, stored.record.seq)
        return False

    def _skip(self, stored: Stored) -> None:
        self._gap = stored.record.seq
        self._indices.skip(stored.record.seq, stored.kind)

    def _carry(self, stored: Stored, said: Said) -> bool:
        """Take the memories that a log's first record carries over from another log."""
        carried = said.snapshot.carried if isinstance(said.snapshot, RecordedSnapshot) else None
        if said.seq != 1 or carried is None:
            return self._unreadable(stored, "is no decision's, and not the first record of a log that follows another")
        try:
            for one in carried["memories"]:
                key, left = (one["account"], one["policy"]), Left(one["memory"], seq=1)
                self._last[key] = Advanced(time_of(one["as_of"]), left, left)
                self._carried[key] = left
        except (KeyError, TypeError, ValueError) as error:
            return self._unreadable(stored, f"carries no memories over: {type(error).__name__}: {error}")
        self._indices.take(stored, said, advances=False, sure=True)
        return True

    def _policy(self, seq: int, digest: str) -> None:
        """Check once for each policy that its files are those that the records name."""
        if digest in self._policies:
            return
        self._policies.add(digest)
        files = self._log.policy_files(digest)
        if not files:
            self._findings.add("policy-missing", f"the files of its policy {digest} are not in the log", seq)
        elif digest_of(files) != digest:
            self._findings.add("policy-altered", f"the files kept for its policy {digest} are others", seq)

    def _memory(self, seq: int, said: Said) -> bool | None:
        """Check that a record was given the memory that the records before it left.

        Returns:
            Whether it advances the memory; none where records before it are not known, so that it cannot be told.
        """
        key, as_of = (said.account, said.policy.name), said.as_of
        last = self._last.get(key)
        late = last is not None and as_of is not None and as_of < last.as_of
        known = self._known(last)
        if known:
            left = self._earlier(key, as_of) if late else _left(last, as_of)
            if left and not _follows(left, said):
                self._differ(seq, late, left)
        if as_of is None or not said.advanced:
            return False
        return (last is None or as_of > last.as_of) if known else None

    def _known(self, last: Advanced | None) -> bool:
        return self._gap < (last.after.seq if last else 1)

    def _advance(self, key: Key, said: Said) -> None:
        last = self._last.get(key)
        before = (last.after if last else NOTHING) if self._known(last) else None
        self._last[key] = Advanced(said.as_of or 0, before, Left(said.next_memory, said.policy.digest, said.seq))

    def _differ(self, seq: int, late: bool, left: Left) -> None:
        which = f"the memory that record {left.seq} left" if left.seq else "the memory that its account began with"
        if not late:
            self._findings.add("memory-differs", f"was not given {which}", seq)
        elif len(self._late) < MOST_LATE:
            self._late.append((seq, f"is late, and was not given {which}"))

    def _earlier(self, key: Key, as_of: int | None) -> Left | None:
        """Return the memory from before a time, from the index of advances; none where it is unreadable."""
        rows = self._log.database.run(EARLIER, (*key, as_of))
        if not rows:
            carried: Left = self._carried.get(key, NOTHING)
            return carried
        try:
            said = said_by(blob(rows[0][0]))
        except ValueError:  # that record is a finding of its own
            return None
        return Left(said.next_memory, said.policy.digest, said.seq)


def _left(last: Advanced | None, as_of: int | None) -> Left | None:
    """Return the memory that the last advance left for a time that is not before it; none where it is not known."""
    if last is None:
        return NOTHING
    return last.before if as_of == last.as_of else last.after


def _follows(left: Left, said: Said) -> bool:
    """Tell whether a record was given a memory; another version of the policy leaves out the names it does not know."""
    given, memory = said.memory, left.memory
    if given == memory:
        return True
    if left.digest == said.policy.digest or not (isinstance(given, dict) and isinstance(memory, dict)):
        return False
    names = said.next_memory if said.advanced and isinstance(said.next_memory, dict) else given
    return bool(given == {name: value for name, value in memory.items() if name in names})
