"""Venues that fail: what may pass is asked again, for a while; the rest is named at once."""

import asyncio
import contextlib

import pytest

from rulecap.exchange import Deposits, ExchangeSettings, VenueError, open_exchange
from rulecap.exchange.client import open_client
from rulecap.exchange.clock import moment
from rulecap.exchange.errors import CODES, RETRIABLE
from rulecap.exchange.keys import Keys
from rulecap.exchange.numbers import number
from tests.exchange.conftest import asked, refused, settings_of, whole
from tests.venue.venue import KEY, SECRET, put


def paths(venue):
    """Return what a snapshot is read from."""
    account = (venue.time_path, venue.markets_path, venue.positions_path, venue.balance_path)
    return *account, venue.book_path, venue.bars_path, venue.ticker_path, venue.tiers_path


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
    for path in (venue.positions_path, venue.balance_path, venue.markets_path):
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
    venue.fault(venue.order_path, "status", 1, status=524, body="<")
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    assert refused(venue, lambda exchange: exchange.place_reduction(action, "one")).code == "order-uncertain"


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("left", [{}, {"result": {}}, {"result": {"list": None}}, {"positions": []}])
def test_an_answer_that_has_no_list_is_no_empty_list(venue, left, number):
    """Else an account has no positions, nothing was paid in, and an order that was taken was not."""
    path = (venue.positions_path, venue.ledger_path, *venue.listing_lookups)[
        min(number, 1 + len(venue.listing_lookups))
    ]
    venue.fault(path, "then", 99, change=lambda answer: left | venue.fine)

    async def look(exchange):
        if "order" in path:
            return await exchange.order("one", "BTCUSDT")
        return await exchange.account_view(Deposits(0.0, moment(venue.now())))

    assert refused(venue, look).code == "half-an-answer"
    assert len(venue.asked(path)) == 3


OTHER_MARKETS = {"inverse", "SPOT", "FUTURES", "OPTION"}


def at(answer, place, value):
    """Return an answer with another value at a place."""
    return value if not place else {**answer, place[0]: at(answer[place[0]], place[1:], value)}


@pytest.mark.parametrize("kind", ["gone", "empty"])
def test_a_list_of_markets_without_the_contracts_is_asked_for_again(venue, kind):
    """Else all that is held is in markets that are off the list, where nothing can be reduced any more."""
    path, place = venue.markets_path, venue.rows_at or ("symbols",)
    left = {"change": lambda answer: at(answer, place, [] if kind == "empty" else None)}
    contracts = {"when": lambda request: {*request.params.values()}.isdisjoint(OTHER_MARKETS)}
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    venue.fault(path, "then", 2 if "bybit" in str(type(venue)) else 1, **contracts, **left)
    assert asked(venue, lambda exchange: exchange.place_reduction(action, "one")).quantity == 0.1
    venue.fault(path, "then", 99, **contracts, **left)
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
    place = venue.rows_at[:1] or ("assets",)
    venue.fault(venue.balance_path, "then", 1, change=lambda answer: at(answer, place, {}))
    assert asked(venue, lambda exchange: exchange.account_view()).account.total_wallet_balance == 12_000


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
