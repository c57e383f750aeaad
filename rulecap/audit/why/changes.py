"""What would have changed a verdict: single changes, each verified by evaluation, and what was not found."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from rulecap.location import Location

Kind = Literal["input", "memory", "threshold"]
ONE_AT_A_TIME = (
    "One value is changed at a time, all others are held, also those that move with it in the market or the account."
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change that changes the verdict.

    Attributes:
        kind: what is changed: a value of the snapshot, of the memory, or a number of the policy.
        where: the snapshot's or memory's path (`positions[2].margin`, `memory.peak_equity`); for a number of the policy
            the path that an overlay's `set` takes (`zone.GREEN_ZONE.below`).
        place: for a number of the policy, where it stands.
        unit: of the numbers below; none for texts, flags and times.
        before: the value as it is; none where it is absent.
        after: a value that changes the verdict, with as few digits as lie near.
        turns: the nearest such value found, to the last digit; none for texts and flags.
        stays: its neighbour on the way, at which the verdict is still the old one.
        written: for a number of the policy, what to write in an overlay at `where`.
        distance: |turns − before| as a share of |before|; 1 from zero; for a time in days; none where nothing measures
            it.
        verdict_before: as `wanted` reads it.
        verdict_after: with `after` in place.
        reason_after: what the changed decision's checks say, empty where they say nothing.
        verified: that the changed snapshot, memory or policy was evaluated at `after`, `turns` and `stays`.
    """

    kind: Kind
    where: str
    place: Location | None
    unit: str | None
    before: object
    after: object
    turns: object
    stays: object
    written: str | None
    distance: float | None
    verdict_before: object
    verdict_after: object
    reason_after: str
    verified: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types under stable keys; `place` is `file:line`."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**found, "place": self.place.spot if self.place else None}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many values were looked at.

    Attributes:
        changing: those that change the verdict on their own, reported or not.
        unchanging: those for which no change was found.
        untried: those that were left when the work was used up.
        unverified: numbers of the policy whose change the policy itself does not bear out or refuses.
    """

    changing: int = 0
    unchanging: int = 0
    untried: int = 0
    unverified: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer to why.

    Attributes:
        decision: which question was asked.
        verdict: what was answered, as `wanted` reads it.
        reason: what the decision's checks said, or its problems.
        ok: whether the answer was computed.
        missing: snapshot paths whose absence keeps it from being computed.
        changes: single changes that change the verdict, the nearest first, those without a distance last.
        counts: by `inputs` (the memory's included) and `thresholds`.
        evaluations: how many evaluations it took.
        exhausted: whether the work was used up before everything was tried.
    """

    decision: str
    verdict: object
    reason: str
    ok: bool
    missing: tuple[str, ...]
    changes: tuple[Change, ...]
    counts: Mapping[str, Counts]
    evaluations: int
    exhausted: bool

    @property
    def inputs(self) -> tuple[Change, ...]:
        """The changes of snapshot and memory, the nearest first."""
        return tuple(one for one in self.changes if one.kind != "threshold")

    @property
    def thresholds(self) -> tuple[Change, ...]:
        """The changes of the policy's numbers, the nearest first."""
        return tuple(one for one in self.changes if one.kind == "threshold")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types under stable keys."""
        return {
            "decision": self.decision,
            "verdict": self.verdict,
            "reason": self.reason,
            "ok": self.ok,
            "missing": list(self.missing),
            "changes": [one.to_dict() for one in self.changes],
            "counts": {
                name: {one.name: getattr(counts, one.name) for one in fields(counts)}
                for name, counts in self.counts.items()
            },
            "evaluations": self.evaluations,
            "exhausted": self.exhausted,
            "note": ONE_AT_A_TIME,
        }
