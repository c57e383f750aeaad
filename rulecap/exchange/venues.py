"""How venues differ, one by one: with what they are asked, and what reads their own answers.

A venue that is not here is read by unified fields alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from rulecap.exchange import answers
from rulecap.exchange.answers import Pool

WALLET, EQUITY = "wallet", "equity"
# Under which name a position has what it was asked for with.
ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Venue:
    """How one venue differs: in its client, its failures, its account, positions, ledger, markets and orders.

    Attributes:
        options: options of ccxt's client.
        demo: whether the test environment for futures is ccxt's demo trading.
        worded: by the path of a question, what some of its parameters are called there: ccxt takes the venue's own name
            for one of its own, or asks for less than it should; None: it is not asked with that.
        deadlines: by the path of a question that changes something, the header that says until when it is good, where
            its signature is good for longer than an order whose answer is lost is waited for.
        lists: the ends of addresses whose answers have a list, and where: ccxt takes one that is not there for empty.
        markets_by_currency: whether markets are listed currency by currency, so that those in one may be missing alone.
        null_lists: which of these answers may have null for a list without entries.
        numbers: the ends of addresses whose answers have a number, and where: ccxt makes something up of one that is
            not there, and keeps it.
        ban: reads from an answer's status and content, a text where it is no JSON, for how many seconds this address is
            banned, 0 where it does not say; None: it is not. The status 418 is a ban anywhere.
        back: reads from an answer's headers, named in small letters, and its content in how many seconds the venue may
            be asked again; None where that is not told.
        passing: whether an answer's content says that the venue is busy, or ran out of time, under a name that is not
            ccxt's for it.
        named: which of ccxt's classes of errors a code of the venue's is, where ccxt has none for it, or a wrong one.
        balance_total: whether ccxt's `total` is the wallet balance, or the equity (with unrealized PnL); None: unknown.
        money: what to ask for the balance and the ledger with, given the quote currency.
        pool: reads what the unified balance lacks.
        unified_used: whether ccxt's `used` is the venue's word; else a margin that is not told is not there.
        unified_free: whether ccxt's `free` is the venue's word for it; else what is free that is not told is not there.
        least_margin: reads from a balance how much margin there is at the least, for where a position is not told.
        mode: the method of ccxt's client that asks for the account's margin mode, and what reads from the answer why
            its margin is no one pool in one currency, None where it is; None: the venue is not asked.
        pooled: reads the same from a balance, where that tells it.
        collateral: reads which other assets are margin in the account beside its currency.
        bound: reads from a balance in which assets there is margin, or PnL, of positions: where none is told, one is
            missing.
        bound_by_all: reads from a balance how much margin all positions in a currency have together, None where that is
            not told, or not what the positions tell of themselves.
        listed: reads from a balance the positions that it lists itself: by market id and side how many contracts.
        positions: what to ask for positions with, given the quote currency.
        elsewhere: what to ask with for those of the same account that settle in other currencies.
        most_positions: how many one answer holds at most.
        left_out: given an answer's path and content, the rows of positions in it that ccxt leaves out, though they
            hold something; None: it is no answer about positions.
        retold: reads from a position, as the venue tells it, what ccxt works out itself, or leaves out where the market
            is not listed.
        settles: reads which currency a position settles in, where its market is not listed; None: not told.
        linear_contract: how much of the base asset every linear contract is; None where they differ.
        notional_at_mark: whether ccxt's `notional` of a position is its value at the mark price.
        set_leverage: where a position's own answer has the leverage that is set; ccxt's is another one there.
        closing: what a market's own answer calls its state, and which of these may let positions be closed, though
            nothing, or not everything, is opened: whether it is traded is then not told.
        flow_types: the ledger's own types of money that comes in or goes out, where ccxt's do not tell it apart.
        flow_filter: the parameter that names one type of entries, and the venue's own types of money in or out: what is
            asked for, type by type, where one answer does not hold all entries.
        flow_until: the name of the end of a span of the ledger.
        flow_limit: the most entries in one answer of the ledger.
        flow_older: from which age on entries are somewhere else, and what they are asked for with there; None: they are
            all in one place.
        corrected: returns a market of ccxt's with its limits in contracts and money, as every other venue's are, and
            with those that ccxt leaves out.
        book_levels: of how many levels an answer about a book may be; none: of any number.
        most_market: where the market's own answer has the largest quantity of one market order.
        tier_ends: where a leverage tier's own answer has its end in contracts, which ccxt hands on as money.
        tells_tiers: whether ccxt has leverage tiers of its linear contracts, and they can be told in money.
        fees: reads from ccxt's trading fee of a market what this account pays, given the quote currency.
        deducts: whether a tier's maintenance rate is only for what is above the tier before it, as where an amount is
            deducted; else it is for all of the position, or nobody knows.
        finds_orders: whether ccxt sends an order under our name, and finds and cancels it by that alone.
        open_orders_by_client_id: the parameter that finds an order, where `fetch_order` knows only the venue's id.
        mode_in_order: whether an order has to say if the position that it reduces is cross or isolated.
        refuses: whether an answer's content says that an order was looked at and is none that can be taken: some venues
            say so in an answer that is fine for HTTP, or under a name that ccxt has for what may pass.
    """

    # The client, and what it is told.
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    demo: bool = False
    worded: Mapping[str, Mapping[str, str | None]] = field(default_factory=lambda: MappingProxyType({}))
    deadlines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lists: Mapping[str, tuple[str | int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    markets_by_currency: bool = False
    null_lists: frozenset[str] = frozenset()
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    # Failures.
    ban: Callable[[int, Any], float | None] = lambda status, answer: None
    back: Callable[[Mapping[str, str], Any], float | None] = lambda headers, answer: None
    passing: Callable[[Any], bool] = lambda answer: False
    named: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # The account.
    balance_total: str | None = None
    money: Callable[[str], dict[str, Any]] = lambda quote: {}
    pool: Callable[[Mapping[str, Any], str], Pool] = lambda balance, quote: Pool()
    unified_used: bool = True
    unified_free: bool = True
    least_margin: Callable[[Mapping[str, Any], str], float | None] = lambda balance, quote: None
    mode: tuple[str, Callable[[Any], str | None]] | None = None
    pooled: Callable[[Mapping[str, Any], str], str | None] = lambda balance, quote: None
    collateral: Callable[[Mapping[str, Any], str], tuple[str, ...]] = lambda balance, quote: ()
    bound: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda balance: ()
    bound_by_all: Callable[[Mapping[str, Any], str], float | None] = lambda balance, quote: None
    listed: Callable[[Mapping[str, Any]], Mapping[tuple[str, str], float]] = lambda balance: MappingProxyType({})
    # Positions.
    positions: Callable[[str], dict[str, Any]] = lambda quote: {}
    elsewhere: Callable[[str], tuple[dict[str, Any], ...]] = lambda quote: ()
    most_positions: int | None = None
    left_out: Callable[[str, Any], tuple[Any, ...] | None] = lambda path, answer: None
    retold: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda position: MappingProxyType({})
    settles: Callable[[Mapping[str, Any], str], str | None] = lambda position, quote: None
    linear_contract: float | None = None
    notional_at_mark: bool = True
    set_leverage: str | None = None
    closing: tuple[str, frozenset[str]] = ("", frozenset())
    # The ledger.
    flow_types: frozenset[str] = frozenset()
    flow_filter: tuple[str, tuple[str, ...]] = ("", ())
    flow_until: str = "until"
    flow_limit: int = 100
    flow_older: tuple[timedelta | None, Mapping[str, Any]] = (None, MappingProxyType({}))
    # Markets.
    corrected: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda market: market
    book_levels: tuple[int, ...] = ()
    most_market: tuple[str, ...] = ("",)
    tier_ends: tuple[str, ...] = ()
    tells_tiers: bool = True
    fees: Callable[[Mapping[str, Any], str], Mapping[str, Any]] = lambda fees, quote: fees
    deducts: bool = False
    # Orders.
    finds_orders: bool = False
    open_orders_by_client_id: str = ""
    mode_in_order: bool = False
    refuses: Callable[[Any], bool] = lambda answer: False


BINANCE = Venue(
    balance_total=EQUITY,
    pool=answers.binance_pool,
    options=MappingProxyType({"fetchMarkets": {"types": ["linear"]}, "disableFuturesSandboxWarning": True}),
    demo=True,
    book_levels=(5, 10, 20, 50, 100, 500, 1000),
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
    left_out=answers.binance_left_out,
    settles=answers.binance_settles,
    mode=("fapiPrivateGetMultiAssetsMargin", answers.binance_mode),
    bound=answers.binance_bound,
    listed=answers.binance_listed,
    bound_by_all=answers.binance_bound_by_all,
    linear_contract=1.0,
    deducts=True,
    refuses=answers.binance_refuses,
    finds_orders=True,
)
BYBIT = Venue(
    balance_total=WALLET,
    pool=answers.bybit_pool,
    # ccxt's is a sum in which what is not told is zero: in portfolio margin no coin's margin is.
    unified_used=False,
    options=MappingProxyType({"fetchMarkets": {"types": ["linear", "inverse"]}}),
    positions=lambda quote: {"settleCoin": quote, "limit": 200},
    elsewhere=answers.bybit_elsewhere,
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
    mode=("privateGetV5AccountInfo", answers.bybit_mode),
    collateral=answers.bybit_collateral,
    bound=answers.bybit_bound,
    bound_by_all=answers.bybit_bound_by_all,
    ban=answers.bybit_ban,
    back=answers.bybit_back,
    passing=answers.bybit_passing,
    refuses=answers.bybit_refuses,
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
            fees=answers.okx_fees,
            corrected=answers.worth_nothing,
            most_market=("maxMktSz",),
            # What goes to an isolated position's margin, and comes back, ccxt calls a transfer too.
            flow_types=frozenset({"1"}),
            flow_filter=("billType", ("1",)),
            # Of money in or out no instrument is told, so that it is not among the bills of swaps.
            worded=MappingProxyType(
                dict.fromkeys(
                    ("account/bills", "account/bills-archive"),
                    MappingProxyType({"instType": None, "billType": "type"}),
                )
            ),
            # What is told first is of a week, of which the first day may be over while it is asked for.
            flow_older=(timedelta(days=6), MappingProxyType({"method": "privateGetAccountBillsArchive"})),
            lists=MappingProxyType(
                {
                    **dict.fromkeys(
                        (
                            "/account/positions",
                            "/account/bills",
                            "/account/bills-archive",
                            "/public/instruments",
                            "/market/candles",
                            "/market/history-candles",
                            "/public/position-tiers",
                        ),
                        ("data",),
                    ),
                    "/account/balance": ("data", 0, "details"),
                }
            ),
            pool=answers.okx_pool,
            least_margin=answers.okx_least_margin,
            settles=answers.okx_settles,
            bound=answers.okx_bound,
            mode=("privateGetAccountConfig", answers.okx_mode),
            refuses=answers.okx_refuses,
            # A signature is good for half a minute.
            deadlines=MappingProxyType({"trade/batch-orders": "expTime"}),
            finds_orders=True,
            mode_in_order=True,
        ),
        "bitget": Venue(
            balance_total=EQUITY,
            pool=answers.bitget_pool,
            # It is what may be taken out, which is less wherever there is a profit.
            unified_free=False,
            options=MappingProxyType({"fetchMarkets": {"types": ["swap"]}}),
            demo=True,
            positions=answers.bitget_product,
            money=answers.bitget_product,
            most_market=("maxMarketOrderQty",),
            closing=("symbolStatus", frozenset({"limit_open"})),  # as before it is taken off
            lists=MappingProxyType(
                {
                    "/position/all-position": ("data",),
                    "/account/accounts": ("data",),
                    "/account/bill": ("data", "bills"),
                    "/market/candles": ("data",),
                    "/market/query-position-lever": ("data",),
                    "/market/ticker": ("data",),
                }
            ),
            null_lists=frozenset({"/account/bill"}),
            # Those that ccxt calls transfers, and that the bills of a futures account may have.
            flow_filter=(
                "businessType",
                (
                    "trans_from_cross",
                    "trans_to_cross",
                    "trans_from_exchange",
                    "trans_to_exchange",
                    "trans_from_isolated",
                    "trans_to_isolated",
                    "trans_from_contract",
                    "trans_to_contract",
                    "trans_from_otc",
                    "trans_to_otc",
                ),
            ),
            markets_by_currency=True,
            retold=answers.bitget_retold,
            settles=answers.bitget_settles,
            linear_contract=1.0,
            bound=answers.bitget_bound,
            pooled=answers.bitget_pooled,
            refuses=answers.bitget_refuses,
            named=MappingProxyType(
                {
                    "22001": "OrderNotFound",  # nothing to cancel
                    "40010": "RequestTimeout",  # by the manual; ccxt has it for a wrong signature
                    "40015": "ExchangeNotAvailable",
                    "40725": "ExchangeNotAvailable",
                    "45001": "ExchangeNotAvailable",
                }
            ),
            finds_orders=True,
            mode_in_order=True,
        ),
        "htx": Venue(balance_total=EQUITY, tier_ends=("max_size",), corrected=answers.htx_market),
        # Its tiers of a unified account; else ccxt has them in money. Its `posCost` is at the entry price.
        "kucoin": Venue(
            tier_ends=("maxSize",),
            corrected=answers.worth_nothing,
            book_levels=(20, 100),
            notional_at_mark=False,
            set_leverage="leverage",
        ),
        "gate": Venue(corrected=answers.worth_nothing),
        "phemex": Venue(
            # For ccxt a request is good for a minute, which is longer than an order whose answer is lost is waited for.
            options=MappingProxyType({"x-phemex-request-expiry": 10}),
            notional_at_mark=False,
            corrected=answers.phemex_market,
            tells_tiers=False,  # ccxt refuses to ask for those of its linear contracts
            refuses=answers.phemex_refuses,
            finds_orders=True,
        ),
        "mexc": Venue(tells_tiers=False),  # counted in contracts, in a way that does not show
    }
)


# ccxt's other names of the same, at other addresses.
SAME = MappingProxyType(
    {
        "bybiteu": "bybit",
        "bybitid": "bybit",
        "gateeu": "gate",
        "kucoinfutures": "kucoin",
        "myokx": "okx",
        "okxus": "okx",
    }
)
UNKNOWN = Venue()


def venue_of(name: str) -> Venue:
    """Return how a venue differs; an unknown one does not."""
    return VENUES.get(SAME.get(name, name), UNKNOWN)
