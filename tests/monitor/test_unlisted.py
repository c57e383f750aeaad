"""A position that cannot be traded any more keeps no other one from being reduced, and is not lost sight of."""

from decimal import Decimal

from tests.monitor.conftest import ORANGE, changes, codes, quantities


def states(report):
    return {one.action["symbol"]: one.order.state for one in report.outcomes if one.order}


def test_a_position_in_a_market_that_is_not_listed_is_counted_and_the_others_are_reduced(desk, venue):
    venue.set_wallet(ORANGE)
    venue.take_off("ETHUSDT")
    report = desk.one()
    assert report.verdicts()["margin"] == "ORANGE_ZONE"
    assert "ETHUSDT" in {one.symbol for one in report.snapshot.positions}
    assert states(report) == {"BTCUSDT": "FILLED", "ETHUSDT": "REFUSED", "SOLUSDT": "FILLED", "SUSHIUSDT": "FILLED"}
    assert codes(report) == ["unknown-symbol"]
    assert "ETHUSDT" not in {order.symbol for order in venue.orders}


def test_it_is_tried_less_and_less_often_and_takes_nothing_from_the_cap(desk, venue):
    venue.account.holdings.clear()
    venue.set_position("SOLUSDT", "LONG", "40", "27.45", leverage=5)
    venue.set_wallet("280")  # ORANGE
    venue.take_off("SOLUSDT")
    first, second, third = desk.passes(3, most_orders_per_hour=1)
    assert [one.did for report in (first, second, third) for one in report.outcomes] == ["sent", "sent", "waits"]
    assert "monitor.cap" not in changes(third)


def test_a_market_that_is_listed_again_is_reduced_again(desk, venue, monkeypatch):
    from rulecap.exchange import reading

    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)
    venue.set_wallet(ORANGE)
    venue.take_off("ETHUSDT")

    def again():
        venue.put_on("ETHUSDT")
        venue.set_wallet("500")

    first, second = desk.steps(again)
    assert (states(first)["ETHUSDT"], states(second)["ETHUSDT"]) == ("REFUSED", "FILLED")
    assert second.ok


def test_an_order_whose_market_is_taken_off_meanwhile_comes_to_its_end(desk, venue):
    venue.set_wallet(ORANGE)
    venue.fill_share = Decimal("0.5")

    desk.one()
    venue.take_off("ETHUSDT")
    for one in [one for one in venue.orders if one.symbol != "ETHUSDT"]:
        venue.fill_rest(one.client_id)
    asked = desk.one()  # a monitor that was just started: it has no list from before
    assert [(one.symbol, one.state, one.code) for one in asked.followed][1] == ("ETHUSDT", "OPEN", "unknown-symbol")
    desk.clock.pass_time(31)
    ended = desk.one()
    assert [(one.symbol, one.state, one.code) for one in ended.followed] == [("ETHUSDT", "CANCELLED", "unknown-symbol")]
    assert desk.one().followed == []
    assert quantities(venue)["ETHUSDT"] > 0


def test_a_reduction_in_settlement_is_tried_and_the_venue_has_the_last_word(desk, venue):
    venue.set_wallet(ORANGE)
    venue.specs["ETHUSDT"].status = "SETTLING"
    report = desk.one()
    assert report.ok
    assert states(report)["ETHUSDT"] == "FILLED"
