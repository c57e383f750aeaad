"""Symbols: `BTCUSDT`, `BTC/USDT:USDT` and a venue's own id name the same market; a snapshot has one name for it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.problems import did_you_mean, shown


def snapshot_symbol(market: Mapping[str, Any]) -> str:
    """Return the name that a snapshot has for a market of ccxt's: `BTCUSDT` for the perpetual, else the unified one."""
    if market.get("swap") and market.get("linear") and market.get("settle") == market.get("quote"):
        return f"{market['base']}{market['quote']}"
    return str(market["symbol"])


def find_market(markets: Iterable[Mapping[str, Any]], name: str, quote: str, traded: bool = True) -> Mapping[str, Any]:
    """Return the market that a name means, a linear contract that settles in the account's currency.

    Args:
        markets: ccxt's market structures.
        name: any of its names.
        quote: the account's currency.
        traded: whether one that the venue lists but does not trade (any more) is refused.

    Raises:
        VenueError: `unknown-symbol`; `inverse-contract`; `not-the-quote-currency`; `not-supported` for what is no
            contract. Each names the market.
    """
    known = list(markets)
    wanted = name.strip().upper()
    found = [one for one in known if wanted in _names(one)]
    fit = [one for one in found if is_linear(one) and one.get("settle") == quote]
    if not found:
        names = {snapshot_symbol(one) for one in known if is_linear(one)}
        hint = did_you_mean(wanted, names)
        raise VenueError("unknown-symbol", f"no market {shown(name)} here" + (f": {hint}" if hint else ""))
    market = min(fit or found, key=lambda one: (not is_linear(one), not one.get("swap"), str(one["symbol"])))
    check_market(market, quote)
    if traded and not is_traded(market):
        raise VenueError("unknown-symbol", f"{market['symbol']} is not traded here (any more)")
    return market


def is_traded(market: Mapping[str, Any]) -> bool:
    """Return whether the venue says nothing else than that positions can be opened there."""
    return told_traded(market) is not False


def told_traded(market: Mapping[str, Any]) -> bool | None:
    """Return what the venue says of it; None where it says nothing."""
    active = market.get("active")
    return active if isinstance(active, bool) else None


def is_linear(market: Mapping[str, Any]) -> bool:
    """Return whether it is a contract whose PnL is in its quote currency."""
    return bool(market.get("contract") and market.get("linear") and not market.get("option"))


def check_market(market: Mapping[str, Any], quote: str) -> None:
    """Refuse a market whose numbers would not be in the account's currency.

    Raises:
        VenueError: as `find_market` says.
    """
    symbol = market.get("symbol")
    if market.get("inverse"):
        text = f"{symbol} is an inverse contract: margin and PnL are in {market.get('settle')}, not in {quote}"
        raise VenueError("inverse-contract", text)
    if not is_linear(market):
        raise VenueError("not-supported", f"{symbol} is no linear contract, but {market.get('type')}")
    if market.get("settle") != quote:
        text = f"{symbol} settles in {market.get('settle')}, but the account is kept in {quote}"
        raise VenueError("not-the-quote-currency", text)


def _names(market: Mapping[str, Any]) -> set[str]:
    """Return every name that a market goes by, in capitals."""
    names = {str(market["symbol"]), str(market.get("id"))}
    if market.get("swap"):
        names |= {f"{market['base']}{market['quote']}", f"{market['base']}/{market['quote']}"}
    return {one.upper() for one in names}
