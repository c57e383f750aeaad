"""Tables: the row that a name belongs to, `any`, `otherwise`, and no row at all."""

import pytest

from tests.written import decide, detail

TIERS = """
inputs: {facts.base: {type: text}, facts.other: {type: text}}
rules:
  tier:
    kind: table
    of: facts.base
    rows:
      - {name: CORE, is: [BTC, ETH], share: 50%, leverage: {from: 3x, to: 5x}}
      - {name: NOBODY, is: [], share: 5%, leverage: {from: 0x, to: 0x}}
    otherwise: {name: REST, share: 15%, leverage: {from: 3x, to: 8x}, strategies: any}
  open: {kind: table, of: facts.base, rows: [{name: CORE, is: [BTC]}]}
  first_or_any: {kind: table, of: facts.base, rows: [{name: ALL, is: any}, {name: CORE, is: [BTC]}]}
  of_another: {kind: formula, unit: percent, formula: tier.at(facts.other).share}
  maybe: {kind: formula, formula: "default(open.at(facts.other).name, NONE)"}
  rest: {kind: formula, unit: percent, formula: tier.REST.share}
  shares: {kind: formula, unit: percent, formula: sum(r.share for r in tier.rows)}
  names: {kind: each, of: tier.rows as r, give: {name: r.name, cap: r.leverage.to, all: known(r.strategies)}}
  held: {kind: formula, formula: ANYTHING in tier.REST.strategies}
"""


@pytest.mark.parametrize(("base", "row"), [("BTC", "CORE"), ("ETH", "CORE"), ("btc", "REST"), ("", "REST")])
def test_a_name_belongs_to_a_row_or_to_the_rest(base: str, row: str) -> None:
    assert decide(TIERS, facts={"base": base, "other": ""}).outputs["tier"]["name"] == row


def test_without_otherwise_there_may_be_no_row() -> None:
    outputs = decide(TIERS, facts={"base": "ETH", "other": "SOL"}).outputs
    assert outputs["open"] is None
    assert outputs["maybe"] == "NONE"
    assert decide(TIERS, facts={"base": "BTC", "other": "BTC"}).outputs["maybe"] == "CORE"


def test_a_row_that_lists_a_name_comes_before_the_row_that_takes_any() -> None:
    assert decide(TIERS, facts={"base": "BTC", "other": ""}).outputs["first_or_any"]["name"] == "CORE"
    assert decide(TIERS, facts={"base": "SOL", "other": ""}).outputs["first_or_any"]["name"] == "ALL"


def test_columns_rows_and_other_keys() -> None:
    outputs = decide(TIERS, facts={"base": "BTC", "other": "SOL"}).outputs
    core = {"name": "CORE", "share": 50.0, "leverage": {"from": 3.0, "to": 5.0}, "strategies": None}
    assert outputs["tier"] == core
    assert (outputs["of_another"], outputs["rest"], outputs["shares"]) == (15.0, 15.0, 70.0)
    assert [row["name"] for row in outputs["names"]] == ["CORE", "NOBODY", "REST"]
    assert [row["all"] for row in outputs["names"]] == [False, False, True]
    assert outputs["held"] is True


def test_the_word_any_is_what_the_answer_says() -> None:
    assert decide(TIERS, facts={"base": "SOL", "other": ""}).outputs["tier"]["strategies"] == "any"


def test_the_trace_shows_the_key_and_the_row() -> None:
    decision = decide(TIERS, facts={"base": "BTC", "other": "SOL"})
    shown = detail(decision, "tier")
    assert (shown["of"], shown["key"], shown["matched"]) == ("facts.base", "BTC", "CORE")
    none = detail(decide(TIERS, facts={"base": "SOL", "other": "SOL"}), "open")
    assert (none["key"], none["matched"]) == ("SOL", None)
