"""A position that cannot be traded any more keeps no other one from being reduced, and is not lost sight of."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from rulecap.audit import open_log
from tests.exchange.conftest import VENUES, asked, refused
from tests.monitor.conftest import ORANGE, RED, Desk, changes, codes, fill, quantities


def states(report):
    return {one.action["symbol"]: one.order.state for one in report.outcomes if one.order}


def trying(desk):
    """Return a policy that is the default one, but that reduces also what is told not to be traded."""
    file = desk.folder / "trying.yaml"
    always = "\n".join(f"  margin_actions.actions.{number}.where: p.side in [LONG, SHORT]" for number in range(2))
    file.write_text(f"language: 1\nextends: default\npolicy: trying\nversion: 1.0.0\nset:\n{always}\n")
    return str(file)


def test_a_position_in_a_market_that_is_not_listed_is_counted_and_left_out_and_the_others_are_reduced(desk, venue):
    venue.set_wallet(ORANGE)
    venue.take_off("ETHUSDT")
    report = desk.one()
    assert report.verdicts()["margin"] == "ORANGE_ZONE"
    assert "ETHUSDT" in {one.symbol for one in report.snapshot.positions}
    assert states(report) == {"BTCUSDT": "FILLED", "SOLUSDT": "FILLED", "SUSHIUSDT": "FILLED"}
    assert report.ok
    assert "ETHUSDT" not in {order.symbol for order in venue.orders}


def test_the_next_worst_is_closed_where_the_worst_is_not_traded(desk, venue):
    venue.set_wallet(RED)
    told = [one.action["symbol"] for one in desk.one(execute=False).outcomes]
    venue.specs[told[0]].status = "SETTLING"
    report = desk.one()
    closed = [one.action["symbol"] for one in report.outcomes]
    assert report.verdicts()["margin"] == "RED_ZONE"
    assert told[0] not in closed
    assert set(told[1:]) < set(closed)
    assert (report.ok, set(states(report).values())) == (True, {"FILLED"})


def test_where_trading_ended_since_markets_were_listed_a_refusal_has_the_next_worst_closed(desk, venue, monkeypatch):
    from rulecap.exchange import reading

    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)
    order = venue.order_path

    def ended():
        venue.set_wallet(RED)
        venue.specs["BTCUSDT"].status = "SETTLING"  # which the list that is kept does not say
        venue.fault(order, "status", 1, status=400, body='{"code": -4140, "msg": "Invalid symbol status."}')

    def seen():
        venue.set_position("BTCUSDT", "LONG", "0.05", "32310", leverage=5)  # the fault is in the answer alone
        venue.set_wallet("600")  # RED still

    venue.set_wallet("20000")
    _, refused, closed = desk.steps(ended, seen)
    assert states(refused) == {"BTCUSDT": "REFUSED", "ETHUSDT": "FILLED"}
    assert states(closed) == {"SOLUSDT": "FILLED", "SUSHIUSDT": "FILLED"}
    assert {one.symbol: one.tradable for one in closed.snapshot.positions} == {
        "BTCUSDT": False, "SOLUSDT": True, "SUSHIUSDT": True,
    }  # fmt: skip


def test_where_a_policy_has_it_tried_a_position_that_is_not_listed_is_refused_and_the_others_are_reduced(desk, venue):
    venue.set_wallet(ORANGE)
    venue.take_off("ETHUSDT")
    report = desk.one(policy=trying(desk))
    assert states(report) == {"BTCUSDT": "FILLED", "ETHUSDT": "REFUSED", "SOLUSDT": "FILLED", "SUSHIUSDT": "FILLED"}
    assert codes(report) == ["unknown-symbol"]
    assert "ETHUSDT" not in {order.symbol for order in venue.orders}


def test_it_is_tried_less_and_less_often_and_takes_nothing_from_the_cap(desk, venue):
    venue.account.holdings.clear()
    venue.set_position("SOLUSDT", "LONG", "40", "27.45", leverage=5)
    venue.set_wallet("280")  # ORANGE
    venue.take_off("SOLUSDT")
    first, second, third = desk.passes(3, most_orders_per_hour=1, policy=trying(desk))
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
    assert ("ETHUSDT" in states(first), states(second)["ETHUSDT"]) == (False, "FILLED")
    assert second.ok


def test_a_market_that_is_traded_again_is_reduced_again(desk, venue, monkeypatch):
    from rulecap.exchange import reading

    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)
    venue.set_wallet(ORANGE)
    venue.specs["ETHUSDT"].status = "SETTLING"

    def again():
        venue.specs["ETHUSDT"].status = "TRADING"
        venue.set_wallet("500")

    first, second = desk.steps(again)
    assert ("ETHUSDT" in states(first), states(second)["ETHUSDT"]) == (False, "FILLED")


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


def test_where_a_policy_has_it_tried_a_reduction_in_settlement_is_sent_and_the_venue_has_the_last_word(desk, venue):
    venue.set_wallet(ORANGE)
    venue.specs["ETHUSDT"].status = "SETTLING"
    report = desk.one(policy=trying(desk))
    takes = venue.prefix != "/api/v5/"  # OKX says that the contract is suspended
    assert report.ok is takes
    assert states(report)["ETHUSDT"] == ("FILLED" if takes else "REFUSED")


def untelling(venue):
    """Have the venue not tell what it would take to count the position in ETH."""
    binance = venue.positions_path == "positionRisk"
    untold = {"markPrice": "", "marginAsset": ""} if binance else {"avgPrice": "", "avgPx": ""}

    def rows_of(rows):
        return [row | untold if row.get("symbol", row.get("instId"))[:3] == "ETH" else row for row in rows]

    def change(answer):
        return venue.with_rows(answer, rows_of)

    venue.fault(venue.positions_path, "then", 1000, change=change)
    if binance:
        venue.take_off("ETHUSDT")


def test_a_position_that_cannot_be_counted_is_told_and_the_others_are_reduced(desk, venue):
    venue.set_wallet(ORANGE)
    untelling(venue)
    report = desk.one()
    assert len(report.troubles) == 4, report.troubles
    assert "ETH" in report.troubles[0].message
    assert codes(report)[1:] == ["position-untold"] * 3
    assert states(report) == {"BTCUSDT": "FILLED", "SOLUSDT": "FILLED", "SUSHIUSDT": "FILLED"}
    assert report.verdicts()["margin"] == "ORANGE_ZONE"
    assert changes(report)["monitor.account"] == ("FRESH", "PARTIAL")
    assert changes(report)["state.decided"] == (True, False)
    assert "monitor.log" not in changes(report)


def test_what_is_decided_without_it_is_on_no_record_and_its_grounds_are_in_the_journal(desk, venue):
    venue.set_wallet(ORANGE)
    untelling(venue)
    report = desk.one()
    assert [one.record_id for one in report.decided] == [None] * 3
    with open_log(desk.log) as log:
        assert log.head().size == 0
    with closing(sqlite3.connect(desk.journal)) as journal:
        (evidence,) = journal.execute("SELECT DISTINCT evidence FROM orders").fetchone()
    grounds = json.loads(evidence)
    assert [one["symbol"] for one in grounds["snapshot"]["positions"]] == ["BTCUSDT", "SOLUSDT", "SUSHIUSDT"]
    assert grounds["problems"][0]["code"] == "position-untold"
    assert "ETH" in grounds["problems"][0]["message"]
    assert {one.client_order_id[:3] for one in desk.orders()} == {"rcu"}


def test_the_account_is_whole_again_once_the_position_is_told(desk, venue):
    untelling(venue)

    def mend():
        venue._faults.clear()
        venue.off.clear()

    first, second = desk.steps(mend, execute=False)
    assert (first.ok, second.ok) == (False, True)
    assert changes(second)["monitor.account"] == ("PARTIAL", "FRESH")
    assert all(one.record_id for one in second.decided)


def test_nobody_but_who_asks_for_it_gets_a_part_of_an_account(venue):
    untelling(venue)
    failure = refused(venue, lambda exchange: exchange.account_view())
    assert "ETH" in failure.message
    assert refused(venue, lambda exchange: exchange.snapshot()).message == failure.message
    action = {"symbol": "ETHUSDT", "side": "SHORT", "quantity": 0.1, "reduce_only": True}
    assert refused(venue, lambda exchange: exchange.place_reduction(action, "rc1")).message == failure.message
    view = asked(venue, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["BTCUSDT", "SOLUSDT", "SUSHIUSDT"]
    assert [one.message for one in view.untold] == [failure.message]
    assert view.account.margin_used == pytest.approx(770.75, abs=1)


def test_a_position_in_another_currency_is_told_and_the_others_are_reduced(tmp_path):
    with VENUES["bybit"]() as venue:
        fill(venue, ORANGE)
        venue.set_elsewhere("inverse", "BTC", "BTCUSD", "100")
        report = Desk(tmp_path, venue).one()
        assert set(codes(report)) == {"inverse-contract", "position-untold"}
        assert changes(report)["monitor.account"] == ("FRESH", "PARTIAL")
        assert {order.symbol for order in venue.orders} == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "SUSHIUSDT"}
        assert all(one.record_id is None for one in report.decided)


def test_a_position_at_okx_that_settles_in_a_coin_is_told_and_the_others_are_reduced(tmp_path):
    """The balance tells what all positions have gained and lost: without it nothing of the account was known."""
    with VENUES["okx"]() as venue:
        fill(venue, ORANGE)
        venue.set_elsewhere("BTC-USD-SWAP", "BTC", "0.5")
        report = Desk(tmp_path, venue).one()
        assert set(codes(report)) == {"inverse-contract", "position-untold"}
        assert changes(report)["monitor.account"] == ("FRESH", "PARTIAL")
        assert {order.symbol for order in venue.orders} == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "SUSHIUSDT"}
        assert all(one.record_id is None for one in report.decided)
