"""The allow-list: whatever is written, only the language's own forms get past it; nothing makes it raise or hang."""

import ast
import re
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.language.grammar import LARGEST, MOST_DEPTH, Syntax, parse
from rulecap.language.slips import Refusal
from tests.patience import patience

PIECES = [
    "account", "positions", "memory", "zone", "HEAVY", "Heavy", "__class__", "__import__", "p", "x", "none", "true",
    "True", "None", ".", ".from", ".is", ".__dict__", ".HEAVY", ".at", "(", ")", "[", "]", "{", "}", ",", ":", ";", "=",
    "==", "!=", "<", "<=", ">", ">=", "<>", "=>", "+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "~", "<<",
    "and", "or", "not", "if", "else", "in", "is", "for", "lambda", "await", "yield", "async", ":=", "...", "import",
    "1", "0.5", "1e3", "1_0", "0x1", "1j", "5%", "10bp", "3x", "24h", "60s", "100 USD", "5 usd", "'a'", '"b"', "'", '"',
    "f'{x}'", "b'a'", "r'a'", "u'a'", "'''a'''", "\\", "\n", "\t", " ", "  ", "é", "ｓum", "#", "$", "?", "!", "`",
    "\0",
    "sum", "max", "min", "count", "default", "known", "eval", "sum(p.margin for p in positions)", "max(1, 2)",
    "[p for p in positions]", "(p for p in positions)", "{p: 1 for p in positions}", "x if y else z", "x in [A, B]",
]  # fmt: skip
GOOD = [
    "as_percent(peak - equity, peak) if peak > 0 USD else 0%",
    "sum(p.margin for p in positions if p.side == LONG and not known(p.score))",
    "drawdown.name == 'HEAVY' and memory.drawdown_state != 'HEAVY'",
    "tier.at(market.base).leverage.from <= 5x < tier.CORE.leverage.to",
    "(1 / a.volatility_pct) / sum(1 / b.volatility_pct for b in assets) ** 0.5",
    "market.base in [BTC, 'ETH'] or market.base not in band.assets",
    "order_slices(quantity, 2, step, least) if -value + 10bp * 3 >= 24h else []",
]


def _mutated(text: str, places: list[tuple[int, str]]) -> str:
    for place, piece in places:
        at = place % (len(text) + 1)
        text = text[:at] + piece + text[at + place % 3 :]
    return text


pieces = st.sampled_from(PIECES)
joined = st.builds(lambda parts, glue: glue.join(parts), st.lists(pieces, max_size=14), st.sampled_from(["", " "]))
mutated = st.builds(_mutated, st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 300), pieces), max_size=3))
texts = joined | mutated | st.text(max_size=60)


@settings(max_examples=400)
@given(texts)
def test_nothing_but_the_language_gets_past_the_allow_list(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = parse(text)
    if isinstance(parsed, Refusal):
        assert 0 <= parsed.offset <= max(len(text), 1)
        assert parsed.message
    else:
        assert list(_foreign(parsed.tree, None)) == [], text
        assert _depth(parsed.tree) <= MOST_DEPTH


@settings(max_examples=200)
@given(texts)
def test_every_name_stands_where_it_is_said_to_stand(text: str) -> None:
    parsed = parse(text)
    for node in ast.walk(parsed.tree) if isinstance(parsed, Syntax) else ():
        if isinstance(node, ast.Name):
            assert text[node.offset :].startswith(node.id)  # type: ignore[attr-defined]


def _foreign(node: ast.AST, parent: ast.AST | None) -> Iterator[str]:
    """Yield what does not belong to the language; written apart from the grammar that is tested."""
    if not _belongs(node, parent):
        yield ast.dump(node)
    for child in ast.iter_child_nodes(node):
        yield from _foreign(child, node)


SIMPLE = {
    "BoolOp", "And", "Or", "Not", "BinOp", "Add", "Sub", "Mult", "Div", "Pow", "UnaryOp", "USub", "IfExp", "Compare",
    "Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "In", "NotIn", "Load", "Store",
}  # fmt: skip
OVER_LISTS = {"sum", "count", "average", "min", "max"}


def _belongs(node: ast.AST, parent: ast.AST | None) -> bool:  # noqa: PLR0911  # one line for each form
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Constant(value=value):
            return type(value) in (int, float) and abs(value) <= LARGEST  # type: ignore[arg-type]
        case ast.Name(id=name):
            return re.fullmatch(r"[a-z][a-z0-9_]*|[A-Z][A-Z0-9_]*", name) is not None
        case ast.Attribute(attr=name):
            return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", name) is not None
        case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name(), attr="at"), keywords=[]):
            return True
        case ast.GeneratorExp(generators=[_]):
            return isinstance(parent, ast.Call) and ast.unparse(parent.func) in OVER_LISTS and len(parent.args) == 1
        case ast.comprehension(target=ast.Name(), ifs=ifs, is_async=0):
            return len(ifs) <= 1
        case ast.List(elts=items):
            return not items or isinstance(parent, ast.Compare)
    return type(node).__name__ in SIMPLE


def _depth(node: ast.AST) -> int:
    return 1 + max(map(_depth, ast.iter_child_nodes(node)), default=0)


@pytest.mark.parametrize("text", GOOD)
def test_the_language_gets_past(text: str) -> None:
    assert isinstance(parse(text), Syntax), parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000, "(" * 900 + "1" + ")" * 900, "not " * 499 + "x", "-" * 1999 + "1", "[" * 999 + "]" * 999,
        "9" * 1999,
        "'" * 1999, "x" * 1999, "x." * 999 + "x", "x(" * 600, "1 if " * 400, "1" + "**9" * 600, "x<" * 999 + "x",
        "f'" * 900, "{" * 1500, "\n" * 1999, "\\" * 1999, "lambda:" * 250, "5%" * 999, "0" * 1500 + "%", " " * 1999,
    ],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_the_worst_takes_no_time(text: str) -> None:
    parse.cache_clear()
    with patience():
        parse(text)


def test_a_number_has_its_unit_and_a_text_none() -> None:
    parsed = parse("5% > 3 and 'a' == A")
    assert isinstance(parsed, Syntax)
    found = [
        (node.value, getattr(node, "unit", None)) for node in ast.walk(parsed.tree) if isinstance(node, ast.Constant)
    ]
    assert sorted(found, key=str) == [("a", None), (3, None), (5.0, "percent")]
