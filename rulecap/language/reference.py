"""The reference evaluator of expressions: simpleeval, restricted to the language. Small, slow, obviously right.

It reads the syntax tree that passed the allow-list, never a text, and shares nothing with the compiler but the function
table. What it computes is what the language means.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from simpleeval import SimpleEval

from rulecap.language import functions
from rulecap.language.functions import COMPUTED, FUNCTIONS, OVER_LISTS
from rulecap.language.grammar import CAPITALS, CONSTANTS, Syntax
from rulecap.language.paths import dotted

Names = Callable[[str], Any]


def _contains(item: object, container: Any) -> bool:
    return item in container


def _plus(left: Any, right: Any) -> Any:
    return functions.shift(left, right) if isinstance(left, datetime) else left + right


def _minus(left: Any, right: Any) -> Any:
    return functions.shift(left, -right) if isinstance(left, datetime) else left - right


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _plus,
    ast.Sub: _minus,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: functions.power,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: _contains,
    ast.NotIn: lambda item, container: item not in container,
}
KEPT = (ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Attribute, ast.Constant)


class Reference(SimpleEval):  # type: ignore[misc]  # simpleeval has no types
    """Evaluates one expression after another with names that a rule's evaluation looks up.

    Args:
        lookup: gives the value of a rule, a parameter or a part of the snapshot; raises KeyError for another name.
        remembered: gives a value of the memory by its name.
        cases: each bands and table rule's cases by name, under its word (`cases`, `rows`), and its `.at(…)`.
        adjustments: gives the adjustments that a rule made.
    """

    def __init__(
        self,
        lookup: Names,
        remembered: Names,
        cases: Mapping[str, "CaseNames"],
        adjustments: Callable[[str], list[Any]],
    ) -> None:
        """Keep only the nodes of the language."""
        functions_by_name = {**COMPUTED, **{name: function.compute for name, function in FUNCTIONS.items()}}
        super().__init__(operators=OPERATORS, functions=functions_by_name, names={})
        handlers: dict[type[ast.AST], Callable[[Any], Any]] = {kind: self.nodes[kind] for kind in KEPT}
        self.nodes: Any = {**handlers, ast.GeneratorExp: self._eval_generator, ast.List: self._eval_items}
        self._lookup, self._remembered, self._cases, self._adjustments = lookup, remembered, cases, adjustments
        self._locals: dict[str, Any] = {}

    def value(self, syntax: Syntax, /, **local: Any) -> Any:
        """Return the value of an expression in which some more names mean something."""
        outer, self._locals = self._locals, {**self._locals, **local}
        try:
            return self.eval(syntax.text, previously_parsed=syntax.tree)
        finally:
            self._locals = outer

    def _check_disallowed_items(self, item: Any) -> None:
        """Leave values alone: what reaches this evaluator passed the allow-list, and no value is a function."""

    def _eval_name(self, node: ast.Name) -> Any:
        if node.id in self._locals:
            return self._locals[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        return node.id if CAPITALS.match(node.id) else self._lookup(node.id)

    def _eval_constant(self, node: ast.Constant) -> Any:
        return node.value

    def _eval_items(self, node: ast.List) -> Any:
        return [self._eval(item) for item in node.elts]

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id not in self._locals:
            if node.value.id == "memory":
                return self._remembered(node.attr)
            named = self._cases.get(node.value.id)
            if named is not None and node.attr in named:
                return named[node.attr]
        return field_of(self._eval(node.value), node.attr)

    def _eval_call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            return self._cases[dotted(node.func.value)].find(self._eval(node.args[0]))
        assert isinstance(node.func, ast.Name)  # the allow-list takes nothing else
        name = node.func.id
        if name == "default":
            value = self._eval(node.args[0])
            return self._eval(node.args[1]) if value is None else value
        if name == "known":
            return self._eval(node.args[0]) is not None
        if name == "adjustments":
            return [entry for rule in node.args for entry in self._adjustments(dotted(rule))]
        arguments = [self._eval(argument) for argument in node.args]
        compute = OVER_LISTS[name] if name in OVER_LISTS and len(arguments) == 1 else self.functions[name]
        return compute(*arguments)

    def _eval_generator(self, node: ast.GeneratorExp) -> list[Any]:
        loop = node.generators[0]
        assert isinstance(loop.target, ast.Name)  # the allow-list takes nothing else
        items: Iterable[Any] = self._eval(loop.iter)
        outer, found = self._locals, []
        for item in items:
            self._locals = {**outer, loop.target.id: item}
            if all(self._eval(condition) for condition in loop.ifs):
                found.append(self._eval(node.elt))
            self._locals = outer
        self._locals = outer
        return found


class CaseNames(dict[str, Any]):
    """A rule's cases by name, all of them under the kind's word, and the lookup of another key."""

    def __init__(self, named: Mapping[str, Any], find: Callable[[Any], Any]) -> None:
        """Keep names and lookup."""
        super().__init__(named)
        self.find = find


def field_of(holder: Any, name: str) -> Any:
    """Return a field of a record, none of an absent record."""
    if holder is None:
        return None
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name)
