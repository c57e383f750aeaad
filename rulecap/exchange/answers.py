"""Small readers of the venues' own answers, venue by venue: what ccxt's unified fields lack, or tell otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import exact, number, part, total
from rulecap.problems import shown

OPTION = "option"
SEVERAL_ASSETS = "it is in multi-assets mode, in which several assets are margin together"


@dataclass(frozen=True, slots=True)
class Pool:
    """The margin pool of one currency; what is not told is None."""

    wallet: float | None = None
    available: float | None = None
    used: float | None = None
    unrealized: float | None = None
    maintenance: float | None = None


def binance_pool(balance: Mapping[str, Any], quote: str) -> Pool:
    """Read `GET /fapi/v3/account`: ccxt's total is the margin balance, which has the unrealized PnL in it."""
    held = _binance_asset(balance, quote)
    names = ("walletBalance", "availableBalance", "initialMargin", "unrealizedProfit", "maintMargin")
    return Pool(*(number(part(held, name)) for name in names))


def binance_mode(answer: Any) -> str | None:
    """Read `GET /fapi/v1/multiAssetsMargin`."""
    several = part(answer, "multiAssetsMargin")
    if not isinstance(several, bool):
        raise VenueError("half-an-answer", "whether several assets are margin is not told")
    return SEVERAL_ASSETS if several else None


def binance_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the assets in which positions have margin."""
    return _with_margin(part(balance, "info", "assets"), "asset", "positionInitialMargin")


def binance_bound_by_all(balance: Mapping[str, Any], quote: str) -> float | None:
    """Return the margin of all positions, where all are cross: what is put aside for others may be among it."""
    held = _binance_asset(balance, quote)
    wallet, cross = number(part(held, "walletBalance")), number(part(held, "crossWalletBalance"))
    return number(part(held, "positionInitialMargin")) if wallet == cross else None


def binance_listed(balance: Mapping[str, Any]) -> Mapping[tuple[str, str], float]:
    """Return the account's own list of positions; those with orders alone are in it too."""
    found = {}
    for one in part(balance, "info", "positions") or ():
        amount, side = number(part(one, "positionAmt")), part(one, "positionSide")
        if amount:
            side = side if side in ("LONG", "SHORT") else "LONG" if amount > 0 else "SHORT"
            found[str(part(one, "symbol")), side] = abs(amount)
    return found


def _binance_asset(balance: Mapping[str, Any], quote: str) -> Any:
    assets = part(balance, "info", "assets") or []
    return next((one for one in assets if part(one, "asset") == quote), None)


def binance_settles(position: Mapping[str, Any], quote: str) -> str | None:
    """Read `GET /fapi/v3/positionRisk`; all of its contracts are linear."""
    told = part(position, "info", "marginAsset")
    return told if isinstance(told, str) and told else None


def binance_left_out(path: str, answer: Any) -> tuple[Any, ...] | None:
    """Return the open positions that have no entry price."""
    if not path.endswith("/positionRisk"):
        return None
    open_ones = [one for one in answer if number(part(one, "positionAmt")) != 0]
    return tuple(one for one in open_ones if not (number(part(one, "entryPrice")) or 0.0) > 0)


def binance_refuses(answer: Any) -> bool:
    """Read Binance's codes of a book that is empty, an order that cannot be filled, an account that is liquidated."""
    return part(answer, "code") in (-1112, -2020, -2023)


def bybit_pool(balance: Mapping[str, Any], quote: str) -> Pool:
    """Read `GET /v5/account/wallet-balance`; what is available is told for the whole account alone, in USD."""
    account, held = part(balance, "info", "result", "list", 0), _bybit_coin(balance, quote)
    margins = (number(part(held, "totalPositionIM")), number(part(held, "totalOrderIM")))
    return Pool(
        wallet=number(part(held, "walletBalance")),
        available=number(part(account, "totalAvailableBalance")),
        used=total(margins),
        unrealized=number(part(held, "unrealisedPnl")),
        maintenance=number(part(held, "totalPositionMM")),
    )


def bybit_mode(answer: Any) -> str | None:
    """Read `GET /v5/account/info`."""
    mode = part(answer, "result", "marginMode")
    if not isinstance(mode, str) or not mode:
        raise VenueError("half-an-answer", "the account's margin mode is not told")
    return None if mode == "REGULAR_MARGIN" else f"its margin mode is {shown(mode)}, not cross margin"


def bybit_collateral(balance: Mapping[str, Any], quote: str) -> tuple[str, ...]:
    """Return the coins that are margin in a unified account, which has all of them together."""
    held = (str(part(one, "coin")) for one in _bybit_coins(balance) if number(part(one, "equity")) and _is_margin(one))
    return tuple(sorted(name for name in held if name != quote))


def bybit_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the coins in which positions have margin."""
    return _with_margin(_bybit_coins(balance), "coin", "totalPositionIM")


def bybit_bound_by_all(balance: Mapping[str, Any], quote: str) -> float | None:
    """Return the margin of all positions in a coin; what closing costs may be in it."""
    return number(part(_bybit_coin(balance, quote), "totalPositionIM"))


def _bybit_coins(balance: Mapping[str, Any]) -> Any:
    return part(balance, "info", "result", "list", 0, "coin") or ()


def _bybit_coin(balance: Mapping[str, Any], quote: str) -> Any:
    return next((one for one in _bybit_coins(balance) if part(one, "coin") == quote), None)


def _is_margin(coin: Any) -> bool:
    """Return whether nothing says that a coin is none: the venue does not take it, or its owner does not want it."""
    return part(coin, "marginCollateral") is not False and part(coin, "collateralSwitch") is not False


def bybit_elsewhere(quote: str) -> tuple[dict[str, Any], ...]:
    """Ask for linear contracts in the other currency that Bybit has, for all that settle in a coin, and for options."""
    others = [one for one in ("USDT", "USDC") if one != quote]
    linear = ({"settleCoin": one, "limit": 200} for one in others)
    return (*linear, {"subType": "inverse", "limit": 200}, {"type": OPTION, "limit": 200})


def bybit_ban(status: int, answer: Any) -> float | None:
    """Read Bybit's ban of an address: "403, access too frequent", for ten minutes; or a code for one in its books."""
    if status == 403:
        return 600.0 if "access too frequent" in str(answer) else 0.0
    return 0.0 if part(answer, "retCode") == 10009 else None


def bybit_back(headers: Mapping[str, str], answer: Any) -> float | None:
    """Read the moment from which on Bybit's limit for a question is a new one, by its own time."""
    reset, now = number(headers.get("x-bapi-limit-reset-timestamp")), number(part(answer, "time"))
    limited = part(answer, "retCode") in (10006, 10018)
    return None if not limited or reset is None or now is None or reset <= now else (reset - now) / 1000.0


def bybit_passing(answer: Any) -> bool:
    """Read Bybit's codes of high load, of a server's time-out, and of an internal error or a restart."""
    return part(answer, "retCode") in (429, 10000, 10016)


def bybit_refuses(answer: Any) -> bool:
    """Read Bybit's codes of parameters that are wrong, and of what cannot be traded: 110017 has nothing to reduce."""
    code = part(answer, "retCode")
    return isinstance(code, int) and (code == 10001 or 110000 <= code < 111000)


# Beside futures mode (2), in which each currency is a pool of its own.
OKX_MODES = MappingProxyType({"1": "spot mode", "3": "multi-currency margin", "4": "portfolio margin"})
# What is frozen while something is liquidated, or a fee is settled, and an account from which nothing is taken.
OKX_FROZEN = frozenset({"50017", "50018", "50019", "50020", "50021", "50022", "50023", "50028"})


def okx_mode(answer: Any) -> str | None:
    """Read `GET /api/v5/account/config`."""
    level = part(answer, "data", 0, "acctLv")
    if level == "2":
        return None
    if not isinstance(level, str) or not level:
        raise VenueError("half-an-answer", "the account's mode is not told")
    return f"its account mode is {OKX_MODES.get(level, shown(level))}, not futures mode"


def _okx_currency(balance: Mapping[str, Any], quote: str) -> Any:
    details = part(balance, "info", "data", 0, "details") or ()
    return next((one for one in details if part(one, "ccy") == quote), None)


def okx_pool(balance: Mapping[str, Any], quote: str) -> Pool:
    """Read `GET /api/v5/account/balance`: equity has the PnL of all positions in it, as of the same moment."""
    held = _okx_currency(balance, quote)
    equity, unrealized = number(part(held, "eq")), number(part(held, "upl"))
    wallet = None if equity is None or unrealized is None else float(exact(equity) - exact(unrealized))
    return Pool(wallet=wallet, unrealized=unrealized)


def okx_least_margin(balance: Mapping[str, Any], quote: str) -> float | None:
    """Read the margin of positions that are cross; of orders may be in it."""
    return number(part(_okx_currency(balance, quote), "imr"))


def okx_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Read `GET /api/v5/account/balance`: its margin is of orders too, its unrealized PnL of positions alone."""
    return _with_margin(part(balance, "info", "data", 0, "details"), "ccy", "upl")


def okx_settles(position: Mapping[str, Any], quote: str) -> str | None:
    """Read `GET /api/v5/account/positions`: margin and PnL of a swap, or a future, are in what it settles in."""
    contract = part(position, "info", "instType") in ("SWAP", "FUTURES")
    told = part(position, "info", "ccy")
    return told if contract and isinstance(told, str) and told else None


def okx_fees(fees: Mapping[str, Any], quote: str) -> Mapping[str, float | None]:
    """Read `GET /api/v5/account/trade-fee`, a fee below 0: ccxt takes what is for contracts that settle in a coin."""
    kind = {"USDT": "U"}.get(quote, quote)
    told = {name: number(part(fees, "info", f"{name}{kind}")) for name in ("taker", "maker")}
    return {name: None if rate is None else 0.0 - rate for name, rate in told.items()}


def okx_refuses(answer: Any) -> bool:
    """Read OKX's codes of orders: 51169 has nothing to reduce. With 51149 it ran out of time."""
    codes = (part(answer, "code"), *(part(one, "sCode") for one in part(answer, "data") or ()))
    told = {str(code) for code in codes} - {"51149"}
    return any(code in OKX_FROZEN or (code[:2] in ("51", "54") and len(code) == 5) for code in told)


def bitget_product(quote: str) -> dict[str, Any]:
    """Ask for the futures of one currency: each has an account of its own, and ccxt would ask for that in USDT."""
    return {"productType": f"{quote}-FUTURES"}


def bitget_pool(balance: Mapping[str, Any], quote: str) -> Pool:
    """Read `GET /api/v2/mix/account/accounts`: the equity has in it the PnL that is told beside it.

    What is free for cross positions has their profit in it; ccxt's `free` is what may be taken out, without any profit.
    """
    held = _bitget_asset(balance, quote)
    equity, pnl = number(part(held, "accountEquity")), number(part(held, "unrealizedPL"))
    wallet = None if equity is None or pnl is None else float(exact(equity) - exact(pnl))
    return Pool(wallet=wallet, available=number(part(held, "crossedMaxAvailable")), unrealized=pnl)


def _bitget_asset(balance: Mapping[str, Any], quote: str) -> Any:
    assets = part(balance, "info")
    rows = assets if isinstance(assets, list) else []
    return next((one for one in rows if part(one, "marginCoin") == quote), None)


def bitget_retold(position: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read `GET /api/v2/mix/position/all-position`, by which sizes are in the base asset."""
    names = {"contracts": "total", "liquidationPrice": "liquidationPrice"}
    return {name: number(part(position, "info", told)) for name, told in names.items()}


def bitget_settles(position: Mapping[str, Any], quote: str) -> str | None:
    """Read the same answer; what of it is asked for is linear."""
    told = part(position, "info", "marginCoin")
    return told if isinstance(told, str) and told else None


def bitget_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Read `GET /api/v2/mix/account/accounts`."""
    return _with_margin(part(balance, "info"), "marginCoin", "unrealizedPL")


def bitget_pooled(balance: Mapping[str, Any], quote: str) -> str | None:
    """Read the mode beside the asset's figures in `GET /api/v2/mix/account/accounts`, or that it is v3's answer."""
    if isinstance(part(balance, "info"), Mapping):
        return "it is a unified account, in which several assets are margin together"
    return SEVERAL_ASSETS if part(_bitget_asset(balance, quote), "assetMode") == "union" else None


def bitget_refuses(answer: Any) -> bool:
    """Read Bitget's codes of a market under maintenance, or not opened yet, which ccxt has for the venue's."""
    return part(answer, "code") in ("40308", "41114", "43115")


def phemex_refuses(answer: Any) -> bool:
    """Read the codes of Phemex's trading engine, and its codes of an order that breaks a rule of the venue's."""
    code = part(answer, "code")
    return isinstance(code, int) and 11000 <= code < 12000


def phemex_market(market: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a market with the limits of an order that ccxt leaves out; the least quantity is a step."""
    told = {name: number(part(market, "info", name)) for name in ("maxOrderQtyRq", "minOrderValueRv")}
    found = _limited(market, "amount", min=part(market, "precision", "amount"), max=told["maxOrderQtyRq"])
    return _limited(found, "cost", min=told["minOrderValueRv"])


def htx_market(market: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a market whose least order is told in contracts: ccxt has that of linear ones in the base asset."""
    in_base = part(market, "limits", "amount", "min") == market.get("contractSize")
    return worth_nothing(_limited(market, "amount", min=1.0) if in_base else market)


def worth_nothing(market: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a linear market in which no order has to be worth anything, where ccxt tells nothing else."""
    costs = part(market, "limits", "cost") or {}
    return market if costs.get("min") is not None else _limited(market, "cost", min=0.0)


def _limited(market: Mapping[str, Any], kind: str, **limits: float | None) -> Mapping[str, Any]:
    """Return a linear market with other limits; one that is not linear is what it was."""
    if not market.get("linear"):
        return market
    known = market.get("limits") or {}
    return {**market, "limits": {**known, kind: {**(known.get(kind) or {}), **limits}}}


def _with_margin(assets: Any, name: str, margin: str) -> tuple[str, ...]:
    """Return the names of the assets of which some is margin, or that have what only positions have."""
    return tuple(str(part(one, name)) for one in assets or () if number(part(one, margin)))
