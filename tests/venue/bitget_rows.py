"""What Bitget answers with, one by one: contracts, orders, bills."""

from decimal import Decimal
from typing import Any

from tests.venue.account import Flow, Order, Spec
from tests.venue.venue import text

STATES = {"normal", "maintain", "limit_open", "restrictedAPI", "off"}
TRANSFERS = ("trans_from_exchange", "trans_to_exchange")


def _places(step: Decimal) -> str:
    return str(max(0, -int(step.normalize().as_tuple().exponent)))


def market_row(spec: Spec, quote: str) -> dict[str, Any]:
    """Return a contract as it is listed."""
    end = spec.tick.scaleb(int(_places(spec.tick)))
    status = "normal" if spec.status == "TRADING" else spec.status if spec.status in STATES else "maintain"
    return {
        "symbol": spec.symbol,
        "baseCoin": spec.base,
        "quoteCoin": quote,
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "supportMarginCoins": [quote],
        "minTradeNum": text(spec.least),
        "priceEndStep": text(end),
        "volumePlace": _places(spec.step),
        "pricePlace": _places(spec.tick),
        "sizeMultiplier": text(spec.step),
        "symbolType": "perpetual",
        "minTradeUSDT": text(spec.min_notional),
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "400",
        "maxPositionNum": "150",
        "maxMarketOrderQty": text(spec.most_market),
        "maxOrderQty": text(spec.most),
        "symbolStatus": status,
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "deliveryStartTime": "",
        "launchTime": "",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": "50",
        "maintainTime": "",
    }


def instrument_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a contract as v3 lists it."""
    names = {"pricePrecision": "pricePlace", "quantityPrecision": "volumePlace", "minOrderQty": "minTradeNum"}
    names |= {"minOrderAmount": "minTradeUSDT", "type": "symbolType"}
    names |= {name: name for name in ("symbol", "baseCoin", "quoteCoin", "maxMarketOrderQty")}
    return {name: row[old] for name, old in names.items()} | {"status": "online"}


def order_row(order: Order, quote: str) -> dict[str, Any]:
    """Return an order as its question is answered."""
    hedged = order.position_side != "BOTH"
    side = ("buy" if order.position_side == "LONG" else "sell") if hedged else order.side.lower()
    return {
        "symbol": order.symbol,
        "size": text(order.quantity),
        "orderId": str(order.id),
        "clientOid": order.client_id,
        "baseVolume": text(order.filled),
        "fee": text(-order.filled * order.average * Decimal("0.0006"), 8),
        "price": "",
        "priceAvg": text(order.average) if order.filled else "",
        "state": _state(order),
        "side": side,
        "force": "gtc",
        "totalProfits": "0",
        "posSide": order.position_side.lower() if hedged else "net",
        "marginCoin": quote,
        "quoteVolume": text(order.filled * order.average),
        "orderType": "market",
        "leverage": "10",
        "marginMode": "crossed",
        "reduceOnly": "YES",  # that of a closing order in hedge mode is seen both ways
        "enterPointSource": "API",
        "tradeSide": "close" if hedged else f"{order.side.lower()}_single",
        "posMode": "hedge_mode" if hedged else "one_way_mode",
        "orderSource": "market",
        "cancelReason": "",
        "cTime": str(order.time),
        "uTime": str(order.time),
    }


def _state(order: Order) -> str:
    if order.cancelled:
        return "canceled"
    return "filled" if order.done else "partially_filled" if order.filled else "live"


def business_of(flow: Flow) -> str:
    """Return the type of a bill."""
    return "close_long" if flow.traded else TRANSFERS[0] if flow.amount > 0 else TRANSFERS[1]
