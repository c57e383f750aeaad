"""Bitget end to end: what is asked of every venue, and what is Bitget's alone."""

import logging
import traceback
from datetime import timedelta
from decimal import Decimal

import ccxt
import pytest

from rulecap.exchange import Deposits, VenueError, unneeded
from rulecap.exchange.clock import moment
from rulecap.exchange.venues import venue_of
from tests.exchange import (
    test_account,
    test_agreement,
    test_faults,
    test_flows,
    test_orders,
    test_snapshot,
    test_unlisted,
)
from tests.exchange.conftest import asked, refused, whole
from tests.exchange.test_account import account
from tests.exchange.test_orders import placing, reduction
from tests.venue.bitget import Bitget
from tests.venue.venue import KEY, PASSWORD, SECRET, dropped, put

# What is asked of every venue, of which nothing is skipped here.
SHARED = {
    test_account: (
        "test_both_sides_of_a_market_are_two_positions_in_hedge_mode",
        "test_of_an_account_that_never_rests_a_part_is_told_as_it_was_last",
        "test_the_account_is_read_again_when_a_position_appears_meanwhile",
        "test_what_is_held_can_be_reduced_whatever_the_mode",
    ),
    test_agreement: ("test_an_account_that_holds_nothing_is_one_where_no_margin_is_of_positions",),
    test_faults: ("test_a_status_that_has_no_name_in_ccxt_is_no_answer_either",),
    test_flows: (
        "test_deposits_since_the_last_reading_are_in_the_account",
        "test_entries_in_other_currencies_fill_an_answer_too",
        "test_however_much_was_traded_what_was_paid_in_or_out_is_found_in_a_few_questions",
        "test_the_account_is_read_again_when_money_moves_meanwhile",
    ),
    test_orders: (
        "test_a_partly_filled_order_is_followed_until_it_is_filled",
        "test_a_position_that_is_to_be_closed_is_closed_however_much_of_it_has_gone",
        "test_a_short_is_bought_back",
        "test_an_order_in_a_market_that_is_not_traded_any_more_is_told_and_cancelled",
        "test_an_order_is_found_however_many_were_sent_after_it",
        "test_an_order_of_which_nothing_is_open_cannot_be_cancelled",
        "test_an_order_larger_than_the_market_takes_at_once_is_sent_as_far_as_it_goes",
        "test_an_order_that_cannot_be_prepared_within_its_time_is_not_sent",
        "test_an_order_that_nobody_placed_is_not_found",
        "test_in_hedge_mode_the_order_names_the_side",
        "test_less_than_a_step_is_said_and_nothing_sent",
        "test_nothing_to_reduce_is_said_and_nothing_sent",
        "test_the_quantity_is_an_exact_decimal_on_the_step_and_never_more_than_is_held",
        "test_the_same_name_twice_is_refused",
        "test_what_has_gone_since_a_reduction_was_decided_is_not_reduced_again",
        "test_what_is_open_of_an_order_is_cancelled",
    ),
    test_snapshot: (
        "test_a_read_only_key_is_enough",
        "test_it_is_json_that_reads_back_as_itself",
        "test_market_and_book_are_what_the_venue_tells",
        "test_the_default_policy_decides_on_it",
        "test_without_a_symbol_the_snapshot_has_no_market",
    ),
    test_unlisted: (
        "test_a_market_in_settlement_is_read_the_same_way",
        "test_a_market_that_is_taken_off_while_its_list_is_kept_is_read_on",
        "test_a_reduction_in_a_market_that_is_not_traded_is_tried_and_followed",
        "test_a_position_in_a_market_that_is_not_listed_counts_like_any_other",
        "test_a_snapshot_has_the_position_and_allocates_nothing_to_its_market",
        "test_nothing_is_sent_to_a_market_that_is_not_listed_and_the_reason_is_said",
    ),
}
for module, names in SHARED.items():
    globals().update({name: getattr(module, name) for name in names})

POSITIONS, BALANCE, ORDER, BILLS = (
    Bitget.positions_path,
    Bitget.balance_path,
    Bitget.order_path,
    Bitget.ledger_path,
)


@pytest.fixture
def venue():
    """Return Bitget, with a long position in BTC and a short one in ETH."""
    with Bitget() as one:
        one.set_wallet("12000")
        one.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4)
        one.set_position("ETHUSDT", "SHORT", "2.4", "1942", leverage=3)
        yield one


def changed_rows(change):
    """Return a change of the list in an answer."""
    return lambda answer: answer | {"data": change(answer["data"])}


# The account.


def test_account_and_positions_are_what_bitget_holds(venue):
    snapshot = asked(venue, whole)
    told = snapshot.account
    assert told.total_wallet_balance == 12_000
    assert told.unrealized_pnl == pytest.approx(0.2 * (32_310 - 31_480) - 2.4 * (2024 - 1942))
    btc, eth = snapshot.positions
    assert (btc.symbol, btc.base, btc.side, btc.quantity, btc.leverage) == ("BTCUSDT", "BTC", "LONG", 0.2, 4)
    assert (eth.symbol, eth.side, eth.quantity, eth.leverage) == ("ETHUSDT", "SHORT", 2.4, 3)
    assert (btc.margin, btc.notional) == pytest.approx((0.2 * 31_480 / 4, 0.2 * 32_310))
    assert told.margin_used == pytest.approx(btc.margin + eth.margin)
    assert told.available_balance == pytest.approx(12_000 + told.unrealized_pnl - told.margin_used)
    assert (snapshot.market.taker_fee_pct, snapshot.market.maker_fee_pct) == pytest.approx((0.06, 0.02))
    assert snapshot.market.atr_pct > 0


@pytest.mark.parametrize("partial", [False, True])
def test_several_assets_that_are_margin_together_are_no_one_pool(venue, partial):
    venue.multi_assets = True
    failure = refused(venue, lambda exchange: exchange.account_view(partial=partial))
    assert (failure.code, failure.retriable, "multi-assets" in failure.message) == ("not-one-pool", False, True)


def test_no_position_at_all_is_not_believed_where_a_pnl_of_positions_is_told(venue):
    venue.fault(POSITIONS, "then", 2, change=changed_rows(lambda _: []))
    assert len(asked(venue, account).held) == 2
    venue.fault(POSITIONS, "then", 999, change=changed_rows(lambda _: []))
    assert refused(venue, account).code == "half-an-answer"


@pytest.mark.parametrize("listed", [True, False])
def test_a_position_whose_size_bitget_does_not_tell_is_no_empty_one(venue, listed):
    if not listed:
        venue.take_off("BTCUSDT")
        venue.take_off("ETHUSDT")
    venue.fault(POSITIONS, "then", 9, change=dropped("total"))
    failure = refused(venue, account)
    assert (failure.code, "the size of the position in" in failure.message) == ("missing-field", True)


def test_a_position_that_bitget_tells_twice_is_not_two(venue):
    venue.fault(POSITIONS, "then", 999, change=changed_rows(lambda rows: rows + rows))
    failure = refused(venue, account)
    assert (failure.code, "told twice" in failure.message) == ("half-an-answer", True)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("price", ["0", "-1", "-0.5", ""])
def test_a_liquidation_price_of_zero_or_less_is_none(venue, price, isolated):
    """Of an isolated position ccxt works one out, by a fee and a margin rate that it takes for granted."""
    for held in venue.account.holdings.values():
        held.isolated = isolated
    venue.fault(POSITIONS, "then", 9, change=put(liquidationPrice=price))
    assert [one.position.liquidation_price for one in asked(venue, account).held] == [None, None]


@pytest.mark.parametrize("state", ["maintain", "limit_open", "restrictedAPI", "off"])
def test_in_a_market_that_bitget_does_not_trade_nothing_is_opened(venue, state):
    venue.specs["ETHUSDT"].status = state
    tradable = [one.tradable for one in asked(venue, whole).positions]
    assert tradable == [True, None if state == "limit_open" else False]
    assert refused(venue, lambda exchange: exchange.market_view("ETHUSDT")).code == "unknown-symbol"
    assert asked(venue, placing(reduction("ETHUSDT", "SHORT", 0.4))).quantity == 0.4


def test_an_isolated_position_is_reduced_as_one(venue):
    """By an order for the other kind of position nothing would be closed."""
    venue.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4, isolated=True)
    assert [one.mode for one in asked(venue, account).held] == ["isolated", "cross"]
    for hedged in (False, True):
        venue.set_hedged(hedged)
        asked(venue, placing(reduction(quantity=0.05), f"rulecap-{hedged}"))
        sent = venue.asked(ORDER)[-1].params
        assert (sent["marginMode"], "tradeSide" in sent, "reduceOnly" in sent) == ("isolated", hedged, not hedged)
    assert venue.account.holdings["BTCUSDT", "LONG"].quantity == Decimal("0.1")


# Whether the account is unified, which is asked by another version.


@pytest.mark.parametrize("kind", ["cut", "status", "skew"])
@pytest.mark.parametrize("unified", [False, True])
def test_an_account_of_which_it_is_not_told_whether_it_is_unified_is_asked_about_again(
    venue, monkeypatch, kind, unified
):
    """ccxt would take it for none, for as long as the process runs: nothing of it is told any more then."""
    monkeypatch.setattr(unneeded, "LATER_SECONDS", 0.0)
    monkeypatch.setattr(unneeded, "LATER_TIMES", 0.0)
    venue.unified = unified
    answer = answered("40008") if kind == "skew" else {"status": 502, "body": "<html>"}
    venue.fault("v3/account/settings", "status" if kind == "skew" else kind, 1, **answer)

    async def look(exchange):
        client = exchange._session.client
        told = []
        for _ in range(2):
            await client.handle_uta_and_params({}, "fetchBalance")
            told.append(client.options["uta"])
        return told

    assert asked(venue, look) == [None, unified]


@pytest.mark.parametrize("partial", [False, True])
def test_a_unified_account_is_no_one_pool(venue, partial):
    """Its other coins are margin too, and neither what is bound nor what is free of them is told coin by coin."""
    venue.unified = True
    failure = refused(venue, lambda exchange: exchange.account_view(partial=partial))
    assert (failure.code, "unified" in failure.message) == ("not-one-pool", True)


def test_whether_an_account_is_unified_is_asked_for_once(venue):
    async def look(exchange):
        return [await exchange.account_view() for _ in range(2)]

    asked(venue, look)
    assert len(venue.asked("v3/account/settings")) == 1


def test_while_it_is_not_told_whether_it_is_unified_an_account_is_read_as_it_mostly_is(venue):
    venue.fault("v3/account/settings", "drop", 99)
    assert len(asked(venue, account).held) == 2
    assert asked(venue, placing(reduction())).quantity == 0.06


def test_too_many_questions_whether_it_is_unified_have_the_venue_left_alone(venue):
    venue.fault("v3/account/settings", "status", 99, **answered(429, status=429), headers={"Retry-After": "8"})
    assert refused(venue, account).code == "venue-rate-limited"


# Markets.


def test_nothing_of_bitgets_spot_markets_is_asked_for(venue):
    """Else a failure there stops every reduction, and a contract that is off the list is one of its spot markets."""
    assert len(asked(venue, account).held) == 2
    assert not [one.path for one in venue.requests if "spot" in one.path or "margin" in one.path]


# Other currencies, and the demo environment.


def test_an_account_in_usdc_is_read_and_reduced_as_one_in_usdt(venue):
    """It is one of another product, of which balance, positions and ledger are asked for apart."""
    venue.hold_usdc()
    venue.account.holdings.clear()
    venue.set_position("BTCPERP", "LONG", "0.2", "31480", leverage=4)
    known = Deposits(0.0, moment(venue.now()) - timedelta(hours=1))

    async def look(exchange):
        snapshot = await exchange.snapshot("BTCUSDC")
        venue.deposit("500")
        view = await exchange.account_view(known)
        await exchange.place_reduction(reduction("BTCUSDC", quantity=0.05), "rulecap-1")
        return snapshot, view, await exchange.order("rulecap-1", "BTCUSDC")

    snapshot, view, order = asked(venue, look, quote="USDC")
    assert [(one.symbol, one.quantity) for one in snapshot.positions] == [("BTCUSDC", 0.2)]
    assert (snapshot.market.price, snapshot.market.min_quantity, snapshot.market.min_notional) == (32_310, 0.001, None)
    assert (snapshot.account.total_wallet_balance, view.account.net_deposits) == (12_000, 500)
    assert (order.status, order.filled) == ("FILLED", 0.05)


def test_an_account_in_usdt_has_nothing_of_one_in_usdc(venue):
    venue.hold_usdc()
    venue.account.holdings.clear()
    venue.set_position("BTCPERP", "LONG", "0.2", "31480", leverage=4)
    view = asked(venue, account)
    assert (view.held, view.account.total_wallet_balance) == ((), 0)


def test_the_demo_environment_is_asked_for_by_its_header(venue):
    assert asked(venue, whole).account.id == "bitget"
    venue.demo = True
    assert asked(venue, whole, sandbox=True).account.id == "bitget-sandbox"
    assert asked(venue, placing(reduction()), sandbox=True).quantity == 0.06
    assert refused(venue, account).code == "venue-error"  # of another environment


# What fails.

ASKED = [
    "v2/public/time",
    "market/contracts",
    "market/ticker",
    "merge-depth",
    "market/candles",
    "query-position-lever",
    "trade-rate",
    POSITIONS,
    BALANCE,
]


@pytest.mark.parametrize("kind", ["cut", "drop"])
def test_half_an_answer_of_bitgets_is_asked_again_and_no_empty_one(venue, kind):
    expected = asked(venue, whole)
    for path in ASKED:
        venue.fault(path, kind)
        assert asked(venue, whole).account == expected.account, path
        venue._faults.clear()
        venue.fault(path, kind, times=99)
        code = "half-an-answer" if kind == "cut" else "venue-down"
        assert refused(venue, whole).code == code, path
        venue._faults.clear()


@pytest.mark.parametrize("path", [POSITIONS, BALANCE, BILLS, "market/candles", "query-position-lever", "market/ticker"])
@pytest.mark.parametrize("left", [{}, {"data": None}, {"data": {}}])
def test_an_answer_of_bitgets_that_has_no_list_is_no_empty_list(venue, path, left):
    """Else nothing was paid in, or there are no brackets, by which an entry is sized."""
    venue.fault(path, "then", 99, change=lambda _: {"code": "00000", "msg": "success"} | left)

    async def look(exchange):
        return await exchange.market_view("BTCUSDT"), await exchange.account_view(Deposits(0.0, moment(venue.now())))

    assert refused(venue, look).code == "half-an-answer"
    assert len(venue.asked(path)) == 3


@pytest.mark.parametrize("left", [{"bills": None, "endId": None}, {"bills": [], "endId": ""}])
def test_a_ledger_of_bitgets_that_is_empty_may_be_told_by_null(venue, left):
    venue.fault(BILLS, "then", 99, change=lambda answer: answer | {"data": left})
    view = asked(venue, lambda exchange: exchange.account_view(Deposits(7.0, moment(venue.now()))))
    assert view.account.net_deposits == 7


@pytest.mark.parametrize("left", [{}, {"data": None}, {"data": []}])
def test_a_list_of_bitgets_markets_without_those_of_the_accounts_currency_is_none(venue, left):
    """It is one list for each currency: without this one all that is held were in markets that are off the list."""
    ours = {"when": lambda request: request.params["productType"] == "USDT-FUTURES"}
    change = {"change": lambda _: {"code": "00000", "msg": "success"} | left}
    venue.fault("market/contracts", "then", 2, **ours, **change)
    assert asked(venue, placing(reduction(quantity=0.1))).quantity == 0.1
    venue.fault("market/contracts", "then", 99, **ours, **change)
    assert refused(venue, account).code == "half-an-answer"


@pytest.mark.parametrize("kind", ["timeout", "drop", "cut", "lost"])
def test_an_order_that_bitget_does_not_answer_is_uncertain_sent_once_and_found(venue, kind):
    venue.fault(ORDER, kind)
    failure = refused(venue, placing(reduction()), timeout_seconds=0.3)
    assert (failure.code, failure.retriable) == ("order-uncertain", False)
    assert len([one for one in venue.requests if one.method == "POST"]) == 1
    if kind in ("cut", "lost"):
        assert asked(venue, lambda exchange: exchange.order("rulecap1", "BTCUSDT")).filled == 0.06


def test_an_order_of_which_bitget_tells_no_number_is_followed_by_its_name(venue):
    """As where it has cancelled resting orders for this one, by the manual."""
    venue.fault(ORDER, "then", 1, change=changed_rows(lambda told: {"clientOid": told["clientOid"], "orderId": None}))

    async def ask(exchange):
        sent = await exchange.place_reduction(reduction(quantity=0.02), "rulecap-9")
        return sent, await exchange.order("rulecap-9", "BTCUSDT")

    sent, found = asked(venue, ask)
    assert (sent.id, sent.quantity, found.status, found.filled) == ("", 0.02, "FILLED", 0.02)


def test_another_order_than_the_one_that_bitget_was_asked_for_is_no_answer(venue):
    venue.fault("order/detail", "then", 10, change=put(clientOid="of-somebody-else"))

    async def ask(exchange):
        await exchange.place_reduction(reduction(quantity=0.02), "rulecap9")
        return await exchange.order("rulecap9", "BTCUSDT")

    assert refused(venue, ask).code == "half-an-answer"


def answered(code, status=400):
    return {"status": status, "body": f'{{"code":"{code}","msg":"it is so","requestTime":1790000000000,"data":null}}'}


@pytest.mark.parametrize("code", ["22002", "40774", "45110", "43011", "40762", "40786"])
def test_an_order_that_bitget_turns_down_is_refused(venue, code):
    venue.fault(ORDER, "status", **answered(code))
    failure = refused(venue, placing(reduction()))
    assert (failure.code, code in failure.message) == ("order-refused", True)


@pytest.mark.parametrize("code", ["40010", "40015", "40725", "45001"])
def test_a_failure_within_bitget_leaves_an_order_uncertain_though_its_status_is_that_of_a_refusal(venue, code):
    """By one of them ccxt has the key for wrong: what may have been taken counted as never sent."""
    venue.fault(ORDER, "status", **answered(code))
    assert refused(venue, placing(reduction())).code == "order-uncertain"
    venue.fault(POSITIONS, "status", 1, **answered(code))
    assert len(asked(venue, account).held) == 2  # it is asked again


@pytest.mark.parametrize("code", ["40308", "41114", "43115"])
def test_an_order_in_a_market_under_maintenance_is_refused(venue, code):
    """Else its position is left alone for as long as an order may be under way, and again each time."""
    venue.fault(ORDER, "status", **answered(code))
    failure = refused(venue, placing(reduction()))
    assert (failure.code, code in failure.message) == ("order-refused", True)


def test_too_many_questions_are_said_to_be_that(venue):
    venue.fault(POSITIONS, "status", 99, **answered(429, status=429), headers={"Retry-After": "8"})
    failure = refused(venue, account)
    assert (failure.code, failure.retry_after) == ("venue-rate-limited", 8)


@pytest.mark.parametrize(("offset", "code"), [(2_000, None), (-2_000, None), (60_000, "clock-skew")])
def test_a_local_clock_that_is_a_little_off_is_made_up_for(venue, offset, code):
    venue.clock_offset_ms = offset
    if code is None:
        assert asked(venue, whole).account.total_wallet_balance == 12_000
    else:
        assert refused(venue, account).code == code


def test_a_stamp_that_bitget_does_not_take_is_a_clock_that_is_wrong(venue):
    venue.fault(POSITIONS, "status", 99, **answered("40008"))
    assert refused(venue, account).code == "clock-skew"


@pytest.mark.parametrize("keys", [("nobody", "secret"), (KEY, "wrong")])
def test_a_wrong_key_is_said_to_be_that(venue, keys):
    failure = refused(venue, account, keys=keys)
    assert (failure.code, "4003" in failure.message or "40009" in failure.message) == ("venue-auth", True)


def test_a_ledgers_entry_of_bitgets_without_its_time_is_not_left_out(venue):
    venue.deposit("100")
    venue.fault(BILLS, "then", 99, change=put(cTime=""))
    before = Deposits(0.0, moment(venue.now() - 60_000))
    assert refused(venue, lambda exchange: exchange.account_view(before)).code == "half-an-answer"


# Money.


@pytest.mark.parametrize("price", ["25000", "31480", "40000"])
@pytest.mark.parametrize("isolated", [False, True])
def test_neither_a_profit_nor_a_loss_is_margin(venue, price, isolated):
    """Of what Bitget lets be taken out a profit is no part: an account that gains looked as if it were near its end."""
    venue.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4, isolated=isolated)
    venue.set_mark("BTCUSDT", price)
    told = asked(venue, account).account
    gained = 0.2 * (float(price) - 31_480)
    cross = 0.0 if isolated else gained
    margin = 0.2 * 31_480 / 4 + 2.4 * 1942 / 3
    assert told.margin_used == pytest.approx(margin)
    assert told.available_balance == pytest.approx(12_000 + cross - 2.4 * (2024 - 1942) - margin)
    assert told.total_wallet_balance == pytest.approx(12_000)


@pytest.mark.parametrize("gone", [dropped("crossedMaxAvailable"), put(crossedMaxAvailable="")])
def test_what_may_be_taken_out_is_not_taken_for_what_is_free(venue, gone):
    venue.fault(BALANCE, "then", 9, change=gone)
    failure = refused(venue, account)
    assert (failure.code, failure.path) == ("missing-field", "account.available_balance")


def test_what_orders_bind_is_margin_too(venue):
    free = venue.available() - 500
    venue.fault(BALANCE, "then", 9, change=put(locked="500", crossedMaxAvailable=str(free), maxTransferOut=str(free)))
    told = asked(venue, account).account
    assert told.margin_used == pytest.approx(500 + sum(map(float, map(venue.initial_margin, venue.holdings()))))


def test_a_price_that_moves_between_two_answers_is_no_gain_of_the_wallets(venue):
    """Equity less the PnL that another answer told: a drawdown, or a peak, that the account never had."""
    venue.after(POSITIONS, lambda: venue.set_mark("BTCUSDT", "40000"))
    told = asked(venue, account).account
    assert (told.total_wallet_balance, told.unrealized_pnl) == pytest.approx((12_000, 1_704 - 196.8))


# The ledger.


def test_what_bitget_is_asked_for_type_by_type_is_what_counts():
    kind = ccxt.bitget().parse_ledger_type
    # https://www.bitget.com/api-doc/contract/account/Get-Account-Bill: of a futures account's bills
    others = ("cross", "exchange", "isolated", "contract", "otc")
    assert venue_of("bitget").flow_filter == (
        "businessType",
        tuple(f"trans_{way}_{other}" for other in others for way in ("from", "to")),
    )
    assert {kind(one) for one in venue_of("bitget").flow_filter[1]} == {"transfer"}


# What nobody may see.


@pytest.mark.parametrize("fault", [None, "cut", "wrong-secret", "500"])
def test_nothing_secret_of_bitgets_is_seen_however_loud_and_whatever_fails(venue, fault, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    secret = "another-secret-entirely" if fault == "wrong-secret" else SECRET
    for path in (POSITIONS, ORDER):
        if fault == "cut":
            venue.fault(path, fault, times=9)
        if fault == "500":
            venue.fault(path, "status", times=9, status=500, body=f"the password was {PASSWORD}")
    seen = []

    async def talk(exchange):
        exchange._session.client.verbose = True
        for question in (lambda: whole(exchange), lambda: placing(reduction())(exchange)):
            try:
                await question()
            except VenueError as error:
                seen.append("".join(traceback.format_exception(error)) + repr(error))

    asked(venue, talk, keys=(KEY, secret))
    shown = capsys.readouterr()
    text = "\n".join([*seen, caplog.text, shown.out, shown.err])
    signatures = [one.headers["access-sign"] for one in venue.requests if "access-sign" in one.headers]
    assert (bool(signatures), "/api/v2/mix/" in caplog.text) == (True, True)
    assert not [one for one in (KEY, secret, PASSWORD, *signatures) if one in text]
