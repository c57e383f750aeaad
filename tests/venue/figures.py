"""A few markets' figures, as they are at real venues: steps and minimums of July 2021, brackets in part of 2026.

Books and bars that are not recorded are drawn with a fixed seed.
"""

import json
from decimal import Decimal
from math import exp
from pathlib import Path
from random import Random

from tests.recorded import RECORDED
from tests.venue.account import Spec

Levels = list[tuple[Decimal, Decimal]]
Row = tuple[float, float, float, float, float]  # open, high, low, close, volume

BRACKETS = [("50000", "0.01", "50"), ("600000", "0.025", "20"), ("3000000", "0.05", "10"), ("12000000", "0.1", "5")]
# symbol: base, price, tick, step, least, most, most of one market order, smallest notional
MARKETS = {
    "BTCUSDT": ("BTC", "32310", "0.01", "0.001", "0.001", "1000", "120", "100"),
    "ETHUSDT": ("ETH", "2024", "0.01", "0.001", "0.001", "10000", "2000", "20"),
    "SOLUSDT": ("SOL", "27.45", "0.001", "1", "1", "1000000", "5000", "5"),
    "SUSHIUSDT": ("SUSHI", "7.611", "0.001", "1", "1", "1000000", "100000", "5"),
}


def specs() -> dict[str, Spec]:
    """Return the markets that are always there."""
    return {symbol: _spec(symbol, *row) for symbol, row in MARKETS.items()}


def _spec(symbol: str, base: str, *numbers: str) -> Spec:
    brackets = [(Decimal(cap), Decimal(rate), Decimal(most)) for cap, rate, most in BRACKETS]
    return Spec(symbol, base, *map(Decimal, numbers), brackets)  # type: ignore[arg-type]


def drawn_book(spec: Spec, levels: int = 200) -> tuple[Levels, Levels]:
    """Return bids and asks around a market's price, the same every time."""
    rng = Random(f"book {spec.symbol}")
    tick, bids, asks = spec.tick, [], []
    bid, ask = spec.price - tick, spec.price + tick
    for _ in range(levels):
        for side, price in ((bids, bid), (asks, ask)):
            side.append((price, spec.step * rng.randint(1, 400)))
        bid, ask = bid - tick * rng.randint(1, 4), ask + tick * rng.randint(1, 4)
    return bids, asks


def recorded_book(symbol: str) -> tuple[Levels, Levels] | None:
    """Return the recorded book of a market, where it is beside this checkout."""
    path = RECORDED / f"binance/depth_{symbol}_20210722.json"
    if not path.is_file():
        return None
    answer = json.loads(path.read_text())
    bids, asks = ([(Decimal(p), Decimal(q)) for p, q in answer[side]] for side in ("bids", "asks"))
    return bids, asks


def drawn_rows(symbol: str, price: float, count: int) -> list[Row]:
    """Return bars that end at a price, the same every time; markets move together, but not all the way."""
    common, own = Random("the market"), Random(f"bars {symbol}")
    moves = [0.006 * common.gauss(0, 1) + 0.003 * own.gauss(0, 1) for _ in range(count)]
    closes, level = [], price
    for move in reversed(moves):
        closes.append(level)
        level *= exp(-move)
    closes.reverse()
    rows, before = [], level
    for close in closes:
        high, low = max(before, close) * (1 + 0.002 * own.random()), min(before, close) * (1 - 0.002 * own.random())
        rows.append((before, high, low, close, 100 * own.random()))
        before = close
    return rows


def recorded_markets() -> Path:
    """Return the recorded exchangeInfo's path; it may be absent."""
    return RECORDED / "binance/exchange_info_20210721.json"
