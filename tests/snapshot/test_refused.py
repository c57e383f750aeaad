"""Every way in which a snapshot can be wrong, with its path, code and words."""

import json
import math
from datetime import datetime, tzinfo
from typing import Any

import pytest
from pydantic import ValidationError

from rulecap.problems import Problem
from rulecap.snapshot import Asset, Bracket, Position
from rulecap.snapshot.findings import problems_of
from tests.snapshot.given import BRACKET, POSITION, minimal, only, problems, put, read, whole
from tests.snapshots import Json

NOT_NUMBERS = [
    ("5", "got the text '5'"),
    (True, "got true"),
    (None, "got nothing (null)"),
    ([], "got a list"),
    ({}, "got an object"),
]


@pytest.mark.parametrize(("value", "got"), NOT_NUMBERS)
@pytest.mark.parametrize("path", ["account.margin_used", "book.asks.1.0", "positions.0.entry_price", "market.price"])
def test_a_number_is_a_number(path: str, value: object, got: str) -> None:
    wrong = put(whole(), path, value)
    assert only(wrong) == only(json.dumps(wrong)) == (_shown(path), "wrong-type", f"must be a number, {got}")


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 10**400, -(10**5000)], ids=["nan", "inf", "-inf", "huge", "-huge"]
)
@pytest.mark.parametrize("path", ["account.unrealized_pnl", "book.bids.0.1", "facts.funding"])
def test_numbers_are_finite(path: str, value: float) -> None:
    wrong = put(whole(), path, value)
    where, code, message = only(wrong)
    assert where == _shown(path)
    assert code == ("out-of-range" if path.startswith("facts") and isinstance(value, int) else "not-finite")
    assert message.startswith("must be")
    assert len(message) < 120


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_in_json_are_finite(literal: str) -> None:
    text = json.dumps(whole()).replace('"margin_used": 800', f'"margin_used": {literal}')
    assert only(text)[:2] == ("account.margin_used", "not-finite")


@pytest.mark.parametrize(
    ("path", "value", "code", "message"),
    [
        ("market.price", 0, "out-of-range", "must be above 0, got 0"),
        ("positions.0.mark_price", -1.5, "out-of-range", "must be above 0, got -1.5"),
        ("positions.0.entry_price", 0, "out-of-range", "must be above 0, got 0"),
        ("positions.0.quantity", -1, "out-of-range", "must be at least 0, got -1"),
        ("positions.0.side", "BUY", "out-of-range", "must be 'LONG' or 'SHORT', got the text 'BUY'"),
        ("signal.side", "LONG", "out-of-range", "must be 'BUY' or 'SELL', got the text 'LONG'"),
        ("signal.score", 100.5, "out-of-range", "must be at most 100, got 100.5"),
        ("signal.score", -0.1, "out-of-range", "must be at least 0, got -0.1"),
        ("signal.win_rate", 58, "out-of-range", "must be at most 1, got 58"),
        ("signal.win_loss_ratio", 0, "out-of-range", "must be above 0, got 0"),
        ("signal.trades", -1, "out-of-range", "must be at least 0, got -1"),
        ("signal.trades", 2.5, "wrong-type", "must be a whole number, got 2.5"),
        ("signal.trades", True, "wrong-type", "must be a whole number, got true"),
        ("signal.stop_distance_pct", 0, "out-of-range", "must be above 0, got 0"),
        ("signal.quantity", 0, "out-of-range", "must be above 0, got 0"),
        ("signal.reduce_only", "yes", "wrong-type", "must be true or false, got the text 'yes'"),
        ("signal.reduce_only", 1, "wrong-type", "must be true or false, got 1"),
        ("signal.symbol", "", "out-of-range", "must not be empty, got the text ''"),
        ("signal.symbol", 5, "wrong-type", "must be a text, got 5"),
        ("account.id", "x" * 65, "out-of-range", f"must be at most 64 characters long, got the text '{'x' * 40}…'"),
        ("market.depth_score", 1.01, "out-of-range", "must be at most 1, got 1.01"),
        ("market.quantity_step", 0, "out-of-range", "must be above 0, got 0"),
        ("market.min_notional", -5, "out-of-range", "must be at least 0, got -5"),
        ("market.brackets.1.max_notional", 1, "brackets-not-sorted", None),
        ("market.brackets", {}, "wrong-type", "must be a list, got an object"),
        ("age_seconds", -1, "out-of-range", "must be at least 0, got -1"),
        ("assets.0.volatility_pct", 0, "out-of-range", "must be above 0, got 0"),
        ("assets.1.symbol", "A", "duplicate-asset", "A is in the list twice"),
        ("book.asks.1.0", 9.5, "book-not-sorted", "prices of asks must rise from level to level"),
        ("book.bids.1.0", 9.5, "book-not-sorted", "prices of bids must fall from level to level"),
        ("book.asks", [], "out-of-range", "must have at least 1 in it, got a list"),
        ("book.asks.0", [10, 1, 1], "wrong-type", "must be a level as [price, quantity], two numbers"),
        ("book.asks.0.1", -1, "out-of-range", "must be at least 0, got -1"),
        ("book.asks.0.0", 0, "out-of-range", "must be above 0, got 0"),
        ("positions", {}, "wrong-type", "must be a list, got an object"),
        ("positions.0", [], "wrong-type", "must be an object with named fields, got a list"),
        ("account", None, "wrong-type", "must be an object with named fields, got nothing (null)"),
        ("facts.n", 2**63 + 1, "out-of-range", "must be a whole number of at most 19 digits, got 9223372036854775809"),
        ("facts.funding", None, "wrong-type", "must be a number, a text, true or false, got nothing (null)"),
        ("facts.funding", [1], "wrong-type", "must be a number, a text, true or false, got a list"),
        ("facts.venue", "x" * 65, "out-of-range", f"must be at most 64 characters, got the text '{'x' * 40}…'"),
    ],
)  # fmt: skip
def test_each_wrong_value_is_named(path: str, value: Any, code: str, message: str | None) -> None:
    wrong = put(whole(), path, value)
    found = only(wrong)
    assert only(json.dumps(wrong)) == found
    shown = _shown(path)
    if code in ("brackets-not-sorted", "book-not-sorted"):  # the element, not the number in it
        shown = shown.removesuffix("[0]").removesuffix(".max_notional")
    assert found[:2] == (shown, code)
    assert message is None or found[2] == message


def _shown(path: str) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).lstrip(".")


# What is taken, and what is beyond it by as little as a float can be.
ABOVE_0 = ([5e-324, 1e300], [0, -5e-324])
FROM_0 = ([0, 1e300], [-5e-324])
SHARE = ([0, 1], [-5e-324, 1 + 2**-52])
SCORE = ([0, 100], [-5e-324, 100 + 2**-46])
EDGES: dict[str, tuple[list[float], list[float]]] = {
    "age_seconds": FROM_0,
    "positions.0.quantity": FROM_0,
    "positions.0.entry_price": ABOVE_0,
    "positions.0.mark_price": ABOVE_0,
    "positions.0.leverage": FROM_0,
    "positions.0.score": SCORE,
    "positions.0.volatility_pct": FROM_0,
    "positions.0.liquidation_price": ABOVE_0,
    "signal.score": SCORE,
    "signal.win_rate": SHARE,
    "signal.win_loss_ratio": ABOVE_0,
    "signal.trades": ([0, 10**12], [-1, 10**12 + 1]),
    "signal.stop_distance_pct": ABOVE_0,
    "signal.quantity": ABOVE_0,
    "market.price": ABOVE_0,
    "market.atr_pct": FROM_0,
    "market.spread_pct": FROM_0,
    "market.depth_score": SHARE,
    "market.min_quantity": FROM_0,
    "market.quantity_step": ABOVE_0,
    "market.min_notional": FROM_0,
    "market.brackets.0.max_notional": ([5e-324], [0, -5e-324]),
    "market.brackets.0.max_leverage": ABOVE_0,
    "market.brackets.0.maintenance_margin_rate": SHARE,
    "market.brackets.0.maintenance_amount": FROM_0,
    "assets.0.volatility_pct": ABOVE_0,
    "book.asks.1.1": FROM_0,
    "book.bids.1.0": ([5e-324], [0, -5e-324]),
}


@pytest.mark.parametrize("path", EDGES)
def test_each_number_is_taken_up_to_its_edge_and_not_beyond(path: str) -> None:
    """Rules divide by prices and steps and take shares for shares: what is beyond is refused before a rule sees it."""
    taken, refused = EDGES[path]
    for value in taken:
        read(put(whole(), path, value))
    for value in refused:
        assert only(put(whole(), path, value))[:2] == (_shown(path), "out-of-range")
        assert only(json.dumps(put(whole(), path, value)))[:2] == (_shown(path), "out-of-range")


def test_a_fact_is_a_text_that_can_be_written() -> None:
    for lone in ("\ud800", "\udfff"):
        said = f"must be a text that UTF-8 can write, got the text {lone!a}"
        assert only(put(whole(), "facts.venue", lone)) == ("facts.venue", "wrong-type", said)


@pytest.mark.parametrize("wrong", [2, 3])
def test_of_a_book_out_of_order_the_first_level_that_is_wrong_is_named(wrong: int) -> None:
    """A book has thousands of levels: that one of them is wrong helps nobody who is not told which."""
    steps = [[index, 1] for index in range(5)]
    bids, asks = [[9 - step, one] for step, one in steps], [[10 + step, one] for step, one in steps]
    for side, levels in (("bids", bids), ("asks", asks)):
        unsorted = [*levels[:wrong], levels[0], *levels[wrong + 1 :]]
        book = {"bids": bids, "asks": asks, side: unsorted}
        assert only({**whole(), "book": book})[:2] == (f"book.{side}[{wrong}]", "book-not-sorted")


def test_a_crossed_book_names_both_prices() -> None:
    crossed = put(whole(), "book.asks.0.0", 8.5)
    assert only(crossed) == ("book", "book-crossed", "the best bid 9.0 must not be above the best ask 8.5")


@pytest.mark.parametrize(
    ("matrix", "path", "message"),
    [
        ([[1, 0.5]], "correlation", "must have one row for each of the 2 assets, has 1"),
        ([[1, 0.5], [0.5]], "correlation[1]", "must have one number for each of the 2 assets, has 1"),
        ([[1, 0.5], [0.4, 1]], "correlation[1][0]", "must equal correlation[0][1], but 0.4 is not 0.5"),
        ([[1, 0.4], [0.5, 1]], "correlation[1][0]", "must equal correlation[0][1], but 0.5 is not 0.4"),
        ([[0.9, 0.5], [0.5, 1]], "correlation[0][0]", "must be 1 (an asset with itself), is 0.9"),
        ([], "correlation", "must have one row for each of the 2 assets, has 0"),
    ],
)
def test_a_matrix_that_is_none_of_correlations(matrix: list[list[float]], path: str, message: str) -> None:
    assert only(put(whole(), "correlation", matrix)) == (path, "bad-correlation", message)


def test_a_correlation_is_within_one() -> None:
    wrong = put(whole(), "correlation", [[1, 1.5], [1.5, 1]])
    assert [(p.path, p.code) for p in problems(wrong)] == [("correlation[0][1]", "out-of-range")]


def test_a_correlation_needs_assets() -> None:
    lost = whole()
    del lost["assets"]
    assert only(lost)[:2] == ("correlation", "bad-correlation")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-01-01T12:00:00", "naive-time"),
        ("2026-01-01", "wrong-type"),
        ("1626992741", "wrong-type"),
        ("2026-02-30T12:00:00Z", "wrong-type"),
        ("2026-01-01T24:00:00Z", "wrong-type"),
        ("2026-01-01T12:00:60Z", "wrong-type"),
        ("2026-W01-1T12:00:00Z", "wrong-type"),
        ("20260101T120000Z", "wrong-type"),
        ("٢٠٢٦-01-01T12:00:00Z", "wrong-type"),
        ("0001-01-01T00:00:00+10:00", "out-of-range"),
        ("yesterday", "wrong-type"),
        (1626992741, "wrong-type"),
        (1626992741.264, "wrong-type"),
        (None, "wrong-type"),
    ],
)
def test_times_have_a_zone_and_one_form(text: object, code: str) -> None:
    assert only(minimal(as_of=text))[:2] == only(json.dumps(minimal(as_of=text)))[:2] == ("as_of", code)


def test_a_naive_datetime_is_refused() -> None:
    assert only(minimal(as_of=datetime(2026, 1, 1)))[:2] == ("as_of", "naive-time")  # noqa: DTZ001 - the point


class Unsaid(tzinfo):
    """A zone that does not say how far it is from UTC; Python takes the computer's own for it."""

    def utcoffset(self, _: datetime | None) -> None:
        return None


def test_a_datetime_whose_zone_says_no_offset_is_naive_too() -> None:
    assert only(minimal(as_of=datetime(2026, 1, 1, tzinfo=Unsaid())))[:2] == ("as_of", "naive-time")


def test_a_fact_is_taken_up_to_its_edge() -> None:
    for value in (2**63, -(2**63), "x" * 64):
        assert read(minimal(facts={"n": value})).facts["n"] == value
    assert only(minimal(facts={"n": -(2**63) - 1}))[1] == "out-of-range"


def test_unknown_fields_come_with_the_nearest_known_one() -> None:
    wrong = whole()
    wrong["posittions"] = []
    wrong["account"]["total_walet_balance"] = 1
    wrong["market"]["brackets"][0]["max_leverag"] = 1
    wrong["positions"][0]["strange field"] = 1
    found = {p.path: p for p in problems(wrong)}
    assert {p.code for p in found.values()} == {"unknown-field"}
    assert found["posittions"].hint == "did you mean positions?"
    assert found["account.total_walet_balance"].hint == "did you mean total_wallet_balance?"
    assert found["market.brackets[0].max_leverag"].hint == "did you mean max_leverage?"
    assert "positions[0]['strange field']" in found


def test_missing_fields_say_what_belongs_there() -> None:
    found = {p.path: p for p in problems({"account": {"id": "a"}, "book": {"bids": [[1]], "asks": [[2, 1]]}})}
    assert set(found) == {
        "as_of", "account.total_wallet_balance", "account.available_balance", "account.margin_used",
        "account.unrealized_pnl", "book.bids[0][1]",
    }  # fmt: skip
    assert {p.code for p in found.values()} == {"missing-field"}
    assert found["book.bids[0][1]"].message == "must be a level as [price, quantity], two numbers"
    assert found["account.margin_used"].hint == "Initial margin of open positions and orders. In USD."


def test_all_problems_are_listed_up_to_fifty() -> None:
    wrong = minimal(positions=[{**POSITION, "quantity": "1", "side": "UP"} for _ in range(100)])
    found = problems(wrong)
    assert len(found) == 51
    assert found[0].path == "positions[0].side"
    assert found[-1] == Problem("too-many", "and 150 more problems", path="")
    assert len(problems(minimal(positions=wrong["positions"][:25]))) == 50
    assert problems(minimal(positions=wrong["positions"][:26]))[-1].message == "and 2 more problems"


@pytest.mark.parametrize("form", [json.dumps, lambda one: memoryview(json.dumps(one).encode()), lambda one: one])
def test_what_is_wrong_in_the_rest_of_a_list_is_told_in_its_place(form: Any) -> None:
    wrong = minimal(
        positions=[POSITION, {**POSITION, "side": "UP", "margin": "1"}, POSITION, {**POSITION, "quantity": "1"}, 5],
        signal={"symbol": 5},
        assets=[{"symbol": "X"}, {"symbol": "Y", "volatility_pct": 1}, {"symbol": "", "volatility_pct": 1}],
    )
    assert [p.path for p in problems(form(wrong))] == [
        "positions[1].side", "positions[1].margin", "positions[3].quantity", "positions[4]", "signal.symbol",
        "assets[0].volatility_pct", "assets[2].symbol",
    ]  # fmt: skip


def test_what_is_wrong_behind_an_element_that_is_none_is_told_too() -> None:
    wrong = minimal(positions=[5, POSITION, {**POSITION, "side": "UP"}])
    assert [p.path for p in problems(wrong)] == ["positions[0]", "positions[2].side"]
    assert [p.path for p in problems(minimal(positions=iter(wrong["positions"])))] == ["positions[0]"]


def test_a_name_that_is_no_name_is_told_as_itself() -> None:
    named = minimal(facts={"": 1, "x" * 65: 2, 5: 3})
    assert [p.path for p in problems(named)] == ["facts['']", f"facts.{'x' * 65}", "facts[5]"]


def test_a_path_of_a_name_without_end_is_cut() -> None:
    (problem,) = problems(minimal(**{"x" * 10_000: 1}))
    assert problem.path == f"['{'x' * 40}…']"


def test_a_megabyte_of_what_is_none_is_not_gone_through_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    def counted(error: ValidationError, *rest: Any) -> list[Problem]:
        counts.append(error.error_count())
        return problems_of(error, *rest)

    monkeypatch.setattr("rulecap.snapshot.reading.problems_of", counted)
    nothing: list[Json] = [{}] * 20_000
    levels = [["a", "b"]] * 20_000
    many = {
        "positions": nothing,
        "assets": nothing,
        "market": {"symbol": "X", "price": 1, "brackets": nothing},
        "book": {"bids": levels, "asks": levels},
        "correlation": [["a"] * 20_000] * 3,
    }
    for form in (minimal(**many), json.dumps(minimal(**many))):
        assert problems(form)[-1].code == "too-many"
    fields = sum(field.is_required() for kind in (Position, Asset, Bracket) for field in kind.model_fields.values())
    sides = 2 * (2 + 1)  # two numbers, and that no level is left
    assert counts == [fields + sides + 1] * 2, "one element of each list"


def test_more_wrong_names_than_anybody_reads_are_only_counted() -> None:
    (problem,) = problems(minimal(**{f"name{number}": 1 for number in range(6_000)}))
    assert str(problem) == "has 6,000 things wrong, too many to be named [too-many]"


@pytest.mark.parametrize(
    ("part", "most"), [("positions", 10_000), ("assets", 1_000), ("book", 5_000), ("brackets", 200), ("facts", 200)]
)
def test_parts_are_bounded(part: str, most: int) -> None:
    def with_count(count: int) -> Json:
        levels = [[1 + i, 1] for i in range(count)]
        return {
            "positions": lambda: minimal(positions=[POSITION] * count),
            "assets": lambda: minimal(assets=[{"symbol": str(i), "volatility_pct": 1} for i in range(count)]),
            "book": lambda: minimal(book={"bids": [[0.5, 1]], "asks": levels}),
            "brackets": lambda: minimal(
                market={
                    "symbol": "X",
                    "price": 1,
                    "brackets": [{**BRACKET, "max_notional": i + 1} for i in range(count)],
                }
            ),
            "facts": lambda: minimal(facts={str(i): i for i in range(count)}),
        }[part]()

    read(with_count(most))
    path, code, _ = only(with_count(most + 1))
    assert code == "too-many"
    assert path == {"book": "book.asks", "brackets": "market.brackets"}.get(part, part)
