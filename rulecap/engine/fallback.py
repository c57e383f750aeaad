"""Answers as far as they go: a decision about reductions drops the outputs that cannot be computed, and says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rulecap.policy.plan import Plan
from rulecap.policy.typed import TypedDecision
from rulecap.problems import Problem

MOST_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What one run of a plan gave: outputs and values by name, or none where the input was refused."""

    outputs: dict[str, Any] | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """What one run of a plan stumbled over: the rule, remembered value or output, the problem, the values before it."""

    name: str
    problem: Problem
    values: dict[str, Any]


Run = Callable[[Plan, Mapping[str, Any]], Answer | Failure]


@dataclass(frozen=True, slots=True)
class Fallen:
    """The outcome: outputs, none where nothing could be answered; the last plan and its values; what was wrong."""

    outputs: dict[str, Any] | None
    plan: Plan
    values: dict[str, Any]
    problems: list[Problem]


def fall_back(
    decision: TypedDecision,
    plan_without: Callable[[frozenset[str]], Plan],
    run: Run,
    remembered: Mapping[str, Any],
    unusable: frozenset[str],
) -> Fallen:
    """Run a decision without advancing the memory, leaving out the outputs that depend on what is unusable.

    A decision that answers anyway also leaves out the next output that fails, or what depends on the next rule that
    does, and tries again; another decision is tried once, because only the memory may be what cannot be had.
    """
    problems: list[Problem] = []
    while True:
        plan = plan_without(unusable)
        result = run(plan, remembered)
        if isinstance(result, Answer):
            return Fallen(result.outputs, plan, result.values, problems)
        problems.append(result.problem)
        hopeless = not result.name or len(problems) >= MOST_ATTEMPTS
        if hopeless or not decision.anyway:
            return Fallen(None, plan, result.values, problems)
        unusable |= {result.name}


def warnings(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return problems that did not keep a decision from being answered; each once."""
    return tuple(dict.fromkeys(replace(problem, severity="warning") for problem in problems))
