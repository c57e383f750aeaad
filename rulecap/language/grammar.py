"""What an expression may be: Python's parser, then this allow-list; nothing else reaches an evaluator."""

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rulecap.language.functions import OVER_LISTS
from rulecap.language.slips import A_PERCENT, Refusal, unfit_for_python, unreadable
from rulecap.language.thousands import either
from rulecap.language.tokens import Masked, mask
from rulecap.units import NUMBER

MOST_CHARACTERS, MOST_DEPTH, LARGEST = 2000, 40, 1e15
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*\Z")
OPERATORS = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Load, ast.Store,
)  # fmt: skip
NODES = (ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare)


@dataclass(frozen=True, slots=True)
class Syntax:
    """A parsed expression that passed the allow-list; `ast` nodes carry `unit` where a literal has one.

    A literal that can be read in two ways has `either`: what to say of it.
    """

    text: str
    tree: ast.expr


class _Refused(Exception):
    def __init__(self, node: ast.AST, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.node, self.message, self.hint = node, message, hint


@lru_cache(maxsize=4096)
def parse(text: str) -> Syntax | Refusal:
    """Return the expression's tree, or why it is refused. Never raises."""
    if len(text) > MOST_CHARACTERS:
        return Refusal(
            0, "expression-too-long", f"an expression has at most {MOST_CHARACTERS} characters, this has {len(text)}"
        )
    lead = len(text) - len(text.lstrip())
    masked = mask(text)
    refusal = unfit_for_python(text, masked)
    if refusal is not None:
        return refusal
    try:
        tree = ast.parse(masked.text[lead:], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return unreadable(text, masked.text, error, lead)
    try:
        depth = _place(tree, masked, lead)
        if depth > MOST_DEPTH:
            return Refusal(
                0,
                "expression-too-deep",
                f"this expression nests {depth} deep, at most {MOST_DEPTH} is taken",
                "split it into rules",
            )
        _allow(tree, masked)
    except _Refused as refused:
        return Refusal(offset_of(refused.node), "not-allowed-here", refused.message, refused.hint)
    return Syntax(text, tree)


def offset_of(node: ast.AST) -> int:
    """Return the character offset of a node in the expression's text."""
    return int(getattr(node, "offset", 0))


def _place(tree: ast.expr, masked: Masked, lead: int) -> int:
    """Give every node its character offset; return the depth. Iterative, so that no input exhausts the stack."""
    encoded = masked.text.encode(errors="surrogatepass")
    ascii_only = len(encoded) == len(masked.text)
    todo: list[tuple[ast.AST, int]] = [(tree, 1)]
    deepest = 0
    while todo:
        node, depth = todo.pop()
        deepest = max(deepest, depth)
        column = getattr(node, "col_offset", None)
        if column is not None:
            column += lead
            placed = column if ascii_only else len(encoded[:column].decode(errors="surrogatepass"))
            node.offset = placed  # type: ignore[attr-defined]  # our own mark on Python's node
        todo += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return deepest


def _allow(node: ast.AST, masked: Masked, parent: ast.AST | None = None) -> None:
    if isinstance(node, OPERATORS):
        return
    check = _SPECIAL.get(type(node))
    if check is not None:
        check(node, masked, parent)
    elif not isinstance(node, NODES):
        word = _WORDS.get(type(node), type(node).__name__)
        hint = _HINTS.get(type(node), "an expression computes one value from names, numbers and functions")
        raise _Refused(_behind(node, parent), f"{word} does not belong to the language", hint)
    for child in ast.iter_child_nodes(node):
        _allow(child, masked, node)


def _behind(node: ast.AST, parent: ast.AST | None) -> ast.AST:
    """Return the node at whose place another is refused: operators have none, a comma is behind the first value."""
    match node, parent:
        case ast.Tuple(elts=[_, second, *_]), _:
            return second
        case ast.operator(), ast.BinOp(right=right):
            return right
        case ast.cmpop(), ast.Compare(ops=operators, comparators=operands):
            return next(right for operator, right in zip(operators, operands, strict=True) if operator is node)
    return parent if isinstance(node, ast.unaryop) and parent is not None else node


def _constant(node: ast.Constant, masked: Masked, parent: ast.AST | None) -> None:
    value, offset = node.value, offset_of(node)
    if isinstance(value, str):
        length = (node.end_col_offset or 0) - node.col_offset
        if masked.text[offset : offset + 1] not in "'\"" or length != len(value.encode(errors="surrogatepass")) + len(
            "''"
        ):
            raise _Refused(
                node, "this form of text does not belong to the language", "write a name in plain quotes: 'BTC'"
            )
        return
    if isinstance(value, bool | bytes | complex) or value is None or value is ...:
        hint = f"write {str(value).lower()}" if isinstance(value, bool | None) else ""
        shown = "`...`" if value is ... else repr(value)
        raise _Refused(node, f"{shown} does not belong to the language", hint)
    written = re.match(NUMBER, masked.text[offset:])
    rest = masked.text[offset + written.end() :] if written else "x"
    if re.match(r"[A-Za-z_]", rest) or not abs(value) <= LARGEST:
        raise _Refused(node, "a number is written in decimal and is at most 1e15")
    if offset in masked.units:
        unit, factor = masked.units[offset]
        node.value = scaled(written[0], factor) if written else float(value)
        node.unit = unit  # type: ignore[attr-defined]  # our own mark on Python's node
        node.either = either(written[0], unit) if written else None  # type: ignore[attr-defined]  # as above


def scaled(number: str, factor: Fraction) -> float:
    """Return a written number times a unit's factor, the nearest float to the product: 35bp is 0.35, 20min a third."""
    plain = float(number)
    if factor == 1 or plain in (0.0, math.inf, -math.inf):  # of such a number a decimal has no product either
        return plain
    return float(Decimal(number) * factor.numerator / factor.denominator)


def _name(node: ast.Name, masked: Masked, parent: ast.AST | None) -> None:
    if not (NAME.match(node.id) or CAPITALS.match(node.id)):
        lower = node.id.lower()
        hint = f"write {lower}" if NAME.match(lower) else ""
        if hint and not isinstance(parent, ast.Attribute | ast.Call):
            hint = f"write {node.id.upper()} where a name is meant, {lower} where a rule or parameter is"
        raise _Refused(node, f"{node.id} is not a name of the language", hint)


def _attribute(node: ast.Attribute, masked: Masked, parent: ast.AST | None) -> None:
    start = offset_of(node) + (node.end_col_offset or 0) - node.col_offset - len(node.attr)
    node.attr = masked.words.get(start, node.attr)
    case = isinstance(node.value, ast.Name) and re.match(r"[A-Z0-9][A-Za-z0-9_]*\Z", node.attr)
    if not (NAME.match(node.attr) or case):
        apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.attr).lower()
        hint = f"write .{apart}" if NAME.match(apart) else ""
        raise _Refused(node, f".{node.attr} is not a field's name", hint)
    # A subscript is refused as such, with what to write instead.
    if not isinstance(node.value, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        raise _Refused(node, "a field can only be read from a name")


def _call(node: ast.Call, masked: Masked, parent: ast.AST | None) -> None:
    at = isinstance(node.func, ast.Attribute) and node.func.attr == "at" and isinstance(node.func.value, ast.Name)
    if not (isinstance(node.func, ast.Name) or at):
        raise _Refused(node, "only the language's functions can be called")
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise _Refused(node, "a function takes its values in order, without names or stars")


def _generator(node: ast.GeneratorExp, masked: Masked, parent: ast.AST | None) -> None:
    over = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in OVER_LISTS
    if not over or len(parent.args) != 1:  # type: ignore[union-attr]  # `over` says that it is a call
        raise _Refused(node, "`for … in …` stands alone inside sum, count, average, min or max")
    if len(node.generators) != 1 or len(node.generators[0].ifs) > 1:
        raise _Refused(node, "one `for` and one `if` at most", "join conditions with `and`")


def _comprehension(node: ast.comprehension, masked: Masked, parent: ast.AST | None) -> None:
    if node.is_async or not isinstance(node.target, ast.Name):
        raise _Refused(node.target, "`for` takes one name")


def _list(node: ast.List, masked: Masked, parent: ast.AST | None) -> None:
    if node.elts and not (isinstance(parent, ast.Compare) and isinstance(parent.ops[-1], ast.In | ast.NotIn)):
        raise _Refused(node, "a list stands only behind `in`", "elsewhere only the empty list [] can be written")


_SPECIAL: dict[type[ast.AST], Callable[[Any, Masked, ast.AST | None], None]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.GeneratorExp: _generator,
    ast.comprehension: _comprehension,
    ast.List: _list,
}
_WORDS = {
    ast.Lambda: "lambda", ast.Subscript: "[…] behind a name", ast.Dict: "a mapping", ast.Set: "a set",
    ast.Tuple: "a comma between values", ast.ListComp: "[… for …]", ast.JoinedStr: "an f-string", ast.NamedExpr: ":=",
    ast.Await: "await", ast.Yield: "yield",
    ast.Mod: "modulo", ast.FloorDiv: "//", ast.Is: "is", ast.IsNot: "is not", ast.UAdd: "a leading +", ast.Invert: "~",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip
_HINTS = {
    ast.Is: "write ==", ast.IsNot: "write !=", ast.FloorDiv: "write floor(a / b)", ast.UAdd: "leave it out",
    ast.Mod: A_PERCENT, ast.Subscript: "an element of a list is named by a rule of kind pick, a row by tier.at(name)",
    ast.Tuple: "a number is written without commas, a list behind `in` in brackets: in [A, B]",
    ast.ListComp: "inside sum, count, average, min or max there are no brackets: sum(… for x in …)",
    ast.BitAnd: "write `and`", ast.BitOr: "write `or`", ast.BitXor: "a power is written **", ast.Invert: "write `not`",
    ast.JoinedStr: "texts with values in braces stand in `why`, `say` and `explain`",
}  # fmt: skip
