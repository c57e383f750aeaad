"""Venues that wish to be left alone: limits and bans are heeded, and what only passes is asked again."""

import time
from types import SimpleNamespace

import pytest

from rulecap.exchange import VenueError, bans
from tests.exchange.conftest import asked, refused, whole


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
