"""What is asked: a decision that was made, and what of it counts as the verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rulecap.engine.compiler import enforced
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.policy.plan import Plan, plan_of
from rulecap.policy.reading import reading_of
from rulecap.policy.typed import TypedPolicy
from rulecap.snapshot import Snapshot

Wanted = Callable[[Decision], object]


@dataclass(frozen=True, slots=True)
class Question:
    """A policy, what it saw and remembered, what it was asked, what it answered, and how to read the verdict."""

    policy: Policy
    snapshot: Snapshot
    memory: Mapping[str, Any] | None
    decision: str
    wanted: Wanted
    answer: Decision

    @property
    def verdict(self) -> object:
        """The verdict as it is."""
        return self.wanted(self.answer)

    @property
    def missing(self) -> tuple[str, ...]:
        """The snapshot's paths whose absence keeps the decision from being computed."""
        absent = (one.path for one in self.answer.problems if one.code == "missing-input" and one.path)
        return () if self.answer.ok else tuple(dict.fromkeys(absent))

    def plans(self) -> list[Plan]:
        """Return the plan of the decision that answered, and that of the one that was asked where it handed over."""
        typed = self.policy.typed
        names = dict.fromkeys((self.answer.answered_by, self.decision))
        return [plan_of(typed, typed.decisions[name]) for name in names if name in typed.decisions]

    def changes(self, decision: Decision | None) -> bool:
        """Tell whether a decision is a computed one with another verdict."""
        return decision is not None and decision.ok and self.wanted(decision) != self.verdict

    def answers(self, decision: Decision | None) -> bool:
        """Tell whether a decision is computed where the one that is asked about was refused."""
        return decision is not None and decision.ok and not self.answer.ok


def paths_read(policy: TypedPolicy, plan: Plan) -> frozenset[str]:
    """Return the snapshot's paths that a plan reads, those included by which it hands over or has to refuse."""
    same = {path for check in enforced(policy, plan) if check.same_as for path in (check.path, check.same_as)}
    return plan.reads | same | reading_of([term for (_, term), _ in plan.decision.hand_over]).paths


def reason_of(decision: Decision, verdict: object) -> str:
    """Return what the checks behind a verdict say; of a refused decision what is wrong; else nothing."""
    if not decision.ok:
        return "; ".join(one.message for one in decision.problems)
    judged = (step["value"] for step in decision.trace.steps if step["kind"] == "checks" and step["value"])
    return next((str(one["reason"]) for one in judged if one["verdict"] == verdict), "")
