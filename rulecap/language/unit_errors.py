"""Messages about units that do not go together: both sides named, and what to write."""

import ast

from rulecap.language import types as t
from rulecap.language.values import digits

WRITTEN = {t.PERCENT: "{}%", t.USD: "{} USD", t.LEVERAGE: "{}x", t.HOURS: "{}h", t.SECONDS: "{}s"}
RANGES = {t.RATIO: " (0 to 1)", t.SCORE: " (0 to 100)"}


def clash(left: ast.AST, a: t.Type, right: ast.AST, b: t.Type) -> tuple[str, str]:
    """Return message and hint for two values that cannot be compared, added or stand for each other."""
    x, y = t.strip(a), t.strip(b)
    message = f"{_what(left, x)}, {_what(right, y)}"
    for (node, kind), other in (((left, x), y), ((right, y), x)):
        hint = _rewritten(node, kind, other)
        if hint:
            return message, hint
    return message, ""


def misuse(operator: str, left: ast.AST, a: t.Number, right: ast.AST, b: t.Number) -> tuple[str, str]:
    """Return message and hint for arithmetic on units that it makes no sense for."""
    if operator == "*":
        whole, share = (left, right) if b == t.PERCENT else (right, left)
        return f"{a} times {b} would be off by 100", f"write percent_of({ast.unparse(whole)}, {ast.unparse(share)})"
    if operator == "**":
        return f"a power needs numbers without unit, this is {a} ** {b}", "divide by a number of the same unit first"
    return clash(left, a, right, b)


def _what(node: ast.AST, kind: t.Type) -> str:
    text = written(node)
    article = "an" if str(kind)[0] in "aeiou" else "a"
    if isinstance(kind, t.Number) and kind in (t.USD, t.BARE):
        return f"{text} is in USD" if kind == t.USD else f"{text} has no unit"
    return f"{text} is {article} {kind}{RANGES.get(kind, '') if isinstance(kind, t.Number) else ''}"


def written(node: ast.AST) -> str:
    """Return an expression as a person writes it, unit suffixes included."""
    unit = getattr(node, "unit", None)
    if isinstance(node, ast.Constant) and unit:
        return WRITTEN[t.NUMBERS[unit]].format(digits(float(str(node.value))))
    return ast.unparse(node)


def _rewritten(node: ast.AST, kind: t.Type, other: t.Type) -> str:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, int | float)):
        return ""
    if kind == t.PERCENT and other in (t.RATIO, t.SCORE):
        return f"write {digits(node.value / 100 if other == t.RATIO else node.value)}"
    if kind == t.BARE and isinstance(other, t.Number) and other in WRITTEN:
        return f"write {WRITTEN[other].format(digits(node.value))}"
    return (
        f"write {digits(node.value)}"
        if isinstance(other, t.Number) and other.tag in t.ADAPTS and other.powers == t.PURE
        else ""
    )
