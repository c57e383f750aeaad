"""Bybit v5, unified account, as far as ccxt asks: signed by headers, its own codes inside of answers of status 200.

Source: bybit-exchange.github.io/docs/v5 (endpoints, error codes, rate-limit headers).
"""

import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.venue.account import Flow, Holding, Order, Spec
from tests.venue.server import Answer, Asked
from tests.venue.venue import READ_ONLY_KEY, Venue, levels, text

INVERSE = {
    "symbol": "BTCUSD",
    "contractType": "InversePerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USD",
    "settleCoin": "BTC",
    "priceFilter": {"minPrice": "0.50", "maxPrice": "999999.00", "tickSize": "0.50"},
    "lotSizeFilter": {"maxOrderQty": "1000000", "minOrderQty": "1", "qtyStep": "1"},
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
}
USDC = INVERSE | {
    "symbol": "BTCPERP",
    "contractType": "LinearPerpetual",
    "quoteCoin": "USDC",
    "settleCoin": "USDC",
    "lotSizeFilter": {"maxOrderQty": "100", "minOrderQty": "0.001", "qtyStep": "0.001"},
}


class Refused(Exception):
    """A request is answered with one of Bybit's codes."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message


class Bybit(Venue):
    """The venue; `available` may be taken away as in isolated margin mode, where Bybit sends an empty text.

    `elsewhere` has the positions that do not settle in USDT, by category and currency.
    """

    time_path, markets_path, mode_path = "market/time", "instruments-info", "account/info"
    positions_path, balance_path, ledger_path = "position/list", "wallet-balance", "transaction-log"
    book_path, bars_path = "orderbook", "kline"
    ticker_path, tiers_path, fine = "tickers", "risk-limit", {"retCode": 0}
    listing_lookups = ("order/realtime",)
    order_path, lookup_paths = "order/create", ("order/realtime", "order/history")
    modes = ("ISOLATED_MARGIN", "PORTFOLIO_MARGIN")
    prefix, rows_at = "/v5/", ("result", "list")

    def __init__(self) -> None:
        super().__init__()
        self.isolated_account = False
        self.margin_mode = "REGULAR_MARGIN"
        self.refusal = 110017, "current position is zero, cannot fix reduce-only order qty"
        self.elsewhere: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def set_elsewhere(self, category: str, settle: str, symbol: str, quantity: str) -> None:
        """Open a position that settles in another currency."""
        held = Holding("BTCUSDT", "LONG", Decimal(quantity), Decimal(32_000))
        self.elsewhere[category, settle] = [self._position(held) | {"symbol": symbol}]

    def set_mode(self, mode: str) -> None:
        assert mode in self.modes
        self.margin_mode = mode

    def answer(self, asked: Asked) -> Answer:
        route = f"{asked.method} {asked.path.removeprefix(self.prefix)}"
        headers = {"X-Bapi-Limit": "50", "X-Bapi-Limit-Status": "49"}
        try:
            if route in PUBLIC:
                return self._wrapped(0, "OK", PUBLIC[route](self, asked.params), headers)
            if route in SIGNED:
                self._check_signature(asked)
                return self._wrapped(0, "OK", SIGNED[route](self, asked.params), headers)
        except Refused as refused:
            return self._wrapped(refused.code, refused.message, {}, headers)
        return Answer("<html>404 Not Found</html>", 404)

    def _wrapped(self, code: int, message: str, result: Any, headers: dict[str, str]) -> Answer:
        body = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self.now()}
        return Answer(body, 200, headers)

    def _check_signature(self, asked: Asked) -> None:
        key, stamp = asked.headers.get("x-bapi-api-key", ""), asked.headers.get("x-bapi-timestamp", "")
        window = asked.headers.get("x-bapi-recv-window", "5000")
        if key not in self.keys:
            raise Refused(10003, "API key is invalid.")
        if key == READ_ONLY_KEY and asked.method != "GET":
            raise Refused(10005, "Permission denied, please check your API key permissions.")
        origin = f"{stamp}{key}{window}{asked.sent}"
        wanted = hmac.new(self.keys[key].encode(), origin.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, asked.headers.get("x-bapi-sign", "")):
            raise Refused(10004, f"error sign! origin_string[{origin}]")  # the venue does repeat the key
        if not self.now() - int(window) <= int(stamp) < self.now() + 1000:
            raise Refused(10002, "invalid request, please check your server timestamp or recv_window param.")

    def spec(self, sent: dict[str, Any]) -> Spec:
        if sent.get("symbol") not in self.listed():
            raise Refused(10001, "params error: symbol invalid")
        return self.specs[sent["symbol"]]

    # Public.

    def _time(self, _: dict[str, Any]) -> Any:
        return {"timeSecond": str(self.now() // 1000), "timeNano": str(self.now() * 1_000_000)}

    def _instruments(self, sent: dict[str, Any]) -> Any:
        if sent.get("status") == "PreLaunch":
            return {"category": sent["category"], "list": [], "nextPageCursor": ""}
        linear = sent["category"] == "linear"
        markets = [*map(_market, self.listed().values()), USDC] if linear else [INVERSE]
        return {"category": sent["category"], "list": markets, "nextPageCursor": ""}

    def _tickers(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        bids, asks = self.book(spec.symbol)
        row = {
            "symbol": spec.symbol,
            "lastPrice": text(spec.price),
            "markPrice": text(self.mark(spec.symbol)),
            "bid1Price": text(bids[0][0]),
            "bid1Size": text(bids[0][1]),
            "ask1Price": text(asks[0][0]),
            "ask1Size": text(asks[0][1]),
        }
        return {"category": "linear", "list": [row]}

    def _orderbook(self, sent: dict[str, Any]) -> Any:
        bids, asks = self.book(self.spec(sent).symbol)
        count = int(sent.get("limit", 25))
        sides = {"b": levels(bids, count), "a": levels(asks, count)}
        return {"s": sent["symbol"], **sides, "ts": self.now(), "u": 1, "seq": 1, "cts": self.now()}

    def _kline(self, sent: dict[str, Any]) -> Any:
        since = int(sent["start"]) if "start" in sent else None
        rows = self.rows(self.spec(sent).symbol, sent["interval"], int(sent.get("limit", 200)), since)
        newest_first = [[str(opened), *(f"{n:.8f}" for n in row), "0"] for opened, row in reversed(rows)]
        return {"symbol": sent["symbol"], "category": "linear", "list": newest_first}

    def _risk_limit(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        rows = [
            {
                "id": number,
                "symbol": spec.symbol,
                "riskLimitValue": text(cap),
                "maintenanceMargin": text(rate),
                "initialMargin": text(1 / leverage, 4),
                "maxLeverage": text(leverage),
            }
            for number, (cap, rate, leverage) in enumerate(spec.brackets, start=1)
        ]
        return {"category": "linear", "list": rows}

    # Signed.

    def _query_api(self, _: dict[str, Any]) -> Any:
        return {"id": "1", "readOnly": 1, "unified": 0, "uta": 1}

    def _info(self, _: dict[str, Any]) -> Any:
        return {"marginMode": self.margin_mode, "unifiedMarginStatus": 6}

    def _wallet(self, sent: dict[str, Any]) -> Any:
        if sent.get("accountType") != "UNIFIED":
            raise Refused(10001, "accountType only support UNIFIED.")
        wallet, pnl = self.account.wallet, self.pnl()
        coin = {
            "coin": "USDT",
            "equity": text(wallet + pnl, 8),
            "usdValue": text(wallet + pnl, 8),
            "walletBalance": text(wallet, 8),
            "availableToWithdraw": "",
            "borrowAmount": "0",
            "accruedInterest": "0",
            "locked": "0",
            "totalOrderIM": "0",
            "totalPositionIM": text(self.margin(), 8),
            "totalPositionMM": text(self.maintenance(), 8),
            "unrealisedPnl": text(pnl, 8),
            "cumRealisedPnl": "0",
        }
        available = "" if self.isolated_account else text(self.available(), 8)
        total = {"totalEquity": coin["equity"], "totalWalletBalance": coin["walletBalance"]}
        account = {"accountType": "UNIFIED", **total, "totalAvailableBalance": available, "coin": [coin]}
        return {"list": [account]}

    def _positions(self, sent: dict[str, Any]) -> Any:
        category, settle = sent["category"], sent.get("settleCoin")
        if category == "linear" and "symbol" not in sent and settle is None:
            raise Refused(10001, "Illegal category: symbol or settleCoin is required")
        here = self.holdings() if category == "linear" and settle in (None, "USDT") else []
        found = [self._position(held) for held in here if sent.get("symbol") in (None, held.symbol)]
        for (where, currency), held in self.elsewhere.items():
            found += held if where == category and settle in (None, currency) else []
        return {"category": category, "list": found, "nextPageCursor": ""}

    def _position(self, held: Holding) -> dict[str, Any]:
        mark, price = self.mark(held.symbol), self.liquidation(held)
        return {
            "positionIdx": (1 if held.side == "LONG" else 2) if self.account.hedged else 0,
            "symbol": held.symbol,
            "side": "Buy" if held.side == "LONG" else "Sell",
            "size": text(held.quantity),
            "avgPrice": text(held.entry),
            "positionValue": text(held.quantity * held.entry, 8),  # at the entry price, unlike Binance's notional
            "leverage": str(held.leverage),
            "markPrice": text(mark),
            "liqPrice": text(price, 2) if price else "",
            "positionIM": text(self.initial_margin(held), 8),
            "positionMM": text(self.maintenance_of(held), 8),
            "unrealisedPnl": text(held.pnl(mark), 8),
            "tradeMode": 0,
            "positionBalance": text(self.initial_margin(held), 8),
            "createdTime": str(self.now()),
            "updatedTime": str(self.now()),
        }

    def _fee_rate(self, sent: dict[str, Any]) -> Any:
        return {"list": [{"symbol": self.spec(sent).symbol, "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]}

    def _transaction_log(self, sent: dict[str, Any]) -> Any:
        since, until = int(sent["startTime"]), int(sent["endTime"])
        if until - since > 7 * 86_400_000:
            raise Refused(10001, "The time range between startTime and endTime cannot exceed 7 days")
        of_coin = [one for one in self.account.flows if sent.get("currency") in (None, one.asset)]
        of_type = [one for one in of_coin if sent.get("type") in (None, _flow_type(one))]
        found = sorted((one for one in of_type if since <= one.time <= until), key=lambda one: -one.time)
        rows = [
            {
                "id": f"{one.id}_{one.id}",
                "symbol": "",
                "side": "None",
                "category": "",
                "type": _flow_type(one),
                "currency": one.asset,
                "cashFlow": text(one.amount),
                "change": text(one.amount),
                "cashBalance": text(self.account.wallet),
                "transactionTime": str(one.time),
            }
            for one in found[: int(sent.get("limit", 20))]
        ]
        return {"list": rows, "nextPageCursor": ""}

    def _find(self, sent: dict[str, Any]) -> Any:
        found = [one for one in reversed(self.orders) if one.client_id == sent.get("orderLinkId", one.client_id)]
        told = found[: int(sent.get("limit", 20))]
        return {"category": "linear", "list": [_order(one) for one in told], "nextPageCursor": ""}

    def _cancel(self, sent: dict[str, Any]) -> Any:
        self.spec(sent)
        for order in self.orders:
            if sent.get("orderLinkId") == order.client_id and not order.done and not order.cancelled:
                order.cancelled = True
                return {"orderId": str(order.id), "orderLinkId": order.client_id}
        raise Refused(110001, "order not exists or too late to cancel")

    def _create(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        side, quantity = sent["side"].upper(), Decimal(sent["qty"])
        order = Order(0, sent["orderLinkId"], spec.symbol, side, quantity, reduce_only=bool(sent.get("reduceOnly")))
        if len(order.client_id) > 36:
            raise Refused(10001, "OrderLinkId length exceeds 36")
        if any(one.client_id == order.client_id for one in self.orders):
            raise Refused(110072, "OrderLinkedID is duplicate")
        if quantity % spec.step or quantity < spec.least:
            raise Refused(10001, "The number of contracts exceeds minimum limit allowed")
        if bool(sent.get("positionIdx", 0)) is not self.account.hedged:
            raise Refused(10001, "position idx not match position mode")
        held = self.account.reducible(order)
        if self.account.hedged and sent["positionIdx"] != (1 if side == "SELL" else 2):
            raise Refused(110007, "ab not enough for new order")  # this one would open the other side
        if held is None or order.symbol in self.bound:
            raise Refused(*self.refusal)
        order.quantity = min(quantity, held.quantity)
        self.place(order)
        return {"orderId": str(order.id), "orderLinkId": order.client_id}


def _flow_type(flow: Flow) -> str:
    return "TRADE" if flow.traded else "TRANSFER_IN" if flow.amount > 0 else "TRANSFER_OUT"


def _market(spec: Spec) -> dict[str, Any]:
    lots = {"maxOrderQty": spec.most, "maxMktOrderQty": spec.most_market, "minOrderQty": spec.least}
    lots |= {"qtyStep": spec.step, "minNotionalValue": spec.min_notional}
    return {
        "symbol": spec.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading" if spec.status == "TRADING" else "Delivering",
        "baseCoin": spec.base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceFilter": {"minPrice": "0.01", "maxPrice": "1000000", "tickSize": text(spec.tick)},
        "lotSizeFilter": {name: text(value) for name, value in lots.items()},
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50", "leverageStep": "0.01"},
    }


def _status(order: Order) -> str:
    if order.cancelled:
        return "PartiallyFilledCanceled" if order.filled else "Cancelled"
    return "Filled" if order.done else "PartiallyFilled" if order.filled else "New"


def _order(order: Order) -> dict[str, Any]:
    return {
        "orderId": str(order.id),
        "orderLinkId": order.client_id,
        "symbol": order.symbol,
        "side": order.side.title(),
        "orderType": "Market",
        "price": "0",
        "qty": text(order.quantity),
        "cumExecQty": text(order.filled),
        "cumExecValue": text(order.filled * order.average),
        "cumExecFee": "0",
        "avgPrice": text(order.average) if order.filled else "",
        "leavesQty": text(order.quantity - order.filled),
        "orderStatus": _status(order),
        "timeInForce": "IOC",
        "reduceOnly": order.reduce_only,
        "createdTime": str(order.time),
        "updatedTime": str(order.time),
    }


Routes = dict[str, Callable[[Bybit, dict[str, Any]], Any]]
PUBLIC: Routes = {
    "GET market/time": Bybit._time,
    "GET market/instruments-info": Bybit._instruments,
    "GET market/tickers": Bybit._tickers,
    "GET market/orderbook": Bybit._orderbook,
    "GET market/kline": Bybit._kline,
    "GET market/risk-limit": Bybit._risk_limit,
}
SIGNED: Routes = {
    "GET user/query-api": Bybit._query_api,
    "GET account/info": Bybit._info,
    "GET account/wallet-balance": Bybit._wallet,
    "GET position/list": Bybit._positions,
    "GET account/fee-rate": Bybit._fee_rate,
    "GET account/transaction-log": Bybit._transaction_log,
    "GET order/realtime": Bybit._find,
    "GET order/history": Bybit._find,
    "POST order/create": Bybit._create,
    "POST order/cancel": Bybit._cancel,
}
