"""What each record says, against its columns and against the records before it: ids, policies, memory."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from rulecap.audit.asked import microseconds
from rulecap.audit.carry import carried_by
from rulecap.audit.database import Row
from rulecap.audit.findings import Findings
from rulecap.audit.log import Log, Stored, as_bytes
from rulecap.audit.record import Record
from rulecap.policy.sources import digest_of

Fields = dict[str, Any]
# What looking into a body raises that is not made like a record's.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


class Advanced(NamedTuple):
    """The last advance of a memory, as the records tell it: when, by which policy, from what to what."""

    as_of: int
    digest: str
    before: Any
    after: Any


class Chain:
    """Follows a log's records in their order."""

    def __init__(self, log: Log, findings: Findings) -> None:
        """Start before the first record."""
        self._log, self._findings = log, findings
        self._name = log.head().id
        self._kinds = log.kinds()
        self._policies: dict[str, str | None] = {}
        self._last: dict[tuple[str, str], Advanced] = {}
        self._carried: dict[tuple[str, str], Any] = {}
        self._advances = _Advances(log)
        self._time, self._back = 0, 0

    def notes(self) -> Iterator[str]:
        """Tell what is worth knowing though nothing is wrong."""
        if self._back:
            yield f"the writer's clock went back {self._back} times; records are in the order of their numbers"

    def take(self, stored: Stored) -> None:
        """Look at the next record; where its body is not made like one, that is a finding."""
        try:
            self._take(stored)
        except MALFORMED as error:
            text = f"is no record: {type(error).__name__}: {error}"
            self._findings.add("record-altered", text[:200], stored.record.seq)

    def _take(self, stored: Stored) -> None:
        record, add = stored.record, self._findings.add
        fields = record.fields
        about, name = _about(fields), fields["id"]
        time = microseconds(datetime.fromisoformat(fields["time"]))
        if fields["seq"] != record.seq or name != f"{self._name}-{record.seq}":
            add("record-moved", f"holds the record {name}", record.seq)
            return
        kind = self._kinds.get(stored.kind)
        if (
            stored.time != time
            or kind is None
            or (kind.account, kind.decision, kind.verdict, kind.policy, kind.digest) != about
        ):
            add("columns-differ", "its columns do not say what it says, so that a search would miss it", record.seq)
        self._back += time < self._time
        self._time = time
        if not record.decides:
            self._carry(record)
            return
        self._policy(record.seq, fields["policy"]["digest"])
        self._memory(record.seq, fields)
        self._request(record.seq, fields)

    def _carry(self, record: Record) -> None:
        """Take the memories that a log's first record carries over from another log."""
        carried = carried_by(record)
        if carried is None:
            self._findings.add("record-altered", "is no decision's, and not the first record of a log", record.seq)
            return
        for one in carried["memories"]:
            as_of = microseconds(datetime.fromisoformat(one["as_of"]))
            self._last[one["account"], one["policy"]] = Advanced(as_of, "", one["memory"], one["memory"])
            self._carried[one["account"], one["policy"]] = one["memory"]

    def _policy(self, seq: int, digest: str) -> None:
        """Check once for each policy that its files are those that the records name."""
        if digest not in self._policies:
            files = self._log.policy_files(digest)
            self._policies[digest] = None
            if not files:
                self._findings.add("policy-missing", f"the files of the policy {digest} are not in the log", seq)
            elif digest_of(files) != digest:
                self._findings.add("policy-altered", f"the files kept for the policy {digest} are others", seq)

    def _memory(self, seq: int, fields: Fields) -> None:
        """Check that a record was given the memory that the records before it left, and that it advanced it or not."""
        account, policy = fields["account"], fields["policy"]
        key, last = (account, policy["name"]), self._last.get((account, policy["name"]))
        as_of = _as_of(fields["snapshot"])
        expected, digest = self._expected(key, last, as_of)
        if not _carried(expected, fields["memory"], digest != policy["digest"]):
            self._findings.add("memory-differs", "was not given the memory that the records before it left", seq)
        if as_of is None or not fields["ok"] or fields["problems"]:
            return
        if last is None or as_of > last.as_of:
            self._last[key] = Advanced(as_of, policy["digest"], fields["memory"], fields["next_memory"])
            if not self._advances.has(account, policy["name"], as_of, seq):
                self._findings.add(
                    "index-differs", "advanced the memory, and the log's index of advances lacks it", seq
                )

    def _expected(self, key: tuple[str, str], last: Advanced | None, as_of: int | None) -> tuple[Any, str]:
        """Return the memory from before a time, and the digest of the policy that left it or was given it."""
        if last is None:
            return None, ""
        if as_of is None or as_of > last.as_of:
            return last.after, last.digest
        return (last.before, last.digest) if as_of == last.as_of else self._earlier(key, as_of)

    def _earlier(self, key: tuple[str, str], as_of: int) -> tuple[Any, str]:
        rows = self._log.database.run(
            "SELECT body FROM advances JOIN records ON records.seq = advances.seq"
            " WHERE account = ? AND policy = ? AND as_of < ? ORDER BY as_of DESC LIMIT 1",
            (*key, as_of),
        )
        if not rows:
            return self._carried.get(key), ""
        fields = Record(0, as_bytes(rows[0][0])).fields
        return fields["next_memory"], fields["policy"]["digest"]

    def _request(self, seq: int, fields: Fields) -> None:
        request = fields["request"]
        if request is None:
            return
        rows = self._log.database.run(
            "SELECT seq FROM requests WHERE account = ? AND decision = ? AND name = ?",
            (fields["account"], fields["decision"], request["key"]),
        )
        if not rows or rows[0][0] < seq:
            self._findings.add("index-differs", "was asked under a key that the log's index of keys lacks", seq)

    def ended(self, size: int) -> None:
        """Check that the index of advances has nothing that the records do not."""
        for row in self._advances.rest():
            self._findings.add("index-differs", f"the log's index of advances has one too many: {row}", row[3])
        rows = self._log.database.run(
            "SELECT name, seq FROM requests WHERE seq NOT IN (SELECT seq FROM records) OR seq > ?", (size,)
        )
        for name, seq in rows:
            self._findings.add("index-differs", f"the log's index of keys points {name} to no record", seq)


class _Advances:
    """The log's index of advances, read beside the records."""

    def __init__(self, log: Log) -> None:
        statement = "SELECT account, policy, as_of, seq FROM advances ORDER BY seq, account, policy, as_of"
        self._rows = log.database.stream(statement)
        self._next = next(self._rows, None)
        self._odd: list[Row] = []

    def has(self, account: str, policy: str, as_of: int, seq: int) -> bool:
        """Tell whether the index has this advance; those before it that no record made are kept for later."""
        while self._next is not None and self._next[3] < seq:
            self._odd.append(self._next)
            self._next = next(self._rows, None)
        if self._next != (account, policy, as_of, seq):
            return False
        self._next = next(self._rows, None)
        return True

    def rest(self) -> Iterator[Row]:
        """Yield the advances that no record made."""
        yield from self._odd
        if self._next is not None:
            yield self._next
        yield from self._rows


def _about(fields: Fields) -> tuple[str, str, str, str, str]:
    """Return what a record's columns have to say."""
    policy = fields["policy"]
    return fields["account"], fields["decision"], fields["verdict"] or "", policy["name"], policy["digest"]


def _as_of(snapshot: object) -> int | None:
    """Return the time of a recorded snapshot, none where it was no snapshot."""
    return microseconds(datetime.fromisoformat(snapshot["as_of"])) if isinstance(snapshot, dict) else None


def _carried(expected: Any, given: Any, other_policy: bool) -> bool:
    """Tell whether a memory is the expected one; another version of the policy may have left names out."""
    if expected == given:
        return True
    both = isinstance(expected, dict) and isinstance(given, dict)
    return other_policy and both and given.items() <= expected.items()
