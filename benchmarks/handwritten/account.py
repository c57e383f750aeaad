"""What follows from the account: band, zone, tier, drawdown; and what the policy accepts as input."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

Record = dict[str, Any]

CORE = frozenset({"BTC", "ETH"})
GROWTH = frozenset({"BNB", "SOL", "XRP", "ADA", "AVAX", "LINK", "DOT", "LTC"})
REGIMES = frozenset({"STRONG_TREND", "TRENDING", "RANGING", "VOLATILE"})
MOST_WALLET = 1e12
DAY = timedelta(hours=24)


class Band(NamedTuple):
    """What an account of some size may do."""

    name: str
    positions: int
    leverage_min: float
    leverage_max: float
    risk_min: float
    risk_max: float
    kelly: float
    assets: tuple[str, ...] | None


SMALL = Band("SMALL", 5, 5.0, 10.0, 3.0, 5.0, 0.7, ("BTC", "ETH"))
TOO_SMALL = SMALL._replace(name="TOO_SMALL")
MEDIUM = Band("MEDIUM", 10, 3.0, 8.0, 2.0, 3.0, 1.0, ("BTC", "ETH", "BNB", "SOL"))
LARGE = Band("LARGE", 15, 2.0, 5.0, 1.0, 2.0, 1.2, None)


class Tier(NamedTuple):
    """A tier of the allocation."""

    name: str
    share: float
    leverage_min: float
    leverage_max: float


TIERS = {
    "CORE": Tier("CORE", 50.0, 3.0, 5.0),
    "GROWTH": Tier("GROWTH", 30.0, 5.0, 10.0),
    "OPPORTUNITY": Tier("OPPORTUNITY", 15.0, 3.0, 8.0),
}


def band_of(wallet: float) -> Band:
    """Return the account's band."""
    if wallet >= 5000.0:
        return LARGE
    if wallet >= 1000.0:
        return MEDIUM
    return SMALL if wallet >= 100.0 else TOO_SMALL


def margin_used_of(wallet: float, margin_used: float, positions: Any) -> float:
    """Return the margin used in percent of the wallet; all or nothing where the wallet is not above zero."""
    if wallet > 0.0:
        return 100.0 * margin_used / wallet
    return 100.0 if positions or margin_used > 0.0 else 0.0


def zone_of(margin_used_pct: float) -> str:
    """Return the margin zone."""
    if margin_used_pct < 50.0:
        return "GREEN_ZONE"
    if margin_used_pct < 75.0:
        return "YELLOW_ZONE"
    return "ORANGE_ZONE" if margin_used_pct < 90.0 else "RED_ZONE"


def tier_name(base: str) -> str:
    """Return the tier of an asset."""
    return "CORE" if base in CORE else "GROWTH" if base in GROWTH else "OPPORTUNITY"


def drawdown_state(pct: float) -> tuple[str, float, float]:
    """Return a drawdown's state, its size and its leverage cut."""
    if pct < 5.0:
        return "NORMAL", 1.0, 0.0
    if pct < 10.0:
        return "LIGHT", 0.7, 2.0
    return ("MODERATE", 0.5, 5.0) if pct < 20.0 else ("HEAVY", 0.25, 20.0)


class Drawdown(NamedTuple):
    """Today's drawdown, and what is remembered of it."""

    name: str
    pct: float
    size: float
    cut: float
    open_until: datetime | None
    memory: Record


def drawdown_of(as_of: datetime, wallet: float, equity: float, deposits: float, memory: Record | None) -> Drawdown:
    """Return the drawdown from the high-water mark, recovery and circuit breaker."""
    old = memory or {}
    peak, trough = old.get("peak_equity", equity), old.get("trough_equity", equity)
    if equity < 0.0 or (equity == 0.0 and wallet > 0.0):  # all is lost: no share is left by which the peak could move
        deposits = old.get("net_deposits", deposits)
    flow = deposits - old.get("net_deposits", deposits)
    if flow:
        if equity - flow <= 0.0:
            peak = trough = equity
        else:
            peak, trough = peak * (equity / (equity - flow)), trough * (equity / (equity - flow))
    trough = equity if equity >= peak else min(trough, equity)
    peak = max(peak, equity)
    pct = 100.0 * (peak - equity) / peak if peak > 0.0 else 0.0
    name, size, cut = drawdown_state(pct)
    if peak != trough:
        worst = drawdown_state(100.0 * (peak - trough) / peak if peak > 0.0 else 0.0)[1]
        size = min(size, worst + (1.0 - worst) * ((equity - trough) / (peak - trough)))
    tripped = old.get("breaker_tripped_at")
    tripped_at = datetime.fromisoformat(tripped) if tripped else None
    if name == "HEAVY" and old.get("drawdown_state", "NORMAL") != "HEAVY":
        tripped_at, tripped = as_of, as_of.isoformat().replace("+00:00", "Z")
    open_until = tripped_at + DAY if tripped_at and as_of < tripped_at + DAY else None
    following = {
        "peak_equity": peak,
        "trough_equity": trough,
        "net_deposits": deposits,
        "drawdown_state": name,
        "breaker_tripped_at": tripped,
    }
    return Drawdown(name, pct, size, cut, open_until, following)


def check_inputs(snapshot: Any) -> None:
    """Raise where the snapshot lacks what an entry needs, or holds what the policy does not accept."""
    signal, market = snapshot.signal, snapshot.market
    if signal is None or market is None or signal.score is None or signal.win_rate is None:
        raise ValueError("signal.score, signal.win_rate and market are needed")
    if None in (market.base, market.atr_pct, market.spread_pct):
        raise ValueError("the whole market is needed")
    if None in (market.min_quantity, market.quantity_step, market.min_notional):
        raise ValueError("the market's minimums are needed")
    if signal.symbol != market.symbol or (signal.market_regime or "TRENDING") not in REGIMES:
        raise ValueError("another market's signal, or an unknown regime")
    if not (0.01 <= market.atr_pct <= 100.0 and 0.0 <= market.spread_pct <= 100.0):
        raise ValueError("atr_pct or spread_pct is out of range")
    if not -MOST_WALLET <= snapshot.account.total_wallet_balance <= MOST_WALLET:
        raise ValueError("the wallet is out of range")
    for asset in snapshot.assets or ():
        if not 0.01 <= asset.volatility_pct <= 1000.0:
            raise ValueError("volatility_pct is out of range")
