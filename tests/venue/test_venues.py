"""The venues on this machine are as strict as the real ones: signatures, clocks, filters, weights."""

import base64
import hashlib
import hmac
import http.client
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from tests.venue.binance import Binance
from tests.venue.bitget import Bitget
from tests.venue.bybit import Bybit
from tests.venue.okx import Okx
from tests.venue.venue import KEY, PASSWORD, READ_ONLY_KEY, READ_ONLY_SECRET, SECRET


@pytest.fixture
def binance():
    with Binance() as one:
        one.set_position("BTCUSDT", "LONG", "0.2", "31480")
        yield one


@pytest.fixture
def bybit():
    with Bybit() as one:
        one.set_position("BTCUSDT", "LONG", "0.2", "31480")
        yield one


@pytest.fixture
def okx():
    with Okx() as one:
        one.set_position("BTCUSDT", "LONG", "0.2", "31480")
        yield one


def fetch(venue, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection(venue.origin.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read() or "null")
    finally:
        connection.close()


def signed(venue, method, path, keys=(KEY, SECRET), age=0, **fields):
    """Send a request as Binance wants it; return status and code."""
    sent = urlencode({"timestamp": venue.now() - age, **fields})
    sent += "&signature=" + hmac.new(keys[1].encode(), sent.encode(), hashlib.sha256).hexdigest()
    headers = {"X-MBX-APIKEY": keys[0]}
    if method == "GET":
        return fetch(venue, method, f"{path}?{sent}", None, headers)
    return fetch(venue, method, path, sent, headers)


def ordered(venue, keys=(KEY, SECRET), **fields):
    told = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1", "reduceOnly": "true"}
    _, _, answer = signed(venue, "POST", "/fapi/v1/order", keys, **{"newClientOrderId": "a", **told, **fields})
    return answer.get("code", answer.get("status"))


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        ({"keys": (KEY, "wrong")}, -1022),
        ({"keys": ("nobody", SECRET)}, -2015),
        ({"keys": ("", SECRET)}, -2014),
        ({"age": 6_000}, -1021),
        ({"age": -2_000}, -1021),
        ({"age": 6_000, "recvWindow": 10_000}, None),
    ],
)
def test_a_request_is_checked_before_it_is_answered(binance, request_of, code):
    _, _, answer = signed(binance, "GET", "/fapi/v3/account", **request_of)
    assert answer.get("code") == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "121"}, -4005),
        ({"symbol": "BTCUSTD"}, -1121),
        ({"quantity": "0.001", "reduceOnly": "false"}, -4164),
        ({"reduceOnly": "false"}, -2019),
        ({"side": "BUY"}, -2022),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({}, "FILLED"),
    ],
)
def test_an_order_passes_the_markets_filters(binance, fields, code):
    assert ordered(binance, **fields) == code


def test_a_read_only_key_may_look_and_not_order(binance):
    keys = (READ_ONLY_KEY, READ_ONLY_SECRET)
    assert signed(binance, "GET", "/fapi/v3/account", keys)[0] == 200
    assert ordered(binance, keys) == -2015
    assert binance.orders == []


def test_in_hedge_mode_reduce_only_is_not_wanted_and_the_side_is(binance):
    binance.set_hedged(True)
    assert ordered(binance, positionSide="LONG") == -1106
    assert ordered(binance, reduceOnly="", positionSide="BOTH") == -1106


def test_weights_are_counted_until_the_limit(binance):
    binance.weight_limit = 11
    path = "/fapi/v1/depth?symbol=BTCUSDT&limit=100"
    used = [fetch(binance, "GET", path)[1]["X-MBX-USED-WEIGHT-1M"] for _ in range(2)]
    assert used == ["5", "10"]
    status, headers, answer = fetch(binance, "GET", path)
    assert (status, answer["code"], "Retry-After" in headers) == (429, -1003, True)


def test_a_fill_moves_the_money(binance):
    assert ordered(binance, quantity="0.1") == "FILLED"
    gained = (32_310 - 31_480) * 0.1 - 32_310 * 0.1 * 0.0005
    assert float(binance.account.wallet) == pytest.approx(10_000 + gained)
    assert float(binance.account.holdings["BTCUSDT", "LONG"].quantity) == 0.1


def bybit_code(venue, secret=SECRET, key=KEY, age=0, query="accountType=UNIFIED"):
    stamp = str(venue.now() - age)
    sign = hmac.new(secret.encode(), f"{stamp}{key}5000{query}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-BAPI-API-KEY": key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "5000", "X-BAPI-SIGN": sign}
    _, _, answer = fetch(venue, "GET", f"/v5/account/wallet-balance?{query}", None, headers)
    return answer["retCode"]


def test_bybit_checks_signature_key_and_clock_too(bybit):
    assert bybit_code(bybit) == 0
    assert bybit_code(bybit, secret="wrong") == 10004
    assert bybit_code(bybit, key="nobody") == 10003
    assert bybit_code(bybit, age=6_000) == 10002


@pytest.fixture
def bitget():
    with Bitget() as one:
        one.set_position("BTCUSDT", "LONG", "0.2", "31480")
        yield one


def bitget_answer(venue, path, keys=(KEY, SECRET, PASSWORD), age=0, body=None, **headers):
    """Send a request as Bitget wants it; return the status and the code."""
    method, stamp, sent = "POST" if body else "GET", str(venue.now() - age), json.dumps(body) if body else ""
    sign = hmac.new(keys[1].encode(), f"{stamp}{method}/api/v2/mix/{path}{sent}".encode(), hashlib.sha256).digest()
    told = {"ACCESS-KEY": keys[0], "ACCESS-TIMESTAMP": stamp, "ACCESS-PASSPHRASE": keys[2]}
    told |= {"ACCESS-SIGN": base64.b64encode(sign).decode(), **headers}
    status, _, answer = fetch(venue, method, f"/api/v2/mix/{path}", sent or None, told)
    return status, answer["code"]


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        ({}, "00000"),
        ({"keys": (KEY, "wrong", PASSWORD)}, "40009"),
        ({"keys": (KEY, SECRET, "wrong")}, "40012"),
        ({"keys": ("nobody", SECRET, PASSWORD)}, "40037"),
        ({"keys": ("", SECRET, PASSWORD)}, "40006"),
        ({"age": 31_000}, "40008"),
        ({"age": 29_000}, "00000"),
        ({"PAPTRADING": "1"}, "40099"),
    ],
)
def test_bitget_checks_signature_key_passphrase_clock_and_environment(bitget, request_of, code):
    answered = bitget_answer(bitget, "account/accounts?productType=USDT-FUTURES", **request_of)
    assert answered == (200 if code == "00000" else 400, code)


BITGET_ORDER = {
    "symbol": "BTCUSDT",
    "productType": "USDT-FUTURES",
    "marginMode": "crossed",
    "marginCoin": "USDT",
    "size": "0.1",
    "side": "sell",
    "orderType": "market",
    "reduceOnly": "YES",
    "clientOid": "a",
}


@pytest.mark.parametrize(
    ("hedged", "fields", "code"),
    [
        (False, {}, "00000"),
        (False, {"tradeSide": "open"}, "00000"),  # is not looked at there
        (False, {"size": "0.0001"}, "40808"),
        (False, {"size": "0"}, "43011"),
        (False, {"symbol": "BTCUSTD"}, "40034"),
        (False, {"productType": "USDC-FUTURES"}, "40034"),
        (False, {"marginMode": "isolated"}, "22002"),
        (False, {"side": "buy"}, "22002"),
        (False, {"reduceOnly": "NO"}, "40762"),
        (False, {"reduceOnly": "NO", "size": "0.001"}, "45110"),
        (False, {"clientOid": "x" * 51}, "40305"),
        (True, {"side": "buy", "tradeSide": "close"}, "00000"),
        (True, {"side": "sell", "tradeSide": "close"}, "22002"),
        (True, {"side": "buy", "tradeSide": "open"}, "40762"),
        (True, {}, "40774"),
    ],
)
def test_an_order_at_bitget_can_only_reduce_by_the_rules_of_its_position_mode(bitget, hedged, fields, code):
    bitget.set_hedged(hedged)
    assert bitget_answer(bitget, "order/place-order", body=BITGET_ORDER | fields)[1] == code
    assert len(bitget.orders) == (code == "00000")


def test_an_order_at_bitget_needs_a_name_of_its_own_and_a_key_that_may_trade(bitget):
    keys = (READ_ONLY_KEY, READ_ONLY_SECRET, PASSWORD)
    assert bitget_answer(bitget, "order/place-order", keys, body=BITGET_ORDER)[1] == "40014"
    codes = [bitget_answer(bitget, "order/place-order", body=BITGET_ORDER)[1] for _ in range(2)]
    assert codes == ["00000", "40786"]


def test_what_bitget_says_is_free_is_what_real_accounts_were_told(bitget):
    """With a profit: of ccxt's pull request 20558; isolated: as an account of August 2025 was answered."""

    def told():
        row = bitget._accounts({"productType": "USDT-FUTURES"})[0]
        names = ("accountEquity", "available", "crossedMaxAvailable", "maxTransferOut", "isolatedMargin")
        return [float(row[name]) for name in names]

    bitget.set_mark("BTCUSDT", "31580")
    margin, profit = 0.2 * 31_480 / 10, 20.0
    assert told() == pytest.approx([10_020, 10_000, 10_020 - margin, 10_000 - margin, 0])
    bitget.set_mark("BTCUSDT", "31380")
    assert told() == pytest.approx([9_980, 10_000, 9_980 - margin, 9_980 - margin, 0])
    bitget.set_position("BTCUSDT", "LONG", "0.2", "31480", isolated=True)
    bitget.set_mark("BTCUSDT", "31580")
    assert told() == pytest.approx([10_000 + profit, *[10_000 - margin] * 3, margin])


def okx_signed(venue, method, path, body="", age=0, **told):
    """Send a request as OKX wants it; what is told instead of the right header is by its name."""
    stamp = datetime.fromtimestamp((venue.now() - age) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    secret = told.pop("secret", SECRET).encode()
    sign = base64.b64encode(hmac.new(secret, f"{stamp}{method}{path}{body}".encode(), hashlib.sha256).digest())
    names = {"key": KEY, "passphrase": PASSWORD, "timestamp": stamp, "sign": sign.decode()} | told
    headers = {f"OK-ACCESS-{name.upper()}": value for name, value in names.items() if name != "x-simulated-trading"}
    headers |= {"x-simulated-trading": told["x-simulated-trading"]} if "x-simulated-trading" in told else {}
    return fetch(venue, method, path, body, headers)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({}, "0"),
        ({"age": 29_000}, "0"),
        ({"age": 31_000}, "50102"),
        ({"age": -31_000}, "50102"),
        ({"timestamp": "1796012614"}, "50112"),
        ({"secret": "wrong"}, "50113"),
        ({"key": "nobody"}, "50111"),
        ({"key": ""}, "50103"),
        ({"passphrase": ""}, "50104"),
        ({"passphrase": "wrong"}, "50105"),
        ({"x-simulated-trading": "1"}, "50101"),
    ],
)
def test_okx_checks_signature_passphrase_key_environment_and_clock(okx, told, code):
    status, _, answer = okx_signed(okx, "GET", "/api/v5/account/balance?ccy=USDT", **told)
    assert (answer["code"], status) == (code, 200 if code == "0" else 401)


def okx_ordered(venue, **fields):
    """Return the code of an answer to an order, and that of the order in it."""
    told = {"instId": "BTC-USDT-SWAP", "side": "sell", "ordType": "market", "sz": "10", "tdMode": "cross"}
    order = told | {"reduceOnly": True, "clOrdId": "a"} | fields
    _, _, answer = okx_signed(venue, "POST", "/api/v5/trade/batch-orders", json.dumps([order]))
    return answer["code"], answer["data"][0]["sCode"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "0"),
        ({"sz": "20.05"}, "51121"),
        ({"sz": "0.01"}, "51020"),
        ({"sz": "ten"}, "51000"),
        ({"sz": "12001"}, "51202"),
        ({"instId": "BTC-USDT"}, "51001"),
        ({"instId": "SOL-USDT-SWAP"}, "51169"),
        ({"side": "buy"}, "51169"),
        ({"reduceOnly": False}, "51008"),
        ({"posSide": "long"}, "51000"),
        ({"tdMode": "cash"}, "51000"),
        ({"tdMode": "isolated"}, "51169"),
        ({"clOrdId": "with-a-dash"}, "51000"),
        ({"clOrdId": "a" * 33}, "51000"),
    ],
)
def test_at_okx_an_order_passes_the_markets_bounds(okx, fields, code):
    assert okx_ordered(okx, **fields) == ("0" if code == "0" else "1", code)
    assert len(okx.orders) == (code == "0")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"posSide": "long"}, "0"),
        ({}, "51000"),
        ({"posSide": "short"}, "51008"),
        ({"posSide": "long", "sz": "21"}, "51112"),
    ],
)
def test_in_okx_hedge_mode_the_side_says_what_an_order_does(okx, fields, code):
    okx.set_hedged(True)
    assert okx_ordered(okx, **fields)[1] == code


def test_at_okx_one_order_of_several_may_be_taken(okx):
    orders = [
        {"instId": "BTC-USDT-SWAP", "side": "sell", "sz": "1", "tdMode": "cross", "reduceOnly": True, "clOrdId": name}
        for name in ("a", "a", "b")
    ]
    _, _, answer = okx_signed(okx, "POST", "/api/v5/trade/batch-orders", json.dumps(orders))
    assert (answer["code"], [one["sCode"] for one in answer["data"]]) == ("2", ["0", "51016", "0"])


def test_okx_answers_so_many_requests_and_no_more(okx):
    okx.left = 2
    told = [fetch(okx, "GET", "/api/v5/public/time") for _ in range(3)]
    assert [(status, answer["code"]) for status, _, answer in told] == [(200, "0"), (200, "0"), (429, "50011")]
