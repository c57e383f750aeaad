"""What is said of a snapshot that a decision does not take: every problem, under its code, where it is and in words."""

from typing import Any

import pytest

from tests.written import decide, policy

POLICY = policy("""
inputs:
  market.atr_pct: {range: [1%, 5%]}
  positions.leverage: {range: [1x, 10x]}
  signal.market_regime: {one_of: [TRENDING, RANGING]}
  market.symbol: {same_as: signal.symbol}
  facts.rate: {unit: percent, optional: true}
  facts.span: {unit: percent, range: [1%, 5%]}
  facts.mode: {one_of: [FAST, SLOW]}
  facts.halted: {type: flag, optional: true}
  facts.note: {type: text, optional: true}
rules:
  move: {kind: formula, formula: "market.atr_pct + facts.span + default(facts.rate, 0%)", unit: percent}
  most: {kind: formula, formula: "default(max(p.leverage for p in positions), 0x)", unit: leverage}
  same: {kind: formula, formula: "market.symbol == signal.symbol and default(facts.note, '') == ''"}
  quick: {kind: formula, formula: "facts.mode == FAST and not default(facts.halted, false)"}
  trend: {kind: formula, formula: signal.market_regime == TRENDING}
decisions:
  answer:
    requires: [market.atr_pct, signal.market_regime, book]
    outputs: {move: move, most: most, same: same, quick: quick, trend: trend}
    on_error: {move: none, most: none, same: none, quick: none, trend: none}
""")
MARKET = {"symbol": "X", "price": 5, "atr_pct": 2}
SIGNAL = {"symbol": "X", "market_regime": "TRENDING", "side": "BUY"}
BOOK = {"bids": [[4, 1]], "asks": [[6, 1]]}
FACTS = {"span": 2, "mode": "FAST"}
NEEDED = "the decision answer cannot do without "
HINT = "the snapshot has facts.spam: is it meant?"


def refused(**parts: Any) -> list[tuple[str, str, str, str]]:
    """Return what is said of a snapshot that would be fine but for these parts."""
    decision = decide(POLICY, **{"market": MARKET, "signal": SIGNAL, "facts": FACTS, "book": BOOK, **parts})
    assert decision.ok is not bool(decision.problems)
    return [(one.code, one.path, one.message, one.hint) for one in decision.problems]


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("market", {"atr_pct": 5}, []),
        ("market", {"atr_pct": 1}, []),
        ("market", {"atr_pct": 5.5}, [("out-of-range", "market.atr_pct", "must be between 1 % and 5 %, got 5.5", "")]),
        ("market", {"atr_pct": 0.5}, [("out-of-range", "market.atr_pct", "must be between 1 % and 5 %, got 0.5", "")]),
        ("market", {"atr_pct": None}, [("missing-input", "market.atr_pct", f"{NEEDED}market.atr_pct", "")]),
        (
            "signal",
            {"market_regime": "TREND"},
            [
                (
                    "not-allowed",
                    "signal.market_regime",
                    "must be one of RANGING, TRENDING, got TREND",
                    "did you mean TRENDING?",
                )
            ],
        ),
        (
            "signal",
            {"symbol": "Y"},
            [("does-not-agree", "market.symbol", "market.symbol is X, signal.symbol is Y: they must be the same", "")],
        ),
        ("facts", {"rate": 1}, []),
        ("facts", {"rate": "high"}, [("wrong-type", "facts.rate", "must be a number (percent), got high", "")]),
        ("facts", {"rate": True}, [("wrong-type", "facts.rate", "must be a number (percent), got True", "")]),
        ("facts", {"span": 1}, []),
        ("facts", {"span": 6}, [("out-of-range", "facts.span", "must be between 1 % and 5 %, got 6", "")]),
        ("facts", {"span": True}, [("wrong-type", "facts.span", "must be between 1 % and 5 %, got True", "")]),
        (
            "facts",
            {"span": None},
            [("missing-input", "facts.span", "is missing, and must be between 1 % and 5 %", "")],
        ),
        (
            "facts",
            {"span": None, "spam": 2},
            [("missing-input", "facts.span", "is missing, and must be between 1 % and 5 %", HINT)],
        ),
        ("facts", {"mode": None}, [("missing-input", "facts.mode", "is missing, and must be one of FAST, SLOW", "")]),
        ("facts", {"mode": 5}, [("wrong-type", "facts.mode", "must be one of FAST, SLOW, got 5", "")]),
        (
            "facts",
            {"mode": "FASTER"},
            [("not-allowed", "facts.mode", "must be one of FAST, SLOW, got FASTER", "did you mean FAST?")],
        ),
        ("facts", {"halted": True}, []),
        ("facts", {"halted": 1}, [("wrong-type", "facts.halted", "must be a flag, got 1", "")]),
        ("facts", {"halted": "yes"}, [("wrong-type", "facts.halted", "must be a flag, got yes", "")]),
        ("facts", {"note": 5}, [("wrong-type", "facts.note", "must be a name, got 5", "")]),
    ],
)
def test_a_value_that_is_not_taken_is_named(part, change, told):
    whole = {"market": MARKET, "signal": SIGNAL, "facts": FACTS}[part]
    changed = {name: value for name, value in {**whole, **change}.items() if value is not None}
    assert refused(**{part: changed}) == told


def test_what_is_required_is_named_where_it_is_missing_and_nothing_else():
    needed = [("missing-input", name, NEEDED + name, "") for name in ("book", "market.atr_pct", "signal.market_regime")]
    assert refused(book=None) == needed[:1]
    assert refused(market=None) == needed[1:2]
    assert refused(signal=None) == needed[2:]
    assert sorted(refused(book=None, market=None, signal=None)) == needed


def test_a_part_that_is_required_with_all_in_it_is_named_once():
    text = """
decisions:
  answer:
    requires: [market]
    outputs: {price: market.price}
    on_error: {price: none}
"""
    assert [one.path for one in decide(text).problems] == ["market"]
    assert "market.min_notional" in [one.path for one in decide(text, market=MARKET).problems]


def test_a_list_that_is_required_may_be_empty():
    text = """
decisions:
  answer:
    requires: [assets, market.price]
    outputs: {price: market.price, many: count(assets)}
    on_error: {price: none, many: none}
"""
    assert [one.path for one in decide(text, assets=[]).problems] == ["market.price"]


def test_each_element_of_a_list_has_its_place():
    positions = [{"symbol": name, "leverage": leverage} for name, leverage in (("A", 10), ("B", 11), ("C", 0.5))]
    assert refused(positions=positions) == [
        ("out-of-range", "positions[1].leverage", "must be between 1x and 10x, got 11.0", ""),
        ("out-of-range", "positions[2].leverage", "must be between 1x and 10x, got 0.5", ""),
    ]


def test_everything_is_named_at_once():
    told = refused(market={**MARKET, "atr_pct": 7}, facts={"mode": "FAST"}, positions=[{"leverage": 11}])
    assert [path for _, path, _, _ in told] == ["market.atr_pct", "positions[0].leverage", "facts.span"]
