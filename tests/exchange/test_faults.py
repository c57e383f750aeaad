"""Venues that fail: what may pass is asked again, for a while; the rest is named at once."""

import asyncio
import contextlib
import re
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rulecap.exchange import Deposits, ExchangeSettings, Retries, VenueError, bans, open_exchange, reading
from rulecap.exchange.calls import ask, together
from rulecap.exchange.client import open_client
from rulecap.exchange.clock import moment
from rulecap.exchange.errors import CODES, RETRIABLE
from rulecap.exchange.keys import Keys
from rulecap.exchange.numbers import number
from tests.exchange.conftest import asked, refused, settings_of, whole
from tests.venue.venue import KEY, SECRET, put

PATHS = {
    "binanceusdm": ["time", "exchangeInfo", "positionRisk", "account", "depth", "klines", "24hr", "leverageBracket"],
    "bybit": ["time", "instruments-info", "position/list", "wallet-balance", "orderbook", "kline", "tickers"],
}


def paths(venue):
    return PATHS["binanceusdm" if venue.positions_path == "positionRisk" else "bybit"]


@pytest.mark.parametrize("kind", ["cut", "empty", "drop"])
def test_half_an_answer_is_asked_again(venue, kind):
    expected = asked(venue, whole)
    for path in paths(venue):
        venue.fault(path, kind)
        assert asked(venue, whole).account == expected.account, path


@pytest.mark.parametrize("kind", ["cut", "empty"])
def test_an_answer_that_stays_half_is_no_empty_one(venue, kind):
    for path in paths(venue):
        venue.fault(path, kind, times=99)
        failure = refused(venue, whole)
        assert (failure.code, failure.retriable) == ("half-an-answer", True), path
        venue._faults.clear()


def blank(before, after):
    """Return a change that puts blanks around every number that is a text."""

    def change(value):
        if isinstance(value, dict):
            return {name: change(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [change(inner) for inner in value]
        return f"{before}{value}{after}" if isinstance(value, str) and number(value) is not None else value

    return change


@pytest.mark.parametrize(("before", "after"), [("", " "), (" ", ""), ("  ", " ")])
def test_blanks_around_a_number_are_none_of_its_digits(venue, before, after):
    """ccxt counts them among the decimals: 0.2 and a blank are 0.02, of which a reduction would be a tenth."""
    told = asked(venue, whole)
    balance = "v3/account" if venue.positions_path == "positionRisk" else "wallet-balance"
    for path in (venue.positions_path, balance, "exchangeInfo", "instruments-info"):
        venue.fault(path, "then", 99, change=blank(before, after))
    again = asked(venue, whole)
    assert (again.positions, again.account) == (told.positions, told.account)
    assert (again.market.quantity_step, again.market.min_quantity) == (0.001, 0.001)
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    asked(venue, lambda exchange: exchange.place_reduction(action, "one"))
    assert float(venue.orders[0].quantity) == 0.1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"a": "0.2 ", "b": [" -1E-8", 3 , "x"], "c" : " y "}', {"a": "0.2", "b": ["-1E-8", 3, "x"], "c": " y "}),
        ('{"a": "", "b": " ", "c": " 1 2 "}', {"a": "", "b": " ", "c": " 1 2 "}),
    ],
)
def test_nothing_but_blanks_around_numbers_is_taken_away(body, told):
    client = open_client(ExchangeSettings(venue="bybit"), Keys())
    assert client.parse_json(body) == told


@pytest.mark.parametrize("status", [304, 402, 406, 412, 421, 425, 431, 505, 507, 523, 524, 527, 599])
def test_a_status_that_has_no_name_in_ccxt_is_no_answer_either(venue, status):
    """524 is what Cloudflare says where the venue took too long: its page is no empty list of positions."""
    venue.fault(venue.positions_path, "status", 99, status=status, body="<html>what has gone wrong</html>")
    failure = refused(venue, lambda exchange: exchange.account_view())
    assert (failure.code, failure.status, failure.retriable) == ("venue-down", status, True)
    assert len(venue.asked(venue.positions_path)) == 3


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"retCode": 0, "result": {"list": []}}'])
def test_what_comes_with_such_a_status_is_no_answer_whatever_it_is(venue, body):
    venue.fault(venue.positions_path, "status", 99, status=524, body=body)
    failure = refused(venue, lambda exchange: exchange.account_view())
    assert (failure.code in ("venue-down", "venue-error"), failure.status) == (True, 524)


def test_an_order_that_met_such_a_status_may_have_been_taken(venue):
    venue.fault(
        "order" if venue.positions_path == "positionRisk" else "order/create", "status", 1, status=524, body="<"
    )
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    assert refused(venue, lambda exchange: exchange.place_reduction(action, "one")).code == "order-uncertain"


LISTS = {"binanceusdm": ("positionRisk", "income"), "bybit": ("position/list", "transaction-log", "order/realtime")}


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("left", [{}, {"result": {}}, {"result": {"list": None}}, {"positions": []}])
def test_an_answer_that_has_no_list_is_no_empty_list(venue, left, number):
    """Else an account has no positions, nothing was paid in, and an order that was taken was not."""
    paths = LISTS["binanceusdm" if venue.positions_path == "positionRisk" else "bybit"]
    path = paths[min(number, len(paths) - 1)]
    venue.fault(path, "then", 99, change=lambda answer: left | ({"retCode": 0} if "bybit" in str(type(venue)) else {}))

    async def look(exchange):
        if "order" in path:
            return await exchange.order("one", "BTCUSDT")
        return await exchange.account_view(Deposits(0.0, moment(venue.now())))

    assert refused(venue, look).code == "half-an-answer"
    assert len(venue.asked(path)) == 3


LISTED = {"binanceusdm": ("exchangeInfo", "symbols"), "bybit": ("instruments-info", "result")}


@pytest.mark.parametrize("kind", ["gone", "empty"])
def test_a_list_of_markets_without_the_contracts_is_asked_for_again(venue, kind):
    """Else all that is held is in markets that are off the list, where nothing can be reduced any more."""
    path, name = LISTED["binanceusdm" if venue.positions_path == "positionRisk" else "bybit"]
    empty = [] if name == "symbols" else {"list": []}
    left = {} if name == "result" else None
    contracts = {"when": lambda request: request.params.get("category") in (None, "linear")}
    change = {"change": lambda answer: answer | {name: empty if kind == "empty" else left}}
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    venue.fault(path, "then", 1 if path == "exchangeInfo" else 2, **contracts, **change)
    assert asked(venue, lambda exchange: exchange.place_reduction(action, "one")).quantity == 0.1
    venue.fault(path, "then", 99, **contracts, **change)
    assert refused(venue, lambda exchange: exchange.account_view()).code == "half-an-answer"
    assert refused(venue, lambda exchange: exchange.symbol("BTCUSDT")).code == "half-an-answer"


@pytest.mark.parametrize("left", [[], {}, None, {"uta": None}, {"uta": ""}])
def test_an_account_of_which_it_is_not_told_that_it_is_unified_is_asked_as_one_and_asked_about_again(bybit, left):
    """ccxt would take it for none, for as long as the process runs: balance and orders are no longer told then."""
    bybit.fault("query-api", "then", 1, change=lambda answer: answer | {"result": left})

    async def look(exchange):
        views = [await exchange.account_view() for _ in range(2)]
        return views, exchange._session.client.options.get("enableUnifiedAccount")

    views, unified = asked(bybit, look)
    assert [one.account.total_wallet_balance for one in views] == [12_000.0] * 2
    assert unified in (None, True)


@pytest.mark.parametrize("told", ["", None, "soon"])
def test_a_ledgers_entry_without_its_time_is_not_left_out(bybit, told):
    """ccxt drops it: what was paid in was a profit."""
    bybit.deposit("100")
    bybit.fault("transaction-log", "then", 99, change=put(transactionTime=told))
    before = Deposits(0.0, moment(bybit.now() - 60_000))
    assert refused(bybit, lambda exchange: exchange.account_view(before)).code == "half-an-answer"


def test_a_balance_without_its_list_is_asked_for_again(venue):
    paths = ("v3/account", "assets") if venue.positions_path == "positionRisk" else ("wallet-balance", "result")
    venue.fault(paths[0], "then", 1, change=lambda answer: answer | {paths[1]: {}})
    assert asked(venue, lambda exchange: exchange.account_view()).account.total_wallet_balance == 12_000


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("binanceusdm", r"such as ExchangeSettings\(venue='binanceusdm'\), not the text 'binanceusdm'"),
        ({"venue": "bybit"}, r"such as ExchangeSettings\(venue=…\), not an object"),
        (None, "not nothing"),
        (Retries(), "not a value of the type Retries"),
    ],
)
def test_what_is_no_settings_is_said_to_be_none(given, told):
    with pytest.raises(TypeError, match=told):
        open_exchange(given, {})


def test_a_time_out_is_named(binance):
    binance.fault("account", "timeout", times=9)
    failure = refused(binance, whole, timeout_seconds=0.1)
    assert (failure.code, failure.retriable) == ("venue-timeout", True)
    assert failure.message.startswith("the balance: ")
    assert len(binance.asked("v3/account")) == 3


def test_server_errors_are_asked_again_and_then_named(venue):
    path = paths(venue)[3]
    venue.fault(path, "status", times=2, status=502, body="<html>Bad Gateway</html>")
    asked(venue, whole)
    venue.fault(path, "status", times=9, status=503, body="<html>")
    assert refused(venue, whole).code == "venue-down"


def test_a_venue_that_is_not_there_is_down(binance):
    origin = binance.origin
    binance.__exit__()
    assert refused(binance, whole, origin=origin).code == "venue-down"
    binance.__enter__()


def test_too_many_requests_are_waited_out(binance):
    binance.weight_limit = 0
    binance.after("time", lambda: setattr(binance, "weight_limit", 2400))
    asked(binance, whole)
    assert len(binance.asked("time")) == 2
    binance.weight_limit = 0
    assert refused(binance, whole).code == "venue-rate-limited"


def test_what_the_venue_says_about_coming_back_is_heeded(binance):
    binance.fault("time", "status", times=9, status=429, body="{}", headers={"Retry-After": "8"})
    failure = refused(binance, whole)
    assert (failure.code, failure.retry_after) == ("venue-rate-limited", 8)
    assert len(binance.asked("time")) == 1


def test_a_banned_address_does_not_ask_again(binance):
    binance.fault("positionRisk", "status", times=9, status=418, body='{"code":-1003,"msg":"banned"}')
    failure = refused(binance, whole)
    assert (failure.code, failure.retriable) == ("venue-banned", False)
    assert len(binance.asked("positionRisk")) == 1


def banned(*, body="{}", **headers):
    return {"status": 418, "body": body, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (banned(Retry_After="1800"), 1800),
        (banned(body='{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until %d."}'), 900),
        (banned(), 120),
        ({"status": 429, "body": "{}", "headers": {"Retry-After": "77"}}, 77),
    ],
)
def test_a_venue_that_wishes_to_be_left_alone_is_not_asked_before_that(binance, monkeypatch, answer, seconds):
    """Whoever asks on is banned for longer, and sees nothing of the account meanwhile."""
    moments = [0.0]
    clocks = SimpleNamespace(monotonic=lambda: time.monotonic() + moments[0], time=time.time)
    monkeypatch.setattr(bans, "time", clocks)
    if "%d" in answer["body"]:
        answer = answer | {"body": answer["body"] % (1000 * (time.time() + seconds))}
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}

    async def look(exchange):
        await exchange.account_view()
        binance.fault("", "status", **answer)
        codes = []
        for question in (
            exchange.account_view,
            exchange.account_view,
            lambda: exchange.market_view("BTCUSDT"),
            lambda: exchange.place_reduction(action, "one"),
            lambda: exchange.order("one", "BTCUSDT"),
        ):
            with pytest.raises(VenueError) as raised:
                await question()
            codes.append((raised.value.code, len(binance.requests)))
        moments[0] = seconds - 30.0
        with pytest.raises(VenueError, match=f"not asked for (29|30) s: .*{answer['status']}"):
            await exchange.account_view()
        moments[0] = seconds + 1.0
        return codes, await exchange.account_view()

    codes, view = asked(binance, look)
    assert len(set(codes)) == 1
    assert codes[0][0] == ("venue-banned" if answer["status"] == 418 else "venue-rate-limited")
    assert view.account.total_wallet_balance == 12_000
    assert binance.orders == []


def coded(code, text, **headers):
    """Return one of Bybit's codes as it is answered: in an answer that is fine for HTTP."""
    body = f'{{"retCode": {code}, "retMsg": "{text}", "result": {{}}, "retExtInfo": {{}}, "time": 1790000000000}}'
    return {"status": 200, "body": body, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


@pytest.mark.parametrize("path", ["position/list", "query-api", "market/time"])
@pytest.mark.parametrize(
    ("answer", "code", "seconds"),
    [
        ({"status": 403, "body": "403, access too frequent."}, "venue-banned", 600),
        ({"status": 403, "body": "<html>Forbidden</html>"}, "venue-banned", 120),
        ({"status": 418, "body": "{}"}, "venue-banned", 120),
        (coded(10009, "IP has been banned."), "venue-banned", 120),
        ({"status": 429, "body": "<html>", "headers": {"Retry-After": "77"}}, "venue-rate-limited", 77),
        (coded(10006, "Too many visits!", X_Bapi_Limit_Reset_Timestamp="1790000041000"), "venue-rate-limited", 41),
    ],
)
def test_bybits_wishes_to_be_left_alone_are_heeded_too(bybit, monkeypatch, answer, code, seconds, path):
    """It bans by another status than Binance, or by a code; and says when to come back by a header of its own."""
    moments = [0.0]
    clocks = SimpleNamespace(monotonic=lambda: time.monotonic() + moments[0], time=time.time)
    monkeypatch.setattr(bans, "time", clocks)
    bybit.fault(path, "status", **answer)

    async def look(exchange):
        told = []
        for since in (0.0, 0.0, seconds - 20.0):
            moments[0] = since
            with pytest.raises(VenueError) as raised:
                await exchange.account_view(partial=True)
            told.append((raised.value.code, len(bybit.asked(path))))
        moments[0] = seconds + 1.0
        return told, await exchange.account_view()

    told, view = asked(bybit, look)
    assert told == [(code, told[0][1])] * 3  # nothing was asked after the first
    assert view.account.total_wallet_balance == 12_000


@pytest.mark.parametrize("code", [429, 10000, 10016])
def test_a_code_of_bybits_that_passes_is_asked_again(bybit, code):
    """That it ran out of time, or is busy, it says in an answer that is fine for HTTP."""
    for path in ("position/list", "wallet-balance", "account/info"):
        bybit.fault(path, "status", 2, **coded(code, "Server Timeout"))
        assert len(asked(bybit, lambda exchange: exchange.account_view()).held) == 2
        bybit.fault(path, "status", 99, **coded(code, "Server Timeout"))
        failure = refused(bybit, lambda exchange: exchange.account_view())
        assert (failure.retriable, str(code) in failure.message) == (True, True)
        bybit._faults.clear()


@pytest.mark.parametrize("code", [429, 10000, 10014, 10016])
def test_an_order_that_met_such_a_code_may_have_been_taken(bybit, code):
    bybit.fault("order/create", "status", 1, **coded(code, "Server Timeout"))
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    assert refused(bybit, lambda exchange: exchange.place_reduction(action, "one")).code == "order-uncertain"


@pytest.mark.parametrize("told", ["", "soon", "-1", "1789999999000"])
def test_a_moment_that_is_none_or_past_is_no_wish(bybit, told):
    bybit.fault("position/list", "status", **coded(10006, "Too many visits!", X_Bapi_Limit_Reset_Timestamp=told))
    assert len(asked(bybit, lambda exchange: exchange.account_view()).held) == 2


@pytest.mark.parametrize("keys", [("no-such-key", "x" * 20), ("test-key-4f1c9b7a", "a-wrong-secret")])
def test_a_wrong_key_or_secret_is_not_tried_again(venue, keys):
    with pytest.raises(VenueError) as raised:
        asked(venue, lambda exchange: exchange.account_view(), keys=keys)
    assert (raised.value.code, raised.value.retriable) == ("venue-auth", False)
    assert len(venue.asked(venue.positions_path)) <= 1


def test_an_account_without_a_key_cannot_be_read(venue):
    with pytest.raises(VenueError) as raised:
        asked(venue, lambda exchange: exchange.account_view(), keys=None)
    assert raised.value.code == "venue-auth"


@pytest.mark.parametrize("offset", [-60_000, 60_000])
def test_a_wrong_clock_is_named_with_how_wrong_it_is(venue, offset):
    venue.clock_offset_ms = offset
    failure = refused(venue, whole)
    assert failure.code == "clock-skew"
    assert ("ahead of" if offset < 0 else "behind") in failure.message
    assert re.search(r" (5\d|60)\.\d s ", failure.message)


def test_a_clock_that_is_set_right_counts_at_once(venue):
    """Ours or the venue's; a machine that slept, too, whose own clock does not count the sleep."""

    async def look(exchange):
        venue.clock_offset_ms = 30_000
        with pytest.raises(VenueError) as raised:
            await exchange.account_view()
        venue.clock_offset_ms = 0
        return raised.value.code, await exchange.account_view()

    code, view = asked(venue, look)
    assert (code, view.account.total_wallet_balance > 0) == ("clock-skew", True)


def test_a_clock_that_is_a_little_ahead_stops_nothing(venue):
    """Venues take no request of a second that is still to come; by theirs it is of now."""
    venue.clock_offset_ms = -4_000
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}

    async def reduce(exchange):
        return await exchange.account_view(), await exchange.place_reduction(action, "one")

    view, sent = asked(venue, reduce)
    found = asked(venue, lambda exchange: exchange.order("one", "BTCUSDT"))  # as the first question of a new process
    assert abs(view.read_at.timestamp() * 1000 - venue.now()) < 3_000
    assert (sent.quantity, found.filled) == (0.1, 0.1)


def test_a_clock_that_is_put_right_after_it_was_ahead_is_right_again(venue, monkeypatch):
    monkeypatch.setattr(reading, "CLOCK_SECONDS", 0.0)

    async def look(exchange):
        venue.clock_offset_ms = -4_000
        await exchange.account_view()
        venue.clock_offset_ms = 0
        await exchange.account_view()
        return exchange._session.client.options["timeDifference"]

    assert asked(venue, look) <= 1  # the venue tells whole milliseconds alone


@pytest.mark.parametrize("step", [3_600, -3_600, 4])
def test_a_clock_that_is_set_for_a_moment_and_put_right_signs_right_at_once(venue, monkeypatch, step):
    """The venue's own clock goes on; by what it told before, requests would be of another hour for a minute."""
    machines = time.time

    def set_by(seconds):
        venue.clock_offset_ms = -1000 * seconds  # it runs on this machine
        monkeypatch.setattr(time, "time", lambda: machines() + seconds)

    async def look(exchange):
        await exchange.account_view()
        set_by(step)
        with contextlib.suppress(VenueError):
            await exchange.account_view()
        differs = exchange._session.client.options["timeDifference"]
        set_by(0)
        return differs, await exchange.account_view(), exchange._session.client.options["timeDifference"]

    differs, view, after = asked(venue, look)
    assert abs(differs - (step * 1000 if step == 4 else 0)) < 1_000
    assert (view.account.total_wallet_balance > 0, after < 1_000) == (True, True)


def test_a_clock_that_the_venue_refuses_is_named_too(binance):
    body = '{"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}'
    binance.fault("v3/account", "status", 100, status=400, body=body)
    failure = refused(binance, whole)
    assert failure.code == "clock-skew"
    assert "-1021" in failure.message


@pytest.mark.parametrize(
    ("symbol", "code", "said"),
    [
        ("BTCUSTD", "unknown-symbol", "did you mean BTCUSDT?"),
        ("BTCUSD", "inverse-contract", "margin and PnL are in BTC"),
    ],
)
def test_a_symbol_that_cannot_be_decided_on_is_refused_with_the_reason(bybit, symbol, code, said):
    failure = refused(bybit, lambda exchange: exchange.snapshot(symbol))
    assert failure.code == code
    assert said in failure.message


def test_a_market_that_is_delisted_meanwhile_is_unknown(binance):
    binance.after("exchangeInfo", lambda: binance.delist("SOLUSDT"))
    assert refused(binance, lambda exchange: exchange.snapshot("SOLUSDT")).code == "unknown-symbol"


def test_a_market_that_is_not_traded_is_unknown(binance):
    binance.specs["SOLUSDT"].status = "SETTLING"
    failure = refused(binance, lambda exchange: exchange.snapshot("SOLUSDT"))
    assert (failure.code, "not traded" in failure.message) == ("unknown-symbol", True)


def test_a_crossed_book_is_asked_for_again(binance):
    def crossed(answer):
        return {**answer, "bids": answer["asks"], "asks": answer["bids"]}

    binance.fault("depth", "then", change=crossed)
    assert asked(binance, whole).book is not None
    binance.fault("depth", "then", times=9, change=crossed)
    failure = refused(binance, whole)
    assert (failure.code, failure.path) == ("half-an-answer", "book")


def test_an_empty_side_leaves_no_book_and_no_spread(binance):
    binance.fault("depth", "then", change=lambda answer: {**answer, "asks": []})
    snapshot = asked(binance, whole)
    assert (snapshot.book, snapshot.market.spread_pct) == (None, None)


def test_too_few_bars_leave_range_and_volatility_absent(binance):
    binance.fault("klines", "then", times=2, change=lambda answer: answer[-5:])
    snapshot = asked(binance, whole)
    assert snapshot.market.atr_pct is None
    assert (snapshot.assets, snapshot.correlation) == (None, None)
    assert snapshot.positions[0].volatility_pct is None


def test_a_venue_that_nobody_knows_is_named():
    with pytest.raises(VenueError, match="did you mean binance") as raised:
        open_exchange(ExchangeSettings(venue="binanec"), {})
    assert raised.value.code == "unknown-venue"


def test_the_sandbox_is_another_address():
    async def addresses(venue):
        async with open_exchange(ExchangeSettings(venue=venue, sandbox=True), {}) as exchange:
            return str(exchange._session.client.urls["api"]), exchange.settings.account_name

    assert "demo-fapi.binance.com" in asyncio.run(addresses("binanceusdm"))[0]
    assert "testnet" in asyncio.run(addresses("bybit"))[0]
    assert asyncio.run(addresses("bybit"))[1] == "bybit-sandbox"


@pytest.mark.parametrize(
    ("account", "sandbox", "name"),
    [
        ("", False, "binanceusdm"),
        ("", True, "binanceusdm-sandbox"),
        ("main", False, "main"),
        ("main", True, "main-sandbox"),
        ("main-sandbox", True, "main-sandbox"),
    ],
)
def test_an_account_in_a_sandbox_is_called_otherwise_than_a_live_one(account, sandbox, name):
    settings = ExchangeSettings(venue="binanceusdm", account=account, sandbox=sandbox)
    assert settings.account_name == name


@pytest.mark.parametrize(
    ("account", "quote", "sandbox", "name"),
    [
        ("", "USDT", False, "binanceusdm"),
        ("", "USDC", False, "binanceusdm-USDC"),
        ("", "USDC", True, "binanceusdm-USDC-sandbox"),
        ("main", "USDC", False, "main"),
        ("main", "USDC", True, "main-sandbox"),
    ],
)
def test_an_account_that_nobody_named_has_its_currency_in_its_name_where_it_is_another(account, quote, sandbox, name):
    settings = ExchangeSettings(venue="binanceusdm", account=account, quote=quote, sandbox=sandbox)
    assert settings.account_name == name
    assert settings.place == ("binanceusdm-sandbox" if sandbox else "binanceusdm")


def test_no_live_account_has_the_name_of_one_in_a_sandbox():
    with pytest.raises(ValidationError, match="ends in -sandbox is of an account in a test environment"):
        ExchangeSettings(venue="binanceusdm", account="main-sandbox")


def test_a_venue_without_a_sandbox_says_so():
    with pytest.raises(VenueError) as raised:
        open_exchange(ExchangeSettings(venue="bitstamp", sandbox=True), {})
    assert raised.value.code == "no-sandbox"


# Asking again.


def failing(code, *, times):
    calls = []

    async def call():
        calls.append(code)
        if len(calls) <= times:
            raise VenueError(code, "no")
        return len(calls)

    return call, calls


def run(call, **retries):
    quick = Retries(**{"attempts": 4, "first_delay_seconds": 0.0, "longest_seconds": 5.0} | retries)
    return asyncio.run(ask("it", call, quick, str))


@given(code=st.sampled_from(sorted(RETRIABLE)), times=st.integers(0, 8), attempts=st.integers(1, 6))
@settings(max_examples=40)
def test_only_what_may_pass_is_asked_again_and_never_more_often_than_allowed(code, times, attempts):
    call, calls = failing(code, times=times)
    most = attempts if RETRIABLE[code] else 1
    if times < most:
        assert run(call, attempts=attempts) == times + 1
    else:
        with pytest.raises(VenueError):
            run(call, attempts=attempts)
        assert len(calls) == most


def test_no_try_begins_after_the_time_is_over():
    call, calls = failing("venue-down", times=9)
    with pytest.raises(VenueError):
        run(call, attempts=2, first_delay_seconds=2.0, longest_seconds=0.5)
    assert len(calls) == 1


def test_the_first_failure_of_several_ends_the_others():
    ended = []

    async def endless():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async def broken():
        await asyncio.sleep(0)
        raise VenueError("venue-down", "no")

    async def both():
        await together(endless(), broken())

    with pytest.raises(VenueError):
        asyncio.run(both())
    assert ended == [True]


@pytest.mark.parametrize("kind", [None, "drop", "cut", "timeout"])
def test_closing_leaves_no_connection_open(venue, kind):
    if kind is not None:
        venue.fault(paths(venue)[4], kind, times=9)

    async def left_open():
        settings = settings_of(venue, timeout_seconds=0.3)
        async with open_exchange(settings, {"RULECAP_API_KEY": KEY, "RULECAP_API_SECRET": SECRET}) as exchange:
            with contextlib.suppress(VenueError):
                await whole(exchange)
        for _ in range(3):
            await asyncio.sleep(0)
        return [one for one in asyncio.get_running_loop()._transports.values() if one._sock is not None]

    assert asyncio.run(left_open()) == []


def test_every_class_of_errors_has_a_known_code():
    assert {code for _, code in CODES} <= set(RETRIABLE)
