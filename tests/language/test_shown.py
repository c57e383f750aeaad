"""How values are shown to a person, and texts with values in them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.language.values import ANY, show
from tests.written import decide


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5.0, "percent", "5 %"),
        (12.345678, "percent", "12.35 %"),
        (0.0, "percent", "0 %"),
        (0.00012345678, "percent", "0.0001235 %"),
        (1000.0, "USD", "$1,000"),
        (1234567.891, "USD", "$1,234,567.89"),
        (0.5, "USD", "$0.50"),
        (-5.25, "USD", "-$5.25"),
        (0.001, "USD", "$0.001"),
        (3.0, "leverage", "3x"),
        (24.0, "hours", "24 h"),
        (60.0, "seconds", "60 s"),
        (0.58, "ratio", "0.58"),
        (75.0, "score", "75"),
        (3, "count", "3"),
        (50000.0, "price", "50,000"),
        (0.0003, "quantity", "0.0003"),
        (-0.0, "ratio", "0"),
        (True, None, "yes"),
        (False, None, "no"),
        (None, "percent", "none"),
        ("HEAVY", None, "HEAVY"),
        (datetime(2026, 3, 2, 10, 30, tzinfo=UTC), None, "2026-03-02T10:30:00Z"),
        ([], None, "nothing"),
        (["BTC", "ETH"], None, "BTC, ETH"),
        ([1.0, 2.5], "percent", "1 %, 2.5 %"),
        ({"name": "HEAVY", "size": 0.25}, None, "HEAVY"),
        ({"size": 0.25, "cut": 2}, None, "size 0.25, cut 2"),
        (ANY, None, "any"),
    ],
)
def test_values_as_a_person_reads_them(value: object, unit: str | None, text: str) -> None:
    assert show(value, unit) == text


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(), st.sampled_from(["USD", "percent", "ratio", ""]))
def test_every_number_can_be_shown_shortly(value: float, unit: str) -> None:
    text = show(value, unit)
    assert text
    assert len(text) < 40
    assert "e-" not in text or abs(value) < 0.001


TEXTS = """
inputs: {facts.late: {type: flag}, facts.word: {type: text}}
decisions:
  answer:
    outputs: {entry: entry}
    on_error: {entry: none}
    explain:
      - "{account.margin_used} of {account.total_wallet_balance} at {as_of}"
      - {if: facts.late, say: "late"}
      - {if: known(age_seconds) and age_seconds > 1s, say: "{age_seconds} old"}
rules:
  used: {kind: formula, unit: percent, formula: "as_percent(account.margin_used, account.total_wallet_balance)"}
  zone: {kind: bands, of: used, cases: [{name: LOW, below: 5%, size: 1}, {name: HIGH, size: 2}]}
  entry:
    kind: checks
    order: [ENTER, REJECT]
    checks:
      - {name: one, if: true, verdict: REJECT, why: "{used}, {zone.name}, {zone}, {facts.late}, {facts.word}"}
      - {name: two, if: true, verdict: REJECT, why: "{zone.to} {zone.from} {5 USD} {count(positions)} {positions}"}
      - {name: three, if: true, verdict: REJECT, why: plain}
"""


def test_texts_have_the_values_in_them() -> None:
    decision = decide(TEXTS, facts={"late": True, "word": "a {b}"}, age_seconds=2)
    said = [reason["text"] for reason in decision.outputs["entry"]["reasons"]]
    assert said == ["10 %, HIGH, HIGH, yes, a {b}", "none 5 % $5 0 nothing", "plain"]
    assert decision.trace.said == ["$100 of $1,000 at 2026-03-02T10:30:00Z", "late", "2 s old"]
    assert decide(TEXTS, facts={"late": False, "word": ""}).trace.said[1:] == []
