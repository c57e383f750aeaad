"""The order book: depth, fill price, and the largest order within an impact, against brute force and recorded books."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.measures.book import depth, fill_price, largest_within, mid_price
from rulecap.snapshot import Book
from tests.recorded import binance_book, bybit_book
from tests.snapshots import books, random_snapshot

SIDES = ("BUY", "SELL")
SMALL = Book(
    bids=((99.0, 1.0), (98.0, 2.0), (90.0, 10.0)),
    asks=((101.0, 1.0), (102.0, 2.0), (110.0, 10.0)),
)


def impact(book: Book, side: str, notional: float, levels: int = 100) -> float | None:
    fill = fill_price(book, side, notional, levels)
    return None if fill is None else abs(fill - mid_price(book)) / mid_price(book) * 100


def brute_fill(rows: list[tuple[float, float]], notional: float) -> float | None:
    """Fill the order in ten thousand equal parts of money."""
    part, bought, left, index = notional / 10_000, 0.0, [q for _, q in rows], 0
    for _ in range(10_000):
        money = part
        while index < len(rows) and money > left[index] * rows[index][0]:
            money -= left[index] * rows[index][0]
            bought += left[index]
            index += 1
        if index == len(rows):
            return None
        left[index] -= money / rows[index][0]
        bought += money / rows[index][0]
    return notional / bought


def bisected(book: Book, side: str, limit: float, levels: int) -> float:
    """Return the largest order within the limit, found by halving."""
    low, high = 0.0, depth(book, side, levels)
    if (impact(book, side, high, levels) or 0.0) <= limit:
        return high
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (impact(book, side, middle, levels) or 0.0) <= limit else (low, middle)
    return low


def test_depth_is_the_money_in_the_first_levels() -> None:
    assert depth(SMALL, "BUY", 1) == 101.0
    assert depth(SMALL, "BUY", 2) == 101.0 + 204.0
    assert depth(SMALL, "SELL", 2) == 99.0 + 196.0
    assert depth(SMALL, "BUY", 100) == depth(SMALL, "BUY", 3) == 1405.0
    assert depth(SMALL, "BUY", 0) == depth(SMALL, "BUY", -1) == 0.0


def test_a_buyer_takes_asks_and_so_does_who_goes_long() -> None:
    assert depth(SMALL, "LONG", 5) == depth(SMALL, "BUY", 5) == 1405.0
    assert depth(SMALL, "SHORT", 5) == depth(SMALL, "SELL", 5) == 99.0 + 196.0 + 900.0
    assert largest_within(SMALL, "LONG", 1.5, 5) == largest_within(SMALL, "BUY", 1.5, 5)
    with pytest.raises(ValueError, match="not buy"):
        depth(SMALL, "buy", 5)


def test_fill_price_is_weighted_by_quantity() -> None:
    assert fill_price(SMALL, "BUY", 50.0, 100) == 101.0
    assert fill_price(SMALL, "BUY", 101.0, 100) == 101.0
    assert fill_price(SMALL, "BUY", 305.0, 100) == pytest.approx(305.0 / 3.0, rel=1e-15)
    assert fill_price(SMALL, "SELL", 295.0, 100) == pytest.approx(295.0 / 3.0, rel=1e-15)


def test_a_book_too_thin_has_no_fill_price() -> None:
    assert fill_price(SMALL, "BUY", 1405.0, 100) is not None
    assert fill_price(SMALL, "BUY", 1405.01, 100) is None
    assert fill_price(SMALL, "BUY", 102.0, 1) is None
    assert fill_price(SMALL, "BUY", 1.0, 0) is None


@pytest.mark.parametrize("notional", [0.0, -5.0, 5e-324, 1e-300])
def test_an_order_of_nothing_is_filled_at_the_best_price(notional: float) -> None:
    assert fill_price(SMALL, "BUY", notional, 100) == 101.0
    assert fill_price(SMALL, "SELL", notional, 100) == 99.0


def test_an_empty_level_is_passed_over() -> None:
    hollow = Book(bids=((99.0, 1.0),), asks=((101.0, 0.0), (102.0, 2.0)))
    assert fill_price(hollow, "BUY", 100.0, 100) == 102.0
    assert depth(hollow, "BUY", 100) == 204.0


def test_the_largest_order_within_an_impact_ends_inside_a_level() -> None:
    # mid 100, bound 101.5: one at 101, then x at 102 with (101 + 102x) / (1 + x) = 101.5, so x = 1
    assert largest_within(SMALL, "BUY", 1.5, 100) == pytest.approx(101.0 + 102.0)
    assert largest_within(SMALL, "SELL", 1.5, 100) == pytest.approx(99.0 + 98.0)


def test_nothing_is_within_an_impact_below_half_the_spread() -> None:
    assert largest_within(SMALL, "BUY", 0.99, 100) == 0.0
    assert largest_within(SMALL, "SELL", 0.0, 100) == 0.0
    assert largest_within(SMALL, "SELL", -1.0, 100) == 0.0


def test_the_whole_of_the_levels_where_they_all_lie_within() -> None:
    assert largest_within(SMALL, "BUY", 50.0, 100) == depth(SMALL, "BUY", 100)
    assert largest_within(SMALL, "BUY", 50.0, 2) == depth(SMALL, "BUY", 2)
    assert largest_within(SMALL, "SELL", 100.0, 100) == depth(SMALL, "SELL", 100)


def test_a_locked_book_is_within_no_impact_up_to_its_first_level() -> None:
    locked = Book(bids=((100.0, 3.0), (99.0, 1.0)), asks=((100.0, 7.0), (100.1, 1.0)))
    assert largest_within(locked, "BUY", 0.0, 100) == 700.0
    assert largest_within(locked, "SELL", 0.0, 100) == 300.0


@given(books(), st.sampled_from(SIDES), st.floats(0, 2), st.integers(1, 20))
def test_the_largest_order_keeps_the_impact_and_no_larger_one_does(
    drawn: dict[str, list[list[float]]], side: str, limit: float, levels: int
) -> None:
    book = Book.model_validate(drawn)
    largest = largest_within(book, side, limit, levels)
    whole = depth(book, side, levels)
    assert 0.0 <= largest <= whole
    if largest > 0.0:
        assert (impact(book, side, largest, levels) or 0.0) <= limit + 1e-9
    larger = largest + max(whole * 1e-3, 1e-9)
    beyond = impact(book, side, larger, levels) if larger < whole else None
    assert beyond is None or beyond >= limit - 1e-9


@given(books(), st.sampled_from(SIDES), st.floats(0, 2), st.floats(0, 2))
def test_a_wider_impact_never_allows_less(
    drawn: dict[str, list[list[float]]], side: str, first: float, second: float
) -> None:
    book, (tight, wide) = Book.model_validate(drawn), sorted((first, second))
    assert largest_within(book, side, tight, 100) <= largest_within(book, side, wide, 100)


@given(books(), st.sampled_from(SIDES), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_order_is_never_filled_better(
    drawn: dict[str, list[list[float]]], side: str, first: float, second: float
) -> None:
    book, (less, more) = Book.model_validate(drawn), sorted((first, second))
    whole = depth(book, side, 100)
    small, large = fill_price(book, side, less * whole, 100), fill_price(book, side, more * whole, 100)
    assert small is not None
    assert large is not None
    away = 1 if side == "BUY" else -1
    assert (large - small) * away >= -1e-12 * small


def test_largest_within_agrees_with_bisection() -> None:
    rng = Random(7)
    for _ in range(200):
        book = Book.model_validate(_book(rng))
        side, limit, levels = rng.choice(SIDES), rng.random() * 0.6, rng.choice((5, 20, 100))
        assert largest_within(book, side, limit, levels) == pytest.approx(
            bisected(book, side, limit, levels), rel=1e-6, abs=1e-6
        )


def _book(rng: Random) -> dict[str, list[list[float]]]:
    while not (book := random_snapshot(rng).get("book")):
        pass
    return book


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("notional", [200.0, 5_000.0, 90_000.0, 700_000.0])
def test_fill_prices_of_a_recorded_book_agree_with_brute_force(side: str, notional: float) -> None:
    book = binance_book("SUSHIUSDT", "20210722", 100)
    rows = list(book.asks if side == "BUY" else book.bids)
    fill, slow = fill_price(book, side, notional, 100), brute_fill(rows, notional)
    assert slow is not None or notional > depth(book, side, 100)
    assert fill == (pytest.approx(slow, rel=1e-9) if slow is not None else None)


def test_a_million_dollars_move_the_recorded_xrp_book_by_9_basis_points() -> None:
    bought = impact(bybit_book(), "BUY", 1_000_000.0, 500)
    assert bought == pytest.approx(0.09, abs=0.005)


@pytest.mark.parametrize("side", SIDES)
def test_the_largest_order_in_the_recorded_xrp_book(side: str) -> None:
    book = bybit_book()
    largest = largest_within(book, side, 0.05, 500)
    assert largest == pytest.approx(bisected(book, side, 0.05, 500), rel=1e-9)
    assert impact(book, side, largest, 500) == pytest.approx(0.05, rel=1e-9)
