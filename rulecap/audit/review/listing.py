"""A record as one line of a list: what it is about, and what was wrong."""

from dataclasses import dataclass
from typing import Any

from rulecap.audit.clock import iso_of
from rulecap.audit.log import Kind, Stored
from rulecap.audit.review.damage import named


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list shows of a record; `problems` are their codes."""

    seq: int
    id: str
    time: str
    kind: Kind
    version: str
    ok: bool
    asked_by: str | None
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types, with stable keys."""
        kind = self.kind
        return {
            "seq": self.seq,
            "id": self.id,
            "time": self.time,
            "account": kind.account,
            "decision": kind.decision,
            "verdict": kind.verdict or None,
            "ok": self.ok,
            "asked_by": self.asked_by,
            "policy": {"name": kind.policy, "version": self.version, "digest": kind.digest},
            "problems": list(self.problems),
        }


def listed(stored: Stored, kind: Kind) -> Listed:
    """Return what a list shows of a record.

    Raises:
        LogError: its body is no record.
    """
    with named(stored.record.seq):
        fields = stored.record.fields
        codes = dict.fromkeys(str(problem["code"]) for problem in fields["problems"])
        return Listed(
            stored.record.seq,
            fields["id"],
            iso_of(stored.time),
            kind,
            fields["policy"]["version"],
            bool(fields["ok"]),
            fields["asked_by"],
            tuple(codes),
        )
