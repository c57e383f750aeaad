"""What OKX v5 tells of markets, positions and orders: texts throughout, "" for what is not applicable, contracts.

Sources: www.okx.com/docs-v5/en (instruments, position tiers, positions, balance, bills, order details).
"""

from decimal import Decimal
from typing import Any

from tests.venue.account import Flow, Holding, Order, Spec
from tests.venue.venue import text

# How much of the base asset one contract is.
CONTRACTS = {"BTCUSDT": "0.01", "ETHUSDT": "0.1", "SOLUSDT": "1", "SUSHIUSDT": "1", "BTCUSDC": "0.0001"}
USD = Decimal("0.9997")  # what a USDT is worth: what OKX tells in USD is no amount of USDT
ABSENT = ("alias", "baseCcy", "expTime", "optType", "quoteCcy", "stk", "auctionEndTime", "contTdSwTime")
NONE = dict.fromkeys(
    ("ctMult", "ctType", "ctVal", "ctValCcy", "instFamily", "lever", "lotSz", "minSz", "settleCcy", "tickSz", "uly"), ""
)


def size(spec: Spec) -> Decimal:
    """Return a market's contract size."""
    return Decimal(CONTRACTS[spec.symbol])


def settles(spec: Spec) -> str:
    """Return the currency that a market settles in."""
    return spec.symbol.removeprefix(spec.base)


def family(spec: Spec) -> str:
    return f"{spec.base}-{settles(spec)}"


def inst_id(spec: Spec) -> str:
    return f"{family(spec)}-SWAP"


def contracts(quantity: Decimal, spec: Spec) -> str:
    """Return a quantity of the base asset as OKX tells it."""
    return text((quantity / size(spec)).normalize())


def instrument(spec: Spec) -> dict[str, Any]:
    sizes = {"lotSz": spec.step, "minSz": spec.least, "maxLmtSz": spec.most, "maxMktSz": spec.most_market}
    contract = {"ctType": "linear", "ctMult": "1", "ctVal": text(size(spec)), "ctValCcy": spec.base}
    return {
        **dict.fromkeys(ABSENT, ""),
        **contract,
        **{name: contracts(quantity, spec) for name, quantity in sizes.items()},
        "instId": inst_id(spec),
        "instType": "SWAP",
        "instFamily": family(spec),
        "uly": family(spec),
        "settleCcy": settles(spec),
        "lever": text(max(most for _, _, most in spec.brackets)),
        "listTime": "1585526400000",
        "tickSz": text(spec.tick),
        "state": "live" if spec.status == "TRADING" else "suspend",
        "ruleType": "normal",
    }


def _contract(name: str, family: str, settle: str, kind: str, worth: str, of: str, **more: str) -> dict[str, str]:
    linear = {"instId": name, "instFamily": family, "uly": family, "settleCcy": settle, "ctType": kind}
    sizes = {"ctVal": worth, "ctMult": "1", "ctValCcy": of, "lotSz": "1", "minSz": "1", "tickSz": "0.1"}
    return {**dict.fromkeys(ABSENT, ""), **linear, **sizes, "instType": "SWAP", "lever": "50", "state": "live", **more}


# What is traded beside the linear swaps, by type; a swap that is not open yet has hardly more than its name.
OTHERS: dict[str, list[dict[str, str]]] = {
    "SWAP": [
        _contract("BTC-USD-SWAP", "BTC-USD", "BTC", "inverse", "100", "USD"),
        {**dict.fromkeys(ABSENT, ""), **NONE, "instId": "ETH-USD_UM-SWAP", "instType": "SWAP", "state": "preopen"},
    ],
    "FUTURES": [
        _contract(
            *("BTC-USDT-301227", "BTC-USDT", "USDT", "linear", "0.01", "BTC"),
            instType="FUTURES",
            alias="next_quarter",
            expTime="1924588800000",
        )
    ],
    "SPOT": [
        {
            **dict.fromkeys(ABSENT, ""),
            **NONE,
            "instId": "BTC-USDT",
            "instType": "SPOT",
            "baseCcy": "BTC",
            "quoteCcy": "USDT",
            "lever": "10",
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "tickSz": "0.1",
            "state": "live",
            "maxMktSz": "1000000",
        }
    ],
    "OPTION": [
        _contract(
            *("BTC-USD-301227-50000-C", "BTC-USD", "BTC", "", "1", "BTC"),
            instType="OPTION",
            optType="C",
            stk="50000",
            expTime="1924588800000",
        )
    ],
}


def tiers(spec: Spec) -> list[dict[str, str]]:
    """Return the tiers of a family: their ends are numbers of contracts."""
    rows, lower = [], "0"
    for number, (cap, rate, leverage) in enumerate(spec.brackets, start=1):
        end = text(cap / spec.price / size(spec), 2)
        rows.append(
            {
                **dict.fromkeys(("baseMaxLoan", "instId", "optMgnFactor", "quoteMaxLoan"), ""),
                "instFamily": family(spec),
                "uly": family(spec),
                "tier": str(number),
                "minSz": lower,
                "maxSz": end,
                "mmr": text(rate),
                "imr": text(1 / leverage, 4),
                "maxLever": text(leverage),
            }
        )
        lower = end
    return rows


def position(held: Holding, spec: Spec, mark: Decimal, hedged: bool, maintenance: Decimal, liquidation: Decimal) -> Any:
    """Return an open position; in net mode a short one is below zero, else it is named short."""
    count, margin = held.quantity / size(spec), held.quantity * mark / held.leverage
    names = ("baseBal", "bizRefId", "ccyLiab", "deltaBS", "liab", "liabCcy", "optVal", "posCcy", "quoteBal", "thetaBS")
    return {
        **dict.fromkeys(names, ""),
        "adl": "1",
        "availPos": contracts(held.quantity, spec) if hedged else "",
        "avgPx": text(held.entry),
        "cTime": "1619507758793",
        "ccy": settles(spec),
        "imr": "" if held.isolated else text(margin, 8),
        "instId": inst_id(spec),
        "instType": "SWAP",
        "interest": "",
        "last": text(spec.price),
        "lever": text(Decimal(held.leverage)),
        "liqPx": text(liquidation, 8) if liquidation else "",
        "margin": text(margin_apart(held), 8) if held.isolated else "",
        "markPx": text(mark),
        "mgnMode": "isolated" if held.isolated else "cross",
        "mgnRatio": "42",
        "mmr": text(maintenance, 8),
        "notionalUsd": text(held.quantity * mark * USD, 8),
        "pos": text((count if hedged else count * held.sign).normalize()),
        "posId": str(307173036051017730 + sum(map(ord, held.symbol + held.side))),
        "posSide": held.side.lower() if hedged else "net",
        "uTime": "1619507761462",
        "upl": text(held.pnl(mark), 8),
        "uplRatio": "0.01",
    }


def margin_apart(held: Holding) -> Decimal:
    """Return what was put aside for an isolated position when it was opened."""
    return held.quantity * held.entry / held.leverage


def bill(flow: Flow, balance: Decimal) -> dict[str, str]:
    """Return an entry of the ledger: money in or out is of no kind of instrument."""
    names = ("clOrdId", "execType", "fillTime", "from", "instId", "mgnMode", "notes", "ordId", "px", "tag", "to")
    kind = {"type": "2", "subType": "2", "instType": "SWAP"}
    moved = {"type": "1", "subType": "11" if flow.amount > 0 else "12", "instType": ""}
    return {
        **dict.fromkeys(names, ""),
        **(kind if flow.traded else moved),
        "bal": text(balance),
        "balChg": text(flow.amount),
        "billId": str(flow.id),
        "ccy": flow.asset,
        **dict.fromkeys(("fee", "interest", "pnl", "posBal", "posBalChg"), "0"),
        "sz": text(abs(flow.amount)),
        "ts": str(flow.time),
    }


def state(order: Order) -> str:
    if order.cancelled:
        return "canceled"
    return "filled" if order.done else "partially_filled" if order.filled else "live"


def order_details(order: Order, spec: Spec, isolated: bool) -> dict[str, Any]:
    names = ("algoId", "ccy", "fillPx", "fillTime", "px", "slOrdPx", "slTriggerPx", "tag", "tgtCcy", "tpTriggerPx")
    return {
        **dict.fromkeys(names, ""),
        "accFillSz": contracts(order.filled, spec),
        "attachAlgoOrds": [],
        "avgPx": text(order.average) if order.filled else "",
        "cTime": str(order.time),
        "category": "normal",
        "clOrdId": order.client_id,
        "fee": "0",
        "feeCcy": settles(spec),
        "instId": inst_id(spec),
        "instType": "SWAP",
        "lever": "10",
        "ordId": str(order.id),
        "ordType": "market",
        "pnl": "0",
        "posSide": "net" if order.position_side == "BOTH" else order.position_side.lower(),
        "reduceOnly": str(order.reduce_only).lower(),
        "side": order.side.lower(),
        "state": state(order),
        "sz": contracts(order.quantity, spec),
        "tdMode": "isolated" if isolated else "cross",
        "uTime": str(order.time),
    }
