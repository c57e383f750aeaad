"""What ccxt's own classes of other venues make of the answers that these document: contracts that are no unit each."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from rulecap.exchange import Deposits, ExchangeSettings, VenueError, open_exchange
from rulecap.exchange.accounts import account_of
from rulecap.exchange.calls import attempt
from rulecap.exchange.client import open_client
from rulecap.exchange.flows import counted
from rulecap.exchange.keys import Keys
from rulecap.exchange.ledger import Ledger
from rulecap.exchange.markets import brackets_of, contract_worth, market_of
from rulecap.exchange.orders import contracts_text
from rulecap.exchange.placing import _of_an_order, cancel_order, find_order, reduction
from rulecap.exchange.positions import held_positions
from rulecap.exchange.symbols import is_traded
from rulecap.exchange.venues import BINANCE, BYBIT, VENUES, Venue, venue_of

# https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments and -get-position-tiers
OKX_MARKET = {
    "ctMult": "1",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctValCcy": "BTC",
    "instFamily": "BTC-USDT",
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "lever": "100",
    "lotSz": "0.1",
    "maxMktSz": "3000",
    "minSz": "0.1",
    "settleCcy": "USDT",
    "state": "live",
    "tickSz": "0.1",
    "uly": "BTC-USDT",
}
OKX_TIERS = [
    {"maxLever": "100", "maxSz": "1000", "minSz": "0", "mmr": "0.004", "imr": "0.01", "tier": "1", "instId": ""},
    {"maxLever": "50", "maxSz": "5000", "minSz": "1000.1", "mmr": "0.01", "imr": "0.02", "tier": "2", "instId": ""},
]


def okx():
    """Return ccxt's client of OKX, which knows one market, and that market."""
    client = open_client(ExchangeSettings(venue="okx"), Keys())
    market = client.parse_market(OKX_MARKET)
    client.set_markets([market])
    return client, market


def found_in(tiers, market, venue="okx"):
    """Return the brackets that a venue's tiers are, where BTC is at 50,000."""
    return brackets_of(tiers, venue_of(venue), contract_worth(market, {"last": 50_000.0}))


def test_a_tier_that_is_told_in_contracts_is_told_in_money():
    client, market = okx()
    found = found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market)
    # 1,000 contracts of 0.01 BTC are 10 BTC.
    assert [one.max_notional for one in found] == [500_000.0, 2_500_000.0]
    told = market_of(market, {"last": 50_000.0}, None, found, None, client.precisionMode)
    assert (told.min_quantity, told.quantity_step, told.brackets) == (0.001, 0.001, found)


def test_nothing_is_deducted_where_a_tiers_rate_is_for_all_of_the_position():
    client, market = okx()
    found = found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market)
    assert [one.maintenance_amount for one in found] == [0.0, 0.0]


def test_a_tier_that_is_money_already_stays_what_it_is():
    client, market = okx()
    tiers = client.parse_market_leverage_tiers(OKX_TIERS, market)
    in_money = [one | {"maxNotional": one["maxNotional"] * 500.0} for one in tiers]
    assert [one.max_notional for one in found_in(in_money, market)] == [500_000.0, 2_500_000.0]


def test_tiers_that_cannot_be_told_in_money_are_absent():
    client, market = okx()
    assert found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market, "mexc") is None


def test_an_order_is_no_larger_than_the_venue_takes_as_a_market_order():
    client, market = okx()
    # 5,000 contracts of 0.01 BTC are held; more than 3,000 would be refused each time.
    assert contracts_text(50.0, held(market, contracts=5_000.0), client.precisionMode, venue_of("okx")) == "3000"
    assert contracts_text(0.0119, held(market, contracts=5_000.0), client.precisionMode, venue_of("okx")) == "1.1"


@pytest.mark.parametrize(("kind", "net"), [("1", 1_200.0), ("6", 1_000.0), ("8", 1_000.0)])
def test_margin_that_is_moved_within_an_account_is_neither_paid_in_nor_out(kind, net):
    client, _ = okx()
    bills = [
        {
            "type": kind,
            "balChg": change,
            "bal": after,
            "billId": change,
            "ccy": "USDT",
            "ts": "1790000000000",
            "fee": "",
        }
        for change, after in (("500", "1500"), ("-300", "1200"))
    ]
    entries = [client.parse_ledger_entry(one) for one in bills]
    moment = datetime.fromtimestamp(1_790_000_000, UTC)
    before = Deposits(1_000.0, moment - timedelta(minutes=1))
    assert counted(before, entries, venue_of("okx"), "USDT", moment + timedelta(minutes=1)).net == net


NAME = "rcc0ffee000000r2n0"
# Binance and Bybit are asked over a venue of their own.
SENT = sorted(name for name, venue in VENUES.items() if venue.finds_orders and venue not in (BINANCE, BYBIT))


class Stopped(Exception):
    """The request is known, and goes nowhere."""


def sent_by(venue, call):
    """Return the last request that ccxt's client of a venue makes of a call, as one text."""
    client = open_client(ExchangeSettings(venue=venue, milliseconds_per_weight=0), Keys("key", "secret", "password"))
    market = swap(client)
    client.set_markets([market], {"USDT": {"id": "USDT", "code": "USDT", "precision": 1e-6}})
    seen = []

    async def fetch(url, method="GET", headers=None, body=None):
        seen.append(f"{method} {url} {body}")
        raise Stopped

    client.fetch = fetch
    try:
        with pytest.raises(Stopped):
            asyncio.run(call(client, market))
    finally:
        asyncio.run(client.close())
    return seen[-1]


def swap(client):
    """Return a perpetual of BTC as ccxt has it, whichever the venue."""
    return client.safe_market_structure(
        {
            "id": "BTCUSDT",
            "symbol": "BTC/USDT:USDT",
            "base": "BTC",
            "quote": "USDT",
            "settle": "USDT",
            "settleId": "USDT",
            "type": "swap",
            "spot": False,
            "swap": True,
            "future": False,
            "option": False,
            "contract": True,
            "linear": True,
            "inverse": False,
            "contractSize": 1.0,
            "active": True,
            "precision": {"amount": 0.001, "price": 0.1},
            "info": {"orderTypes": ["MARKET"]},
        }
    )


def held(market, mode="cross", hedged=False, contracts=3.0):
    """Return a long position in a market."""
    raw = {
        "symbol": market["symbol"],
        "side": "long",
        "contracts": contracts,
        "entryPrice": 1.0,
        "markPrice": 1.0,
        "leverage": 2.0,
        "marginMode": mode,
        "hedged": hedged,
    }
    return held_positions([raw], {market["symbol"]: market}.get, "USDT", {}, Venue()).all()[0]


@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("venue", SENT)
def test_an_order_is_sent_found_and_cancelled_by_our_name_wherever_one_is_sent(venue, hedged):
    async def place(client, market):
        await reduction(client, venue_of(venue), held(market, hedged=hedged), 1.0, NAME)()

    async def find(client, market):
        await find_order(client, venue_of(venue), market, NAME)

    async def cancel(client, market):
        await cancel_order(client, venue_of(venue), market, NAME)

    for call in (place, find, cancel):
        said = sent_by(venue, call)
        assert NAME in said
        assert "None" not in said.removesuffix(" None")  # an id that we do not have


@pytest.mark.parametrize(
    ("venue", "cross", "isolated"),
    [
        ("okx", '"tdMode":"cross"', '"tdMode":"isolated"'),
        ("bitget", '"marginMode":"crossed"', '"marginMode":"isolated"'),
    ],
)
def test_an_order_says_of_an_isolated_position_that_it_is(venue, cross, isolated):
    def place(mode):
        async def call(client, market):
            await reduction(client, venue_of(venue), held(market, mode), 1.0, NAME)()

        return call

    assert cross in sent_by(venue, place("cross"))
    assert isolated in sent_by(venue, place("isolated"))


@pytest.mark.parametrize("venue", ["binanceusdm", "bybit", "phemex"])
def test_an_order_says_nothing_of_the_mode_to_a_venue_that_asks_nothing_of_it(venue):
    """A field that a venue does not know is one by which it may turn the order down."""

    async def place(client, market):
        await reduction(client, venue_of(venue), held(market, "isolated"), 1.0, NAME)()

    assert "isolated" not in sent_by(venue, place)


@pytest.mark.parametrize("venue", ["gate", "krakenfutures", "mexc", "kucoin"])
def test_nothing_is_sent_where_no_order_could_be_asked_about(venue):
    async def place():
        async with open_exchange(ExchangeSettings(venue=venue), {}) as exchange:
            await exchange.place_reduction(
                {"symbol": "BTCUSDT", "side": "LONG", "quantity": 1.0, "reduce_only": True}, NAME
            )

    with pytest.raises(VenueError) as raised:
        asyncio.run(place())
    assert raised.value.code == "not-supported"


OKX_BALANCE = {"code": "0", "data": [{"details": [{"ccy": "USDT", "eq": "900", "upl": "-100"}, {"ccy": "BTC"}]}]}
# https://www.bitget.com/api-doc/contract/account/Get-Account-List
BITGET_BALANCE = {"code": "00000", "data": [{"marginCoin": "USDT", "accountEquity": "900", "unrealizedPL": "-100"}]}


@pytest.mark.parametrize(("venue", "balance"), [("okx", OKX_BALANCE), ("bitget", BITGET_BALANCE)])
def test_a_pnl_without_a_position_tells_that_one_is_missing(venue, balance):
    client = open_client(ExchangeSettings(venue=venue), Keys())
    told = client.parse_trading_balance(balance) if venue == "okx" else client.parse_balance(balance["data"])
    assert venue_of(venue).bound(told) == ("USDT",)
    assert venue_of(venue).bound({"info": {}}) == ()


@pytest.mark.parametrize(
    ("venue", "address"),
    [
        ("okx", "https://www.okx.com/api/v5/account/positions?instType=SWAP"),
        ("okx", "https://www.okx.com/api/v5/account/bills?ccy=USDT"),
        ("bitget", "https://api.bitget.com/api/v2/mix/position/all-position?marginCoin=USDT"),
    ],
)
def test_an_answer_without_its_list_is_half_of_one_there_too(venue, address):
    client = open_client(ExchangeSettings(venue=venue), Keys())
    good = {"code": "0" if venue == "okx" else "00000", "msg": ""}
    client.handle_errors(200, "OK", address, "GET", {}, "", good | {"data": []}, {}, "")
    for left in ({}, {"data": None}, {"data": {}}):
        with pytest.raises(VenueError, match="has no list"):
            client.handle_errors(200, "OK", address, "GET", {}, "", good | left, {}, "")


# https://www.okx.com/docs-v5/en/#error-code, https://phemex-docs.github.io/#error-codes
@pytest.mark.parametrize(
    ("venue", "answer", "code"),
    [
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "51169", "sMsg": "no position"}]}, "order-refused"),
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "51023", "sMsg": "no position"}]}, "order-refused"),
        ("okx", {"code": "51171", "data": [], "msg": "?"}, "order-refused"),
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "54072", "sMsg": "view-only"}]}, "order-refused"),
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "50022", "sMsg": "frozen"}]}, "order-refused"),
        ("okx", {"code": "50017", "data": [], "msg": "frozen"}, "order-refused"),
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "50061", "sMsg": "limit"}]}, "order-uncertain"),
        ("okx", {"code": "1", "data": [{"clOrdId": NAME, "sCode": "51149", "sMsg": "timed out"}]}, "order-uncertain"),
        ("okx", {"code": "50004", "data": [], "msg": "Endpoint request timeout"}, "order-uncertain"),
        ("okx", {"code": "50026", "data": [], "msg": "System error"}, "order-uncertain"),
        ("okx", {"code": "1", "data": None, "msg": "?"}, "order-uncertain"),
        ("phemex", {"code": 11026, "msg": "TE_NO_ENOUGH_POSITION"}, "order-refused"),
        ("phemex", {"code": 19999, "msg": "?"}, "order-uncertain"),
    ],
)
def test_an_order_that_is_turned_down_in_a_fine_answer_is_refused_and_of_a_time_out_nobody_knows(venue, answer, code):
    async def place():
        environment = {"RULECAP_API_KEY": "key", "RULECAP_API_SECRET": "secret", "RULECAP_API_PASSWORD": "password"}
        async with open_exchange(ExchangeSettings(venue=venue, milliseconds_per_weight=0), environment) as exchange:
            client = exchange._session.client
            market = swap(client)
            client.set_markets([market], {"USDT": {"id": "USDT", "code": "USDT", "precision": 1e-6}})

            async def fetch(url, method="GET", headers=None, body=None):
                client.handle_errors(200, "OK", url, method, {}, json.dumps(answer), answer, headers, body)
                return answer

            client.fetch = fetch
            sending = reduction(client, venue_of(venue), held(market), 1.0, NAME)
            _, failure = await attempt("the order", sending, str)
            return _of_an_order(failure)

    failure = asyncio.run(place())
    assert failure.code == code


@pytest.mark.parametrize(
    ("venue", "row"),
    [
        # https://phemex-docs.github.io/#query-hedge-mode-account-positions: `valueRv` is what was paid
        (
            "phemex",
            {"sizeRq": "2", "side": "Buy", "avgEntryPriceRp": "100", "markPriceRp": "150", "valueRv": "200"}
            | {"leverageRr": "-10", "assignedPosBalanceRv": "30", "posMode": "OneWay"},
        ),
        # https://www.kucoin.com/docs-new/rest/futures-trading/positions/get-position-list: `posCost` too
        (
            "kucoin",
            {"currentQty": 2, "avgEntryPrice": 100, "markPrice": 150, "posCost": 200, "posInit": 30, "leverage": 10}
            | {"unrealisedPnl": 100, "crossMode": True},
        ),
    ],
)
def test_a_notional_is_at_the_mark_price_wherever_one_is_told(venue, row):
    client = open_client(ExchangeSettings(venue=venue), Keys())
    market = swap(client)
    client.set_markets([market])
    raw = client.parse_position({"symbol": market["id"], **row}, market)
    (one,) = held_positions([raw], {market["symbol"]: market}.get, "USDT", {}, venue_of(venue)).all()
    assert raw["notional"] == 200
    assert (one.position.quantity, one.position.notional, one.position.unrealized_pnl) == (2, 300, 100)


@pytest.mark.parametrize("told", [{"leverage": "10"}, {"leverage": 10, "realLeverage": 3.2}, {"realLeverage": 3.2}])
def test_the_leverage_at_kucoin_is_the_one_that_is_set(told):
    """Its real one is what the position comes to of the margin that is there by now."""
    client = open_client(ExchangeSettings(venue="kucoin"), Keys())
    market = swap(client)
    row = {"symbol": market["id"], "currentQty": 2, "avgEntryPrice": 100, "markPrice": 150, "posInit": 30}
    raw = client.parse_position(row | told, market)
    (one,) = held_positions([raw], {market["symbol"]: market}.get, "USDT", {}, venue_of("kucoin")).all()
    assert one.position.leverage == 10


def okx_balance(client, equity, free):
    row = {"ccy": "USDT", "eq": equity, "availEq": free, "upl": "-800"}
    return client.parse_trading_balance({"code": "0", "data": [{"details": [row]}]})


def bitget_balance(client, equity, free):
    row = {"marginCoin": "USDT", "accountEquity": equity, "crossedMaxAvailable": free, "maxTransferOut": "0"}
    return client.parse_balance([row])


@pytest.mark.parametrize(("venue", "balance"), [("okx", okx_balance), ("bitget", bitget_balance)])
@pytest.mark.parametrize(
    ("equity", "free", "used"),
    [
        ("1500", "700", 800),  # orders bind some too
        ("770", "0", 770),
        ("100", "0", 770),  # else it were 100, and the account green at its very end
        ("-50", "0", 770),
    ],
)
def test_where_nothing_is_free_as_much_is_margin_as_the_positions_bind(venue, balance, equity, free, used):
    client = open_client(ExchangeSettings(venue=venue), Keys())
    market = swap(client)
    raw = {"symbol": market["symbol"], "side": "long", "contracts": 1.0, "entryPrice": 4650.0, "markPrice": 3850.0}
    raw |= {"leverage": 5.0, "initialMargin": 770.0, "unrealizedPnl": -800.0}
    positions = held_positions([raw], {market["symbol"]: market}.get, "USDT", {}, venue_of(venue)).all()
    account = account_of(balance(client, equity, free), positions, ExchangeSettings(venue=venue), 0.0)
    assert account.margin_used == used
    assert account.total_wallet_balance == float(equity) + 800


@pytest.mark.parametrize(("level", "said"), [("1", "spot"), ("3", "multi-currency"), ("4", "portfolio"), ("9", "9")])
def test_an_account_at_okx_in_which_several_currencies_are_margin_is_no_one_pool(level, said):
    """Its equity in one of them is not what it is margined by."""
    method, read = venue_of("okx").mode
    assert hasattr(open_client(ExchangeSettings(venue="okx"), Keys()), method)
    assert said in read({"code": "0", "data": [{"acctLv": level, "posMode": "net_mode"}]})
    assert read({"code": "0", "data": [{"acctLv": "2"}]}) is None
    for half in ({}, {"data": []}, {"data": [{"acctLv": None}]}, {"data": [{"acctLv": ""}]}):
        with pytest.raises(VenueError, match="not told"):
            read(half)


@pytest.mark.parametrize(("mode", "refused"), [("union", True), ("single", False), (None, False)])
def test_an_account_at_bitget_in_which_several_assets_are_margin_is_no_one_pool(monkeypatch, mode, refused):
    row = {"marginCoin": "USDT", "accountEquity": "900", "crossedMaxAvailable": "700", "unrealizedPL": "0"}
    row |= {"maxTransferOut": "0"}
    other = {"marginCoin": "BTC", "accountEquity": "1", "maxTransferOut": "1", "assetMode": "union"}

    async def look():
        environment = {"RULECAP_API_KEY": "key", "RULECAP_API_SECRET": "secret", "RULECAP_API_PASSWORD": "password"}
        async with open_exchange(ExchangeSettings(venue="bitget"), environment) as exchange:
            client = exchange._session.client
            answers = {
                "load_markets": {"BTC/USDT:USDT": swap(client)},
                "fetch_time": time.time() * 1000.0,
                "fetch_positions": [],
                "fetch_balance": client.parse_balance([other, row | ({"assetMode": mode} if mode else {})]),
            }
            for name, answer in answers.items():

                async def told(*_, answer=answer, **named):
                    return answer

                monkeypatch.setattr(client, name, told)
            return await exchange.account_view()

    if not refused:
        assert asyncio.run(look()).account.margin_used == 200
        return
    with pytest.raises(VenueError, match="multi-assets") as raised:
        asyncio.run(look())
    assert raised.value.code == "not-one-pool"


def ledger_asked(venue, only=""):
    """Return with which parameters a venue is asked for its ledger, all of it or one type of entries."""
    ways, moment = venue_of(venue), datetime.fromtimestamp(1_790_000_000, UTC)

    async def ask(client, market):
        async def once(what, call):
            return await call()

        span = moment - timedelta(minutes=10), moment
        await Ledger(client, ways, "USDT", once, moment).entries(span, only and ways.flow_filter[1][0])

    return dict(parse_qsl(urlsplit(sent_by(venue, ask).split()[1]).query))


@pytest.mark.parametrize("only", ["", "only"])
def test_money_in_and_out_is_asked_for_at_okx_where_it_is(only):
    """No instrument is told of it: among the bills of swaps there was none, and a deposit was a profit."""
    asked = ledger_asked("okx", only)
    assert "instType" not in asked
    assert (asked["ccy"], asked["end"], asked.get("type")) == ("USDT", "1790000000000", "1" if only else None)


def test_bitget_is_asked_for_the_ledger_of_the_accounts_futures():
    asked = ledger_asked("bitget")
    assert (asked["coin"], asked["productType"], asked["endTime"]) == ("USDT", "USDT-FUTURES", "1790000000000")


ONLY_REDUCING = {
    ("okx", False): {"side": "sell", "reduceOnly": True, "tdMode": "cross"},
    ("okx", True): {"side": "sell", "posSide": "long", "tdMode": "cross"},
    ("bitget", False): {"side": "sell", "reduceOnly": "YES", "marginMode": "crossed"},
    ("bitget", True): {"side": "buy", "tradeSide": "Close", "marginMode": "crossed"},  # the position's side, by it
    ("phemex", False): {"side": "Sell", "reduceOnly": True, "posSide": "Merged"},
    ("phemex", True): {"side": "Sell", "posSide": "Long"},
}


@pytest.mark.parametrize(("venue", "hedged"), ONLY_REDUCING)
def test_an_order_can_only_reduce_wherever_one_is_sent(venue, hedged):
    assert {name for name, _ in ONLY_REDUCING} == set(SENT)

    async def place(client, market):
        await reduction(client, venue_of(venue), held(market, hedged=hedged), 1.0, NAME)()

    told = json.loads(sent_by(venue, place).split(" ", 2)[2])
    (order,) = told if isinstance(told, list) else [told]
    said = ("side", "reduceOnly", "posSide", "tradeSide", "tdMode", "marginMode")
    assert {name: order[name] for name in said if name in order} == ONLY_REDUCING[venue, hedged]


# https://www.bitget.com/api-doc/contract/market/Get-All-Symbols-Contracts: in `limit_open` nothing is opened any more
@pytest.mark.parametrize(
    ("venue", "field", "state", "tradable"),
    [
        ("bitget", "symbolStatus", "limit_open", None),
        ("bitget", "symbolStatus", "maintain", False),
        ("bybit", "status", "PreLaunch", None),
        ("bybit", "status", "Delivering", False),
        ("okx", "state", "suspend", False),
    ],
)
def test_a_market_in_which_nothing_is_opened_may_let_positions_be_closed(venue, field, state, tradable):
    """Else what is held there is never chosen, until the venue settles it."""
    client = open_client(ExchangeSettings(venue=venue), Keys())
    market = swap(client) | {"active": False, "info": {field: state}}
    assert held_in(market, venue).position.tradable is tradable
    assert not is_traded(market)  # for an entry


def held_in(market, venue):
    raw = {"symbol": market["symbol"], "side": "long", "contracts": 1.0, "entryPrice": 1.0, "markPrice": 1.0}
    listed = {market["symbol"]: market}
    return held_positions([raw | {"leverage": 2.0}], listed.get, "USDT", {}, venue_of(venue)).all()[0]
