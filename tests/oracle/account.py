"""What follows from the account: capital state, margin zones, account bands, drawdown."""

from datetime import UTC, datetime, timedelta
from typing import Any

Snapshot = dict[str, Any]
Memory = dict[str, Any]
Outputs = dict[str, Any]

#          band        from   positions  leverage  risk %  assets                        strategies               goal
BANDS = [
    ("SMALL", 100.0, 5, (5, 10), (3, 5), ["BTC", "ETH"], ["sniper"], "rapid growth"),
    ("MEDIUM", 1000.0, 10, (3, 8), (2, 3), ["BTC", "ETH", "BNB", "SOL"], ["pyramid", "dca"], "consistent growth"),
    ("LARGE", 5000.0, 15, (2, 5), (1, 2), "any", ["pairs", "hedging", "twap"], "capital preservation"),
]
#         zone           below  status       pauses entries
ZONES = [
    ("GREEN_ZONE", 50.0, "HEALTHY", False),
    ("YELLOW_ZONE", 75.0, "WARNING", True),
    ("ORANGE_ZONE", 90.0, "CRITICAL", True),
    ("RED_ZONE", None, "EMERGENCY", True),
]
#               state      below size  leverage cut
DRAWDOWNS = [
    ("NORMAL", 5.0, 1.0, 0),
    ("LIGHT", 10.0, 0.7, 2),
    ("MODERATE", 20.0, 0.5, 5),
    ("HEAVY", None, 0.25, 20),
]


def wallet(s: Snapshot) -> float:
    """Return the wallet balance."""
    return float(s["account"]["total_wallet_balance"])


def equity(s: Snapshot) -> float:
    """Return wallet and unrealized profit."""
    return wallet(s) + float(s["account"]["unrealized_pnl"])


def positions(s: Snapshot) -> list[dict[str, Any]]:
    """Return the open positions."""
    return list(s.get("positions") or [])


def something_open(s: Snapshot) -> bool:
    """Return whether there are positions or margin in use."""
    return bool(positions(s)) or s["account"]["margin_used"] > 0


def margin_used_pct(s: Snapshot) -> float:
    """Return margin used as percent of the wallet; all or nothing where the wallet is not above zero."""
    if wallet(s) <= 0:
        return 100.0 if something_open(s) else 0.0
    return 100 * float(s["account"]["margin_used"]) / wallet(s)


def zone(s: Snapshot) -> tuple[str, float | None, str, bool]:
    """Return the margin zone: name, upper bound, capital status, whether entries pause."""
    for name, below, status, pauses in ZONES:
        if below is None or margin_used_pct(s) < below:
            return name, below, status, pauses
    raise AssertionError


def band(s: Snapshot) -> dict[str, Any]:
    """Return the account band; under 100 USD SMALL's values with the name TOO_SMALL."""
    found = BANDS[0]
    for row in BANDS:
        if wallet(s) >= row[1]:
            found = row
    name, _, count, leverage, risk, assets, strategies, goal = found
    return {
        "name": "TOO_SMALL" if wallet(s) < 100 else name,
        "max_positions": count,
        "leverage_min": leverage[0],
        "leverage_max": leverage[1],
        "risk_min_pct": risk[0],
        "risk_max_pct": risk[1],
        "assets": assets,
        "strategies": strategies,
        "goal": goal,
    }


def heat_pct(s: Snapshot) -> float:
    """Return the positions' notional as percent of the largest that the band allows."""
    if wallet(s) <= 0:
        return 100.0 if something_open(s) else 0.0
    total = 0.0
    for p in positions(s):
        total += abs(p["notional"])
    return 100 * total / (wallet(s) * float(band(s)["leverage_max"]))


def state(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `state`."""
    account, most = s["account"], band(s)["leverage_max"]
    return {
        "total_wallet_balance": wallet(s),
        "available_balance": account["available_balance"],
        "margin_used": account["margin_used"],
        "margin_used_pct": margin_used_pct(s),
        "margin_free_pct": 100 - margin_used_pct(s),
        "unrealized_pnl": account["unrealized_pnl"],
        "equity": equity(s),
        "buying_power": wallet(s) * most,
        "free_buying_power": account["available_balance"] * most,
        "capital_status": zone(s)[2],
        "band": band(s)["name"],
    }


def scaling(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `scaling`."""
    of_band = band(s)
    name = of_band.pop("name")
    return {"band": name, "open_positions": len(positions(s)), **of_band}


def closable(s: Snapshot) -> list[dict[str, Any]]:
    """Return the positions of which nobody says that their market is not traded."""
    return [p for p in positions(s) if p.get("tradable") is not False]


def closing_order(s: Snapshot) -> list[dict[str, Any]]:
    """Return the positions that can be closed, lowest profit on margin first, those without margin last."""
    with_margin = [p for p in closable(s) if p["margin"] > 0]
    without = [p for p in closable(s) if not p["margin"] > 0]
    return sorted(with_margin, key=lambda p: float(p["unrealized_pnl"] / p["margin"])) + without


def margin_actions(s: Snapshot) -> list[Outputs]:
    """Return the reductions that the zone asks for."""
    name = zone(s)[0]
    if name == "ORANGE_ZONE":
        return [action("REDUCE", p, 0.30 * p["quantity"]) for p in closable(s)]
    if name != "RED_ZONE":
        return []
    closed: list[Outputs] = []
    margin_left = s["account"]["margin_used"]
    for p in closing_order(s):
        if margin_left < 0.50 * wallet(s):
            break
        closed.append(action("CLOSE", p, p["quantity"]))
        margin_left -= p["margin"]
    return closed


def action(name: str, p: dict[str, Any], quantity: float) -> Outputs:
    """Return one reduce-only action on a position."""
    return {
        "action": name,
        "symbol": p["symbol"],
        "side": p["side"],
        "quantity": quantity,
        "reduce_only": True,
    }


def margin(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `margin`."""
    name, below, status, _ = zone(s)
    maintenance = s["account"].get("maintenance_margin")
    known_ratio = maintenance is not None and equity(s) > 0
    headroom = None if below is None else below - margin_used_pct(s)
    return {
        "zone": name,
        "capital_status": status,
        "margin_used_pct": margin_used_pct(s),
        "headroom_pct": headroom,
        "headroom_usd": None if headroom is None else max(0.0, wallet(s)) * headroom / 100,
        "actions": margin_actions(s),
        "maintenance_ratio_pct": 100 * maintenance / equity(s) if known_ratio else None,
        "positions": [to_liquidation(p) for p in positions(s)],
    }


def to_liquidation(p: dict[str, Any]) -> Outputs:
    """Return how far a position's mark price is from its liquidation price, None where that is unknown."""
    mark, price = p["mark_price"], p.get("liquidation_price")
    distance = None if price is None else 100 * abs(mark - price) / mark
    return {"symbol": p["symbol"], "side": p["side"], "distance_pct": distance}


def parse_time(text: str) -> datetime:
    """Return an ISO time as an aware time in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def time_text(time: datetime) -> str:
    """Return a time as ISO text with Z."""
    return time.isoformat().replace("+00:00", "Z")


def in_drawdown(pct: float) -> tuple[str, float, int]:
    """Return the drawdown state of a percentage: name, size, leverage cut."""
    for name, below, size, cut in DRAWDOWNS:
        if below is None or pct < below:
            return name, size, cut
    raise AssertionError


def below_peak_pct(peak: float, value: float) -> float:
    """Return by how many percent a value is below the peak."""
    return 100 * (peak - value) / peak if peak > 0 else 0.0


def remembered(s: Snapshot, memory: Memory | None) -> Memory:
    """Return the memory with its starts filled in."""
    start = {
        "peak_equity": equity(s),
        "trough_equity": equity(s),
        "net_deposits": s["account"].get("net_deposits", 0.0),
        "drawdown_state": "NORMAL",
        "breaker_tripped_at": None,
    }
    return start | (memory or {})


def drawdown(s: Snapshot, memory: Memory | None) -> tuple[Outputs, Memory]:
    """Return the outputs of the decision `drawdown`, and the next memory."""
    old, now, deposits = remembered(s, memory), equity(s), s["account"].get("net_deposits", 0.0)
    peak_before, trough_before = old["peak_equity"], old["trough_equity"]
    all_lost = now < 0 or (now == 0 and s["account"]["total_wallet_balance"] > 0)
    if all_lost:  # no share is left by which the peak could move: it moves once there is something again
        deposits = old["net_deposits"]
    flow = deposits - old["net_deposits"]
    if flow != 0:
        if now - flow <= 0:
            peak_before, trough_before = now, now
        else:
            scale = now / (now - flow)
            peak_before, trough_before = peak_before * scale, trough_before * scale
    peak = max(peak_before, now)
    trough = now if now >= peak_before else min(trough_before, now)

    pct = below_peak_pct(peak, now)
    name, size, cut = in_drawdown(pct)
    worst_size = in_drawdown(below_peak_pct(peak, trough))[1]
    recovered = 1.0 if peak == trough else (now - trough) / (peak - trough)

    tripped_at = old["breaker_tripped_at"]
    if name == "HEAVY" and old["drawdown_state"] != "HEAVY":
        tripped_at = s["as_of"]
    until = None if tripped_at is None else parse_time(tripped_at) + timedelta(hours=24)
    is_open = until is not None and parse_time(s["as_of"]) < until
    outputs = {
        "state": name,
        "drawdown_pct": pct,
        "size_multiplier": min(size, worst_size + (1 - worst_size) * recovered),
        "leverage_cut": cut,
        "breaker_open": is_open,
        "breaker_until": time_text(until) if until is not None and is_open else None,
        "peak_equity": peak,
        "trough_equity": trough,
    }
    following = {
        "peak_equity": peak,
        "trough_equity": trough,
        "net_deposits": deposits,
        "drawdown_state": name,
        "breaker_tripped_at": tripped_at,
    }
    return outputs, following
