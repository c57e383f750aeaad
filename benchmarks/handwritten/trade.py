"""The steps of a trade: Kelly, leverage, opportunity, heat, caps, liquidation."""

from math import floor
from typing import Any

from benchmarks.handwritten.account import LARGE, MEDIUM, TIERS, Band, Drawdown, Record, Tier, tier_name
from benchmarks.handwritten.book import depth
from benchmarks.handwritten.text import percent, plain, usd

KELLY_REGIME = {"STRONG_TREND": 1.3, "TRENDING": 1.0, "RANGING": 0.7, "VOLATILE": 0.5}
LEVERAGE_REGIME = {"STRONG_TREND": 1.2, "TRENDING": 1.0, "RANGING": 0.8, "VOLATILE": 0.6}


def change(rule: str, name: str, before: float, after: float, why: str) -> Record:
    """Return one adjustment."""
    return {"rule": rule, "name": name, "from": before, "to": after, "why": why, "source": SOURCE}


SOURCE = {"file": "handwritten.py", "line": 1}


def kelly_of(signal: Any, band: Band, changes: list[Record]) -> tuple[float, float]:
    """Return Kelly's percentage, and the share of the wallet that the trade takes."""
    p, b = signal.win_rate, signal.win_loss_ratio or 1.5
    regime = signal.market_regime or "TRENDING"
    kelly = 100.0 * (p * b - (1.0 - p)) / b
    half = 0.5 * kelly
    by_band = half * band.kelly
    by_regime = by_band * KELLY_REGIME[regime]
    limited = min(5.0, max(0.5, by_regime))
    risk = min(band.risk_max, max(band.risk_min, limited))
    if by_band != half:
        why = f"× {plain(band.kelly)} for a {band.name} account."
        changes.append(change("adjusted_risk", "account size", half, by_band, why))
    if by_regime != by_band:
        why = f"× {plain(KELLY_REGIME[regime])} in a {regime} market."
        changes.append(change("adjusted_risk", "market regime", by_band, by_regime, why))
    if limited != by_regime:
        why = "Between 0.5 % and 5 % of the wallet, whatever the account."
        changes.append(change("adjusted_risk", "hard limits", by_regime, limited, why))
    if risk != limited:
        why = (
            f"A {band.name} account risks {percent(band.risk_min)} to {percent(band.risk_max)} a trade; the band has "
            "the last word because the specification's worked trades follow it."
        )
        changes.append(change("adjusted_risk", "account band's risk", limited, risk, why))
    return kelly, risk


def optimum_of(snapshot: Any, wallet: float) -> float:
    """Return the leverage that market, signal and account call for."""
    signal, market, book = snapshot.signal, snapshot.market, snapshot.book
    win_rate, trades, spread = signal.win_rate, signal.trades, market.spread_pct
    by_win_rate = 0.8 if win_rate < 0.5 else 1.1 if win_rate >= 0.6 and trades is not None and trades >= 30 else 1.0
    score = market.depth_score
    if score is None:
        score = 0.5 if book is None else min(1.0, (depth(book.asks, 20) + depth(book.bids, 20)) / 1e6)
    by_spread = 1.0 if spread < 0.1 else 0.8 if spread < 0.3 else 0.5
    by_account = max(0.8, (max(wallet, 0.0) / 5000.0) ** 0.15)
    by_regime = LEVERAGE_REGIME[signal.market_regime or "TRENDING"]
    optimum: float = 10.0 * (2.0 / market.atr_pct) * score * by_win_rate * by_regime * by_spread / by_account
    return min(20.0, max(3.0, optimum))


def bracket_of(brackets: Any, notional: float) -> Any:
    """Return the bracket that holds the notional, or None."""
    for bracket in brackets or ():
        if bracket.max_notional >= notional:
            return bracket
    return None


def leverage_of(
    optimum: float, band: Band, base: str, drawdown: Drawdown, bracket: Any, changes: list[Record]
) -> float:
    """Return the optimum narrowed by band, tier, drawdown and bracket, as a whole number."""
    cap, least, tier = band.leverage_max, band.leverage_min, TIERS[tier_name(base)]
    if band is MEDIUM or band is LARGE:
        cap, least = min(cap, tier.leverage_max), max(least, tier.leverage_min)
    least = min(least, cap)
    ranged = min(cap, max(least, optimum))
    held = after_cut = min(ranged, max(3.0, ranged - drawdown.cut))
    if ranged != optimum:
        why = f"A {band.name} account uses {plain(least)}x to {plain(cap)}x for {base}."
        changes.append(change("allowed_leverage", "account band and tier", optimum, ranged, why))
    if after_cut != ranged:
        why = f"The drawdown is {drawdown.name}: {plain(drawdown.cut)}x less, but not below 3x."
        changes.append(change("allowed_leverage", "drawdown", ranged, after_cut, why))
    if bracket is not None and bracket.max_leverage < after_cut:
        held = bracket.max_leverage
        why = f"The exchange allows {plain(held)}x up to {usd(bracket.max_notional)}."
        changes.append(change("allowed_leverage", "exchange bracket", after_cut, held, why))
    whole = float(floor(held + 1e-9))
    if whole != held:
        why = "Exchanges take whole leverage only."
        changes.append(change("allowed_leverage", "whole number", held, whole, why))
    if whole < 1.0:
        why = "Less than 1x does not exist on an exchange."
        changes.append(change("allowed_leverage", "at least 1x", whole, 1.0, why))
    return max(1.0, whole)


def parity_of(assets: Any, symbol: str) -> float | None:
    """Return the symbol's inverse-volatility weight, None where it is not among the assets."""
    total, mine = 0.0, None
    for asset in assets or ():
        inverse = 1.0 / asset.volatility_pct
        total += inverse
        if asset.symbol == symbol:
            mine = inverse
    return None if mine is None else mine / total


def tier_room_of(positions: Any, wallet: float, tier: Tier) -> float:
    """Return the margin that the tier has left."""
    used = 0.0
    for position in positions:
        if tier_name(position.base) == tier.name:
            used += position.margin
    return max(0.0, wallet * tier.share / 100.0 - used)


def heat_of(positions: Any, wallet: float, margin_used: float, band: Band) -> tuple[str, float, float]:
    """Return the portfolio heat: its name, its percentage, and the size that it leaves."""
    if wallet > 0.0:
        notional = 0.0
        for position in positions:
            notional += abs(position.notional)
        pct = 100.0 * notional / (wallet * band.leverage_max)
    else:
        pct = 100.0 if positions or margin_used > 0.0 else 0.0
    if pct < 30.0:
        return "COOL", pct, 1.0
    return ("WARM", pct, 0.7) if pct <= 70.0 else ("HOT", pct, 0.3)


def opportunity_of(signal: Any, positions: Any, margin_free_pct: float) -> tuple[str, float | None, Any]:
    """Return the answer of the opportunity tree, the worst score, and the position to be closed."""
    if not positions:
        return "ENTER_NEW", None, None
    worst = min((one for one in positions if one.tradable is not False), key=score_of, default=None)
    worst_score, score = score_of(worst) if worst is not None else None, signal.score
    if worst_score is not None and score > worst_score + 10.0:
        return "ENTER_AND_CLOSE_WORST", worst_score, worst
    if score > 80.0 and margin_free_pct > 30.0:
        return "ENTER_NEW", worst_score, None
    return ("SKIP" if margin_free_pct < 20.0 else "HOLD"), worst_score, None


def score_of(position: Any) -> float:
    """Return a position's score, 50 where it has none."""
    score: float | None = position.score
    return 50.0 if score is None else score


def correlated_of(snapshot: Any, closed: Any) -> list[str]:
    """Return the symbols of the positions that move with the signal's market too closely."""
    if snapshot.correlation is None or not snapshot.assets:
        return []
    mine, places = snapshot.signal.symbol, {asset.symbol: i for i, asset in enumerate(snapshot.assets)}
    if mine not in places:
        return []
    row, found = snapshot.correlation[places[mine]], []
    for position in snapshot.positions:
        symbol = position.symbol
        if symbol == mine or (closed is not None and symbol == closed.symbol and position.side == closed.side):
            continue
        if symbol in places and abs(row[places[symbol]]) > 0.8:
            found.append(symbol)
    return found


def liquidation_of(side: str, quantity: float, price: float, margin: float, bracket: Any) -> float | None:
    """Return the price at which the order, as an isolated position, would be liquidated."""
    if bracket is None or quantity <= 0.0:
        return None
    rate, amount = bracket.maintenance_margin_rate, bracket.maintenance_amount
    if side == "BUY":
        money, share = quantity * price - margin - amount, quantity * (1.0 - rate)
    else:
        money, share = quantity * price + margin + amount, quantity * (1.0 + rate)
    return money / share if share > 0.0 and money > 0.0 else None
