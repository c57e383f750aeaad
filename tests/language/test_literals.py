"""Literals: what is written in a case, a parameter, an expression, and the float that it is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.language import types as t
from rulecap.language.literals import jsonable, literal
from rulecap.policy.document import parse_document
from rulecap.problems import Problem
from tests.written import decide, value


def read(text: str) -> tuple[object, t.Type, list[Problem]]:
    node, found = parse_document(f"a: {text}\n", "policy.yaml")
    assert node is not None and not found
    problems: list[Problem] = []
    one = literal(node.get("a"), problems)  # type: ignore[union-attr, arg-type]
    return one.value, one.type, problems


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5%", 5.0, t.PERCENT),
        ("0.5 %", 0.5, t.PERCENT),
        ("10bp", 0.1, t.PERCENT),
        ("35bp", 0.35, t.PERCENT),
        ("0.7bp", 0.007, t.PERCENT),
        ("3x", 3.0, t.LEVERAGE),
        ("24h", 24.0, t.HOURS),
        ("60s", 60.0, t.SECONDS),
        ("20min", 20 / 60, t.HOURS),
        ("50min", 50 / 60, t.HOURS),
        ("90 min", 1.5, t.HOURS),
        ("7d", 168.0, t.HOURS),
        ("0.5d", 12.0, t.HOURS),
        ("100 USD", 100.0, t.USD),
        ("-5%", -5.0, t.PERCENT),
        ("1_000 USD", 1000.0, t.USD),
        ("1e3 USD", 1000.0, t.USD),
        (".5%", 0.5, t.PERCENT),
        ("5", 5, t.BARE),
        ("0.70", 0.7, t.BARE),
        ("true", True, t.FLAG),
        ("none", None, t.NOTHING),
        ("~", None, t.NOTHING),
        ("no", "no", t.Text(frozenset({"no"}))),
        ("010", 10, t.BARE),
        ("12:30", "12:30", t.Text(frozenset({"12:30"}))),
        ("1INCH", "1INCH", t.Text(frozenset({"1INCH"}))),
        ("1000PEPE", "1000PEPE", t.Text(frozenset({"1000PEPE"}))),
        ("2026-01-31", "2026-01-31", t.Text(frozenset({"2026-01-31"}))),
        ("[BTC, ETH]", ("BTC", "ETH"), t.ListOf(t.Text(frozenset({"BTC", "ETH"})))),
        ("[1%, 2%]", (1.0, 2.0), t.ListOf(t.PERCENT)),
        ("[]", (), t.ListOf(t.TEXT)),
        ("{from: 3x, to: 5x}", {"from": 3.0, "to": 5.0}, t.Record({"from": t.LEVERAGE, "to": t.LEVERAGE})),
    ],
)
def test_what_is_written_and_what_it_is(text: str, value: object, unit: t.Type) -> None:
    found, kind, problems = read(text)
    assert (repr(found), kind, problems) == (repr(value), unit, [])


def test_any_is_the_list_of_all_names() -> None:
    found, kind, problems = read("any")
    assert problems == []
    assert kind == t.ListOf(t.TEXT, True)
    assert "whatever" in found  # type: ignore[operator]
    assert jsonable(found) == "any"


@given(st.decimals(0, 1000, places=4))
def test_a_basis_point_is_the_nearest_float_to_a_hundredth_of_a_percent(number: Decimal) -> None:
    text = f"{number}bp"
    assert read(text)[0] == float(number / 100)
    assert value(f"{text} + 0%", "percent") == float(number / 100)


@pytest.mark.parametrize(
    "text", ["35bp", "0.7bp", "5%", "0.1%", "1e3 USD", "24h", "50min", "7d", "3x", "60s", "1_000.5 USD"]
)
def test_a_literal_is_the_same_in_a_column_and_in_an_expression(text: str) -> None:
    decision = decide(f"""
        rules:
          zone:
            kind: bands
            of: account.margin_used
            cases: [{{name: A, below: 1 USD, n: {text}}}, {{name: B, n: {text}}}]
          same: {{kind: formula, formula: zone.n == {text}}}
    """)
    assert decision.outputs["same"] is True
    assert decision.outputs["zone"]["n"] == read(text)[0]


@pytest.mark.parametrize(
    ("formula", "unit", "gives"),
    [
        ("5", "count", 5),
        ("5", "ratio", 5.0),
        ("5", "score", 5.0),
        ("5%", "percent", 5.0),
        ("2 * 3", "count", 6),
        ("2 * 3", "ratio", 6.0),
        ("6 / 3", "ratio", 2.0),
        ("2 ** 3", "ratio", 8.0),
        ("-5", "ratio", -5.0),
        ("count(positions)", "count", 0),
        ("count(positions) * 0.5", "count", 0.0),
        ("1 if count(positions) == 0 else 0.5", "ratio", 1.0),
        ("max(1, 0.5)", "ratio", 1.0),
        ("max(1, 0)", "count", 1),
        ("abs(0 - 2)", "ratio", 2.0),
        ("ceil(1.2)", "count", 2.0),
        ("floor(0 - 1.5)", "ratio", -2.0),
        ("0 * -1", "ratio", 0.0),
        ("sum(1 for p in positions)", "ratio", 0.0),
    ],
)
def test_whole_numbers_stay_whole_only_where_they_count(formula: str, unit: str, gives: float) -> None:
    assert repr(value(formula, unit)) == repr(gives)
