"""Coverage: whatever a decision reads of the snapshot's optional parts is in its `requires`; no rule is left over."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rulecap.language.terms import Adjustments, Const, Dated, Lookup, Rows, RuleValue, Term, walk
from rulecap.policy.nodes import Scalar, entries_of, problem_at
from rulecap.policy.plan import Plan, asked, every_term, terms_of
from rulecap.policy.typed import TypedPolicy
from rulecap.problems import Problem
from rulecap.rules.parts import Rule


def check_coverage(policy: TypedPolicy, plans: Iterable[Plan], problems: list[Problem]) -> None:
    """Note each optional path that a decision reads without requiring it, and rules and parameters left over."""
    used: set[str] = set()
    for plan in plans:
        used |= set(plan.names)
        problems += [_missed(plan, path) for path in plan.demands if path not in plan.decision.guaranteed]
    if not any(problem.severity == "error" for problem in problems):  # what is wrong may be what would have used it
        named = _named(policy, used)
        problems += [_unused(rule) for name, rule in policy.text.rules.items() if name not in named]
        read = set(_parameters_read(policy))
        written = [key for key, _ in entries_of(policy.text.node.get("parameters"))]
        problems += [_unread(key) for key in written if key.text not in read]


def _named(policy: TypedPolicy, used: set[str]) -> set[str]:
    """Return the rules that are needed, and those that they name without needing a value: for rows, cases, columns."""
    found: set[str] = set()
    outside = [term for decision in policy.decisions.values() for term in asked(decision)]
    outside += [one.next[1] for one in policy.memory.values()]
    todo = [*used, *_mentioned(outside)]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _mentioned(terms_of(policy, name))
    return found


def _mentioned(terms: Iterable[Term]) -> Iterator[str]:
    for part in (part for term in terms for part in walk(term)):
        if isinstance(part, RuleValue):
            yield part.name
        elif isinstance(part, Rows | Lookup):
            yield part.rule
        elif isinstance(part, Const) and part.name:
            yield part.name.partition(".")[0]


def _missed(plan: Plan, path: str) -> Problem:
    reader, (expression, offset) = plan.demands[path]
    of_rule = "" if reader.startswith("decision.") else f" (in {reader})"
    message = f"{path} may be none, and the decision {plan.decision.name} reads it{of_rule} without requiring it"
    hint = f"add {path} to the decision's requires, or write default({path}, …)"
    return expression.problem(offset, "optional-not-discharged", message, hint)


def _unused(rule: Rule) -> Problem:
    found = problem_at(rule.key, "unused-rule", f"no decision needs {rule.name}", "use it in an output, or take it out")
    return replace(found, severity="warning")


def _unread(parameter: Scalar) -> Problem:
    message = f"nothing reads {parameter.text}: to change it changes nothing"
    found = problem_at(parameter, "unused-parameter", message, "read it in a rule, or take it out")
    return replace(found, severity="warning")


def _parameters_read(policy: TypedPolicy) -> Iterator[str]:
    """Yield the parameters that any expression reads."""
    for part in (part for term in every_term(policy) for part in walk(term)):
        if isinstance(part, Const | Dated) and part.name:
            yield part.name.partition(".")[0]


def check_adjustments(policy: TypedPolicy, problems: list[Problem]) -> None:
    """The adjustments of a rule are an answer of a decision: nothing is computed from them, and no text shows them."""
    message, hint = "adjustments(…) stands in a decision's outputs only", "in a text, show the rule's value: {rule}"
    problems += [
        problem_at(rule.rule.key, "not-allowed-here", message, hint)
        for rule in policy.rules.values()
        if any(_lists_adjustments(term) for term in rule.terms())
    ]
    told = [line for decision in policy.decisions.values() for line in decision.explain]
    parts = [part for when, texts in told for part in (when, *texts) if isinstance(part, tuple)]
    problems += [
        expression.problem(term.offset, "not-allowed-here", message, hint)
        for expression, term in parts
        if _lists_adjustments(term)
    ]


def _lists_adjustments(term: Term) -> bool:
    return any(isinstance(one, Adjustments) for one in walk(term))
