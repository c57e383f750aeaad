"""Picks: the first that fits, the lowest, the highest, ties, and what has no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written import decide, detail, policy

PICKS = policy("""
rules:
  first: {kind: pick, from: positions as p}
  fits: {kind: pick, from: positions as p, where: p.margin > 10 USD}
  lowest: {kind: pick, from: positions as p, lowest: p.score}
  highest: {kind: pick, from: positions as p, highest: p.score}
  fitting: {kind: pick, from: positions as p, where: p.margin > 10 USD, lowest: p.score}
  assumed: {kind: pick, from: positions as p, lowest: "default(p.score, 50)"}
  of_rows: {kind: pick, from: zone.cases as c, where: c.size < 1, highest: c.size}
  zone: {kind: bands, of: account.margin_used, cases: [{name: A, below: 1 USD, size: 1}, {name: B, size: 0.5}]}
  asset: {kind: pick, from: assets as a, lowest: a.volatility_pct}
""")


def picked(*positions: tuple[object, ...]) -> dict[str, object]:
    """Return the symbols that are picked of positions given as symbol, score, margin."""
    given = []
    for symbol, score, *margin in positions:
        one = {"symbol": symbol, "margin": margin[0] if margin else 10}
        given.append(one if score is None else {**one, "score": score})
    outputs = decide(PICKS, positions=given).outputs
    return {name: value and value.get("symbol", value.get("name")) for name, value in outputs.items()}


def test_nothing_of_nothing() -> None:
    found = picked()
    assert [found[name] for name in ("first", "fits", "lowest", "highest", "asset")] == [None] * 5


def test_the_first_and_the_first_that_fits() -> None:
    found = picked(("A", 1), ("B", 2, 11), ("C", 3, 12))
    assert (found["first"], found["fits"]) == ("A", "B")
    assert picked(("A", 1))["fits"] is None


def test_the_lowest_and_the_highest() -> None:
    found = picked(("A", 5), ("B", 1), ("C", 9, 11), ("D", 3, 11))
    assert (found["lowest"], found["highest"], found["fitting"]) == ("B", "C", "D")


def test_a_tie_goes_to_the_first_in_the_lists_order() -> None:
    found = picked(("A", 5), ("B", 5), ("C", 5))
    assert (found["lowest"], found["highest"]) == ("A", "A")


@pytest.mark.parametrize("order", ["lowest", "highest"])
def test_none_comes_last(order: str) -> None:
    assert picked(("A", None), ("B", 5))[order] == "B"
    assert picked(("B", 5), ("A", None))[order] == "B"
    assert picked(("A", None), ("B", None))[order] == "A"
    assert picked(("A", None), ("B", 0))[order] == "B"


def test_an_assumed_value_takes_part() -> None:
    assert picked(("A", 60), ("B", None), ("C", 50))["assumed"] == "B"


def test_rows_and_lists_that_are_absent() -> None:
    assert picked()["of_rows"] == "B"
    outputs = decide(PICKS, assets=[{"symbol": "X", "volatility_pct": 3}, {"symbol": "Y", "volatility_pct": 2}]).outputs
    assert outputs["asset"]["symbol"] == "Y"


def test_the_trace_shows_every_candidate() -> None:
    decision = decide(
        PICKS, positions=[{"symbol": "A", "margin": 11, "score": 5}, {"symbol": "B"}, {"symbol": "C", "margin": 12}]
    )
    shown = detail(decision, "fitting")
    assert (shown["from"], shown["where"], shown["lowest"], shown["count"]) == (
        "positions as p", "p.margin > 10 USD", "p.score", 3,
    )  # fmt: skip
    told = [(one["candidate"], one["fits"], one["picked"], one.get("value")) for one in shown["candidates"]]
    assert told == [("A", True, True, 5.0), ("B", False, False, None), ("C", True, False, None)]


@given(st.lists(st.none() | st.integers(0, 4), max_size=6))
def test_a_pick_is_what_sorting_gives(scores: list[int | None]) -> None:
    found = picked(*((f"P{number}", score) for number, score in enumerate(scores)))
    places = sorted(range(len(scores)), key=lambda at: (scores[at] is None, scores[at] or 0))
    assert found["lowest"] == (f"P{places[0]}" if places else None)
    places = sorted(range(len(scores)), key=lambda at: (scores[at] is None, -(scores[at] or 0)))
    assert found["highest"] == (f"P{places[0]}" if places else None)
