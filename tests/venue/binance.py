"""Binance USDⓈ-M futures, as far as ccxt asks: /fapi/v1 to v3, signed and filtered, with its error codes.

Sources: developers.binance.com/docs/derivatives/usds-margined-futures (endpoints, error codes, filters).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from tests.recorded import brackets as recorded_brackets
from tests.venue.account import Flow, Holding, Order, Spec
from tests.venue.figures import recorded_markets
from tests.venue.server import Answer, Asked
from tests.venue.venue import READ_ONLY_KEY, Venue, levels, text

WEIGHTS = {"depth": 5, "klines": 1, "account": 5, "positionRisk": 5, "income": 30, "commissionRate": 20}
WEIGHTS |= {"multiAssetsMargin": 30}
ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
CLIENT_ID = re.compile(r"[\.A-Z:/a-z0-9_-]{1,36}")


class Refused(Exception):
    """A request is answered with one of Binance's codes."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.answer = Answer({"code": code, "msg": message}, status)


class Binance(Venue):
    """The venue; `weight_limit` is what a minute allows."""

    time_path, markets_path, mode_path = "v1/time", "exchangeInfo", "multiAssetsMargin"
    positions_path, balance_path, ledger_path = "positionRisk", "v3/account", "v1/income"
    book_path, bars_path = "depth", "klines"
    ticker_path, tiers_path, fine = "24hr", "leverageBracket", {}
    listing_lookups = ()
    order_path, lookup_paths = "v1/order", ("v1/order",)
    modes = ("multi-assets",)
    prefix = "/fapi/"

    def __init__(self) -> None:
        super().__init__()
        self.weight_used, self.weight_limit = 0, 2400
        self.info: dict[str, Any] = {}
        self.multi_assets = False

    def use_recorded(self) -> None:
        """Have the 122 recorded markets with their brackets; the caller skips where they are absent."""
        self.info = json.loads(recorded_markets().read_text())
        known = recorded_brackets()
        for one in self.info["symbols"]:
            unified = f"{one['baseAsset']}/{one['quoteAsset']}:{one['marginAsset']}"
            rows = known.get(unified)
            spec = self.specs.get(one["symbol"])
            if rows and spec:
                names = ("max_notional", "maintenance_margin_rate", "max_leverage")
                spec.brackets = [tuple(Decimal(str(row[name])) for name in names) for row in rows]  # type: ignore[misc]

    def set_mode(self, mode: str) -> None:
        assert mode in self.modes
        self.multi_assets = True

    def answer(self, asked: Asked) -> Answer:
        name = asked.path.rpartition("/")[2]
        self.weight_used += WEIGHTS.get(name, 1)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.weight_used)}
        if self.weight_used > self.weight_limit:
            body = {"code": -1003, "msg": f"Too many requests; current limit is {self.weight_limit} per minute."}
            return Answer(body, 429, headers | {"Retry-After": "0"})
        try:
            route = f"{asked.method} {asked.path.removeprefix(self.prefix)}"
            if route in PUBLIC:
                return Answer(PUBLIC[route](self, asked.params), 200, headers)
            if route in SIGNED:
                self._check_signature(asked)
                return Answer(SIGNED[route](self, asked.params), 200, headers)
        except Refused as refused:
            return Answer(refused.answer.body, refused.answer.status, headers)
        return Answer("<html>404 Not Found</html>", 404)

    def _check_signature(self, asked: Asked) -> None:
        key = asked.headers.get("x-mbx-apikey", "")
        if not key:
            raise Refused(-2014, "API-key format invalid.", 401)
        if key not in self.keys or (key == READ_ONLY_KEY and asked.method != "GET"):
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action", 401)
        payload, _, signature = asked.sent.rpartition("&signature=")
        if not payload:
            raise Refused(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        wanted = hmac.new(self.keys[key].encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature):
            raise Refused(-1022, "Signature for this request is not valid.")
        sent = dict(parse_qsl(payload))
        stamp, window = int(sent["timestamp"]), int(sent.get("recvWindow", 5000))
        if stamp >= self.now() + 1000:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if self.now() - stamp > window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def spec(self, sent: dict[str, Any]) -> Spec:
        if sent.get("symbol") not in self.listed():
            raise Refused(-1121, "Invalid symbol.")
        return self.specs[sent["symbol"]]

    # Public.

    def _time(self, _: dict[str, Any]) -> Any:
        return {"serverTime": self.now()}

    def _exchange_info(self, _: dict[str, Any]) -> Any:
        drawn = [_market(spec) for spec in self.listed().values()]
        recorded = [one for one in self.info.get("symbols", ()) if one["symbol"] in self.specs or self.info]
        return {"timezone": "UTC", "serverTime": self.now(), "symbols": recorded or drawn}

    def _depth(self, sent: dict[str, Any]) -> Any:
        bids, asks = self.book(self.spec(sent).symbol)
        count = int(sent.get("limit", 500))
        if count not in (5, 10, 20, 50, 100, 500, 1000):
            raise Refused(-4021, f"{count} is not valid depth limit.")
        now = self.now()
        return {"lastUpdateId": 1, "E": now, "T": now, "bids": levels(bids, count), "asks": levels(asks, count)}

    def _klines(self, sent: dict[str, Any]) -> Any:
        since = int(sent["startTime"]) if "startTime" in sent else None
        rows = self.rows(self.spec(sent).symbol, sent["interval"], int(sent.get("limit", 500)), since)
        return [[opened, *(f"{n:.8f}" for n in row), opened + 1, "0", 1, "0", "0", "0"] for opened, row in rows]

    def _ticker(self, sent: dict[str, Any]) -> Any:
        last, now = text(self.last(self.spec(sent).symbol)), self.now()
        prices = {"lastPrice": last, "openPrice": last, "highPrice": last, "lowPrice": last, "weightedAvgPrice": last}
        volumes = {"volume": "1", "quoteVolume": "1", "priceChange": "0", "priceChangePercent": "0", "lastQty": "1"}
        return {"symbol": sent["symbol"], **prices, **volumes, "openTime": now - 86_400_000, "closeTime": now}

    # Signed.

    def _account(self, _: dict[str, Any]) -> Any:
        return {"assets": [self._asset()], "positions": list(map(self._listed, self.holdings())), **self._totals()}

    def _listed(self, held: Holding) -> dict[str, Any]:
        """Return a position as the account lists it, with less of it than there is where positions are asked for."""
        risk = self._position(held)
        names = ("symbol", "positionSide", "positionAmt", "notional", "isolatedMargin", "isolatedWallet")
        margins = {name: risk[name] for name in ("initialMargin", "maintMargin", "updateTime")}
        return {name: risk[name] for name in names} | {"unrealizedProfit": risk["unRealizedProfit"], **margins}

    def _totals(self) -> dict[str, Any]:
        asset = self._asset()
        names = ("walletBalance", "unrealizedProfit", "marginBalance", "initialMargin", "maintMargin")
        return {"total" + name[0].upper() + name[1:]: asset[name] for name in names} | {
            "availableBalance": asset["availableBalance"]
        }

    def _asset(self) -> dict[str, Any]:
        wallet, pnl, margin = self.account.wallet, self.pnl(), self.margin()
        apart = sum((self.initial_margin(held) for held in self.holdings() if held.isolated), Decimal(0))
        return {
            "asset": "USDT",
            "walletBalance": text(wallet, 8),
            "unrealizedProfit": text(pnl, 8),
            "marginBalance": text(wallet + pnl, 8),
            "maintMargin": text(self.maintenance(), 8),
            "initialMargin": text(margin, 8),
            "positionInitialMargin": text(margin, 8),
            "openOrderInitialMargin": "0.00000000",
            "crossWalletBalance": text(wallet - apart, 8),
            "crossUnPnl": text(pnl, 8),
            "availableBalance": text(self.available(), 8),
            "maxWithdrawAmount": text(self.available(), 8),
            "updateTime": self.now(),
        }

    def _position_risk(self, _: dict[str, Any]) -> Any:
        return [self._position(held) for held in self.holdings()]

    def _position(self, held: Holding) -> dict[str, Any]:
        margin = text(self.initial_margin(held), 8)
        return {
            "symbol": held.symbol,
            "positionSide": held.side if self.account.hedged else "BOTH",
            "positionAmt": text(held.quantity * held.sign),
            "entryPrice": text(held.entry),
            "breakEvenPrice": text(held.entry),
            "markPrice": text(self.mark(held.symbol), 8),
            "unRealizedProfit": text(held.pnl(self.mark(held.symbol)), 8),
            "liquidationPrice": text(self.liquidation(held), 8) if self.liquidation(held) else "0",
            "isolatedMargin": margin if held.isolated else "0",
            "notional": text(self.notional(held) * held.sign, 8),
            "marginAsset": "USDT",
            "isolatedWallet": margin if held.isolated else "0",
            "initialMargin": margin,
            "maintMargin": text(self.maintenance_of(held), 8),
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "adl": 1,
            "updateTime": self.now(),
        }

    def _symbol_config(self, _: dict[str, Any]) -> Any:
        leverages = dict.fromkeys(self.listed(), 20)
        leverages |= {held.symbol: held.leverage for held in self.holdings() if held.symbol in leverages}
        return [
            {"symbol": symbol, "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": leverage}
            for symbol, leverage in leverages.items()
        ]

    def _leverage_bracket(self, _: dict[str, Any]) -> Any:
        return [{"symbol": spec.symbol, "brackets": list(_brackets(spec))} for spec in self.listed().values()]

    def _commission_rate(self, sent: dict[str, Any]) -> Any:
        symbol = self.spec(sent).symbol
        return {"symbol": symbol, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"}

    def _income(self, sent: dict[str, Any]) -> Any:
        since, until = int(sent.get("startTime", 0)), int(sent.get("endTime", self.now()))
        wanted = sent.get("incomeType")
        found = [
            one for one in self.account.flows if since <= one.time <= until and wanted in (None, _income_type(one))
        ]
        return [
            {
                "symbol": "",
                "incomeType": _income_type(one),
                "income": text(one.amount, 8),
                "asset": one.asset,
                "time": one.time,
                "info": "TRANSFER",
                "tranId": one.id,
                "tradeId": "",
            }
            for one in found[: int(sent.get("limit", 100))]
        ]

    def _dual(self, _: dict[str, Any]) -> Any:
        return {"dualSidePosition": self.account.hedged}

    def _mode(self, _: dict[str, Any]) -> Any:
        return {"multiAssetsMargin": self.multi_assets}

    def _find(self, sent: dict[str, Any]) -> Any:
        self.spec(sent)
        for order in self.orders:
            if sent.get("origClientOrderId") == order.client_id or sent.get("orderId") == str(order.id):
                return _order(order)
        raise Refused(-2013, "Order does not exist.")

    def _cancel(self, sent: dict[str, Any]) -> Any:
        self.spec(sent)
        for order in self.orders:
            if sent.get("origClientOrderId") == order.client_id and not order.done and not order.cancelled:
                order.cancelled = True
                return _order(order)
        raise Refused(-2011, "Unknown order sent.")

    def _place(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        order = Order(0, sent["newClientOrderId"], spec.symbol, sent["side"], _quantity(sent, spec))
        order.position_side, order.reduce_only = sent.get("positionSide", "BOTH"), sent.get("reduceOnly") == "true"
        self._check_order(order, spec, sent)
        self.place(order)
        return _order(order)

    def _check_order(self, order: Order, spec: Spec, sent: dict[str, Any]) -> None:
        if not CLIENT_ID.fullmatch(order.client_id):
            raise Refused(-4015, "Client order id length should be less than 36 chars")
        if any(one.client_id == order.client_id for one in self.orders):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        if self.account.hedged and "reduceOnly" in sent:
            raise Refused(-1106, "Parameter 'reduceonly' sent when not required.")
        if self.account.hedged is (order.position_side == "BOTH"):
            raise Refused(-4061, "Order's position side does not match user's setting.")
        held = self.account.reducible(order)
        reducing = order.reduce_only or (
            self.account.hedged and (order.side == "SELL") is (order.position_side == "LONG")
        )
        if not reducing and order.quantity * spec.price < spec.min_notional:
            text_ = f"Order's notional must be no smaller than {spec.min_notional} (unless you choose reduce only)."
            raise Refused(-4164, text_)
        if reducing and (
            held is None or order.symbol in self.bound or (self.account.hedged and order.quantity > held.quantity)
        ):
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        if not reducing:
            raise Refused(-2019, "Margin is insufficient.")
        assert held is not None
        order.quantity = min(order.quantity, held.quantity)  # a reduce-only order never turns a position round


def _income_type(flow: Flow) -> str:
    return "COMMISSION" if flow.traded else "TRANSFER"


def _quantity(sent: dict[str, Any], spec: Spec) -> Decimal:
    """Return an order's quantity after the filters of its market."""
    try:
        quantity = Decimal(sent["quantity"])
    except InvalidOperation:
        raise Refused(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.") from None
    places = -int(spec.step.normalize().as_tuple().exponent) if spec.step < 1 else 0  # type: ignore[arg-type]
    if -int(quantity.as_tuple().exponent) > places:  # type: ignore[arg-type]
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    if quantity < spec.least:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    if quantity > spec.most_market:
        raise Refused(-4005, "Quantity greater than max quantity.")
    if quantity % spec.step:
        raise Refused(-4023, "Quantity is not increased by step size.")
    return quantity


def _order(order: Order) -> dict[str, Any]:
    status = "FILLED" if order.done else "PARTIALLY_FILLED" if order.filled else "NEW"
    status = "EXPIRED" if order.lapsed else "CANCELED" if order.cancelled else status
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": status,
        "clientOrderId": order.client_id,
        "price": "0",
        "avgPrice": text(order.average, 5),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "cumQty": text(order.filled),
        "cumQuote": text(order.filled * order.average),
        "timeInForce": "GTC",
        "type": "MARKET",
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": "0",
        "origType": "MARKET",
        "updateTime": order.time,
    }


def _market(spec: Spec) -> dict[str, Any]:
    return {
        "symbol": spec.symbol,
        "pair": spec.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": spec.status,
        "baseAsset": spec.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": text(spec.tick)},
            _lot("LOT_SIZE", spec, spec.most),
            _lot("MARKET_LOT_SIZE", spec, spec.most_market),
            {"filterType": "MIN_NOTIONAL", "notional": text(spec.min_notional)},
        ],
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _lot(name: str, spec: Spec, most: Decimal) -> dict[str, Any]:
    return {"filterType": name, "stepSize": text(spec.step), "minQty": text(spec.least), "maxQty": text(most)}


def _brackets(spec: Spec) -> Any:
    lower = Decimal(0)
    for number, (cap, rate, leverage) in enumerate(spec.brackets, start=1):
        yield {
            "bracket": number,
            "initialLeverage": int(leverage),
            "notionalCap": float(cap),
            "notionalFloor": float(lower),
            "maintMarginRatio": float(rate),
            "cum": float(lower * rate - spec.maintenance(lower)) if lower else 0.0,
        }
        lower = cap


Routes = dict[str, Callable[[Binance, dict[str, Any]], Any]]
PUBLIC: Routes = {
    "GET v1/time": Binance._time,
    "GET v1/exchangeInfo": Binance._exchange_info,
    "GET v1/depth": Binance._depth,
    "GET v1/klines": Binance._klines,
    "GET v1/ticker/24hr": Binance._ticker,
}
SIGNED: Routes = {
    "GET v3/account": Binance._account,
    "GET v3/positionRisk": Binance._position_risk,
    "GET v1/symbolConfig": Binance._symbol_config,
    "GET v1/leverageBracket": Binance._leverage_bracket,
    "GET v1/commissionRate": Binance._commission_rate,
    "GET v1/income": Binance._income,
    "GET v1/positionSide/dual": Binance._dual,
    "GET v1/multiAssetsMargin": Binance._mode,
    "GET v1/order": Binance._find,
    "POST v1/order": Binance._place,
    "DELETE v1/order": Binance._cancel,
}


def hold_usdc(venue: Binance, amount: str) -> None:
    """Give the account so many USDC beside its USDT, and the venue a market in them."""

    def more(answer: Any) -> Any:
        (usdt,) = answer["assets"]
        amounts = dict.fromkeys(("walletBalance", "availableBalance", "marginBalance"), amount)
        return answer | {"assets": [usdt, usdt | {"asset": "USDC"} | amounts]}

    def listed(answer: Any) -> Any:
        bitcoin = next(one for one in answer["symbols"] if one["symbol"] == "BTCUSDT")
        names = {"symbol": "BTCUSDC", "pair": "BTCUSDC", "quoteAsset": "USDC", "marginAsset": "USDC"}
        return answer | {"symbols": [*answer["symbols"], bitcoin | names]}

    venue.account.holdings.clear()
    venue.fault("v3/account", "then", 100_000, change=more)
    venue.fault("v1/exchangeInfo", "then", 100_000, change=listed)
