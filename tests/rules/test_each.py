"""Each: one record for each element that fits, in the list's order."""

from tests.written import decide, detail

SHARES = """
rules:
  shares:
    kind: each
    of: positions as p
    where: p.margin > 0 USD
    give:
      symbol: p.symbol
      share: p.margin / sum(q.margin for q in positions)
      score: p.score
      whole: 1
  doubled: {kind: each, of: shares as s, give: {share: s.share * 2, high: s.share > 0.5, nested: s}}
  numbers: {kind: formula, unit: ratio, formula: sum(s.share for s in shares)}
  nothing: {kind: each, of: positions as p, where: p.margin > 1000 USD, give: {a: p.symbol}}
"""
TWO = [{"symbol": "A", "margin": 30, "score": 7}, {"symbol": "B", "margin": 10}, {"symbol": "C", "margin": 0}]


def test_one_record_for_each_that_fits() -> None:
    outputs = decide(SHARES, positions=TWO).outputs
    assert outputs["shares"] == [
        {"symbol": "A", "share": 0.75, "score": 7.0, "whole": 1},
        {"symbol": "B", "share": 0.25, "score": None, "whole": 1},
    ]
    assert [one["high"] for one in outputs["doubled"]] == [True, False]
    assert outputs["doubled"][1]["nested"]["symbol"] == "B"
    assert outputs["numbers"] == 1.0
    assert outputs["nothing"] == []


def test_no_record_of_nothing() -> None:
    outputs = decide(SHARES).outputs
    assert (outputs["shares"], outputs["doubled"], outputs["numbers"]) == ([], [], 0.0)


def test_an_element_that_cannot_be_computed_makes_no_answer() -> None:
    text = "rules:\n  e: {kind: each, of: positions as p, give: {a: 1 / (p.margin - p.margin)}}\n"
    decision = decide(text, positions=[{}])
    assert (decision.ok, decision.outputs) == (False, {"e": None})
    assert [str(one.location) for one in decision.problems] == ["policy.yaml:2:49"]


def test_the_trace_shows_the_list_and_the_formulas() -> None:
    shown = detail(decide(SHARES, positions=TWO), "shares")
    assert (shown["of"], shown["where"], shown["count"]) == ("positions as p", "p.margin > 0 USD", 3)
    assert shown["give"]["share"] == "p.margin / sum(q.margin for q in positions)"
