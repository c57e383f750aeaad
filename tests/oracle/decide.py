"""Which parts of a snapshot each decision needs, what makes it invalid, and the dispatch."""

from collections.abc import Callable
from typing import Any

from tests.oracle import account, portfolio, trade
from tests.oracle.account import Memory, Outputs, Snapshot

REGIMES = ("STRONG_TREND", "TRENDING", "RANGING", "VOLATILE")
WHOLE_MARKET = ("base", "price", "atr_pct", "spread_pct", "min_quantity", "quantity_step", "min_notional")


class InputError(Exception):
    """The snapshot lacks what the decision needs, or holds what the policy does not accept."""


def need(condition: bool, what: str) -> None:
    """Raise `InputError` where the condition does not hold."""
    if not condition:
        raise InputError(what)


def need_signal(s: Snapshot, *fields: str) -> None:
    """Require fields of the signal, and a regime that the policy knows."""
    for field in fields:
        need(trade.of_signal(s, field) is not None, f"signal.{field}")
    if "win_rate" in fields and s.get("risked_at_the_stop"):
        need(trade.of_signal(s, "stop_distance_pct") is not None, "signal.stop_distance_pct")
    need(trade.of_signal(s, "market_regime", "TRENDING") in REGIMES, "market_regime")


def need_market(s: Snapshot) -> None:
    """Require the whole market, in the ranges of the policy, and the signal's."""
    market = s.get("market") or {}
    for field in WHOLE_MARKET:
        need(market.get(field) is not None, f"market.{field}")
    need(0.01 <= market["atr_pct"] <= 100, "atr_pct")
    need(0 <= market["spread_pct"] <= 100, "spread_pct")


def need_same_symbol(s: Snapshot) -> None:
    """Require that signal and market speak of one symbol."""
    need(s["signal"]["symbol"] == s["market"]["symbol"], "another symbol")


def need_volatilities(s: Snapshot) -> None:
    """Require volatilities in the range of the policy."""
    for asset in s.get("assets") or []:
        need(0.01 <= asset["volatility_pct"] <= 1000, "volatility_pct")


def reduces(s: Snapshot) -> bool:
    """Return whether the signal asks for a reduction."""
    return trade.of_signal(s, "reduce_only") is True


def decide_position(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the recommendation for an entry or a reduction."""
    if reduces(s):
        need((s.get("market") or {}).get("price") is not None, "market.price")
        need_same_symbol(s)
        return trade.reduction(s, memory)
    need_signal(s, "score", "win_rate")
    need_market(s)
    need_same_symbol(s)
    need_volatilities(s)
    return trade.position(s, memory)


def decide_leverage(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the optimal and the allowed leverage."""
    need_signal(s)
    need_market(s)
    if s.get("signal"):
        need_same_symbol(s)
    return trade.leverage(s, memory)


def decide_kelly(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the Kelly sizing."""
    need_signal(s, "win_rate")
    if s.get("risked_at_the_stop") and s.get("market"):
        need_same_symbol(s)  # the market's fee is part of the risk
    return trade.kelly(s)


def decide_liquidity(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return impact and execution."""
    need_signal(s, "win_rate")
    need_market(s)
    need_same_symbol(s)
    need_volatilities(s)
    return trade.liquidity(s, memory)


def decide_opportunity(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the answer of the opportunity tree."""
    need_signal(s, "score")
    return portfolio.opportunity(s)


def decide_risk_parity(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the weights."""
    need(bool(s.get("assets")), "assets")
    need_volatilities(s)
    return portfolio.risk_parity(s)


DECISIONS: dict[str, Callable[[Snapshot, Memory | None], Outputs]] = {
    "state": lambda s, _: account.state(s),
    "leverage": decide_leverage,
    "kelly": decide_kelly,
    "margin": lambda s, _: account.margin(s),
    "scaling": lambda s, _: account.scaling(s),
    "risk_parity": decide_risk_parity,
    "drawdown": lambda s, memory: account.drawdown(s, memory)[0],
    "opportunity": decide_opportunity,
    "multi_tier": lambda s, _: portfolio.multi_tier(s),
    "liquidity": decide_liquidity,
    "position": decide_position,
}


def decide(
    decision: str, snapshot: Snapshot, memory: Memory | None = None, *, policy: str = "default"
) -> tuple[Outputs, dict[str, Any]]:
    """Return the outputs of a decision and the next memory, by the policy `default` or `stop-risk`.

    Raises:
        InputError: the snapshot lacks what the decision needs.
    """
    if policy == "stop-risk":
        snapshot = snapshot | {"risked_at_the_stop": True}
    need(abs(account.wallet(snapshot)) <= 1e12, "total_wallet_balance")
    return DECISIONS[decision](snapshot, memory), account.drawdown(snapshot, memory)[1]
