"""Formulas: arithmetic left to right, what nothing gives, dated values, times, and what has no value."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.written import decide, detail, policy, quoted, step, value


@pytest.mark.parametrize(
    ("formula", "unit", "gives"),
    [
        ("2 + 3 * 4", "ratio", 14.0),
        ("(2 + 3) * 4", "ratio", 20.0),
        ("2 ** 3 ** 2", "ratio", 512.0),
        ("-2 ** 2", "ratio", -4.0),
        ("7 - 2 - 1", "ratio", 4.0),
        ("8 / 4 / 2", "ratio", 1.0),
        ("percent_of(200 USD, 5%)", "USD", 10.0),
        ("as_percent(5 USD, 200 USD)", "percent", 2.5),
        ("floor(1.9)", "ratio", 1.0),
        ("ceil(0 - 1.9)", "ratio", -1.0),
        ("round_down(0.3, 0.1)", "ratio", 0.3),
        ("round_down(1.0e-3, 1e-4)", "ratio", 0.001),
        ("sqrt(9)", "ratio", 3.0),
        ("abs(-5 USD)", "USD", 5.0),
        ("min(3, 1, 2)", "ratio", 1.0),
        ("max(3, 1, 2)", "ratio", 3.0),
        ("100 USD / 3x", "USD", 100.0 / 3.0),
        ("5 USD if true else 6 USD", "USD", 5.0),
        ("hours_between(as_of, as_of + 36h)", "hours", 36.0),
        ("hours_between(as_of, as_of - 30h)", "hours", -30.0),
        ("hour(as_of)", "count", 10),
        ("hour(as_of + 15h)", "count", 1),
        ("hours_between(midnight(as_of), as_of)", "hours", 10.5),
        ("hours_between(midnight(as_of + 13h + 30min), midnight(as_of))", "hours", -24.0),
    ],
)
def test_arithmetic(formula: str, unit: str, gives: float) -> None:
    assert value(formula, unit) == gives


@pytest.mark.parametrize(
    ("formula", "gives"),
    [
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("3 > 2 >= 2 == 2 != 1", True),
        ("1 < 2 and not 2 < 1 or false", True),
        ("true or 1 / (1 - 1) > 0", True),
        ("false and 1 / (1 - 1) > 0", False),
        ("account.id in ['demo', OTHER]", True),
        ("account.id not in ['demo', OTHER]", False),
        ("5 in [1, 5]", True),
        ("weekday(as_of) == MONDAY", True),
        ("weekday(as_of + 24h) == 'TUESDAY'", True),
        ("as_of < as_of + 1h", True),
        ("as_of == as_of", True),
        ("known(age_seconds)", False),
        ("default(age_seconds, 7s) == 7s", True),
        ("count(positions) == 0", True),
        ("known(max(p.margin for p in positions))", False),
        ("known(min(p.margin for p in positions))", False),
        ("known(average(p.margin for p in positions))", False),
        ("sum(p.margin for p in positions) == 0 USD", True),
    ],
)
def test_conditions(formula: str, gives: bool) -> None:
    assert value(formula) is gives


LISTS = policy("""
decisions:
  answer:
    outputs:
      sum: sum(p.margin for p in positions)
      average: average(p.margin for p in positions)
      min: min(p.margin for p in positions)
      max: max(p.margin for p in positions)
      count: count(p for p in positions if p.margin > 1 USD)
      all: count(positions)
    on_error: {sum: none, average: none, min: none, max: none, count: none, all: none}
""")


def test_of_nothing_there_is_no_least_no_largest_and_no_average() -> None:
    nothing = {"sum": 0, "average": None, "min": None, "max": None, "count": 0, "all": 0}
    assert decide(LISTS).outputs == nothing


@given(st.lists(st.floats(0, 1e15), max_size=8))
def test_a_sum_is_added_left_to_right(margins: list[float]) -> None:
    outputs = decide(LISTS, positions=[{"margin": margin} for margin in margins]).outputs
    total = 0.0
    for margin in margins:
        total = total + margin
    assert outputs["sum"] == total
    assert outputs["average"] == (total / len(margins) if margins else None)
    assert (outputs["min"], outputs["max"]) == (min(margins, default=None), max(margins, default=None))


def test_a_sum_does_not_compensate() -> None:
    margins = [1e15, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert decide(LISTS, positions=[{"margin": one} for one in margins]).outputs["sum"] != 1e15 + 0.5
    assert value("0.1 + 0.2 + 0.3", "ratio") == (0.1 + 0.2) + 0.3


DATED = """
parameters:
  most:
    unit: percent
    values: [{from: 2026-01-01, is: 5%}, {from: 2026-07-01, is: 4%}, {from: 2026-07-01T12:00Z, is: 3%}]
rules:
  a: {kind: formula, unit: percent, formula: most}
  b: {kind: formula, unit: ratio, formula: 2}
decisions:
  answer: {outputs: {a: a}, on_error: {a: none}}
  other: {outputs: {b: b}, on_error: {b: none}}
"""


@pytest.mark.parametrize(
    ("moment", "gives"),
    [
        ("2026-01-01T00:00:00Z", 5.0),
        ("2026-06-30T23:59:59.999Z", 5.0),
        ("2026-07-01T00:00:00Z", 4.0),
        ("2026-07-01T12:00:00Z", 3.0),
        ("2030-01-01T00:00:00Z", 3.0),
        ("2026-07-01T02:00:00+03:00", 5.0),
    ],
)
def test_a_dated_value_is_in_force_from_its_day_in_utc(moment: str, gives: float) -> None:
    assert decide(DATED, as_of=moment).outputs == {"a": gives}


def test_before_the_first_day_there_is_no_value() -> None:
    decision = decide(DATED, as_of="2025-12-31T23:59:59Z")
    assert (decision.ok, decision.outputs) == (False, {"a": None})
    [problem] = decision.problems
    assert "most" in problem.message
    assert str(problem.location).startswith("policy.yaml:4:")
    assert decide(DATED, "other", as_of="2025-12-31T23:59:59Z").outputs == {"b": 2.0}


@pytest.mark.parametrize(
    "formula",
    [
        "1 / (count(positions) * 1)",
        "sqrt(0 - 1)",
        "2 ** 100",
        "(0 - 8) ** 0.5",
        "round_down(5, 0)",
        "1e15 ** 60 * 1e15 ** 60",
        "1e15 ** 20 * 1e15",
        "(1e15 ** 20) * (1e15 ** 20) - (1e15 ** 20) * (1e15 ** 20)",
    ],
)
def test_what_has_no_value_gives_the_answer_for_errors_and_says_where(formula: str) -> None:
    text = f"rules:\n  x: {{kind: formula, unit: ratio, formula: {quoted(formula)}}}\n"
    decision = decide(text)
    assert (decision.ok, decision.outputs) == (False, {"x": None})
    [problem] = decision.problems
    assert problem.location is not None
    assert problem.location.line == 2


def test_a_time_beyond_the_calendar_has_no_value() -> None:
    decision = decide("rules:\n  x: {kind: formula, formula: as_of + 1e12 * 1h}\n")
    assert (decision.ok, decision.outputs) == (False, {"x": None})


TRACED = """
inputs: {facts.rate: {unit: percent, optional: true}}
parameters: {most: {value: 4%}}
rules:
  x: {kind: formula, unit: percent, formula: "min(most, default(facts.rate, 5%) * 0.5)", why: Half of it.}
"""


def test_the_trace_shows_the_formula_its_values_and_what_was_assumed() -> None:
    known, unknown = detail(decide(TRACED, facts={"rate": 6}), "x"), detail(decide(TRACED, facts={}), "x")
    assert known["formula"] == "min(most, default(facts.rate, 5%) * 0.5)"
    assert "default(6.0, 5%) * 0.5" in known["with_values"]
    assert known["assumed"] == []
    assert unknown["assumed"] == ["facts.rate"]
    shown = step(decide(TRACED, facts={"rate": 6}), "x")
    assert (shown["value"], shown["unit"], shown["title"]) == (3.0, "percent", "Half of it.")
    assert shown["reads"]["facts.rate"] == 6.0


def test_a_parameter_may_be_a_time_also_one_that_is_dated_or_none() -> None:
    outputs = decide("""
parameters:
  expiry: {value: 2026-03-03, type: time}
  moment: {value: "2026-03-02T10:30:30Z", type: time}
  moved: {type: time, values: [{from: 2026-01-01, is: 2026-02-01}, {from: 2026-03-01, is: 2026-04-01T06:00Z}]}
  never: {value: none, type: time}
rules:
  left: {kind: formula, unit: hours, formula: "hours_between(as_of, expiry)"}
  before: {kind: formula, formula: as_of < moment}
  expiry_of: {kind: formula, formula: expiry + 8h}
  moved_to: {kind: formula, formula: moved}
  passed: {kind: formula, formula: known(never) and as_of > never}
""").outputs
    assert outputs == {
        "left": 13.5, "before": True, "expiry_of": "2026-03-03T08:00:00Z", "moved_to": "2026-04-01T06:00:00Z",
        "passed": False,
    }  # fmt: skip


def test_a_count_is_whole_as_it_is_written_and_every_other_parameter_a_float() -> None:
    """An answer says 30 trades, not 30.0, and 2.0 for a ratio, whether it was written 2 or 2.0."""
    outputs = decide("""
parameters:
  trades: {value: 30, unit: count}
  later: {unit: count, values: [{from: 2026-01-01, is: 40}]}
  share: {value: 2, unit: ratio}
decisions:
  answer: {outputs: {trades: trades, later: later, share: share}, on_error: {trades: none, later: none, share: none}}
""").outputs
    assert {name: repr(one) for name, one in outputs.items()} == {"trades": "30", "later": "40", "share": "2.0"}


def test_a_day_begins_at_midnight_in_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same policy gives the same answer on a server in Kathmandu."""
    written = """
parameters: {expiry: {value: 2026-03-03, type: time}, most: {unit: percent, values: [{from: 2026-03-03, is: 5%}]}}
rules:
  left: {kind: formula, unit: hours, formula: "hours_between(as_of, expiry)"}
  share: {kind: formula, unit: percent, formula: most}
"""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert decide(written, as_of="2026-03-03T00:00:00Z").outputs == {"left": 0.0, "share": 5.0}
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        ("default(first.quantity, 6 USD / market.price)", "2"),
        ("market.min_quantity", "max(2, default(signal.trades, 3))"),
    ],
)
def test_what_a_list_is_made_of_may_be_computed_where_its_elements_are_gone_through(quantity, parts):
    """Python keeps no value by a name there."""
    slices = f"order_slices({quantity}, {parts}, market.quantity_step, market.quantity_step)"
    decision = decide(
        f"""\
        rules:
          first: {{kind: pick, from: positions as p}}
          whole: {{kind: formula, unit: quantity, formula: "sum(one for one in {slices})"}}
        decisions:
          answer:
            requires: [market.price, market.min_quantity, market.quantity_step]
            on_error: {{whole: none}}
            outputs: {{whole: whole}}
        """,
        market={"symbol": "BTCUSDT", "price": 1.0, "min_quantity": 6.0, "quantity_step": 1.0},
    )
    assert (decision.outputs["whole"], decision.problems) == (6.0, ())


def test_a_list_may_be_chosen_by_what_is_computed_wherever_its_elements_are_gone_through():
    decision = decide(
        """\
        rules:
          first: {kind: pick, from: positions as p}
          listed: {kind: each, of: positions as p, give: {name: p.symbol}}
          acts:
            kind: actions
            actions:
              - for: "(positions if default(first.score, 3) > 2 else []) as p"
                where: p.margin > 10 USD
                do: {symbol: p.symbol}
        decisions:
          answer:
            on_error: {acts: [], listed: []}
            outputs: {acts: acts, listed: "listed if default(first.score, 3) > 2 else listed"}
        """,
        positions=[{}, {"margin": 20, "symbol": "ETHUSDT"}],
    )
    assert decision.outputs["acts"] == [{"symbol": "ETHUSDT"}]
    assert decision.outputs["listed"] == [{"name": "BTCUSDT"}, {"name": "ETHUSDT"}]
    assert detail(decision, "acts")["actions"][0]["left_out"] == ["BTCUSDT"]
