"""Memory along an account's time: what each evaluation is given, and when it advances.

There is one rule: an evaluation at a time is given the memory from before that time. It advances the memory only where
nothing has advanced it at that time or later. So several decisions on one snapshot all see the same memory, which
advances once, and a late snapshot is answered without turning anything back.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rulecap.audit.carry import carried_by
from rulecap.audit.clock import time_of
from rulecap.audit.database import Database, blob
from rulecap.audit.log import json_fields, parsed_memory
from rulecap.audit.pending import Pending
from rulecap.audit.record import Record
from rulecap.audit.tables import ADVANCES
from rulecap.engine.policy import Policy

Memory = Mapping[str, Any] | None
MOST_ACCOUNTS = 10_000


class Last(NamedTuple):
    """The last advance of an account's memory under a policy: its time, the memory before and after it.

    Both with all their names: who is given one may be another version of the policy, which remembers others.
    """

    as_of: int
    before: Memory
    after: Memory


class Timeline:
    """The memories of a log's accounts; what was read or written last is kept, as long as nobody else has written."""

    def __init__(self, pending: Pending) -> None:
        """Read and write with what a writer has pending."""
        self._pending = pending
        self._last: dict[tuple[str, str], Last | None] = {}
        self._first: dict[tuple[str, str], Last] | None = None

    def forget(self) -> None:
        """Drop what is kept: somebody else has written, or what was written is undone."""
        self._last.clear()
        self._first = None

    def memory(self, account: str, policy: Policy, as_of: int | None) -> Memory:
        """Return the memory from before a time; the latest where the time is not known.

        Names that the policy does not remember (it is another version) are left out.
        """
        last = self.latest(account, policy.name)
        if last is None:
            return None
        late = as_of is not None and as_of < last.as_of
        found = self._earlier(account, policy.name, as_of) if late else memory_at(last, as_of)
        return fitting(found, policy)

    def last(self, account: str, policy: str) -> Last | None:
        """Return the last advance as far as it was read or written since somebody else wrote."""
        return self._last.get((account, policy))

    def latest(self, account: str, policy: str) -> Last | None:
        """Return the last advance; it is read where it is not known."""
        key = (account, policy)
        if key not in self._last:
            if len(self._last) >= MOST_ACCOUNTS:
                self._last.clear()
            self._last[key] = self._read(account, policy)
        return self._last[key]

    def advances(self, account: str, policy: str, as_of: int) -> bool:
        """Tell whether an evaluation at a time advances the memory."""
        last = self.latest(account, policy)
        return last is None or as_of > last.as_of

    def advance(self, account: str, policy: str, as_of: int, after: Memory, seq: int) -> None:
        """Write that a record has advanced the memory."""
        last = self.latest(account, policy)
        self._pending.insert(ADVANCES, (account, policy, as_of, seq))
        self._last[account, policy] = Last(as_of, last.after if last else None, after)

    def _read(self, account: str, policy: str) -> Last | None:
        rows = self._pending.run(
            "SELECT as_of, body FROM advances JOIN records ON records.seq = advances.seq"
            " WHERE account = ? AND policy = ? ORDER BY as_of DESC LIMIT 2",
            (account, policy),
        )
        carried = self._carried().get((account, policy))
        if not rows:
            return carried
        memories = [parsed_memory(*json_fields(blob(body), "next_memory")) for _, body in rows]
        before = memories[1] if len(rows) > 1 else carried.after if carried else None
        return Last(rows[0][0], before, memories[0])

    def _carried(self) -> dict[tuple[str, str], Last]:
        """Return the memories that the log's first record carries over from another log."""
        if self._first is None:
            rows = self._pending.run("SELECT body FROM records WHERE seq = 1")
            carried = carried_by(Record(1, bytes(rows[0][0]))) if rows else None
            self._first = {
                (one["account"], one["policy"]): Last(time_of(one["as_of"]), one["memory"], one["memory"])
                for one in (carried["memories"] if carried else ())
            }
        return self._first

    def _earlier(self, account: str, policy: str, as_of: int | None) -> Memory:
        rows = self._pending.run(
            "SELECT body FROM advances JOIN records ON records.seq = advances.seq"
            " WHERE account = ? AND policy = ? AND as_of < ? ORDER BY as_of DESC LIMIT 1",
            (account, policy, as_of),
        )
        if rows:
            return parsed_memory(json_fields(blob(rows[0][0]), "next_memory")[0])
        carried = self._carried().get((account, policy))
        return carried.after if carried else None


def last_on_record(database: Database, account: str, policy: str) -> Last | None:
    """Return the last advance of an account's memory under a policy, as a log has it; none where it has none.

    Raises:
        LogError: the log cannot be read.
    """
    return Timeline(Pending(database)).latest(account, policy)


def memory_at(last: Last, as_of: int | None) -> Memory:
    """Return the memory at a time, going by the last advance alone: before it, or after it."""
    return last.after if as_of is None or as_of > last.as_of else last.before


def fitting(memory: Memory, policy: Policy) -> Memory:
    """Return a memory without the names that a policy does not remember."""
    known = policy.typed.memory
    if memory is None or memory.keys() <= known.keys():
        return memory
    return {name: value for name, value in memory.items() if name in known}
