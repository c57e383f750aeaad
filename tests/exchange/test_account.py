"""Balances as venues really send them: missing is never zero, and nothing is made up."""

import pytest

from rulecap.exchange import VenueError, reading
from rulecap.exchange.accounts import account_of
from rulecap.exchange.settings import ExchangeSettings
from tests.exchange.conftest import VENUES, asked, refused
from tests.venue.venue import dropped, put, restless

# Where the balance tells the margin of positions; elsewhere it follows from equity and what is free.
TELLING_MARGIN = pytest.mark.parametrize("venue", ["binanceusdm", "bybit"], indirect=True)


def account(exchange):
    return exchange.account_view()


def test_what_is_free_is_never_taken_for_total_minus_used(binance):
    for change in (dropped("availableBalance"), put(availableBalance=None)):
        binance.fault("account", "then", change=change)
        failure = refused(binance, account)
        assert (failure.code, failure.path) == ("missing-field", "account.available_balance")


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, kind in VENUES.items() for mode in kind.modes])
def test_an_account_whose_margin_is_no_one_pool_is_refused_by_that_name(name, mode):
    """Its equity in one currency is not what it is margined by."""
    with VENUES[name]() as venue:
        venue.set_mode(mode)
        for partial in (False, True):
            failure = refused(venue, lambda exchange, partial=partial: exchange.account_view(partial=partial))
            assert (failure.code, failure.retriable) == ("not-one-pool", False)
            assert mode in failure.message


def test_what_is_held_can_be_reduced_whatever_the_mode(venue):
    venue.set_mode(venue.modes[0])
    action = {"action": "CLOSE", "symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    assert asked(venue, lambda exchange: exchange.place_reduction(action, "one")).quantity == 0.1


@pytest.mark.parametrize("answer", [{}, {"multiAssetsMargin": None}, {"multiAssetsMargin": "true"}])
def test_a_mode_that_is_not_told_is_not_taken_for_the_usual_one(binance, answer):
    binance.fault("multiAssetsMargin", "then", 99, change=lambda _: answer)
    assert refused(binance, account).code == "half-an-answer"


@pytest.mark.parametrize("told", [None, "", 0])
def test_a_mode_that_bybit_does_not_tell_is_not_taken_for_the_usual_one(bybit, told):
    bybit.fault("account/info", "then", 99, change=put(marginMode=told))
    assert refused(bybit, account).code == "half-an-answer"


def test_the_mode_is_asked_for_again_after_a_minute_and_kept_while_it_cannot_be(venue, monkeypatch):
    path = venue.mode_path

    async def look(exchange):
        seen = []
        for act in (None, "later", "failing", "changed"):
            if act == "failing":
                venue.fault(path, "status", 99, status=500, body="oops")
            if act == "changed":
                venue._faults.clear()
                venue.set_mode(venue.modes[0])
            monkeypatch.setattr(reading, "MODE_SECONDS", 0.0 if act else 60.0)
            venue.requests.clear()
            try:
                await exchange.account_view()
            except VenueError as error:
                seen.append(error.code)
            else:
                seen.append(len(venue.asked(path)))
        return seen

    first, later, failing, changed = asked(venue, look)
    assert (later, failing, changed) == (1, 1, "not-one-pool")
    assert first >= 1


def test_other_coins_that_are_margin_in_a_unified_account_are_told_once_by_their_names(bybit, caplog):
    def coin(name, **fields):
        return {"coin": name, "equity": "1.5", "walletBalance": "1.5", "marginCollateral": True} | fields

    others = [
        coin("SOL"),
        coin("BTC"),
        coin("MNT", equity="0"),
        coin("XYZ", marginCollateral=False),
        coin("ETH", collateralSwitch=False),
    ]

    def more(answer):
        (told,) = answer["result"]["list"]
        return answer | {"result": {"list": [told | {"coin": [*told["coin"], *others]}]}}

    async def look(exchange):
        return [await exchange.account_view() for _ in range(3)][-1]

    bybit.fault("wallet-balance", "then", 99, change=more)
    assert asked(bybit, look).account.total_wallet_balance == 12_000
    said = [one.getMessage() for one in caplog.records if getattr(one, "code", "") == "other-collateral"]
    assert said == ["other assets are margin too, and are not counted: BTC, SOL"]


def test_what_an_account_has_beside_its_currency_is_nothing_to_tell_where_it_is_no_margin(venue, caplog):
    def dust(answer):
        bnb = {name: "0.002" if "alance" in name else "0" for name in answer["assets"][0]} | {"asset": "BNB"}
        return answer | {"assets": [*answer["assets"], bnb]}

    venue.fault("v3/account", "then", 99, change=dust)
    assert asked(venue, account).account.total_wallet_balance == 12_000
    assert not [one for one in caplog.records if getattr(one, "code", "") == "other-collateral"]


def test_an_isolated_bybit_account_tells_nothing_that_is_available(bybit):
    bybit.isolated_account = True
    failure = refused(bybit, account)
    assert (failure.code, failure.path) == ("missing-field", "account.available_balance")


@pytest.mark.parametrize("gone", [dropped("totalPositionIM"), put(totalPositionIM="", totalOrderIM="")])
def test_a_margin_that_bybit_does_not_tell_is_not_zero(bybit, gone):
    # As in portfolio margin; ccxt adds what is told of locked and used up, and takes the rest for nothing.
    bybit.fault("wallet-balance", "then", change=gone)
    failure = refused(bybit, account)
    assert (failure.code, failure.path) == ("missing-field", "account.margin_used")


def test_a_free_balance_of_zero_is_zero(binance):
    binance.fault("account", "then", change=put(availableBalance="0.00000000"))
    assert asked(binance, account).account.available_balance == 0


def test_the_wallet_is_without_unrealized_profit_though_the_unified_total_has_it(binance):
    binance.set_mark("BTCUSDT", "40000")
    view = asked(binance, account)
    assert view.account.total_wallet_balance == 12_000
    assert view.account.unrealized_pnl > 1_000


def test_an_account_without_its_currency_is_no_account(binance):
    binance.fault("account", "then", change=put(assets=[]))
    failure = refused(binance, account)
    assert (failure.code, failure.path) == ("missing-field", "account.total_wallet_balance")


@pytest.mark.parametrize("field", ["maintMargin", "totalPositionMM"])
def test_maintenance_margin_is_summed_over_positions_where_the_venue_has_no_sum(venue, field):
    path = "account" if field == "maintMargin" else "wallet-balance"
    venue.fault(path, "then", change=dropped(field))
    assert asked(venue, account).account.maintenance_margin > 0


def test_a_maintenance_margin_of_which_a_part_is_not_told_is_absent_and_no_sum_of_the_others(binance):
    """A smaller one would make an account look further from its liquidation than it is."""

    def unpriced(answer):
        return [one | {"entryPrice": "0"} if one["symbol"] == "BTCUSDT" else one for one in answer]

    binance.fault("account", "then", 99, change=dropped("maintMargin"))
    binance.fault("positionRisk", "then", 99, change=unpriced)
    view = asked(binance, lambda exchange: exchange.account_view(partial=True))
    assert (len(view.untold), len(view.held), view.account.maintenance_margin) == (1, 1, None)


def test_a_position_whose_size_is_not_told_is_no_empty_one(venue):
    venue.fault(venue.positions_path, "then", times=9, change=dropped("positionAmt", "size", "pos"))
    failure = refused(venue, account)
    assert failure.code == "missing-field"
    assert "BTC/USDT:USDT" in failure.message


@pytest.mark.parametrize("price", ["0", "0.00000000", "", None])
def test_a_position_without_an_entry_price_is_not_left_out(binance, price):
    """As ccxt leaves it out, and its margin with it."""

    def without(answer):
        return [one | {"entryPrice": price} if one["symbol"] == "BTCUSDT" else one for one in answer]

    binance.fault("positionRisk", "then", 99, change=without)
    failure = refused(binance, account)
    assert (failure.code, failure.path) == ("missing-field", "positions[BTC/USDT:USDT].entry_price")
    view = asked(binance, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["ETHUSDT"]
    assert len(view.untold) == 1


def test_an_empty_position_is_none_whatever_its_entry_price(binance):
    empty = {"symbol": "SOLUSDT", "positionAmt": "0", "entryPrice": "0.0", "notional": "0", "positionSide": "BOTH"}
    binance.fault("positionRisk", "then", 99, change=lambda answer: [*answer, empty])
    assert [one.position.symbol for one in asked(binance, account).held] == ["BTCUSDT", "ETHUSDT"]


@TELLING_MARGIN
def test_a_margin_below_zero_is_none(venue):
    venue.fault(venue.balance_path, "then", change=put(initialMargin="-5", totalPositionIM="-5"))
    failure = refused(venue, account)
    assert (failure.code, failure.path) == ("missing-field", "account.margin_used")


def test_bybit_leaves_out_a_profit_of_zero(bybit):
    bybit.set_mark("BTCUSDT", "31480")
    btc = asked(bybit, account).held[0].position
    assert (btc.symbol, btc.unrealized_pnl) == ("BTCUSDT", 0)


def test_both_sides_of_a_market_are_two_positions_in_hedge_mode(venue):
    venue.set_hedged(True)
    venue.set_position("BTCUSDT", "SHORT", "0.05", "32000", leverage=5)
    held = asked(venue, account).held
    assert [(one.position.symbol, one.position.side, one.position.quantity) for one in held] == [
        ("BTCUSDT", "LONG", 0.2),
        ("BTCUSDT", "SHORT", 0.05),
        ("ETHUSDT", "SHORT", 2.4),
    ]
    assert {one.hedged for one in held} == {True}


ELSEWHERE = [
    ("linear", "USDC", "BTCPERP", "not-the-quote-currency", "settles in USDC"),
    ("inverse", "BTC", "BTCUSD", "inverse-contract", "margin and PnL are in BTC"),
    ("linear", "USDC", "GONEPERP", "not-the-quote-currency", "settles in USDC"),
    ("inverse", "ETH", "GONEUSD", "unknown-symbol", "GONEUSD"),
]


@pytest.mark.parametrize(("category", "settle", "symbol", "code", "said"), ELSEWHERE)
def test_a_position_in_another_currency_of_the_same_account_is_seen(bybit, category, settle, symbol, code, said):
    bybit.set_elsewhere(category, settle, symbol, "0.5")
    failure = refused(bybit, account)
    assert (failure.code, said in failure.message) == (code, True)
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "ETHUSDT"]
    assert [one.code for one in view.untold] == [code]


def test_where_the_venue_does_not_say_what_is_held_in_other_currencies_the_account_is_not_whole(bybit):
    def unsupported(answer):
        none = {"retCode": 10001, "retMsg": "category is not supported", "result": {}}
        return none if answer["result"].get("category") == "inverse" else answer

    bybit.fault("position/list", "then", 99, change=unsupported)
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "ETHUSDT"]
    assert "category is not supported" in view.untold[0].message
    assert refused(bybit, account).code == view.untold[0].code


def test_what_is_held_in_other_currencies_is_not_asked_for_when_an_order_is_sent(bybit):
    action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.1, "reduce_only": True}
    assert asked(bybit, lambda exchange: exchange.place_reduction(action, "one")).quantity == 0.1
    assert [one.params.get("settleCoin") for one in bybit.asked("position/list")] == ["USDT"]


def test_an_isolated_position_keeps_its_own_margin(binance):
    binance.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=8, isolated=True)
    assert asked(binance, account).held[0].position.margin == pytest.approx(0.2 * 32_310 / 8)


def test_a_position_without_a_liquidation_price_has_none(venue):
    venue.set_wallet("500000")
    assert asked(venue, account).held[0].position.liquidation_price is None


def test_the_account_is_read_again_when_a_position_appears_meanwhile(venue):
    venue.after(venue.positions_path, lambda: venue.set_position("SOLUSDT", "LONG", "10", "27", leverage=2))
    view = asked(venue, account)
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert view.account.margin_used == pytest.approx(sum(one.position.margin for one in view.held))


def test_an_account_that_never_rests_is_said_to_move(binance):
    def grow(size):
        binance.set_position("SOLUSDT", "LONG", str(size), "27")
        binance.after("positionRisk", lambda: grow(size + 1))

    grow(10)
    failure = refused(binance, account)
    assert (failure.code, failure.retriable) == ("account-moving", True)
    assert len(binance.asked("positionRisk")) == 6


def test_of_an_account_that_never_rests_a_part_is_told_as_it_was_last(venue):
    restless(venue)
    view = asked(venue, lambda exchange: exchange.account_view(partial=True))
    assert [error.code for error in view.unsure] == ["account-moving"]
    held = {one.position.symbol: one.position.quantity for one in view.held}
    assert held["SOLUSDT"] == 15  # of the last look at the positions, by which a reduction is not of what has gone


def unified(total="1000", free="900", used=None):
    return {"USDT": {"total": total, "free": free, "used": used}, "info": {}}


class Held:
    class position:  # noqa: N801 - stands in for an instance
        unrealized_pnl = 100.0
        margin = 50.0

    maintenance_margin = None


@pytest.mark.parametrize(("meaning", "wallet"), [("wallet", 1000), ("equity", 900)])
def test_an_unknown_venues_total_is_what_the_settings_say(meaning, wallet):
    settings = ExchangeSettings(venue="kraken", balance_total=meaning)
    found = account_of(unified(used="100"), [Held], settings, 0.0)
    assert (found.total_wallet_balance, found.available_balance, found.margin_used) == (wallet, 900, 100)
    assert found.maintenance_margin is None


@pytest.mark.parametrize(("used", "margin"), [("0", 50), ("10", 50), ("70", 70)])
def test_what_is_put_aside_for_orders_is_not_all_that_is_margin(used, margin):
    """At some venues ccxt calls that `used`: an account with a resting order had hardly any margin in use."""
    settings = ExchangeSettings(venue="kraken", balance_total="wallet")
    assert account_of(unified(used=used), [Held], settings, 0.0).margin_used == margin


def test_an_unknown_venues_total_is_not_guessed():
    with pytest.raises(VenueError, match="set balance_total") as raised:
        account_of(unified(), [Held], ExchangeSettings(venue="kraken"), 0.0)
    assert raised.value.path == "account.total_wallet_balance"


@pytest.mark.parametrize(("field", "path"), [("free", "available_balance"), ("total", "total_wallet_balance")])
def test_a_missing_or_null_unified_field_is_named(field, path):
    for value in (None, ""):
        with pytest.raises(VenueError) as raised:
            account_of(unified(**{field: value}), [], ExchangeSettings(venue="kraken"), 0.0)
        assert raised.value.path == f"account.{path}"


def test_nothing_is_summed_over_positions_of_which_one_is_not_told():
    settings = ExchangeSettings(venue="kraken", balance_total="wallet")
    with pytest.raises(VenueError) as raised:
        account_of(unified(used="100"), None, settings, 0.0)
    assert raised.value.path == "account.total_wallet_balance"


def test_a_balance_that_no_number_holds_is_the_venues_error():
    class Losing(Held):
        class position:  # noqa: N801 - stands in for an instance
            unrealized_pnl = -1.7e308
            margin = 50.0

    settings = ExchangeSettings(venue="kraken", balance_total="equity")
    with pytest.raises(VenueError) as raised:
        account_of(unified(total="1.7e308", used="100"), [Losing], settings, 0.0)
    assert (raised.value.code, raised.value.problems[0].path) == ("not-a-snapshot", "total_wallet_balance")
