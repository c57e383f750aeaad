"""The trace's renderer: a second compiled function, from the values that evaluation kept to each step's parts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rulecap.engine.compiler import all_terms, finish, new_code, preload, preload_dated, variable_of
from rulecap.language import types as t
from rulecap.language.terms import Const, Dated
from rulecap.location import Location
from rulecap.policy.nodes import Mapping
from rulecap.policy.plan import Plan
from rulecap.policy.typed import TypedPolicy
from rulecap.rules.code import Code, place_source, record, unit_name
from rulecap.rules.typed import Typed, shown_reads

Render = Callable[[Any, tuple[Any, ...]], list[dict[str, Any]]]


def compile_render(policy: TypedPolicy, plan: Plan, kind: str) -> Render:
    """Return the function that makes the steps of a plan's trace from snapshot and values.

    Of the rules of one kind; an empty `kind` is every kind.
    """
    code = _told(policy, plan)
    for name in plan.names:
        if not name.startswith("memory.") and kind in ("", policy.rules[name].rule.kind):
            _step(code, policy, name)
    code.line("return T")
    return finish(code, "render", "S, V", ()).run  # type: ignore[return-value]  # this source takes values and returns steps


def _told(policy: TypedPolicy, plan: Plan) -> Code:
    """Return a function body in which every name of the plan has its value, and what is told goes into `T`."""
    code = new_code(policy, plan)
    preload(code, policy, all_terms(policy, plan))
    preload_dated(code, policy, plan.dated)
    if plan.names:
        code.line("".join(f"{variable_of(name)}, " for name in plan.names) + "= V")
    code.line("T = []")
    return code


def _step(code: Code, policy: TypedPolicy, name: str) -> None:
    rule = policy.rules[name]
    with code.block("try:"):  # a part that evaluation did not look at may have no value
        code.line(f"D = {rule.detail(code)}")
    code.line("except ArithmeticError: D = None")
    terms = shown_reads(rule.terms())
    reads = record({shown: code.emitter.carefully(term) for shown, term in terms.items()})
    numbers = record(
        {shown: _spot(code, policy, term) for shown, term in terms.items() if isinstance(term, Const | Dated)}
    )
    written = rule.rule
    step = {
        "rule": repr(name),
        "kind": repr(written.kind),
        "title": repr(written.title or written.because or name.replace("_", " ")),
        "unit": repr(unit_name(rule.type)),
        "value": _value(rule),
        "reads": reads,
        "numbers": code.fixed(numbers),
        "detail": "D",
        "source": code.fixed(place_source(written.location)),
    }
    code.line(f"T.append({record(step)})")


def _value(rule: Typed) -> str:
    """Return source of a rule's value; an element of the snapshot is taken apart, which a serializer does slowly."""
    kind = t.strip(rule.type)
    if not isinstance(kind, t.Record) or kind.access != "attribute":
        return rule.variable
    fields = record({name: f"{rule.variable}.{name}" for name in kind.fields})
    return f"None if {rule.variable} is None else {fields}"


def _spot(code: Code, policy: TypedPolicy, term: Const | Dated) -> str:
    """Return source of where a number of the policy stands, as `file:line`."""
    if isinstance(term, Dated):
        return f"{code.emitter.named('spot_' + term.name, dated_spot(policy, term.name))}(S.as_of)"
    parameter = policy.text.parameters.get(term.name)
    if parameter is not None:
        return repr(parameter.value.location.spot)
    rule, case, *path = term.name.split(".")
    return repr(_column(policy, rule, case, path).spot)


def _column(policy: TypedPolicy, rule: str, name: str, path: list[str]) -> Location:
    written = policy.text.rules[rule]
    cases = [*getattr(written, "cases", ()), *getattr(written, "rows", ()), getattr(written, "otherwise", None)]
    case = next(case for case in cases if case is not None and case.name == name)
    node = case.node
    for part in path:
        inner = node.get(part) if isinstance(node, Mapping) else None
        if inner is None:  # a band's `from` or `to`, which another case says
            break
        node = inner
    place: Location = node.location
    return place


def dated_spot(policy: TypedPolicy, name: str) -> Callable[[datetime], str]:
    """Return what tells where a dated parameter's value in force stands."""
    starts = [start for start, _ in policy.dated[name].values]
    places: list[str] = [one.value.location.spot for one in policy.text.parameters[name].values]

    def at(moment: datetime) -> str:
        return [place for start, place in zip(starts, places, strict=True) if start <= moment][-1]

    return at


def compile_said(policy: TypedPolicy, plan: Plan) -> Callable[[Any, tuple[Any, ...]], list[str]]:
    """Return the function that makes a decision's explanation lines from snapshot and values."""
    code = _told(policy, plan)
    for when, parts in plan.decision.explain:
        untold = code.emitter.named("f_untold", untold_line)
        with code.block("try:"), code.block(f"if {code.term(when[1])}:" if when else "if True:"):
            code.line(f"T.append({code.text(parts)})")
        code.line(f"except ArithmeticError as error: T.append({untold}(error))")
    code.line("return T")
    return finish(code, "said", "S, V", ()).run  # type: ignore[return-value]  # this source takes values and returns lines


def untold_line(error: ArithmeticError) -> str:
    """Return what stands in place of an explanation line whose values cannot be computed."""
    return f"(a line of the explanation has no value here: {error})"
