"""Reading snapshots: what is accepted, and every way in which one can be wrong, with its path, code and words."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rulecap.problems import Problem
from rulecap.snapshot import Account, Book, Market, Part, Position, Signal, Snapshot, read_snapshot
from rulecap.units import WHOLE, Unit
from tests.snapshots import Json, random_snapshot

EXAMPLES = sorted((Path(__file__).parents[2] / "policies/default/examples").glob("*.json"))
ACCOUNT = {
    "id": "a",
    "total_wallet_balance": 5000,
    "available_balance": 4200,
    "margin_used": 800,
    "unrealized_pnl": -50,
}
POSITION = {
    "symbol": "BTCUSDT", "base": "BTC", "side": "LONG", "quantity": 1, "entry_price": 10, "mark_price": 11,
    "notional": 11, "margin": 2, "leverage": 5, "unrealized_pnl": 1,
}  # fmt: skip
BRACKET = {"max_notional": 1, "max_leverage": 5, "maintenance_margin_rate": 0.1, "maintenance_amount": 0}


def minimal(**parts: Any) -> Json:
    return {"as_of": "2026-01-01T00:00:00Z", "account": dict(ACCOUNT), **parts}


def read(value: object) -> Snapshot:
    """Return the snapshot, the same from the value and from its JSON."""
    snapshot = read_snapshot(value)
    assert isinstance(snapshot, Snapshot), snapshot
    if isinstance(value, dict):
        assert read_snapshot(json.dumps(value)) == snapshot
    return snapshot


def problems(value: object) -> list[Problem]:
    found = read_snapshot(value)
    assert isinstance(found, list), found
    return found


def only(value: object) -> tuple[str | None, str, str]:
    """Return path, code and words of the one problem."""
    found = problems(value)
    assert len(found) == 1, found
    return found[0].path, found[0].code, found[0].message


def put(snapshot: Json, path: str, value: Any) -> Json:
    """Set a value deep inside, by a path such as `book.asks.0.1`."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = snapshot
    for step in way:
        place = place[step]
    place[last] = value
    return snapshot


def whole() -> Json:
    """Return a snapshot with every part in it."""
    return minimal(
        positions=[dict(POSITION)],
        signal={"symbol": "BTCUSDT"},
        market={"symbol": "BTCUSDT", "price": 10, "brackets": [dict(BRACKET), {**BRACKET, "max_notional": 2}]},
        book={"bids": [[9, 1], [8, 2]], "asks": [[10, 1], [11, 2]]},
        assets=[{"symbol": "A", "volatility_pct": 1}, {"symbol": "B", "volatility_pct": 2}],
        correlation=[[1, 0.5], [0.5, 1]],
        facts={"funding": 0.01, "venue": "x", "open": True, "n": 3},
    )


# What is accepted


def test_the_smallest_snapshot() -> None:
    snapshot = read(minimal())
    assert snapshot.account.net_deposits == 0.0
    assert snapshot.account.total_wallet_balance == 5000.0
    assert type(snapshot.account.total_wallet_balance) is float
    assert snapshot.positions == ()
    assert (snapshot.signal, snapshot.market, snapshot.book, snapshot.assets, snapshot.correlation) == (None,) * 5
    assert snapshot.facts == {}


def test_a_whole_snapshot_from_dict_text_and_bytes() -> None:
    snapshot = read(whole())
    text = json.dumps(whole())
    for form in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
        assert read_snapshot(form) == snapshot
    assert snapshot.book == Book(bids=((9.0, 1.0), (8.0, 2.0)), asks=((10.0, 1.0), (11.0, 2.0)))
    assert snapshot.correlation == ((1.0, 0.5), (0.5, 1.0))
    assert snapshot.facts == {"funding": 0.01, "venue": "x", "open": True, "n": 3}
    assert snapshot.facts["open"] is True


def test_a_snapshot_passes_through_untouched() -> None:
    snapshot = read(whole())
    assert read_snapshot(snapshot) is snapshot


def test_a_snapshot_survives_being_written_as_json() -> None:
    rng = Random(5)
    for _ in range(300):
        snapshot = read(random_snapshot(rng))
        assert read_snapshot(snapshot.model_dump_json().encode()) == snapshot


def test_a_snapshot_is_frozen() -> None:
    snapshot = read(whole())
    with pytest.raises(ValidationError, match="frozen"):
        snapshot.account.margin_used = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_with_other_values_is_validated_as_anything_else(deep: bool) -> None:
    """A bot that copies has no way around the models: NaN in a wallet was a green zone."""
    snapshot = read(whole())
    for part, other in (
        (snapshot.account, {"total_wallet_balance": math.nan}),
        (snapshot.account, {"total_wallet_balance": "5000"}),
        (snapshot.account, {"balance": 1.0}),
        (snapshot.positions[0], {"score": 101.0}),
        (snapshot.book, {"bids": [[12.0, 1.0]]}),
        (snapshot, {"signal": {}}),
        (snapshot, {"account": None}),
        (snapshot, {"correlation": ((1.0, 2.0), (0.5, 1.0))}),
    ):
        assert part is not None
        with pytest.raises(ValidationError):
            part.model_copy(update=other, deep=deep)
    signal = {"symbol": "BTCUSDT", "score": 80.0}
    richer = snapshot.account.model_copy(update={"total_wallet_balance": 6000}, deep=deep)
    copied = snapshot.model_copy(update={"account": richer, "signal": signal}, deep=deep)
    account = {**whole()["account"], "total_wallet_balance": 6000}
    assert copied == read({**whole(), "account": account, "signal": signal})
    assert copied.model_fields_set == snapshot.model_fields_set | {"signal"}
    assert snapshot.model_copy(deep=deep) == snapshot


@pytest.mark.filterwarnings("ignore:The `copy` method is deprecated", "ignore:The `construct` method is deprecated")
def test_no_way_of_pydantics_leads_around_the_models() -> None:
    """With a score that is none, a position was not the one to be watched, and the signal was entered."""
    snapshot = read(whole())
    one = snapshot.positions[0]
    for wrong in (math.nan, math.inf, "80", 101.0):
        score = {"score": wrong}
        makes = [
            partial(one.copy, update=score),
            partial(one.copy, update=score, deep=True),
            partial(Position.model_construct, **{**dict(one), **score}),
            partial(Position.construct, **{**dict(one), **score}),
            partial(Snapshot.model_construct, **{**dict(snapshot), "facts": {"x": []}}),
        ]
        for make in makes:
            with pytest.raises(ValidationError):
                make()
    with pytest.raises(ValidationError):
        Snapshot.model_construct()
    with pytest.raises(ValidationError):
        one.copy(exclude={"quantity"})
    assert one.copy() == one
    assert snapshot.copy(exclude={"positions"}) == read({**whole(), "positions": []})
    assert one.copy(update={"score": 80.0}) == one.model_copy(update={"score": 80.0})
    assert Snapshot.model_construct(**dict(snapshot)) == snapshot


class Stamp(datetime):
    """A derived datetime with more to it, as pandas' Timestamp is."""

    def isoformat(self, *given: Any) -> str:
        return super().isoformat(*given) + "000000500"


def test_a_derived_time_becomes_a_plain_one_however_the_snapshot_is_made() -> None:
    moment = Stamp(2026, 1, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    account = Account.model_validate(ACCOUNT)
    for snapshot in (Snapshot(as_of=moment, account=account), read({**minimal(), "as_of": str(moment)[:32]})):
        assert type(snapshot.as_of) is datetime
        assert snapshot.as_of == datetime(2026, 1, 1, 10, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_shipped_examples_are_snapshots(path: Path) -> None:
    assert isinstance(read_snapshot(path.read_bytes()), Snapshot)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01 12:00:00.264-00:30", datetime(2026, 1, 1, 12, 30, 0, 264_000, tzinfo=UTC)),
        ("2026-01-01t12:00z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00.123456789Z", datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_become_utc(text: str, moment: datetime) -> None:
    as_of = read(minimal(as_of=text)).as_of
    assert as_of == moment
    assert as_of.utcoffset() == timedelta(0)


def test_an_aware_datetime_is_a_time_too() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    snapshot = read_snapshot(minimal(as_of=moment))
    assert isinstance(snapshot, Snapshot)
    assert snapshot.as_of == moment
    assert snapshot.as_of.tzinfo is UTC


def test_what_venues_really_send_is_not_refused() -> None:
    odd = whole()
    put(odd, "account.total_wallet_balance", -100)
    put(odd, "account.margin_used", 1e6)
    put(odd, "account.available_balance", -3)
    put(odd, "account.net_deposits", -5000)
    put(odd, "positions.0.notional", -11)
    put(odd, "positions.0.margin", 0)
    put(odd, "positions.0.unrealized_pnl", 1e9)
    odd["positions"].append({**POSITION, "side": "SHORT"})
    put(odd, "signal.expected_return_pct", -4)
    put(odd, "market.spread_pct", 7)
    put(odd, "market.maker_fee_pct", -0.01)
    put(odd, "book.bids", [[10, 0], [10, 5]])
    read(odd)


def test_a_reduction_needs_nothing_of_the_market_but_symbol_and_price() -> None:
    market = read(minimal(market={"symbol": "X", "price": 1})).market
    assert market == Market(symbol="X", price=1.0)
    whole_market = {name for name, field in Market.model_fields.items() if WHOLE in field.metadata}
    assert whole_market == {"base", "atr_pct", "spread_pct", "min_quantity", "quantity_step", "min_notional"}


def test_every_number_carries_its_unit_and_every_field_its_description() -> None:
    for model in (Account, Position, Signal, Market, Snapshot, *Part.__subclasses__()):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            if field.annotation in (float, int, float | None, int | None):
                assert any(isinstance(mark, Unit) for mark in field.metadata), f"{model.__name__}.{name}"


def test_null_is_an_absent_optional_field() -> None:
    assert read(minimal(signal=None, market={"symbol": "X", "price": 1, "atr_pct": None})) == read(
        minimal(market={"symbol": "X", "price": 1})
    )


def test_correlations_may_miss_by_their_last_digits() -> None:
    noisy = whole()
    noisy["correlation"] = [[1.0000000000000002, 0.5], [0.5000000000000001, 0.9999999999999999]]
    read(noisy)


# What is refused

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
    wrong = put(whole(), "facts.venue", "\ud800")
    assert only(wrong) == ("facts.venue", "wrong-type", "must be a text that UTF-8 can write, got the text '\\ud800'")


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
        ([[0.9, 0.5], [0.5, 1]], "correlation[0][0]", "must be 1 (an asset with itself), is 0.9"),
        ([], "correlation", "must have one row for each of the 2 assets, has 0"),
    ],
)
def test_a_matrix_that_is_none_of_correlations(matrix: list[list[float]], path: str, message: str) -> None:
    assert only(put(whole(), "correlation", matrix)) == (path, "bad-correlation", message)


def test_a_correlation_is_within_one() -> None:
    wrong = put(whole(), "correlation", [[1, 1.5], [1.5, 1]])
    assert {(p.path, p.code) for p in problems(wrong)} == {
        ("correlation[0][1]", "out-of-range"),
        ("correlation[1][0]", "out-of-range"),
    }


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
    assert found["account.margin_used"].hint == "Initial margin of open positions and orders. In USD."


def test_all_problems_are_listed_up_to_fifty() -> None:
    wrong = minimal(positions=[{**POSITION, "quantity": "1", "side": "UP"} for _ in range(100)])
    found = problems(wrong)
    assert len(found) == 51
    assert found[0].path == "positions[0].side"
    assert found[-1] == Problem("too-many", "and 150 more problems", path="")


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


# What is no snapshot at all


class Hostile:
    """An object that objects to being looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")


class HostileText(str):
    """A text that cannot be compared, measured or encoded."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


class HostileNumber(float):
    """A number that refuses arithmetic."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __float__ = __add__ = __sub__ = __lt__ = __gt__ = __eq__ = __repr__ = __str__ = _no
    __hash__ = None  # type: ignore[assignment]


class HostileDict(dict[str, Any]):
    """A dict that refuses to be read."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __getitem__ = __iter__ = __len__ = __contains__ = get = items = keys = values = _no


class Percent(float):
    """A derived float, as NumPy's is."""

    def __repr__(self) -> str:
        return f"Percent({float(self)})"


def endless() -> Any:
    while True:
        yield POSITION


def looped() -> Json:
    snapshot = minimal()
    snapshot["signal"] = snapshot
    return snapshot


# Kept apart from pytest and Hypothesis, which look at what they are given.
ODD_VALUES: list[Any] = [
    None, True, 0, 5, -(10**5000), 10**400, 1.5, math.nan, math.inf, "", "x", "5", "\ud800", "\x00", "é" * 100, b"x",
    b"\xff", [], [1], [[1, 2]], (), (1, 2), {}, {"a": 1}, {1: 2}, {None: None}, {"\ud800": 1}, {"symbol": "X"}, set(),
    {1.0, 2.0}, frozenset([1]), range(3), object(), Hostile(), HostileText("x"), HostileNumber(1), HostileDict(a=1),
    Percent(1.5), Decimal("1.5"), 1j, datetime(2026, 1, 1, tzinfo=UTC), int, len, ..., Path("x"), iter([1]),
]  # fmt: skip
ODD = range(len(ODD_VALUES))


@pytest.mark.parametrize("odd", ODD)
def test_nothing_makes_reading_raise(odd: int) -> None:
    found = read_snapshot(ODD_VALUES[odd])
    assert isinstance(found, list)
    assert found
    assert all(problem.path is not None and problem.render() for problem in found)


@pytest.mark.parametrize("make", [endless, looped])
def test_endless_and_looped_values_end(make: Any) -> None:
    assert problems(make())
    assert problems(minimal(positions=make(), account=looped()))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"null", b"[]", b"5", b"{", b"\xff\xfe", b'{"as_of": "\xff"}', b'{"a":' * 100_000, b"[" * 1_000_000,
        b"{'as_of': 1}", b'{"as_of": "\\ud800"}', b"\x00", b"\xef\xbb\xbf{}", b'{"account": ' + b"9" * 100_000 + b"}",
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_bytes_that_are_no_snapshot(text: bytes) -> None:
    found = problems(text)
    assert found
    assert all(len(problem.message) < 200 for problem in found)
    try:
        as_text = text.decode()
    except UnicodeDecodeError:
        return
    assert problems(as_text)


def test_text_that_is_no_json() -> None:
    path, code, message = only(b'{"as_of": }')
    assert (path, code) == ("", "not-json")
    assert "line 1 column 11" in message
    assert only("\ud800")[1] == "not-json"


def test_something_else_is_no_snapshot() -> None:
    for value in (5, None, [], Hostile(), object()):
        assert only(value)[:2] == ("", "not-a-snapshot")
    assert only("5 USD")[:2] == ("", "not-json")


def test_a_set_is_no_list() -> None:
    wrong = minimal(book={"bids": {(1.0, 2.0)}, "asks": [(3.0, 1.0)]})
    assert only(wrong)[:2] == ("book.bids", "wrong-type")
    unordered = minimal(book={"bids": [(1.0, 2.0)], "asks": [frozenset([3.0, 4.0])]})
    assert only(unordered)[:2] == ("book.asks", "wrong-type")
    assert only(minimal(positions=iter([POSITION])))[:2] == ("positions", "wrong-type")
    assert only(whole() | {"correlation": [[1, 0.5], {0.5: 1, 1: 1}.keys()]})[:2] == ("correlation", "wrong-type")


def test_a_set_is_no_list_where_a_bot_makes_the_models_either() -> None:
    """Positions of one loss in the order of their hashes: another one would be closed in each process."""
    snapshot = read(whole())
    told, book, market = dict(snapshot), snapshot.book, snapshot.market
    assert book
    assert market
    assert market.brackets
    one, brackets = snapshot.positions[0], {*market.brackets}
    made: list[Callable[[], object]] = [
        lambda: Snapshot(**{**told, "positions": {one}}),
        lambda: Snapshot(**{**told, "positions": frozenset([one])}),
        lambda: snapshot.model_copy(update={"positions": {one}}),
        lambda: Snapshot(**{**told, "assets": {*(snapshot.assets or ())}}),
        lambda: Snapshot(**{**told, "correlation": {*(snapshot.correlation or ())}}),
        lambda: Snapshot(**{**told, "correlation": [{1.0, 0.5}, (0.5, 1.0)]}),
        lambda: Market(**{**dict(market), "brackets": brackets}),
        lambda: Book(bids={*book.bids}, asks=book.asks),  # type: ignore[arg-type]  # on purpose
        lambda: Book(bids=book.bids, asks=[{5000.0, 1.0}]),  # type: ignore[arg-type]  # on purpose
    ]
    for make in made:
        with pytest.raises(ValidationError, match="must be a list: a set has no order"):
            make()
    assert Snapshot(**{**told, "positions": [one]}).positions == (one,)
    assert only(minimal(positions={()}))[:2] == ("positions", "wrong-type")


def test_derived_numbers_and_texts_become_plain_ones() -> None:
    class Name(str):
        __slots__ = ()

    derived = put(put(whole(), "market.price", Percent(10.5)), "signal.symbol", Name("BTCUSDT"))
    derived = put(put(derived, "facts.funding", Percent(0.5)), "book.asks.0.1", Percent(2.5))
    snapshot = read_snapshot(derived)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.market
    assert snapshot.signal
    assert snapshot.book
    values = (snapshot.market.price, snapshot.signal.symbol, snapshot.facts["funding"], snapshot.book.asks[0][1])
    assert values == (10.5, "BTCUSDT", 0.5, 2.5)
    assert [type(value) for value in values] == [float, str, float, float]


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value of a snapshot, containers included."""
    inner: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    inner += list(enumerate(value)) if isinstance(value, list) else []
    return [way] * bool(way) + [leaf for key, item in inner for leaf in _leaves(item, (*way, key))]


# What a hostile object raises inside pydantic's type checks is reported as unraisable, on the side.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(st.integers(0, 2**32), st.integers(0, 2**32), st.sampled_from(ODD))
def test_an_odd_value_anywhere_never_raises_and_is_found(seed: int, pick: int, odd: int) -> None:
    snapshot = random_snapshot(Random(seed))
    ways = _leaves(snapshot)
    *way, last = ways[pick % len(ways)]
    place: Any = snapshot
    for step in way:
        place = place[step]
    place[last] = ODD_VALUES[odd]
    found = read_snapshot(snapshot)
    assert isinstance(found, (Snapshot, list))
    if isinstance(found, list):
        assert found
        assert all(problem.path is not None and len(problem.message) < 300 for problem in found)
    else:
        assert isinstance(read_snapshot(found.model_dump_json()), Snapshot)
    try:
        text = json.dumps(snapshot)
    except Exception:  # noqa: BLE001 - what JSON cannot say has no second way to be read
        return
    again = read_snapshot(text)
    assert isinstance(again, list) == isinstance(found, list)
    if isinstance(ODD_VALUES[odd], dict) or not isinstance(again, list) or not isinstance(found, list):
        return  # JSON makes texts of all keys
    if "not-json" not in {p.code for p in again}:
        assert [(p.path, p.code) for p in again] == [(p.path, p.code) for p in found]


@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_broken_bytes_never_raise(seed: int, changes: list[tuple[int, int]]) -> None:
    text = bytearray(json.dumps(random_snapshot(Random(seed))).encode())
    for place, byte in changes:
        text[place % len(text)] = byte
    found = read_snapshot(bytes(text))
    assert isinstance(found, (Snapshot, list))
    assert found


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_value_is_a_snapshot_or_has_problems(value: Any) -> None:
    assert isinstance(read_snapshot(value), list)
    assert isinstance(read_snapshot(minimal(facts=value)), (Snapshot, list))


def test_a_problem_is_one_line_in_a_log() -> None:
    from rulecap.location import Location
    from rulecap.problems import Problem

    assert str(Problem("missing-field", "is missing", path="account.margin_used", hint="In USD.")) == (
        "account.margin_used: is missing [missing-field] (In USD.)"
    )
    assert str(Problem("cycle", "in a circle", Location("a.yaml", 3, 5))) == "a.yaml:3:5: in a circle [cycle]"
    assert str(Problem("not-json", "is not JSON", path="")) == "is not JSON [not-json]"


@pytest.mark.parametrize("given", [Path("snapshot.json"), "snapshot.json", "data/now.JSON"])
def test_a_file_s_name_is_told_from_what_is_in_it(given):
    (problem,) = read_snapshot(given)
    assert problem.hint == "it is what is in the file that is handed in: Path(…).read_bytes()"


def test_a_text_that_is_no_name_of_a_file_is_no_json():
    (problem,) = read_snapshot("no json")
    assert (problem.code, problem.hint) == ("not-json", "")
