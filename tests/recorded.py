"""Recorded market data, kept beside the project and no part of it: a test that needs it skips where it is absent."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from rulecap.snapshot import Book

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data"


def recorded(name: str) -> Path:
    """Return the path of a recorded file, or skip the test."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"the recorded file {name} is not beside this checkout")
    return path


def binance_book(symbol: str, day: str, levels: int) -> Book:
    """Return the best levels of a recorded depth answer."""
    answer = json.loads(recorded(f"binance/depth_{symbol}_{day}.json").read_text())
    return Book(bids=_levels(answer["bids"], levels), asks=_levels(answer["asks"], levels))


def bybit_book() -> Book:
    """Return the 500-level snapshot that opens the recorded messages of XRPUSDT."""
    with recorded("bybit/orderbook500_XRPUSDT_20241201.jsonl").open() as lines:
        first = json.loads(next(lines))["data"]
    return Book(bids=_levels(first["b"], 500), asks=_levels(first["a"], 500))


def brackets() -> dict[str, list[dict[str, float]]]:
    """Return every symbol's recorded leverage brackets."""
    found: dict[str, list[dict[str, float]]] = {}
    with recorded("binance/leverage_brackets_202609.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            numbers = {name: float(value) for name, value in row.items() if name not in {"symbol", "tier"}}
            found.setdefault(row["symbol"], []).append(numbers)
    return found


def _levels(rows: list[list[str]], most: int) -> tuple[tuple[float, Any], ...]:
    return tuple((float(price), float(quantity)) for price, quantity in rows[:most])
