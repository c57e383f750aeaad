"""What the default policy says of its answers: each sentence stands where it is true, and only there."""

import json
from typing import Any

import pytest

from rulecap.engine.amend import amended
from tests.promises.shipped import ROOT, shipped

CALM = json.loads((ROOT / "policies/default/tests/calm.json").read_text(encoding="utf-8"))
OPEN = {
    "symbol": "ETHUSDT", "base": "ETH", "side": "LONG", "quantity": 1, "entry_price": 2500, "mark_price": 2500,
    "notional": 2500, "margin": 500, "leverage": 5, "unrealized_pnl": 0, "score": 90,
}  # fmt: skip
WEAK, UNTRADED = {**OPEN, "score": 20}, {**OPEN, "tradable": False}
TRADED = {**OPEN, "symbol": "BTCUSDT", "base": "BTC"}
BITS = {"bids": [[49995, 0.0001]], "asks": [[50005, 0.0001]]}
THIN = {"bids": [[49995, 10]], "asks": [[50005, 0.01]]}
OFF, LEFT_OUT = "More than 20 % off their budget: ", "Left out, because the exchange does not trade their markets"
MARGINS = {"positions.0": OPEN, "positions.1": {**OPEN, "base": "SOL"}, "positions.2": {**OPEN, "base": "DOGE"}}
ON_BUDGET = {**MARGINS, "positions.0.margin": 2500, "positions.1.margin": 1500, "positions.2.margin": 750}
SIZED, SPOKEN = "Kelly says 25 %, half of it 12.5 %", "The optimum for this market is 10x"

# Decision, what is changed about a calm account, memory; then how each sentence begins.
SAID: list[tuple[str, dict[str, Any], dict[str, Any] | None, list[str]]] = [
    ("state", {}, None, ["The wallet holds $5,000", "0 % of the wallet is margin", "At the 5x of a LARGE account"]),
    ("state", {"account.total_wallet_balance": 0}, None,
     ["The wallet holds $0", "0 % of the wallet", "At the 10x", "The wallet is not above zero: margin counts"]),
    ("kelly", {}, None, ["A win rate of 0.55", "Adapted to a LARGE account in a TRENDING market"]),
    ("kelly", {"signal.win_rate": 0.4}, None, ["A win rate of 0.4 ", "Adapted to", "There is no edge"]),
    ("kelly", {"signal.win_rate": 0.401}, None, ["A win rate of 0.401", "Adapted to", "The account band's floor bets"]),
    ("margin", {}, None, ["0 % of the wallet is margin: GREEN_ZONE", "50 % ($2,500) more"]),
    ("margin", {"account.margin_used": 2500, "positions": [UNTRADED]}, None,
     ["50 % of the wallet is margin: YELLOW_ZONE", "25 % ($1,250) more", "YELLOW_ZONE: "]),
    ("margin", {"account.margin_used": 4000, "positions": [OPEN, UNTRADED], "account.maintenance_margin": 500}, None,
     ["80 % of", "10 % ($500) more", "ORANGE_ZONE: ", f"{LEFT_OUT} at the moment: 1 of 2", "Maintenance margin is 10"]),
    ("margin", {"account.margin_used": 4000, "positions": [OPEN]}, None, ["80 % of", "10 % (", "ORANGE_ZONE: "]),
    ("margin", {"account.margin_used": 4500, "positions": [UNTRADED]}, None, ["90 % of", "RED_ZONE: ", LEFT_OUT]),
    ("scaling", {}, None, ["A wallet of $5,000 is a LARGE account", "It holds 0 of at most 15 positions"]),
    ("scaling", {"account.total_wallet_balance": 50}, None, ["A wallet of $50", "It holds", "Below $100 no trade is"]),
    ("drawdown", {}, None, ["Equity of $5,000 is 0 % below", "Positions are sized × 1"]),
    ("drawdown", {"account.total_wallet_balance": 4800}, {"peak_equity": 5000, "trough_equity": 4600},
     ["Equity of $4,800 is 4 % below", "Positions are sized × 0.85", "The account is still recovering: at its worst"]),
    ("drawdown", {"account.net_deposits": 1000}, {"peak_equity": 4000, "trough_equity": 4000, "net_deposits": 0},
     ["Equity of $5,000 is 0 % below", "Positions are sized × 1", "$1,000 was paid in or out"]),
    ("drawdown", {"account.net_deposits": 1}, {"peak_equity": 4000, "trough_equity": 4000, "net_deposits": 0},
     ["Equity of $5,000 is 0 % below", "Positions are sized × 1", "$1 was paid in or out"]),
    ("drawdown", {"account.total_wallet_balance": 3000}, {"peak_equity": 5000, "trough_equity": 5000},
     ["Equity of $3,000 is 40 % below", "Positions are sized × 0.25", "The circuit breaker tripped at 2026-03-02T12"]),
    ("opportunity", {}, None, ["Nothing is open"]),
    ("opportunity", {"positions": [OPEN]}, None, ["The signal scores 75, the worst open position 90;"]),
    ("opportunity", {"positions": [UNTRADED]}, None, ["The signal scores 75, no open position can be closed"]),
    ("opportunity", {"positions": [WEAK]}, None,
     ["The signal scores 75, the worst open position 20;", "The LONG position in ETHUSDT makes room"]),
    ("multi_tier", ON_BUDGET, None, ["No tier is more than 20 % off"]),
    ("multi_tier", {**ON_BUDGET, "positions.0.margin": 3100}, None, [f"{OFF}CORE. Rebalance DAILY."]),
    ("liquidity", {}, None,
     ["$3,501,050 stands in the first 20", "$100 would be filled 0.01 % off", "Up to $3,501,050", "The order of $100"]),
    ("liquidity", {"book": None}, None, ["There is no order book"]),
    ("liquidity", {"book": BITS}, None,
     ["$5 stands in", "The levels cannot fill $100: the size is × 0.3", "Up to $5 stays", "The order of $5 is"]),
    ("liquidity", {"book": THIN}, None,
     ["$500.05 stands", "$100 would be", "Up to $500.05", "The order of $100 is 19.998 %", "In 4 slices: 0.0005"]),
    ("position", {}, None, ["ENTER: BUY 0.002 BTC for $100 at 5x", SIZED, SPOKEN]),
    ("position", {"account.margin_used": 2500}, None,
     ["REJECT: ", "Nothing is placed: YELLOW_ZONE: 50 %", SIZED, SPOKEN]),
    ("position", {"signal.trades": 5}, None,
     ["CAUTION: ", "To be taken with caution: the win rate rests on 5 trades", SIZED, SPOKEN]),
    ("position", {"positions": [WEAK]}, None, ["ENTER: ", SIZED, SPOKEN, "The LONG position in ETHUSDT is to be"]),
    ("position", {"book": BITS}, None,
     ["CAUTION: ", "To be taken with caution: the book's", SIZED, "Of that, × 0.3 for liquidity", SPOKEN]),
    ("position", {"market.brackets": [{"max_notional": 1000, "max_leverage": 20, "maintenance_margin_rate": 0.01,
                                       "maintenance_amount": 0}]}, None,
     ["ENTER: ", SIZED, SPOKEN, "As an isolated position it would be liquidated at 40,404"]),
    ("reduction", {"signal.side": "SELL"}, None, ["REJECT: SELL 0 of BTCUSDT", "nothing to reduce"]),
    ("reduction", {"signal.side": "SELL", "positions": [TRADED]}, None,
     ["ENTER: SELL 1 of BTCUSDT", "1 is open on the LONG side; a reduction is taken whatever the limits say"]),
]  # fmt: skip


@pytest.mark.parametrize(("decision", "changes", "memory", "begins"), SAID)
def test_each_sentence_stands_where_it_is_true(
    decision: str, changes: dict[str, Any], memory: dict[str, Any] | None, begins: list[str]
) -> None:
    """Whoever reads why a trade was refused believes it: a sentence that is not true of this account is an error."""
    answer = shipped("default").evaluate(amended(CALM, changes.items()), decision, memory)
    assert answer.ok
    said = answer.trace.explain().split("\n\n")[0].split("\n")
    assert [line[: len(begin)] for line, begin in zip(said, begins, strict=False)] == begins, said
    assert len(said) == len(begins), said
