"""Reach: a branch that the branches above take all of, a condition that never holds or always does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.possible import Facts, declared, declared_of, given
from rulecap.language.terms import Choice, Const, Field, Logic, Read, Term, children
from rulecap.policy.checks.columns import ranged_columns
from rulecap.policy.plan import Plan
from rulecap.policy.typed import InputCheck, TypedPolicy
from rulecap.problems import Problem
from rulecap.rules.formula import TypedFormula
from rulecap.rules.tree import Fork, TypedTree, Value

Condition = tuple[Expression, Term]
# Each is held against all above it: of a tree so long that nobody wrote it by hand, the first ones are looked at.
MOST_BRANCHES = 50
FIXED = (
    (True, "never-holds", "never", "correct it, or take out what hangs on it"),
    (False, "always-holds", "always", "correct it, or leave the condition out"),
)


def check_reach(policy: TypedPolicy, plans: Sequence[Plan], problems: list[Problem]) -> None:
    """Note, as warnings, what can never come about; only where nothing else is wrong."""
    if any(problem.severity == "error" for problem in problems):
        return
    found: list[Problem] = []
    ranges = [one for one in policy.inputs if one.low is not None or one.high is not None]
    columns = declared(ranged_columns(policy))
    held = {**columns, **declared(map(_of_input, ranges))}
    always_held = {**columns, **declared(_of_input(one) for one in ranges if one.type is not None)}
    anyway = {name for plan in plans if plan.decision.anyway for name in plan.names}
    for name, rule in policy.rules.items():
        # A decision that answers anyway does so whatever the ranges say, but those of facts.
        facts = always_held if name in anyway else held
        if isinstance(rule, TypedTree):
            found += _beyond(rule.root, facts, facts)
        if isinstance(rule, TypedFormula):
            found += _passed_over(rule.formula, rule.term, facts, facts)
        for condition in rule.conditions():
            found += _fixed(condition, facts)
    problems += [replace(one, severity="warning") for one in found]


def _of_input(check: InputCheck) -> tuple[Term, float | None, float | None]:
    return Read(t.UNKNOWN, 0, check.path), check.low, check.high


def _beyond(node: Fork | Value, facts: Facts, base: Facts) -> Iterator[Problem]:
    """Yield the branches of a tree that are never reached; what stands within such a branch is not looked at."""
    if isinstance(node, Value):
        return
    above: list[Condition] = []
    for condition, term, then in node.branches[:MOST_BRANCHES]:
        within = _reaching(facts, term, above)
        if within is None:
            yield from _unreached((condition, term), above, facts, base)
        else:
            yield from _beyond(then, within, base)
            above.append((condition, term))
    left = _failed(facts, above)
    if left is not None:
        yield from _beyond(node.otherwise, left, base)


def _reaching(facts: Facts, term: Term, above: Sequence[Condition]) -> Facts | None:
    """Return what is known where a branch's condition holds, and those above it have failed; none where it cannot.

    Those above are looked at on both sides of it: a condition of several parts tells more where some are settled.
    """
    left = _failed(facts, above)
    left = None if left is None else given(left, term, True)
    return None if left is None else _failed(left, above)


def _failed(facts: Facts, conditions: Sequence[Condition]) -> Facts | None:
    left: Facts | None = facts
    for _, term in conditions:
        left = None if left is None else given(left, term, False)
    return left


def _unreached(branch: Condition, above: Sequence[Condition], facts: Facts, base: Facts) -> Iterator[Problem]:
    condition, term = branch
    if given(base, term, True) is None:
        yield from _fixed(branch, base)
        return
    hint = "put the narrower condition first, or take one out"
    if given(facts, term, True) is None:
        message, hint = "it never holds where the tree gets this far", "correct it, or take it out"
    elif first := next((one for one in above if _reaching(facts, term, [one]) is None), None):
        message = f"wherever it holds, `{first[0].text}` above it holds first"
    else:
        message = "the branches above it take all cases"
    yield condition.problem(0, "never-reached", f"this branch is never reached: {message}", hint)


def _passed_over(written: Expression, term: Term, facts: Facts, base: Facts) -> Iterator[Problem]:
    """Yield what is never taken of each `a if test else b` within a formula.

    That the last of several tests always holds, because those before it leave nothing else, is a way to write them.
    """
    if not isinstance(term, Choice):
        for one in children(term):
            yield from _passed_over(written, one, facts, base)
        return
    alone = list(_fixed((written, term.test), base))
    yield from alone
    holding, failing = given(facts, term.test, True), given(facts, term.test, False)
    if holding is None and not alone:
        message = "this is never taken: the conditions around it, or before it, take all its cases"
        yield written.problem(term.test.offset, "never-reached", message, "correct it, or take it out")
    for side, left in ((term.then, holding), (term.other, failing)):
        if left is not None:
            yield from _passed_over(written, side, left, base)


def _fixed(condition: Condition, facts: Facts) -> Iterator[Problem]:
    """Yield a condition that comes out the same in any case; one that is written as `true` is meant so."""
    written, term = condition
    if isinstance(term, Const):
        return
    for truth, code, how, hint in FIXED:
        if given(facts, term, truth) is None:
            part, together = _decisive(term, facts, truth)
            what = "together with what stands before it, this" if together else "this"
            within = "" if given({}, term, truth) is None else f", in the ranges that {_declarer(term, facts, truth)}"
            yield written.problem(part.offset, code, f"{what} {how} holds{within}", hint)


def _declarer(condition: Term, facts: Facts, truth: bool) -> str:
    """Return who declares the ranges in which a condition is settled."""
    for kind, declarer in ((Read, "`inputs` declares"), (Field, "rules declare for their columns")):
        if given(declared_of(facts, kind), condition, truth) is None:
            return declarer
    return "`inputs` and rules declare"


def _decisive(term: Term, facts: Facts, truth: bool) -> tuple[Term, bool]:
    """Return the part of a condition that settles it, and whether it needs those before it for that."""
    if isinstance(term, Logic) and (term.operator == "and") is truth:
        left: Facts | None = facts
        for operand in term.operands:
            left = None if left is None else given(left, operand, truth)
            if left is None:
                return operand, given(facts, operand, truth) is not None
    return term, False
