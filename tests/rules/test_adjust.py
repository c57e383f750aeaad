"""Adjustments: a start value, steps in their order, operations in theirs, and each change on record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written import decide, detail, policy


def adjusted(steps: str, start: str = "10x") -> object:
    return decide(f"rules:\n  a: {{kind: adjust, unit: leverage, start: {start}, steps: [{steps}]}}\n").outputs["a"]


@pytest.mark.parametrize(
    ("operations", "gives"),
    [
        ("times: 0.5", 5.0),
        ("plus: 2x", 12.0),
        ("minus: 2x", 8.0),
        ("at_least: 12x", 12.0),
        ("at_least: 8x", 10.0),
        ("at_most: 8x", 8.0),
        ("at_most: 12x", 10.0),
        ("round_down_to: 3x", 9.0),
        ("times: 2, plus: 1x", 21.0),
        ("plus: 1x, times: 2", 21.0),
        ("minus: 1x, plus: 3x, times: 2", 22.0),
        ("at_most: 5x, at_least: 7x", 5.0),
        ("at_least: 20x, at_most: 15x", 15.0),
        ("round_down_to: 4x, at_most: 7x", 4.0),
        ("round_down_to: 4x, at_least: 13x", 12.0),
        ("times: 0.55, round_down_to: 1x", 5.0),
    ],
)
def test_within_a_step_the_order_is_fixed_and_a_cap_beats_a_floor(operations: str, gives: float) -> None:
    assert repr(adjusted(f"{{name: one, {operations}}}")) == repr(gives)


def test_the_steps_come_one_after_the_other_each_with_the_running_value() -> None:
    steps = (
        "{name: a, at_most: 8x}, {name: b, minus: value / 2}, {name: c, when: value < 5x, at_least: 5x}, "
        "{name: d, when: value < 5x, at_least: 50x}, {name: e, times: value / 1x}"
    )
    assert adjusted(steps) == 25.0


def test_a_number_is_a_float_where_its_unit_is_no_count() -> None:
    text = "rules:\n  a: {{kind: adjust, unit: {}, start: 3, steps: [{{name: cap, at_most: {}}}]}}\n"
    assert repr(decide(text.format("ratio", 2)).outputs["a"]) == "2.0"
    assert repr(decide(text.format("score", 5)).outputs["a"]) == "3.0"


TRACED = """
rules:
  lowest: {kind: formula, unit: leverage, formula: 3x}
  leverage:
    kind: adjust
    unit: leverage
    start: 12x
    steps:
      - {name: range, at_least: 5x, at_most: 10x, why: "at most {10x} from {value}"}
      - {name: nothing, at_most: 50x}
      - {name: not now, when: count(positions) > 5, times: 0}
      - {name: cut, at_most: "max(lowest, value - 9x)"}
decisions:
  answer: {outputs: {leverage: leverage, list: adjustments(leverage)}, on_error: {leverage: none, list: none}}
"""


def test_an_answer_lists_the_adjustments_that_changed_something() -> None:
    listed = decide(TRACED).outputs["list"]
    assert [(one["rule"], one["name"], one["from"], one["to"]) for one in listed] == [
        ("leverage", "range", 12.0, 10.0),
        ("leverage", "cut", 10.0, 3.0),
    ]
    assert [one["source"] for one in listed] == [
        {"file": "policy.yaml", "line": 9},
        {"file": "policy.yaml", "line": 12},
    ]
    assert listed[0]["why"].startswith("at most 10x from")


def test_the_trace_shows_every_step() -> None:
    shown = detail(decide(TRACED), "leverage")
    assert (shown["start"], shown["formula"], shown["unit"]) == (12.0, "12x", "leverage")
    steps = [(one["name"], one["applies"], one["from"], one["to"], one["changed"]) for one in shown["steps"]]
    assert steps == [
        ("range", True, 12.0, 10.0, True),
        ("nothing", True, 10.0, 10.0, False),
        ("not now", False, 10.0, 10.0, False),
        ("cut", True, 10.0, 3.0, True),
    ]
    operations = [(one["operation"], one["formula"], one["by"]) for one in shown["steps"][0]["operations"]]
    assert operations == [("at_least", "5x", 5.0), ("at_most", "10x", 10.0)]
    assert shown["steps"][2]["when"] == "count(positions) > 5"


CAPPED = policy("""
inputs: {facts.start: {unit: USD}, facts.low: {unit: USD}, facts.high: {unit: USD}, facts.step: {unit: USD}}
rules:
  a:
    kind: adjust
    unit: USD
    start: facts.start
    steps: [{name: all, at_least: facts.low, at_most: facts.high, round_down_to: facts.step}]
""")
amounts = st.floats(0, 1e6)


@given(amounts, amounts, amounts, st.sampled_from([0.01, 0.1, 1, 5]))
def test_a_cap_holds_whatever_the_floor_and_the_start(start: float, low: float, high: float, step: float) -> None:
    outputs = decide(CAPPED, facts={"start": start, "low": low, "high": high, "step": step}).outputs
    assert outputs["a"] <= high + 1e-9 * step + 1e-14 * high  # what rounding takes for a whole step


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("12x", "start                                   12x"),
        ("-3x", "start                                   -3x"),
        ("facts.base", "start                                    4x  = facts.base"),
        ("2 * facts.base", "start                                    8x  = 2 * facts.base"),
        (
            " + ".join(["facts.base"] * 20),
            "start                                   80x  = " + "facts.base + " * 7 + "facts.ba…",
        ),
    ],
)
def test_where_the_start_comes_from_is_said(start, said) -> None:
    rule = f"  a: {{kind: adjust, unit: leverage, start: {start}, steps: [{{name: cap, at_most: 90x}}]}}\n"
    text = f"inputs: {{facts.base: {{unit: leverage}}}}\nrules:\n{rule}"
    assert f"  {said}\n" in decide(text, facts={"base": 4}).trace.explain()
