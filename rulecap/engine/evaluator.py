"""Evaluation of one decision: total, fail-closed, deterministic. No clock, no file, no network."""

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import compress
from types import TracebackType
from typing import Any

from rulecap.engine.compiler import BeforeFirstDate, Compiled, compile_plan, finish, new_code, preload, variable_of
from rulecap.engine.decision import Decision
from rulecap.engine.fallback import Answer, Failure, Fallen, fall_back, warnings
from rulecap.engine.memory import MemoryReader, unchanged
from rulecap.engine.outputs import json_value
from rulecap.engine.refusal import refusals
from rulecap.engine.render import Render, compile_render, compile_said
from rulecap.language.functions import OutOfDomain
from rulecap.policy.plan import Plan, plan_of, without
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
        self._reader, self._name = reader, decision.name
        self._is_rule = tuple(not name.startswith("memory.") for name in self.compiled.names)
        self._rules = tuple(compress(self.compiled.names, self._is_rule))
        self.hands_over = _hand_over(policy, decision, self.plan) if decision.hand_over else None
        self._partial: dict[frozenset[str], tuple[Plan, Compiled]] = {}
        self._renders: dict[str, Render] = {}

    def render(self, kind: str = "") -> Render:
        """Return what makes a trace's steps of a snapshot and the values that evaluation kept; compiled once."""
        known = self._renders.get(kind)
        return known or self._renders.setdefault(kind, compile_render(self.policy, self.plan, kind))

    @cached_property
    def said(self) -> Callable[[Snapshot, tuple[Any, ...]], list[str]]:
        """What says the decision's explanation lines of a snapshot and the values that evaluation kept."""
        return compile_said(self.policy, self.plan)

    def of_rules(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Return the values that evaluation kept by the names of their rules, the memory's left out."""
        return dict(zip(self._rules, compress(values, self._is_rule), strict=True))

    def evaluate(self, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None) -> Decision:
        """Return the decision on a snapshot."""
        remembered: Mapping[str, Any] = {}
        if memory is not None:
            remembered, problems = self._reader.read(memory)
            if problems:
                return self._without_memory(asked, snapshot, memory, problems)
        try:
            answer = self._run(snapshot, remembered)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, a bot gets its fail-closed answer, the reason named
            return self._failed(asked, snapshot, memory, remembered, error)
        if answer is None:
            return self.refused(asked, memory, self._refusals(self.plan, snapshot), snapshot)
        return Decision(asked, self._name, answer[0], answer[1], (), True, snapshot, (self, answer[2]))

    def partially(
        self,
        asked: str,
        snapshot: Snapshot,
        memory: Mapping[str, Any] | None,
        unknown: frozenset[str],
        problem: Problem,
    ) -> Decision:
        """Return what of a decision about reductions does not depend on paths of the snapshot; refuse any other one."""
        if not self.decision.anyway:
            return self.refused(asked, memory, [problem], snapshot)
        remembered, problems = self._reader.read(memory)
        if problems:
            remembered, unknown = {}, unknown | {f"memory.{name}" for name in self.policy.memory}
        fallen = self._fall_back(snapshot, remembered, unknown)
        return self._fallen(asked, snapshot, memory, [problem, *problems], fallen)

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
        kept = unchanged(memory)
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

    def _refusals(self, plan: Plan, snapshot: Snapshot) -> list[Problem]:
        """Return why a snapshot was refused."""
        try:
            return refusals(self.policy, plan, snapshot)
        except Exception as error:  # noqa: BLE001  # a snapshot that nobody validated may hold anything
            return [Problem("not-a-snapshot", f"its values are none of a snapshot ({type(error).__name__})", path="")]

    def _without_memory(self, asked: str, snapshot: Snapshot, memory: object, problems: list[Problem]) -> Decision:
        """What needs no memory is answered all the same; the memory stays as it is, what is wrong with it is said."""
        if self.plan.remembers and not self.decision.anyway:
            return self.refused(asked, memory, problems, snapshot)
        unusable = frozenset(f"memory.{name}" for name in self.policy.memory)
        return self._fallen(asked, snapshot, memory, problems, self._fall_back(snapshot, {}, unusable))

    def _failed(
        self, asked: str, snapshot: Snapshot, memory: object, remembered: Mapping[str, Any], error: Exception
    ) -> Decision:
        failure = locate(self.compiled, error)
        if self.plan.remembers and not self.decision.anyway:
            return self.refused(asked, memory, [failure.problem], snapshot, failure.values)
        fallen = self._fall_back(snapshot, remembered, frozenset())
        return self._fallen(asked, snapshot, memory, [failure.problem], fallen)

    def _fall_back(self, snapshot: Snapshot, remembered: Mapping[str, Any], unusable: frozenset[str]) -> Fallen:
        made: dict[int, Compiled] = {}  # this call's own: another thread may compile the same at the same time

        def plan_without(leaving_out: frozenset[str]) -> Plan:
            plan, made[id(plan)] = self._without(leaving_out)
            return plan

        def run(plan: Plan, given: Mapping[str, Any]) -> Answer | Failure:
            compiled = made[id(plan)]
            try:
                answer = compiled.run(snapshot, given)
            except Exception as error:  # noqa: BLE001  # as above
                return locate(compiled, error)
            if answer is None:
                return Answer(None, {})
            return Answer(answer[0], dict(zip(compiled.names, answer[2], strict=True)))

        try:
            return fall_back(self.decision, plan_without, run, remembered, unusable)
        except (RecursionError, MemoryError) as error:  # the caller's depth may be why: the next question tries again
            return Fallen(None, self.plan, {}, [_too_large(self.decision, error)])

    def _without(self, unusable: frozenset[str]) -> tuple[Plan, Compiled]:
        """Return what is left of the decision without something, compiled once, and kept for good."""
        known = self._partial.get(unusable)
        if known is not None:
            return known
        plan = plan_of(self.policy, without(self.policy, self.decision, unusable), advances=False)
        return self._partial.setdefault(unusable, (plan, compile_plan(self.policy, plan)))

    def _fallen(self, asked: str, snapshot: Snapshot, memory: object, known: list[Problem], fallen: Fallen) -> Decision:
        problems = [*known, *fallen.problems]
        if fallen.outputs is None:
            unfit = [] if fallen.problems else self._refusals(fallen.plan, snapshot)
            return self.refused(asked, memory, list(dict.fromkeys([*problems, *unfit])), snapshot, fallen.values)
        kept, said = unchanged(memory), warnings(problems)
        steps = (self, None)
        return Decision(asked, self.decision.name, fallen.outputs, kept, said, True, snapshot, steps, fallen.values)


class Uncompiled(Evaluator):
    """A decision that Python refuses to compile: it answers with its `on_error` outputs, and says why."""

    def __init__(self, policy: TypedPolicy, decision: TypedDecision, reader: MemoryReader, error: Exception) -> None:
        """Keep the reason; nothing is planned."""
        self.policy, self.decision = policy, decision
        self.hands_over = None
        self.problem = _too_large(decision, error)

    def evaluate(self, asked: str, snapshot: Snapshot, memory: Mapping[str, Any] | None) -> Decision:
        """Return the fail-closed answer."""
        return self.refused(asked, memory, [self.problem], snapshot)

    def partially(
        self,
        asked: str,
        snapshot: Snapshot,
        memory: Mapping[str, Any] | None,
        unknown: frozenset[str],
        problem: Problem,
    ) -> Decision:
        """Return the fail-closed answer."""
        return self.refused(asked, memory, [problem, self.problem], snapshot)


def _too_large(decision: TypedDecision, error: Exception) -> Problem:
    reason = f"the decision {decision.name} is too large to be compiled: {error}"
    return Problem("too-large", reason, decision.location, hint="split its largest rules")


def _hand_over(policy: TypedPolicy, decision: TypedDecision, plan: Plan) -> Callable[[Snapshot], str | Problem | None]:
    """Return what tells which other decision answers a snapshot: none where this one does, or what went wrong."""
    code = new_code(policy, plan)
    preload(code, policy, [term for (_, term), _ in decision.hand_over])
    for (written, term), target in decision.hand_over:
        code.origin = (decision.named, written.location())
        code.line(f"if {code.term(term)}: return {target!r}")
    code.line("return None")
    compiled = finish(code, "hand_over", "S", ())
    run: Any = compiled.run

    def target_of(snapshot: Snapshot) -> str | Problem | None:
        try:
            found: str | None = run(snapshot)
        except Exception as error:  # noqa: BLE001  # as in evaluation
            return locate(compiled, error).problem
        return found

    return target_of


def locate(compiled: Compiled, error: Exception) -> Failure:
    """Return what went wrong at which place of the policy, and the values that were computed before."""
    frame = _frame(error.__traceback__, compiled)
    origin, values = None, {}
    if frame is not None:
        line = frame.tb_lineno
        origin = compiled.origins[line - 1] if line <= len(compiled.origins) else None
        known = frame.tb_frame.f_locals
        variables = {name: variable_of(name) for name in compiled.names if origin is None or name != origin[0]}
        values = {name: known[variable] for name, variable in variables.items() if variable in known}
    code, reason = problem_of(error)
    if isinstance(error, BeforeFirstDate):
        origin = (error.name, error.location)
    name, place = origin if origin else ("", None)
    return Failure(name, Problem(code, f"{name}: {reason}" if name else reason, place), values)


def problem_of(error: Exception) -> tuple[str, str]:
    """Return code and words for what arithmetic refused."""
    if isinstance(error, ZeroDivisionError):
        return "division-by-zero", "a division by zero"
    if isinstance(error, NotFinite | OverflowError):
        return "not-finite", "the result is not a finite number"
    if isinstance(error, OutOfDomain | ValueError):  # a measure refuses what it has no value for by a ValueError
        return "out-of-domain", str(error)[:200]
    if isinstance(error, BeforeFirstDate):
        return "before-first-date", str(error)
    return "internal-error", f"{type(error).__name__}: {error}"[:200]


def _frame(traceback: TracebackType | None, compiled: Compiled) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code is not compiled.code:
        traceback = traceback.tb_next
    return traceback
