"""The reference evaluator of decisions: one rule at a time, as written. The compiler is held against it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rulecap.engine.compiler import BeforeFirstDate, fact_reader
from rulecap.engine.outputs import json_value
from rulecap.language import types as t
from rulecap.language.expression import Expression, Template
from rulecap.language.functions import round_down
from rulecap.language.grammar import LARGEST, Syntax
from rulecap.language.literals import literal
from rulecap.language.reference import CaseNames, Reference
from rulecap.language.terms import Const
from rulecap.language.values import ANY, show
from rulecap.policy.plan import Plan
from rulecap.policy.typed import OutputTerms, TypedPolicy
from rulecap.rules.actions import Action, ActionsRule
from rulecap.rules.adjust import AdjustRule, Step, TypedAdjust
from rulecap.rules.bands import BandsRule, TypedBands
from rulecap.rules.checks import ChecksRule
from rulecap.rules.code import NotFinite, unit_name
from rulecap.rules.each import EachRule
from rulecap.rules.formula import FormulaRule
from rulecap.rules.parts import Rule
from rulecap.rules.pick import PickRule
from rulecap.rules.table import TableRule, TypedTable
from rulecap.rules.tree import TreeRule, Twig
from rulecap.snapshot import Snapshot


@dataclass(slots=True)
class Run:
    """One evaluation in progress; `at` is the rule that is being computed."""

    policy: TypedPolicy
    plan: Plan
    snapshot: Snapshot
    memory: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    remembered: dict[str, Any] = field(default_factory=dict)
    adjustments: dict[str, list[Any]] = field(default_factory=dict)
    at: str = ""
    evaluator: Reference = field(init=False)

    def __post_init__(self) -> None:
        """Give the expressions their names."""
        self.evaluator = Reference(
            self._lookup, self.remembered.__getitem__, case_names(self.policy), self.adjustments.__getitem__
        )

    def _lookup(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name in self.policy.parameters:
            return self._parameter(name)
        return self._facts() if name == "facts" else getattr(self.snapshot, name)

    def _facts(self) -> dict[str, Any]:
        """Return the facts as values of their declared types."""
        declared = self.policy.snapshot.fields["facts"]
        kinds = declared.fields if isinstance(declared, t.Record) else {}
        facts = self.snapshot.facts or {}
        return {name: fact_reader(t.strip(kind))(facts.get(name)) for name, kind in kinds.items()}

    def _parameter(self, name: str) -> Any:
        if name not in self.policy.dated:
            return self.policy.parameters[name].value
        found = [value for start, value in self.policy.dated[name].values if start <= self.snapshot.as_of]
        if not found:
            raise BeforeFirstDate(name, self.policy.dated[name].location)
        return found[-1]

    def of(self, expression: Expression, /, **local: Any) -> Any:
        """Return the value of an expression."""
        assert isinstance(expression.syntax, Syntax)  # a refused expression never gets this far
        return self.evaluator.value(expression.syntax, **local)

    def text(self, template: Template | None, /, **local: Any) -> str:
        """Return a text with its values."""
        return "".join(
            part if isinstance(part, str) else self._shown(part, **local)
            for part in (template.parts if template else ())
        )

    def _shown(self, expression: Expression, /, **local: Any) -> str:
        return show(self.of(expression, **local), self.units[expression])

    @property
    def units(self) -> "Units":
        """The unit in which each expression of a text is shown, which follows from its type."""
        return Units(self.policy)


@dataclass(frozen=True, slots=True)
class Units:
    """Units of the expressions in texts, by the place where they stand."""

    policy: TypedPolicy

    def __getitem__(self, expression: Expression) -> str | None:
        """Return the unit of a text's expression, none where it has none."""
        for rule in self.policy.rules.values():
            for step in rule.steps if isinstance(rule, TypedAdjust) else getattr(rule, "checks", ()):
                for part in step.why:
                    if not isinstance(part, str) and part[0] is expression:
                        return unit_name(part[1].type)
        return None


def run(policy: TypedPolicy, plan: Plan, snapshot: Snapshot, memory: Mapping[str, Any]) -> Run:
    """Return an evaluation that has come to its end; what arithmetic refuses is raised, `Run.at` kept on the error.

    The next memory stands in `values` under `next.name`, the outputs under `outputs`.
    """
    state = Run(policy, plan, snapshot, memory)
    try:
        for name in sorted(plan.dated):
            state.at = name
            state._parameter(name)  # noqa: SLF001  # the same object's; dated parameters are read first, as compiled code does
        for name in plan.names:
            state.at = name
            _compute(state, name)
        outputs = _outputs(state, plan.decision.outputs, plan.decision.named)
        following = {}
        for name, written in policy.memory.items() if plan.advances else ():
            state.at = f"memory.{name}"
            following[name] = json_value(_finite(state.of(written.next[0])))
    except Exception as error:
        error.add_note(state.at)
        raise
    state.values["outputs"], state.values["memory"] = outputs, following
    return state


def _compute(state: Run, name: str) -> None:
    if name.startswith("memory."):
        own = name.removeprefix("memory.")
        given, written = state.memory.get(own), state.policy.memory[own]
        state.remembered[own] = _in_unit(written.type, state.of(written.start[0])) if given is None else given
        return
    rule = state.policy.text.rules[name]
    state.values[name] = _KINDS[type(rule)](state, rule)


def _outputs(state: Run, outputs: OutputTerms, within: str) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for name, part in outputs.items():
        if isinstance(part, dict):
            answers[name] = _outputs(state, part, f"{within}.{name}")
        else:
            state.at = f"{within}.{name}"
            expression, term = part
            if isinstance(term, Const) and term.type == t.UNKNOWN:  # stands for what depends on the memory
                answers[name] = json_value(term.value)
            else:
                answers[name] = json_value(_finite(state.of(expression)))
    return answers


def case_names(policy: TypedPolicy) -> dict[str, CaseNames]:
    """Return what follows the name of a bands or table rule: its cases, all of them, the lookup."""
    found = {}
    for name, rule in policy.rules.items():
        if isinstance(rule, TypedBands | TypedTable):
            rows = {case: value for case, (value, _) in rule.table.rows.items()}
            found[name] = CaseNames({**rows, rule.table.word: tuple(rows.values())}, _finder(policy, rule))
    return found


def _finder(policy: TypedPolicy, rule: TypedBands | TypedTable) -> Callable[[Any], Any]:
    written = policy.text.rules[rule.name]
    if isinstance(written, BandsRule):
        return lambda number: _band(rule, number)
    assert isinstance(written, TableRule)  # the other kind with cases
    return lambda key: _row(rule, written, key)


def _band(rule: Any, number: float) -> Any:
    for (case, _), (end, inclusive) in zip(rule.table.rows.values(), rule.bounds, strict=True):
        if end is None or number < end or (inclusive and number == end):
            return case
    raise AssertionError("the last case is open")


def _row(rule: Any, written: TableRule, key: str) -> Any:
    for row in written.rows:
        names = literal(row.names, []).value if row.names is not None else ()
        if names is not ANY and key in names:  # type: ignore[operator]  # a list of names
            return rule.table.rows[row.name][0]
    catch_all = [row.name for row in written.rows if row.names is not None and literal(row.names, []).value is ANY]
    if catch_all:
        return rule.table.rows[catch_all[-1]][0]
    return rule.table.rows[written.otherwise.name][0] if written.otherwise else None


def _finite(value: Any) -> Any:
    """Refuse an infinite number, also within records."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if (whole and abs(value) > LARGEST) or (isinstance(value, float) and not math.isfinite(value)):
        raise NotFinite("the result is not a finite number")
    return value


def _number(state: Run, rule: Rule, value: Any) -> Any:
    """A rule's number is finite, and a float unless it counts."""
    return _finite(_like(state, rule, value))


def _like(state: Run, rule: Rule, value: Any) -> Any:
    return _in_unit(state.policy.rules[rule.name].type, value)


def _in_unit(given: t.Type, value: Any) -> Any:
    """Return a number as a float; a count, and a number without unit, as it is."""
    kind = t.strip(given)
    return float(value) if value is not None and isinstance(kind, t.Number) and kind not in (t.COUNT, t.BARE) else value


def _formula(state: Run, rule: FormulaRule) -> Any:
    return _number(state, rule, state.of(rule.formula))


def _bands(state: Run, rule: BandsRule) -> Any:
    return _band(state.policy.rules[rule.name], _finite(state.of(rule.of)))


def _table(state: Run, rule: TableRule) -> Any:
    assert rule.of is not None  # nothing asks for the row of a table that looks nothing up
    return _row(state.policy.rules[rule.name], rule, state.of(rule.of))


def _tree(state: Run, rule: TreeRule) -> Any:
    return _number(state, rule, _branch(state, rule))


def _branch(state: Run, tree: TreeRule | Twig) -> Any:
    for branch in tree.branches:
        if state.of(branch.when):
            return _branch(state, branch.then) if isinstance(branch.then, Twig) else state.of(branch.then)
    return _branch(state, tree.otherwise) if isinstance(tree.otherwise, Twig) else state.of(tree.otherwise)


def _adjust(state: Run, rule: AdjustRule) -> Any:
    value = _number(state, rule, state.of(rule.start))
    entries = []
    for step in rule.steps:
        if step.when is not None and not state.of(step.when, value=value):
            continue
        before, value = value, _stepped(state, rule, step, value)
        if value != before and rule.name in state.plan.adjusted:
            place = step.location
            source = {"file": place.file, "line": place.line}
            why = state.text(step.why, value=value)
            entries.append(
                {"rule": rule.name, "name": step.name, "from": before, "to": value, "why": why, "source": source}
            )
    state.adjustments[rule.name] = entries
    return _number(state, rule, value)


def _stepped(state: Run, rule: AdjustRule, step: Step, value: float) -> float:
    if step.times is not None:
        value = value * state.of(step.times, value=value)
    if step.plus is not None:
        value = value + state.of(step.plus, value=value)
    if step.minus is not None:
        value = value - state.of(step.minus, value=value)
    if step.at_least is not None:
        value = max(value, _like(state, rule, state.of(step.at_least, value=value)))
    if step.at_most is not None:
        value = min(value, _like(state, rule, state.of(step.at_most, value=value)))
    if step.round_down_to is not None:
        value = round_down(value, state.of(step.round_down_to, value=value))
    return value


def _checks(state: Run, rule: ChecksRule) -> Any:
    fired = [check for check in rule.checks if state.of(check.when)]
    reasons = [{"check": check.name, "verdict": check.verdict, "text": state.text(check.why)} for check in fired]
    worst = max((rule.order.index(check.verdict) for check in fired), default=0)
    verdict = rule.order[worst]
    reason = next((one["text"] for one in reasons if one["verdict"] == verdict), "") if worst else ""
    return {"verdict": verdict, "reason": reason, "reasons": reasons}


def _pick(state: Run, rule: PickRule) -> Any:
    name = rule.over.name
    candidates = [
        one for one in state.of(rule.over.expression) or () if rule.where is None or state.of(rule.where, **{name: one})
    ]
    order = rule.lowest or rule.highest
    if order is None:
        return candidates[0] if candidates else None
    keys = [(_finite(state.of(order, **{name: one})), one) for one in candidates]
    known = [key for key, _ in keys if key is not None]
    if not known:
        return candidates[0] if candidates else None
    best = max(known) if rule.highest else min(known)
    return next(one for key, one in keys if key == best)


def _each(state: Run, rule: EachRule) -> Any:
    name = rule.of.name
    elements = [
        one for one in state.of(rule.of.expression) if rule.where is None or state.of(rule.where, **{name: one})
    ]
    return [
        {field: _finite(state.of(written, **{name: one})) for field, written in rule.give.items()} for one in elements
    ]


def _actions(state: Run, rule: ActionsRule) -> Any:
    return [entry for action in rule.actions for entry in _acted(state, action)]


def _acted(state: Run, action: Action) -> list[dict[str, Any]]:
    if action.when is not None and not state.of(action.when):
        return []
    name = action.over.name
    elements = [
        one for one in state.of(action.over.expression) if action.where is None or state.of(action.where, **{name: one})
    ]
    if action.first is not None:
        keys = {number: _finite(state.of(action.first, **{name: one})) for number, one in enumerate(elements)}
        known = sorted((number for number in keys if keys[number] is not None), key=lambda number: keys[number])
        elements = [elements[number] for number in [*known, *(number for number in keys if keys[number] is None)]]
    sums = dict.fromkeys(action.sums, 0.0)
    done = []
    for one in elements:
        if action.as_long_as is not None and not state.of(action.as_long_as, **sums, **{name: one}):
            break
        done.append({field: _finite(state.of(written, **{name: one})) for field, written in action.do.items()})
        sums = {key: sums[key] + _finite(state.of(written, **{name: one})) for key, written in action.sums.items()}
    return done


_KINDS: Mapping[type[Rule], Callable[[Run, Any], Any]] = {
    FormulaRule: _formula,
    BandsRule: _bands,
    TableRule: _table,
    TreeRule: _tree,
    AdjustRule: _adjust,
    ChecksRule: _checks,
    PickRule: _pick,
    EachRule: _each,
    ActionsRule: _actions,
}
