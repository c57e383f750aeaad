"""What conditions leave possible, against trying out every value: what is said to be impossible is so."""

import operator
from collections.abc import Iterator, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.language import possible
from rulecap.language import types as t
from rulecap.language.terms import Compare, Const, Listing, Logic, Member, Not, Read, Term

NUMBERS, NAMES = ("x", "y"), ("BTC", "ETH", "SOL")
BASE = Read(t.Text(frozenset(NAMES)), 0, "base")
OPEN = Read(t.FLAG, 0, "open")
OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
# Between and beyond the values that conditions name, so that each of their sides is tried.
TRIED = tuple(value / 2 for value in range(-1, 8))
Values = dict[str, object]
WORLDS: list[Values] = [
    {"x": x, "y": y, "base": base, "open": is_open}
    for x, y, base, is_open in product(TRIED, TRIED, NAMES, (True, False))
]


def number(name: str) -> Read:
    return Read(t.SCORE, 0, name)


def compare(left: Term, sign: str, right: Term) -> Compare:
    return Compare(t.FLAG, 0, (left, right), (sign,))


def value(term: Term, world: Values) -> object:
    """Return what a term is, the plain way."""
    match term:
        case Const(value=one):
            return one
        case Read(path=path):
            return world[path]
        case Not(operand=operand):
            return not value(operand, world)
        case Logic(operator=joined, operands=operands):
            return (all if joined == "and" else any)(value(one, world) for one in operands)
        case Member(item=item, container=container, negated=negated):
            assert isinstance(container, Listing)
            return (value(item, world) in [value(one, world) for one in container.items]) is not negated
        case Compare(operands=operands, operators=signs):
            told = [value(one, world) for one in operands]
            return all(OPERATORS[sign](a, b) for a, sign, b in zip(told, signs, told[1:], strict=False))
    raise AssertionError(term)


numbers = st.one_of(st.sampled_from(NUMBERS).map(number), st.integers(0, 3).map(lambda one: Const(t.BARE, 0, one)))
names = st.sampled_from(NAMES).map(lambda name: Const(t.Text(frozenset({name})), 0, name))
compared = st.builds(compare, numbers, st.sampled_from(sorted(OPERATORS)), numbers)
chained = st.builds(
    lambda a, b, c, one, two: Compare(t.FLAG, 0, (a, b, c), (one, two)),
    numbers, numbers, numbers, st.sampled_from("<>"), st.sampled_from(("<=", ">=")),
)  # fmt: skip
named = st.builds(lambda sign, name: compare(BASE, sign, name), st.sampled_from(("==", "!=")), names)
member = st.builds(
    lambda items, negated: Member(t.FLAG, 0, BASE, Listing(t.ListOf(t.TEXT), 0, tuple(items)), negated),
    st.lists(names, min_size=1, max_size=3), st.booleans(),
)  # fmt: skip
simple = st.one_of(compared, chained, named, member, st.just(OPEN))
conditions: st.SearchStrategy[Term] = st.recursive(
    simple,
    lambda inner: st.one_of(
        inner.map(lambda one: Not(t.FLAG, 0, one)),
        st.builds(
            lambda sign, many: Logic(t.FLAG, 0, sign, tuple(many)),
            st.sampled_from(("and", "or")),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=6,
)


def told(asked: Sequence[tuple[Term, bool]]) -> possible.Facts | None:
    facts: possible.Facts | None = {}
    for condition, truth in asked:
        facts = None if facts is None else possible.given(facts, condition, truth)
    return facts


def worlds(asked: Sequence[tuple[Term, bool]]) -> Iterator[Values]:
    return (world for world in WORLDS if all(value(one, world) is truth for one, truth in asked))


@settings(max_examples=400)
@given(st.lists(st.tuples(conditions, st.booleans()), min_size=1, max_size=4))
def test_what_is_said_to_be_impossible_is_so_for_all_values(asked: list[tuple[Term, bool]]) -> None:
    if told(asked) is None:
        assert next(worlds(asked), None) is None


@settings(max_examples=400)
@given(st.lists(st.tuples(simple, st.booleans()), min_size=1, max_size=4))
def test_what_is_known_of_a_value_holds_wherever_the_conditions_do(asked: list[tuple[Term, bool]]) -> None:
    facts = told(asked) or {}
    for world in worlds(asked):
        for name in NUMBERS:
            known = facts.get(possible.key_of(number(name)), possible.Span())
            assert isinstance(known, possible.Span)
            assert known.where("==", float(str(world[name]))) is not None


@settings(max_examples=400)
@given(st.lists(st.tuples(st.one_of(named, member), st.booleans()), min_size=1, max_size=4))
def test_what_is_impossible_among_names_is_always_seen(asked: list[tuple[Term, bool]]) -> None:
    assert (told(asked) is None) == (next(worlds(asked), None) is None)


ONE = Const(t.BARE, 0, 1)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(("<", "<=", ">", ">=", "==")), st.integers(0, 3)), min_size=1, max_size=4))
def test_what_is_impossible_of_one_number_is_always_seen(asked: list[tuple[str, int]]) -> None:
    pairs = [(compare(number("x"), sign, Const(t.BARE, 0, bound)), True) for sign, bound in asked]
    assert (told(pairs) is None) == (next(worlds(pairs), None) is None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (compare(number("x"), "<", number("y")), compare(number("y"), "<=", number("x"))),
        (compare(number("x"), ">=", ONE), Not(t.FLAG, 0, compare(ONE, "<=", number("x")))),
        (OPEN, compare(OPEN, "==", Const(t.FLAG, 0, False))),
        (compare(BASE, "==", Const(t.TEXT, 0, "BTC")), compare(Const(t.TEXT, 7, "ETH"), "==", BASE)),
    ],
)
def test_it_does_not_matter_how_and_where_a_comparison_is_written(before: Term, after: Term) -> None:
    assert told([(before, True)]) is not None
    assert told([(before, True), (after, True)]) is None


def test_a_range_that_is_declared_is_known_from_the_start() -> None:
    facts = possible.declared([(number("x"), 0.0, None), (number("y"), None, 2.0)])
    assert possible.given(facts, compare(number("x"), "<", Const(t.BARE, 0, 0)), True) is None
    assert possible.given(facts, compare(number("x"), "<=", Const(t.BARE, 0, 0)), True) is not None
    assert possible.given(facts, compare(number("y"), ">", Const(t.BARE, 0, 2)), True) is None
    assert possible.given(facts, compare(number("y"), "<", Const(t.BARE, 0, -9)), True) is not None
