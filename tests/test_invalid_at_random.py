"""Any text is a policy or has findings: loading never raises anything else, and one slip gives one finding."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.policy.shelf import shipped
from rulecap.problems import Problem
from tests.written import MAIN, completed, problems, problems_of

RICH = """\
inputs:
  signal.market_regime: {one_of: [TRENDING, RANGING]}
  facts.funding: {unit: percent, range: [-5%, 5%], optional: true}
parameters:
  half: {value: 0.5, unit: ratio, range: [0, 1]}
  most: {unit: percent, values: [{from: 2026-01-01, is: 5%}, {from: 2026-07-01, is: 4%}]}
memory:
  peak: {start: equity, next: "max(memory.peak, equity)"}
  state: {start: NORMAL, next: drawdown.name}
decisions:
  answer:
    requires: [signal.score, market]
    outputs: {verdict: entry.verdict, size: size, worst: worst, tier: tier.name, plan: reductions, choice: choice}
    on_error: {verdict: REJECT, size: none, worst: none, tier: none, plan: none, choice: none}
    explain: ["{size} at {market.price}"]
rules:
  equity: {kind: formula, unit: USD, formula: account.total_wallet_balance + account.unrealized_pnl}
  loss:
    kind: formula
    unit: percent
    formula: as_percent(memory.peak - equity, memory.peak) if memory.peak > 0 USD else 0%
  drawdown:
    kind: bands
    of: loss
    cases: [{name: NORMAL, below: 5%, cut: 0x}, {name: LIGHT, below: 10%, cut: 2x}, {name: HEAVY, cut: 5x, pause: 24h}]
  tier:
    kind: table
    of: market.base
    rows: [{name: CORE, is: [BTC, ETH], share: 50%}]
    otherwise: {name: REST, share: 5%}
  share: {kind: formula, unit: percent, formula: "min(most, tier.share * half, default(facts.funding, 1%))"}
  leverage: {kind: adjust, unit: leverage, start: 10x, steps: [{name: cut, when: loss > 1%, minus: drawdown.cut}]}
  size:
    kind: adjust
    unit: USD
    start: percent_of(equity, share)
    steps: [{name: cap, at_most: 1000 USD * leverage, why: "at {leverage}"}, {name: step, round_down_to: 1 USD}]
  worst: {kind: pick, from: positions as p, where: known(p.score), lowest: p.score}
  parts: {kind: each, of: positions as q, give: {symbol: q.symbol, part: q.margin / account.margin_used}}
  entry:
    kind: checks
    order: [ENTER, HOLD, REJECT]
    checks:
      - {name: deep, if: drawdown.name == HEAVY, verdict: REJECT, why: "{loss} is {drawdown.name}"}
      - {name: wide, if: market.spread_pct > 0.3%, verdict: HOLD, why: wide}
      - {name: crowded, if: count(x for x in parts if x.part > 0.5) > 1, verdict: HOLD, why: crowded}
  choice:
    kind: tree
    branches: [{if: known(worst) and signal.score > 50 and worst.leverage < 5x, then: SWAP}]
    otherwise: WAIT
  reductions:
    kind: actions
    actions:
      - {when: drawdown.name == HEAVY, for: positions as p, first: p.margin, sums: {freed: p.margin},
         while: freed < 10 USD, do: {action: CLOSE, symbol: p.symbol}}
"""


def test_the_rich_policy_has_no_fault() -> None:
    assert problems(RICH) == ()


# A text that stands there once, what somebody writes instead, and the one finding: its code and the text that it is at.
SLIPS = [
    ("{one_of: [TRENDING", "{oneof: [TRENDING", "unknown-key", "oneof"),
    ("market_regime: {one", "market_regim: {one", "unknown-name", "signal.market_regim:"),
    ("range: [-5%, 5%]", "range: [-5%, 5]", "wrong-unit", "5], optional"),
    ("value: 0.5, unit: ratio", "value: 0.5", "missing-unit", "0.5, range"),
    ("value: 0.5, unit", "value: 1.5, unit", "out-of-range", "1.5"),
    ("2026-07-01", "2025-07-01", "dates-not-ascending", "2025-07-01"),
    ("is: 4%", "is: 4", "wrong-unit", "4}]}"),
    ("start: equity", "start: equty", "unknown-name", "equty"),
    ("next: drawdown.name", "next: loss", "wrong-type", "loss}"),
    ("[signal.score, market]", "[signal.scor, market]", "unknown-name", "signal.scor"),
    ("[signal.score, market]", "[market]", "optional-not-discharged", "signal.score >"),
    ("[signal.score, market]", "[signal.score, market.price, market.base]", "optional-not-discharged",
     "market.spread_pct"),
    ("verdict: entry.verdict", "verdict: entry.verdit", "unknown-name", "entry.verdit"),
    ("on_error: {verdict: REJECT, ", "on_error: {", "missing-on-error", "{size: none"),
    ("{size} at", "{sise} at", "unknown-name", "sise"),
    ("account.unrealized_pnl}", "account.unrealised_pnl}", "unknown-name", "account.unrealised_pnl"),
    ("account.unrealized_pnl}", "account.unrealized_pnl * 1%}", "wrong-unit", "account.unrealized_pnl * 1%"),
    ("memory.peak > 0 USD", "memory.peak > 0", "wrong-unit", "0 else"),
    ("else 0%", "else 0", "wrong-unit", "0\n"),
    ("of: loss", "of: los", "unknown-name", "los\n"),
    ("below: 10%", "below: 5%", "band-not-ascending", "5%, cut: 2x"),
    ("below: 10%, ", "", "band-bounds", "LIGHT"),
    ("cut: 2x", "cut: 2", "wrong-unit", "2}"),
    ("name: LIGHT", "name: NORMAL", "duplicate-case", "NORMAL, below: 10%"),
    ("is: [BTC, ETH]", "is: [BTC, BTC]", "duplicate-case", "BTC], share"),
    ("tier.share * half", "tier.shar * half", "unknown-name", "tier.shar "),
    ("tier.share * half", "tier.share + half", "wrong-unit", "tier.share + half"),
    ("default(facts.funding, 1%)", "facts.funding", "optional-not-discharged", "facts.funding)"),
    ("start: 10x", "start: 10", "wrong-unit", "10, steps"),
    ("when: loss > 1%", "when: loss", "wrong-type", "loss, minus"),
    ("round_down_to: 1 USD", "round_down: 1 USD", "unknown-key", "round_down:"),
    ("1000 USD * leverage", "1000 USD * share", "wrong-unit", "1000 USD * share"),
    ("at {leverage}", "at {leverage", "not-an-expression", "{leverage\""),
    ("from: positions as p, where", "from: positions, where", "not-an-expression", "positions, where"),
    ("where: known(p.score), lowest: p.score", "where: p.score > 5", "optional-not-discharged", "p.score > 5"),
    ("lowest: p.score}", "lowest: p.symbol}", "wrong-type", "p.symbol}\n  parts"),
    ("q.margin / account", "r.margin / account", "unknown-name", "r.margin"),
    ("verdict: HOLD, why: wide", "verdict: HOLDD, why: wide", "unknown-name", "HOLDD"),
    ("x.part > 0.5", "x.part > 50%", "wrong-unit", "50%)"),
    ("drawdown.name == HEAVY, verdict", "drawdown.name == HEVY, verdict", "unknown-name", "HEVY"),
    ("{loss} is", "{loss +} is", "not-an-expression", "+} is"),
    ("known(worst) and signal", "signal", "optional-not-discharged", "worst.leverage"),
    ("then: SWAP", "then: 5%", "wrong-type", "WAIT"),
    ("sums: {freed:", "sums: {free:", "unknown-name", "freed <"),
    ("while: freed < 10 USD", "while: freed < 10", "wrong-unit", "10, do"),
    ("kind: actions", "kind: action", "not-allowed", "action\n"),
    ("formula: account.total", "formula: size + account.total", "cycle", ""),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "code", "at"), SLIPS, ids=lambda text: text[:24])
def test_one_slip_gives_one_finding(right: str, wrong: str, code: str, at: str) -> None:
    assert RICH.count(right) == 1 or right in {"[signal.score, market]"}
    text = RICH.replace(right, wrong, 1)
    found = problems(text)
    assert [one.code for one in found] == [code], "\n".join(one.render() for one in found)
    place = found[0].location
    assert place is not None
    if at:
        rest = "\n".join(text.split("\n")[place.line - 1 :])[place.column - 1 :]
        assert rest.startswith(at), rest[:40]


def _mutated(text: str, changes: list[tuple[int, int, str]]) -> str:
    for place, length, piece in changes:
        at = place % (len(text) + 1)
        text = text[:at] + piece + text[at + length :]
    return text


PIECES = [
    "", " ", "\n", "  ", ":", "- ", "{", "}", "[", "]", ",", "'", '"', "%", "x", "none", "true", "5", "memory.", "loss",
    "#", "&a ", "*a", "|", ">", "!!str ", "kind: formula", "is", "(", ")", "é", "\t", "name: NORMAL", "value", "\0",
    "p",
]  # fmt: skip
pieces = st.sampled_from(PIECES)
changes = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12), pieces), min_size=1, max_size=3)


@settings(max_examples=150)
@given(changes)
def test_a_broken_text_has_findings_and_nothing_else_happens(changes: list[tuple[int, int, str]]) -> None:
    text = completed(RICH)
    _sound(problems_of({MAIN: _mutated(text, changes)}))


PARTS = [
    part
    for path in sorted(shipped()["default"].glob("*.yaml"))
    for part in re.findall(r"^  [a-z_]+:.*\n(?:    .*\n)+", path.read_text(encoding="utf-8"), re.MULTILINE)
    if "    kind: " in part
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PARTS), max_size=6), changes)
def test_rules_out_of_their_place_have_findings(parts: list[str], changes: list[tuple[int, int, str]]) -> None:
    text = completed("rules:\n" + "".join(parts))
    _sound(problems_of({MAIN: text}))
    _sound(problems_of({MAIN: _mutated(text, changes)}))


def _sound(found: tuple[Problem, ...]) -> None:
    assert len(set(found)) == len(found)
    places = [one.location for one in found]
    assert all(places)
    assert places == sorted(places)  # type: ignore[type-var]  # there are none among them
    for one in found:
        assert one.message
        assert one.render()
