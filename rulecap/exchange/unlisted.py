"""A market that the venue no longer lists, as far as an open position in it tells: enough to count the position."""

import re
from collections.abc import Mapping
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.venues import Venue


def unlisted_market(raw: Mapping[str, Any], quote: str, venue: Venue) -> Mapping[str, Any]:
    """Return what stands for the market of a position, as ccxt structures one, in which nothing is traded any more.

    ccxt has the venue's own id for a symbol that it does not know.

    Args:
        raw: ccxt's position structure.
        quote: the account's currency.
        venue: what contracts of the venue are.

    Raises:
        VenueError: `unknown-symbol`, nothing tells in which currency the position settles.
    """
    symbol = str(raw.get("symbol"))
    settle = venue.settles(raw, quote) or _after_colon(symbol)
    if not settle:
        text = f"there is a position in {symbol}, which is not listed here, and nothing tells what it settles in"
        raise VenueError("unknown-symbol", text)
    base = _base(symbol, settle)
    return {
        "id": symbol,
        "symbol": symbol,
        "base": base,
        "quote": settle,
        "settle": settle,
        "type": "swap",
        "swap": symbol in (f"{base}{settle}", f"{base}/{settle}:{settle}", f"{base}-{settle}-SWAP"),
        "contract": True,
        "linear": True,
        "active": False,
        "contractSize": venue.linear_contract,
        "listed": False,
    }


def check_listed(market: Mapping[str, Any]) -> None:
    """Refuse to send anything to a market that is not listed.

    Raises:
        VenueError: `unknown-symbol`.
    """
    if market.get("listed") is False:
        text = f"{market['symbol']} is not listed here any more: no order can be sent, the venue settles what is held"
        raise VenueError("unknown-symbol", text)


def _after_colon(symbol: str) -> str:
    """Return the currency that ccxt's own form of a symbol ends in: `BTC/USDT:USDT-261225`."""
    return symbol.partition(":")[2].partition("-")[0]


def _base(symbol: str, settle: str) -> str:
    """Return the asset that a symbol begins with: BTC of `BTCUSDT`, `BTCUSDT_261225`, `BTC-USDT-SWAP`."""
    stem = re.split(r"[/:_-]", symbol)[0]
    return stem.removesuffix(settle) or stem
