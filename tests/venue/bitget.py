"""Bitget futures of a classic account, v2, as far as ccxt asks: signed by headers, refusals with the status 400.

Sources: bitget.com/api-doc/contract (questions, answers, codes); what real accounts were answered, as quoted in ccxt's
pull requests 19127 and 20558 (what is free; margin is at the entry price). Of a unified account, which is asked by v3,
there is no more than its coins and positions.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote

from tests.venue.account import Flow, Holding, Order, Spec
from tests.venue.bitget_rows import TRANSFERS, business_of, instrument_row, market_row, order_row
from tests.venue.figures import specs
from tests.venue.server import Answer, Asked
from tests.venue.venue import PASSWORD, READ_ONLY_KEY, Venue, levels, text

PRODUCTS = {"USDT-FUTURES": "USDT", "USDC-FUTURES": "USDC", "COIN-FUTURES": "BTC"}
DEMO_PRODUCTS = {"SUSDT-FUTURES", "SUSDC-FUTURES", "SCOIN-FUTURES"}
INTERVALS = {"1H": "1h", "4H": "4h", "1Dutc": "1d"}
CLASSIC_SAID = "You are in Classic Account mode, and the Unified Account API is not supported at this time"
UNIFIED_SAID = "You are in Unified Account mode, and the Classic Account API is not supported at this time"


class Refused(Exception):
    """A request is answered with one of Bitget's codes."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message


class Bitget(Venue):
    """The venue; the account's money and positions are in one product's currency.

    `demo` wants the header of demo trading, `unified` is an account that is asked by v3, `multi_assets` one in which
    several assets are margin together.
    """

    time_path, markets_path, mode_path = "public/time", "market/contracts", "account/accounts"
    positions_path, balance_path, ledger_path = "position/all-position", "account/accounts", "account/bill"
    book_path, bars_path = "merge-depth", "market/candles"
    ticker_path, tiers_path, fine = "market/ticker", "query-position-lever", {"code": "00000"}
    order_path, lookup_paths = "order/place-order", ("order/detail",)
    listing_lookups = ()
    modes = ("union",)
    prefix, rows_at = "/api/", ("data",)

    def __init__(self) -> None:
        super().__init__()
        self.quote = "USDT"
        self.demo = self.unified = self.multi_assets = False

    def set_mode(self, mode: str) -> None:
        assert mode in self.modes
        self.multi_assets = True

    def hold_usdc(self) -> None:
        """Have the account, and the markets of the shared figures, in USDC."""
        self.quote = "USDC"
        self.specs = {_perp(spec.base): _renamed(spec, _perp(spec.base)) for spec in specs().values()}

    # What the account has.

    def initial_margin(self, held: Holding) -> Decimal:
        return held.quantity * held.entry / held.leverage  # at the entry price, cross or isolated

    def _pnl(self, isolated: bool) -> Decimal:
        held = (one for one in self.holdings() if one.isolated is isolated)
        return sum((one.pnl(self.mark(one.symbol)) for one in held), Decimal(0))

    def _margin(self, isolated: bool) -> Decimal:
        return sum((self.initial_margin(one) for one in self.holdings() if one.isolated is isolated), Decimal(0))

    def available(self) -> Decimal:
        """Return what is free for cross positions: their profit too, an isolated one's not."""
        return max(Decimal(0), self.account.wallet + self._pnl(False) - self.margin())

    # What it answers.

    def answer(self, asked: Asked) -> Answer:
        route = f"{asked.method} {asked.path.removeprefix(self.prefix)}"
        try:
            if route == "GET v3/market/instruments":
                return self._wrapped("00000", "success", self._instruments(asked.params), 200)
            if route in PUBLIC:
                return self._wrapped("00000", "success", PUBLIC[route](self, asked.params), 200)
            signed = SIGNED.get(route) or OF_UNIFIED.get(route)
            if signed is not None:
                self._check(asked)
                if self.unified is not route.split()[1].startswith("v3/"):
                    raise Refused("40085", UNIFIED_SAID) if self.unified else Refused("40084", CLASSIC_SAID)
                return self._wrapped("00000", "success", signed(self, asked.params), 200)
        except Refused as refused:
            return self._wrapped(refused.code, refused.message, None, 400)
        return self._wrapped("40404", "Request URL NOT FOUND", None, 404)

    def _wrapped(self, code: str, message: str, content: Any, status: int) -> Answer:
        return Answer({"code": code, "msg": message, "requestTime": self.now(), "data": content}, status)

    def _check(self, asked: Asked) -> None:
        key, stamp = asked.headers.get("access-key", ""), asked.headers.get("access-timestamp", "")
        if not key:
            raise Refused("40006", "Invalid ACCESS_KEY")
        if key not in self.keys:
            raise Refused("40037", "Apikey does not exist")
        if not stamp.isdecimal():
            raise Refused("40005", "Invalid ACCESS_TIMESTAMP")
        if abs(self.now() - int(stamp)) > 30_000:  # both ways; how long exactly ahead, the manual does not say
            raise Refused("40008", "Request timestamp expired")
        query = f"?{unquote(asked.query)}" if asked.query else ""
        origin = f"{stamp}{asked.method}{asked.path}{query}{asked.body}"
        wanted = base64.b64encode(hmac.new(self.keys[key].encode(), origin.encode(), hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(wanted, asked.headers.get("access-sign", "")):
            raise Refused("40009", "sign signature error")
        if asked.headers.get("access-passphrase") != PASSWORD:
            raise Refused("40012", "apikey/password is incorrect")
        if self.demo is not (asked.headers.get("paptrading") == "1"):
            raise Refused("40099", "exchange environment is incorrect")
        if key == READ_ONLY_KEY and asked.method != "GET":
            raise Refused("40014", "Incorrect permissions, need contract order permissions")

    def spec(self, sent: dict[str, Any]) -> Spec:
        if sent.get("symbol") not in self.listed():
            raise Refused("40034", f"Parameter {sent.get('symbol')} does not exist")
        if self._quote(sent) != self.quote:
            raise Refused("40034", f"Parameter productType {sent.get('productType')} error")
        return self.specs[sent["symbol"]]

    def _quote(self, sent: dict[str, Any]) -> str:
        """Return the currency of the product that is asked for."""
        product = sent.get("productType")
        if product not in PRODUCTS and product not in DEMO_PRODUCTS:
            raise Refused("40019", "Parameter productType cannot be empty")
        return PRODUCTS.get(product, "")

    # Public.

    def _time(self, _: dict[str, Any]) -> Any:
        return {"serverTime": str(self.now())}

    def _contracts(self, sent: dict[str, Any]) -> Any:
        quote = self._quote(sent)
        if quote == self.quote:
            return [market_row(spec, quote) for spec in self.listed().values()]
        if quote == "USDC":
            return [market_row(_renamed(specs()["BTCUSDT"], "BTCPERP"), quote)]
        if quote == "BTC":
            return [market_row(specs()["BTCUSDT"], "USD") | {"symbol": "BTCUSD", "supportMarginCoins": ["BTC", "ETH"]}]
        return [market_row(spec, quote) for spec in specs().values()] if quote else []

    def _instruments(self, sent: dict[str, Any]) -> Any:
        here = self.listed().values() if sent["category"] == f"{self.quote}-FUTURES" else ()
        return [instrument_row(market_row(spec, self.quote)) | sent for spec in here]

    def _ticker(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        bids, asks = self.book(spec.symbol)
        row = {
            "symbol": spec.symbol,
            "lastPr": text(spec.price),
            "markPrice": text(self.mark(spec.symbol)),
            "indexPrice": text(spec.price),
            "bidPr": text(bids[0][0]),
            "bidSz": text(bids[0][1]),
            "askPr": text(asks[0][0]),
            "askSz": text(asks[0][1]),
            "ts": str(self.now()),
            "deliveryTime": None,
            "deliveryStatus": "",
        }
        return [row]

    def _merge_depth(self, sent: dict[str, Any]) -> Any:
        bids, asks = self.book(self.spec(sent).symbol)
        # 1, 5, 15, 50 or max, else 100, which ccxt is asked for here; what it makes of another number is not told.
        count = {"1": 1, "5": 5, "15": 15, "50": 50, "max": 1000}.get(sent.get("limit", ""), 100)
        told = {"ts": str(self.now()), "scale": "0.1", "precision": "scale0", "isMaxPrecision": "NO"}
        return {"bids": levels(bids, count), "asks": levels(asks, count), **told}

    def _candles(self, sent: dict[str, Any]) -> Any:
        interval, count = sent["granularity"], int(sent.get("limit", 100))
        if count > 1000:
            raise Refused("40017", "Parameter verification failed")
        since = int(sent["startTime"]) if "startTime" in sent else None
        rows = self.rows(self.spec(sent).symbol, INTERVALS.get(interval, interval), 1000, since)
        until = int(sent.get("endTime", self.now()))
        told = [one for one in rows if one[0] <= until][-count:]  # it counts back from the end
        return [[str(opened), *(f"{n:.8f}" for n in row), "0"] for opened, row in told]

    def _position_lever(self, sent: dict[str, Any]) -> Any:
        rows, lower = [], Decimal(0)
        for level, (cap, rate, leverage) in enumerate(self.spec(sent).brackets, start=1):
            ends = {"startUnit": text(lower), "endUnit": text(cap)}
            told = {"symbol": sent["symbol"], "level": str(level), "leverage": text(leverage)}
            rows.append(told | ends | {"keepMarginRate": text(rate)})
            lower = cap
        return rows

    # Signed.

    def _settings(self, _: dict[str, Any]) -> Any:
        return {"accountMode": "unified", "assetMode": "union", "holdMode": "one_way_mode"}

    def _assets(self, _: dict[str, Any]) -> Any:
        equity, free = text(self.account.wallet + self.pnl(), 8), text(self.available(), 8)
        bitcoin = {"coin": "BTC", "equity": "0.5", "balance": "0.5", "available": "0.5", "debt": "0", "locked": "0"}
        tether = bitcoin | {"coin": "USDT", "equity": equity, "balance": equity, "available": free}
        return {"accountEquity": equity, "unrealisedPnl": text(self.pnl(), 8), "assets": [tether, bitcoin]}

    def _current_positions(self, sent: dict[str, Any]) -> Any:
        here = self.holdings() if sent["category"] == f"{self.quote}-FUTURES" else []
        names = {
            "holdMode": "posMode",
            "posSide": "holdSide",
            "positionBalance": "marginSize",
            "avgPrice": "openPriceAvg",
        }
        names |= {"unrealisedPnl": "unrealizedPL", "mmr": "keepMarginRate"}
        rows = [self._position(held) for held in here]
        return {"list": [row | {name: row[old] for name, old in names.items()} | sent for row in rows]}

    def _accounts(self, sent: dict[str, Any]) -> Any:
        quote = self._quote(sent)
        here = quote == self.quote
        wallet, pnl = (self.account.wallet, self.pnl()) if here else (Decimal(0), Decimal(0))
        isolated, crossed = (self._margin(True), self._margin(False)) if here else (Decimal(0), Decimal(0))
        free = self.available() if here else Decimal(0)
        profit = max(Decimal(0), self._pnl(False)) if here else Decimal(0)
        row = {
            "marginCoin": quote,
            "locked": "0",  # of orders alone
            "available": text(wallet - isolated, 8),  # what cross positions bind is not taken off
            "crossedMaxAvailable": text(free, 8),
            "isolatedMaxAvailable": text(free, 8),
            "maxTransferOut": text(max(Decimal(0), free - profit), 8),  # a profit can be traded with, and not taken out
            "accountEquity": text(wallet + pnl, 8),
            "usdtEquity": text(wallet + pnl, 12),
            "btcEquity": "0",
            "crossedRiskRate": "0",
            "unrealizedPL": text(pnl, 8),
            "coupon": "0",
            "grant": "",
            "unionTotalMargin": text(wallet + pnl, 8),
            "unionAvailable": text(free, 8),
            "unionMm": "0",
            "assetList": [],
            "isolatedMargin": text(isolated, 8),
            "crossedMargin": text(crossed, 8),
            "crossedUnrealizedPL": "",
            "isolatedUnrealizedPL": "",
            "assetMode": "union" if self.multi_assets else "single",
        }
        return [row]

    def _positions(self, sent: dict[str, Any]) -> Any:
        here = self._quote(sent) == self.quote and sent.get("marginCoin") in (None, self.quote)
        return [self._position(held) for held in self.holdings()] if here else []

    def _position(self, held: Holding) -> dict[str, Any]:
        mark, price = self.mark(held.symbol), self.liquidation(held)
        rate = self.maintenance_of(held) / self.notional(held)
        return {
            "marginCoin": self.quote,
            "symbol": held.symbol,
            "holdSide": held.side.lower(),
            "openDelegateSize": "0",
            "marginSize": text(self.initial_margin(held), 8),
            "available": text(held.quantity),
            "locked": "0",
            "total": text(held.quantity),
            "leverage": str(held.leverage),
            "achievedProfits": "0",
            "openPriceAvg": text(held.entry),
            "marginMode": "isolated" if held.isolated else "crossed",
            "posMode": "hedge_mode" if self.account.hedged else "one_way_mode",
            "unrealizedPL": text(held.pnl(mark), 8),
            "liquidationPrice": text(price, 8) if price else "-1",  # none: 0 or below
            "keepMarginRate": text(rate, 6),
            "markPrice": text(mark),
            "marginRatio": "0.01",
            "breakEvenPrice": text(held.entry),
            "totalFee": "",
            "takeProfit": "",
            "stopLoss": "",
            "assetMode": "union" if self.multi_assets else "single",
            "cTime": str(self.now()),
            "uTime": str(self.now()),
        }

    def _trade_rate(self, sent: dict[str, Any]) -> Any:
        if sent.get("businessType") != "mix" or sent.get("symbol") not in self.listed():
            raise Refused("40034", f"Parameter {sent.get('symbol')} does not exist")
        return {"makerFeeRate": "0.0002", "takerFeeRate": "0.0006"}

    def _bills(self, sent: dict[str, Any]) -> Any:
        since, until = int(sent.get("startTime", 0)), int(sent.get("endTime", self.now()))
        if until - since > 30 * 86_400_000:
            raise Refused("00001", "startTime and endTime interval cannot be greater than 30 days")
        count, kind = int(sent.get("limit", 20)), sent.get("businessType")
        if count > 100:
            raise Refused("40017", "Parameter verification failed")
        here = self.account.flows if self._quote(sent) == self.quote else []
        found = [one for one in here if since <= one.time <= until and kind in (None, business_of(one))]
        # The currency is heeded where transfers are asked for, and nowhere else.
        found = [one for one in found if kind not in TRANSFERS or self._coin(one) == sent.get("coin", self._coin(one))]
        found = sorted(found, key=lambda one: -one.time)[:count]
        rows = [
            {
                "billId": str(one.id),
                "symbol": "BTCUSDT" if one.traded else "",
                "amount": "0" if one.traded else text(one.amount),
                "fee": text(one.amount) if one.traded else "0",
                "feeByCoupon": "",
                "businessType": business_of(one),
                "coin": self._coin(one),
                "balance": text(self.account.wallet),
                "cTime": str(one.time),
            }
            for one in found
        ]
        # As it is seen of lists of orders that are a part of an answer; of bills nobody says what an empty list is.
        return {"bills": rows, "endId": rows[-1]["billId"]} if rows else {"bills": None, "endId": None}

    def _coin(self, flow: Flow) -> str:
        return self.quote if flow.asset == "USDT" else flow.asset

    def _find(self, sent: dict[str, Any]) -> Any:
        self.spec(sent)
        for order in self.orders:
            named = sent.get("clientOid") == order.client_id or sent.get("orderId") == str(order.id)
            if named and order.symbol == sent["symbol"]:
                return order_row(order, self.quote)
        raise Refused("40109", "The data of the order cannot be found, please confirm the order number")

    def _cancel(self, sent: dict[str, Any]) -> Any:
        self.spec(sent)
        for order in self.orders:
            if sent.get("clientOid") == order.client_id or sent.get("orderId") == str(order.id):
                if order.done or order.cancelled:
                    raise Refused("22001", "No order to cancel")
                order.cancelled = True
                return {"orderId": str(order.id), "clientOid": order.client_id}
        raise Refused("40768", "Order does not exist")

    def _place(self, sent: dict[str, Any]) -> Any:
        spec = self.spec(sent)
        if sent.get("marginCoin") != self.quote or sent.get("marginMode") not in ("crossed", "isolated"):
            raise Refused("40017", "Parameter verification failed")
        order = self._asked_for(sent, spec)
        held = self.account.reducible(order)
        if held is None or order.symbol in self.bound or held.isolated is (sent["marginMode"] == "crossed"):
            raise Refused("22002", "No position to close")
        order.quantity = min(order.quantity, held.quantity)
        self.place(order)
        return {"orderId": str(order.id), "clientOid": order.client_id}

    def _asked_for(self, sent: dict[str, Any], spec: Spec) -> Order:
        """Return an order that can only reduce; every other one is too much for the account."""
        name, quantity = str(sent.get("clientOid", "")), _quantity(sent, spec)
        if len(name) > 50:
            raise Refused("40305", "client_oid length is not greater than 50, and cannot be Martian characters")
        if name and any(one.client_id == name for one in self.orders):
            raise Refused("40786", "Duplicate clientOid")
        side, trade = sent.get("side"), str(sent.get("tradeSide", "")).lower()
        if sent.get("orderType") != "market" or side not in ("buy", "sell"):
            raise Refused("40017", "Parameter verification failed")
        if self.account.hedged and not trade:
            raise Refused("40774", "The order type for unilateral position must also be the unilateral position type.")
        if not (trade == "close" if self.account.hedged else sent.get("reduceOnly") == "YES"):
            if quantity * spec.price < spec.min_notional:
                raise Refused("45110", f"less than the minimum amount {spec.min_notional} {self.quote}")
            raise Refused("40762", "The order amount exceeds the balance")
        if self.account.hedged:  # the side is the position's there
            way, place = ("SELL", "LONG") if side == "buy" else ("BUY", "SHORT")
            return Order(0, name, spec.symbol, way, quantity, place, reduce_only=True)
        return Order(0, name, spec.symbol, side.upper(), quantity, reduce_only=True)


def _perp(base: str) -> str:
    return f"{base}PERP"


def _renamed(spec: Spec, symbol: str) -> Spec:
    spec.symbol = symbol
    return spec


def _quantity(sent: dict[str, Any], spec: Spec) -> Decimal:
    """Return an order's size after the rules of its market."""
    try:
        quantity = Decimal(sent["size"])
    except InvalidOperation:
        raise Refused("40017", "Parameter verification failed") from None
    if quantity % spec.step:
        raise Refused("40808", f"Parameter verification exception size checkScale error value={quantity}")
    if quantity < spec.least:
        raise Refused("43011", "The parameter does not meet the specification")
    if quantity > spec.most_market:
        raise Refused("40762", "The maximum order size is exceeded")  # which code that is, is not in the manual
    return quantity


Routes = dict[str, Callable[[Bitget, dict[str, Any]], Any]]
PUBLIC: Routes = {
    "GET v2/public/time": Bitget._time,
    "GET v2/mix/market/contracts": Bitget._contracts,
    "GET v2/mix/market/ticker": Bitget._ticker,
    "GET v2/mix/market/merge-depth": Bitget._merge_depth,
    "GET v2/mix/market/candles": Bitget._candles,
    "GET v2/mix/market/query-position-lever": Bitget._position_lever,
}
SIGNED: Routes = {
    "GET v3/account/settings": Bitget._settings,
    "GET v2/mix/account/accounts": Bitget._accounts,
    "GET v2/mix/position/all-position": Bitget._positions,
    "GET v2/common/trade-rate": Bitget._trade_rate,
    "GET v2/mix/account/bill": Bitget._bills,
    "GET v2/mix/order/detail": Bitget._find,
    "POST v2/mix/order/place-order": Bitget._place,
    "POST v2/mix/order/cancel-order": Bitget._cancel,
}
# What is asked of a unified account alone.
OF_UNIFIED: Routes = {
    "GET v3/account/assets": Bitget._assets,
    "GET v3/position/current-position": Bitget._current_positions,
}
