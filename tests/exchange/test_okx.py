"""OKX where it differs from every other venue: contracts, bills, codes and positions of its own."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from rulecap.exchange import Deposits, VenueError, open_exchange
from rulecap.exchange.clock import moment
from tests.exchange.conftest import ENVIRONMENT, asked, refused, settings_of
from tests.venue.venue import READ_ONLY_KEY, READ_ONLY_SECRET, put


def account(exchange):
    return exchange.account_view()


def of_swaps(request):
    return request.params.get("instType") == "SWAP"


@pytest.mark.parametrize("left", [[], None])
def test_a_list_of_markets_without_the_swaps_is_none_though_there_are_futures(okx, left):
    """They are linear too: what is held in swaps was in markets that are not listed."""
    okx.fault("public/instruments", "then", 1, change=lambda answer: answer | {"data": left}, when=of_swaps)
    assert len(asked(okx, account).held) == 2
    okx.fault("public/instruments", "then", 99, change=lambda answer: answer | {"data": left}, when=of_swaps)
    assert refused(okx, account).code == "half-an-answer"


@pytest.mark.parametrize("left", [{}, None, [], [{"details": None}]])
def test_a_balance_without_its_currencies_is_asked_for_again(okx, left):
    okx.fault("account/balance", "then", 1, change=lambda answer: answer | {"data": left})
    assert asked(okx, account).account.total_wallet_balance == 12_000


@pytest.mark.parametrize("days", [6.5, 6.9, 8, 20, 80])
def test_what_moved_longer_ago_than_a_week_is_asked_for_where_it_is(okx, days):
    """After a week in which nothing was read, what was paid in was a profit."""
    okx.deposit("250", at=okx.now() - int(days * 86_400_000))
    okx.deposit("-30", at=okx.now() - 3_600_000)
    begin = moment(okx.now()) - timedelta(days=days + 0.5)
    view = asked(okx, lambda exchange: exchange.account_view(Deposits(0.0, begin)))
    assert view.account.net_deposits == 220


def test_what_moved_of_late_is_asked_for_among_the_latest_bills(okx):
    asked(okx, lambda exchange: exchange.account_view(Deposits(0.0, moment(okx.now()) - timedelta(days=5))))
    assert (len(okx.asked("account/bills")), okx.asked("bills-archive")) == (1, [])


def test_a_position_in_a_swap_that_is_not_listed_any_more_counts_by_the_currency_of_its_margin(okx):
    okx.take_off("ETHUSDT")
    eth = asked(okx, account).held[1]
    assert (eth.position.symbol, eth.position.base, eth.position.tradable) == ("ETHUSDT", "ETH", False)
    # Of no contract size, by its value in dollars.
    assert eth.position.quantity == pytest.approx(2.4, rel=0.001)


@pytest.mark.parametrize(
    ("name", "currency", "kind", "code"),
    [
        ("ETH-USDC-SWAP", "USDC", "SWAP", "not-the-quote-currency"),
        ("GONE-USDC-SWAP", "USDC", "SWAP", "not-the-quote-currency"),
        ("BTC-USD-SWAP", "BTC", "SWAP", "inverse-contract"),
        ("GONE-USD-SWAP", "GONE", "SWAP", "not-the-quote-currency"),
        ("BTC-USDT", "USDT", "MARGIN", "not-supported"),
        ("GONE-USDT", "USDT", "MARGIN", "unknown-symbol"),
        ("BTC-USD-301227-50000-C", "BTC", "OPTION", "inverse-contract"),
        ("BTC-USD-311227-50000-C", "BTC", "OPTION", "not-the-quote-currency"),
    ],
)
def test_a_position_in_something_else_is_told_and_not_left_out(okx, name, currency, kind, code):
    okx.set_elsewhere(name, currency, "0.5", kind)
    assert refused(okx, account).code == code
    view = asked(okx, lambda exchange: exchange.account_view(partial=True))
    assert ([one.position.symbol for one in view.held], [one.code for one in view.untold]) == (
        ["BTCUSDT", "ETHUSDT"],
        [code],
    )


@pytest.mark.parametrize("wallet", ["12000", "3200"])
def test_an_account_of_which_a_position_is_not_told_is_what_the_balance_tells(okx, wallet):
    """Else nothing was reduced of the others: what they lose and bind alone is not what the account does."""
    okx.set_wallet(wallet)
    whole = asked(okx, account).account.model_dump() | {"maintenance_margin": None}
    okx.set_elsewhere("BTC-USD-SWAP", "BTC", "0.5")
    told = asked(okx, lambda exchange: exchange.account_view(partial=True)).account
    assert told.model_dump() == pytest.approx(whole)


ACTION = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.06, "reduce_only": True}


def place(exchange):
    return exchange.place_reduction(ACTION, "one")


@pytest.mark.parametrize("left", [[], {}, None, [{}]])
def test_an_answer_without_the_order_is_not_what_became_of_it(okx, left):
    """Else it is one of which nothing is known, for as long as the process runs."""
    asked(okx, place)
    okx.fault("trade/order", "then", 1, change=lambda answer: answer | {"data": left})
    assert asked(okx, lambda exchange: exchange.order("one", "BTCUSDT")).status == "FILLED"
    okx.fault("trade/order", "then", 99, change=lambda answer: answer | {"data": left})
    assert refused(okx, lambda exchange: exchange.order("one", "BTCUSDT")).code == "half-an-answer"


@pytest.mark.parametrize("left", [[], None, [{}]])
def test_an_order_that_is_not_acknowledged_may_have_been_taken(okx, left):
    okx.fault("batch-orders", "then", 1, change=lambda answer: answer | {"data": left})
    assert refused(okx, place).code == "order-uncertain"
    assert len(okx.orders) == 1


def coded(code, status):
    return {"status": status, "body": json.dumps({"code": str(code), "data": [], "msg": "?"})}


@pytest.mark.parametrize(
    ("code", "status", "named", "order"),
    [
        (50011, 429, "venue-rate-limited", "venue-rate-limited"),
        (50040, 429, "venue-rate-limited", "venue-rate-limited"),  # of which ccxt has no name
        (50061, 429, "venue-rate-limited", "venue-rate-limited"),
        (50013, 429, "venue-down", "order-uncertain"),
        (50001, 503, "venue-down", "order-uncertain"),
        (50026, 500, "venue-down", "order-uncertain"),
        (50004, 400, "venue-timeout", "order-uncertain"),
        (50120, 401, "venue-auth", "venue-auth"),  # which ccxt does not know either
        (50105, 401, "venue-auth", "venue-auth"),
        (50102, 401, "clock-skew", "clock-skew"),
    ],
)
def test_what_okx_says_in_a_code_is_named_and_an_order_uncertain_only_where_it_may_have_been_taken(
    okx, code, status, named, order
):
    okx.fault("account/balance", "status", 99, **coded(code, status))
    assert refused(okx, account).code == named
    okx.fault("batch-orders", "status", 1, **coded(code, status))
    assert refused(okx, place).code == order


@pytest.mark.parametrize(("code", "status"), [(50011, 429), (50040, 429), (50013, 429), (50001, 503), (50026, 500)])
def test_a_code_of_okx_that_passes_is_asked_again(okx, code, status):
    okx.fault("account/balance", "status", 2, **coded(code, status))
    assert len(asked(okx, account).held) == 2


def test_too_many_requests_are_that_also_where_no_code_comes_with_it(okx):
    okx.fault("account/balance", "status", 99, status=429, body="slow down")
    assert refused(okx, account).code == "venue-rate-limited"


def test_a_key_that_may_only_look_is_refused_by_that_name(okx):
    assert asked(okx, account, keys=(READ_ONLY_KEY, READ_ONLY_SECRET)).account.total_wallet_balance == 12_000
    assert refused(okx, place, keys=(READ_ONLY_KEY, READ_ONLY_SECRET)).code == "venue-auth"
    assert okx.orders == []


@pytest.mark.parametrize(("password", "said"), [("", "password"), ("wrong", "50105")])
def test_without_the_passphrase_nothing_is_read(okx, password, said):
    async def look():
        environment = ENVIRONMENT | {"RULECAP_API_PASSWORD": password}
        async with open_exchange(settings_of(okx), environment) as exchange:
            await exchange.account_view()

    with pytest.raises(VenueError) as raised:
        asyncio.run(look())
    assert (raised.value.code, said in raised.value.message) == ("venue-auth", True)


def test_a_key_of_one_environment_is_none_in_the_other(okx):
    assert refused(okx, account, sandbox=True).code == "venue-auth"
    okx.demo = True
    assert refused(okx, account).code == "venue-auth"
    assert asked(okx, account, sandbox=True).account.id == "okx-sandbox"
    assert asked(okx, place, sandbox=True).quantity == 0.06


@pytest.mark.parametrize("bars", [14, 296, 297, 298, 299, 300, 500])
def test_more_bars_than_an_answer_holds_are_read_in_several(okx, bars):
    """ccxt asks for the first 300 of those that are wanted, of which the last is long over."""

    async def look(exchange):
        return (await exchange.market_view("BTCUSDT")).history.bars

    found = asked(okx, look, bars=bars)
    assert (len(found), found[-1].opened) == (bars + 1, okx.now() // 3_600_000 * 3_600_000 - 3_600_000)
    assert len(okx.asked("market/candles")) <= 2
    assert bars > 296 or len(okx.asked("market/candles")) == 1


def test_an_account_in_usdc_is_one_of_its_own(okx):
    for held in list(okx.account.holdings.values()):
        okx.set_position(held.symbol, held.side, "0", "0")
    okx.usdc = Decimal(5_000)
    okx.set_position("BTCUSDC", "LONG", "0.1234", "32000", leverage=4)
    action = ACTION | {"symbol": "BTCUSDC", "quantity": 0.05678}

    async def look(exchange):
        snapshot = await exchange.snapshot("BTCUSDC")
        return snapshot, await exchange.place_reduction(action, "one"), await exchange.order("one", "BTC/USDC:USDC")

    snapshot, sent, found = asked(okx, look, quote="USDC")
    assert (snapshot.account.id, snapshot.account.total_wallet_balance) == ("okx-USDC", 5_000)
    assert snapshot.account.margin_used == pytest.approx(0.1234 * 32_310 / 4)
    assert [(one.symbol, one.quantity) for one in snapshot.positions] == [("BTCUSDC", 0.1234)]
    assert (snapshot.market.symbol, snapshot.market.quantity_step) == ("BTCUSDC", 0.0001)
    assert (snapshot.market.taker_fee_pct, snapshot.market.maker_fee_pct) == (0.04, 0.01)
    assert (sent.quantity, found.status, found.filled) == (0.0567, "FILLED", 0.0567)
    assert refused(okx, account).code == "not-the-quote-currency"


def test_what_is_told_of_a_market_is_in_the_base_asset_and_of_contracts_in_usdt(okx):
    view = asked(okx, lambda exchange: exchange.market_view("BTCUSDT"))
    bids, asks = okx.book("BTCUSDT")
    assert view.book.bids[5] == tuple(map(float, bids[5]))
    assert view.book.asks[5] == tuple(map(float, asks[5]))
    assert (view.market.min_quantity, view.market.quantity_step, view.market.min_notional) == (0.001, 0.001, 0)
    assert (view.market.taker_fee_pct, view.market.maker_fee_pct) == (0.05, 0.02)
    told = [one.max_notional for one in view.market.brackets]
    assert told == pytest.approx([float(most) for most, _, _ in okx.specs["BTCUSDT"].brackets], rel=1e-4)


@pytest.mark.parametrize("hedged", [False, True])
def test_an_isolated_position_is_read_and_reduced_as_one(okx, hedged):
    okx.set_hedged(hedged)
    okx.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4, isolated=True)
    view = asked(okx, account)
    assert view.account.total_wallet_balance == pytest.approx(12_000)
    assert (view.held[0].mode, view.held[0].position.margin) == ("isolated", pytest.approx(0.2 * 31_480 / 4))
    # What it has gained is not free for another one, and no margin either.
    assert view.account.margin_used == pytest.approx(0.2 * 31_480 / 4 + 2.4 * 2_024 / 3)
    asked(okx, place)
    found = asked(okx, lambda exchange: exchange.order("one", "BTCUSDT"))
    assert (found.status, found.filled, okx.isolated_orders) == ("FILLED", 0.06, {"one"})


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_a_refusal_in_the_row_of_an_order_is_one_whatever_the_code_before_it(okx, code):
    """As of a batch of which some were taken."""
    okx.bind("BTCUSDT")
    okx.fault("batch-orders", "then", 9, change=put(code=code))

    async def look(exchange):
        try:
            return (await exchange.place_reduction(ACTION, "one")).status
        except VenueError as error:
            return error.code

    assert asked(okx, look) == ("order-refused" if code == "1" else "REJECTED")


def test_a_contract_that_is_suspended_has_its_orders_refused(okx):
    okx.specs["BTCUSDT"].status = "SETTLING"
    failure = refused(okx, place)
    assert (failure.code, "51022" in failure.message) == ("order-refused", True)


@pytest.mark.parametrize(("levels", "path"), [(400, "market/books"), (401, "market/books-full")])
def test_a_deep_book_is_asked_for_where_it_is(okx, levels, path):
    view = asked(okx, lambda exchange: exchange.market_view("BTCUSDT"), book_levels=levels)
    bids, _ = okx.book("BTCUSDT")
    assert len(view.book.bids) == min(levels, len(bids))
    assert len(okx.asked(path)) == 1


def test_a_price_that_moves_between_two_answers_is_no_gain(okx):
    """By the PnL that the positions told before, it was one of 138 in the wallet."""
    okx.after("account/positions", lambda: okx.set_mark("BTCUSDT", "33000"))
    told = asked(okx, account).account
    assert (told.total_wallet_balance, told.unrealized_pnl) == (12_000, pytest.approx(0.2 * 1_520 - 2.4 * 82))
    okx.fault("account/balance", "then", 99, change=put(upl=""))
    assert asked(okx, account).account.total_wallet_balance == pytest.approx(12_000)
