"""`kind: adjust` — a start value and its adjustments, each one on record."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.functions import round_down
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.language.values import show
from rulecap.problems import cut
from rulecap.rules.code import Code, computes, place_source, record, template_terms, unit_name
from rulecap.rules.parts import Formula, Items, Named, Rule, repeated_names
from rulecap.rules.typed import Checker, Typed, coerced
from rulecap.units import LITERAL, NUMBER

OPERATIONS = (
    "times",
    "plus",
    "minus",
    "at_least",
    "at_most",
    "round_down_to",
)  # in the order in which a step does them
SYMBOLS = {"times": "*", "plus": "+", "minus": "-"}

A_NUMBER = re.compile(rf"\s*-?(?:{LITERAL.pattern}|{NUMBER})\s*\Z")
LONGEST_SHOWN = 100


class Step(Named):
    """One adjustment; within a step the order is that of OPERATIONS, so that a cap beats a floor."""

    when: Formula | None = None
    times: Formula | None = None
    plus: Formula | None = None
    minus: Formula | None = None
    at_least: Formula | None = None
    at_most: Formula | None = None
    round_down_to: Formula | None = None


class AdjustRule(Rule):
    """A number and what changes it, step by step."""

    kind: Literal["adjust"]
    start: Formula
    steps: Annotated[tuple[Step, ...], Items]

    def check(self, scope: Scope) -> "TypedAdjust":
        """Return the rule with its type; every step keeps the unit."""
        checker = Checker(scope, self)
        repeated_names(self.steps, "step", scope.problems)
        start = checker.number(self.start)
        kind = checker.declared(self.start, start)
        if kind == t.UNKNOWN:  # the steps are held against what is declared all the same
            kind = t.declared(self.unit or "")
        within = scope.bind(value=kind)
        steps = tuple(_step(checker, step, within, kind) for step in self.steps)
        return TypedAdjust(self, kind, self.start, start, steps)


def _step(checker: Checker, step: Step, scope: Scope, kind: t.Type) -> "TypedStep":
    when = None
    if step.when is not None:
        when = (step.when, checker.condition(step.when, scope))
        scope = scope.knowing(proven_by(step.when, True))
    operations = []
    for name in OPERATIONS:
        written = getattr(step, name)
        if written is not None:
            term = checker.number(written, scope)
            checker.same_unit(written, term, t.RATIO if name == "times" else kind, f"{name} of {checker.rule.name}")
            operations.append((name, written, term))
    why = template_terms(step.why, lambda expression: checker.term(expression, scope))
    return TypedStep(step, when, tuple(operations), why)


@dataclass(frozen=True, slots=True)
class TypedStep:
    """A step with its terms."""

    step: Step
    when: tuple[Expression, Term] | None
    operations: tuple[tuple[str, Expression, Term], ...]
    why: tuple[str | tuple[Expression, Term], ...]

    def terms(self) -> list[Term]:
        """Return all terms."""
        found = [self.when[1]] if self.when else []
        found += [term for _, _, term in self.operations]
        return found + [part[1] for part in self.why if not isinstance(part, str)]


@dataclass(frozen=True, slots=True)
class TypedAdjust(Typed):
    """Adjustments with their terms."""

    expression: Expression
    start: Term
    steps: tuple[TypedStep, ...]

    def terms(self) -> Iterable[Term]:
        """Return the terms of the start value and of all steps."""
        return [self.start, *(term for step in self.steps for term in step.terms())]

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return when each step is taken."""
        return [step.when for step in self.steps if step.when]

    def write(self, code: Code) -> None:
        """Compute the running value; where a decision asks for the adjustments, keep each."""
        wanted = self.name in code.wanted
        code.line(f"e_value = {coerced(code, self.start, self.type)}", self.expression.location())
        code.check_finite("e_value", self.type, computes(self.start), self.expression.location())
        if wanted:
            code.line(f"x_{self.name} = []")
        for step in self.steps:
            self._write_step(code, step, wanted)
        code.line(f"{self.variable} = e_value")
        operations = [(name, term) for step in self.steps for name, _, term in step.operations]
        computed = any(name in SYMBOLS or computes(term) for name, term in operations)
        code.check_finite(self.variable, self.type, computed)

    def _write_step(self, code: Code, step: TypedStep, wanted: bool) -> None:
        if step.when is None:
            self._operate(code, step, wanted)
            return
        with code.block(f"if {code.term(step.when[1])}:", step.when[0].location()):
            self._operate(code, step, wanted)

    def _operate(self, code: Code, step: TypedStep, wanted: bool) -> None:
        if wanted:
            code.line("v_before = e_value")
        for name, written, term in step.operations:
            _operation(code, name, term, written, self.type)
        if wanted:
            parts = {"rule": repr(self.name), "name": repr(step.step.name), "from": "v_before", "to": "e_value"}
            place = step.step.location
            entry = record({**parts, "why": code.text(step.why), "source": place_source(place)})
            code.line(f"if e_value != v_before: x_{self.name}.append({entry})", place)

    def detail(self, code: Code) -> str:
        """The start value and each step: operation, by, from, to, whether it changed anything, source line."""
        name = f"d_{self.name}"
        code.line(f"e_value = {coerced(code, self.start, self.type)}")
        parts = {"formula": repr(self.expression.text), "unit": repr(unit_name(self.type)), "steps": "[]"}
        code.line(f"{name} = {record({'start': 'e_value', **parts})}")
        for step in self.steps:
            self._trace_step(code, step, name)
        return name

    def _trace_step(self, code: Code, step: TypedStep, name: str) -> None:
        head = {"name": repr(step.step.name), "source": code.fixed(place_source(step.step.location))}
        if step.when is None:
            self._trace_operations(code, step, name, head)
            return
        with code.block(f"if {code.term(step.when[1])}:"):
            self._trace_operations(code, step, name, head)
        with code.block("else:"):
            same = {"from": "e_value", "to": "e_value", "changed": "False"}
            entry = record({**head, "applies": "False", "when": repr(step.when[0].text), **same})
            code.line(f"{name}['steps'].append({entry})")

    def _trace_operations(self, code: Code, step: TypedStep, name: str, head: dict[str, str]) -> None:
        code.line("v_before = e_value")
        by = []
        for number, (operation, written, term) in enumerate(step.operations):
            code.line(f"v_by{number} = {code.term(term)}")
            by.append(
                record(
                    {
                        "operation": repr(operation),
                        "formula": repr(written.text),
                        "by": f"v_by{number}",
                        "at": repr(written.location().spot),
                    }
                )
            )
            _operation(code, operation, term, written, self.type)
        entry = record(
            {
                **head,
                "applies": "True",
                "operations": f"[{', '.join(by)}]",
                "why": code.text(step.why),
                "from": "v_before",
                "to": "e_value",
                "changed": "v_before != e_value",
            }
        )
        code.line(f"{name}['steps'].append({entry})")


def _operation(code: Code, name: str, term: Term, written: Expression, kind: t.Type) -> None:
    text, at = code.term(term), written.location()
    if name in SYMBOLS:
        code.line(f"e_value = e_value {SYMBOLS[name]} {text}", at)
    elif name == "round_down_to":
        code.line(f"e_value = {code.emitter.named('f_round_down', round_down)}(e_value, {text})", at)
    else:
        code.line(f"v_by = {coerced(code, term, kind)}", at)
        sign = "<" if name == "at_least" else ">"
        code.line(f"if e_value {sign} v_by: e_value = v_by", at)


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step: a waterfall."""
    unit = detail["unit"]
    told = [f"{'start':<28} {show(detail['start'], unit):>14}{_from(detail['formula'])}"]
    for step in detail["steps"]:
        if not step["applies"]:
            told.append(f"{step['name']:<28} {'—':>14}  (only when {step['when']})")
            continue
        by = ", ".join(
            f"{operation['operation'].replace('_', ' ')} {show(operation['by'], _unit(operation, unit))}"
            for operation in step["operations"]
        )
        same = "" if step["changed"] else "no change: "
        why = f" — {step['why']}" if step["why"] and step["changed"] else ""
        told.append(f"{step['name']:<28} {show(step['to'], unit):>14}  ({same}{by}){why}")
    return told


def _from(formula: str) -> str:
    """Return what a start value was computed from, as it is written; of a number that is written out, nothing."""
    if A_NUMBER.match(formula):
        return ""
    return f"  = {cut(' '.join(formula.split()), LONGEST_SHOWN)}"


def _unit(operation: dict[str, Any], unit: str | None) -> str | None:
    return None if operation["operation"] == "times" else unit
