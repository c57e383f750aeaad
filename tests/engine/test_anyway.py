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


ENTRY = """
inputs: {{facts.zero: {{unit: ratio}}}}
memory: {{seen: {{start: 1, unit: ratio, next: {following}}}}}
rules:
  share: {{kind: formula, unit: ratio, formula: 1 / facts.zero}}
decisions:
  answer: {{outputs: {{enter: true, size: {size}}}, on_error: {{enter: false, size: none}}}}
"""


@pytest.mark.parametrize("size", ["share", "1 / facts.zero"])
def test_half_an_answer_is_none_also_where_no_memory_is_asked_for(size: str) -> None:
    """An entry of no known size is not entered."""
    given = decide(ENTRY.format(following="memory.seen", size=size), facts={"zero": 0})
    assert (given.ok, given.outputs) == (False, {"enter": False, "size": None})


def test_what_asks_for_no_memory_is_answered_though_the_next_memory_cannot_be_computed() -> None:
    """The memory stays as it was, and that is said."""
    given = decide(ENTRY.format(following="memory.seen / facts.zero", size="2"), memory={"seen": 4}, facts={"zero": 0})
    assert (given.ok, given.outputs, given.memory) == (True, {"enter": True, "size": 2}, {"seen": 4})
    assert [(one.severity, one.code) for one in given.problems] == [("warning", "division-by-zero")]


@pytest.mark.parametrize(("failing", "answered"), [(15, True), (16, False)])
def test_more_than_fifteen_failures_are_too_many_to_go_on(failing: int, answered: bool) -> None:
    """Each one is another plan to compile, and an answer is not to be waited for."""
    names = [f"a{number}" for number in range(failing)]
    outputs = ", ".join(["close: true", *(f"{name}: 1 / facts.zero" for name in names)])
    on_error = ", ".join(["close: false", *(f"{name}: none" for name in names)])
    given = decide(
        "inputs: {facts.zero: {unit: ratio}}\n"
        f"decisions: {{answer: {{answers_anyway: true, outputs: {{{outputs}}}, on_error: {{{on_error}}}}}}}\n",
        facts={"zero": 0},
    )
    assert (given.ok, given.outputs["close"]) == (answered, answered)
