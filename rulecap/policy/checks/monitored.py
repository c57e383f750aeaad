"""What a monitor does with a decision: which outputs it watches, which of them are reductions that it may send."""

from collections.abc import Iterator

from rulecap import units
from rulecap.language import types as t
from rulecap.policy.model import Decision
from rulecap.policy.nodes import Node, Sequence, problem_at
from rulecap.policy.typed import OutputTerms
from rulecap.problems import Problem, did_you_mean

# What an action must say before it can be an order that only reduces.
REDUCTION: dict[str, t.Type] = {
    "action": t.TEXT,
    "symbol": t.TEXT,
    "side": t.TEXT,
    "quantity": t.declared(units.QUANTITY),
    "reduce_only": t.FLAG,
}


def watch_of(decision: Decision, outputs: OutputTerms, problems: list[Problem]) -> tuple[str, ...] | None:
    """Return the outputs whose changes are told; each is one value, so that a change can be told in a word."""
    node = decision.node.get("watch")
    if decision.watch is None or not isinstance(node, Sequence):
        return None
    for name, item in zip(decision.watch, node.items, strict=True):
        if name not in outputs:
            problems.append(_no_output(item, name, outputs))
        elif not _is_one_value(outputs, name):
            message = f"{name} has parts: what is watched is one value"
            problems.append(problem_at(item, "wrong-type", message, "name an output without parts"))
    return decision.watch


def execute_of(decision: Decision, outputs: OutputTerms, problems: list[Problem]) -> str | None:
    """Return the output that is a list of reductions."""
    name, node = decision.execute, decision.node.get("execute")
    if name is None or node is None:
        return None
    if decision.watch is None:
        message, hint = "a monitor does not ask this decision: it has no `watch`", "write watch: []"
        problems.append(problem_at(node, "not-allowed-here", message, hint))
    if name not in outputs:
        problems.append(_no_output(node, name, outputs))
        return None
    lacking = list(_lacking(outputs, name))
    if lacking:
        message = f"{name} is no list of reductions: {', '.join(lacking)}"
        hint = f"each has {', '.join(REDUCTION)}, as a rule of the kind actions gives them"
        problems.append(problem_at(node, "wrong-type", message, hint))
    return name


def _no_output(node: Node, name: str, outputs: OutputTerms) -> Problem:
    return problem_at(node, "unknown-name", f"the decision has no output {name}", did_you_mean(name, outputs))


def _is_one_value(outputs: OutputTerms, name: str) -> bool:
    output = outputs[name]
    return not isinstance(output, dict) and not isinstance(t.strip(output[1].type), t.ListOf | t.Record)


def _lacking(outputs: OutputTerms, name: str) -> Iterator[str]:
    """Yield what keeps an output from being a list of reductions."""
    output = outputs[name]
    kind = t.UNKNOWN if isinstance(output, dict) else t.strip(output[1].type)
    if isinstance(output, dict) or not isinstance(kind, t.ListOf | t.Plain):
        yield "it is no list"
    if not isinstance(kind, t.ListOf):
        return
    element = t.strip(kind.item)
    for field, expected in REDUCTION.items():
        found = element.fields.get(field) if isinstance(element, t.Record) else None
        if found is None:
            yield f"it gives no {field}"
        elif t.UNKNOWN not in (found, element) and t.unify(found, expected) is None:
            yield f"{field} is {t.described(found)}"
