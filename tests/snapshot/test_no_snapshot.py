"""What is no snapshot at all, whatever it is: it is said, and nothing raises."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rulecap.problems import Problem
from rulecap.snapshot import Book, Market, Part, Position, Snapshot, read_snapshot
from tests.snapshot.given import BRACKET, POSITION, minimal, only, problems, put, read, whole
from tests.snapshots import Json, random_snapshot


class Hostile:
    """An object that objects to being looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")


class Pretender:
    """An object that says it is a snapshot or a position, as a test's mock does, and has nothing of one."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    @property  # type: ignore[misc]  # on purpose
    def __class__(self) -> type:
        return self.kind


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
    Pretender(Snapshot), Pretender(Position),
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


class Endless(dict[str, Any]):
    """A mapping whose items are unknown fields, one after the other."""

    def items(self) -> Any:
        return ((str(number), number) for number in count())


@pytest.mark.parametrize("place", ["", "account", "signal", "market", "book", "facts", "positions.0", "assets.0",
                                   "market.brackets.0"])  # fmt: skip
def test_a_mapping_is_read_as_the_dict_that_it_is_whatever_its_own_methods_give(place: str) -> None:
    given: Any = whole()
    if not place:
        assert read_snapshot(Endless(given)) == read(given)
        return
    within = given
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    for step in way:
        within = within[step]
    within[last] = Endless(within[last])
    assert read_snapshot(given) == read(whole())


def test_mappings_of_such_a_class_throughout_are_each_read_as_the_one_that_it_is() -> None:
    """A dict that is made for one of them, and let go, must not stand for the next one that is made in its place."""

    def derived(value: Any) -> Any:
        if isinstance(value, dict):
            return Endless({name: derived(part) for name, part in value.items()})
        return [derived(part) for part in value] if isinstance(value, list) else value

    given = whole()
    given["positions"] = [{**POSITION, "margin": number} for number in range(20)]
    for order in (list(given), sorted(given), sorted(given, reverse=True)):
        assert read_snapshot(derived({name: given[name] for name in order})) == read(given)


@pytest.mark.parametrize("name", ["positions", "assets", "correlation", "facts"])
def test_lists_of_lists_of_one_list_are_not_gone_through(name: str) -> None:
    laughs: list[Any] = [1] * 1000
    for _ in range(8):
        laughs = [laughs] * 1000
    itself: list[Any] = []
    itself.extend([itself] * 1000)
    assert problems(minimal(**{name: laughs}))
    assert problems(minimal(**{name: itself}))


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


def test_a_text_of_more_bytes_than_are_read_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(minimal())
    monkeypatch.setattr("rulecap.snapshot.reading.MOST_BYTES", len(text))
    assert isinstance(read_snapshot(text), Snapshot)
    for longer in (text + " ", (text + " ").encode(), memoryview((text + " ").encode())):
        assert only(longer) == ("", "too-many", f"must be at most {len(text)} bytes of JSON")


def test_what_objects_to_being_looked_at_is_named_where_it_stands() -> None:
    for path in ("market.price", "account.id", "signal.reduce_only"):
        assert only(put(whole(), path, Hostile()))[:2] == (path, "wrong-type")


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
    for path, one in (
        ("market.brackets", {1: BRACKET}.values()),
        ("book.bids", {1: (9, 1)}.values()),
        ("book.asks", [{10: 1, 1: 1}.keys()]),
    ):
        assert only(put(whole(), path, one))[:2] == (path, "wrong-type")


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
        lambda: Book(bids=book.bids, asks=[frozenset([5000.0, 1.0])]),  # type: ignore[arg-type]  # on purpose
    ]
    for make in made:
        with pytest.raises(ValidationError, match="must be a list: a set has no order"):
            make()
    assert Snapshot(**{**told, "positions": [one]}).positions == (one,)
    assert only(minimal(positions={()}))[:2] == ("positions", "wrong-type")


class Name(str):
    """A derived text."""

    __slots__ = ()


class Whole(int):
    """A derived whole number."""


def _plain(value: Any) -> bool:
    """Tell whether everything in a part of a snapshot is exactly of a type of JSON's, or of a snapshot's."""
    if isinstance(value, Part):
        return type(value) in {Snapshot, *Part.__subclasses__()} and all(map(_plain, value.__dict__.values()))
    if isinstance(value, (tuple, dict)):
        parts = chain(value, value.values()) if isinstance(value, dict) else value
        return type(value) in {tuple, dict} and all(map(_plain, parts))
    return type(value) in {float, int, str, bool, type(None), datetime}


def test_derived_numbers_and_texts_become_plain_ones_wherever_they_stand() -> None:
    given = whole()
    given["signal"] |= {"score": 75.5, "trades": 3, "market_regime": "TRENDING", "quantity": 2}
    read_as_it_is = read(given)
    taken = 0
    for *way, last in _leaves(given):
        place: Any = given
        for step in way:
            place = place[step]
        value = place[last]
        for kind in {str: [Name], int: [Whole, Percent], float: [Percent]}.get(type(value), []):
            place[last] = kind(value)
            found = read_snapshot(given)
            if isinstance(found, Snapshot):
                taken += 1
                assert found == read_as_it_is
                assert _plain(found), (way, last)
            else:
                assert {one.code for one in found} <= {"wrong-type", "out-of-range"}, (way, last)
        place[last] = value
    assert taken > 60
    named = read_snapshot({**given, "facts": {Name(name): value for name, value in given["facts"].items()}})
    assert (named, _plain(named)) == (read_as_it_is, True)


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

    assert str(Problem("missing-field", "is missing", path="account.margin_used", hint="In USD.")) == (
        "account.margin_used: is missing [missing-field] (In USD.)"
    )
    assert str(Problem("cycle", "in a circle", Location("a.yaml", 3, 5))) == "a.yaml:3:5: in a circle [cycle]"
    assert str(Problem("not-json", "is not JSON", path="")) == "is not JSON [not-json]"


@pytest.mark.parametrize("given", [Path("snapshot.json"), "snapshot.json", "data/now.JSON"])
def test_a_file_s_name_is_told_from_what_is_in_it(given):
    (problem,) = read_snapshot(given)
    assert problem.hint == "it is what is in the file that is handed in: Path(…).read_bytes()"


@pytest.mark.parametrize("text", ["no json", "now.json now", "{}.json"])
def test_a_text_that_is_no_name_of_a_file_is_no_json(text):
    (problem,) = read_snapshot(text)
    assert (problem.code, problem.hint) == ("not-json", "")
