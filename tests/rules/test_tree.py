"""Trees: the first branch that holds, trees within trees, and why the others lost."""

import pytest

from tests.written import decide, detail

TREE = """
inputs: {facts.score: {unit: score}, facts.free: {unit: percent}}
rules:
  enter:
    kind: tree
    branches:
      - {if: count(positions) == 0, then: ENTER_NEW}
      - if: facts.score > 80
        then:
          branches:
            - {if: facts.free > 30%, then: ENTER_NEW}
            - {if: facts.free > 10%, then: ENTER_SMALL}
          otherwise: WAIT
      - {if: facts.free < 20% or facts.score < 10, then: SKIP}
    otherwise:
      branches: [{if: facts.score > 50, then: HOLD}]
      otherwise: LEAVE
  number: {kind: tree, unit: ratio, branches: [{if: facts.score > 50, then: 1}], otherwise: facts.free / 50%}
  maybe: {kind: tree, unit: percent, branches: [{if: facts.score > 50, then: facts.free}], otherwise: none}
"""


@pytest.mark.parametrize(
    ("positions", "score", "free", "chosen"),
    [
        (0, 90, 90, "ENTER_NEW"), (1, 90, 31, "ENTER_NEW"), (1, 90, 30, "ENTER_SMALL"), (1, 90, 10, "WAIT"),
        (1, 80, 19, "SKIP"), (1, 9, 50, "SKIP"), (1, 80, 20, "HOLD"), (1, 50, 20, "LEAVE"),
    ],
)  # fmt: skip
def test_the_first_branch_that_holds(positions: int, score: float, free: float, chosen: str) -> None:
    decision = decide(TREE, facts={"score": score, "free": free}, positions=[{}] * positions)
    assert decision.outputs["enter"] == chosen


def test_a_number_is_a_float_and_may_be_none() -> None:
    high, low = (decide(TREE, facts={"score": score, "free": 5}).outputs for score in (60, 40))
    assert repr(high["number"]) == "1.0"
    assert (low["number"], high["maybe"], low["maybe"]) == (0.1, 5.0, None)


def test_the_trace_shows_each_branch_that_was_reached_and_how_far_it_was_from_holding() -> None:
    shown = detail(decide(TREE, facts={"score": 90, "free": 20}, positions=[{}]), "enter")["branches"]
    assert [(one.get("if"), one.get("holds"), one.get("then")) for one in shown] == [
        ("count(positions) == 0", False, "ENTER_NEW"),
        ("facts.score > 80", True, "…"),
        ("facts.free > 30%", False, "ENTER_NEW"),
        ("facts.free > 10%", True, "ENTER_SMALL"),
    ]
    compared = shown[2]["compared"][0]
    assert (compared["left"], compared["is"], compared["right"], compared["by"]) == (20.0, ">", 30.0, -10.0)


def test_the_trace_shows_the_otherwise_that_was_taken() -> None:
    shown = detail(decide(TREE, facts={"score": 40, "free": 50}, positions=[{}]), "enter")["branches"]
    assert [one.get("holds", one.get("otherwise")) for one in shown] == [False, False, False, "…", False, "LEAVE"]


def test_a_condition_that_is_not_reached_is_not_evaluated() -> None:
    text = """
    rules:
      safe:
        kind: tree
        unit: ratio
        branches:
          - {if: count(positions) == 0, then: 0}
          - {if: 1 / count(positions) > 0.5, then: 1}
        otherwise: 1 / (count(positions) - 1)
    """
    assert decide(text).outputs["safe"] == 0.0
    assert decide(text, positions=[{}]).outputs["safe"] == 1.0
    assert decide(text, positions=[{}, {}]).outputs["safe"] == 1.0
