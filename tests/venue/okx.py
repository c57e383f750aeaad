"""OKX v5, an account in futures mode, as far as ccxt asks: signed with a passphrase, orders refused one by one.

Sources: www.okx.com/docs-v5/en (endpoints, error codes with their HTTP statuses).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.venue.account import Holding, Order, Spec
from tests.venue.okx_rows import (
    OTHERS,
    USD,
    bill,
    contracts,
    inst_id,
    instrument,
    margin_apart,
    order_details,
    position,
    settles,
    size,
    tiers,
)
from tests.venue.server import Answer, Asked
from tests.venue.venue import PASSWORD, READ_ONLY_KEY, Levels, Venue, text

CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
EXPIRES_MS = 30_000
DAY_MS = 86_400_000
Sent = dict[str, Any]


class Refused(Exception):
    """A request is answered with one of OKX's codes."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        self.code, self.message, self.status = str(code), message, status


class Okx(Venue):
    """The venue; `level` is the account's mode, `demo` whether its key is one for demo trading.

    `left` is how many requests are answered before there were too many, `refusal` the code by which an order is told
    that there is nothing to reduce. `usdc` is the money in USDC, `elsewhere` has positions that are in none of `specs`.
    """

    time_path, markets_path, mode_path = "public/time", "public/instruments", "account/config"
    positions_path, balance_path, ledger_path = "account/positions", "account/balance", "account/bills"
    book_path, bars_path = "market/books", "market/candles"
    ticker_path, tiers_path, fine = "market/ticker", "position-tiers", {"code": "0"}
    listing_lookups = ()
    order_path, lookup_paths = "trade/batch-orders", ("trade/order",)
    modes = ("spot mode", "multi-currency margin", "portfolio margin")
    prefix, rows_at = "/api/v5/", ("data",)

    def __init__(self) -> None:
        super().__init__()
        self.level, self.demo = "2", False
        self.left: int | None = None
        self.usdc = Decimal(0)
        bitcoin = self.specs["BTCUSDT"]
        self.specs["BTCUSDC"] = replace(bitcoin, symbol="BTCUSDC", step=Decimal("0.0001"), least=Decimal("0.0001"))
        for spec in self.specs.values():
            spec.min_notional = Decimal(0)  # an order is of some contracts at the least, and need not be worth anything
        self.refusal = 51169, "Order failed because you don't have any positions in this contract to reduce."
        self.elsewhere: list[dict[str, Any]] = []
        self.isolated_orders: set[str] = set()

    def set_elsewhere(self, name: str, currency: str, quantity: str, kind: str = "SWAP") -> None:
        """Open a position in something else than a swap in USDT."""
        told = self._position(Holding("BTCUSDT", "LONG", Decimal(quantity), Decimal(32_000)))
        self.elsewhere.append(told | {"instId": name, "ccy": currency, "instType": kind, "posId": f"9{len(name)}"})

    def set_mode(self, mode: str) -> None:
        self.level = {"spot mode": "1", "multi-currency margin": "3", "portfolio margin": "4"}[mode]

    def answer(self, asked: Asked) -> Answer:
        route = f"{asked.method} {asked.path.removeprefix(self.prefix)}"
        try:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise Refused(50011, "Too Many Requests", 429)
            if route in PUBLIC:
                return self._wrapped(PUBLIC[route](self, asked.params))
            if route in SIGNED:
                self._check_signature(asked)
                return self._wrapped(SIGNED[route](self, asked.params))
            if route in EACH:
                self._check_signature(asked)
                told = json.loads(asked.body)
                return self._each(told if isinstance(told, list) else [told], EACH[route])
        except Refused as refused:
            return Answer({"code": refused.code, "data": [], "msg": refused.message}, refused.status)
        return Answer({"code": "404", "data": {}, "error_code": "404", "msg": "Not Found"}, 404)

    def _wrapped(self, rows: list[Any]) -> Answer:
        return Answer({"code": "0", "data": rows, "msg": ""})

    def _each(self, orders: list[Sent], act: "Callable[[Okx, Sent], Order]") -> Answer:
        """Act on orders one by one: what was wrong with one is told in its row, and by 1 or 2 that something was."""
        rows = []
        for sent in orders:
            row = {"clOrdId": sent.get("clOrdId", ""), "ordId": "", "tag": "", "ts": str(self.now())}
            try:
                order = act(self, sent)
                rows.append(row | {"ordId": str(order.id), "sCode": "0", "sMsg": ""})
            except Refused as refused:
                rows.append(row | {"sCode": refused.code, "sMsg": refused.message})
        failed = sum(one["sCode"] != "0" for one in rows)
        code = "0" if not failed else "1" if failed == len(rows) else "2"
        return Answer({"code": code, "data": rows, "msg": "All operations failed" if code == "1" else ""})

    def _check_signature(self, asked: Asked) -> None:
        names = ("key", "sign", "timestamp", "passphrase")
        key, sign, stamp, word = (asked.headers.get(f"ok-access-{name}", "") for name in names)
        for number, (name, told) in enumerate(zip(("KEY", "PASSPHRASE"), (key, word), strict=True), start=50103):
            if not told:
                raise Refused(number, f'Request header "OK_ACCESS_{name}" cannot be empty.', 401)
        if key not in self.keys:
            raise Refused(50111, "Invalid OK-ACCESS-KEY.", 401)
        if (asked.headers.get("x-simulated-trading") == "1") is not self.demo:
            raise Refused(50101, "APIKey does not match current environment.", 401)
        if word != PASSWORD:
            raise Refused(50105, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
        try:
            moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000
        except ValueError:
            raise Refused(50112, "Invalid OK-ACCESS-TIMESTAMP", 401) from None
        if abs(self.now() - moment) > EXPIRES_MS:
            raise Refused(50102, "Timestamp request expired", 401)
        query = f"?{asked.query}" if asked.query else ""
        origin = f"{stamp}{asked.method}{asked.path}{query}{asked.body}".encode()
        wanted = base64.b64encode(hmac.new(self.keys[key].encode(), origin, hashlib.sha256).digest())
        if not hmac.compare_digest(wanted, sign.encode()):
            raise Refused(50113, "Invalid Sign", 401)
        self._check_allowed(asked, key)

    def _check_allowed(self, asked: Asked, key: str) -> None:
        # The manual has no code for this; here it is that of an order that ran out of time.
        if self.now() > int(asked.headers.get("exptime", self.now())):
            raise Refused(51149, "Order timed out. Please try again later.")
        # With which status this is answered the manual does not say; here with that of every other wrong key.
        if key == READ_ONLY_KEY and asked.method != "GET":
            raise Refused(50120, "This API key doesn't have permission to use this function", 401)

    def spec(self, sent: Sent, field: str = "instId") -> Spec:
        for one in self.listed().values():
            if inst_id(one) == sent.get(field):
                return one
        raise Refused(51001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")

    # Public.

    def _time(self, _: Sent) -> list[Any]:
        return [{"ts": str(self.now())}]

    def _instruments(self, sent: Sent) -> list[Any]:
        kind = sent["instType"]
        if kind == "OPTION" and not sent.get("uly"):
            raise Refused(50015, "Either parameter uly or instFamily is required", 400)
        found = [one for one in OTHERS[kind] if kind != "OPTION" or one["uly"] == sent["uly"]]
        return [*map(instrument, self.listed().values()), *found] if kind == "SWAP" else found

    def _ticker(self, sent: Sent) -> list[Any]:
        spec = self.spec(sent)
        bids, asks = self.book(spec.symbol)
        last = dict.fromkeys(("last", "open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), text(spec.price))
        sides = {"askPx": text(asks[0][0]), "bidPx": text(bids[0][0])}
        sizes = {"askSz": contracts(asks[0][1], spec), "bidSz": contracts(bids[0][1], spec), "lastSz": "1"}
        volumes = {"vol24h": "1", "volCcy24h": "1"}
        named = {"instType": "SWAP", "instId": inst_id(spec), "ts": str(self.now())}
        return [{**named, **last, **sides, **sizes, **volumes}]

    def _books(self, sent: Sent) -> list[Any]:
        return self._levels(sent, 400)

    def _full_books(self, sent: Sent) -> list[Any]:
        return self._levels(sent, 5000)

    def _levels(self, sent: Sent, most: int) -> list[Any]:
        spec, count = self.spec(sent), int(sent.get("sz", 1))
        if not 1 <= count <= most:
            raise Refused(51000, "Parameter sz error", 400)

        def side(levels: Levels) -> list[list[str]]:
            return [[text(price), contracts(quantity, spec), "0", "1"] for price, quantity in levels[:count]]

        bids, asks = self.book(spec.symbol)
        return [{"asks": side(asks), "bids": side(bids), "ts": str(self.now()), "seqId": 1}]

    def _candles(self, sent: Sent) -> list[Any]:
        """Return bars, newest first: earlier than `after`, later than `before`, at most 300; the last is marked 0."""
        spec, bar = self.spec(sent), sent.get("bar", "1m")
        rows = self.rows(spec.symbol, bar, 600, None)
        current = rows[-1][0]
        after, before = int(sent.get("after", current + 1)), int(sent.get("before", -1))
        found = [one for one in reversed(rows) if before < one[0] < after][: min(int(sent.get("limit", 100)), 300)]
        return [
            [str(opened), *(f"{n:.8f}" for n in row[:4]), "628", "6.28", "62800", "01"[opened != current]]
            for opened, row in found
        ]

    def _tiers(self, sent: Sent) -> list[Any]:
        if sent.get("tdMode") not in ("cross", "isolated") or sent.get("instType") != "SWAP":
            raise Refused(51000, "Parameter tdMode error", 400)
        return tiers(self.spec({"instId": f"{sent.get('instFamily')}-SWAP"}))

    # Signed.

    def _config(self, _: Sent) -> list[Any]:
        mode = "long_short_mode" if self.account.hedged else "net_mode"
        told = {"uid": "43812", "acctLv": self.level, "posMode": mode, "ctIsoMode": "automatic", "level": "Lv1"}
        return [
            {**told, "autoLoan": False, "greeksType": "PA", "perm": "read_only,trade", "label": "rulecap", "ip": ""}
        ]

    def _balance(self, _: Sent) -> list[Any]:
        """Return the balance of futures mode: each currency is a pool of its own, in all of them nothing is told."""
        told = [self._pool("USDT", self.account.wallet)]
        told += [self._pool("USDC", self.usdc)] if self.usdc else []
        whole = ("adjEq", "availEq", "borrowFroz", "imr", "isoEq", "mgnRatio", "mmr", "notionalUsd", "ordFroz", "upl")
        worth = sum(Decimal(one["eqUsd"]) for one in told)
        return [
            {**dict.fromkeys(whole, ""), "details": told, "totalEq": text(Decimal(worth), 8), "uTime": str(self.now())}
        ]

    def _pool(self, currency: str, wallet: Decimal) -> dict[str, str]:
        held = [one for one in self.holdings() if settles(self.specs[one.symbol]) == currency]
        apart, crossed = [one for one in held if one.isolated], [one for one in held if not one.isolated]

        def summed(of: Callable[[Holding], Decimal], holdings: list[Holding]) -> Decimal:
            return sum(map(of, holdings), Decimal(0))

        def pnl(one: Holding) -> Decimal:
            return one.pnl(self.mark(one.symbol))

        cash, equity = wallet - summed(margin_apart, apart), wallet + summed(pnl, held)
        margin = summed(self.initial_margin, crossed)
        free = max(Decimal(0), cash + summed(pnl, crossed) - margin)
        names = ("borrowFroz", "crossLiab", "disEq", "interest", "isoLiab", "liab", "maxLoan", "twap", "uplLiab")
        return {
            **dict.fromkeys(names, ""),
            "ccy": currency,
            "availBal": text(free, 8),
            "availEq": text(free, 8),
            "cashBal": text(cash, 8),
            "eq": text(equity, 8),
            "eqUsd": text(equity * USD, 8),
            "fixedBal": "0",
            "frozenBal": text(equity - free, 8),
            "imr": text(margin, 8) if crossed else "",
            "isoEq": text(summed(margin_apart, apart) + summed(pnl, apart), 8),
            "isoUpl": text(summed(pnl, apart), 8),
            "mgnRatio": "42" if crossed else "",
            "mmr": text(summed(self.maintenance_of, crossed), 8) if crossed else "",
            "notionalLever": "1.2",
            "ordFrozen": "0",
            "uTime": str(self.now()),
            "upl": text(summed(pnl, held), 8),
        }

    def _positions(self, sent: Sent) -> list[Any]:
        told = [*map(self._position, self.holdings()), *self.elsewhere]
        return [one for one in told if sent.get("instType") in (None, one["instType"])]

    def _position(self, held: Holding) -> Any:
        spec, mark = self.specs[held.symbol], self.mark(held.symbol)
        return position(held, spec, mark, self.account.hedged, self.maintenance_of(held), self.liquidation(held))

    def _trade_fee(self, sent: Sent) -> list[Any]:
        """Return rates below zero for what is paid: of contracts in coins, in USDT, in USDC."""
        if sent.get("instType") != "SWAP":
            raise Refused(51000, "Parameter instType error", 400)
        rates = {"maker": "-0.0003", "taker": "-0.0006", "makerU": "-0.0002", "takerU": "-0.0005"}
        rates |= {"makerUSDC": "-0.0001", "takerUSDC": "-0.0004"}
        return [
            {**rates, "category": "1", "delivery": "", "exercise": "", "instType": "SWAP", "level": "Lv1", "ts": "1"}
        ]

    def _bills(self, sent: Sent) -> list[Any]:
        return self._bills_of(sent, 7)

    def _archive(self, sent: Sent) -> list[Any]:
        return self._bills_of(sent, 90)

    def _bills_of(self, sent: Sent, days: int) -> list[Any]:
        since = max(int(sent.get("begin", 0)), self.now() - days * DAY_MS)
        until = int(sent.get("end", self.now()))  # whether the very end is in it is not told; here it is
        rows = [bill(one, self.account.wallet) for one in self.account.flows if since <= one.time <= until]
        for name in ("ccy", "type", "instType"):
            rows = [one for one in rows if sent.get(name) in (None, one[name])]
        return sorted(rows, key=lambda one: -int(one["ts"]))[: min(int(sent.get("limit", 100)), 100)]

    def _find(self, sent: Sent) -> list[Any]:
        spec = self.spec(sent)
        for order in self.orders:
            named = sent.get("clOrdId") == order.client_id or sent.get("ordId") == str(order.id)
            if named and order.symbol == spec.symbol:
                return [order_details(order, spec, order.client_id in self.isolated_orders)]
        raise Refused(51603, "Order does not exist")

    def _cancel(self, sent: Sent) -> Order:
        self.spec(sent)
        for order in self.orders:
            if sent.get("clOrdId") == order.client_id and not order.done and not order.cancelled:
                order.cancelled = True
                return order
        raise Refused(51400, "Order cancellation failed as the order has been filled, canceled or does not exist.")

    def _create(self, sent: Sent) -> Order:
        spec, name = self.spec(sent), sent.get("clOrdId", "")
        if not CLIENT_ID.fullmatch(name):
            raise Refused(51000, "Parameter clOrdId error")
        if any(one.client_id == name for one in self.orders):
            raise Refused(51016, "Client order ID already exists.")
        if spec.status != "TRADING":
            raise Refused(51022, "Contract suspended.")
        if sent.get("tdMode") not in ("cross", "isolated"):
            raise Refused(51000, "Parameter tdMode error")
        # In net mode the field may be left out.
        if sent.get("posSide", "net") not in (("long", "short") if self.account.hedged else ("net",)):
            raise Refused(51000, "Parameter posSide error")
        order = Order(0, name, spec.symbol, sent["side"].upper(), _quantity(sent, spec))
        order.position_side = sent["posSide"].upper() if self.account.hedged else "BOTH"
        order.reduce_only = sent.get("reduceOnly") in (True, "true")
        held = self._reduced(order, sent["tdMode"] == "isolated")
        if self.account.hedged and order.quantity > held.quantity:
            raise Refused(51112, "Close order size exceeds available size for the position.")
        # What becomes of a reduce-only order for more than there is is not told; here it is cut.
        order.quantity = min(order.quantity, held.quantity)
        if held.isolated:
            self.isolated_orders.add(name)
        self.place(order)
        return order

    def _reduced(self, order: Order, isolated: bool) -> Holding:
        """Return the position that an order reduces; one that reduces none opens one, for which there is no money."""
        held = self.account.reducible(order)
        closing = (order.side == "SELL") is (order.position_side == "LONG")
        if not (closing if self.account.hedged else order.reduce_only):
            raise Refused(51008, "Order failed. Insufficient USDT margin in account")
        if held is None or held.isolated is not isolated or order.symbol in self.bound:
            raise Refused(*self.refusal)
        return held


def _quantity(sent: Sent, spec: Spec) -> Decimal:
    """Return an order's quantity of the base asset after the bounds of its market, which are in contracts."""
    try:
        quantity = Decimal(sent["sz"]) * size(spec)
    except (InvalidOperation, KeyError):
        raise Refused(51000, "Parameter sz error") from None
    if quantity < spec.least:
        raise Refused(51020, "Your order should meet or exceed the minimum order amount.")
    if quantity % spec.step:
        raise Refused(51121, "Order quantity must be a multiple of the lot size.")
    if quantity > spec.most_market:
        raise Refused(51202, "The amount of a market order exceeds the maximum amount.")
    return quantity


Routes = dict[str, Callable[[Okx, Sent], list[Any]]]
PUBLIC: Routes = {
    "GET public/time": Okx._time,
    "GET public/instruments": Okx._instruments,
    "GET public/position-tiers": Okx._tiers,
    "GET market/ticker": Okx._ticker,
    "GET market/books": Okx._books,
    "GET market/books-full": Okx._full_books,
    "GET market/candles": Okx._candles,
}
SIGNED: Routes = {
    "GET account/config": Okx._config,
    "GET account/balance": Okx._balance,
    "GET account/positions": Okx._positions,
    "GET account/trade-fee": Okx._trade_fee,
    "GET account/bills": Okx._bills,
    "GET account/bills-archive": Okx._archive,
    "GET trade/order": Okx._find,
}
EACH: dict[str, Callable[[Okx, Sent], Order]] = {
    "POST trade/batch-orders": Okx._create,
    "POST trade/cancel-order": Okx._cancel,
}
