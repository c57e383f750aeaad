"""The venues on this machine are as strict as the real ones: signatures, clocks, filters, weights."""

import hashlib
import hmac
import http.client
import json
from urllib.parse import urlencode

import pytest

from tests.venue.binance import Binance
from tests.venue.bybit import Bybit
from tests.venue.venue import KEY, READ_ONLY_KEY, READ_ONLY_SECRET, SECRET


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
