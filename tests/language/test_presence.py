"""What may be none: where a condition proves that it is not, it may be read; anywhere else it may not."""

from typing import Any

import pytest

from tests.written import decide, problems, quoted

WORST = "  worst: {kind: pick, from: positions as p, lowest: p.margin}\n"
PROVEN = [
    "worst.margin if known(worst) else 0 USD",
    "0 USD if not known(worst) else worst.margin",
    "worst.margin if known(worst) and true else 0 USD",
    "worst.margin if true and known(worst) else 0 USD",
    "0 USD if not known(worst) or false else worst.margin",
    "worst.margin if known(worst.margin) else 0 USD",
    "default(worst.margin, 0 USD)",
    "default(worst.margin + 0 USD if known(worst) else none, 0 USD)",
    "0 USD if not (known(worst) and true) and not known(worst) else default(worst.margin, 0 USD)",
    "worst.margin if known(worst) and worst.margin > 0 USD else 0 USD",
    "0 USD if not known(worst) or worst.margin < 0 USD else worst.margin",
    "sum(worst.margin for q in positions if known(worst))",
    "sum(q.margin for q in positions if known(worst) and q.margin >= worst.margin)",
    "max(default(worst.margin, 0 USD), 0 USD)",
    "worst.margin if not (not known(worst)) else 0 USD",
]
NOT_PROVEN = [
    "worst.margin + 0 USD if not known(worst) else 0 USD",
    "0 USD if known(worst) else worst.margin + 0 USD",
    "worst.margin + 0 USD if known(worst) or true else 0 USD",
    "worst.margin + 0 USD if not known(worst) or true else 0 USD",
    "0 USD if not known(worst) and true else -worst.margin",
    "(worst.margin if known(worst) else 0 USD) + worst.margin",
    "worst.margin if worst.margin > 0 USD and known(worst) else 0 USD",
    "worst.margin + 0 USD if known(positions) else 0 USD",
    "sum(q.margin for q in positions if known(worst)) + worst.margin",
    "min(worst.margin, 5 USD)",
    "sum(worst.margin for q in positions)",
]


@pytest.mark.parametrize("formula", PROVEN)
def test_what_is_proven_may_be_read(formula: str) -> None:
    text = f"rules:\n{WORST}  x: {{kind: formula, unit: USD, formula: {quoted(formula)}}}\n"
    assert decide(text).outputs["x"] == 0.0
    assert decide(text, positions=[{"margin": 7}, {"margin": 5}]).ok


@pytest.mark.parametrize("formula", NOT_PROVEN)
def test_what_is_not_proven_may_not(formula: str) -> None:
    found = problems(f"rules:\n{WORST}  x: {{kind: formula, unit: USD, formula: {quoted(formula)}}}\n")
    codes = {(one.code, one.location and one.location.line) for one in found if one.code != "never-absent"}
    assert codes == {("optional-not-discharged", 3)}, found


def test_a_rule_may_itself_be_none() -> None:
    text = f"rules:\n{WORST}  x: {{kind: formula, unit: USD, formula: worst.margin}}\n"
    assert decide(text).outputs["x"] is None
    [found] = problems(text + "  y: {kind: formula, formula: x > 5 USD}\n")
    assert found.message == "x may be none here"


def test_a_step_proves_by_its_when() -> None:
    text = f"""
rules:
{WORST}
  x: {{kind: adjust, unit: USD, start: 9 USD, steps: [{{name: cap, when: known(worst), at_most: worst.margin}}]}}
"""
    assert decide(text).outputs["x"] == 9.0
    assert decide(text, positions=[{"margin": 5}]).outputs["x"] == 5.0


def test_a_tree_proves_for_the_branch_and_by_failing_for_those_after_it() -> None:
    text = f"""
rules:
{WORST}
  x:
    kind: tree
    unit: USD
    branches:
      - if: not known(worst)
        then: 1 USD
      - if: worst.margin > 5 USD
        then: {{branches: [{{if: worst.margin > 7 USD, then: worst.margin}}], otherwise: 2 USD}}
    otherwise: worst.margin
"""
    margins = [None, 9, 6, 5]
    given = [decide(text, positions=[{"margin": one}] if one else []).outputs["x"] for one in margins]
    assert given == [1.0, 9.0, 2.0, 5.0]


def test_a_where_proves_for_what_is_done_with_an_element() -> None:
    text = """
rules:
  best: {kind: pick, from: positions as p, where: known(p.score) and p.score > 5, highest: p.score}
  all: {kind: each, of: positions as p, where: known(p.score), give: {more: p.score + 1}}
  do: {kind: actions, actions: [{for: positions as p, where: known(p.score), first: p.score, do: {s: p.score + 1}}]}
  if_any: {kind: actions, actions: [{when: known(best), for: positions as p, do: {s: best.leverage}}]}
"""
    decision = decide(text, positions=[{"score": 7}, {}, {"score": 6}])
    assert decision.outputs["best"]["score"] == 7.0
    assert decision.outputs["all"] == [{"more": 8.0}, {"more": 7.0}]
    assert decision.outputs["do"] == [{"s": 7.0}, {"s": 8.0}]
    assert len(decision.outputs["if_any"]) == 3


def test_a_check_proves_for_its_text() -> None:
    text = f"""
rules:
{WORST}
  x:
    kind: checks
    order: [FINE, BAD]
    checks:
      - {{name: one, if: known(worst) and worst.margin > 5 USD, verdict: BAD, why: "{{worst.margin}} is more than $5"}}
"""
    assert decide(text).outputs["x"]["reason"] == ""
    assert decide(text, positions=[{"margin": 9}]).outputs["x"]["reason"] == "$9 is more than $5"


def test_what_a_decision_requires_may_be_read() -> None:
    text = """
decisions:
  answer:
    requires: [market.price, signal.score]
    outputs: {a: market.price, b: signal.score + 1}
    on_error: {a: 0, b: none}
"""
    here: dict[str, Any] = {"market": {"symbol": "BTCUSDT", "price": 5}, "signal": {"symbol": "BTCUSDT", "score": 6}}
    assert decide(text, **here).outputs == {"a": 5.0, "b": 7.0}
    refused = decide(text, market=here["market"])
    assert refused.outputs == {"a": 0, "b": None}
    assert [(one.code, one.path) for one in refused.problems] == [("missing-input", "signal.score")]


def test_a_fact_that_is_missing_is_called_missing_and_which_may_be_meant() -> None:
    asked = """
inputs: {facts.realized_vol: {unit: percent, range: [1%, 50%]}, facts.halted: {type: flag}}
rules:
  vol: {kind: formula, unit: percent, formula: facts.realized_vol}
  halted: {kind: formula, formula: facts.halted}
"""
    refused = decide(asked, facts={"realised_vol": 12, "other": 1})
    assert [(one.code, one.path, one.message, one.hint) for one in refused.problems] == [
        ("missing-input", "facts.realized_vol", "is missing, and must be between 1 % and 50 %",
         "the snapshot has facts.realised_vol: is it meant?"),
        ("missing-input", "facts.halted", "is missing, and must be a flag", ""),
    ]  # fmt: skip
    assert "must be between 1 % and 50 %, got 60" in str(
        decide(asked, facts={"realized_vol": 60, "halted": True}).problems[0]
    )
