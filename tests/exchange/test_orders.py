"""Reductions: rounded down on the market's step, sent once, followed by the name that we gave them."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.exchange import ExchangeSettings, VenueError
from rulecap.exchange.calls import attempt
from rulecap.exchange.client import open_client
from rulecap.exchange.keys import Keys
from rulecap.exchange.markets import TICK_SIZE
from rulecap.exchange.orders import Reduction, contracts_text
from rulecap.exchange.placing import _of_an_order, find_order
from rulecap.exchange.placing import reduction as sending
from rulecap.exchange.positions import Held, held_positions
from rulecap.exchange.venues import Venue as Ways
from rulecap.snapshot import Position
from tests.exchange.conftest import asked, refused
from tests.venue.venue import READ_ONLY_KEY, READ_ONLY_SECRET, put


def reduction(symbol="BTCUSDT", side="LONG", quantity=0.06, **fields):
    return {"action": "REDUCE", "symbol": symbol, "side": side, "quantity": quantity, "reduce_only": True, **fields}


def placing(action, name="rulecap1"):
    return lambda exchange: exchange.place_reduction(action, name)


@pytest.mark.parametrize(
    ("quantity", "sent"), [(0.06, "0.06"), (0.0619999, "0.061"), (0.1 * 3 / 10, "0.03"), (5, "0.2")]
)
def test_the_quantity_is_an_exact_decimal_on_the_step_and_never_more_than_is_held(venue, quantity, sent):
    state = asked(venue, placing(reduction(quantity=quantity)))
    (order,) = venue.orders
    assert (order.symbol, order.side, order.quantity) == ("BTCUSDT", "SELL", Decimal(sent))
    told = (state.client_order_id, state.id, state.side, state.quantity)
    assert told == ("rulecap1", str(order.id), "sell", float(sent))
    assert order.reduce_only


@pytest.mark.parametrize(
    ("held_then", "held_now", "sent"),
    [
        (0.2, "0.2", "0.06"),
        (0.2, "0.25", "0.06"),  # what was added is for the next decision
        (0.2, "0.17", "0.03"),
        (0.2, "0.141", "0.001"),
        (None, "0.1", "0.06"),
    ],
)
def test_what_has_gone_since_a_reduction_was_decided_is_not_reduced_again(venue, held_then, held_now, sent):
    """A stop, or the bot itself, may have reduced meanwhile: the policy meant a rest to stay."""
    venue.set_position("BTCUSDT", "LONG", held_now, "31480")
    asked(venue, lambda exchange: exchange.place_reduction(reduction(), "rulecap1", held_then=held_then))
    assert [one.quantity for one in venue.orders] == [Decimal(sent)]


@pytest.mark.parametrize("held_now", ["0.14", "0.1"])
def test_nothing_is_sent_where_as_much_as_was_meant_has_gone_by_itself(venue, held_now):
    venue.set_position("BTCUSDT", "LONG", held_now, "31480")
    failure = refused(venue, lambda exchange: exchange.place_reduction(reduction(), "rulecap1", held_then=0.2))
    assert (failure.code, held_now in failure.message, venue.orders) == ("nothing-to-reduce", True, [])


def test_a_position_that_is_to_be_closed_is_closed_however_much_of_it_has_gone(venue):
    venue.set_position("BTCUSDT", "LONG", "0.05", "31480")
    asked(venue, lambda exchange: exchange.place_reduction(reduction(quantity=0.2), "rulecap1", held_then=0.2))
    assert ("BTCUSDT", "LONG") not in venue.account.holdings


def test_a_short_is_bought_back(venue):
    asked(venue, placing(reduction("ETH/USDT:USDT", "SHORT", 2.4)))
    assert venue.orders[0].side == "BUY"
    assert ("ETHUSDT", "SHORT") not in venue.account.holdings


def test_in_hedge_mode_the_order_names_the_side(venue):
    venue.set_hedged(True)
    venue.set_position("BTCUSDT", "SHORT", "0.05", "32000")
    asked(venue, placing(reduction(side="SHORT", quantity=0.05)))
    assert ("BTCUSDT", "SHORT") not in venue.account.holdings
    assert ("BTCUSDT", "LONG") in venue.account.holdings


def test_a_partly_filled_order_is_followed_until_it_is_filled(venue):
    venue.fill_share = Decimal("0.5")

    async def follow(exchange):
        await exchange.place_reduction(reduction(quantity=0.1), "rulecap7")
        first = await exchange.order("rulecap7", "BTCUSDT")
        venue.fill_rest("rulecap7")
        return first, await exchange.order("rulecap7", "BTC/USDT:USDT")

    first, last = asked(venue, follow)
    assert (first.status, first.quantity, first.filled) == ("OPEN", 0.1, 0.05)
    assert (last.status, last.filled, last.average_price) == ("FILLED", 0.1, 32_310)


def test_an_order_larger_than_the_market_takes_at_once_is_sent_as_far_as_it_goes(venue):
    venue.set_wallet("9000000")
    venue.set_position("BTCUSDT", "LONG", "150", "31480")
    state = asked(venue, placing(reduction(quantity=150)))
    assert state.quantity == 120


def test_what_is_not_reduce_only_is_never_sent(binance):
    for fields in ({"reduce_only": False}, {"reduce_only": "true"}, {"quantity": 0}, {"quantity": -1}, {"side": "BUY"}):
        assert refused(binance, placing(reduction() | fields)).code == "order-refused"
    assert binance.orders == []
    assert binance.requests == []


def test_nothing_to_reduce_is_said_and_nothing_sent(venue):
    for action in (reduction("SOLUSDT"), reduction(side="SHORT")):
        assert refused(venue, placing(action)).code == "nothing-to-reduce"
    assert venue.orders == []


def test_less_than_a_step_is_said_and_nothing_sent(venue):
    assert refused(venue, placing(reduction(quantity=0.0009))).code == "quantity-too-small"
    assert venue.orders == []


def test_less_than_the_least_order_is_said_and_nothing_sent(venue):
    """Refused each time, it had its position left alone, as one that cannot be closed either."""
    venue.specs["BTCUSDT"] = replace(venue.specs["BTCUSDT"], least=Decimal("0.01"))
    error = refused(venue, placing(reduction(quantity=0.0099)))
    assert (error.code, venue.orders) == ("quantity-too-small", [])
    assert "0.009 of BTCUSDT is less than the 0.01" in error.message
    assert asked(venue, placing(reduction(quantity=0.01))).quantity == 0.01


def test_all_that_is_held_is_sent_though_it_is_less_than_the_least_order(binance):
    """What is left of a position has to go somehow: the venue has the last word."""
    binance.set_position("BTCUSDT", "LONG", "0.005", "31480", leverage=4)
    binance.specs["BTCUSDT"] = replace(binance.specs["BTCUSDT"], least=Decimal("0.01"))
    assert refused(binance, placing(reduction(quantity=0.004))).code == "quantity-too-small"
    assert refused(binance, placing(reduction(quantity=0.005))).code == "order-refused"


def test_a_read_only_key_cannot_reduce(binance):
    question = placing(reduction())
    with pytest.raises(VenueError) as raised:
        asked(binance, question, keys=(READ_ONLY_KEY, READ_ONLY_SECRET))
    assert raised.value.code == "venue-auth"


def test_the_same_name_twice_is_refused(venue):
    async def twice(exchange):
        await exchange.place_reduction(reduction(quantity=0.01), "rulecap1")
        await exchange.place_reduction(reduction(quantity=0.01), "rulecap1")

    assert refused(venue, twice).code == "order-refused"
    assert len(venue.orders) == 1


@pytest.mark.parametrize("kind", ["timeout", "drop", "cut", "lost"])
def test_an_order_without_an_answer_is_uncertain_and_sent_once(venue, kind):
    venue.fault(venue.order_path, kind)
    failure = refused(venue, placing(reduction()), timeout_seconds=0.3)
    assert (failure.code, failure.retriable) == ("order-uncertain", False)
    assert "look it up" in failure.message
    assert len([one for one in venue.requests if one.method == "POST"]) == 1


def test_an_order_whose_answer_was_lost_is_found_by_its_name(venue):
    venue.fault(venue.order_path, "lost")

    async def ask(exchange):
        with pytest.raises(VenueError, match="not known"):
            await exchange.place_reduction(reduction(quantity=0.02), "rulecap9")
        return await exchange.order("rulecap9", "BTCUSDT")

    assert asked(venue, ask).filled == 0.02


def test_a_server_error_leaves_an_order_uncertain_and_a_refusal_does_not(binance):
    binance.fault("v1/order", "status", status=503, body="Service unavailable")
    assert refused(binance, placing(reduction())).code == "order-uncertain"
    binance.fault("v1/order", "status", status=400, body='{"code":-2022,"msg":"ReduceOnly Order is rejected."}')
    failure = refused(binance, placing(reduction()))
    assert failure.code == "order-refused"
    assert "-2022" in failure.message
    binance.fault("v1/order", "status", status=429, body='{"code":-1015,"msg":"Too many new orders"}')
    assert refused(binance, placing(reduction())).code == "venue-rate-limited"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "order-refused"), (499, "order-refused"), (500, "order-uncertain"), (200, "order-uncertain")],
)
def test_what_a_venue_says_without_a_better_name_is_a_refusal_only_by_its_status(binance, monkeypatch, status, code):
    """A server that failed may have taken the order before: it is looked up before another one is sent."""
    failed = VenueError("venue-error", "it is so")
    failed.status = status
    client = Answering(failed)

    async def place(exchange):
        monkeypatch.setattr(exchange._session.client, "create_order", client.create_order)
        return await placing(reduction())(exchange)

    assert refused(binance, place).code == code


@pytest.mark.parametrize(("status", "code"), [(418, "venue-banned"), (429, "venue-rate-limited")])
def test_a_venue_that_answers_an_order_with_its_wish_is_left_alone_by_every_question(binance, status, code):
    async def place(exchange):
        binance.fault("v1/order", "status", status=status, body="{}", headers={"Retry-After": "77"})
        with pytest.raises(VenueError) as raised:
            await placing(reduction())(exchange)
        sent = len(binance.requests)
        with pytest.raises(VenueError, match="not asked for 7"):
            await exchange.order("rulecap1", "BTCUSDT")
        return raised.value.code, len(binance.requests) - sent

    assert asked(binance, place) == (code, 0)


class Answering:
    """A client of ccxt that tells what it is given."""

    def __init__(self, answer, precision=TICK_SIZE):
        self.answer, self.precisionMode, self.sent = answer, precision, []

    async def create_order(self, *order):
        self.sent.append(order)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def fetch_order(self, *_):
        return self.answer

    async def fetch_open_orders(self, *_):
        return self.answer

    async def fetch_canceled_and_closed_orders(self, *_):
        return []


OF_A_HUNDREDTH = {
    "symbol": "BTC/USDT:USDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
    "type": "swap",
    "swap": True,
    "linear": True,
    "contract": True,
    "contractSize": 0.01,
    "active": True,
    "precision": {"amount": 1},
}


def test_what_was_sent_is_told_in_the_base_asset_where_the_venue_acknowledges_nothing_but_an_id():
    raw = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 30, "entryPrice": 1, "markPrice": 1, "leverage": 2}
    (held,) = held_positions([raw], {"BTC/USDT:USDT": OF_A_HUNDREDTH}.get, "USDT", {}, Ways()).all()
    client = Answering({"id": "1"})
    state = asyncio.run(sending(client, Ways(), held, 0.127, "rulecap1")())
    assert [(order[2], order[3]) for order in client.sent] == [("sell", "12")]
    assert (state.quantity, state.filled, state.id) == (0.12, None, "1")


def find(answer, ways):
    return asyncio.run(find_order(Answering(answer), ways, OF_A_HUNDREDTH, "rulecap1"))


@pytest.mark.parametrize("told", [None, "", "rulecap1"])
def test_an_order_that_is_asked_for_by_name_need_not_repeat_it(told):
    assert find({"id": "1", "clientOrderId": told, "filled": 3}, Ways()).filled == 0.03


def test_of_several_orders_the_one_of_our_name_is_told_and_no_other():
    """Some venues answer with more than was asked for; another's fill counted as ours would be a reduction undone."""
    ways, other = Ways(open_orders_by_client_id="linkId"), {"id": "1", "clientOrderId": "another", "filled": 9}
    assert find([other, {"id": "2", "clientOrderId": "rulecap1", "filled": 3}], ways).filled == 0.03
    with pytest.raises(VenueError) as raised:
        find([other, {"id": "3", "filled": 1}], ways)
    assert raised.value.code == "order-not-found"


def test_an_order_that_cannot_be_prepared_within_its_time_is_not_sent(venue):
    venue.fault(venue.positions_path, "timeout")
    failure = refused(venue, lambda exchange: exchange.place_reduction(reduction(), "rulecap1", within_seconds=0.2))
    assert (failure.code, failure.retriable) == ("too-late", False)
    assert venue.orders == []


@pytest.mark.parametrize("code", [10000, 10016])
def test_a_servers_own_error_within_a_fine_answer_leaves_an_order_uncertain(bybit, code):
    body = f'{{"retCode":{code},"retMsg":"Server Timeout","result":{{}},"retExtInfo":{{}},"time":1}}'
    bybit.fault("order/create", "status", status=200, body=body)
    assert refused(bybit, placing(reduction())).code == "order-uncertain"
    assert len(bybit.orders) == 1  # it had taken it


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (110063, "Settlement in progress! BTCUSDT not available for trading."),
        (110066, "The trading is currently not allowed"),
        (10001, "position idx not match position mode"),  # it was switched since the position was read
        (110099, "of which ccxt has no name"),
    ],
)
def test_a_refusal_within_a_fine_answer_is_one(bybit, code, text):
    """Else its position is left alone for as long as an order may be under way, and again each time."""
    body = f'{{"retCode":{code},"retMsg":"{text}","result":{{}},"retExtInfo":{{}},"time":1}}'
    bybit.fault("order/create", "status", status=200, body=body)
    failure = refused(bybit, placing(reduction()))
    assert (failure.code, str(code) in failure.message) == ("order-refused", True)


@pytest.mark.parametrize(
    ("status", "number", "code"),
    [
        (400, -2023, "order-refused"),  # the account is being liquidated
        (400, -2020, "order-refused"),  # it cannot be filled
        (400, -1112, "order-refused"),  # there is no book
        (400, -2022, "order-refused"),
        (400, -4131, "order-refused"),  # the counterparty's best price is too far away
        (400, -4116, "order-refused"),  # the name is taken
        (503, -1008, "order-uncertain"),
        (408, -1007, "order-uncertain"),
        (400, -1006, "order-uncertain"),
        (400, -1001, "order-uncertain"),
    ],
)
def test_what_binance_says_of_an_order_is_told_apart_by_its_own_address(status, number, code):
    """For ccxt some are failures that may pass, by codes that it knows at the venue's own address alone."""
    client, body = open_client(ExchangeSettings(venue="binanceusdm"), Keys()), {"code": number, "msg": "?"}
    address = f"{client.urls['api']['fapiPrivate']}/order"

    async def send():
        client.handle_errors(status, "", address, "POST", {}, json.dumps(body), body, {}, "")

    _, failure = asyncio.run(attempt("the order", send, str))
    assert _of_an_order(failure).code == code


def test_another_order_than_the_one_asked_for_is_no_answer(binance):
    binance.fault("v1/order", "then", 10, method="GET", change=put(clientOrderId="of-somebody-else"))

    async def ask(exchange):
        await exchange.place_reduction(reduction(quantity=0.02), "rulecap9")
        return await exchange.order("rulecap9", "BTCUSDT")

    assert refused(binance, ask).code == "half-an-answer"


def test_an_order_in_a_market_that_is_not_traded_any_more_is_told_and_cancelled(venue):
    venue.fill_share = Decimal("0.5")

    async def halted(exchange):
        await exchange.place_reduction(reduction(quantity=0.1), "rulecap5")
        (await exchange._session.markets())["BTC/USDT:USDT"]["active"] = False
        await exchange.cancel("rulecap5", "BTCUSDT")
        return await exchange.order("rulecap5", "BTCUSDT")

    assert asked(venue, halted).status == "CANCELLED"


def test_an_order_is_found_however_many_were_sent_after_it(venue):
    """A venue tells of its latest orders only, unless it is asked for one by its name."""

    async def find(exchange):
        for number in range(25):
            await exchange.place_reduction(reduction(quantity=0.001), f"rulecap{number}")
        return await exchange.order("rulecap0", "BTCUSDT")

    assert asked(venue, find).status == "FILLED"


def test_an_order_that_nobody_placed_is_not_found(venue):
    assert refused(venue, lambda exchange: exchange.order("nobody", "BTCUSDT")).code == "order-not-found"


def held(step, size, contracts, most=None):
    market = {
        "symbol": "X/USDT:USDT",
        "contractSize": size,
        "precision": {"amount": step},
        "limits": {"market": {"max": most}},
    }
    quantity = float(Decimal(str(contracts)) * Decimal(str(size)))
    position = Position(
        symbol="XUSDT",
        base="X",
        side="LONG",
        quantity=quantity,
        entry_price=1.0,
        mark_price=1.0,
        notional=quantity,
        margin=1.0,
        leverage=1.0,
        unrealized_pnl=0.0,
    )
    return Held(position, market, False, None, contracts, None)


STEPS = st.sampled_from([1e-8, 0.001, 0.1, 1.0, 5.0])


@given(
    step=STEPS, size=st.sampled_from([1.0, 0.01, 10.0, 0.0001]), count=st.integers(1, 10**6), share=st.floats(0, 1.5)
)
def test_what_is_sent_is_a_multiple_of_the_step_within_what_is_asked_and_held(step, size, count, share):
    one = held(step, size, float(Decimal(str(step)) * count))
    wanted = one.position.quantity * share
    exact_step, exact_size = Decimal(str(step)), Decimal(str(size))
    if wanted < float(exact_step * exact_size) * (1 - 2e-9):
        with pytest.raises(VenueError, match="less than its step"):
            contracts_text(wanted, one, TICK_SIZE, Ways())
        return
    text = contracts_text(wanted, one, TICK_SIZE, Ways())
    sent = Decimal(text)
    assert "e" not in text.lower()
    assert sent % exact_step == 0
    tolerance = exact_step * Decimal("2e-9") + Decimal(wanted) / exact_size * Decimal("1e-15")
    assert sent <= min(Decimal(wanted) / exact_size + tolerance, exact_step * count)
    assert sent > min(Decimal(wanted) / exact_size, exact_step * count) - exact_step * Decimal("1.000001")


def test_closing_all_of_several_contracts_leaves_nothing():
    one = held(1.0, 0.1, 3.0)
    assert contracts_text(one.position.quantity, one, TICK_SIZE, Ways()) == "3"


@pytest.mark.parametrize("places", [("market",), ("amount",), ("info",), ("market", "amount", "info")])
def test_no_more_is_sent_than_any_bound_of_the_market_lets_through(places):
    """Venues tell at different places how much one order may be; the least of what is told counts, in contracts."""
    one = held(1.0, 0.1, 500.0, most=7 if "market" in places else None)
    one.market["limits"]["amount"] = {"max": "6" if "amount" in places else None}
    one.market["info"] = {"most": "5"} if "info" in places else {}
    least = {"market": "7", "amount": "6", "info": "5"}[places[-1]]
    assert contracts_text(one.position.quantity, one, TICK_SIZE, Ways(most_market=("most",))) == least


def test_where_no_step_is_told_no_order_is_made():
    """A quantity that is on no step is one that the venue may turn down, or round up."""
    with pytest.raises(VenueError, match="does not tell the quantity step of XUSDT") as raised:
        contracts_text(1.0, held(None, 1.0, 3.0), TICK_SIZE, Ways())
    assert raised.value.code == "missing-field"


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": 1},
        {"symbol": None},
        {"side": None},
        *({"quantity": none} for none in (None, "", float("nan"), float("inf"), True)),
    ],
)
def test_an_action_of_which_one_part_is_none_is_refused(wrong):
    """Whatever is wrong with a part, the action makes no order, however right the others are."""
    action = reduction() | wrong
    with pytest.raises(VenueError, match="needs symbol"):
        Reduction.of(action)


def test_what_is_open_of_an_order_is_cancelled(venue):
    venue.fill_share = Decimal("0.5")

    async def cancel(exchange):
        await exchange.place_reduction(reduction(quantity=0.1), "rulecap5")
        await exchange.cancel("rulecap5", "BTCUSDT")
        return await exchange.order("rulecap5", "BTCUSDT")

    state = asked(venue, cancel)
    assert (state.status, state.filled) == ("CANCELLED", 0.05)


def test_an_order_of_which_nothing_is_open_cannot_be_cancelled(venue):
    async def cancel(exchange):
        await exchange.place_reduction(reduction(quantity=0.1), "rulecap5")
        await exchange.cancel("rulecap5", "BTCUSDT")

    assert refused(venue, cancel).code == "order-not-found"
    assert refused(venue, lambda exchange: exchange.cancel("nobody", "BTCUSDT")).code == "order-not-found"
