"""Checks: all are evaluated and reported, the worst verdict wins, and its first reason is the reason."""

import pytest

from tests.written import decide, detail

ENTRY = """
inputs: {facts.a: {type: flag}, facts.b: {type: flag}, facts.c: {type: flag}, facts.d: {type: flag}}
rules:
  entry:
    kind: checks
    order: [ENTER, CAUTION, HOLD, REJECT]
    checks:
      - {name: first, if: facts.a, verdict: CAUTION, why: careful}
      - {name: second, if: facts.b, verdict: REJECT, why: "{account.margin_used} is used"}
      - {name: third, if: facts.c and account.margin_used > 50 USD, verdict: REJECT, why: also}
      - {name: fourth, if: facts.d, verdict: HOLD, why: wait}
  verdict: {kind: formula, formula: entry.verdict}
  why: {kind: formula, formula: entry.reason}
  rejected: {kind: formula, formula: "entry.verdict in [REJECT, HOLD]"}
  many: {kind: formula, unit: count, formula: count(r for r in entry.reasons if r.verdict == REJECT)}
"""


@pytest.mark.parametrize(
    ("fired", "verdict", "reason", "names"),
    [
        ("", "ENTER", "", []),
        ("a", "CAUTION", "careful", ["first"]),
        ("ad", "HOLD", "wait", ["first", "fourth"]),
        ("abcd", "REJECT", "$100 is used", ["first", "second", "third", "fourth"]),
        ("cd", "REJECT", "also", ["third", "fourth"]),
        ("ac", "REJECT", "also", ["first", "third"]),
    ],
)
def test_the_worst_verdict_wins_and_all_reasons_are_told(
    fired: str, verdict: str, reason: str, names: list[str]
) -> None:
    outputs = decide(ENTRY, facts={name: name in fired for name in "abcd"}).outputs
    assert (outputs["verdict"], outputs["why"]) == (verdict, reason)
    assert [one["check"] for one in outputs["entry"]["reasons"]] == names
    assert outputs["rejected"] == (verdict in {"REJECT", "HOLD"})
    assert outputs["many"] == len([name for name in names if name in {"second", "third"}])


def test_a_reason_names_check_verdict_and_text() -> None:
    outputs = decide(ENTRY, facts={"a": True, "b": False, "c": False, "d": False}).outputs
    assert outputs["entry"]["reasons"] == [{"check": "first", "verdict": "CAUTION", "text": "careful"}]


def test_the_trace_shows_the_checks_that_did_not_fire_too() -> None:
    shown = detail(decide(ENTRY, facts={"a": False, "b": False, "c": True, "d": False}), "entry")
    assert shown["order"] == ["ENTER", "CAUTION", "HOLD", "REJECT"]
    told = [(one["check"], one["verdict"], one["holds"], one["at"]) for one in shown["checks"]]
    assert told == [
        ("first", "CAUTION", False, "policy.yaml:8"),
        ("second", "REJECT", False, "policy.yaml:9"),
        ("third", "REJECT", True, "policy.yaml:10"),
        ("fourth", "HOLD", False, "policy.yaml:11"),
    ]
    compared = shown["checks"][2]["compared"][-1]
    assert (compared["left"], compared["is"], compared["right"], compared["by"]) == (100.0, ">", 50.0, 50.0)
