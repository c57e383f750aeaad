"""`kind: checks` — every check is evaluated and reported; the worst verdict that fired wins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.language.values import show
from rulecap.policy.nodes import Scalar, items_of, problem_at
from rulecap.problems import did_you_mean
from rulecap.rules.code import Code, record, template_terms
from rulecap.rules.parts import Formula, Items, Named, Rule, Says, Words, repeated_names
from rulecap.rules.typed import Checker, Typed, condition_detail


class Check(Named):
    """A condition that speaks against, the verdict that follows, and why, in words."""

    when: Formula = Field(alias="if")
    verdict: Words
    why: Says


class ChecksRule(Rule):
    """All checks; `order` names the verdicts, mildest first."""

    kind: Literal["checks"]
    order: Annotated[tuple[Words, ...], Items]
    checks: Annotated[tuple[Check, ...], Items]

    def check(self, scope: Scope) -> "TypedChecks":
        """Return the rule with its type: verdict, reasons, and the first reason of the worst verdict."""
        checker = Checker(scope, self)
        _names(self, scope)
        names = t.Text(frozenset(self.order))
        reason = t.Record({"check": t.TEXT, "verdict": names, "text": t.TEXT}, "key", "reason")
        kind = t.Record({"verdict": names, "reason": t.TEXT, "reasons": t.ListOf(reason)}, "key", "checks")
        return TypedChecks(self, kind, self.order, tuple(_typed(checker, check) for check in self.checks))


def _names(rule: ChecksRule, scope: Scope) -> None:
    for number, item in enumerate(items_of(rule.node.get("order"))):
        if rule.order[number] in rule.order[:number]:
            message = f"{rule.order[number]} stands in the order already"
            scope.problems.append(problem_at(item, "duplicate-case", message, "a verdict has one place"))
    repeated_names(rule.checks, "check", scope.problems)
    for check in rule.checks:
        verdict = check.node.get("verdict")
        if check.verdict not in rule.order and isinstance(verdict, Scalar):
            scope.problems.append(
                problem_at(
                    verdict,
                    "unknown-name",
                    f"{check.verdict} is no verdict of this rule's order",
                    did_you_mean(check.verdict, rule.order),
                )
            )


def _typed(checker: Checker, check: Check) -> "TypedCheck":
    term = checker.condition(check.when)
    scope = checker.scope.knowing(proven_by(check.when, True))
    return TypedCheck(check, term, template_terms(check.why, lambda expression: checker.term(expression, scope)))


@dataclass(frozen=True, slots=True)
class TypedCheck:
    """A check with its terms."""

    check: Check
    term: Term
    why: tuple[str | tuple[Expression, Term], ...]


@dataclass(frozen=True, slots=True)
class TypedChecks(Typed):
    """Checks with their terms."""

    order: tuple[str, ...]
    checks: tuple[TypedCheck, ...]

    def terms(self) -> Iterable[Term]:
        """Return the terms of all conditions and texts."""
        for check in self.checks:
            yield check.term
            yield from (part[1] for part in check.why if not isinstance(part, str))

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return what each check asks."""
        return [(check.check.when, check.term) for check in self.checks]

    def write(self, code: Code) -> None:
        """Gather the reasons and keep the worst verdict's first."""
        list_name, worst, first = f"c_{self.name}", f"w_{self.name}", f"f_{self.name}"
        code.line(f"{list_name} = []; {worst} = 0; {first} = ''")
        for check in self.checks:
            rank = self.order.index(check.check.verdict)
            with code.block(f"if {code.term(check.term)}:", check.check.when.location()):
                code.line(f"v_text = {code.text(check.why)}", check.check.why.scalar.at(0))
                names = {"check": repr(check.check.name), "verdict": repr(check.check.verdict)}
                code.line(f"{list_name}.append({record({**names, 'text': 'v_text'})})")
                code.line(f"if {worst} < {rank}: {worst} = {rank}; {first} = v_text")
        order = code.emitter.constant(self.order)
        code.line(f"{self.variable} = {{'verdict': {order}[{worst}], 'reason': {first}, 'reasons': {list_name}}}")

    def detail(self, code: Code) -> str:
        """Each check with its condition's values."""
        entries = []
        for check in self.checks:
            names = {"check": repr(check.check.name), "verdict": repr(check.check.verdict)}
            entries.append(condition_detail(code, check.check.when, check.term, names))
        return f"{{'order': {code.emitter.constant(list(self.order))}, 'checks': [{', '.join(entries)}]}}"


def why_not(condition: dict[str, Any]) -> str:
    """Return what the compared values were, for a person."""
    told = [f"{show(one['left'])} {one['is']} {show(one['right'])}" for one in condition["compared"] if "left" in one]
    return f"   [{'; '.join(told)}]" if told else ""


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    told = []
    for check in detail["checks"]:
        mark = f"✗ {check['verdict']}" if check["holds"] else "✓ passed"
        told.append(f"{mark:<10} {check['check']}: {check['if']}{why_not(check)}")
    return told
