"""What an expression may be: Python's parser, then this allow-list; nothing else reaches an evaluator."""

import ast
import keyword
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rulecap.language.thousands import either
from rulecap.language.tokens import STRING, Masked, mask
from rulecap.units import NUMBER, SUFFIXES

MOST_CHARACTERS, MOST_DEPTH, LARGEST = 2000, 40, 1e15
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*\Z")
AGGREGATES = frozenset({"sum", "count", "average", "min", "max"})
OPERATORS = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Load, ast.Store,
)  # fmt: skip
NODES = (ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare)
WORD_AFTER = r"(?!(?:and|or|not|if|else|in|for)\b)"
SLIPS = (
    (re.compile(r"&&"), "write `and`"),
    (re.compile(r"\|\|"), "write `or`"),
    (re.compile(r"<>"), "write !="),
    (re.compile(r"=>"), "write >="),
    (re.compile(r"=<"), "write <="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "to compare, write =="),
    (re.compile(r"!(?!=)"), "write `not`"),
    (re.compile(r"%"), "there is no modulo; a percent is a number followed by %: 5%"),
    (re.compile(r"\?"), "write `one if condition else another`"),
    (re.compile(r"\$"), "an amount is written 5 USD"),
    (re.compile(r"[;`{}@#]|:(?!=)"), ""),
)
WHERE = "write sum(x.margin for x in list if condition)"
CHOICE = "write `one if condition else another`"
WHOLE = "a name is compared whole: x == NAME, or x in [ONE, OTHER]"
# Looked for only in what cannot be read: `AND` may well be a name.
WORD_SLIPS = (
    (re.compile(r"\b(?:AND|And)\b"), "write `and`"),
    (re.compile(r"\b(?:OR|Or)\b"), "write `or`"),
    (re.compile(r"\b(?:NOT|Not)\b"), "write `not`"),
    (re.compile(r"\b(?:IF|If|ELSE|Else|THEN|Then|then|elif|elseif)\b"), CHOICE),
    (re.compile(r"\b(?:where|WHERE|when|WHEN)\b"), WHERE),
    (re.compile(r"\A\s*if\b|(?<=[(,])\s*if\b"), CHOICE),
    (re.compile(r"\b(?:between|BETWEEN)\b"), "write lowest <= x <= highest"),
    (re.compile(r"\b(?:startswith|endswith|STARTSWITH|LIKE|CONTAINS)\b"), WHOLE),
    (re.compile(r"(?<=\d)[% ]+(?:of|OF)\b"), "write percent_of(whole, share)"),
    (re.compile(r"\|"), "write abs(x), or `or` between conditions"),
)
SENTENCE = re.compile(rf"(?<![\w.]){WORD_AFTER}[A-Za-z_]\w*\s+{WORD_AFTER}[A-Za-z_]\w*")
A_PERCENT = "a percent is a number followed by %: 5%"
MODULO = re.compile(rf"%(?=\s*{WORD_AFTER}[A-Za-z0-9_(])")
UNKNOWN_UNIT = re.compile(rf"(?<![A-Za-z0-9_.])(?>{NUMBER})(?P<unit>[A-Za-z_]\w*)")
SPACED_UNIT = re.compile(rf"(?<![A-Za-z0-9_.])(?>{NUMBER}) +{WORD_AFTER}(?P<unit>[A-Za-z0-9_]+)")
DANGLING = re.compile(r"(?:[-+*/<>=,.]|\b(?:and|or|not|if|else|in|for))\s*\Z")
FORMAT = re.compile(r":[,+]?\.?\d*[fdgens%]?\Z")
# Python would take it for a subtraction, where no part of it starts with a zero.
DATE = re.compile(r"(?<![\w.])\d{4}-\d\d-\d\d(?![\d.])")
ABOUT_TIMES = "name it as a parameter, {value: 2026-01-31T12:00Z, type: time}, and read that"
WRITTEN_UNITS = f"units are written {', '.join(f'5{suffix}' for suffix in SUFFIXES if suffix != 'USD')} or 5 USD"
INSTEAD = {
    "≥": "write >=",
    "≤": "write <=",
    "≠": "write !=",
    "×": "write *",
    "·": "write *",
    "÷": "write /",
    "–": "write -",
    "−": "write -",
    **dict.fromkeys("“”„‘’‚´", "write straight quotes: '…'"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", "write an ordinary space"),
}


@dataclass(frozen=True, slots=True)
class Syntax:
    """A parsed expression that passed the allow-list; `ast` nodes carry `unit` where a literal has one.

    A literal that can be read in two ways has `either`: what to say of it.
    """

    text: str
    tree: ast.expr


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text is no expression: the offset in it, a code, what is wrong, what to write."""

    offset: int
    code: str
    message: str
    hint: str = ""


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
    refusal = _unfit_for_python(text, masked)
    if refusal is not None:
        return refusal
    try:
        tree = ast.parse(masked.text[lead:], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return _syntax(text, masked.text, error, lead)
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


def _unfit_for_python(text: str, masked: Masked) -> Refusal | None:
    """Refuse what Python's parser would take in another sense, or take with a warning."""
    backslash = text.find("\\")
    if backslash >= 0:
        return Refusal(backslash, "not-an-expression", "a backslash does not belong to the language")
    outside = _outside_texts(masked.text)
    strange = re.search(r"[^\x20-\x7e]", outside)
    if strange:
        sign = f"the space U+{ord(strange[0]):04X}" if strange[0].isspace() else f"`{strange[0]}`"
        message = f"{sign} does not belong to the language"
        return Refusal(strange.start(), "not-an-expression", message, INSTEAD.get(strange[0], ""))
    form = FORMAT.search(outside)
    if form:
        hint = f"leave {form[0]} out"
        return Refusal(form.start(), "not-an-expression", "a value is shown as it is: there are no formats", hint)
    date = DATE.search(outside)
    if date:
        return Refusal(date.start(), "not-an-expression", "a date is no value of the language", ABOUT_TIMES)
    unknown = UNKNOWN_UNIT.search(outside)
    return _unknown_unit(unknown) if unknown else None


COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}\Z")
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
FOREIGN = re.compile(r"(?P<before>[$])?\s?(?P<sign>[-+]?)(?P<number>\d[\d.,_]*)\s*(?P<unit>[^\d\s].*)?\Z")
UNITS_ELSEWHERE: dict[str | None, str] = {
    **dict.fromkeys(("$", "usd", "dollar", "dollars", "usdt", "usdc", "busd", "fdusd"), " USD"),
    **dict.fromkeys(("%", "percent", "pct"), "%"),
    **dict.fromkeys(("bp", "bps", "basis point", "basis points"), "bp"),
    **dict.fromkeys(("x", "times"), "x"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    None: "",
}


def written_here(text: str) -> str:
    """Return a hint how a number that is written as elsewhere is written here, or how all of them are."""
    found = FOREIGN.match(text)
    unit = UNITS_ELSEWHERE.get((found["before"] or found["unit"] or "").casefold() or None) if found else None
    if not found or unit is None or (found["before"] and (found["unit"] or "USD").casefold() != "usd"):
        return WRITTEN_UNITS
    number = found["number"]
    if "," in number:
        if not (COMMA_DECIMAL.match(number) or GROUPED.match(number)):
            return WRITTEN_UNITS
        number = number.replace(",", "." if COMMA_DECIMAL.match(number) else "")
    return f"write {found['sign'].removeprefix('+')}{number}{unit}"


def _unknown_unit(found: re.Match[str]) -> Refusal:
    if keyword.iskeyword(found["unit"]):
        return Refusal(found.start("unit"), "not-an-expression", f"a space is missing before `{found['unit']}`")
    shown = re.sub(r"\s+", " ", found[0])
    return Refusal(
        found.start(), "wrong-unit", f"{shown:.40} has a unit that the language does not know", written_here(shown)
    )


def _outside_texts(text: str) -> str:
    return re.sub(STRING, lambda match: " " * len(match[0]), text)


def _syntax(text: str, masked: str, error: Exception, lead: int) -> Refusal:
    if not text.strip():
        return Refusal(0, "not-an-expression", "an expression is missing here")
    outside = _outside_texts(masked)
    slip = _slip(outside) or _bracket(outside)
    if slip:
        return slip
    if MODULO.search(_outside_texts(text)):
        return Refusal(
            _outside_texts(text).index("%"),
            "not-an-expression",
            "there is no modulo",
            "a percent is a number followed by %: 5%",
        )
    if DANGLING.search(outside):
        return Refusal(len(text.rstrip()) - 1, "not-an-expression", "something is missing behind this")
    spaced = SPACED_UNIT.search(outside)
    if spaced:
        number = spaced["unit"][0].isdigit()
        return (
            Refusal(spaced.start(), "not-an-expression", "a number has no spaces") if number else _unknown_unit(spaced)
        )
    offset = min(max((getattr(error, "offset", None) or 1) - 1 + lead, 0), max(len(text) - 1, 0))
    reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested"
    if reason.startswith("invalid syntax"):  # what Python guesses is meant is Python
        reason = "what stands here does not follow on what stands before it"
    return Refusal(offset, "not-an-expression", f"this is not an expression: {reason}", _instead(outside))


def _instead(outside: str) -> str:
    """Return what to write for what Python's parser cannot read, where that is plain."""
    if re.search(r"\bif\b", outside) and not re.search(r"\belse\b", outside):
        return CHOICE
    return "a text stands in quotes: '…'" if SENTENCE.search(outside) else ""


def _slip(outside: str) -> Refusal | None:
    for pattern, hint in (*SLIPS, *WORD_SLIPS):
        slip = pattern.search(outside)
        if slip:
            word = slip[0].strip()
            wrong = "stands behind a value, not before it" if word == "if" else "does not belong to the language"
            place = slip.end() - len(word)
            return Refusal(place, "not-an-expression", f"`{word}` {wrong}", hint)
    return None


def _bracket(outside: str) -> Refusal | None:
    """Refuse a parenthesis or bracket without its other half."""
    opened: list[int] = []
    for offset, character in enumerate(outside):
        if character in "([":
            opened.append(offset)
        elif character in ")]":
            if not opened:
                return Refusal(offset, "not-an-expression", f"`{character}` closes nothing")
            opened.pop()
    if opened:
        return Refusal(opened[-1], "not-an-expression", f"`{outside[opened[-1]]}` is never closed")
    quote = re.search("['\"]", outside)
    return Refusal(quote.start(), "not-an-expression", "a quote is opened and never closed") if quote else None


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
    over = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in AGGREGATES
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
