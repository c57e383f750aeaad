"""Inference: from a syntax tree to a typed term, with every unit, name and possible absence checked."""

import ast
from collections.abc import Callable
from typing import Any, ClassVar

from rulecap.language import types as t
from rulecap.language.calls import CALLS, infer_call
from rulecap.language.expression import Expression
from rulecap.language.grammar import CAPITALS, CONSTANTS, Refusal, offset_of
from rulecap.language.paths import dotted, read_path
from rulecap.language.presence import proven
from rulecap.language.scope import Scope
from rulecap.language.terms import Binary, Choice, Compare, Const, Listing, Logic, Member, Negative, Not, Read, Term
from rulecap.language.unit_errors import clash, misuse
from rulecap.problems import did_you_mean

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def infer(expression: Expression, scope: Scope) -> Term:
    """Return the typed term; what is wrong goes into the scope's problems, and its type is then unknown."""
    if isinstance(expression.syntax, Refusal):
        refusal = expression.syntax
        scope.problems.append(expression.problem(refusal.offset, refusal.code, refusal.message, refusal.hint))
        return Const(t.UNKNOWN, 0, None)
    return Inference(expression, scope).infer(expression.syntax.tree)


class Inference:
    """One expression's inference; `scope` changes as conditions prove things present."""

    def __init__(self, expression: Expression, scope: Scope) -> None:
        """Start in a scope."""
        self.expression, self.scope = expression, scope

    def infer(self, node: ast.AST) -> Term:
        """Return the typed term of a node."""
        return self._METHODS[type(node)](self, node)

    def under(self, known: frozenset[str], node: ast.AST) -> Term:
        """Return the typed term of a node where more is known to be present."""
        outer, self.scope = self.scope, self.scope.knowing(known)
        try:
            return self.infer(node)
        finally:
            self.scope = outer

    def wrong(self, node: ast.AST, code: str, message: str, hint: str = "") -> Term:
        """Note a finding at a node; return a term of unknown type, so that it is reported once."""
        self.scope.problems.append(self.expression.problem(offset_of(node), code, message, hint))
        return Const(t.UNKNOWN, offset_of(node), None)

    def need(self, node: ast.AST, term: Term) -> t.Type:
        """Return the type of a value that must be present: a snapshot's part becomes a demand, else it is a finding."""
        if term.type == t.NOTHING:
            return self.wrong(node, "optional-not-discharged", "none is no value to compute with").type
        if not isinstance(term.type, t.Optional):
            return term.type
        if isinstance(term, Read):
            self.scope.demands.setdefault(term.path, self.expression.location(offset_of(node)))
            return term.type.inner
        name = dotted(node) or "this value"
        hint = (
            f"write default({name}, …) or guard it with known({name})"
            if dotted(node)
            else "guard it with default(…, …)"
        )
        self.wrong(node, "optional-not-discharged", f"{name} may be none here", hint)
        return t.UNKNOWN

    def number(self, node: ast.AST, term: Term) -> t.Number | None:
        """Return the unit of a number that must be present; none, noted, where it is something else."""
        kind = self.need(node, term)
        if isinstance(kind, t.Number) or kind == t.UNKNOWN:
            return kind if isinstance(kind, t.Number) else None
        self.wrong(node, "wrong-type", f"a number is needed here, {ast.unparse(node)} is a {kind}")
        return None

    def condition(self, node: ast.AST, term: Term) -> None:
        """Note a finding where a term is no condition."""
        kind = self.need(node, term)
        if kind not in (t.FLAG, t.UNKNOWN):
            self.wrong(
                node,
                "wrong-type",
                f"a condition is needed here, {ast.unparse(node)} is a {kind}",
                "compare it with something",
            )

    # One method for each kind of node.

    def _constant(self, node: ast.Constant) -> Term:
        if isinstance(node.value, str):
            return Const(t.Text(frozenset({node.value})), offset_of(node), node.value)
        unit = getattr(node, "unit", None)
        return Const(t.NUMBERS[unit] if unit else t.BARE, offset_of(node), node.value)

    def _path(self, node: ast.Name | ast.Attribute) -> Term:
        if isinstance(node, ast.Name) and node.id not in self.scope.locals:
            if node.id in CONSTANTS:
                value = CONSTANTS[node.id]
                return Const(t.NOTHING if value is None else t.FLAG, offset_of(node), value)
            if CAPITALS.match(node.id):
                return Const(t.Text(frozenset({node.id})), offset_of(node), node.id)
        return read_path(self, node)

    def _unary(self, node: ast.UnaryOp) -> Term:
        operand = self.infer(node.operand)
        if isinstance(node.op, ast.Not):
            self.condition(node.operand, operand)
            return Not(t.FLAG, offset_of(node), operand)
        unit = self.number(node.operand, operand)
        if isinstance(operand, Const) and isinstance(operand.value, int | float):
            return Const(operand.type, offset_of(node), -operand.value)
        return Negative(unit or t.UNKNOWN, offset_of(node), operand)

    def _binary(self, node: ast.BinOp) -> Term:
        left, right, operator = self.infer(node.left), self.infer(node.right), OPERATORS[type(node.op)]
        if t.strip(left.type) == t.TIME and operator in "+-":
            return self._moved(node, left, right, operator)
        a, b = self.number(node.left, left), self.number(node.right, right)
        kind: t.Type = t.UNKNOWN
        if a is not None and b is not None:
            unit = self._unit(operator, a, b)
            kind = unit if unit is not None else self._misused(node, operator, a, b)
        return Binary(kind, offset_of(node), operator, left, right)

    def _unit(self, operator: str, a: t.Number, b: t.Number) -> t.Number | None:
        if operator == "*":
            return t.product(a, b)
        if operator == "/":
            return t.quotient(a, b)
        if operator == "**":
            pure = a.powers == t.PURE and b.powers == t.PURE
            return t.RATIO if pure else None
        return t.same_unit(a, b)

    def _misused(self, node: ast.BinOp, operator: str, a: t.Number, b: t.Number) -> t.Type:
        found = misuse(operator, node.left, a, node.right, b)
        return self.wrong(node, "wrong-unit", *found).type

    def _moved(self, node: ast.BinOp, left: Term, right: Term, operator: str) -> Term:
        self.need(node.left, left)
        unit = self.number(node.right, right)
        if unit not in (None, t.HOURS):
            what = (
                "hours_between(earlier, later) gives the hours between two times"
                if t.strip(right.type) == t.TIME
                else "write 24h"
            )
            return self.wrong(node.right, "wrong-unit", f"a time moves by hours, not by {unit}", what)
        return Binary(t.TIME, offset_of(node), operator, left, right)

    def _logic(self, node: ast.BoolOp) -> Term:
        truth = isinstance(node.op, ast.And)
        known: frozenset[str] = frozenset()
        terms = []
        for operand in node.values:
            term = self.under(known, operand)
            outer, self.scope = self.scope, self.scope.knowing(known)
            self.condition(operand, term)
            self.scope = outer
            terms.append(term)
            known |= proven(operand, truth)
        return Logic(t.FLAG, offset_of(node), "and" if truth else "or", tuple(terms))

    def _choice(self, node: ast.IfExp) -> Term:
        test = self.infer(node.test)
        self.condition(node.test, test)
        then = self.under(proven(node.test, True), node.body)
        other = self.under(proven(node.test, False), node.orelse)
        kind = t.unify(then.type, other.type)
        if kind is None:
            message, hint = clash(node.body, then.type, node.orelse, other.type)
            return self.wrong(node.orelse, "wrong-unit" if _numbers(then, other) else "wrong-type", message, hint)
        return Choice(kind, offset_of(node), test, then, other)

    def _compare(self, node: ast.Compare) -> Term:
        if isinstance(node.ops[-1], ast.In | ast.NotIn):
            return self._member(node)
        nodes = [node.left, *node.comparators]
        terms = [self.infer(operand) for operand in nodes]
        for (a, left), (b, right), op in zip(
            zip(nodes, terms, strict=True), list(zip(nodes, terms, strict=True))[1:], node.ops, strict=False
        ):
            self._comparable(a, left, b, right, isinstance(op, ast.Eq | ast.NotEq))
        operators = tuple(OPERATORS.get(type(op), "in") for op in node.ops)
        return Compare(t.FLAG, offset_of(node), tuple(terms), operators)

    def _comparable(self, a: ast.AST, left: Term, b: ast.AST, right: Term, equality: bool) -> None:
        x, y = self.need(a, left), self.need(b, right)
        kind = t.unify(x, y)
        if kind is None:
            message, hint = clash(a, x, b, y)
            self.wrong(b, "wrong-unit" if _numbers(left, right) else "wrong-type", message, hint)
        elif isinstance(x, t.Text) and isinstance(y, t.Text) and equality:
            self._possible(a, left, y)
            self._possible(b, right, x)
        elif not (isinstance(kind, t.Number) or kind in (t.TIME, t.UNKNOWN) or (equality and kind in (t.FLAG,))):
            self.wrong(
                b,
                "wrong-type",
                f"a {kind} cannot be compared like this",
                "write its name or a condition" if equality else "",
            )

    def _possible(self, node: ast.AST, term: Term, options: t.Type) -> None:
        names = options.options if isinstance(options, t.Text) else None
        if isinstance(term, Const) and names is not None and isinstance(term.value, str) and term.value not in names:
            self.wrong(
                node,
                "unknown-name",
                f"{term.value} is not one of the names that this can be",
                did_you_mean(term.value, names),
            )

    def _member(self, node: ast.Compare) -> Term:
        if len(node.ops) > 1:
            return self.wrong(node, "not-allowed-here", "`in` is not chained", "join conditions with `and`")
        item, holder = self.infer(node.left), node.comparators[0]
        kind = self.need(node.left, item)
        if isinstance(holder, ast.List):
            elements = [self.infer(element) for element in holder.elts]
            for element, one in zip(holder.elts, elements, strict=True):
                self._comparable(node.left, item, element, one, True)
            container: Term = Listing(t.ListOf(kind), offset_of(holder), tuple(elements))
        else:
            container = self.infer(holder)
            listed = self.need(holder, container)
            if listed != t.UNKNOWN and not (isinstance(listed, t.ListOf) and t.unify(listed.item, kind)):
                return self.wrong(holder, "wrong-type", f"`in` needs a list of {kind}, this is a {listed}")
        return Member(t.FLAG, offset_of(node), item, container, isinstance(node.ops[0], ast.NotIn))

    def _empty(self, node: ast.List) -> Term:
        return Const(t.ListOf(t.UNKNOWN), offset_of(node), ())

    def _call(self, node: ast.Call) -> Term:
        return infer_call(self, node)

    _METHODS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Term]]] = {
        ast.Constant: _constant, ast.Name: _path, ast.Attribute: _path, ast.UnaryOp: _unary, ast.BinOp: _binary,
        ast.BoolOp: _logic, ast.IfExp: _choice, ast.Compare: _compare, ast.Call: _call, ast.List: _empty,
    }  # fmt: skip


def _numbers(a: Term, b: Term) -> bool:
    return isinstance(t.strip(a.type), t.Number) and isinstance(t.strip(b.type), t.Number)


__all__ = ["CALLS", "Inference", "infer"]
