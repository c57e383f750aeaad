"""Evaluation is total: whatever is handed in, it answers in bounded time, fail-closed, and says what was wrong."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap import Policy, Problem, Snapshot
from rulecap.engine.decision import Decision
from rulecap.snapshot import read_snapshot
from rulecap.snapshot.model import unlooked
from tests.promises.shipped import SHIPPED, bits, shipped
from tests.snapshots import random_snapshot, sequence

pytestmark = pytest.mark.usefixtures("no_hanging")

Json = dict[str, Any]


def on_error(policy: Policy, decision: str) -> Any:
    return policy.typed.decisions[decision].on_error


def names_of(policy: Policy, decision: str) -> set[str]:
    return set(policy.typed.decisions[decision].outputs)


def hold_total(policy: Policy, snapshot: object, decision: Any = "position", memory: Any = None) -> Decision:
    """Fail where an answer is not what is promised for any input; return it."""
    given = copy.deepcopy(memory) if type(memory) is dict else memory
    answer = policy.evaluate(snapshot, decision, memory)
    assert bits(memory) == bits(given), "the caller's memory was changed"
    json.dumps([answer.outputs, answer.memory], allow_nan=False)
    json.loads(answer.trace.to_json())
    answer.trace.explain()
    for problem in answer.problems:
        assert problem.code
        assert problem.message
        assert problem.code != "internal-error", problem
        json.dumps(problem.to_dict(), allow_nan=False)
        json.dumps(problem.render()).encode()
    if answer.answered_by:
        assert set(answer.outputs) == names_of(policy, answer.answered_by)
    if not answer.ok:
        assert answer.problems
        if answer.answered_by:
            assert answer.outputs == on_error(policy, answer.answered_by)
    if answer.problems and type(memory) is dict:
        assert bits(answer.memory) == bits(json.loads(json.dumps(memory)))
    return answer


class Odd:
    """An object that is like nothing."""

    def __bool__(self) -> bool:
        raise RuntimeError("no truth here")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nothing to compare")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no text either")


class OddFloat(float):
    """A float whose comparisons lie."""

    def __lt__(self, other: object) -> bool:
        raise RuntimeError("incomparable")

    __gt__ = __le__ = __ge__ = __lt__  # type: ignore[assignment]


DEEP: Any = []
for _ in range(5_000):
    DEEP = [DEEP]

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**53 + 1,
    10**30,
    -(10**30),
    10**400,
    0.0,
    -0.0,
    1e-320,
    1e308,
    -1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "0",
    "5",
    "NaN",
    "Infinity",
    "x" * 100_000,
    "\0",
    "\ud800",
    "💥",
    "a\nb",
    "__class__",
    "constructor",
    "{0.__class__}",
    "2026-01-01",
    "2026-13-45T99:99:99Z",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999-23:59",
    [],
    [[]],
    {},
    {"": {}},
    [None],
    [1, [2, [3]]],
    {"a": {"b": {"c": 1}}},
    b"bytes",
    (),
    (1, 2),
    {1, 2},
    3j,
    Decimal("1.5"),
    Decimal("NaN"),
    object,
    object(),
    Odd(),
    OddFloat(3.0),
    range(3),
    lambda: 1,
    iter([1]),
    ...,
    DEEP,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a value."""
    if path:
        yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def mutated(rng: Random, snapshot: Json) -> tuple[Json, tuple[Any, ...]]:
    """Return a snapshot with junk at a random path, or with something taken out, doubled or misnamed; and the path."""
    changed = copy.deepcopy(snapshot)
    path = rng.choice(list(places(changed)))
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    last, what = path[-1], rng.random()
    if what < 0.75:
        holder[last] = rng.choice(JUNK)
    elif what < 0.85 and isinstance(holder, dict):
        del holder[last]
    elif what < 0.95 and isinstance(holder, dict):
        holder[rng.choice(["__class__", "constructor", "", "x" * 1000, "prise", 5, None, "\ud800"])] = holder.pop(last)
    elif isinstance(holder, list):
        holder.extend(holder[:1] * 3)
    return changed, path


@pytest.mark.parametrize("name", SHIPPED)
def test_junk_anywhere_in_a_snapshot_is_answered(name: str) -> None:
    rng, policy = Random(f"junk {name}"), shipped(name)
    refused = 0
    for _ in range(450):
        snapshot, _ = mutated(rng, random_snapshot(rng))
        decision = rng.choice(policy.decisions)
        answer = hold_total(policy, snapshot, decision)
        refused += not answer.ok
        for problem in answer.problems:
            assert problem.path is not None or problem.location is not None, problem
    assert refused > 130


@pytest.mark.parametrize("junk", range(len(JUNK)), ids=lambda number: type(JUNK[number]).__name__)
def test_junk_in_place_of_a_snapshot_is_answered(junk: int) -> None:
    policy = shipped("default")
    for decision in policy.decisions:
        answer = hold_total(policy, JUNK[junk], decision)
        assert not answer.ok
        assert all(problem.path is not None for problem in answer.problems)


TEXTS: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe\xfa",
    b'{"as_of": NaN}',
    b'{"a": Infinity}',
    b'{"as_of": 1e999}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"account": {"total_wallet_balance": ' + b"9" * 10_000 + b"}}",
    b'{"as_of": "2026-01-01T00:00:00Z", "as_of": 5}',
    "{}",
    "\ud800",
    '{"\\ud800": 1}',
    "9" * 100_000,
    bytearray(b"{}"),
    memoryview(b"{}"),
    b"\0" * 1000,
    b" " * 1_000_000,
]


@pytest.mark.parametrize("text", range(len(TEXTS)))
def test_texts_that_are_no_snapshot_are_answered(text: int) -> None:
    answer = hold_total(shipped("default"), TEXTS[text])
    assert not answer.ok
    assert all(problem.path is not None for problem in answer.problems)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY_JSON = st.recursive(SCALARS, lambda part: st.lists(part) | st.dictionaries(st.text(max_size=5), part), max_leaves=8)


@given(ANY_JSON)
@settings(max_examples=30)
def test_any_json_is_answered(value: Any) -> None:
    assert not hold_total(shipped("default"), value).ok
    assert not hold_total(shipped("default"), json.dumps(value)).ok


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(value: bytes) -> None:
    assert not hold_total(shipped("default"), value).ok


VALID_EXTREMES = (0.0, -0.0, 5e-324, 1e-308, 1e-300, 1e-9, 1.0, 1e12, 1e15, 1e100, 1e154, 1e300, 1.7976931348623157e308)


@pytest.mark.parametrize("name", SHIPPED)
def test_numbers_at_the_ends_of_what_floats_hold_are_answered(name: str) -> None:
    """Valid by the contract, and still beyond what arithmetic can do: every number at once, or a few of them."""
    rng, policy = Random(f"ends {name}"), shipped(name)
    for number in range(300):
        snapshot = random_snapshot(rng)
        numeric = [
            path
            for path in places(snapshot)
            if isinstance(_at(snapshot, path), int | float) and not isinstance(_at(snapshot, path), bool)
        ]
        for path in numeric if number % 10 == 0 else rng.sample(numeric, min(len(numeric), 1 + number % 4)):
            holder = _at(snapshot, path[:-1])
            holder[path[-1]] = rng.choice(VALID_EXTREMES) * rng.choice((1, 1, 1, -1))
        hold_total(policy, snapshot, rng.choice(policy.decisions))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def test_books_that_are_none_are_named() -> None:
    policy, base = shipped("default"), _whole()
    for book, code in (
        ({"bids": [], "asks": []}, "too-few"),
        ({"bids": [[101, 1]], "asks": [[100, 1]]}, "book-crossed"),
        ({"bids": [[99, 1], [100, 1]], "asks": [[101, 1]]}, "book-not-sorted"),
        ({"bids": [[-99, 1]], "asks": [[101, 1]]}, "out-of-range"),
        ({"bids": [[99, math.nan]], "asks": [[101, 1]]}, "not-finite"),
        ({"bids": [[99]], "asks": [[101, 1]]}, None),
        ({"bids": [[99, 1]] * 6_000, "asks": [[101, 1]]}, None),
        ({"bids": [[99, 0]], "asks": [[101, 0]]}, ""),
    ):
        answer = hold_total(policy, {**base, "book": book})
        assert answer.ok == (code == "")
        assert all((problem.path or "").startswith("book") for problem in answer.problems)
        if code and code != "too-few":
            assert code in {problem.code for problem in answer.problems}


def _whole(seed: int = 0) -> Json:
    rng = Random(seed)
    while True:
        snapshot = random_snapshot(rng)
        answer = shipped("default").evaluate(snapshot)
        if (
            answer.ok
            and answer.answered_by == "position"
            and snapshot.get("positions")
            and {"book", "assets"} <= snapshot.keys()
        ):
            snapshot["signal"]["stop_distance_pct"] = 2.0
            return snapshot


@pytest.mark.parametrize("name", SHIPPED)
def test_ten_thousand_positions_are_taken_and_one_more_is_refused(name: str) -> None:
    policy, base = shipped(name), _whole()
    base["account"].update(margin_used=10_000.0, total_wallet_balance=5_000.0)
    position = base["positions"][0]
    many = [{**position, "symbol": f"S{number}", "margin": 1.0, "tradable": True} for number in range(10_000)]
    for decision in policy.decisions:
        answer = hold_total(policy, {**base, "positions": many}, decision)
        assert answer.ok, answer.problems
    assert len(policy.evaluate({**base, "positions": many}, "margin").outputs["actions"]) > 7_000
    answer = hold_total(policy, {**base, "positions": [*many, position]})
    assert [problem.code for problem in answer.problems] == ["too-many"]
    assert answer.problems[0].path == "positions"


def test_a_thousand_assets_are_taken() -> None:
    policy = shipped("default")
    assets = [{"symbol": f"A{number}", "volatility_pct": 1.0 + number % 7} for number in range(1_000)]
    answer = hold_total(policy, {**_whole(), "assets": assets}, "risk_parity")
    assert answer.ok
    assert len(answer.outputs["weights"]) == 1_000


JUNK_MEMORY: list[Any] = [
    [],
    "memory",
    5,
    True,
    3.5,
    b"x",
    (1,),
    {1},
    Odd(),
    object(),
    {"nothing": 1},
    {5: 5},
    {None: 1},
    {"": ""},
    {"__class__": 1},
    {"peak_equity": "high"},
    {"peak_equity": True},
    {"peak_equity": math.nan},
    {"peak_equity": math.inf},
    {"peak_equity": 10**400},
    {"peak_equity": 10**5000},
    {"peak_equity": [1]},
    {"peak_equity": {}},
    {"drawdown_state": "DOOM"},
    {"drawdown_state": 1},
    {"drawdown_state": "x" * 100_000},
    {"breaker_tripped_at": "yesterday"},
    {"breaker_tripped_at": 5},
    {"breaker_tripped_at": "2026-01-01T00:00:00"},
    {"breaker_tripped_at": "0001-01-01T00:00:00+23:59"},
    {"breaker_tripped_at": "9999-12-31T23:59:59-23:59"},
    {"net_deposits": Odd()},
    {"trough_equity": DEEP},
    {f"name{number}": number for number in range(10_000)},
    {"x" * 100_000: 1},
    {"\ud800": 1},
    {"peak_equity": Decimal(5)},
    {"peak_equity": 1, "trough_equity": "?"},
    {"peak_equity": OddFloat(5)},
]
NOTHING_WRONG = (0, len(JUNK_MEMORY) - 1)  # an empty list holds nothing; a float of another class is a float


@pytest.mark.parametrize(
    "junk", range(len(JUNK_MEMORY)), ids=lambda number: f"{number}-{type(JUNK_MEMORY[number]).__name__}"
)
def test_junk_memory_is_answered(junk: int) -> None:
    """What needs no memory is answered all the same, the rest fails closed; the problem is named either way."""
    policy, memory, snapshot = shipped("default"), JUNK_MEMORY[junk], _whole()
    for decision in ("position", "drawdown", "margin", "state"):
        answer = policy.evaluate(snapshot, decision, memory)
        json.dumps(answer.outputs, allow_nan=False)
        json.dumps(answer.memory, allow_nan=False)
        json.loads(answer.trace.to_json())
        answer.trace.explain()
        assert "internal-error" not in {problem.code for problem in answer.problems}
        assert all((problem.path or "").startswith("memory") for problem in answer.problems), answer.problems
        if junk not in NOTHING_WRONG:
            assert answer.problems
            assert answer.ok == (decision in ("margin", "state"))
            if not answer.ok:
                assert answer.outputs == on_error(policy, decision)
        if answer.problems and type(memory) is dict and _is_json(memory):
            assert bits(answer.memory) == bits(memory)


class Endless(dict[str, Any]):
    """A mapping that never comes to its end."""

    def __init__(self, name: str) -> None:
        super().__init__({name: 1.0})

    def items(self) -> Any:
        return cycle(super().items())


@pytest.mark.parametrize("name", ["peak_equity", "nothing"])
def test_a_memory_without_an_end_is_answered(name: str) -> None:
    for decision in ("position", "margin"):
        shipped("default").evaluate(_whole(), decision, Endless(name))
        shipped("default").evaluate({}, decision, Endless(name))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
        bits(value)  # newer Pythons write deeper than this goes
    except (TypeError, ValueError, RecursionError):
        return False
    return all(isinstance(name, str) for name in value)


MEMORY_NUMBERS = (0.0, -0.0, 5e-324, 1e308, -1e308, 1.0, -1.0, 0, 10**15)


@pytest.mark.parametrize("name", SHIPPED)
def test_memory_of_any_valid_numbers_is_answered(name: str) -> None:
    rng, policy = Random(f"memory {name}"), shipped(name)
    for _ in range(300):
        memory = {
            "peak_equity": rng.choice(MEMORY_NUMBERS),
            "trough_equity": rng.choice(MEMORY_NUMBERS),
            "net_deposits": rng.choice(MEMORY_NUMBERS),
            "drawdown_state": rng.choice(("NORMAL", "LIGHT", "MODERATE", "HEAVY")),
            "breaker_tripped_at": rng.choice(
                (None, "2026-01-01T00:00:00Z", "9999-12-31T23:00:00Z", "0001-01-01T00:00:00Z")
            ),
        }
        for unknown in rng.sample(sorted(memory), rng.randrange(3)):
            del memory[unknown]
        hold_total(policy, random_snapshot(rng), rng.choice(policy.decisions), memory)


DECISION_NAMES: list[Any] = [
    "",
    "nothing",
    "posit\0ion",
    "x" * 100_000,
    "__class__",
    "\ud800",
    5,
    2.5,
    True,
    b"position",
    (),
    ("position",),
]


@pytest.mark.parametrize("name", [*range(len(DECISION_NAMES))])
def test_a_decision_that_is_none_is_answered(name: int) -> None:
    answer = hold_total(shipped("default"), _whole(), DECISION_NAMES[name], {"peak_equity": 5.0})
    assert [problem.code for problem in answer.problems] == ["unknown-decision"]
    assert answer.memory == {"peak_equity": 5.0}
    assert answer.outputs == {}


@pytest.mark.parametrize("decision", [[], {}, None, Odd(), {1}], ids=lambda one: type(one).__name__)
def test_a_decision_that_cannot_even_be_looked_up_is_answered(decision: Any) -> None:
    answer = shipped("default").evaluate(_whole(), decision)
    assert [problem.code for problem in answer.problems] == ["unknown-decision"]


class Veiled:
    """An object that does not even say what it is."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("nothing to see")


class OddText(str):
    """A text that cannot be looked up."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nothing to compare")


class Asked(StrEnum):
    """Decisions as a bot may name them."""

    POSITION = "position"


HIDING: dict[str, Callable[[], Any]] = {
    "veiled": Veiled,
    "mock of a snapshot": lambda: MagicMock(spec=Snapshot),
    "mock of a dict": lambda: MagicMock(spec=dict),
    "odd text": lambda: OddText("position"),
}


@pytest.mark.parametrize("kind", HIDING)
def test_an_object_that_hides_what_it_is_gets_its_answer(kind: str) -> None:
    """As a snapshot, a memory or a decision, through every way in."""
    odd = HIDING[kind]()
    policy, snapshot, why = shipped("default"), _whole(), Problem("stale", "too old")
    for asked in ("position", "margin"):
        assert not policy.evaluate(odd, asked).ok
        assert not policy.reference(odd, asked).ok
        assert not policy.partially(odd, asked, frozenset(), why).ok
        answer = policy.evaluate(snapshot, asked, odd)
        assert answer.ok == (asked == "margin")
        assert [(problem.code, problem.path) for problem in answer.problems] == [("wrong-type", "memory")]
        assert policy.partially(snapshot, asked, frozenset(), why, odd).memory == {}
    if kind != "odd text":
        for ask in (policy.evaluate, policy.reference):
            assert [problem.code for problem in ask(snapshot, odd).problems] == ["unknown-decision"]
        assert policy.partially(snapshot, odd, frozenset(), why).problems[0].code == "unknown-decision"
        assert not policy.refused(odd, why).ok


@pytest.mark.parametrize("kind", [Asked, OddText])
def test_a_decision_may_be_named_by_a_text_of_another_class(kind: Any) -> None:
    answer = shipped("default").evaluate(_whole(), kind("position"))
    assert answer.ok
    assert type(answer.decision) is str
    assert bits(answer.outputs) == bits(shipped("default").evaluate(_whole()).outputs)


@pytest.mark.parametrize("part", ["account", "market", "signal", "book"])
def test_a_snapshot_that_nobody_validated_is_answered(part: str) -> None:
    """As what gets around the models makes one; its own `model_construct` and `copy` do not."""
    policy, snapshot = shipped("default"), read_snapshot(_whole())
    assert isinstance(snapshot, Snapshot)
    told, kind = snapshot.__dict__, type(getattr(snapshot, part))
    for name in kind.model_fields:
        for wrong in ("5", None, [], {}, b"5", object()):
            odd = unlooked(kind, **{**getattr(snapshot, part).__dict__, name: wrong})
            for lacking in ({}, {"assets": None}):  # what is missing is asked for first
                for asked in policy.decisions:
                    policy.evaluate(unlooked(Snapshot, **{**told, part: odd, **lacking}), asked)
    for asked in policy.decisions:
        policy.evaluate(unlooked(Snapshot), asked)


def test_absurd_names_stand_in_outputs_as_they_are() -> None:
    policy = shipped("default")
    for text in (
        "{0.__class__}",
        "%s%s",
        "</script>",
        "'; DROP TABLE",
        "a\nb",
        "\0",
        "💥" * 64,
        "constructor",
        "{signal.symbol}",
        "K0",
    ):
        snapshot = _whole()
        snapshot["signal"]["symbol"] = snapshot["market"]["symbol"] = snapshot["positions"][0]["symbol"] = text
        snapshot["market"]["base"] = text
        answer = hold_total(policy, snapshot)
        assert answer.ok, answer.problems


def test_the_past_and_the_future_are_answered() -> None:
    policy = shipped("default")
    for moment in (
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2026-06-30T23:59:59.999999+05:45",
    ):
        memory: Json | None = None
        for snapshot in sequence(Random(5), 12):
            snapshot["as_of"] = moment
            memory = hold_total(policy, snapshot, "position", memory).memory


def test_an_answer_belongs_to_its_caller() -> None:
    """Whatever is done to outputs and memory, later answers are the same."""
    policy, snapshot = shipped("default"), _whole()
    first = policy.evaluate(snapshot)
    kept = bits(first.outputs), bits(first.memory)
    wanted = copy.deepcopy(on_error(policy, "position"))
    for _ in range(2):
        answer = policy.evaluate(snapshot)
        refused = policy.evaluate({})
        _spoil(answer.outputs)
        _spoil(answer.memory)
        _spoil(refused.outputs)
    again = policy.evaluate(snapshot)
    assert (bits(again.outputs), bits(again.memory)) == kept
    assert policy.evaluate({}).outputs == wanted


def _spoil(value: Any) -> None:
    if isinstance(value, dict):
        for part in list(value.values()):
            _spoil(part)
        value.clear()
    elif isinstance(value, list):
        for part in value:
            _spoil(part)
        value.append("spoiled")


def test_nothing_is_read_from_the_policys_folder_while_evaluating(tmp_path: Path) -> None:
    from rulecap import load_policy
    from tests.promises.policies import put, situation, written

    folder = put(tmp_path / "policy", written(Random(3)))
    policy = load_policy(folder)
    (folder / "policy.yaml").unlink()
    folder.rmdir()
    rng = Random(3)
    for decision in policy.decisions:
        hold_total(policy, situation(rng), decision)
