"""Snapshots for tests: a fast seeded generator of valid ones, one account over time, and a Hypothesis strategy.

`random_snapshot` and `sequence` give dicts of JSON types that `read_snapshot` accepts; the same seed gives the same.
Half of them are calm, so that trades come out of them; the others lean towards the edges: band and zone boundaries,
thin and absent books, wallets at or below zero, hedged positions, markets whose steps are too coarse.
"""

from datetime import UTC, datetime, timedelta
from math import floor, log10
from random import Random
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)
BASES = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "AVAX", "LINK", "DOT", "LTC", "SUSHI", "UNI", "PEPE", "AAVE")
PRICES = {"BTC": 50_000.0, "ETH": 2_500.0, "BNB": 300.0, "SOL": 100.0, "LTC": 70.0, "AAVE": 90.0, "PEPE": 0.00002}
REGIMES = ("STRONG_TREND", "TRENDING", "RANGING", "VOLATILE")
WALLETS = (0.0, 99.99, 100.0, 500.0, 999.99, 1_000.0, 2_500.0, 4_999.99, 5_000.0, 10_000.0, 12_000.0)
MARGIN_SHARES = (0.0, 0.2, 0.4999, 0.5, 0.7, 0.75, 0.8, 0.9, 0.95, 1.2)
STEPS = (1.0, 0.1, 0.01, 0.001, 0.005, 10.0, 1e-8)
BRACKETS = [
    {"max_notional": 5_000, "max_leverage": 75, "maintenance_margin_rate": 0.01, "maintenance_amount": 0},
    {"max_notional": 25_000, "max_leverage": 25, "maintenance_margin_rate": 0.02, "maintenance_amount": 50},
    {"max_notional": 125_000, "max_leverage": 10, "maintenance_margin_rate": 0.05, "maintenance_amount": 800},
    {"max_notional": 1_000_000, "max_leverage": 3, "maintenance_margin_rate": 0.125, "maintenance_amount": 10_175},
    {"max_notional": 2_000_000, "max_leverage": 1, "maintenance_margin_rate": 0.5, "maintenance_amount": 385_175},
]


def random_snapshot(rng: Random, **tweaks: Any) -> Json:
    """Return a valid snapshot, reaching everything that the contract lets be absent, present, thin or extreme.

    Args:
        rng: the source of chance.
        tweaks: top-level fields to set. A dict is laid over what was drawn (or over nothing, where the part was not
            drawn), None leaves the field out, anything else takes its place.
    """
    calm = rng.random() < 0.5
    base = BASES[int(rng.random() * (4 if calm else len(BASES)))]
    price = _price(rng, base)
    positions = _positions(rng, base)
    account = _account(rng, positions)
    if calm:
        _calm_down(rng, account)
    snapshot: Json = {"as_of": _time(int(rng.random() * 30_000_000)), "account": account}
    if rng.random() < 0.97:
        snapshot["signal"] = _signal(rng, base, calm, positions)
    if positions or rng.random() < 0.5:
        snapshot["positions"] = positions
    if rng.random() < 0.97:
        snapshot["market"] = _market(rng, base, price, calm)
    if rng.random() < 0.8:
        snapshot["book"] = _book(rng, price)
    if rng.random() < 0.5:
        _allocate(rng, base, snapshot)
    if rng.random() < 0.5:
        snapshot["age_seconds"] = rng.choice((0.0, 1.5, 30.0, 60.0, 60.1))
    if rng.random() < 0.1:
        snapshot["facts"] = {"funding_rate": rng.random() - 0.5, "venue": "demo", "holiday": rng.random() < 0.5}
    return _tweaked(snapshot, tweaks)


def sequence(rng: Random, length: int) -> list[Json]:
    """Return one account over time: gains, losses, falls that trip a breaker, recoveries, money in and out."""
    seconds, deposits = 0, 0.0 if rng.random() < 0.3 else round(rng.random() * 20_000 - 5_000, 2)
    equity = rng.choice((300.0, 2_000.0, 10_000.0, 80_000.0))
    account = f"account-{int(rng.random() * 1000)}"
    snapshots = []
    for _ in range(length):
        seconds += rng.choice((0, 30, 600, 3_600, 40_000, 86_400, 90_000))
        equity, deposits = _next(rng, equity, deposits)
        snapshot = random_snapshot(rng, as_of=_time(seconds))
        pnl = round(equity * (rng.random() - 0.5) * 0.2, 2)
        wallet = round(equity - pnl, 2)
        used = round(abs(wallet) * _margin_share(rng), 2) if snapshot.get("positions") else 0.0
        snapshot["account"].update(
            id=account,
            total_wallet_balance=wallet,
            unrealized_pnl=pnl,
            margin_used=used,
            net_deposits=round(deposits, 2),
        )
        snapshot["account"]["available_balance"] = round(max(0.0, wallet - used), 2)
        snapshots.append(snapshot)
    return snapshots


def _next(rng: Random, equity: float, deposits: float) -> tuple[float, float]:
    """Return equity and net deposits after something has happened."""
    event = rng.random()
    if event < 0.82:
        if event < 0.45:
            change = (rng.random() - 0.3) * 0.04
        elif event < 0.55:
            change = -0.02 - rng.random() * 0.05
        elif event < 0.59:
            change = -0.2 - rng.random() * 0.25
        else:
            change = 0.02 + rng.random() * 0.15
        return equity * (1 + change), deposits
    flow = equity * rng.random() * (1.0 if event < 0.92 else -0.6)
    if event > 0.995:
        flow = -equity * 1.1  # more is taken out than equity covers, as with a transfer of unrealized gains
    return equity + flow, deposits + flow


def _tweaked(snapshot: Json, tweaks: Json) -> Json:
    for name, value in tweaks.items():
        if value is None:
            snapshot.pop(name, None)
        elif isinstance(value, dict):
            snapshot[name] = {**snapshot.get(name, {}), **value}
        else:
            snapshot[name] = value
    return snapshot


def _time(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def _price(rng: Random, base: str) -> float:
    return float(f"{PRICES.get(base, 8.0) * (0.7 + rng.random() * 0.6):.5g}")


def _margin_share(rng: Random) -> float:
    return rng.choice(MARGIN_SHARES) if rng.random() < 0.4 else rng.random() * 0.6


def _account(rng: Random, positions: list[Json]) -> Json:
    wallet = rng.choice(WALLETS) if rng.random() < 0.4 else round(10 ** (1.3 + rng.random() * 4), 2)
    if rng.random() < 0.03:
        wallet = -wallet
    pnl = round(wallet * (rng.random() - 0.5) * 0.4, 2)
    used = sum(p["margin"] for p in positions) if rng.random() < 0.3 else abs(wallet) * _margin_share(rng)
    account = {
        "id": "demo",
        "total_wallet_balance": wallet,
        "available_balance": round(max(0.0, wallet - used), 2),
        "margin_used": round(used if positions else 0.0, 2),
        "unrealized_pnl": pnl,
    }
    if rng.random() < 0.5:
        account["maintenance_margin"] = round(used * 0.1, 2)
    if rng.random() < 0.5:
        account["net_deposits"] = round((rng.random() - 0.3) * 10_000, 2)
    return account


def _calm_down(rng: Random, account: Json) -> None:
    """Give the account at least the smallest band and less than half its margin in use."""
    wallet = round(max(100.0, abs(account["total_wallet_balance"])) * (1.0 if rng.random() < 0.5 else 5.0), 2)
    used = round(min(account["margin_used"], wallet * 0.49 * rng.random()), 2)
    account |= {"total_wallet_balance": wallet, "margin_used": used, "available_balance": round(wallet - used, 2)}
    account["unrealized_pnl"] = round(wallet * (rng.random() - 0.5) * 0.1, 2)


def _positions(rng: Random, base: str) -> list[Json]:
    kind = rng.random()
    count = 0 if kind < 0.2 else int(rng.random() * (5 if kind < 0.7 else 13))
    positions = [_position(rng, rng.choice(BASES)) for _ in range(count)]
    if positions and rng.random() < 0.3:
        positions.append(_position(rng, base))
    if positions and rng.random() < 0.15:  # a hedge: both sides of one symbol
        first = positions[0]
        positions.append({**first, "side": "SHORT" if first["side"] == "LONG" else "LONG"})
    return positions


def _position(rng: Random, base: str) -> Json:
    mark, long = _price(rng, base), rng.random() < 0.6
    notional = round(10 ** (1 + rng.random() * 3), 2)
    entry = float(f"{mark * (0.9 + rng.random() * 0.2):.5g}")
    quantity, leverage = float(f"{notional / mark:.6g}"), 1 + int(rng.random() * 10)
    position = {
        "symbol": base + "USDT",
        "base": base,
        "side": "LONG" if long else "SHORT",
        "quantity": quantity,
        "entry_price": entry,
        "mark_price": mark,
        "notional": notional if long or rng.random() < 0.5 else -notional,
        "margin": 0.0 if rng.random() < 0.03 else round(notional / leverage, 2),
        "leverage": leverage,
        "unrealized_pnl": round((mark - entry) * quantity * (1 if long else -1), 4),
    }
    if rng.random() < 0.7:
        position["score"] = round(rng.random() * 100)
    if rng.random() < 0.3:
        position["volatility_pct"] = 0.5 + rng.random() * 10
    if rng.random() < 0.5:
        position["liquidation_price"] = mark * (0.8 if long else 1.2)
    traded = Random(quantity).random()  # drawn apart, so that the seeds give the same snapshots but for this
    if traded < 0.4:
        position["tradable"] = traded < 0.2
    return position


def _signal(rng: Random, base: str, calm: bool, positions: list[Json]) -> Json:
    symbol = base + "USDT" if rng.random() < 0.98 else "OTHERUSDT"
    score = round(100 - rng.random() * (40 if calm else 100), 1)
    signal: Json = {"symbol": symbol, "score": score, "win_rate": 0.5 + rng.random() / 6 if calm else _win_rate(rng)}
    if rng.random() < 0.6:
        signal["side"] = "BUY" if rng.random() < 0.6 else "SELL"
    if rng.random() < 0.7:
        signal["market_regime"] = rng.choice(REGIMES)
    if rng.random() < 0.7:
        signal["win_loss_ratio"] = (1.1 if calm else 0.3) + rng.random() * 3
    if rng.random() < 0.5:
        signal["trades"] = rng.choice((0, 1, 29, 30, 31, 200))
    if rng.random() < 0.5:
        signal["expected_return_pct"] = round(rng.random() * 10 - 2, 2)
    if rng.random() < 0.6:
        signal["stop_distance_pct"] = 0.2 + rng.random() * 8
    if rng.random() < 0.08:
        if rng.random() < 0.8:
            positions.append(_position(rng, base))
        _reduce(rng, signal, positions)
    return signal


def _win_rate(rng: Random) -> float:
    return rng.choice((0.0, 0.4999, 0.5, 0.55, 0.58, 0.6, 1.0)) if rng.random() < 0.4 else 0.35 + rng.random() * 0.35


def _reduce(rng: Random, signal: Json, positions: list[Json]) -> None:
    """Turn the signal into a reduction, mostly of a position that is there, with as little else as it needs."""
    signal["reduce_only"] = True
    here = [p for p in positions if p["symbol"] == signal["symbol"]]
    if here and rng.random() < 0.9:
        signal["side"] = "SELL" if here[0]["side"] == "LONG" else "BUY"
    if here and rng.random() < 0.5:
        signal["quantity"] = here[0]["quantity"] * (0.25 + rng.random())
    if rng.random() < 0.5:
        del signal["score"], signal["win_rate"]


def _market(rng: Random, base: str, price: float, calm: bool) -> Json:
    market: Json = {"symbol": base + "USDT", "price": price}
    if rng.random() < 0.03:
        return market
    # A calm market's step is worth some cents to some dollars, as on a real exchange.
    step = float(f"1e{floor(log10(rng.choice((0.1, 1.0, 5.0)) / price))}") if calm else rng.choice(STEPS)
    market |= {
        "base": base,
        "atr_pct": 0.2 + rng.random() * rng.choice((3, 12)),
        "spread_pct": rng.choice((0.01, 0.05, 0.0999, 0.1, 0.2, 0.3, 0.5))
        if rng.random() < 0.5
        else rng.random() * 0.12,
        "min_quantity": step * rng.choice((0, 1, 1, 10)),
        "quantity_step": step,
        "min_notional": rng.choice((0, 5, 5, 20, 100)),
    }
    if rng.random() < 0.5:
        market["depth_score"] = rng.choice((0.0, 0.3, 0.8, 1.0)) if rng.random() < 0.5 else rng.random()
    if rng.random() < 0.7:
        market["brackets"] = [dict(row) for row in BRACKETS[: 1 + int(rng.random() * len(BRACKETS))]]
    if rng.random() < 0.5:
        market |= {"taker_fee_pct": rng.choice((0.0, 0.04, 0.05)), "maker_fee_pct": rng.choice((-0.005, 0.02))}
    return market


def _book(rng: Random, price: float) -> Json:
    """Return a book of 1 to 100 levels a side, from a few dollars deep to millions, tight or wide."""
    levels = 100 if rng.random() < 0.08 else 1 + int(rng.random() * 20)
    tick, size = price * rng.choice((0.00001, 0.0001, 0.0005)), 10 ** (1 + rng.random() * 4.5) / price
    half = tick * 0.5 if rng.random() < 0.8 else price * rng.random() * 0.004
    chance = rng.random
    bids = [[price - half - i * tick, size * chance()] for i in range(levels)]
    asks = [[price + half + i * tick, size * chance()] for i in range(levels)]
    if chance() < 0.05:
        asks[0][1] = 0.0
    return {"bids": bids, "asks": asks}


def _allocate(rng: Random, base: str, snapshot: Json) -> None:
    """Give the snapshot assets, mostly with the signal's among them, and in half the cases their correlations."""
    bases = rng.sample(BASES, 1 + int(rng.random() * 6))
    if base not in bases and rng.random() < 0.8:
        bases.append(base)
    snapshot["assets"] = [{"symbol": b + "USDT", "base": b, "volatility_pct": 0.5 + rng.random() * 10} for b in bases]
    if rng.random() < 0.3:
        del snapshot["assets"][0]["base"]
    if rng.random() < 0.5:
        # One common factor: correlation b_i·b_j, so that the matrix is one of correlations.
        loads = [rng.random() * 2 - 1 if rng.random() < 0.2 else 0.6 + rng.random() * 0.39 for _ in bases]
        snapshot["correlation"] = [[1.0 if i == j else a * b for j, b in enumerate(loads)] for i, a in enumerate(loads)]


@st.composite
def books(draw: st.DrawFn, most_levels: int = 12) -> Json:
    """Draw a book, sorted and not crossed."""
    mid = draw(st.floats(0.001, 100_000))
    sides = []
    for way in (-1, 1):
        gaps = draw(st.lists(st.floats(0, 0.004), min_size=1, max_size=most_levels))
        away, levels = draw(st.sampled_from([0.0, 0.00001, 0.002])), []
        for gap in gaps:
            levels.append([mid * (1 + way * away), draw(st.just(0.0) | st.floats(1e-9, 1_000_000))])
            away += gap
        sides.append(levels)
    return {"bids": sides[0], "asks": sides[1]}


@st.composite
def snapshots(draw: st.DrawFn) -> Json:
    """Draw a valid snapshot: a random one, with the numbers that decide most drawn over it, so that they shrink."""
    snapshot = random_snapshot(Random(draw(st.integers(0, 2**32))))
    edges = st.sampled_from(WALLETS)
    account = {
        "total_wallet_balance": draw(edges | st.floats(-1_000, 1e6)),
        "unrealized_pnl": draw(st.floats(-1e4, 1e4)),
        "margin_used": draw(edges | st.floats(0, 1e6)),
        "available_balance": draw(edges | st.floats(0, 1e6)),
    }
    if draw(st.booleans()):
        account["net_deposits"] = draw(st.floats(-1e5, 1e5))
    tweaks: Json = {"account": account}
    if "signal" in snapshot:
        tweaks["signal"] = {"score": draw(st.floats(0, 100)), "win_rate": draw(st.floats(0, 1))}
    if "atr_pct" in snapshot.get("market", {}):
        tweaks["market"] = {"atr_pct": draw(st.floats(0.01, 100)), "spread_pct": draw(st.floats(0, 100))}
    if "book" in snapshot and draw(st.booleans()):
        tweaks["book"] = draw(books())
    return _tweaked(snapshot, tweaks)
