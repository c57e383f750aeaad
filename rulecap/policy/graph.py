"""Which rule reads which: the order of evaluation, and rules that run in a circle."""

import ast
from collections.abc import Iterable, Mapping

from rulecap.language.expression import Expression
from rulecap.language.grammar import Syntax
from rulecap.language.paths import dotted
from rulecap.policy.model import PolicyText
from rulecap.problems import Problem
from rulecap.rules.parts import expressions_of

MEMORY = "memory."


def graph_of(policy: PolicyText) -> dict[str, dict[str, Expression]]:
    """Return for each rule, and for each remembered value as `memory.name`, what it reads and where first."""
    parts: dict[str, object] = {**policy.rules, **{MEMORY + name: one.start for name, one in policy.memory.items()}}
    known = frozenset(parts)
    return {name: _references(expressions_of(part), known) for name, part in parts.items()}


def _references(expressions: Iterable[Expression], known: frozenset[str]) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    for expression in expressions:
        for name in referenced(expression, known):
            found.setdefault(name, expression)
    return found


def referenced(expression: Expression, known: frozenset[str]) -> list[str]:
    """Return the known names that an expression reads, in order."""
    if not isinstance(expression.syntax, Syntax):
        return []
    found: dict[str, None] = {}
    for node in ast.walk(expression.syntax.tree):
        if isinstance(node, ast.Attribute) and dotted(node).startswith(MEMORY):
            found.setdefault(MEMORY + dotted(node).split(".")[1])
        elif isinstance(node, ast.Name):
            found.setdefault(node.id)
    return [name for name in found if name in known]


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


def circle_problem(circle: list[str], graph: Mapping[str, Mapping[str, Expression]]) -> Problem:
    """Return the finding for rules that run in a circle, at the place where the circle closes."""
    expression = graph[circle[-2]][circle[-1]]
    hint = "a value from the last evaluation is read as memory.name"
    return expression.problem(0, "cycle", f"these run in a circle: {' → '.join(circle)}", hint)
