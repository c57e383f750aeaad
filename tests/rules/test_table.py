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


def test_a_table_that_looks_nothing_up_has_rows_and_a_row_by_another_name() -> None:
    outputs = decide("""
rules:
  ladder:
    kind: table
    rows: [{name: FIRST, depth: 1%, size: 500 USD}, {name: SECOND, depth: 2%, size: 750 USD}]
  orders: {kind: each, of: ladder.rows as l, give: {layer: l.name, size: l.size}}
  all: {kind: formula, unit: USD, formula: sum(l.size for l in ladder.rows)}
  second: {kind: formula, unit: percent, formula: ladder.SECOND.depth}
  sector: {kind: table, rows: [{name: MAJOR, is: [demo, BTC], most: 50%}], otherwise: {name: REST, most: 10%}}
  most: {kind: formula, unit: percent, formula: sector.at(account.id).most}
  rest: {kind: formula, unit: percent, formula: sector.at('DOGE').most}
decisions:
  answer:
    outputs: {orders: orders, all: all, second: second, most: most, rest: rest}
    on_error: {orders: [], all: none, second: none, most: none, rest: none}
""").outputs
    assert outputs == {
        "orders": [{"layer": "FIRST", "size": 500.0}, {"layer": "SECOND", "size": 750.0}],
        "all": 1250.0, "second": 2.0, "most": 50.0, "rest": 10.0,
    }  # fmt: skip


def test_a_row_that_only_fixed_names_ask_for_is_no_slip() -> None:
    """The rows say what there is; a fixed name asks for one of them, and does not say that the others are none."""
    written = """
rules:
  tier: {kind: table, rows: [{name: CORE, is: [BTC, ETH], share: 50%}], otherwise: {name: REST, share: 15%}}
  fixed: {kind: formula, unit: percent, formula: tier.at('BTC').share}
  all: {kind: formula, unit: percent, formula: sum(r.share for r in tier.rows)}
decisions: {answer: {outputs: {fixed: fixed, all: all}, on_error: {fixed: none, all: none}}}
"""
    assert decide(written).outputs == {"fixed": 50.0, "all": 65.0}
