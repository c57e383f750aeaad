"""What venues answer to the questions about one market, as they document it: BTC against USDT at 50,000."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from rulecap.exchange import ExchangeSettings, MarketView, Retries, open_exchange

HOUR = 3_600
KEYS = {"RULECAP_API_KEY": "key", "RULECAP_API_SECRET": "secret", "RULECAP_API_PASSWORD": "password"}
Answers = Mapping[str, Any]


def _now_ms() -> int:
    return int(time.time() * 1000)


def bars() -> list[tuple[int, ...]]:
    """Return hours until now, oldest first: opened in seconds, open, high, low, close."""
    last = int(time.time()) // HOUR * HOUR
    return [(last - HOUR * (19 - i), 49_900 + i, 50_100 + i, 49_800, 50_000 + i % 3) for i in range(20)]


# https://www.okx.com/docs-v5/en/: a contract is 0.01 BTC, sizes are numbers of contracts.
def okx() -> Answers:
    """Return the answers of OKX."""
    market = {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT"}
    market |= {"ctType": "linear", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC", "settleCcy": "USDT"}
    market |= {"lotSz": "0.1", "minSz": "0.1", "maxMktSz": "3000", "maxLmtSz": "100000", "tickSz": "0.1"}
    market |= {"state": "live", "lever": "100"}
    ticker = {"instId": "BTC-USDT-SWAP", "last": "50000", "bidPx": "49999", "askPx": "50001", "ts": str(_now_ms())}
    book = {"bids": [["49999", "40", "0", "2"]], "asks": [["50001", "50", "0", "3"]], "ts": str(_now_ms())}
    tier = {"tier": "1", "minSz": "0", "maxSz": "1000", "maxLever": "100", "mmr": "0.004", "imr": "0.01", "instId": ""}
    fees = {"instType": "SWAP", "level": "Lv1", "maker": "-0.0002", "taker": "-0.0005", "ts": "1"}
    fees |= {"makerU": "0.0001", "takerU": "-0.0003", "makerUSDC": "-0.00015", "takerUSDC": "-0.00035"}
    candles = [[str(1000 * t), *map(str, prices), "1", "1", "1", "1"] for t, *prices in reversed(bars())]
    return {
        "public/time": _okx([{"ts": str(_now_ms())}]),
        "instType=SWAP&tdMode": _okx([tier]),
        "account/trade-fee": _okx([fees]),
        "instType=SWAP": _okx([market]),
        "public/instruments": _okx([]),
        "market/ticker": _okx([ticker]),
        "market/books": _okx([book]),
        "market/candles": _okx(candles),
    }


def _okx(found: list[Any]) -> Answers:
    return {"code": "0", "msg": "", "data": found}


# https://www.gate.com/docs/developers/apiv4/en/#futures: a contract is 0.0001 BTC.
def gate() -> Answers:
    """Return the answers of Gate."""
    contract = {"name": "BTC_USDT", "quanto_multiplier": "0.0001", "mark_price": "50000", "order_price_deviate": "0.5"}
    contract |= {"order_size_min": 1, "order_size_max": 1_000_000, "order_price_round": "0.1", "status": "trading"}
    contract |= {"leverage_min": "1", "leverage_max": "100", "enable_decimal": False}
    book = {"id": 1, "current": time.time(), "bids": [{"p": "49999", "s": 4000}], "asks": [{"p": "50001", "s": 5000}]}
    tier = {"tier": 1, "risk_limit": "1000000", "initial_rate": "0.008", "maintenance_rate": "0.004"}
    fees = {"taker_fee": "0.002", "maker_fee": "0.002", "gt_discount": False}
    candles = [dict(zip("tohlc", (t, *map(str, prices)), strict=True)) | {"v": 1} for t, *prices in bars()]
    return {
        "spot/time": {"server_time": _now_ms()},
        "account/detail": {"key": {"mode": 1}},
        "futures/usdt/contracts": [contract],
        "futures/usdt/tickers": [{"contract": "BTC_USDT", "last": "50000", "mark_price": "50000"}],
        "futures/usdt/order_book": book,
        "futures/usdt/candlesticks": candles,
        "futures/usdt/risk_limit_tiers": [tier | {"leverage_max": "125"}],
        "wallet/fee": fees | {"futures_taker_fee": "0.0005", "futures_maker_fee": "-0.0001"},
        "": [],
    }


# https://www.kucoin.com/docs-new/rest/futures-trading/introduction: a lot is 0.001 BTC, which is XBT there.
def kucoin() -> Answers:
    """Return the answers of KuCoin."""
    contract = {"symbol": "XBTUSDTM", "baseCurrency": "XBT", "quoteCurrency": "USDT", "settleCurrency": "USDT"}
    contract |= {"multiplier": 0.001, "lotSize": 1, "maxOrderQty": 1_000_000, "maxPrice": 1e6, "tickSize": 0.1}
    contract |= {"isInverse": False, "status": "Open", "nextFundingRateTime": 1000, "maxLeverage": 125}
    ticker = {"symbol": "XBTUSDTM", "price": "50000", "bestBidPrice": "49999", "bestAskPrice": "50001"}
    book = {"symbol": "XBTUSDTM", "bids": [[49999, 400]], "asks": [[50001, 500]], "ts": _now_ms() * 1_000_000}
    tier = {"symbol": "XBTUSDTM", "level": 1, "maxRiskLimit": 300_000, "maxLeverage": 100, "maintainMargin": 0.005}
    return {
        "timestamp": _kucoin(_now_ms()),
        "contracts/active": _kucoin([contract]),
        "v1/ticker": _kucoin(ticker | {"ts": _now_ms() * 1_000_000}),
        "level2/depth100": _kucoin(book),
        "kline/query": _kucoin([[1000 * t, *prices, 1, 1] for t, *prices in bars()]),
        "risk-limit": _kucoin([tier]),
        "trade-fees": _kucoin({"symbol": "XBTUSDTM", "takerFeeRate": "0.0006", "makerFeeRate": "0.0002"}),
        "account/mode": _kucoin({"selfAccountMode": "CLASSIC"}),
        "allTickers": _kucoin({"ticker": []}),
        "margin/symbols": _kucoin({"items": []}),
        "opened": _kucoin(True),
        "": _kucoin([]),
    }


def _kucoin(found: Any) -> Answers:
    return {"code": "200000", "data": found}


# https://www.htx.com/en-us/opend/newApiPages/: a contract is 0.001 BTC.
def htx() -> Answers:
    """Return the answers of HTX."""
    linear = {"symbol": "BTC", "contract_code": "BTC-USDT", "contract_size": 0.001, "price_tick": 0.1}
    linear |= {"pair": "BTC-USDT", "contract_status": 1, "business_type": "swap", "support_margin_mode": "all"}
    inverse = {"symbol": "BTC", "contract_code": "BTC-USD", "contract_size": 100, "price_tick": 0.1}
    spot = {"symbol": "btcusdt", "base-currency": "btc", "quote-currency": "usdt", "state": "online"}
    tick = {"close": "50000", "bid": [49999, 40], "ask": [50001, 50], "ts": _now_ms()}
    book = {"bids": [[49999, 400]], "asks": [[50001, 500]], "ts": _now_ms(), "version": 1}
    names = ("id", "open", "high", "low", "close")
    ladders = {
        75: [{"ladder": 0, "min_size": 0, "max_size": 999, "adjust_factor": 0.7}],
        50: [{"ladder": 0, "min_size": 0, "max_size": 999, "adjust_factor": 0.5}],
    }
    tiers = [{"lever_rate": most, "ladders": ladder} for most, ladder in ladders.items()]
    factors = {"contract_code": "BTC-USDT", "margin_mode": "isolated", "trade_partition": "USDT", "list": tiers}
    return {
        "timestamp": {"status": "ok", "ts": _now_ms()},
        "linear-swap-api/v1/swap_contract_info": _htx([linear]),
        "swap-api/v1/swap_contract_info": _htx([inverse]),
        "contract_contract_info": _htx([inverse | {"delivery_date": "20261225", "delivery_time": "1798156800000"}]),
        "common/symbols": _htx([spot]),
        "detail/merged": {"status": "ok", "tick": tick, "ts": _now_ms()},
        "market/depth": {"status": "ok", "tick": book, "ts": _now_ms()},
        "history/kline": _htx([dict(zip(names, bar, strict=True)) | {"amount": 1} for bar in bars()]),
        "swap_adjustfactor": _htx([factors]),
        "transact-fee-rate": {"code": 2002, "message": "invalid field value in `symbols`"},
    }


def _htx(found: list[Any]) -> Answers:
    return {"status": "ok", "data": found, "ts": _now_ms()}


# https://www.mexc.com/api-docs/futures/market-endpoints: a contract is 0.0001 BTC.
def mexc() -> Answers:
    """Return the answers of MEXC."""
    contract = {"symbol": "BTC_USDT", "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "state": 0}
    contract |= {"contractSize": 0.0001, "volUnit": 1, "minVol": 1, "maxVol": 1_000_000, "priceUnit": 0.5}
    contract |= {"minLeverage": 1, "maxLeverage": 125, "maintenanceMarginRate": 0.004, "initialMarginRate": 0.008}
    contract |= {"riskIncrVol": 200_000, "riskIncrMmr": 0.004, "riskIncrImr": 0.004}
    ticker = {"symbol": "BTC_USDT", "lastPrice": 50_000, "bid1": 49_999, "ask1": 50_001, "timestamp": _now_ms()}
    book = {"bids": [[49999, 4000, 1]], "asks": [[50001, 5000, 1]], "version": 1, "timestamp": _now_ms()}
    columns = dict(zip(("time", "open", "high", "low", "close"), zip(*bars(), strict=True), strict=True))
    return {
        "contract/ping": _mexc(_now_ms()),
        "exchangeInfo": {"symbols": []},
        "contract/detail": _mexc([contract]),
        "contract/ticker": _mexc(ticker),
        "contract/depth": _mexc(book),
        "contract/kline": _mexc(columns | {"vol": (1,) * 20}),
    }


def _mexc(found: Any) -> Answers:
    return {"success": True, "code": 0, "data": found}


# https://phemex-docs.github.io/#hedged-perpetual: sizes are of BTC.
def phemex() -> Answers:
    """Return the answers of Phemex."""
    product = {"symbol": "BTCUSDT", "type": "PerpetualV2", "status": "Listed", "contractUnderlyingAssets": "BTC"}
    product |= {"baseCurrency": "BTC", "quoteCurrency": "USDT", "settleCurrency": "USDT", "tickSize": "0.1"}
    product |= {"priceScale": 0, "ratioScale": 0, "pricePrecision": 1, "maxLeverage": 100, "maxOrderQtyRq": "1000"}
    product |= {"minOrderValueRv": "1", "qtyPrecision": 3, "qtyStepSize": "0.001"}
    limit = {"limit": 2_000_000, "initialMarginRr": "0.01", "maintenanceMarginRr": "0.005"}
    products = {"currencies": [], "products": [], "riskLimits": [], "leverages": [], "perpProductsV2": [product]}
    products |= {"riskLimitsV2": [{"symbol": "BTCUSDT", "steps": "2000K", "riskLimits": [limit]}]}
    ticker = {"symbol": "BTCUSDT", "closeRp": "50000", "bidRp": "49999", "askRp": "50001"}
    sides = {"bids": [["49999", "0.4"]], "asks": [["50001", "0.5"]]}
    rows = [[t, HOUR, str(prices[0]), *map(str, prices), "1", "1"] for t, *prices in reversed(bars())]
    at = {"timestamp": _now_ms() * 1_000_000}
    return {
        "exchange/public/products": {"code": 0, "data": []},
        "public/products": {"code": 0, "msg": "", "data": products},
        "ticker/24hr": {"error": None, "result": ticker | at},
        "v2/orderbook": {"error": None, "result": {"depth": 30, "orderbook_p": sides, "type": "snapshot"} | at},
        "kline/list": {"code": 0, "msg": "OK", "data": {"total": -1, "rows": rows}},
    }


# https://www.bitget.com/api-doc/contract/market: sizes are of BTC.
def bitget() -> Answers:
    """Return the answers of Bitget, to an account that is not unified."""
    contract = {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "supportMarginCoins": ["USDT"]}
    contract |= {"minTradeNum": "0.001", "sizeMultiplier": "0.001", "volumePlace": "3", "minTradeUSDT": "5"}
    contract |= {"priceEndStep": "1", "pricePlace": "1", "symbolType": "perpetual", "symbolStatus": "normal"}
    contract |= {"maxMarketOrderQty": "220", "maxOrderQty": "1200", "minLever": "1", "maxLever": "125"}
    ticker = {"symbol": "BTCUSDT", "lastPr": "50000", "bidPr": "49999", "askPr": "50001", "ts": str(_now_ms())}
    book = {"bids": [[49999, 0.4]], "asks": [[50001, 0.5]], "ts": str(_now_ms()), "scale": "0.1"}
    tier = {"symbol": "BTCUSDT", "level": "1", "startUnit": "0", "endUnit": "150000", "leverage": "125"}
    return {
        "public/time": _bitget({"serverTime": str(_now_ms())}),
        "account/settings": {"code": "40084", "msg": "not unified", "data": None},
        "contracts?productType=USDT-FUTURES": _bitget([contract]),
        "market/ticker": _bitget([ticker]),
        "merge-depth": _bitget(book),
        "market/candles": _bitget([[str(1000 * t), *map(str, prices), "1", "1"] for t, *prices in bars()]),
        "position-lever": _bitget([tier | {"keepMarginRate": "0.004"}]),
        "trade-rate": _bitget({"makerFeeRate": "0.0002", "takerFeeRate": "0.0006"}),
        "": _bitget([]),
    }


def _bitget(found: Any) -> Answers:
    return {"code": "00000", "data": found}


VENUES: Mapping[str, Callable[[], Answers]] = {
    "okx": okx,
    "gate": gate,
    "kucoin": kucoin,
    "htx": htx,
    "mexc": mexc,
    "phemex": phemex,
    "bitget": bitget,
}


def asked(
    venue: str, question: Callable[[Any], Any], changes: Answers | None = None, keyed: bool = True, **settings: Any
) -> Any:
    """Return what a question to an exchange gives that is told a venue's answers, some of them others.

    Args:
        venue: ccxt's name of it.
        question: what is asked of the exchange.
        changes: answers in place of these, by a part of their address; one may be made of the whole address.
        keyed: whether there is a key.
        settings: other settings.
    """
    answers = {**(changes or {}), **VENUES[venue]()}
    answers |= changes or {}

    async def ask() -> Any:
        quick = {"milliseconds_per_weight": 0, "retries": Retries(attempts=1)}
        to_it = ExchangeSettings(**{"venue": venue} | quick | settings)
        async with open_exchange(to_it, KEYS if keyed else {}) as exchange:
            client = exchange._session.client

            async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
                answer = next(answer for place, answer in answers.items() if place in url)
                text = json.dumps(answer(url) if callable(answer) else answer)
                parsed = client.on_json_response(text)
                client.handle_errors(200, "OK", url, method, {}, text, parsed, headers, body)
                return parsed

            client.fetch = fetch
            return await question(exchange)

    return asyncio.run(ask())


def market_told(venue: str, changes: Answers | None = None, keyed: bool = True, **settings: Any) -> MarketView:
    """Return BTCUSDT as a venue's answers have it."""
    found: MarketView = asked(venue, lambda exchange: exchange.market_view("BTCUSDT"), changes, keyed, **settings)
    return found
