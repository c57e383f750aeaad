"""OKX where it differs from every other venue: contracts, bills, codes and positions of its own."""

from datetime import timedelta

import pytest

from rulecap.exchange import Deposits
from rulecap.exchange.clock import moment
from tests.exchange.conftest import asked, refused


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
        ("BTC-USDC-SWAP", "USDC", "SWAP", "not-the-quote-currency"),
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
