"""The policy's reductions as orders: what each zone asks for, once, within the cap, followed to its end."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from rulecap.language.values import iso
from rulecap.monitor.execution import Decided
from rulecap.monitor.journal import JournalError
from rulecap.monitor.orders import CANCELLED, FILLED, NOT_SENT, REFUSED, UNCERTAIN, Orders
from tests.monitor.conftest import (
    ORANGE,
    RED,
    Desk,
    changes,
    codes,
    fill,
    ledger_path,
    lookup_paths,
    order_path,
    quantities,
)
from tests.monitor.model import acted
from tests.venue.bybit import Bybit
from tests.venue.venue import READ_ONLY_KEY, READ_ONLY_SECRET


def test_calm_reduces_nothing(desk, venue):
    report = desk.one()
    assert report.ok
    assert report.verdicts() == {"state": "HEALTHY", "margin": "GREEN_ZONE", "drawdown": "NORMAL"}
    assert venue.orders == []


def test_without_execute_it_says_what_it_would_do(desk, venue):
    venue.set_wallet(ORANGE)
    report = desk.one(execute=False)
    assert {(one.did, one.action["action"], one.action["symbol"]) for one in report.outcomes} == {
        ("would-send", "REDUCE", symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "SUSHIUSDT")
    }
    assert venue.orders == []
    assert report.ok


def test_the_orange_zone_reduces_every_position_by_the_policys_share_rounded_down(desk, venue):
    venue.set_wallet(ORANGE)
    report = desk.one()
    assert report.verdicts()["margin"] == "ORANGE_ZONE"
    assert quantities(venue) == {"BTCUSDT": 0.035, "ETHUSDT": 0.35, "SOLUSDT": 28, "SUSHIUSDT": 12}
    assert all(order.reduce_only for order in venue.orders)
    assert {one.order.state for one in report.outcomes} == {FILLED}
    again = desk.one()
    assert again.verdicts()["margin"] == "YELLOW_ZONE"
    assert len(venue.orders) == 4


def test_the_red_zone_closes_the_worst_until_half_is_free(desk, venue):
    venue.set_wallet(RED)
    venue.set_position("SOLUSDT", "LONG", "40", "29", leverage=5)  # the worst return on its margin
    report = desk.one()
    assert report.verdicts()["margin"] == "RED_ZONE"
    sent = [(one.action["action"], one.action["symbol"]) for one in report.outcomes]
    assert sent[0] == ("CLOSE", "SOLUSDT")
    assert "SOLUSDT" not in quantities(venue)
    assert desk.one().verdicts()["margin"] in ("GREEN_ZONE", "YELLOW_ZONE")


def test_in_hedge_mode_the_right_side_is_closed(desk, venue):
    venue.set_hedged(True)
    venue.set_position("BTCUSDT", "SHORT", "0.01", "30000", leverage=5)  # the worst return on its margin
    venue.set_wallet("900")
    first = desk.one().outcomes[0]
    assert (first.action["action"], first.action["side"], first.order.state) == ("CLOSE", "SHORT", FILLED)
    assert (venue.orders[0].symbol, venue.orders[0].side, float(venue.orders[0].filled)) == ("BTCUSDT", "BUY", 0.01)
    assert ("BTCUSDT", "SHORT") not in venue.account.holdings


def test_an_orders_name_tells_its_record(desk, venue):
    venue.set_wallet(ORANGE)
    report = desk.one()
    (margin,) = [one for one in report.decided if one.decision == "margin"]
    log, _, number = margin.record_id.rpartition("-")
    assert [order.client_id for order in venue.orders] == [f"rc{log}r{number}n{n}" for n in range(4)]
    assert [one.record for one in desk.orders()] == [margin.record_id] * 4


def test_an_order_says_what_the_policy_asked_for_and_why(desk, venue):
    """Who looks at the orders afterwards need not look the decision up to know what each was for."""
    venue.set_wallet(ORANGE)
    report = desk.one()
    asked = [
        (one.action["action"], one.action["symbol"], one.action["side"], one.action["why"]) for one in report.outcomes
    ]
    assert all(why for *_, why in asked)
    assert [(one.action, one.symbol, one.side, one.why) for one in desk.orders()] == asked
    assert {one.decided_at for one in desk.orders()} == {iso(report.snapshot.as_of)}


def test_no_more_orders_than_the_cap_are_sent_within_an_hour_over_restarts(desk, venue):
    venue.set_wallet(ORANGE)
    first = desk.one(most_orders_per_hour=3)
    assert [one.did for one in first.outcomes] == ["sent"] * 3 + ["over-the-cap"]
    assert changes(first)["monitor.cap"] == ("WITHIN", "REACHED")
    venue.set_wallet("550")
    assert {one.did for one in desk.one(most_orders_per_hour=3).outcomes} == {"over-the-cap"}
    assert len(venue.orders) == 3
    desk.clock.pass_time(3601)
    assert "sent" in {one.did for one in desk.one(most_orders_per_hour=3).outcomes}
    assert 3 < len(venue.orders) <= 6


@pytest.mark.parametrize("kind", ["timeout", "drop", "cut", "lost"])
def test_an_order_without_an_answer_is_asked_about_and_never_sent_again(desk, venue, kind):
    venue.set_wallet(ORANGE)
    venue.fault(order_path(venue), kind, method="POST")
    desk.one()
    names = [order.client_id for order in venue.orders]
    assert len(names) == len(set(names))
    posts = [one for one in venue.requests if one.method == "POST"]
    assert len(posts) == 4
    first = desk.orders()[0]
    if kind in ("cut", "lost"):  # the venue took it
        assert first.state == FILLED
    else:
        assert (first.state, first.code) == (UNCERTAIN, "order-not-found")


SERVERS_OWN = {
    "v1/order": (503, '{"code":-1000,"msg":"Unknown error, please check your request or try again later."}'),
    "trade/batch-orders": (500, '{"code":"50026","data":[],"msg":"System error"}'),
    "order/create": (200, '{"retCode":10000,"retMsg":"Server Timeout","result":{},"retExtInfo":{},"time":1}'),
}


def test_an_order_that_was_taken_though_the_server_told_of_an_error_is_not_followed_by_another(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fill_share = Decimal(0)  # so that another one could be sent, and both fill
    path = order_path(venue)
    status, body = SERVERS_OWN[path]
    venue.fault(path, "status", 4, method="POST", status=status, body=body)
    first, second = desk.passes(2)
    assert {one.order.state for one in first.outcomes} == {"OPEN"}
    assert {one.did for one in second.outcomes} == {"waits"}
    assert len(venue.orders) == 4


def test_an_uncertain_order_keeps_its_position_from_being_touched(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fault(order_path(venue), "drop", method="POST")
    first, second = desk.passes(2)
    assert first.outcomes[0].order.state == UNCERTAIN
    assert all(one.did == "waits" for one in second.outcomes if one.action["symbol"] == "BTCUSDT")
    assert [order.symbol for order in venue.orders].count("BTCUSDT") == 0


def test_what_the_venue_never_took_is_decided_anew_under_another_name(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fault(order_path(venue), "drop", times=4, method="POST")

    def late():
        desk.clock.pass_time(31)

    _, second = desk.steps(late)
    assert [one.state for one in second.followed] == [NOT_SENT] * 4
    assert {one.did for one in second.outcomes} == {"sent"}
    assert len(venue.orders) == 4
    assert len({one.client_order_id for one in desk.orders()}) == 8


def test_a_partly_filled_order_is_followed_then_cancelled_and_decided_anew(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fill_share = Decimal("0.5")

    def more():
        venue.fill_share = Decimal(1)

    def late():
        desk.clock.pass_time(61)

    first, second, third = desk.steps(more, late)
    assert {one.order.state for one in first.outcomes} == {"OPEN"}
    assert {one.did for one in second.outcomes} <= {"waits"}
    assert {one.state for one in third.followed} == {CANCELLED}
    assert all(0 < one.filled < one.sent_quantity for one in third.followed)
    assert all(order.cancelled for order in venue.orders[:4])


def test_a_position_that_is_gone_is_noted_and_the_others_are_reduced(desk, venue):
    venue.set_wallet(ORANGE)
    # It is there while the account is read, and gone when the order is made.
    venue.after(ledger_path(venue), lambda: venue.set_position("BTCUSDT", "LONG", "0", "1"))
    report = desk.one()
    states = {one.action["symbol"]: one.order.state for one in report.outcomes}
    assert states == {"BTCUSDT": NOT_SENT, "ETHUSDT": FILLED, "SOLUSDT": FILLED, "SUSHIUSDT": FILLED}
    assert report.outcomes[0].order.code == "nothing-to-reduce"


def test_what_has_gone_of_a_position_since_it_was_read_is_not_reduced_again(desk, venue):
    """As where the bot's own stop is filled just then: of 0.05 the policy means 0.035 to stay."""
    venue.set_wallet(ORANGE)

    def stopped():
        venue.set_position("BTCUSDT", "LONG", "0.04", "32310", leverage=5)
        venue.set_position("ETHUSDT", "SHORT", "0.3", "2024", leverage=5)

    venue.after(ledger_path(venue), stopped)
    report = desk.one()
    found = {one.action["symbol"]: (one.order.state, one.order.sent_quantity) for one in report.outcomes}
    assert found["BTCUSDT"] == (FILLED, 0.005)
    assert found["ETHUSDT"] == (NOT_SENT, None)
    assert quantities(venue)["BTCUSDT"] == 0.035


def test_where_the_venue_goes_on_to_turn_the_worst_down_the_next_worst_is_closed(desk, venue):
    """As where an open stop order holds the position: in the red zone something has to shrink."""
    venue.set_wallet("780")
    venue.bind("BTCUSDT", "ETHUSDT")
    wait = lambda: desk.clock.pass_time(31)  # noqa: E731
    first, second, third, again = desk.steps(wait, wait, lambda: (wait(), venue.set_wallet("500")))
    assert [one.order.state for report in (first, second) for one in report.outcomes] == [REFUSED] * 4
    assert {one.action["symbol"]: one.order.state for one in third.outcomes} == {"SOLUSDT": FILLED, "SUSHIUSDT": FILLED}
    assert {one.symbol for one in third.snapshot.positions if one.tradable is False} == {"BTCUSDT", "ETHUSDT"}
    assert {one.symbol for one in again.snapshot.positions if one.tradable is False} == set()  # tried again
    assert {one.order.state for one in again.outcomes} == {REFUSED}


def test_a_market_in_settlement_that_turns_orders_down_has_the_next_worst_closed(tmp_path):
    """Bybit says so by a code of its own in an answer that is fine for HTTP."""
    with Bybit() as bybit:
        fill(bybit, "780")
        desk = Desk(tmp_path, bybit)
        bybit.bind("BTCUSDT", "ETHUSDT")
        bybit.refusal = 110063, "Settlement in progress! not available for trading."
        wait = lambda: desk.clock.pass_time(31)  # noqa: E731
        first, _, third = desk.steps(wait, wait)
        assert {one.order.state for one in first.outcomes} == {REFUSED}
        states = {one.action["symbol"]: one.order.state for one in third.outcomes}
        assert states == {"SOLUSDT": FILLED, "SUSHIUSDT": FILLED}


def test_where_orders_on_the_worst_end_unfilled_again_and_again_the_next_worst_is_closed(desk, venue):
    """As where an order is taken and expires, because no price is left within the venue's bounds."""
    venue.set_wallet("780")
    venue.lapse("BTCUSDT", "ETHUSDT")
    wait = lambda: desk.clock.pass_time(31)  # noqa: E731
    first, second, third, again = desk.steps(wait, wait, lambda: (wait(), venue.set_wallet("500")))
    for report in (first, second):
        assert [(one.order.state, one.order.code) for one in report.outcomes] == [(CANCELLED, "order-unfilled")] * 2
        assert (report.ok, set(codes(report))) == (False, {"order-unfilled"})
    assert {one.action["symbol"]: one.order.state for one in third.outcomes} == {"SOLUSDT": FILLED, "SUSHIUSDT": FILLED}
    assert {one.symbol for one in third.snapshot.positions if one.tradable is False} == {"BTCUSDT", "ETHUSDT"}
    assert {one.order.state for one in again.outcomes} == {CANCELLED}  # tried again


def test_an_order_that_stays_open_unfilled_is_one_of_these_once_it_is_cancelled(desk, venue):
    venue.set_wallet("780")
    venue.fill_share = Decimal(0)
    late = lambda: desk.clock.pass_time(61)  # noqa: E731
    *_, third = desk.steps(late, late)
    assert {(one.state, one.code) for one in third.followed} == {(CANCELLED, "order-unfilled")}
    assert {one.symbol for one in third.snapshot.positions if one.tradable is False} == {"BTCUSDT", "ETHUSDT"}
    assert {one.action["symbol"] for one in third.outcomes} == {"SOLUSDT", "SUSHIUSDT"}


def test_an_order_of_which_some_was_filled_has_ended_well(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fill_share = Decimal("0.5")
    _, second = desk.steps(lambda: (desk.clock.pass_time(61), venue.set_wallet("50000")))
    assert {(one.state, one.code) for one in second.followed} == {(CANCELLED, "")}
    assert second.ok


def test_where_nobody_tells_what_became_of_the_worst_ones_order_the_next_worst_is_closed(desk, venue):
    """As where orders are taken, and none can be asked about: in the red zone something has to shrink."""
    venue.set_wallet("780")
    venue.fault(order_path(venue), "drop", times=2, method="POST")
    for path in lookup_paths(venue):
        venue.fault(path, "status", 100_000, method="GET", status=503, body="{}")
    wait = lambda: desk.clock.pass_time(61)  # noqa: E731
    first, second, third = desk.steps(wait, wait)
    assert [one.order.state for one in first.outcomes] == [UNCERTAIN] * 2
    assert {one.did for one in second.outcomes} == {"waits"}
    assert {one.action["symbol"]: one.did for one in third.outcomes} == {"SOLUSDT": "sent", "SUSHIUSDT": "sent"}
    assert {"order-unsettled"} <= set(codes(third))
    assert {one.symbol for one in third.snapshot.positions if one.tradable is False} == {"BTCUSDT", "ETHUSDT"}
    assert [one.symbol for one in venue.orders] == ["SOLUSDT", "SUSHIUSDT"]


def test_an_order_that_may_stay_open_for_longer_is_no_reason_to_close_the_next_worst(desk, venue):
    """Its rest is not to be cancelled yet: by `--cancel-after` it is waited for."""
    venue.set_wallet("780")
    venue.fault(order_path(venue), "drop", times=2, method="POST")
    for path in lookup_paths(venue):
        venue.fault(path, "status", 100_000, method="GET", status=503, body="{}")
    _, second, third = desk.steps(*[lambda: desk.clock.pass_time(121)] * 2, cancel_seconds=150.0)
    assert {one.did for one in second.outcomes} == {"waits"}
    assert "order-unsettled" not in codes(second)
    assert "order-unsettled" in codes(third)


def test_a_pass_in_which_the_venue_has_orders_wait_is_not_fine(desk, venue):
    venue.set_wallet("780")
    venue.bind(*venue.specs)
    wait = lambda: desk.clock.pass_time(31)  # noqa: E731
    *_, waiting = desk.steps(wait, wait, wait, wait, wait)
    assert len(venue.orders) == 0
    assert (waiting.ok, set(codes(waiting))) == (False, {"turned-down"})
    assert "BTCUSDT LONG" in waiting.troubles[0].message


def test_an_order_that_is_taken_again_ends_the_waiting(desk, venue):
    venue.set_wallet("780")
    venue.bind("BTCUSDT")
    wait = lambda: desk.clock.pass_time(301)  # noqa: E731
    *_, taken = desk.steps(wait, wait, lambda: (wait(), venue.bind(), venue.set_wallet("300")))
    assert taken.ok
    assert {one.action["symbol"]: one.order.state for one in taken.outcomes}["BTCUSDT"] == FILLED


def test_a_refusal_is_kept_with_the_venues_code(at_binance, binance):
    binance.set_wallet(ORANGE)
    binance.fault("v1/order", "status", status=400, body='{"code":-2022,"msg":"ReduceOnly Order is rejected."}')
    report = at_binance.one()
    first = at_binance.orders()[0]
    assert (first.state, first.code) == (REFUSED, "order-refused")
    assert "-2022" in first.message
    assert [one.order.state for one in report.outcomes] == [REFUSED, FILLED, FILLED, FILLED]


def test_a_reading_that_is_too_old_sends_nothing(desk, venue):
    venue.set_wallet(ORANGE)
    assert {one.did for one in desk.one(fresh_seconds=-1.0).outcomes} == {"too-late"}
    assert venue.orders == []


def test_a_position_rests_after_an_order_on_it(desk, venue):
    venue.set_wallet("500")
    desk.one(rest_seconds=30.0)
    sent = len(venue.orders)
    venue.set_wallet("10")
    again = desk.one(rest_seconds=30.0)
    ended = {order.symbol for order in venue.orders[:sent]}
    assert all(one.did == "waits" for one in again.outcomes if one.action["symbol"] in ended)


def test_a_smaller_part_than_a_step_is_noted_and_does_not_keep_a_whole_one_from_being_closed(desk, venue):
    venue.account.holdings.clear()
    venue.set_position("SUSHIUSDT", "LONG", "3", "7.611", leverage=5)
    venue.set_wallet("5.5")  # 4.57 of margin: ORANGE, and 30 % of 3 is less than a step of 1
    report = desk.one()
    assert report.verdicts()["margin"] == "ORANGE_ZONE"
    assert report.outcomes[0].order.code == "quantity-too-small"
    venue.set_wallet("4.6")
    assert desk.one().verdicts()["margin"] == "RED_ZONE"
    assert quantities(venue) == {}


def test_parts_under_the_least_order_do_not_keep_their_position_from_being_closed(desk, venue):
    """Sent and refused, they had it left alone for up to an hour, and nothing of it was closed meanwhile."""
    venue.account.holdings.clear()
    venue.specs["SUSHIUSDT"] = replace(venue.specs["SUSHIUSDT"], least=Decimal(3))
    venue.set_position("SUSHIUSDT", "LONG", "7", "7.611", leverage=5)
    venue.set_wallet("12.83")  # 10.66 of margin: ORANGE, and 30 % of 7 are 2 of which 3 are the least
    for _ in range(3):
        report = desk.one()
        assert report.verdicts()["margin"] == "ORANGE_ZONE"
        assert [one.order.code for one in report.outcomes] == ["quantity-too-small"]
    venue.set_wallet("10.73")
    assert desk.one().verdicts()["margin"] == "RED_ZONE"
    assert quantities(venue) == {}


def test_a_cap_that_keeps_nothing_back_any_more_is_told(at_binance, binance):
    binance.set_wallet(ORANGE)
    first, second, third = at_binance.steps(
        lambda: binance.set_wallet("860"), lambda: binance.set_wallet("50000"), most_orders_per_hour=1
    )
    assert changes(first)["monitor.cap"] == ("WITHIN", "REACHED")
    assert "monitor.cap" not in changes(second)
    assert changes(third)["monitor.cap"] == ("REACHED", "WITHIN")


def test_a_pass_whose_orders_go_wrong_is_not_fine(at_binance, binance, monkeypatch):
    binance.set_wallet(ORANGE)
    assert codes(at_binance.one(most_orders_per_hour=1)) == ["over-the-cap"] * 3
    monkeypatch.setenv("RULECAP_API_KEY", READ_ONLY_KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", READ_ONLY_SECRET)
    binance.set_wallet("860")
    report = at_binance.one()
    assert set(codes(report)) == {"venue-auth"}
    assert {(one.order.state, one.order.code) for one in report.outcomes} == {(NOT_SENT, "venue-auth")}


def test_a_pass_that_finds_a_position_gone_is_fine(desk, venue):
    venue.set_wallet(ORANGE)
    path = venue.positions_path
    venue.after(path, lambda: venue.after(path, lambda: venue.set_position("BTCUSDT", "LONG", "0", "1")))
    assert desk.one().ok


def test_a_name_that_the_journal_has_already_is_told_with_its_order_and_sends_nothing(at_binance, binance):
    binance.set_wallet(ORANGE)
    first = at_binance.one()
    decided = next(one for one in first.decided if one.decision == "margin")

    async def again():  # as where a log was put back from before, and its numbers come again
        async with at_binance.running() as running:
            execution = running.monitor._parts.execution
            return await acted(execution, Decided(first.policy, decided, at_binance.clock.seconds()))

    outcomes = asyncio.run(again())
    assert {one.did for one in outcomes} == {"sent-before"}
    assert {one.order.state for one in outcomes} == {FILLED}
    assert len(binance.orders) == 4


def test_what_was_sent_before_the_journal_failed_is_told(at_binance, binance, monkeypatch):
    binance.set_wallet(ORANGE)
    intend, meant = Orders.intend, []

    def full_at_the_third(self, order, evidence=None):
        meant.append(order)
        if len(meant) == 3:
            raise JournalError("the disk is full")
        return intend(self, order, evidence)

    monkeypatch.setattr(Orders, "intend", full_at_the_third)
    report = at_binance.one()
    assert codes(report) == ["journal"]
    assert [one.order.state for one in report.outcomes] == [FILLED] * 2
    assert {"orders.BTCUSDT.LONG", "orders.ETHUSDT.SHORT"} <= set(changes(report))
    assert len(binance.orders) == 2


def test_what_was_turned_down_is_forgotten_too(at_binance, binance):
    binance.set_wallet(ORANGE)
    binance.fault("v1/order", "status", 4, method="POST", status=400, body='{"code":-2022,"msg":"rejected"}')
    at_binance.steps(lambda: (binance.set_wallet("50000"), at_binance.clock.pass_time(8 * 24 * 3600.0)))
    assert at_binance.orders() == []


def test_what_was_never_sent_is_forgotten_while_the_monitor_runs(desk, venue):
    venue.set_wallet(ORANGE)
    path = venue.positions_path
    venue.after(path, lambda: venue.after(path, lambda: venue.set_position("BTCUSDT", "LONG", "0", "1")))
    desk.steps(lambda: desk.clock.pass_time(8 * 24 * 3600.0))
    assert NOT_SENT not in {one.state for one in desk.orders()}
