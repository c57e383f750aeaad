"""Whether the positions that are told are all that the balance speaks of: one that is left out is missed."""

from decimal import Decimal

import pytest

from rulecap.exchange import VenueError
from rulecap.exchange.positions import check_once
from tests.exchange.conftest import asked, refused
from tests.venue.venue import put

# Where the balance tells the margin of positions; elsewhere it follows from equity and what is free.
TELLING_MARGIN = pytest.mark.parametrize("venue", ["binanceusdm", "bybit"], indirect=True)


def account(exchange):
    return exchange.account_view()


def emptied(venue):
    """Return what takes the positions out of an answer about them."""
    return lambda answer: venue.with_rows(answer, lambda rows: [])


def test_no_position_at_all_is_not_believed_where_margin_of_positions_is_told(venue):
    """Else an account at its limit is one that holds nothing, and an entry is allowed on top."""
    venue.fault(venue.positions_path, "then", 999, change=emptied(venue))
    failure = refused(venue, account)
    assert (failure.code, failure.retriable) == ("half-an-answer", True)
    assert "USDT" in failure.message
    failure = refused(venue, lambda exchange: exchange.account_view(partial=True))
    assert failure.code == "half-an-answer"  # what was read before stands, and can be reduced by


def test_a_list_of_positions_that_is_empty_for_a_moment_is_asked_for_again(venue):
    venue.fault(venue.positions_path, "then", 8 if "bybit" in str(type(venue)) else 2, change=emptied(venue))
    assert len(asked(venue, account).held) == 2


def test_an_account_that_holds_nothing_is_one_where_no_margin_is_of_positions(venue):
    venue.set_position("BTCUSDT", "LONG", "0", "0")
    venue.set_position("ETHUSDT", "SHORT", "0", "0")
    view = asked(venue, account)
    assert (view.held, view.account.margin_used) == ((), 0.0)


def test_margin_in_another_coin_is_of_a_position_too(bybit):
    def bound(answer):
        coins = answer["result"]["list"][0]["coin"]
        coins.append(coins[0] | {"coin": "USDC", "totalPositionIM": "12.5"})
        return answer

    bybit.fault("wallet-balance", "then", 999, change=bound)
    failure = refused(bybit, account)
    assert (failure.code, "USDC: margin or PnL of positions" in failure.message) == ("half-an-answer", True)
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert (len(view.held), [one.code for one in view.untold]) == (2, ["half-an-answer"])
    bybit.set_elsewhere("linear", "USDC", "BTCPERP", "0.1")
    assert refused(bybit, account).code == "not-the-quote-currency"  # told, so nothing is missing


@TELLING_MARGIN
def test_no_margin_at_all_is_not_believed_where_positions_tell_theirs(venue):
    """Else an account at its limit is one that is all free, and nothing is reduced of it."""
    if venue.positions_path == "positionRisk":
        change = put(initialMargin="0", positionInitialMargin="0")
    else:
        change = put(totalPositionIM="0")
    path = venue.balance_path
    venue.fault(path, "then", 1, change=change)
    assert asked(venue, account).account.margin_used == 3_234.7
    venue.fault(path, "then", 999, change=change)
    for partial in (False, True):
        failure = refused(venue, lambda exchange, partial=partial: exchange.account_view(partial=partial))
        assert (failure.code, "no margin is used" in failure.message) == ("half-an-answer", True)


def test_a_position_that_has_no_name_is_not_called_none(bybit):
    bybit.fault("position/list", "then", 999, change=put(symbol=""), when=lambda one: "USDT" in one.query)
    view = asked(bybit, lambda exchange: exchange.account_view(partial=True))
    assert [one.code for one in view.untold] == ["missing-field"] * 2
    assert all("which market" in one.message for one in view.untold)


def without_one(venue):
    """Return what takes all positions but the first out of an answer about them."""
    return lambda answer: venue.with_rows(answer, lambda rows: rows[:1])


@TELLING_MARGIN
@pytest.mark.parametrize("hedged", [False, True])
def test_a_single_position_that_is_left_out_among_several_is_missed(venue, hedged):
    """Else nothing is reduced of it, and what the others bind is all that the policy sees."""
    venue.set_hedged(hedged)
    venue.fault(venue.positions_path, "then", 999, change=without_one(venue))
    failure = refused(venue, account)
    assert (failure.code, failure.retriable) == ("half-an-answer", True)
    view = asked(venue, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["BTCUSDT"]  # which can be reduced all the same
    assert [one.code for one in view.untold] == ["half-an-answer"]
    venue._faults.clear()
    venue.fault(venue.positions_path, "then", 8 if "bybit" in str(type(venue)) else 2, change=without_one(venue))
    assert len(asked(venue, account).held) == 2


def test_one_is_missed_by_the_margin_alone_where_the_account_lists_none(binance):
    binance.fault("positionRisk", "then", 999, change=without_one(binance))
    binance.fault("v3/account", "then", 999, change=put(positions=[]))
    failure = refused(binance, account)
    assert (failure.code, "more margin than" in failure.message) == ("half-an-answer", True)


def test_by_how_much_an_isolated_position_binds_none_is_missed(binance):
    """The margin of the account is then with what was put aside for it, or without, and nobody tells which."""
    binance.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4, isolated=True)
    binance.fault("v3/account", "then", 999, change=put(positions=[], positionInitialMargin="9000"))
    assert len(asked(binance, account).held) == 2


@TELLING_MARGIN
@pytest.mark.parametrize(("factor", "whole"), [("0.5", True), ("1.05", True), ("1.2", False)])
def test_prices_that_move_between_two_answers_leave_no_position_missing(venue, factor, whole):
    margin = str(venue.margin() * Decimal(factor))
    if venue.positions_path == "positionRisk":
        venue.fault("v3/account", "then", 999, change=put(positionInitialMargin=margin))
    else:
        venue.fault("wallet-balance", "then", 999, change=put(totalPositionIM=margin))
    if whole:
        assert len(asked(venue, account).held) == 2
    else:
        assert refused(venue, account).code == "half-an-answer"


def test_margin_at_the_mark_price_is_none_of_a_position_that_is_missing(bybit):
    """Where a position tells its margin at the price at which it was entered, and has gained much since."""
    bybit.set_position("ETHUSDT", "SHORT", "0", "0")
    bybit.set_position("BTCUSDT", "LONG", "0.2", "10000", leverage=4)
    bybit.fault("position/list", "then", 999, change=put(positionIM="500"))
    assert len(asked(bybit, account).held) == 1


def test_what_closing_a_position_of_high_leverage_costs_is_none_of_one_that_is_missing(bybit):
    bybit.set_position("ETHUSDT", "SHORT", "0", "0")
    bybit.set_position("BTCUSDT", "LONG", "0.2", "32310", leverage=100)
    margin = Decimal("64.62") * Decimal("1.08") + 6462 * Decimal("0.0011")
    bybit.fault("wallet-balance", "then", 999, change=put(totalPositionIM=str(margin)))
    assert len(asked(bybit, account).held) == 1


def test_an_account_that_lists_another_size_is_of_another_moment(binance):
    def larger(answer):
        rows = answer["positions"]
        return answer | {"positions": [rows[0] | {"positionAmt": "0.3"}, *rows[1:]]}

    binance.fault("v3/account", "then", 1, change=larger)
    assert asked(binance, account).held[0].position.quantity == 0.2
    binance.fault("v3/account", "then", 999, change=larger)
    assert refused(binance, account).code == "account-moving"
    view = asked(binance, lambda exchange: exchange.account_view(partial=True))
    assert ([one.code for one in view.unsure], view.held[0].position.quantity) == (["account-moving"], 0.2)


def test_a_position_that_turned_round_is_another_one(binance):
    def turned(answer):
        rows = answer["positions"]
        return answer | {"positions": [rows[0] | {"positionAmt": "-0.2"}, *rows[1:]]}

    binance.fault("v3/account", "then", 999, change=turned)
    assert refused(binance, account).code == "half-an-answer"


def test_a_market_with_orders_alone_is_no_position(binance):
    def more(answer):
        row = answer["positions"][0] | {"symbol": "SOLUSDT", "positionAmt": "0.000"}
        return answer | {"positions": [*answer["positions"], row, row | {"positionAmt": "0E-8"}]}

    binance.fault("v3/account", "then", 999, change=more)
    assert len(asked(binance, account).held) == 2


def doubled(venue):
    """Return what has each position twice in an answer about them."""
    return lambda answer: venue.with_rows(answer, lambda rows: [*rows, *(dict(row) for row in rows)])


def test_a_position_that_is_told_twice_is_not_two(venue):
    """Else two of the worst are one, and the next worst is not reduced."""
    ours = lambda one: one.params.get("settleCoin", "USDT") == "USDT"  # noqa: E731
    venue.fault(venue.positions_path, "then", 2, change=doubled(venue), when=ours)
    assert len(asked(venue, account).held) == 2
    venue.fault(venue.positions_path, "then", 999, change=doubled(venue), when=ours)
    failure = refused(venue, account)
    assert (failure.code, "told twice" in failure.message) == ("half-an-answer", True)


def test_two_positions_on_a_side_of_a_market_are_two_where_something_tells_them_apart():
    raw = {"symbol": "X/USDT:USDT", "side": "long", "contracts": 2.0, "entryPrice": 9.0, "marginMode": "cross", "id": 1}
    for other in ({"marginMode": "isolated"}, {"id": 2}, {"contracts": 3.0}, {"entryPrice": 8.0}, {"side": "short"}):
        check_once([raw, raw | other])
    check_once([raw | {"contracts": 0.0}] * 2)  # empty ones are none
    with pytest.raises(VenueError, match="told twice"):
        check_once([raw, raw | {"contracts": "2", "info": {}}])
