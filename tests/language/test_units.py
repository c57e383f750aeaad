"""The algebra of units: what may be added, what a product and a quotient are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.language import types as t
from rulecap.language.types import Number, product, quotient, same_unit
from rulecap.units import UNITS

NAMED = [*t.NUMBERS.values(), t.BARE]
units = st.sampled_from(NAMED)
compound = st.builds(lambda a, b: product(a, b) or quotient(a, b), units, units)
numbers = units | compound


@given(numbers, numbers)
def test_whether_two_numbers_may_be_added_does_not_depend_on_their_order(a: Number, b: Number) -> None:
    assert same_unit(a, b) == same_unit(b, a)


@given(numbers)
def test_a_number_may_be_added_to_its_like(a: Number) -> None:
    assert same_unit(a, a) == a


@given(numbers, numbers)
def test_a_sum_is_of_the_unit_of_one_of_its_parts(a: Number, b: Number) -> None:
    assert same_unit(a, b) in (a, b, None)


@given(numbers, numbers)
def test_a_product_does_not_depend_on_the_order(a: Number, b: Number) -> None:
    assert product(a, b) == product(b, a)


@given(numbers, numbers, numbers)
def test_the_powers_of_a_product_do_not_depend_on_the_grouping(a: Number, b: Number, c: Number) -> None:
    left, right = product(a, b), product(b, c)
    first = left and product(left, c)
    second = right and product(a, right)
    if first and second:
        assert first.powers == second.powers


@given(numbers, numbers)
def test_a_quotient_undoes_a_product(a: Number, b: Number) -> None:
    whole = product(a, b)
    if whole is not None:
        assert quotient(whole, b).powers == a.powers


@given(numbers, numbers)
def test_a_product_undoes_a_quotient_where_there_is_one(a: Number, b: Number) -> None:
    whole = product(quotient(a, b), b)
    if whole is not None:
        assert whole.powers == a.powers


@given(numbers)
def test_a_ratio_scales_everything_and_changes_no_unit(a: Number) -> None:
    scaled = product(a, t.RATIO)
    assert scaled == (t.RATIO if a == t.BARE else a)
    assert quotient(a, t.RATIO) == (t.RATIO if a == t.BARE else a)


@given(numbers)
def test_a_share_of_like_is_a_ratio(a: Number) -> None:
    assert quotient(a, a) in (t.RATIO, t.BARE)


@given(units)
def test_a_percent_never_stands_for_a_ratio(a: Number) -> None:
    if a.powers == t.PURE:
        assert same_unit(a, t.PERCENT) is None
    else:
        assert product(a, t.PERCENT) is None


@pytest.mark.parametrize("unit", ["ratio", "score", "count"])
def test_a_bare_number_adapts(unit: str) -> None:
    assert same_unit(t.BARE, t.NUMBERS[unit]) == t.NUMBERS[unit]


@pytest.mark.parametrize("unit", sorted(set(UNITS) - {"ratio", "score", "count"}))
def test_everything_else_is_written_with_its_unit(unit: str) -> None:
    assert same_unit(t.BARE, t.NUMBERS[unit]) is None


@pytest.mark.parametrize(
    ("a", "b", "gives"),
    [
        (t.PRICE, t.QUANTITY, t.USD),
        (t.USD, t.LEVERAGE, t.USD),
        (t.PERCENT, t.RATIO, t.PERCENT),
        (t.COUNT, t.USD, t.USD),
        (t.LEVERAGE, t.RATIO, t.LEVERAGE),
        (t.LEVERAGE, t.LEVERAGE, t.RATIO),
        (t.COUNT, t.SCORE, t.SCORE),
        (t.LEVERAGE, t.SCORE, t.RATIO),
        (t.BARE, t.BARE, t.BARE),
    ],
)
def test_products(a: Number, b: Number, gives: Number) -> None:
    assert product(a, b) == gives


@pytest.mark.parametrize(
    ("a", "b", "gives"),
    [
        (t.USD, t.PRICE, t.QUANTITY),
        (t.USD, t.QUANTITY, t.PRICE),
        (t.USD, t.LEVERAGE, t.USD),
        (t.USD, t.USD, t.RATIO),
        (t.PERCENT, t.PERCENT, t.RATIO),
        (t.PERCENT, t.COUNT, t.PERCENT),
        (t.BARE, t.BARE, t.BARE),
        (t.COUNT, t.COUNT, t.RATIO),
    ],
)
def test_quotients(a: Number, b: Number, gives: Number) -> None:
    assert quotient(a, b) == gives


@given(numbers)
def test_every_unit_can_be_said(a: Number) -> None:
    assert str(a)
    assert t.described(a).startswith(("a ", "an ", "in "))


kinds = st.recursive(
    numbers | st.sampled_from([t.FLAG, t.TIME, t.TEXT, t.NOTHING, t.UNKNOWN, t.Text(frozenset({"A"}))]),
    lambda inner: (
        st.builds(t.optional, inner) | st.builds(t.ListOf, inner) | st.builds(lambda a: t.Record({"a": a}), inner)
    ),
    max_leaves=4,
)


@given(kinds, kinds)
def test_one_type_for_two_does_not_depend_on_their_order(a: t.Type, b: t.Type) -> None:
    assert t.unify(a, b) == t.unify(b, a)


@given(kinds, kinds)
def test_the_type_for_two_holds_both(a: t.Type, b: t.Type) -> None:
    both = t.unify(a, b)
    if both is not None:
        assert t.unify(both, a) == both
        assert t.unify(both, b) == both


@given(kinds)
def test_a_type_is_its_own_union(a: t.Type) -> None:
    assert t.unify(a, a) == a
