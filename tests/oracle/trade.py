"""One trade: Kelly sizing, leverage, liquidity, the recommendation, the reduction of a position."""

import math
from typing import Any

from tests.oracle import market as m
from tests.oracle.account import Memory, Outputs, Snapshot, band, drawdown, heat_pct, positions, wallet, zone
from tests.oracle.portfolio import (
    correlated_position,
    opportunity,
    parity_pct,
    tier_leverage,
    tier_of,
    tiers,
)

LEVELS = 100
KELLY_BAND = {"TOO_SMALL": 0.7, "SMALL": 0.7, "MEDIUM": 1.0, "LARGE": 1.2}
KELLY_REGIME = {"STRONG_TREND": 1.3, "TRENDING": 1.0, "RANGING": 0.7, "VOLATILE": 0.5}
LEVERAGE_REGIME = {"STRONG_TREND": 1.2, "TRENDING": 1.0, "RANGING": 0.8, "VOLATILE": 0.6}
WORSENING = ["ENTER", "CAUTION", "HOLD", "REJECT"]


class Chain:
    """A running value and its adjustments, each with what was before and after."""

    def __init__(self, name: str, value: float) -> None:
        """Start with a value."""
        self.name, self.value, self.steps = name, value, list[Outputs]()

    def to(self, step: str, value: float) -> None:
        """Adjust to a value."""
        self.steps.append({"rule": self.name, "name": step, "from": self.value, "to": value})
        self.value = value


def of_signal(s: Snapshot, name: str, otherwise: Any = None) -> Any:
    """Return a field of the signal, or what is assumed where it is absent."""
    value = (s.get("signal") or {}).get(name)
    return otherwise if value is None else value


# Kelly


def kelly_chain(s: Snapshot) -> tuple[float, Chain]:
    """Return Kelly's percentage and the adjustments of half of it."""
    p, b = of_signal(s, "win_rate", 0.50), of_signal(s, "win_loss_ratio", 1.5)
    kelly_pct = 100 * (p * b - (1 - p)) / b
    of_band = band(s)
    chain = Chain("kelly", 0.5 * kelly_pct)
    chain.to("band", chain.value * KELLY_BAND[of_band["name"]])
    chain.to("regime", chain.value * KELLY_REGIME[of_signal(s, "market_regime", "TRENDING")])
    chain.to("range", min(5.0, max(0.5, chain.value)))
    chain.to("risk range", min(of_band["risk_max_pct"], max(of_band["risk_min_pct"], chain.value)))
    return kelly_pct, chain


def risked_pct(s: Snapshot) -> float:
    """Return how much of its notional a position risks: all of it, or what the stop and the fees for both ways lose."""
    stop = of_signal(s, "stop_distance_pct")
    if not s.get("risked_at_the_stop") or stop is None:
        return 100.0
    fee = (s.get("market") or {}).get("taker_fee_pct")
    return float(stop + 2 * (0.05 if fee is None else fee))


def desired_notional(s: Snapshot) -> float:
    """Return the size that Kelly asks for, before liquidity and protections."""
    return max(0.0, wallet(s)) * kelly_chain(s)[1].value / risked_pct(s)


def kelly(s: Snapshot) -> Outputs:
    """Return the outputs of the decision `kelly`."""
    kelly_pct, chain = kelly_chain(s)
    return {
        "kelly_pct": kelly_pct,
        "half_kelly_pct": 0.5 * kelly_pct,
        "risk_pct": chain.value,
        "position_size_usd": desired_notional(s),
        "adjustments": chain.steps,
    }


# Leverage


def leverage_factors(s: Snapshot) -> dict[str, float]:
    """Return the factors of the optimum: W, R, S, depth score and A."""
    p, trades = of_signal(s, "win_rate", 0.50), of_signal(s, "trades")
    if p < 0.50:
        win = 0.8
    elif p < 0.60:
        win = 1.0
    else:
        win = 1.1 if trades is not None and trades >= 30 else 1.0
    spread = s["market"]["spread_pct"]
    return {
        "win_rate": win,
        "regime": LEVERAGE_REGIME[of_signal(s, "market_regime", "TRENDING")],
        "spread": 1.0 if spread < 0.10 else 0.8 if spread < 0.30 else 0.5,
        "depth_score": depth_score(s),
        "account": max(0.8, (wallet(s) / 5000) ** 0.15) if wallet(s) > 0 else 0.8,
    }


def depth_score(s: Snapshot) -> float:
    """Return the market's depth score, or what the book says, or a half without a book."""
    if s["market"].get("depth_score") is not None:
        return float(s["market"]["depth_score"])
    book = s.get("book")
    if not book:
        return 0.5
    return min(1.0, (m.depth_usd(book, "BUY", 20) + m.depth_usd(book, "SELL", 20)) / 1_000_000)


def unconstrained_leverage(s: Snapshot) -> float:
    """Return the optimum within 3x and 20x."""
    f = leverage_factors(s)
    optimum = 10 * (2 / float(s["market"]["atr_pct"]))
    optimum = optimum * f["depth_score"] * f["win_rate"] * f["regime"] * f["spread"] / f["account"]
    return min(20.0, max(3.0, optimum))


def leverage_chain(s: Snapshot, memory: Memory | None) -> Chain:
    """Return the optimum and what narrows it."""
    of_band, (tier_min, tier_max) = band(s), tier_leverage(s["market"]["base"])
    cap, floor = of_band["leverage_max"], of_band["leverage_min"]
    if of_band["name"] in ("MEDIUM", "LARGE"):
        cap, floor = min(cap, tier_max), max(floor, tier_min)
    floor = min(floor, cap)

    chain = Chain("leverage", unconstrained_leverage(s))
    chain.to("range", min(cap, max(floor, chain.value)))
    cut = drawdown(s, memory)[0]["leverage_cut"]
    chain.to("drawdown", min(chain.value, max(3.0, chain.value - cut)))
    bracket = m.bracket_holding(s["market"].get("brackets"), desired_notional(s))
    if bracket is not None:
        chain.to("bracket", min(chain.value, bracket["max_leverage"]))
    chain.to("whole number", max(1.0, math.floor(chain.value + 1e-9)))
    return chain


def leverage(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the outputs of the decision `leverage`."""
    chain = leverage_chain(s, memory)
    f = leverage_factors(s)
    return {
        "optimal_leverage": unconstrained_leverage(s),
        "volatility_factor": 2 / s["market"]["atr_pct"],
        "depth_score": f["depth_score"],
        "win_rate_factor": f["win_rate"],
        "regime_factor": f["regime"],
        "spread_factor": f["spread"],
        "account_size_factor": f["account"],
        "allowed_leverage": chain.value,
    }


# Liquidity and the order


def desired_impact_pct(s: Snapshot) -> float | None:
    """Return the impact of the desired notional; None without a book or where the book is too thin."""
    book = s.get("book")
    return m.impact_pct(book, of_signal(s, "side", "BUY"), desired_notional(s), LEVELS) if book else None


def liquidity_multiplier(s: Snapshot) -> float:
    """Return what the impact of the desired notional leaves of the size."""
    if not s.get("book"):
        return 1.0
    impact = desired_impact_pct(s)
    if impact is None or impact > 0.5:
        return 0.3
    return 0.6 if impact > 0.2 else 1.0


def heat_multiplier(s: Snapshot) -> float:
    """Return what the portfolio's heat leaves of the size."""
    heat = heat_pct(s)
    return 1.0 if heat < 30 else 0.7 if heat <= 70 else 0.3


def order_chain(s: Snapshot, memory: Memory | None) -> Chain:
    """Return the desired notional and what shrinks it, to the final notional before rounding."""
    lever, symbol, base = leverage_chain(s, memory).value, s["market"]["symbol"], s["market"]["base"]
    chain = Chain("order", desired_notional(s))
    chain.to("liquidity", chain.value * liquidity_multiplier(s))
    chain.to("heat", chain.value * heat_multiplier(s))
    chain.to("drawdown", chain.value * drawdown(s, memory)[0]["size_multiplier"])
    if s.get("book"):
        most = m.largest_within(s["book"], of_signal(s, "side", "BUY"), 0.2, LEVELS)
        chain.to("impact cap", min(chain.value, most))
    weight_pct = parity_pct(s, symbol)
    if weight_pct is not None:
        chain.to("parity", min(chain.value, max(0.0, weight_pct * wallet(s) / 100 * lever)))
    if band(s)["name"] in ("MEDIUM", "LARGE"):
        room = next(row["room"] for row in tiers(s) if row["name"] == tier_of(base))
        chain.to("tier room", min(chain.value, room * lever))
    available = s["account"]["available_balance"]
    chain.to("available balance", min(chain.value, max(0.0, available * lever)))
    return chain


def order(s: Snapshot, memory: Memory | None) -> dict[str, float]:
    """Return the computed order: quantity, size and margin."""
    price = s["market"]["price"]
    quantity = m.rounded_down(order_chain(s, memory).value / price, s["market"]["quantity_step"])
    size = quantity * price
    return {
        "position_size_usd": size,
        "quantity": quantity,
        "margin_required": size / leverage_chain(s, memory).value,
    }


def execution(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return how the computed order is executed: share of the depth, method, slices."""
    book, size = s.get("book"), order(s, memory)
    if not book:
        return {"share_pct": None, "execution_method": "LIMIT", "slices": []}
    depth = m.depth_usd(book, of_signal(s, "side", "BUY"), 20)
    if depth == 0:
        return {"share_pct": None, "execution_method": "LIMIT", "slices": []}
    share = 100 * size["position_size_usd"] / depth
    if share <= 10:
        return {"share_pct": share, "execution_method": "LIMIT", "slices": []}
    parts = min(20, max(2, math.ceil(share / 5)))
    least = max(s["market"]["min_quantity"], s["market"]["min_notional"] / s["market"]["price"])
    slices = m.slices(size["quantity"], parts, s["market"]["quantity_step"], least)
    method = "ICEBERG" if share > 25 else "TWAP"
    return {"share_pct": share, "execution_method": method if slices else "LIMIT", "slices": slices}


def liquidity(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the outputs of the decision `liquidity`."""
    book, side = s.get("book"), of_signal(s, "side", "BUY")
    return {
        "depth_5_usd": m.depth_usd(book, side, 5) if book else None,
        "depth_20_usd": m.depth_usd(book, side, 20) if book else None,
        "impact_pct": desired_impact_pct(s),
        "size_multiplier": liquidity_multiplier(s),
        "largest_within_usd": m.largest_within(book, side, 0.2, LEVELS) if book else None,
        **execution(s, memory),
    }


# The recommendation


def fired_checks(s: Snapshot, memory: Memory | None) -> list[tuple[str, str]]:
    """Return every check that fires, with its verdict."""
    of_band, of_drawdown, market = band(s), drawdown(s, memory)[0], s["market"]
    kelly_pct, chain = kelly_chain(s)
    size, tree, desired = order(s, memory), opportunity(s)["opportunity"], desired_notional(s)
    minimum = max(market["min_notional"], market["min_quantity"] * market["price"])
    brackets, trades, age = market.get("brackets"), of_signal(s, "trades"), s.get("age_seconds")
    book, impact = s.get("book"), desired_impact_pct(s)
    full = len(positions(s)) >= of_band["max_positions"]
    checks = [
        ("no edge", "REJECT", kelly_pct <= 1e-9),  # 0 but for rounding: 40 % at 1.5 is no edge
        ("account too small", "REJECT", of_band["name"] == "TOO_SMALL"),
        ("asset", "REJECT", of_band["assets"] != "any" and market["base"] not in of_band["assets"]),
        ("margin zone", "REJECT", zone(s)[3]),
        ("breaker", "REJECT", of_drawdown["breaker_open"]),
        ("positions", "REJECT", full and tree != "ENTER_AND_CLOSE_WORST"),
        ("opportunity skip", "REJECT", tree == "SKIP"),
        ("bracket", "REJECT", bool(brackets) and desired > brackets[-1]["max_notional"]),
        ("quantity", "REJECT", size["quantity"] == 0),
        ("minimum", "REJECT", size["position_size_usd"] < minimum),
        ("age", "REJECT", age is not None and age > 60),
        ("opportunity hold", "HOLD", tree == "HOLD"),
        ("drawdown", "CAUTION", of_drawdown["state"] != "NORMAL"),
        ("few trades", "CAUTION", trades is not None and trades < 30),
        ("impact", "CAUTION", bool(book) and (impact is None or impact > 0.2)),
        ("no book", "CAUTION", not book),
        ("heat", "CAUTION", heat_pct(s) > 70),
        ("spread", "CAUTION", market["spread_pct"] >= 0.30),
        ("over Kelly", "CAUTION", chain.value > kelly_pct),
        ("correlation", "CAUTION", correlated_position(s) is not None),
    ]
    return [(name, verdict) for name, verdict, fired in checks if fired]


def liquidation(s: Snapshot, size: dict[str, float]) -> float | None:
    """Return the liquidation price of the computed order."""
    bracket = m.bracket_holding(s["market"].get("brackets"), size["position_size_usd"])
    if bracket is None:
        return None
    return m.liquidation_price(
        of_signal(s, "side", "BUY"),
        size["quantity"],
        s["market"]["price"],
        size["margin_required"],
        bracket["maintenance_margin_rate"],
        bracket["maintenance_amount"],
    )


def position(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return the outputs of the decision `position` for an entry."""
    fired = fired_checks(s, memory)
    verdict = max((v for _, v in fired), key=WORSENING.index, default="ENTER")
    size, how, tree = order(s, memory), execution(s, memory), opportunity(s)
    of_drawdown, lever = drawdown(s, memory)[0], leverage_chain(s, memory)
    kelly_pct, shares = kelly_chain(s)
    placed = verdict in ("ENTER", "CAUTION")
    usd = size["position_size_usd"] if placed else 0.0
    expected = of_signal(s, "expected_return_pct")
    return {
        "recommendation": verdict,
        "reasons": [{"check": name, "verdict": v} for name, v in fired],
        "optimal_leverage": lever.value,
        "unconstrained_leverage": unconstrained_leverage(s),
        "position_size_usd": usd,
        "quantity": size["quantity"] if placed else 0.0,
        "margin_required": size["margin_required"] if placed else 0.0,
        "risk_pct": 100 * usd / wallet(s) * risked_pct(s) / 100 if wallet(s) > 0 else 0.0,
        "would_be": size,
        "execution_method": how["execution_method"],
        "slices": how["slices"] if placed else [],
        "tier": tier_of(s["market"]["base"]),
        "opportunity": tree["opportunity"],
        "close_symbol": tree["close_symbol"],
        "close_side": tree["close_side"],
        "zone": zone(s)[0],
        "drawdown_state": of_drawdown["state"],
        "drawdown_pct": of_drawdown["drawdown_pct"],
        "size_multiplier": of_drawdown["size_multiplier"],
        "kelly_pct": kelly_pct,
        "risk_parity_pct": parity_pct(s, s["market"]["symbol"]),
        "impact_pct": desired_impact_pct(s),
        "expected_return_usd": None if expected is None else usd * expected / 100,
        "liquidation_price": liquidation(s, size),
        "adjustments": shares.steps + lever.steps + order_chain(s, memory).steps,
    }


# The reduction


def reduction(s: Snapshot, memory: Memory | None) -> Outputs:
    """Return what `position` answers to a reduce-only signal: every output, those that say nothing here are None."""
    signal, of_drawdown = s["signal"], drawdown(s, memory)[0]
    opposite = "SHORT" if of_signal(s, "side", "BUY") == "BUY" else "LONG"
    found = [p for p in positions(s) if p["symbol"] == signal["symbol"] and p["side"] == opposite]
    held = 0.0
    for p in found:
        held += p["quantity"]
    quantity = min(of_signal(s, "quantity", held), held)
    size = quantity * s["market"]["price"]
    silent: tuple[str, ...] = (
        "unconstrained_leverage",
        "opportunity",
        "close_symbol",
        "close_side",
        "kelly_pct",
        "risk_parity_pct",
    )
    silent += ("impact_pct", "expected_return_usd", "liquidation_price")
    return {
        **dict.fromkeys(silent),
        "recommendation": "ENTER" if found else "REJECT",
        "reasons": [] if found else [{"check": "nothing to reduce", "verdict": "REJECT"}],
        "optimal_leverage": found[0]["leverage"] if found else None,
        "position_size_usd": size,
        "quantity": quantity,
        "margin_required": 0.0,
        "risk_pct": 0.0,
        "would_be": {"position_size_usd": size, "quantity": quantity, "margin_required": 0.0},
        "execution_method": "LIMIT",
        "slices": [],
        "tier": tier_of(found[0]["base"]) if found else None,
        "zone": zone(s)[0],
        "drawdown_state": of_drawdown["state"],
        "drawdown_pct": of_drawdown["drawdown_pct"],
        "size_multiplier": of_drawdown["size_multiplier"],
        "adjustments": [],
    }
