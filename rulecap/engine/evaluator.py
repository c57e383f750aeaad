"""Evaluation of one decision: total, fail-closed, deterministic. No clock, no file, no network."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any

from rulecap.engine.compiler import BeforeFirstDate, Compiled, compile_plan, finish, new_code, preload
from rulecap.engine.decision import Decision
from rulecap.engine.memory import MemoryReader
from rulecap.engine.outputs import json_value
from rulecap.engine.refusal import refusals
from rulecap.engine.render import Render, compile_render, compile_said
from rulecap.language.functions import OutOfDomain
from rulecap.policy.plan import Plan, plan_of, without_memory
from rulecap.policy.typed import TypedDecision, TypedPolicy
from rulecap.problems import Problem
from rulecap.rules.code import NotFinite
from rulecap.snapshot import Snapshot


class Evaluator:
    """A compiled decision of a checked policy; safe to share between threads."""

    def __init__(self, policy: TypedPolicy, decision: TypedDecision, reader: MemoryReader) -> None:
        """Plan and compile."""
        self.policy, self.decision = policy, decision
        self.plan = plan_of(policy, decision)
        self.compiled = compile_plan(policy, self.plan)
        self._run = self.compiled.run
        self._reader = reader
        self.hands_over = _hand_over(policy, decision, self.plan) if decision.hand_over else None
        self._still: tuple[Plan, Compiled] | None = None

    @cached_property
    def render(self) -> Render:
        """What makes a trace's steps of a snapshot and the values that evaluation kept."""
        return compile_render(self.policy, self.plan)

    @cached_property
    def said(self) -> Callable[[Snapshot, tuple[Any, ...]], list[str]]:
        """What says the decision's explanation lines of a snapshot and the values that evaluation kept."""
        return compile_said(self.policy, self.plan)

    def evaluate(self, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None) -> Decision:
        """Return the decision on a snapshot."""
        remembered: Mapping[str, Any] = {}
        if memory:
            remembered, problems = self._reader.read(memory)
            if problems:
                return self._without_memory(asked, snapshot, memory, problems)
        try:
            answer = self._run(snapshot, remembered)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, a bot gets its fail-closed answer with the reason named
            return self._failed(asked, snapshot, memory, error)
        if answer is None:
            return self.refused(asked, memory, refusals(self.policy, self.plan, snapshot), snapshot)
        return Decision(asked, self.decision.name, answer[0], answer[1], snapshot=snapshot, steps=(self, answer[2]))

    def refused(
        self,
        asked: str,
        memory: object,
        problems: list[Problem],
        snapshot: Any = None,
        partial: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Return the decision's fail-closed answer, the memory unchanged."""
        outputs: Any = json_value(self.decision.on_error)
        kept = dict(memory) if isinstance(memory, Mapping) else {}
        return Decision(
            asked,
            self.decision.name,
            outputs,
            kept,
            tuple(problems),
            ok=False,
            snapshot=snapshot,
            steps=(self, None),
            partial=partial,
        )

    def _without_memory(
        self, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None, problems: list[Problem]
    ) -> Decision:
        """What needs no memory is answered all the same; the memory stays as it is, what is wrong with it is said."""
        if self.plan.remembers and not self.decision.anyway:
            return self.refused(asked, memory, problems, snapshot)
        plan, compiled = self._standing_still()
        try:
            answer = compiled.run(snapshot, {})
        except Exception as error:  # noqa: BLE001  # as above
            problem, partial = locate(compiled, error)
            return self.refused(asked, memory, [*problems, problem], snapshot, partial)
        if answer is None:
            return self.refused(asked, memory, [*problems, *refusals(self.policy, plan, snapshot)], snapshot)
        values = dict(zip(compiled.names, answer[2], strict=True))
        kept = dict(memory) if isinstance(memory, Mapping) else {}
        said = tuple(replace(problem, severity="warning") for problem in problems)
        return Decision(asked, self.decision.name, answer[0], kept, said, True, snapshot, (self, None), values)

    def _standing_still(self) -> tuple[Plan, Compiled]:
        if self._still is None:
            plan = plan_of(self.policy, without_memory(self.policy, self.decision), advances=False)
            self._still = (plan, compile_plan(self.policy, plan))
        return self._still

    def _failed(self, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None, error: Exception) -> Decision:
        problem, partial = locate(self.compiled, error)
        if self.decision.anyway or not self.plan.remembers:
            still = self._without_memory(asked, snapshot, memory, [problem])
            if still.ok:
                return still
        return self.refused(asked, memory, [problem], snapshot, partial)


def _hand_over(policy: TypedPolicy, decision: TypedDecision, plan: Plan) -> Callable[[Snapshot], str | None]:
    """Return what tells which other decision answers a snapshot, none where this one does."""
    code = new_code(policy, plan)
    preload(code, policy, [term for (_, term), _ in decision.hand_over], frozenset(), ())
    for (_, term), target in decision.hand_over:
        code.line(f"if {code.term(term)}: return {target!r}")
    code.line("return None")
    run: Any = finish(code, "hand_over", "S", ()).run
    return run  # type: ignore[no-any-return]  # it takes a snapshot only


def locate(compiled: Compiled, error: Exception) -> tuple[Problem, dict[str, Any]]:
    """Return what went wrong at which place of the policy, and the values that were computed before."""
    frame = _frame(error.__traceback__, compiled)
    origin, partial = None, {}
    if frame is not None:
        line = frame.tb_lineno
        origin = compiled.origins[line - 1] if line <= len(compiled.origins) else None
        known = frame.tb_frame.f_locals
        partial = {
            name: known[key]
            for name in compiled.names
            if (key := _variable(name)) in known and (origin is None or name != origin[0])
        }
    code, reason = problem_of(error)
    if isinstance(error, BeforeFirstDate):
        origin = (error.name, error.location)
    name, place = origin if origin else ("", None)
    return Problem(code, f"{name}: {reason}" if name else reason, place), partial


def problem_of(error: Exception) -> tuple[str, str]:
    """Return code and words for what arithmetic refused."""
    if isinstance(error, ZeroDivisionError):
        return "division-by-zero", "a division by zero"
    if isinstance(error, NotFinite | OverflowError):
        return "not-finite", "the result is not a finite number"
    if isinstance(error, OutOfDomain):
        return "out-of-domain", str(error)
    if isinstance(error, BeforeFirstDate):
        return "before-first-date", str(error)
    return "internal-error", f"{type(error).__name__}: {error}"[:200]


def _variable(name: str) -> str:
    return "m_" + name.removeprefix("memory.") if name.startswith("memory.") else "r_" + name


def _frame(traceback: TracebackType | None, compiled: Compiled) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code is not compiled.code:
        traceback = traceback.tb_next
    return traceback


def evaluate_by_reference(
    evaluator: Evaluator, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None
) -> Decision:
    """Return the decision that the reference evaluator makes; the fail-closed paths are those of the compiled one."""
    from rulecap.engine import reference

    policy, plan = evaluator.policy, evaluator.plan
    remembered, wrong = MemoryReader(policy.memory).read(memory)
    kept = dict(memory) if isinstance(memory, Mapping) else {}
    failure: Problem | None = None
    if not wrong:
        unfit = refusals(policy, plan, snapshot)
        if unfit:
            return evaluator.refused(asked, memory, unfit, snapshot)
        try:
            values = reference.run(policy, plan, snapshot, remembered).values
            return Decision(asked, plan.decision.name, values.pop("outputs"), values.pop("memory"), partial=values)
        except Exception as error:  # noqa: BLE001  # held against the compiled evaluator, which names every error too
            failure = _noted(error)
            wrong = [failure]
    if plan.remembers and not plan.decision.anyway:
        return evaluator.refused(asked, memory, wrong, snapshot)
    still = plan_of(policy, without_memory(policy, plan.decision), advances=False)
    unfit = refusals(policy, still, snapshot)
    if unfit:
        return evaluator.refused(asked, memory, [*wrong, *unfit], snapshot)
    try:
        values = reference.run(policy, still, snapshot, {}).values
    except Exception as error:  # noqa: BLE001  # as above
        return evaluator.refused(asked, memory, [failure] if failure else [*wrong, _noted(error)], snapshot)
    values.pop("memory")
    said = tuple(replace(problem, severity="warning") for problem in wrong)
    return Decision(asked, plan.decision.name, values.pop("outputs"), kept, said, partial=values)


def _noted(error: Exception) -> Problem:
    code, reason = problem_of(error)
    return Problem(code, f"{error.__notes__[0]}: {reason}")
