"""A monitor over Bitget: what is held over every venue, and what is Bitget's alone."""

from decimal import Decimal

import pytest

from rulecap.monitor.orders import FILLED, OPEN, REFUSED
from tests.monitor import test_deposits, test_execution, test_faults, test_unlisted
from tests.monitor.conftest import ORANGE, RED, codes, fill, quantities
from tests.monitor.test_unlisted import states
from tests.venue.bitget import Bitget
from tests.venue.venue import put

# What is held over every venue, of which nothing is skipped here.
SHARED = {
    test_deposits: (
        "test_deposits_are_counted_on_from_where_the_log_ended",
        "test_money_that_moves_while_the_account_is_read_is_no_profit_and_no_loss",
        "test_where_money_never_rests_nothing_that_depends_on_it_is_decided",
        "test_a_ledger_that_cannot_be_read_stops_no_reduction_and_puts_nothing_wrong_on_record",
    ),
    test_execution: (
        "test_calm_reduces_nothing",
        "test_the_orange_zone_reduces_every_position_by_the_policys_share_rounded_down",
        "test_the_red_zone_closes_the_worst_until_half_is_free",
        "test_in_hedge_mode_the_right_side_is_closed",
        "test_no_more_orders_than_the_cap_are_sent_within_an_hour_over_restarts",
        "test_an_order_without_an_answer_is_asked_about_and_never_sent_again",
        "test_an_uncertain_order_keeps_its_position_from_being_touched",
        "test_what_the_venue_never_took_is_decided_anew_under_another_name",
        "test_a_partly_filled_order_is_followed_then_cancelled_and_decided_anew",
        "test_a_position_that_is_gone_is_noted_and_the_others_are_reduced",
        "test_what_has_gone_of_a_position_since_it_was_read_is_not_reduced_again",
        "test_where_the_venue_goes_on_to_turn_the_worst_down_the_next_worst_is_closed",
        "test_where_orders_on_the_worst_end_unfilled_again_and_again_the_next_worst_is_closed",
        "test_an_order_that_stays_open_unfilled_is_one_of_these_once_it_is_cancelled",
        "test_where_nobody_tells_what_became_of_the_worst_ones_order_the_next_worst_is_closed",
        "test_a_pass_that_finds_a_position_gone_is_fine",
    ),
    test_faults: (
        "test_an_account_that_cannot_be_read_is_not_acted_on_and_is_again_when_it_can_be",
        "test_a_wrong_clock_is_told_and_nothing_is_sent",
        "test_a_position_that_appears_between_two_calls_is_in_the_decision",
        "test_a_market_that_is_taken_off_keeps_nothing_else_from_being_reduced",
        "test_an_account_that_never_rests_is_reduced",
    ),
    test_unlisted: (
        "test_a_position_in_a_market_that_is_not_listed_is_counted_and_left_out_and_the_others_are_reduced",
        "test_the_next_worst_is_closed_where_the_worst_is_not_traded",
        "test_an_order_whose_market_is_taken_off_meanwhile_comes_to_its_end",
    ),
}
for module, names in SHARED.items():
    globals().update({name: getattr(module, name) for name in names})


@pytest.fixture
def venue():
    with Bitget() as one:
        fill(one)
        yield one


def refusal(code):
    return {"status": 400, "body": f'{{"code":"{code}","msg":"it is so","requestTime":1790000000000,"data":null}}'}


def test_an_order_that_bitget_took_though_it_told_of_an_error_is_not_followed_by_another(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fill_share = Decimal(0)  # so that another one could be sent, and both fill
    venue.fault(venue.order_path, "status", 4, method="POST", **refusal("40010"))
    first, second = desk.passes(2)
    assert {one.order.state for one in first.outcomes} == {OPEN}
    assert {one.did for one in second.outcomes} == {"waits"}
    assert len(venue.orders) == 4


def test_a_market_under_maintenance_at_bitget_has_the_next_worst_closed(desk, venue):
    def under_maintenance():
        venue.set_wallet(RED)
        venue.fault(venue.order_path, "status", 1, **refusal("40308"))

    def seen():
        venue.set_position("BTCUSDT", "LONG", "0.05", "32310", leverage=5)  # the fault is in the answer alone
        venue.set_wallet("600")  # RED still

    venue.set_wallet("20000")
    _, refused, closed = desk.steps(under_maintenance, seen)
    assert (states(refused)["BTCUSDT"], set(states(closed).values())) == (REFUSED, {FILLED})


def test_bitgets_ledger_that_tells_an_entry_late_is_counted_on_from(desk, venue):
    desk.one()
    venue.deposit("-3000")
    venue.fault(venue.ledger_path, "then", 1, change=put(bills=[]))
    reports = [desk.one() for _ in range(3)]
    assert [one.snapshot.account.net_deposits for one in reports] == [0, -3000, -3000]
    assert [codes(one) for one in reports] == [[], ["deposits-late"], []]


def test_an_account_at_bitget_that_gains_much_is_not_reduced(desk, venue):
    """Its profit is free to be traded with, and was taken for margin: half of the positions were closed at a high."""
    venue.set_wallet("2500")
    before = quantities(venue)
    venue.set_mark("BTCUSDT", "80000")
    report = desk.one()
    assert (report.verdicts()["margin"], quantities(venue)) == ("GREEN_ZONE", before)


def test_isolated_positions_at_bitget_are_reduced_too(desk, venue):
    for held in venue.account.holdings.values():
        held.isolated = True
    venue.set_wallet(ORANGE)
    desk.one()
    assert quantities(venue) == {"BTCUSDT": 0.035, "ETHUSDT": 0.35, "SOLUSDT": 28, "SUSHIUSDT": 12}
