"""One pass, its parts played: what is done in which order, and everything that goes wrong is told."""

import asyncio
import json
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from rulecap.engine.decision import Decision
from rulecap.exchange import VenueError
from rulecap.monitor.account import Reading
from rulecap.monitor.execution import CAPPED, LATE, NO_ORDER, SENT, TWICE, WAITS, Outcome
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.one_pass import DEPOSITS, READ_AT, Monitor, Parts
from rulecap.monitor.orders import FILLED, NOT_SENT, REFUSED, UNCERTAIN, Order
from rulecap.monitor.outbox import Outbox
from rulecap.monitor.report import summary
from rulecap.monitor.settings import MonitorSettings
from rulecap.problems import Problem
from rulecap.service.sources import WHOLE
from rulecap.snapshot import Snapshot
from tests.monitor.conftest import Shifted, changes, codes, in_force

AT = "2026-11-30T12:00:00Z"
LONG, SHORT = ({"symbol": "BTCUSDT", "side": side, "quantity": 1.0} for side in ("LONG", "SHORT"))


def snapshot():
    figures = {"total_wallet_balance": 1000.0, "available_balance": 500.0, "margin_used": 500.0, "unrealized_pnl": 0.0}
    rest = {"base": "BTC", "entry_price": 10.0, "mark_price": 10.0, "leverage": 5.0, "notional": 10.0, "margin": 2.0}
    positions = [one | rest | {"unrealized_pnl": 0.0} for one in (LONG, SHORT)]
    return Snapshot.model_validate({"as_of": AT, "account": {"id": "desk"} | figures, "positions": positions})


def order(state=FILLED, name="rc1", **given):
    told = {"client_order_id": name, "record": "rec-1", "decision": "margin", "decided_at": AT, "action": "close"}
    told |= {"symbol": "BTCUSDT", "side": "LONG", "quantity": 1.0, "why": "", "state": state}
    return Order(**told | {"written": 0.0, "changed": 0.0} | given)


def made(decision="margin", record="rec-1", problems=()):
    one = Decision(decision, decision, {"zone": "GREEN_ZONE", "actions": [LONG]}, {}, problems)
    one.record_id = record
    return one


class Played:
    """Every part of a pass but its outbox; notes what is asked of it, in order."""

    name = "desk"

    def __init__(self, folder, **settings):
        self.did, self.clock = [], Shifted()
        self.clock.moment = lambda: self.clock.ahead
        self.clock.now = lambda: datetime.fromisoformat(AT) + timedelta(seconds=self.clock.ahead)
        self.journal = Journal(folder / "journal")
        self.outbox = Outbox(self.journal)
        self.reading, self.followed, self.decisions, self.outcomes = Reading(snapshot()), [], [], []
        self.left, self.stuck, self.given = {}, set(), []
        self.read_takes = self.decide_takes = 0.0
        self.counted = [{"net": 1.0}]
        self.policy = in_force("default").policy
        self.unproven, self.failure, self.tests = False, None, {"failed": 2}
        settings = MonitorSettings("sqlite:///none", **settings)
        self.parts = Parts(settings, self, self, self, self.outbox, self, self.clock)
        self.following = SimpleNamespace(all=self.all)
        self.monitor = Monitor(self.parts)

    def look(self):
        self.did.append("look")

    async def all(self):
        return self.noted("follow", self.followed)

    def ready(self):
        self.did.append("ready")

    async def read(self):
        self.clock.pass_time(self.read_takes)
        return self.noted("read", self.reading)

    def turned_down(self, positions):
        return self.noted("turned down", self.left)

    def unsettled(self):
        return self.stuck

    def decide(self, policy, snapshot, lacking):
        self.given = policy, snapshot, lacking
        self.clock.pass_time(self.decide_takes)
        return self.noted("decide", self.decisions)

    async def act(self, decided):
        self.did.append("act")
        self.acted_on = decided
        for one in self.outcomes:
            if isinstance(one, Exception):
                raise one
            yield one

    def noted(self, what, answer):
        self.did.append(what)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def passes(self, *between):
        async def look():
            found = [await self.monitor.once()]
            for act in between:
                act()
                found.append(await self.monitor.once())
            return found

        return asyncio.run(look())

    def one(self):
        return self.passes()[0]


@pytest.fixture
def played(tmp_path):
    one = Played(tmp_path, execute=True)
    yield one
    one.journal.close()


def test_orders_are_followed_before_the_account_is_read_and_deposits_known_before_they_are_counted(played):
    played.decisions = [made(), made("state")]
    assert played.one().ok
    assert played.did == ["look", "follow", "ready", "read", "turned down", "decide", "act", "act"]


def test_what_became_of_an_order_that_was_followed_is_told(played):
    """It is sent in one pass, and may be refused, or filled, as it turns out in another."""
    played.followed = [
        order(),
        order(UNCERTAIN, "rc2", side="SHORT", code="venue-down", message="no answer", record=""),
    ]
    first, second = played.passes(played.followed.clear)
    assert codes(first) == ["venue-down"]
    assert first.troubles[0].message == "the order rc2: no answer"
    assert changes(first)["orders.BTCUSDT.LONG"] == (None, "FILLED rc1")
    assert changes(first)["orders.BTCUSDT.SHORT"] == (None, "UNCERTAIN rc2")
    assert [one.decision_id for one in first.changes if one.what.startswith("orders.")] == ["rec-1", None]
    assert (second.ok, changes(second)) == (True, {})


def test_an_order_is_named_once_in_what_went_wrong_with_it(played):
    """What the venue was asked is named in its answer, too."""
    played.followed = [order(NOT_SENT, "rc2", code="venue-auth", message="the order rc2: the key may not do this")]
    assert played.one().troubles[0].message == "the order rc2: the key may not do this"


@pytest.mark.parametrize("state", [REFUSED, NOT_SENT])
def test_an_order_that_does_not_reach_the_venue_tells_why_once(played, state):
    def again():
        played.followed = [order(state, "rc2", code="order-refused", message="no")]

    played.followed = [order(state, "rc1", code="order-refused", message="no")]
    first, second = played.passes(again)
    assert changes(first)["orders.BTCUSDT.LONG"] == (None, f"{state} order-refused")
    assert (codes(second), changes(second)) == (["order-refused"], {})


def test_a_journal_that_fails_while_orders_are_followed_is_told_and_the_account_read(played):
    played.followed = JournalError("the disk is full")
    report = played.one()
    assert [(one.code, one.message) for one in report.troubles] == [("journal", "the disk is full")]
    assert report.snapshot is not None and "decide" in played.did


def test_a_journal_that_fails_while_positions_are_left_out_is_told_and_they_are_decided_on(played):
    played.left = JournalError("the disk is full")
    report = played.one()
    assert [(one.code, one.message) for one in report.troubles] == [("journal", "the disk is full")]
    assert [one.tradable for one in played.given[1].positions] == [None, None]


def test_each_position_that_no_order_shrinks_is_left_out_and_none_on_its_other_side(played):
    played.left = {("BTCUSDT", "SHORT"): 12.4}
    (first, *_), given = played.passes(), played.given[1]
    assert [one.tradable for one in given.positions] == [None, False]
    assert [one.tradable for one in first.snapshot.positions] == [None, False]
    assert [(one.code, one.message) for one in first.troubles] == [
        ("turned-down", "the last orders on BTCUSDT SHORT came to nothing at the venue: again in 12 s")
    ]
    played.left, played.stuck = {}, {("BTCUSDT", "LONG")}
    assert codes(played.one()) == ["order-unsettled"]
    assert [one.tradable for one in played.given[1].positions] == [False, None]
    played.left = {("BTCUSDT", "SHORT"): 12.4}
    assert codes(played.one()) == ["turned-down", "order-unsettled"]
    assert [one.tradable for one in played.given[1].positions] == [False, False]


def test_an_account_that_is_not_read_is_not_decided_on(played):
    played.reading = VenueError("venue-down", "gone")
    report = played.one()
    assert [(one.code, one.message) for one in report.troubles] == [("venue-down", "gone")]
    assert (played.did[-1], report.snapshot) == ("read", None)


def test_a_look_at_the_policy_that_fails_is_told_and_the_next_pass_looks_anew(played):
    def broken():
        raise ZeroDivisionError("of a secret")

    look, played.monitor._parts.in_force.look = played.look, broken
    first, second = played.passes(lambda: setattr(played, "look", look))
    assert codes(first) == ["internal"]
    assert "secret" not in first.troubles[0].message
    assert (second.ok, played.did[0]) == (True, "look")


def test_an_action_is_as_old_as_the_account_was_when_its_reading_began(played):
    """From when it was done, an action on a reading that took a minute would still count as fresh."""
    began = played.clock.now().timestamp()
    played.read_takes, played.decisions = 50.0, [made()]
    report = played.one()
    assert played.acted_on.read_at == report.read_at == played.outbox.told[READ_AT]
    assert report.read_at == began
    assert (played.acted_on.decision.decision, played.acted_on.policy) == ("margin", played.policy)


def test_an_account_that_was_read_in_this_pass_is_not_stale_however_long_the_rest_takes(played):
    def slow():
        played.decide_takes = 500.0

    assert [changes(one) for one in played.passes(slow)] == [{}, {}]


@pytest.mark.parametrize(("doubt", "known"), [(None, True), (VenueError("venue-timeout", "?"), False)])
def test_deposits_are_kept_where_they_are_known(played, doubt, known):
    played.reading = Reading(snapshot(), doubt=doubt)
    played.one()
    assert (played.outbox.told.get(DEPOSITS) == [{"net": 1.0}]) is known
    assert (Outbox(played.journal).told.get(DEPOSITS) == [{"net": 1.0}]) is known


def test_money_that_comes_into_the_ledger_late_is_told(played):
    played.reading = Reading(snapshot(), late=True)
    late, fine = played.passes(lambda: setattr(played, "reading", Reading(snapshot())))
    assert (codes(late), codes(fine)) == (["deposits-late"], [])


def test_what_the_account_lacks_is_told_and_given_to_who_decides(played):
    played.reading = Reading(snapshot(), untold=(VenueError("missing-field", "SUSHIUSDT has no price"),))
    played.decisions = [made(record=None)]
    given = []

    def whole():
        given.append(played.given[2])
        played.reading = Reading(snapshot())

    first, second = played.passes(whole)
    assert codes(first) == ["missing-field"]
    assert changes(first)["monitor.account"] == ("FRESH", "PARTIAL")
    assert changes(second)["monitor.account"] == ("PARTIAL", "FRESH")
    assert given == [first.lacking] and "SUSHIUSDT" in str(first.lacking.untold)
    assert played.given[2] == second.lacking == WHOLE
    # On no record because of what it lacks, and not because the log fails: that it does is told by the second pass.
    assert "monitor.log" not in changes(first)
    assert changes(second)["monitor.log"] == ("WRITTEN", "FAILING")


def test_one_decision_that_is_on_no_record_has_the_log_fail(played):
    played.decisions = [made(), made("state", record=None)]
    first, second = played.passes(lambda: setattr(played, "decisions", [made(), made("state")]))
    assert changes(first)["monitor.log"] == ("WRITTEN", "FAILING")
    assert changes(second)["monitor.log"] == ("FAILING", "WRITTEN")


def test_one_action_of_several_over_the_cap_has_it_reached(played):
    played.decisions = [made()]
    played.outcomes = [Outcome(SENT, LONG, order()), Outcome(CAPPED, SHORT, message="no more this hour")]
    first, second = played.passes(played.outcomes.pop)
    assert codes(first) == [CAPPED]
    assert changes(first)["monitor.cap"] == ("WITHIN", "REACHED")
    assert changes(second)["monitor.cap"] == ("REACHED", "WITHIN")


@pytest.mark.parametrize(
    ("did", "trouble"), [(one, True) for one in (CAPPED, LATE, NO_ORDER, TWICE)] + [(WAITS, False)]
)
def test_what_is_kept_back_is_told_but_not_that_an_order_is_waited_for(played, did, trouble):
    played.decisions, played.outcomes = [made()], [Outcome(did, LONG, message="why")]
    assert [(one.code, one.message) for one in played.one().troubles] == ([(did, "why")] if trouble else [])


def test_what_was_sent_before_the_journal_failed_is_told(played):
    sent = Outcome(SENT, LONG, order(UNCERTAIN, code="order-uncertain", message="?"))
    played.decisions, played.outcomes = [made()], [sent, JournalError("full")]
    report = played.one()
    assert report.outcomes == [sent]
    assert codes(report) == ["order-uncertain", "journal"]
    assert changes(report)["orders.BTCUSDT.LONG"] == (None, "UNCERTAIN rc1")


@pytest.mark.parametrize(
    ("failure", "unproven", "state"),
    [(None, False, None), ("no", False, "REFUSED"), (None, True, "UNPROVEN"), ("no", True, "REFUSED")],
)
def test_how_it_is_with_the_policy(played, failure, unproven, state):
    """An edit that is not taken comes first: it is what somebody just did."""
    played.failure, played.unproven, played.decisions = failure, unproven, [made()]
    report = played.one()
    assert changes(report).get("monitor.policy") == (state and ("TAKEN", state))
    assert [one.decision_id for one in report.changes if one.what == "monitor.policy"] == ([None] if state else [])
    assert codes(report) == (["tests-fail"] if unproven else [])
    assert ("act" in played.did) is not unproven
    if unproven:
        assert [(one.did, one.action) for one in report.outcomes] == [("would-send", LONG)]
        assert report.troubles[0].message == "2 of the tests beside the policy fail: nothing is sent by it"


def test_tests_that_fail_are_no_trouble_where_nothing_is_sent_anyway(played):
    played.parts.execution, played.unproven, played.decisions = None, True, [made()]
    report = played.one()
    assert report.ok
    assert played.did == ["look", "ready", "read", "decide"]
    assert [one.did for one in report.outcomes] == ["would-send"]
    assert set(changes(report)) == {"margin.zone"}


def test_what_kept_a_decision_from_being_made_is_told(played):
    played.decisions = [made(problems=(Problem("missing", "no price", path="x"), Problem("unlogged", "full")))]
    assert [(one.code, one.message) for one in played.one().troubles] == [("missing", "no price"), ("unlogged", "full")]


@pytest.mark.parametrize("telling", [True, False])
def test_a_notice_waits_only_where_it_goes_anywhere_and_has_the_time_of_the_machine(played, telling):
    played.outbox = played.parts.outbox = Outbox(played.journal, telling)
    played.decisions = [made()]
    played.one()
    notice = played.outbox.oldest()
    assert (notice is not None) is telling
    if notice is not None:
        assert json.loads(notice.body)["time"] == AT


def test_what_changes_while_the_journal_fails_is_told_from_memory_and_said_to_be(played, monkeypatch):
    played.one()

    def full(*_):
        raise JournalError("full")

    monkeypatch.setattr(played.outbox, "_save", full)
    played.decisions = [made()]
    first, second = played.passes(lambda: None)
    assert "margin.zone" in changes(first)
    assert set(codes(first)) == {"journal"}
    assert (codes(second), changes(second)) == ([], {})


def test_a_line_in_the_log_says_each_thing_once_and_no_figure(played):
    played.reading = VenueError("venue-down", "wallet 12000")
    played.followed = [order(code="order-refused", message="12000")] * 2
    told = summary(played.one(), 1.23456)
    assert told["problems"] == ["order-refused", "venue-down"]
    assert (told["ok"], told["as_of"], told["seconds"], told["account"]) == (False, None, 1.235, "desk")
    played.reading, played.followed = Reading(snapshot()), []
    told = summary(played.one(), 0.0)
    assert (told["ok"], told["as_of"], "problems" in told) == (True, AT, False)
