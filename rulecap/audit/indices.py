"""The log's indices, read beside the records: each must have exactly what the records say."""

from collections.abc import Iterable, Iterator

from rulecap.audit.database import Row
from rulecap.audit.findings import Findings
from rulecap.audit.log import Kind, Log, Stored
from rulecap.audit.said import Said
from rulecap.plural import how_many

ADVANCES = "SELECT seq, account, policy, as_of FROM advances ORDER BY seq"
REQUESTS = "SELECT seq, account, decision, name FROM requests ORDER BY seq"
LATER_REQUEST = "SELECT seq FROM requests WHERE account = ? AND decision = ? AND name = ?"


class Index:
    """One index, in the order of the records that its rows point to."""

    def __init__(self, name: str, rows: Iterable[Row], findings: Findings) -> None:
        """Start before the first record; the first column of a row is the record's number."""
        self.right = True
        self._name, self._findings = name, findings
        self._rows: Iterator[Row] = iter(rows)
        self._next = next(self._rows, None)
        self._before = 0

    def take(self, seq: int, expected: Row | None, sure: bool) -> bool:
        """Compare the rows of the next record with the one that it may have, if any; tell whether that is there."""
        found = False
        for row in self._of(seq):
            if row == expected:
                found = True
            elif sure:
                self._odd(row, "has a row for it that it does not call for")
        self._before = seq
        return found

    def skip(self, seq: int) -> None:
        """Go past a record of which nothing is known."""
        for _ in self._of(seq):
            continue
        self._before = seq

    def ended(self, size: int) -> None:
        """Note what is left."""
        while self._next is not None:
            number = _number(self._next)
            if number <= self._before or number > size:
                self._odd(self._next, f"points beyond the {how_many(size, 'record')}")
            self._next = next(self._rows, None)

    def lacks(self, seq: int, why: str) -> None:
        """Note that a record's row is not there."""
        self.right = False
        self._findings.add("index-differs", f"{why}, and the log's index of {self._name} does not have it", seq)

    def _of(self, seq: int) -> Iterator[Row]:
        """Yield the rows of a record; those before it belong to records that are missing, or to none at all."""
        while self._next is not None and _number(self._next) <= seq:
            row, self._next = self._next, next(self._rows, None)
            if _number(row) == seq:
                yield row
            elif _number(row) <= self._before:
                self._odd(row, "has a row of no record")

    def _odd(self, row: Row, why: str) -> None:
        self.right = False
        seq = _number(row) if _number(row) > 0 else None
        self._findings.add("index-differs", f"the log's index of {self._name} {why}: {_shown(row)}", seq)


class Indices:
    """All of a log's indices, with the tables that records point to."""

    def __init__(self, log: Log, findings: Findings) -> None:
        """Start before the first record.

        Raises:
            LogError: one of the tables cannot be read.
        """
        self._log, self._findings = log, findings
        self._advances = Index("advances", log.database.stream(ADVANCES), findings)
        self._requests = Index("keys", log.database.stream(REQUESTS), findings)
        self._kinds, self._used = log.kinds(), set[int]()

    @property
    def advances_are_right(self) -> bool:
        """Whether the index of advances is as the records so far say."""
        return self._advances.right

    def take(self, stored: Stored, said: Said, advances: bool | None, sure: bool) -> bool:
        """Compare with the next record.

        Args:
            stored: the record with its columns.
            said: what it says.
            advances: whether it advances a memory, none where only the index can tell.
            sure: whether its bytes are those that were written; else only the columns are compared.

        Returns:
            Whether it advances a memory.
        """
        seq = stored.record.seq
        self._columns(stored, said)
        expected = None if advances is False else (seq, said.account, said.policy.name, said.as_of)
        found = self._advances.take(seq, expected, sure)
        if advances and sure and not found:
            self._advances.lacks(seq, "advanced the memory")
        self._key(seq, said, sure)
        return found if advances is None else advances

    def _key(self, seq: int, said: Said, sure: bool) -> None:
        asked = said.request
        key = (said.account, said.decision, asked.key) if asked else None
        found = self._requests.take(seq, (seq, *key) if key else None, sure)
        if sure and key and not found and not self._asked_again(key, seq):
            self._requests.lacks(seq, "was asked under a key")

    def skip(self, seq: int, kind: int) -> None:
        """Go past a record of which nothing is known."""
        self._advances.skip(seq)
        self._requests.skip(seq)
        self._used.add(kind)

    def ended(self, size: int, policies: Iterable[str], complete: bool) -> None:
        """Note what no record calls for, the last two only where every record could be read."""
        self._advances.ended(size)
        self._requests.ended(size)
        if not complete:
            return
        for number in self._kinds.keys() - self._used:
            said = f"the log's table of kinds has one that no record is of: {_shown((number,))}"
            self._findings.add("index-differs", said)
        for digest in self._log.policy_digests() - set(policies):
            self._findings.add("policy-altered", f"the log has files of a policy that no record names: {digest}")

    def _columns(self, stored: Stored, said: Said) -> None:
        seq, time, number = stored.record.seq, stored.time, stored.kind
        kind = self._kinds.get(number)
        self._used.add(number)
        if time != said.written:
            self._differ(seq, f"its column for the time says {time}, it says {said.written}")
        elif kind is None:
            self._differ(seq, f"it is of kind {number}, and there is no such kind")
        elif _about(kind) != said.about:
            self._differ(seq, f"its kind says {_shown(_about(kind))}, it says {_shown(said.about)}")

    def _differ(self, seq: int, how: str) -> None:
        self._findings.add("columns-differ", f"{how}; a search would miss it", seq)

    def _asked_again(self, key: tuple[str, str, str], seq: int) -> bool:
        """Tell whether the index has the key for a later record, as it may be asked again after its time."""
        rows = self._log.database.run(LATER_REQUEST, key)
        return any(_number(row) > seq for row in rows)


def _about(kind: Kind) -> Row:
    return kind.account, kind.decision, kind.verdict, kind.policy, kind.digest


def _number(row: Row) -> int:
    """Return the record that a row points to; where that is no number, none that there is."""
    return row[0] if isinstance(row[0], int) else -1


def _shown(row: Row) -> str:
    return ", ".join(str(value)[:80] for value in row)
