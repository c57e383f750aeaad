"""Which rule reads which: the order of evaluation, and rules that run in a circle."""

import ast
from collections.abc import Iterable, Mapping

from rulecap.language.expression import Expression
from rulecap.language.grammar import offset_of
from rulecap.language.paths import dotted
from rulecap.policy.model import PolicyText
from rulecap.problems import Problem
from rulecap.rules.parts import expressions_of

MEMORY = "memory."


def graph_of(policy: PolicyText) -> dict[str, dict[str, Expression]]:
    """Return for each rule, and for each remembered value as `memory.name`, what it reads and where first."""
    parts: dict[str, object] = {**policy.rules, **{MEMORY + name: one.start for name, one in policy.memory.items()}}
    known = frozenset(parts)
    return {name: _references(expressions_of(part), known - _elements(part)) for name, part in parts.items()}


def _elements(part: object) -> set[str]:
    """Return the names that a rule gives to a list's elements; where they are another's too, that is reported."""
    loops = [part, *getattr(part, "actions", ())]
    return {
        over.name
        for one in loops
        if (over := getattr(one, "over", None) or getattr(one, "of", None)) and hasattr(over, "name")
    }


def _references(expressions: Iterable[Expression], known: frozenset[str]) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    for expression in expressions:
        for name in referenced(expression, known):
            found.setdefault(name, expression)
    return found


def referenced(expression: Expression, known: frozenset[str]) -> dict[str, int]:
    """Return the known names that an expression reads, in order, each with the offset where it does so first."""
    if expression.tree is None:
        return {}
    found: dict[str, int] = {}
    bound: set[str] = set()
    called = {id(node.func) for node in ast.walk(expression.tree) if isinstance(node, ast.Call)}
    for node in ast.walk(expression.tree):
        if isinstance(node, ast.Attribute) and dotted(node).startswith(MEMORY):
            found.setdefault(MEMORY + dotted(node).split(".")[1], offset_of(node))
        elif isinstance(node, ast.Name) and id(node) not in called:  # a call never reads the rule of its name
            found.setdefault(node.id, offset_of(node))
        elif isinstance(node, ast.comprehension):
            bound.add(dotted(node.target))
    return {name: offset for name, offset in found.items() if name in known and name not in bound}


def order(graph: Mapping[str, Mapping[str, object]]) -> tuple[list[str], list[list[str]]]:
    """Return all names, each behind what it reads, and the circles as paths. Iterative: the depth is the data's."""
    done: dict[str, None] = {}
    path: list[str] = []
    on_path: set[str] = set()
    circles: list[list[str]] = []
    for root in graph:
        stack = [(root, iter(graph[root]))] if root not in done else []
        if stack:
            path.append(root)
            on_path.add(root)
        while stack:
            name, following = stack[-1]
            following_name = next(following, None)
            if following_name is None:
                stack.pop()
                on_path.discard(path.pop())
                done.setdefault(name)
            elif following_name in on_path:
                circles.append([*path[path.index(following_name) :], following_name])
            elif following_name not in done:
                stack.append((following_name, iter(graph[following_name])))
                path.append(following_name)
                on_path.add(following_name)
    return list(done), circles


def apart(circles: Iterable[list[str]]) -> list[list[str]]:
    """Return the shortest of the circles that share a name, as one slip often closes many; the others stay out."""
    kept: list[list[str]] = []
    hidden: list[set[str]] = []
    for circle in sorted(circles, key=len):
        touched = [names for names in hidden if not names.isdisjoint(circle)]
        if not touched:
            kept.append(circle)
            hidden.append(set(circle))
        for names in touched:
            names.update(circle)
    return kept


def circle_problem(circle: list[str], graph: Mapping[str, Mapping[str, Expression]]) -> Problem:
    """Return the finding for rules that run in a circle, at the place where the circle closes."""
    expression = graph[circle[-2]][circle[-1]]
    offset = referenced(expression, frozenset(circle)).get(circle[-1], 0)
    hint = "a value from the last evaluation is read as memory.name"
    return expression.problem(offset, "cycle", f"these run in a circle: {' → '.join(circle)}", hint)
