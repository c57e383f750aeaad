"""What is accepted as a snapshot, and what becomes of it."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from rulecap.snapshot import Account, Book, Market, Part, Position, Signal, Snapshot, read_snapshot
from rulecap.units import WHOLE, Unit
from tests.snapshot.given import ACCOUNT, EXAMPLES, POSITION, minimal, problems, put, read, whole
from tests.snapshots import random_snapshot


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


PARTS = ["account", "signal", "market", "book", "positions.0", "assets.0", "market.brackets.0"]


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else value[step] if isinstance(value, dict) else getattr(value, step)
    return value


@pytest.mark.parametrize("path", PARTS)
def test_a_part_of_a_derived_class_is_one_of_its_own_however_the_snapshot_is_made(path: str) -> None:
    """What a bot's own class makes of its fields is nowhere on record, and was what decided."""
    plain = at(read(whole()), path)

    class Derived(type(plain)):  # type: ignore[misc]  # on purpose
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            return found + 1.0 if isinstance(found, float) else found

    parts = put(whole(), path, Derived(**dict(plain)))
    for snapshot in (read_snapshot(parts), Snapshot.model_validate(parts, strict=False)):
        assert isinstance(snapshot, Snapshot), snapshot
        assert type(at(snapshot, path)) is type(plain)
        assert snapshot == read(whole()).model_copy(update={"as_of": snapshot.as_of})


@pytest.mark.parametrize("path", PARTS)
def test_what_a_derived_class_adds_is_no_field_of_a_snapshot(path: str) -> None:
    """It was on record, and the record was no snapshot when it was read again."""
    plain = at(read(whole()), path)

    class Noted(type(plain)):  # type: ignore[misc]  # on purpose
        note: str = ""

    (problem,) = problems(put(whole(), path, Noted(**dict(plain), note="mine")))
    shown = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).removeprefix(".")
    assert (problem.path, problem.code) == (f"{shown}.note", "unknown-field")


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
