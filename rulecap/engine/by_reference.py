"""A decision by the reference evaluator, with the same fail-closed paths as the compiled one."""

from collections.abc import Mapping
from typing import Any

from rulecap.engine import reference
from rulecap.engine.decision import Decision
from rulecap.engine.evaluator import Evaluator, problem_of
from rulecap.engine.fallback import Answer, Failure, fall_back, warnings
from rulecap.engine.memory import MemoryReader, unchanged
from rulecap.engine.refusal import refusals
from rulecap.policy.plan import Plan, plan_of, without
from rulecap.problems import Problem
from rulecap.snapshot import Snapshot


def evaluate_by_reference(evaluator: Evaluator, asked: str, snapshot: Snapshot, memory: object) -> Decision:
    """Return the decision on a snapshot."""
    policy, plan = evaluator.policy, evaluator.plan
    place: dict[str, Any] = {"snapshot": snapshot, "steps": (evaluator, None)}
    remembered, problems = MemoryReader(policy.memory).read(memory)
    unusable = frozenset(f"memory.{name}" for name in policy.memory) if problems else frozenset()
    if not problems:
        first = _run(evaluator, plan, snapshot, remembered)
        if isinstance(first, Answer):
            if first.outputs is None:
                return evaluator.refused(asked, memory, refusals(policy, plan, snapshot), snapshot)
            following, kept = first.values.pop("memory"), {"partial": first.values, **place}
            return Decision(asked, plan.decision.name, first.outputs, following, **kept)
        problems = [first.problem]
    if plan.remembers and not plan.decision.anyway:
        return evaluator.refused(asked, memory, problems, snapshot)
    fallen = fall_back(
        plan.decision,
        lambda names: plan_of(policy, without(policy, plan.decision, names), advances=False),
        lambda made, given: _run(evaluator, made, snapshot, given),
        {} if unusable else remembered,
        unusable,
    )
    problems += fallen.problems
    if fallen.outputs is None:
        unfit = [] if fallen.problems else refusals(policy, fallen.plan, snapshot)
        return evaluator.refused(asked, memory, list(dict.fromkeys([*problems, *unfit])), snapshot)
    fallen.values.pop("memory")
    kept = {"partial": fallen.values, **place}
    return Decision(asked, plan.decision.name, fallen.outputs, unchanged(memory), warnings(problems), **kept)


def _run(evaluator: Evaluator, plan: Plan, snapshot: Snapshot, remembered: Mapping[str, Any]) -> Answer | Failure:
    if refusals(evaluator.policy, plan, snapshot):
        return Answer(None, {})
    try:
        values = reference.run(evaluator.policy, plan, snapshot, remembered).values
    except Exception as error:  # noqa: BLE001  # held against the compiled evaluator, which names every error too
        code, reason = problem_of(error)
        name = error.__notes__[0]
        return Failure(name, Problem(code, f"{name}: {reason}"), {})
    return Answer(values.pop("outputs"), values)
