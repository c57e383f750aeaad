"""Messages about units that do not go together: both sides named, and what to write."""

import ast
from copy import deepcopy

from rulecap.language import types as t

WRITTEN = {t.PERCENT: "{}%", t.USD: "{} USD", t.LEVERAGE: "{}x", t.HOURS: "{}h", t.SECONDS: "{}s"}
COMPUTED_ONLY = {
    t.PRICE: "a price has no literal: USD / quantity gives one",
    t.QUANTITY: "a quantity has no literal: USD / price gives one",
}


def clash_code(a: t.Type, b: t.Type) -> str:
    """Return the code of a finding on two types that do not go together: numbers can differ in their units only."""
    numbers = isinstance(t.strip(a), t.Number) and isinstance(t.strip(b), t.Number)
    return "wrong-unit" if numbers else "wrong-type"


def clash(left: ast.AST, a: t.Type, right: ast.AST, b: t.Type) -> tuple[str, str]:
    """Return message and hint for two values that cannot be compared, added or stand for each other."""
    x, y = t.strip(a), t.strip(b)
    hint = rewritten(right, y, x) or rewritten(left, x, y) or _named_field(left, x, y) or _named_field(right, y, x)
    if {x, y} & {t.TIME} and (isinstance(x, t.Text) or isinstance(y, t.Text)):
        hint = "a parameter that is a time says so: {value: 2026-01-31T12:00Z, type: time}"
    return f"{what(left, x)}, {what(right, y)}", hint


def _named_field(node: ast.AST, kind: t.Type, other: t.Type) -> str:
    """Return how the name in a record is read, where a case, a row or a verdict is taken for its name."""
    if not isinstance(kind, t.Record) or not isinstance(other, t.Text):
        return ""
    field = next((one for one in ("name", "verdict") if one in kind.fields), "")
    return f"write {written(node)}.{field}" if field else ""


def misuse(operator: str, left: ast.AST, a: t.Number, right: ast.AST, b: t.Number) -> tuple[str, str]:
    """Return message and hint for arithmetic on units that it makes no sense for."""
    if operator == "*":
        whole, share = (left, right) if b == t.PERCENT else (right, left)
        return f"{a} times {b} would be off by 100", f"write percent_of({written(whole)}, {written(share)})"
    if operator == "**":
        sides = f"{what(left, a)}, {what(right, b)}"
        return f"a power needs numbers without unit: {sides}", "divide by a number of the same unit first"
    return clash(left, a, right, b)


def what(node: ast.AST, kind: t.Type) -> str:
    """Return a clause that says what an expression is."""
    return f"{written(node)} {'has no unit' if kind == t.BARE else 'is ' + t.described(kind)}"


def written(node: ast.AST) -> str:
    """Return an expression as a person writes it, unit suffixes included."""
    return ast.unparse(_AsWritten().visit(deepcopy(node)))


class _AsWritten(ast.NodeTransformer):
    """Puts texts, in the guise of names, where Python would write something else than a policy does."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # the name is Python's
        unit = getattr(node, "unit", None)
        return ast.Name(WRITTEN[t.NUMBERS[unit]].format(_plain(node.value))) if unit else node

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the name is Python's
        self.generic_visit(node)
        alone = len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp)
        return ast.Name(f"{ast.unparse(node.func)}{ast.unparse(node.args[0])}") if alone else node


def _plain(value: object) -> str:
    """Return a number as a policy writes it."""
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def rewritten(node: ast.AST, kind: t.Type, other: t.Type) -> str:
    """Return how a literal is written in another unit, empty where it is none or the unit is no matter of writing."""
    sign, number = (
        ("-", node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else ("", node)
    )
    if not isinstance(number, ast.Constant) or not isinstance(number.value, int | float):
        return ""
    return as_unit(float(f"{sign}{number.value}"), kind, other)


def converted(node: ast.AST, kind: t.Number, other: t.Number) -> str:
    """Return how a computed ratio becomes a leverage or a percent, empty for anything else."""
    one = {t.LEVERAGE: "1x", t.PERCENT: "100%"}.get(other)
    if kind != t.RATIO or one is None:
        return ""
    if one == "100%" and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return f"write as_percent({written(node.left)}, {written(node.right)})"
    text = written(node)
    return f"write {text if isinstance(node, ast.Call | ast.Name | ast.Attribute) else f'({text})'} * {one}"


def as_unit(value: float, kind: t.Type, other: t.Type) -> str:
    """Return how a written number of one type is written as another one."""
    if not isinstance(other, t.Number) or not isinstance(kind, t.Number):
        return ""
    if other in COMPUTED_ONLY:
        return COMPUTED_ONLY[other]
    if kind == t.BARE and other in WRITTEN:
        share = f", or {_plain(value * 100)}% where {_plain(value)} is a share" if other == t.PERCENT else ""
        return f"write {WRITTEN[other].format(_plain(value))}{share if 0 < abs(value) < 1 else ''}"
    if {kind, other} == {t.HOURS, t.SECONDS}:
        return f"write {WRITTEN[other].format(_plain(value * 3600 if other == t.SECONDS else value / 3600))}"
    if kind == t.PERCENT and other == t.BARE:
        return f"write {_plain(value / 100)}"
    if other.tag not in t.ADAPTS or other.powers != t.PURE or other == t.BARE:
        return ""
    return f"write {_plain(value / 100 if kind == t.PERCENT and other == t.RATIO else value)}"
