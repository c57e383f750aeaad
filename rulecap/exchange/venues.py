"""What ccxt's unified fields do not tell, venue by venue: small readers of the venue's own answer.

A venue that is not here is read by unified fields alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import number, part, total
from rulecap.problems import shown

WALLET, EQUITY = "wallet", "equity"
# Under which name a position has what it was asked for with.
ASKED = "asked"
OPTION = "option"


@dataclass(frozen=True, slots=True)
class Pool:
    """The margin pool of one currency; what is not told is None."""

    wallet: float | None = None
    available: float | None = None
    used: float | None = None
    unrealized: float | None = None
    maintenance: float | None = None


@dataclass(frozen=True, slots=True)
class Venue:
    """How one venue differs.

    Attributes:
        balance_total: whether ccxt's `total` is the wallet balance, or the equity (with unrealized PnL); None: unknown.
        pool: reads what the unified balance lacks.
        unified_used: whether ccxt's `used` is the venue's word; else a margin that is not told is not there.
        options: options of ccxt's client.
        demo: whether the test environment for futures is ccxt's demo trading.
        positions: what to ask for positions with, given the quote currency.
        elsewhere: what to ask with for those of the same account that settle in other currencies.
        lists: the ends of addresses whose answers have a list, and where: ccxt takes one that is not there for empty.
        numbers: the ends of addresses whose answers have a number, and where: ccxt makes something up of one that is
            not there, and keeps it.
        left_out: given an answer's path and content, the rows of positions in it that ccxt leaves out, though they
            hold something; None: it is no answer about positions.
        most_positions: how many one answer holds at most.
        flow_types: the ledger's own types of money that comes in or goes out, where ccxt's do not tell it apart.
        flow_filter: the parameter that names one type of entries, and the venue's own types of money in or out: what is
            asked for, type by type, where one answer does not hold all entries.
        worded: by the path of a question, what some of its parameters are called there: ccxt takes the venue's own name
            for one of its own, or asks for less than it should; None: it is not asked with that.
        flow_until: the name of the end of a span of the ledger.
        flow_limit: the most entries in one answer of the ledger.
        open_orders_by_client_id: the parameter that finds an order, where `fetch_order` knows only the venue's id.
        most_market: where the market's own answer has the largest quantity of one market order.
        closing: what a market's own answer calls its state, and which of these may let positions be closed, though
            nothing, or not everything, is opened: whether it is traded is then not told.
        settles: reads which currency a position settles in, where its market is not listed; None: not told.
        mode: the method of ccxt's client that asks for the account's margin mode, and what reads from the answer why
            its margin is no one pool in one currency, None where it is; None: the venue is not asked.
        pooled: reads the same from a balance, where that tells it.
        collateral: reads which other assets are margin in the account beside its currency.
        bound: reads from a balance in which assets there is margin, or PnL, of positions: where none is told, one is
            missing.
        listed: reads from a balance the positions that it lists itself: by market id and side how many contracts.
        bound_by_all: reads from a balance how much margin all positions in a currency have together, None where that is
            not told, or not what the positions tell of themselves.
        linear_contract: how much of the base asset every linear contract is; None where they differ.
        notional_at_mark: whether ccxt's `notional` of a position is its value at the mark price.
        tier_ends: where a leverage tier's own answer has its end in contracts, which ccxt hands on as money.
        tells_tiers: whether ccxt's leverage tiers can be told in money at all.
        deducts: whether a tier's maintenance rate is only for what is above the tier before it, as where an amount is
            deducted; else it is for all of the position, or nobody knows.
        ban: reads from an answer's status and content, a text where it is no JSON, for how many seconds this address is
            banned, 0 where it does not say; None: it is not. The status 418 is a ban anywhere.
        back: reads from an answer's headers, named in small letters, and its content in how many seconds the venue may
            be asked again; None where that is not told.
        passing: whether an answer's content says that the venue is busy, or ran out of time, under a name that is not
            ccxt's for it.
        refuses: whether an answer's content says that an order was looked at and is none that can be taken: some venues
            say so in an answer that is fine for HTTP, or under a name that ccxt has for what may pass.
        finds_orders: whether ccxt sends an order under our name, and finds and cancels it by that alone.
        mode_in_order: whether an order has to say if the position that it reduces is cross or isolated.
    """

    balance_total: str | None = None
    pool: Callable[[Mapping[str, Any], str], Pool] = lambda balance, quote: Pool()
    unified_used: bool = True
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    demo: bool = False
    positions: Callable[[str], dict[str, Any]] = lambda quote: {}
    elsewhere: Callable[[str], tuple[dict[str, Any], ...]] = lambda quote: ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    left_out: Callable[[str, Any], tuple[Any, ...] | None] = lambda path, answer: None
    most_positions: int | None = None
    flow_types: frozenset[str] = frozenset()
    flow_filter: tuple[str, tuple[str, ...]] = ("", ())
    worded: Mapping[str, Mapping[str, str | None]] = field(default_factory=lambda: MappingProxyType({}))
    flow_until: str = "until"
    flow_limit: int = 100
    open_orders_by_client_id: str = ""
    most_market: tuple[str, ...] = ("",)
    closing: tuple[str, frozenset[str]] = ("", frozenset())
    settles: Callable[[Mapping[str, Any], str], str | None] = lambda position, quote: None
    mode: tuple[str, Callable[[Any], str | None]] | None = None
    pooled: Callable[[Mapping[str, Any], str], str | None] = lambda balance, quote: None
    collateral: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda balance, quote: ()
    bound: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda balance: ()
    listed: Callable[[Mapping[str, Any]], Mapping[tuple[str, str], float]] = lambda balance: MappingProxyType({})
    bound_by_all: Callable[[Mapping[str, Any], str], float | None] = lambda balance, quote: None
    linear_contract: float | None = None
    notional_at_mark: bool = True
    tier_ends: tuple[str, ...] = ()
    tells_tiers: bool = True
    deducts: bool = False
    ban: Callable[[int, Any], float | None] = lambda status, answer: None
    back: Callable[[Mapping[str, str], Any], float | None] = lambda headers, answer: None
    passing: Callable[[Any], bool] = lambda answer: False
    refuses: Callable[[Any], bool] = lambda answer: False
    finds_orders: bool = False
    mode_in_order: bool = False


def _binance(balance: Mapping[str, Any], quote: str) -> Pool:
    """Read `GET /fapi/v3/account`: ccxt's total is the margin balance, which has the unrealized PnL in it."""
    held = _binance_asset(balance, quote)
    names = ("walletBalance", "availableBalance", "initialMargin", "unrealizedProfit", "maintMargin")
    return Pool(*(number(part(held, name)) for name in names))


def _binance_asset(balance: Mapping[str, Any], quote: str) -> Any:
    assets = part(balance, "info", "assets") or []
    return next((one for one in assets if part(one, "asset") == quote), None)


def _binance_listed(balance: Mapping[str, Any]) -> Mapping[tuple[str, str], float]:
    """Return the account's own list of positions; those with orders alone are in it too."""
    found = {}
    for one in part(balance, "info", "positions") or ():
        amount, side = number(part(one, "positionAmt")), part(one, "positionSide")
        if amount:
            side = side if side in ("LONG", "SHORT") else "LONG" if amount > 0 else "SHORT"
            found[str(part(one, "symbol")), side] = abs(amount)
    return found


def _binance_bound_by_all(balance: Mapping[str, Any], quote: str) -> float | None:
    """Return the margin of all positions, where all are cross: what is put aside for others may be among it."""
    held = _binance_asset(balance, quote)
    wallet, cross = number(part(held, "walletBalance")), number(part(held, "crossWalletBalance"))
    return number(part(held, "positionInitialMargin")) if wallet == cross else None


def _binance_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    return _with_margin(part(balance, "info", "assets"), "asset", "positionInitialMargin")


def _binance_settles(position: Mapping[str, Any], quote: str) -> str | None:
    """Read `GET /fapi/v3/positionRisk`; all of its contracts are linear."""
    told = part(position, "info", "marginAsset")
    return told if isinstance(told, str) and told else None


def _binance_left_out(path: str, answer: Any) -> tuple[Any, ...] | None:
    """Return the open positions that have no entry price."""
    if not path.endswith("/positionRisk"):
        return None
    open_ones = [one for one in answer if number(part(one, "positionAmt")) != 0]
    return tuple(one for one in open_ones if not (number(part(one, "entryPrice")) or 0.0) > 0)


def _bybit_coin(balance: Mapping[str, Any], quote: str) -> Any:
    coins = part(balance, "info", "result", "list", 0, "coin") or []
    return next((one for one in coins if part(one, "coin") == quote), None)


def _bybit(balance: Mapping[str, Any], quote: str) -> Pool:
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


def _binance_mode(answer: Any) -> str | None:
    """Read `GET /fapi/v1/multiAssetsMargin`."""
    several = part(answer, "multiAssetsMargin")
    if not isinstance(several, bool):
        raise VenueError("half-an-answer", "whether several assets are margin is not told")
    return "it is in multi-assets mode, in which several assets are margin together" if several else None


def _bybit_mode(answer: Any) -> str | None:
    """Read `GET /v5/account/info`."""
    mode = part(answer, "result", "marginMode")
    if not isinstance(mode, str) or not mode:
        raise VenueError("half-an-answer", "the account's margin mode is not told")
    return None if mode == "REGULAR_MARGIN" else f"its margin mode is {shown(mode)}, not cross margin"


# Beside futures mode (2), in which each currency is a pool of its own.
OKX_MODES = MappingProxyType({"1": "spot mode", "3": "multi-currency margin", "4": "portfolio margin"})


def _okx_mode(answer: Any) -> str | None:
    """Read `GET /api/v5/account/config`."""
    level = part(answer, "data", 0, "acctLv")
    if level == "2":
        return None
    if not isinstance(level, str) or not level:
        raise VenueError("half-an-answer", "the account's mode is not told")
    return f"its account mode is {OKX_MODES.get(level, shown(level))}, not futures mode"


def _bybit_collateral(balance: Mapping[str, Any], quote: str) -> tuple[str, ...]:
    """Return the coins that are margin in a unified account, which has all of them together."""
    coins = part(balance, "info", "result", "list", 0, "coin") or []
    held = (str(part(one, "coin")) for one in coins if number(part(one, "equity")) and _is_margin(one))
    return tuple(sorted(name for name in held if name != quote))


def _bybit_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    return _with_margin(part(balance, "info", "result", "list", 0, "coin"), "coin", "totalPositionIM")


def _bybit_bound_by_all(balance: Mapping[str, Any], quote: str) -> float | None:
    return number(part(_bybit_coin(balance, quote), "totalPositionIM"))


def _bybit_ban(status: int, answer: Any) -> float | None:
    """Read Bybit's ban of an address: "403, access too frequent", for ten minutes; or a code for one in its books."""
    if status == 403:
        return 600.0 if "access too frequent" in str(answer) else 0.0
    return 0.0 if part(answer, "retCode") == 10009 else None


def _bybit_back(headers: Mapping[str, str], answer: Any) -> float | None:
    """Read the moment from which on Bybit's limit for a question is a new one, by its own time."""
    reset, now = number(headers.get("x-bapi-limit-reset-timestamp")), number(part(answer, "time"))
    limited = part(answer, "retCode") in (10006, 10018)
    return None if not limited or reset is None or now is None or reset <= now else (reset - now) / 1000.0


def _bybit_passing(answer: Any) -> bool:
    """Read Bybit's codes of high load, of a server's time-out, and of an internal error or a restart."""
    return part(answer, "retCode") in (429, 10000, 10016)


def _binance_refuses(answer: Any) -> bool:
    """Read Binance's codes of a book that is empty, an order that cannot be filled, an account that is liquidated."""
    return part(answer, "code") in (-1112, -2020, -2023)


def _bybit_refuses(answer: Any) -> bool:
    """Read Bybit's codes of parameters that are wrong, and of what cannot be traded: 110017 has nothing to reduce."""
    code = part(answer, "retCode")
    return isinstance(code, int) and (code == 10001 or 110000 <= code < 111000)


def _okx_refuses(answer: Any) -> bool:
    """Read OKX's codes of orders: 51169 has nothing to reduce. With 51149 it ran out of time."""
    codes = (part(answer, "code"), *(part(one, "sCode") for one in part(answer, "data") or ()))
    return any(str(code)[:2] == "51" and len(str(code)) == 5 and code != "51149" for code in codes)


def _phemex_refuses(answer: Any) -> bool:
    """Read the codes of Phemex's trading engine, and its codes of an order that breaks a rule of the venue's."""
    code = part(answer, "code")
    return isinstance(code, int) and 11000 <= code < 12000


def _okx_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Read `GET /api/v5/account/balance`: its margin is of orders too, its unrealized PnL of positions alone."""
    return _with_margin(part(balance, "info", "data", 0, "details"), "ccy", "upl")


def _bitget_bound(balance: Mapping[str, Any]) -> tuple[str, ...]:
    """Read `GET /api/v2/mix/account/accounts`."""
    return _with_margin(part(balance, "info"), "marginCoin", "unrealizedPL")


def _bitget_pooled(balance: Mapping[str, Any], quote: str) -> str | None:
    assets = part(balance, "info")
    held = (one for one in assets if part(one, "marginCoin") == quote) if isinstance(assets, list) else ()
    several = any(part(one, "assetMode") == "union" for one in held)
    return "it is in multi-assets mode, in which several assets are margin together" if several else None


def _with_margin(assets: Any, name: str, margin: str) -> tuple[str, ...]:
    """Return the names of the assets of which some is margin, or that have what only positions have."""
    return tuple(str(part(one, name)) for one in assets or () if number(part(one, margin)))


def _is_margin(coin: Any) -> bool:
    """Return whether nothing says that a coin is none: the venue does not take it, or its owner does not want it."""
    return part(coin, "marginCollateral") is not False and part(coin, "collateralSwitch") is not False


def _bybit_elsewhere(quote: str) -> tuple[dict[str, Any], ...]:
    """Ask for linear contracts in the other currency that Bybit has, for all that settle in a coin, and for options."""
    others = [one for one in ("USDT", "USDC") if one != quote]
    linear = ({"settleCoin": one, "limit": 200} for one in others)
    return (*linear, {"subType": "inverse", "limit": 200}, {"type": OPTION, "limit": 200})


BINANCE = Venue(
    balance_total=EQUITY,
    pool=_binance,
    options=MappingProxyType({"fetchMarkets": {"types": ["linear"]}, "disableFuturesSandboxWarning": True}),
    demo=True,
    # Those that ccxt calls deposit, withdrawal or transfer.
    flow_filter=(
        "incomeType",
        (
            "TRANSFER",
            "INTERNAL_TRANSFER",
            "CROSS_COLLATERAL_TRANSFER",
            "STRATEGY_UMFUTURES_TRANSFER",
            "COIN_SWAP_DEPOSIT",
            "COIN_SWAP_WITHDRAW",
        ),
    ),
    flow_limit=1000,
    lists=MappingProxyType(
        {"/positionRisk": (), "/income": (), "/exchangeInfo": ("symbols",), "/account": ("assets",), "/klines": ()}
    ),
    left_out=_binance_left_out,
    settles=_binance_settles,
    mode=("fapiPrivateGetMultiAssetsMargin", _binance_mode),
    bound=_binance_bound,
    listed=_binance_listed,
    bound_by_all=_binance_bound_by_all,
    linear_contract=1.0,
    deducts=True,
    refuses=_binance_refuses,
    finds_orders=True,
)
BYBIT = Venue(
    balance_total=WALLET,
    pool=_bybit,
    # ccxt's is a sum in which what is not told is zero: in portfolio margin no coin's margin is.
    unified_used=False,
    options=MappingProxyType({"fetchMarkets": {"types": ["linear", "inverse"]}}),
    positions=lambda quote: {"settleCoin": quote, "limit": 200},
    elsewhere=_bybit_elsewhere,
    lists=MappingProxyType(
        dict.fromkeys(
            (
                "/position/list",
                "/transaction-log",
                "/order/realtime",
                "/order/history",
                "/instruments-info",
                "/wallet-balance",
                "/kline",
                "/risk-limit",
                "/tickers",
            ),
            ("result", "list"),
        )
    ),
    numbers=MappingProxyType({"/user/query-api": ("result", "uta")}),
    most_positions=200,
    flow_types=frozenset({"TRANSFER_IN", "TRANSFER_OUT"}),
    flow_filter=("type", ("TRANSFER_IN", "TRANSFER_OUT")),
    flow_until="endTime",
    flow_limit=50,
    open_orders_by_client_id="orderLinkId",
    most_market=("lotSizeFilter", "maxMktOrderQty"),
    closing=("status", frozenset({"PreLaunch"})),  # of its phases one is trading
    settles=lambda position, quote: position.get(ASKED, {}).get("settleCoin"),
    mode=("privateGetV5AccountInfo", _bybit_mode),
    collateral=_bybit_collateral,
    bound=_bybit_bound,
    bound_by_all=_bybit_bound_by_all,
    ban=_bybit_ban,
    back=_bybit_back,
    passing=_bybit_passing,
    refuses=_bybit_refuses,
    linear_contract=1.0,
    # `positionValue` is the size times the average entry price.
    notional_at_mark=False,
    deducts=True,
    finds_orders=True,
)
VENUES = MappingProxyType(
    {
        "binance": BINANCE,
        "binanceusdm": BINANCE,
        "bybit": BYBIT,
        # What ccxt puts into `total`, by its own source: eq, accountEquity, equity.
        "okx": Venue(
            balance_total=EQUITY,
            tier_ends=("maxSz",),
            most_market=("maxMktSz",),
            # What goes to an isolated position's margin, and comes back, ccxt calls a transfer too.
            flow_types=frozenset({"1"}),
            flow_filter=("billType", ("1",)),
            # Of money in or out no instrument is told, so that it is not among the bills of swaps.
            worded=MappingProxyType({"account/bills": MappingProxyType({"instType": None, "billType": "type"})}),
            lists=MappingProxyType(dict.fromkeys(("/account/positions", "/account/bills"), ("data",))),
            bound=_okx_bound,
            mode=("privateGetAccountConfig", _okx_mode),
            refuses=_okx_refuses,
            finds_orders=True,
            mode_in_order=True,
        ),
        "bitget": Venue(
            balance_total=EQUITY,
            most_market=("maxMarketOrderQty",),
            closing=("symbolStatus", frozenset({"limit_open"})),  # as before it is taken off
            lists=MappingProxyType({"/position/all-position": ("data",)}),
            bound=_bitget_bound,
            pooled=_bitget_pooled,
            finds_orders=True,
            mode_in_order=True,
        ),
        "htx": Venue(balance_total=EQUITY, tier_ends=("max_size",)),
        # Its tiers of a unified account; else ccxt has them in money. Its `posCost` is at the entry price.
        "kucoin": Venue(tier_ends=("maxSize",), notional_at_mark=False),
        "phemex": Venue(notional_at_mark=False, refuses=_phemex_refuses, finds_orders=True),
        "mexc": Venue(tells_tiers=False),  # counted in contracts, in a way that does not show
    }
)


UNKNOWN = Venue()


def venue_of(name: str) -> Venue:
    """Return how a venue differs; an unknown one does not."""
    return VENUES.get(name, UNKNOWN)
