"""Which policy was in force for which account, from which record to which, and what it says otherwise than the last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rulecap.audit.clock import iso_of
from rulecap.audit.errors import LogError
from rulecap.audit.log import Kind, Log
from rulecap.audit.review.moments import Span
from rulecap.audit.review.selection import Kinds, Unselectable, version_of
from rulecap.policy.differences import Difference, differences

MOST_REIGNS = 10_000  # two writers of other versions may begin one with each record, and all are held in memory


@dataclass(slots=True)
class Reign:
    """A stretch of an account's records that one policy decided, in the order of the log.

    Attributes:
        first: the number of its first record, and `since` when that was written; `last` and `until` of its last one.
        records: how many there are.
        before: the digest of what decided until then under the same name; none at the beginning.
    """

    kind: Kind
    first: int
    since: int
    last: int
    until: int
    records: int = 1
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A reign with what is told of it.

    Attributes:
        version: the policy's.
        changes: what it says otherwise than the policy before it; none where none was.
        untold: why that cannot be said; empty where it can.
    """

    reign: Reign
    version: str
    changes: tuple[Difference, ...] | None
    untold: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types, with stable keys."""
        reign = self.reign
        return {
            "first": reign.first,
            "since": iso_of(reign.since),
            "last": reign.last,
            "until": iso_of(reign.until),
            "records": reign.records,
            "account": reign.kind.account,
            "policy": {"name": reign.kind.policy, "version": self.version, "digest": reign.kind.digest},
            "changes": None if self.changes is None else [one.to_dict() for one in self.changes],
            "untold": self.untold or None,
        }


def reigns_of(log: Log, kinds: Kinds, span: Span) -> list[Reign]:
    """Return the reigns in the order of their first records; bodies are not read.

    Raises:
        Unselectable: there are more than are told at once.
        LogError: the log cannot be read.
    """
    found: list[Reign] = []
    latest: dict[tuple[str, str], Reign] = {}
    for seq, time, kind in _columns(log, kinds, span):
        of = kind.account, kind.policy
        now = latest.get(of)
        if now is not None and now.kind.digest == kind.digest:
            now.last, now.until, now.records = seq, time, now.records + 1
            continue
        if len(found) == MOST_REIGNS:
            narrower = "ask for less time (--since, --until), one --account, or one --policy"
            raise Unselectable(f"up to record {seq - 1} there are {MOST_REIGNS:,} changes already: {narrower}")
        before = now.kind.digest if now is not None else None
        latest[of] = Reign(kind, seq, time, seq, time, before=before)
        found.append(latest[of])
    return found


def _columns(log: Log, kinds: Kinds, span: Span) -> Iterator[tuple[int, int, Kind]]:
    """Yield number, time and kind of decisions' records, in the order of the log, which no clock turns back."""
    statement = "SELECT seq, time, kind FROM records WHERE time >= ? AND time < ? ORDER BY seq"
    for seq, time, number in log.database.stream(statement, (span.since, span.until)):
        kind = kinds.get(number)
        if kind is not None and kind.digest:  # a record that carries memories over is of no policy
            yield seq, time, kind


def told(log: Log, reigns: list[Reign]) -> list[Told]:
    """Return reigns with versions and changes.

    Raises:
        LogError: the log cannot be read.
    """
    versions: dict[str, str] = {}
    changes: dict[tuple[str | None, str], tuple[tuple[Difference, ...] | None, str]] = {}
    found = []
    for reign in reigns:
        digest = reign.kind.digest
        if digest not in versions:
            versions[digest] = version_of(log, reign.kind)
        pair = reign.before, digest
        if pair not in changes:
            changes[pair] = _changes(log, *pair)
        found.append(Told(reign, versions[digest], *changes[pair]))
    return found


def _changes(log: Log, before: str | None, after: str) -> tuple[tuple[Difference, ...] | None, str]:
    if before is None:
        return None, ""
    try:
        return tuple(differences(log.policy(before).document, log.policy(after).document)), ""
    except LogError as error:  # a policy that this version takes no more, or whose files are not its own
        return None, error.reason


def files_of(log: Log, reigns: list[Reign]) -> Mapping[str, Mapping[str, bytes]]:
    """Return the files of all the policies, by digest and name.

    Raises:
        LogError: the log cannot be read, or lacks the files that have a digest.
    """
    return {digest: log.kept_policy(digest) for digest in dict.fromkeys(one.kind.digest for one in reigns)}
