"""A decision about reductions answers output by output: what cannot be computed takes nothing else with it."""

from typing import Any

import pytest

from tests.written import decide

POLICY = """
inputs: {{facts.zero: {{unit: ratio}}}}
memory: {{seen: {{start: 1, unit: count, next: memory.seen + 1}}}}
rules:
  share: {{kind: formula, unit: ratio, formula: 1 / facts.zero}}
  root: {{kind: formula, unit: ratio, formula: sqrt(0 - 1 - facts.zero)}}
  twice: {{kind: formula, unit: ratio, formula: 2 * share}}
decisions:
  answer:
    answers_anyway: {anyway}
    outputs: {{close: account.margin_used > 50 USD, a: {a}, part: {{b: {b}, two: 2}}, seen: memory.seen}}
    on_error: {{close: false, a: 7, part: {{b: none, two: none}}, seen: none}}
"""


def answered(a: str, b: str, anyway: str = "true") -> tuple[bool, Any, list[tuple[str, str]]]:
    given = decide(POLICY.format(a=a, b=b, anyway=anyway), memory={"seen": 4}, facts={"zero": 0})
    assert given.memory == {"seen": 4}
    return given.ok, given.outputs, [(one.severity, one.message.partition(":")[0]) for one in given.problems]


@pytest.mark.parametrize(
    ("a", "b", "wrong", "b_is"),
    [
        ("share", "3", ["share"], 3),
        ("twice", "share", ["share"], None),
        ("share", "root", ["share", "root"], None),
        ("1 / facts.zero", "3", ["decision.answer.a"], 3),
        ("1 / facts.zero", "1 / facts.zero", ["decision.answer.a", "decision.answer.part.b"], None),
        ("share", "1 / facts.zero", ["share", "decision.answer.part.b"], None),
    ],
)
def test_what_cannot_be_computed_takes_nothing_else_with_it(a: str, b: str, wrong: list[str], b_is: int | None) -> None:
    """A position is closed though a figure beside it divides by zero, in a rule or in the output itself."""
    ok, outputs, problems = answered(a, b)
    assert outputs == {"close": True, "a": 7, "part": {"b": b_is, "two": 2}, "seen": 4}
    assert (ok, problems) == (True, [("warning", name) for name in wrong])


def test_any_other_decision_answers_with_what_is_safe() -> None:
    """Half an answer about an entry is none."""
    for a in ("share", "1 / facts.zero"):
        ok, outputs, problems = answered(a, "3", "false")
        assert outputs == {"close": False, "a": 7, "part": {"b": None, "two": None}, "seen": None}
        assert (ok, [severity for severity, _ in problems]) == (False, ["error"])
