"""A position in a market that is not listed or traded (any more) is counted, and keeps nothing else from going on."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.exchange import Retries, VenueError, open_exchange, reading
from rulecap.exchange.positions import held_positions
from rulecap.exchange.unlisted import unlisted_market
from rulecap.exchange.venues import Venue as Ways
from rulecap.exchange.venues import venue_of
from tests.exchange.conftest import ENVIRONMENT, asked, refused, settings_of
from tests.venue.venue import put


def account(exchange):
    return exchange.account_view()


def listings(venue):
    """Return how often the list of linear markets was read."""
    asked = [one.params for one in venue.asked(venue.markets_path)]
    linear = [
        one for one in asked if one.get("category", "linear") == "linear" and one.get("instType") in (None, "SWAP")
    ]
    return len([one for one in linear if "status" not in one])


def in_turn(venue, *steps, **changes):
    """Return what each step gives, asked of one exchange; what is no question of an exchange is done in between."""

    async def ask():
        async with open_exchange(settings_of(venue, **changes), ENVIRONMENT) as exchange:
            return [await step(exchange) if asking else step() for asking, step in steps]

    return [found for found, (asking, _) in zip(asyncio.run(ask()), steps, strict=True) if asking]


def q(question):
    return True, question


def act(action):
    return False, action


def reducing(symbol, side="LONG", quantity=0.05, name="rulecap1"):
    action = {"symbol": symbol, "side": side, "quantity": quantity, "reduce_only": True}
    return lambda exchange: exchange.place_reduction(action, name)


async def an_hour_later(exchange):
    """Have the bars asked for again."""
    exchange._session.reference._bars.clear()


async def failure_of(question, exchange):
    with pytest.raises(VenueError) as raised:
        await question(exchange)
    return raised.value


def failing(question):
    return q(lambda exchange: failure_of(question, exchange))


# Counted.


def by_value(venue):
    return venue.prefix == "/api/v5/"


@pytest.mark.parametrize("hedged", [False, True])
def test_a_position_in_a_market_that_is_not_listed_counts_like_any_other(venue, hedged):
    venue.set_hedged(hedged)
    before = asked(venue, account)
    venue.take_off("ETHUSDT")
    after = asked(venue, account)
    for one, known in zip(after.held, before.held, strict=True):
        # At OKX the size is by the value in dollars, since no contract size is told.
        assert one.position.quantity == pytest.approx(known.position.quantity, rel=0.001 if by_value(venue) else 1e-15)
        told = known.position.model_dump() | {"tradable": one.position.tradable}
        loose = ("quantity", "notional") if by_value(venue) else ()
        assert one.position.model_dump(exclude=set(loose)) == {n: v for n, v in told.items() if n not in loose}
    assert [one.position.tradable for one in after.held] == [True, False]
    assert after.account == before.account
    assert [one.hedged for one in after.held] == [hedged, hedged]


def test_a_snapshot_has_the_position_and_allocates_nothing_to_its_market(venue):
    venue.take_off("ETHUSDT")
    snapshot = asked(venue, lambda exchange: exchange.snapshot("BTCUSDT"))
    eth = snapshot.positions[1]
    assert (eth.symbol, eth.base, eth.volatility_pct) == ("ETHUSDT", "ETH", None)
    assert eth.quantity == pytest.approx(2.4, rel=0.001)
    assert snapshot.positions[0].volatility_pct is not None
    assert [one.symbol for one in snapshot.assets] == ["BTCUSDT"]


def test_a_market_in_settlement_is_read_the_same_way(venue):
    venue.specs["ETHUSDT"].status = "SETTLING"
    snapshot = asked(venue, lambda exchange: exchange.snapshot("BTCUSDT"))
    assert [(one.symbol, one.tradable) for one in snapshot.positions] == [("BTCUSDT", True), ("ETHUSDT", False)]
    assert [one.symbol for one in snapshot.assets] == ["BTCUSDT"]


@pytest.mark.parametrize(("active", "tradable"), [(True, True), (False, False), (None, None)])
def test_what_a_venue_does_not_tell_of_a_market_is_not_told_of_the_position(active, tradable):
    raw = {"symbol": "X/USDT:USDT", "side": "long", "contracts": 2.0, "entryPrice": 9.0, "markPrice": 10.0}
    raw |= {"leverage": 5.0, "contractSize": 1.0}
    market = dict(unlisted_market(raw, "USDT", Ways())) | {"active": active}
    (held,) = held_positions([raw], {"X/USDT:USDT": market}.get, "USDT", {}, Ways()).all()
    assert held.position.tradable is tradable


def test_a_market_that_is_taken_off_while_its_list_is_kept_is_read_on(venue):
    before, after = in_turn(
        venue,
        q(lambda exchange: exchange.snapshot()),
        act(lambda: venue.take_off("ETHUSDT")),
        q(an_hour_later),
        q(lambda exchange: exchange.snapshot()),
    )[::2]
    assert [one.symbol for one in after.positions] == [one.symbol for one in before.positions]
    assert (before.positions[1].volatility_pct is None, after.positions[1].volatility_pct) == (False, None)


def test_a_position_that_does_not_tell_its_currency_is_refused_by_name(binance):
    binance.take_off("ETHUSDT")
    binance.fault("positionRisk", "then", 9, change=put(marginAsset=None))
    failure = refused(binance, account)
    assert failure.code == "unknown-symbol"
    assert "ETHUSDT" in failure.message


def test_a_position_that_settles_in_another_currency_is_not_counted_in_this_one(binance):
    binance.take_off("ETHUSDT")
    binance.fault("positionRisk", "then", 9, change=put(marginAsset="USDC"))
    assert refused(binance, account).code == "not-the-quote-currency"


@pytest.mark.parametrize("symbol", ["BTC-26DEC31-100000-C-USDT", "BTC-26DEC31-100000-C", "BTC-1JAN27-9-P"])
def test_an_option_is_refused_by_that_name_and_the_others_are_counted(bybit, symbol):
    bybit.set_elsewhere("option", "USDT", symbol, "0.5")
    failure = refused(bybit, account)
    assert (failure.code, "is an option" in failure.message) == ("not-supported", True)
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "ETHUSDT"]
    assert [one.code for one in view.untold] == ["not-supported"]


def of_options(asked):
    return asked.params.get("category") == "option"


def test_options_that_a_key_for_futures_is_not_told_of_are_said_once_not_to_be(bybit, caplog):
    async def look(exchange):
        return [await exchange.account_view() for _ in range(2)][-1]

    denied = {"retCode": 10005, "retMsg": "Permission denied, please check your API key permissions.", "result": {}}
    bybit.fault("position/list", "then", 99, change=lambda _: denied, when=of_options)
    assert len(asked(bybit, look).held) == 2
    assert [one.code for one in caplog.records if hasattr(one, "code")] == ["options-untold"]


def test_where_it_is_not_known_whether_there_are_options_the_account_is_not_whole(bybit):
    bybit.fault("position/list", "status", 99, status=500, body="oops", when=of_options)
    assert refused(bybit, account).code == "venue-down"
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert (len(view.held), [one.code for one in view.untold]) == (2, ["venue-down"])


def test_more_positions_than_an_answer_holds_are_refused_by_that_name(bybit):
    def many(answer):
        rows = answer["result"]["list"]
        return answer | {"result": answer["result"] | {"list": [rows[0]] * 200 if rows else []}}

    bybit.fault("position/list", "then", 99, change=many)
    failure = refused(bybit, account)
    assert (failure.code, "may be cut" in failure.message) == ("not-supported", True)


@pytest.mark.parametrize(
    ("symbol", "named", "base"),
    [
        ("SUSHIUSDT", "SUSHIUSDT", "SUSHI"),
        ("1000SHIBUSDT", "1000SHIBUSDT", "1000SHIB"),
        ("SUSHI/USDT:USDT", "SUSHIUSDT", "SUSHI"),
        ("BTCUSDT_261225", "BTCUSDT_261225", "BTC"),
        ("BTC/USDT:USDT-261225", "BTC/USDT:USDT-261225", "BTC"),
        ("BTC-USDT-SWAP", "BTCUSDT", "BTC"),
        ("USDT", "USDT", "USDT"),
    ],
)
def test_it_is_named_as_a_listed_one_would_be(symbol, named, base):
    raw = {"symbol": symbol, "side": "long", "contracts": 2.0, "entryPrice": 9.0, "markPrice": 10.0, "leverage": 5.0}
    raw["asked"] = {"settleCoin": "USDT"}
    (held,) = held_positions([raw], {}.get, "USDT", {}, venue_of("bybit")).all()
    assert (held.position.symbol, held.position.base, held.position.quantity) == (named, base, 2.0)


@given(quantity=st.floats(1e-6, 1e9), mark=st.floats(1e-6, 1e6), size=st.sampled_from([0.001, 0.1, 1.0, 100.0]))
def test_the_size_follows_from_notional_and_mark_price_where_no_contract_size_is_told(quantity, mark, size):
    raw = {"symbol": "X/USDT:USDT", "side": "short", "contracts": quantity / size, "contractSize": None}
    raw |= {"notional": -quantity * mark, "markPrice": mark, "entryPrice": mark, "leverage": 5.0}
    (held,) = held_positions([raw], {}.get, "USDT", {}, Ways()).all()
    assert held.position.quantity == pytest.approx(quantity)
    assert held.position.notional == pytest.approx(quantity * mark)


@pytest.mark.parametrize("change", [{"notional": None}, {"markPrice": None}, {"notional": 0.0}, {"markPrice": "0"}])
def test_a_size_that_nothing_tells_is_no_size(change):
    raw = {"symbol": "X/USDT:USDT", "side": "long", "contracts": 3.0, "notional": 30.0, "markPrice": 10.0}
    raw |= {"entryPrice": 9.0, "leverage": 5.0}
    with pytest.raises(VenueError) as raised:
        held_positions([raw | change], {}.get, "USDT", {}, Ways()).all()
    assert (raised.value.code, raised.value.path) == ("missing-field", "positions[X/USDT:USDT].quantity")


def test_an_inverse_contract_is_not_counted_because_it_is_not_listed():
    with pytest.raises(VenueError) as raised:
        held_positions([{"symbol": "BTC/USD:BTC", "contracts": 1.0}], {}.get, "USDT", {}, Ways()).all()
    assert raised.value.code == "not-the-quote-currency"
    assert unlisted_market({"symbol": "BTC/USD:BTC"}, "USDT", Ways())["settle"] == "BTC"


def test_a_notional_is_at_the_mark_price_also_where_the_venue_has_it_at_the_entry_price(venue):
    held = asked(venue, account).held
    assert [one.position.notional for one in held] == pytest.approx([0.2 * 32_310, 2.4 * 2_024])


# Reduced, or told why not.


def test_nothing_is_sent_to_a_market_that_is_not_listed_and_the_reason_is_said(venue):
    venue.take_off("ETHUSDT")
    failure = refused(venue, reducing("ETHUSDT", "SHORT", 1.0))
    assert (failure.code, "not listed here any more" in failure.message) == ("unknown-symbol", True)
    assert venue.orders == []
    assert asked(venue, reducing("BTCUSDT")).status in (None, "FILLED")


@pytest.mark.parametrize("venue", ["binanceusdm", "bybit"], indirect=True)  # OKX takes none
def test_a_reduction_in_a_market_that_is_not_traded_is_tried_and_followed(venue):
    venue.specs["ETHUSDT"].status = "SETTLING"
    sent, found = in_turn(
        venue,
        q(reducing("ETH/USDT:USDT", "SHORT", 1.0)),
        q(lambda exchange: exchange.order("rulecap1", "ETHUSDT")),
    )
    assert (sent.quantity, found.status, found.filled) == (1.0, "FILLED", 1.0)


def test_the_venues_reason_is_told_where_it_takes_no_order_there(binance):
    binance.specs["ETHUSDT"].status = "SETTLING"
    body = '{"code": -4108, "msg": "Current symbol is pending delivery."}'
    binance.fault("v1/order", "status", status=400, body=body, method="POST")
    failure = refused(binance, reducing("ETHUSDT", "SHORT", 1.0))
    assert (failure.code, "pending delivery" in failure.message) == ("order-refused", True)


def test_an_entry_there_has_no_market(venue):
    venue.specs["ETHUSDT"].status = "SETTLING"
    assert refused(venue, lambda exchange: exchange.market_view("ETHUSDT")).code == "unknown-symbol"


# The list of markets.


def test_a_market_that_is_listed_since_is_looked_for_again(venue, monkeypatch):
    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)
    venue.take_off("ETHUSDT")
    before, after, sent, market = in_turn(
        venue,
        q(account),
        act(lambda: venue.put_on("ETHUSDT")),
        q(account),
        q(reducing("ETHUSDT", "SHORT", 1.0)),
        q(lambda exchange: exchange.market_view("ETHUSDT")),
    )
    assert before.held[1].market.get("listed") is False
    assert after.held[1].market["symbol"] == "ETH/USDT:USDT"
    assert (sent.quantity, market.market.symbol) == (1.0, "ETHUSDT")


def test_it_is_not_looked_for_more_than_once_a_minute(venue):
    venue.take_off("ETHUSDT")
    in_turn(
        venue,
        *[q(account)] * 3,
        *[failing(lambda exchange: exchange.market_view("ETHUSDT"))] * 3,
        *[failing(lambda exchange: exchange.market_view("NOPEUSDT"))] * 3,
    )
    assert listings(venue) == 1


def test_a_list_that_cannot_be_read_again_stays(venue, monkeypatch):
    monkeypatch.setattr(reading, "REFERENCE_SECONDS", 0.0)
    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)

    def fail():
        venue.fault(venue.markets_path, "drop", 1000)

    before, after, mended = in_turn(
        venue,
        q(account),
        act(fail),
        q(account),
        act(venue._faults.clear),
        q(lambda exchange: exchange.snapshot("BTCUSDT")),
    )
    assert [one.position for one in after.held] == [one.position for one in before.held]
    assert mended.market.symbol == "BTCUSDT"


def test_a_list_that_was_never_read_is_an_error(venue):
    venue.fault(venue.markets_path, "drop", 1000)
    assert refused(venue, account).code == "venue-down"


def test_who_asks_at_once_shares_one_reading_of_the_list_and_its_failure(venue):
    async def at_once(exchange):
        failures = await asyncio.gather(*(exchange.market_view("BTCUSDT") for _ in range(5)), return_exceptions=True)
        return {one.code for one in failures}, listings(venue)

    venue.fault(venue.markets_path, "timeout", 1000)
    none = Retries(attempts=1, first_delay_seconds=0, longest_seconds=1)
    codes, count = asked(venue, at_once, timeout_seconds=0.3, retries=none)
    assert (codes, count) == ({"venue-timeout"}, 1)


def test_one_who_goes_away_takes_the_list_from_nobody(venue):
    async def leaving(exchange):
        first = asyncio.ensure_future(exchange._session.reference.markets())
        second = asyncio.ensure_future(exchange._session.reference.markets())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert "BTC/USDT:USDT" in asked(venue, leaving)


def test_a_list_that_cannot_be_read_again_is_not_asked_for_more_than_once_a_minute(venue, monkeypatch):
    monkeypatch.setattr(reading, "REFERENCE_SECONDS", 0.0)

    def late():
        monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 600.0)
        venue.fault(venue.markets_path, "drop", 1000)

    in_turn(venue, q(account), act(late), *[q(account)] * 5)
    assert listings(venue) <= 2
