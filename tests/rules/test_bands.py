"""Bands: which case a number falls into, at its edges, and what is known of the case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written import decide, detail, policy, step

ZONES = """
inputs: {facts.used: {unit: percent}, facts.other: {unit: percent}}
rules:
  zone:
    kind: bands
    of: facts.used
    cases:
      - {name: GREEN, below: 50%, size: 1.0, why: Nothing is in the way.}
      - {name: YELLOW, up_to: 75%, size: 0.5, pause: 24h, source: specification 4}
      - {name: ORANGE, below: 90%, size: 0.25, pause: 48h}
      - {name: RED, size: 0, close: true}
  other: {kind: bands, of: facts.other, cases: [{name: ALL, x: {from: 3x, to: 5x}}]}
  of_a_case: {kind: formula, unit: hours, formula: zone.YELLOW.pause}
  of_another: {kind: formula, formula: zone.at(facts.other).name}
  all_sizes: {kind: formula, unit: ratio, formula: sum(c.size for c in zone.cases)}
  nested: {kind: formula, unit: leverage, formula: other.x.to - other.ALL.x.from}
"""


def zone(used: float, other: float = 0) -> str:
    return str(decide(ZONES, facts={"used": used, "other": other}).outputs["zone"]["name"])


@pytest.mark.parametrize(
    ("used", "name"),
    [
        (-5, "GREEN"), (0, "GREEN"), (49.999999999, "GREEN"), (50, "YELLOW"), (75, "YELLOW"), (75.000000001, "ORANGE"),
        (89.9, "ORANGE"), (90, "RED"), (1e15, "RED"),
    ],
)  # fmt: skip
def test_below_excludes_its_bound_and_up_to_includes_it(used: float, name: str) -> None:
    assert zone(used) == name


def test_a_case_has_its_columns_its_interval_and_none_where_it_lacks_one() -> None:
    outputs = decide(ZONES, facts={"used": 80, "other": 10}).outputs
    assert outputs["zone"] == {"name": "ORANGE", "size": 0.25, "pause": 48.0, "close": None, "from": 75.0, "to": 90.0}
    first = decide(ZONES, facts={"used": 1, "other": 10}).outputs["zone"]
    assert (first["from"], first["to"], first["pause"]) == (None, 50.0, None)
    last = decide(ZONES, facts={"used": 99, "other": 10}).outputs["zone"]
    assert (last["from"], last["to"], last["close"]) == (90.0, None, True)


def test_a_named_case_another_key_all_cases_and_a_nested_column() -> None:
    outputs = decide(ZONES, facts={"used": 80, "other": 10}).outputs
    assert outputs["of_a_case"] == 24.0
    assert outputs["of_another"] == "GREEN"
    assert outputs["all_sizes"] == 1.75
    assert outputs["nested"] == 2.0


def test_the_trace_shows_every_case_and_how_far_the_next_is() -> None:
    shown = detail(decide(ZONES, facts={"used": 80, "other": 10}), "zone")
    assert (shown["of"], shown["number"], shown["unit"], shown["matched"]) == ("facts.used", 80.0, "percent", "ORANGE")
    ends = [(case["name"], case["from"], case["to"], case["includes_to"]) for case in shown["cases"]]
    assert ends == [
        ("GREEN", None, 50.0, False),
        ("YELLOW", 50.0, 75.0, True),
        ("ORANGE", 75.0, 90.0, False),
        ("RED", 90.0, None, False),
    ]
    assert (shown["to_next"], shown["to_previous"]) == (10.0, 5.0)
    first, last = (detail(decide(ZONES, facts={"used": used, "other": 1}), "zone") for used in (10, 95))
    assert (first["to_next"], first["to_previous"]) == (40.0, None)
    assert (last["to_next"], last["to_previous"]) == (None, 5.0)


def test_the_step_says_what_it_read_and_where_it_stands() -> None:
    shown = step(decide(ZONES, facts={"used": 80, "other": 10}), "zone")
    assert shown["reads"] == {"facts.used": 80.0}
    assert shown["source"] == {"file": "policy.yaml", "line": 4}
    assert (shown["kind"], shown["value"]["name"]) == ("bands", "ORANGE")


WHOLE = policy(ZONES)


@given(st.floats(-1e6, 1e6))
def test_every_number_falls_into_the_case_whose_interval_holds_it(used: float) -> None:
    case = decide(WHOLE, facts={"used": used, "other": used}).outputs["zone"]
    low, high = case["from"], case["to"]
    assert low is None or (used > low if low == 75 else used >= low)
    assert high is None or (used <= high if high == 75 else used < high)


def test_bands_of_something_computed() -> None:
    text = """
    rules:
      band: {kind: bands, of: 2 * account.total_wallet_balance, cases: [{name: SMALL, below: 3000 USD}, {name: LARGE}]}
    """
    assert decide(text).outputs["band"]["name"] == "SMALL"
    assert decide(text, account={"total_wallet_balance": 1500}).outputs["band"]["name"] == "LARGE"
