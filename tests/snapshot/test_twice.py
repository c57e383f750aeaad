"""A name that is in an object of JSON twice: told by its place, never read as the last one."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.snapshot import Snapshot, read_snapshot
from rulecap.snapshot.twice import is_given_once, read_json, twice
from tests.snapshot.given import whole
from tests.snapshots import Json, random_snapshot


class Twice(dict[str, Any]):
    """An object that is written with one of its names a second time."""

    def __init__(self, values: Json, name: str, second: Any) -> None:
        super().__init__(values)
        self._name, self._second = name, second

    def items(self) -> Any:
        return [*super().items(), (self._name, self._second)]


def objects(value: Any, way: str = "") -> list[tuple[str, Json]]:
    """Return the objects within a value that have names in them, by their paths."""
    if isinstance(value, list):
        return [one for index, inner in enumerate(value) for one in objects(inner, f"{way}[{index}]")]
    if not isinstance(value, dict) or not value:
        return []
    return [(way, value), *(one for name, inner in value.items() for one in objects(inner, f"{way}.{name}"))]


def with_second(value: Any, target: Json, name: str, second: Any) -> Any:
    if value is target:
        return Twice(value, name, second)
    if isinstance(value, list):
        return [with_second(one, target, name, second) for one in value]
    if isinstance(value, dict):
        return {key: with_second(one, target, name, second) for key, one in value.items()}
    return value


PLACES = [(way, name) for way, one in objects(whole()) for name in one]


@pytest.mark.parametrize(("way", "name"), PLACES)
@pytest.mark.parametrize("indent", [None, 1])
def test_each_name_that_is_there_twice_is_named_by_its_path(way: str, name: str, indent: int | None) -> None:
    snapshot = whole()
    target = dict(objects(snapshot))[way]
    text = json.dumps(with_second(snapshot, target, name, target[name]), indent=indent)
    (problem,) = told(text)
    assert (problem.code, problem.path) == ("duplicate-key", f"{way}.{name}".lstrip("."))
    assert problem.message == "is given twice; keep one of them"


def told(text: str | bytes) -> list[Any]:
    found = read_snapshot(text)
    assert isinstance(found, list), found
    return found


def test_one_that_is_written_otherwise_is_the_same_name() -> None:
    text = json.dumps(whole()).replace('"account":', r'"age_second\u0073": 1, "age_seconds": 2, "account":')
    assert [one.path for one in told(text)] == ["age_seconds"]


def test_all_of_them_are_told_up_to_fifty_and_how_often() -> None:
    text = json.dumps({**whole(), "facts": {}}).replace(
        "{}", "{" + ", ".join(f'"f{i % 60}": 1' for i in range(180)) + "}"
    )
    assert {one.message for one in told(text)} == {"is given 3 times; keep one of them"}
    assert [one.path for one in told(text)] == [f"facts.f{i}" for i in range(50)]


def test_what_comes_after_the_fiftieth_is_not_looked_for(monkeypatch):
    looked = []
    monkeypatch.setattr("rulecap.snapshot.twice.path_of", lambda where: looked.append(where) or "")
    assert len(twice("[" + ", ".join(['{"a": 1, "a": 2}'] * 1000) + "]")) == 50
    assert len(looked) == 50


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_what_is_nested_too_deep_is_no_json_here(opening, closing):
    with pytest.raises(ValueError, match=r"^it is nested too deep$"):
        read_json(opening * 100_000 + "1" + closing * 100_000)


@pytest.mark.parametrize("text", ['quoted "x"', "back\\slash", '\\"', "ünïcode", '{"a": 1, "a": 2}', ""])
def test_what_texts_hold_is_no_name(text: str) -> None:
    snapshot = {**whole(), "facts": {"text": text, text or "x": 1}}
    for written in (json.dumps(snapshot), json.dumps(snapshot, ensure_ascii=False)):
        assert isinstance(read_snapshot(written), Snapshot)


@given(st.integers(0, 2**32))
def test_what_is_given_once_is_seen_at_a_glance_and_what_is_given_twice_is_never_overlooked(seed: int) -> None:
    rng = Random(seed)
    snapshot = random_snapshot(rng)
    text = json.dumps(snapshot)
    read = read_snapshot(text)
    assert isinstance(read, Snapshot)
    assert is_given_once(text.encode(), read)
    way, target = rng.choice(objects(snapshot))
    name = rng.choice(list(target))
    (problem,) = told(json.dumps(with_second(snapshot, target, name, target[name])))
    assert problem.path == f"{way}.{name}".lstrip(".")
