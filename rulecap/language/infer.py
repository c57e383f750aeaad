"""Inference: from a syntax tree to a typed term, with every unit, name and possible absence checked."""

import ast
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rulecap.language import types as t
from rulecap.language.calls import infer_call
from rulecap.language.expression import Expression
from rulecap.language.functions import ALL_NAMES
from rulecap.language.grammar import CAPITALS, CONSTANTS, offset_of
from rulecap.language.paths import NOTHING, dotted, named, read_path
from rulecap.language.presence import proven
from rulecap.language.scope import Scope, lacking
from rulecap.language.slips import Refusal
from rulecap.language.terms import Binary, Choice, Compare, Const, Listing, Logic, Member, Negative, Not, Read, Term
from rulecap.language.unit_errors import as_unit, clash, clash_code, misuse, what, written
from rulecap.problems import did_you_mean, of_late

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
        if isinstance(term, Choice) and isinstance(node, ast.IfExp):
            return t.unify(self.need(node.body, term.then), self.need(node.orelse, term.other)) or t.UNKNOWN
        if isinstance(term, Read):
            self.scope.demands.setdefault(term.path, (self.expression, offset_of(node)))
            return term.type.inner
        name = written(node)
        guard = f" or guard it with known({name})" if dotted(node) else ""
        why = lacking(self.scope, term)
        self.wrong(node, "optional-not-discharged", f"{name} may be none here{why}", f"write default({name}, …){guard}")
        return t.UNKNOWN

    def number(self, node: ast.AST, term: Term) -> t.Number | None:
        """Return the unit of a number that must be present; none, noted, where it is something else."""
        kind = self.need(node, term)
        if isinstance(kind, t.Number) or kind == t.UNKNOWN:
            return kind if isinstance(kind, t.Number) else None
        self.wrong(node, "wrong-type", f"a number is needed here, {what(node, kind)}")
        return None

    def condition(self, node: ast.AST, term: Term) -> None:
        """Note a finding where a term is no condition."""
        kind = self.need(node, term)
        if kind not in (t.FLAG, t.UNKNOWN):
            message = f"a condition is needed here, {what(node, kind)}"
            self.wrong(node, "wrong-type", message, "compare it with something")

    # One method for each kind of node.

    def _constant(self, node: ast.Constant) -> Term:
        if isinstance(node.value, str):
            return Const(t.Text(frozenset({node.value})), offset_of(node), node.value)
        unit, two_ways = getattr(node, "unit", None), getattr(node, "either", None)
        if two_ways:
            code, message, hint = two_ways
            found = self.expression.problem(offset_of(node), code, message, hint)
            self.scope.problems.append(of_late(found))
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
        if _both_texts(left, right):
            hint = "texts with values in braces stand in `why`, `say` and `explain`"
            return self.wrong(
                node, "wrong-type", f"names cannot be computed with: there is no {operator} of names", hint
            )
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
        if t.strip(right.type) == t.TIME:
            hint = "hours_between(earlier, later) gives the hours between two times"
            return self.wrong(node, "wrong-type", f"there is no {operator} of two times", hint)
        unit = self.number(node.right, right)
        if unit not in (None, t.HOURS):
            constant = isinstance(right, Const) and isinstance(right.value, int | float)
            hint = as_unit(float(right.value), unit, t.HOURS) if constant else ""  # type: ignore[attr-defined]  # it is a constant
            message = f"a time moves by hours, {what(node.right, unit or t.UNKNOWN)}"
            return self.wrong(node.right, "wrong-unit", message, hint or "hours are written 24h")
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
            return self.wrong(node.orelse, clash_code(then.type, other.type), message, hint)
        return Choice(kind, offset_of(node), test, then, other)

    def _compare(self, node: ast.Compare) -> Term:
        if isinstance(node.ops[-1], ast.In | ast.NotIn):
            return self._member(node)
        nodes = [node.left, *node.comparators]
        nothing = next((one for one in nodes if isinstance(one, ast.Name) and one.id in ("none", *NOTHING)), None)
        if nothing is not None:
            other = next((written(one) for one in nodes if one is not nothing), "x")
            not_known = "" if isinstance(node.ops[0], ast.NotEq) else "not "
            return self.wrong(
                nothing, "wrong-type", "nothing is compared with none", f"write {not_known}known({other})"
            )
        terms = self._operands(nodes)
        for (a, left), (b, right), op in zip(
            zip(nodes, terms, strict=True), list(zip(nodes, terms, strict=True))[1:], node.ops, strict=False
        ):
            self._comparable(a, left, b, right, isinstance(op, ast.Eq | ast.NotEq))
        operators = tuple(OPERATORS.get(type(op), "in") for op in node.ops)
        return Compare(t.FLAG, offset_of(node), tuple(terms), operators)

    def _operands(self, nodes: Sequence[ast.expr]) -> list[Term]:
        """Return the terms of what is compared, each looked at once; names that nothing has come last."""
        known = {place: self.infer(node) for place, node in enumerate(nodes) if not self._is_strange(node)}
        kinds = [t.strip(term.type) for place, term in known.items() if self._may_say(nodes[place])]
        return [known[place] if place in known else self._strange(node, kinds) for place, node in enumerate(nodes)]

    def _is_strange(self, node: ast.expr) -> bool:
        """Tell whether it is a name in small letters that nothing has."""
        return isinstance(node, ast.Name) and node.id.islower() and node.id not in named(self) | ALL_NAMES

    def _may_say(self, node: ast.expr) -> bool:
        """Tell whether something may say which names it can be, and is none of them itself."""
        return node.id in named(self) if isinstance(node, ast.Name) else isinstance(node, ast.Attribute | ast.Call)

    def _strange(self, node: ast.expr, kinds: Sequence[t.Type]) -> Term:
        """Note a name that nothing has; in capitals it may be one of those that what it is compared with can be."""
        assert isinstance(node, ast.Name)  # it was looked at
        for kind in kinds:
            if isinstance(kind, t.Text) and (kind.options is None or node.id.upper() in kind.options):
                hint = f"write {node.id.upper()}, or in quotes what is no word in capitals: '{node.id}'"
                return self.wrong(node, "unknown-name", f"nothing is named {node.id}", hint)
        return self.infer(node)

    def _comparable(self, a: ast.AST, left: Term, b: ast.AST, right: Term, equality: bool) -> None:
        x, y = self.need(a, left), self.need(b, right)
        kind = t.unify(x, y)
        if t.UNKNOWN in (x, y):
            return
        if kind is None:
            message, hint = clash(a, x, b, y)
            self.wrong(b, clash_code(left.type, right.type), message, hint)
        elif isinstance(x, t.Text) and isinstance(y, t.Text) and equality:
            if not self._possible(b, right, x):
                self._possible(a, left, y)
        elif not (isinstance(kind, t.Number) or kind == t.TIME or (equality and kind == t.FLAG)):
            hint = (
                "compare its fields" if isinstance(kind, t.Record | t.ListOf) else "== and != are for names and flags"
            )
            self.wrong(b, "wrong-type", f"{t.described(kind)} cannot be compared like this", hint)

    def _possible(self, node: ast.AST, term: Term, options: t.Type) -> bool:
        """Note where a written name is none of those that the other side can be; return whether there is a finding."""
        names = options.options if isinstance(options, t.Text) else None
        if not isinstance(term, Const) or term.name or names is None:  # a parameter may be set to any other name
            return False
        if not isinstance(term.value, str) or term.value in names:
            return False
        message = f"{term.value} is not one of the names that this can be"
        self.wrong(node, "unknown-name", message, did_you_mean(term.value, names))
        return True

    def _member(self, node: ast.Compare) -> Term:
        if len(node.ops) > 1:
            return self.wrong(node, "not-allowed-here", "`in` is not chained", "join conditions with `and`")
        item, holder = self.infer(node.left), node.comparators[0]
        kind = self.need(node.left, item)
        if isinstance(holder, ast.List):
            kinds = [t.strip(item.type)] if self._may_say(node.left) else []
            elements = [
                self._strange(element, kinds) if self._is_strange(element) else self.infer(element)
                for element in holder.elts
            ]
            for element, one in zip(holder.elts, elements, strict=True):
                self._comparable(node.left, item, element, one, True)
            container: Term = Listing(t.ListOf(kind), offset_of(holder), tuple(elements))
        else:
            container = self.infer(holder)
            listed = self.need(holder, container)
            fits = isinstance(listed, t.ListOf) and t.unify(listed.item, kind)
            if t.UNKNOWN not in (listed, kind) and not fits:
                return self.wrong(holder, "wrong-type", f"`in` needs a {t.ListOf(kind)}, {what(holder, listed)}")
        return Member(t.FLAG, offset_of(node), item, container, isinstance(node.ops[0], ast.NotIn))

    def _empty(self, node: ast.List) -> Term:
        return Const(t.ListOf(t.UNKNOWN), offset_of(node), ())

    def _call(self, node: ast.Call) -> Term:
        return infer_call(self, node)

    _METHODS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Term]]] = {
        ast.Constant: _constant, ast.Name: _path, ast.Attribute: _path, ast.UnaryOp: _unary, ast.BinOp: _binary,
        ast.BoolOp: _logic, ast.IfExp: _choice, ast.Compare: _compare, ast.Call: _call, ast.List: _empty,
    }  # fmt: skip


def _both_texts(a: Term, b: Term) -> bool:
    return isinstance(t.strip(a.type), t.Text) and isinstance(t.strip(b.type), t.Text)
