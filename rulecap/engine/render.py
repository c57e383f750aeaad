"""The trace's renderer: a second compiled function, from the values that evaluation kept to each step's parts."""

from collections.abc import Callable
from typing import Any

from rulecap.engine.compiler import all_terms, finish, new_code, preload, variable_of
from rulecap.policy.plan import Plan
from rulecap.policy.typed import TypedPolicy
from rulecap.rules.code import Code, unit_name
from rulecap.rules.typed import shown_reads

Render = Callable[[Any, tuple[Any, ...]], list[dict[str, Any]]]


def compile_render(policy: TypedPolicy, plan: Plan) -> Render:
    """Return the function that makes the steps of a plan's trace from snapshot and values."""
    code = new_code(policy, plan)
    preload(code, policy, all_terms(policy, plan), frozenset(), plan.dated)
    if plan.names:
        code.line("".join(f"{variable_of(name)}, " for name in plan.names) + "= V")
    code.line("T = []")
    for name in plan.names:
        if name.startswith("memory."):
            continue
        _step(code, policy, name)
    code.line("return T")
    return finish(code, "render", "S, V", ()).run  # type: ignore[return-value]  # this source takes values and returns steps


def _step(code: Code, policy: TypedPolicy, name: str) -> None:
    rule = policy.rules[name]
    detail = rule.detail(code)
    reads = ", ".join(f"{shown!r}: {code.emitter.carefully(term)}" for shown, term in shown_reads(rule.terms()).items())
    written = rule.rule
    fixed = {
        "rule": name,
        "kind": written.kind,
        "title": written.title or written.because or name.replace("_", " "),
        "unit": unit_name(rule.type),
    }
    place = written.location
    head = ", ".join(f"{key!r}: {value!r}" for key, value in fixed.items())
    source = f"{{'file': {place.file!r}, 'line': {place.line}}}"
    code.line(
        f"T.append({{{head}, 'value': {rule.variable}, 'reads': {{{reads}}}, 'detail': {detail}, 'source': {source}}})"
    )


def compile_said(policy: TypedPolicy, plan: Plan) -> Callable[[Any, tuple[Any, ...]], list[str]]:
    """Return the function that makes a decision's explanation lines from snapshot and values."""
    code = new_code(policy, plan)
    preload(code, policy, all_terms(policy, plan), frozenset(), plan.dated)
    if plan.names:
        code.line("".join(f"{variable_of(name)}, " for name in plan.names) + "= V")
    code.line("T = []")
    for when, parts in plan.decision.explain:
        with code.block(f"if {code.term(when[1])}:" if when else "if True:"):
            code.line(f"T.append({code.text(parts)})")
    code.line("return T")
    return finish(code, "said", "S, V", ()).run  # type: ignore[return-value]  # this source takes values and returns lines
