"""What follows from several positions together: risk parity, tiers, opportunity cost, correlation."""

from typing import Any

from tests.oracle.account import Outputs, Snapshot, closable, margin_used_pct, positions, wallet

#         tier           share  assets                                                   leverage
TIERS = [
    ("CORE", 50.0, ["BTC", "ETH"], (3, 5)),
    ("GROWTH", 30.0, ["BNB", "SOL", "XRP", "ADA", "AVAX", "LINK", "DOT", "LTC"], (5, 10)),
    ("OPPORTUNITY", 15.0, None, (3, 8)),
    ("RESERVE", 5.0, [], None),
]


def correlations(s: Snapshot) -> list[list[float]]:
    """Return the snapshot's correlation matrix, or one where all correlations are equal (to zero)."""
    count = len(s["assets"])
    given = s.get("correlation")
    return given or [[1.0 if i == j else 0.0 for j in range(count)] for i in range(count)]


def parity_weights(s: Snapshot) -> list[float]:
    """Return each asset's inverse-volatility weight, as a ratio."""
    inverse = [1 / a["volatility_pct"] for a in s["assets"]]
    total = sum(inverse)
    return [x / total for x in inverse]


def risk_shares(s: Snapshot) -> list[float]:
    """Return each asset's share of the portfolio's variance: w_i · (Σw)_i / w'Σw."""
    weights, matrix = parity_weights(s), correlations(s)
    loads = [w * a["volatility_pct"] for w, a in zip(weights, s["assets"], strict=True)]
    parts = [loads[i] * sum(matrix[i][j] * loads[j] for j in range(len(loads))) for i in range(len(loads))]
    total = sum(parts)
    return [part / total for part in parts]


def risk_parity(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `risk_parity`."""
    rows = zip(s["assets"], parity_weights(s), risk_shares(s), strict=True)
    return {
        "weights": [
            {"symbol": a["symbol"], "weight_pct": 100 * weight, "risk_share_pct": 100 * share}
            for a, weight, share in rows
        ],
        "method": "inverse_volatility",
        "residual": None,
    }


def parity_pct(s: Snapshot, symbol: str) -> float | None:
    """Return the asset's weight in percent, None where `assets` is absent or does not hold it."""
    if not s.get("assets"):
        return None
    for a, weight in zip(s["assets"], parity_weights(s), strict=True):
        if a["symbol"] == symbol:
            return 100 * weight
    return None


def tier_of(base: str) -> str:
    """Return the tier that an asset belongs to."""
    for name, _, assets, _ in TIERS:
        if assets and base in assets:
            return name
    return "OPPORTUNITY"


def tier_leverage(base: str) -> tuple[int, int]:
    """Return the least and the largest leverage of the asset's tier."""
    for name, _, _, leverage in TIERS:
        if name == tier_of(base) and leverage is not None:
            return leverage
    raise AssertionError


def tiers(s: Snapshot) -> list[Outputs]:
    """Return budget, use and room of each tier."""
    rows = []
    for name, share, _, _ in TIERS:
        budget = wallet(s) * share / 100
        used = 0.0
        for p in positions(s):
            if tier_of(p["base"]) == name:
                used += p["margin"]
        rows.append(
            {
                "name": name,
                "share_pct": share,
                "budget": budget,
                "used": used,
                "room": max(0.0, budget - used),
                "deviation_pct": 0.0 if budget == 0 else 100 * (used - budget) / budget,
            }
        )
    return rows


def multi_tier(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `multi_tier`."""
    rows = tiers(s)
    daily = any(abs(row["deviation_pct"]) > 20 for row in rows[:3])
    return {"tiers": rows, "rebalance": "DAILY" if daily else "WEEKLY"}


def score(p: dict[str, Any]) -> float:
    """Return a position's score, 50 where it has none."""
    return float(p["score"]) if p.get("score") is not None else 50.0


def worst_position(s: Snapshot) -> dict[str, Any] | None:
    """Return the first position with the lowest score, of those that can be closed."""
    return min(closable(s), key=score, default=None)


def opportunity(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `opportunity`."""
    worst, free, signal_score = worst_position(s), 100 - margin_used_pct(s), s["signal"]["score"]
    if not positions(s):
        answer = "ENTER_NEW"
    elif worst is not None and signal_score > score(worst) + 10:
        answer = "ENTER_AND_CLOSE_WORST"
    elif signal_score > 80 and free > 30:
        answer = "ENTER_NEW"
    elif free < 20:
        answer = "SKIP"
    else:
        answer = "HOLD"
    closed = worst if worst is not None and answer == "ENTER_AND_CLOSE_WORST" else None
    return {
        "opportunity": answer,
        "worst_score": None if worst is None else score(worst),
        "close_symbol": closed["symbol"] if closed else None,
        "close_side": closed["side"] if closed else None,
    }


def correlated_position(s: Snapshot) -> str | None:
    """Return the symbol of the first other open position that moves with the signal's symbol, or None.

    The position to be closed is the one that `close_symbol` and `close_side` name.
    """
    if not s.get("correlation"):
        return None
    order = [a["symbol"] for a in s["assets"]]
    mine = s["signal"]["symbol"]
    closing = opportunity(s)
    closed = (closing["close_symbol"], closing["close_side"])
    for p in positions(s):
        if (p["symbol"], p["side"]) == closed or p["symbol"] == mine:
            continue
        if p["symbol"] not in order or mine not in order:
            continue
        if abs(s["correlation"][order.index(mine)][order.index(p["symbol"])]) > 0.8:
            return str(p["symbol"])
    return None
