"""Following orders up: what a venue does not know, does not answer, or was noted by a clock that was wrong."""

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from rulecap.exchange import ExchangeSettings
from rulecap.exchange.client import open_client
from rulecap.exchange.errors import VenueError
from rulecap.exchange.keys import Keys
from rulecap.exchange.orders import OrderState
from rulecap.monitor.execution import Execution
from rulecap.monitor.following import Following
from rulecap.monitor.journal import Journal
from rulecap.monitor.orders import CANCELLED, FILLED, INTENDED, NOT_SENT, OPEN, REFUSED, UNCERTAIN, Order, Orders
from rulecap.monitor.settings import MonitorSettings
from tests.exchange.conftest import asked, refused
from tests.monitor.conftest import ORANGE, fill
from tests.monitor.model import POSITIONS, Events, ModelVenue, Time, acted, asked_for, decided, reduction
from tests.venue.okx import Okx

SETTINGS = MonitorSettings("sqlite:///x", execute=True)
HOUR = 3600.0


class Here:
    """The parts that orders go through, over a model venue."""

    def __init__(self, folder):
        self.time = Time()
        self.clock, self.venue = self.time.clock(), ModelVenue(self.time, Events())
        self.journal = Journal(folder / "journal")
        self.orders = Orders(self.journal)
        self.execution = Execution(self.venue, self.orders, SETTINGS, self.clock)

    def has(self, state, name="a", position=POSITIONS[0], age=0.0):
        """Put an order into the journal, of so many seconds ago by the monitor's clock."""
        at = self.clock.seconds() - age
        order = Order(name, "", "margin", "", "CLOSE", *position, 1.0, "", state, at, at)
        self.orders.intend(order)
        return order

    def follow(self):
        self.clock.look()
        return asyncio.run(self.execution.following.all())

    def act(self):
        self.clock.look()
        aims = dict.fromkeys(POSITIONS, 6.0) | {POSITIONS[0]: 0.0}
        (outcome,) = asyncio.run(acted(self.execution, asked_for(self.venue, self.clock, aims, 1)))
        return outcome


@pytest.fixture
def here(tmp_path):
    one = Here(tmp_path)
    yield one
    one.journal.close()


def test_an_open_order_that_the_venue_does_not_know_for_a_moment_is_followed_on(at_binance, binance):
    binance.set_wallet(ORANGE)
    binance.fill_share = Decimal(0)

    def missed():
        at_binance.clock.pass_time(40)
        body = '{"code":-2013,"msg":"Order does not exist."}'
        binance.fault("v1/order", "status", 4, method="GET", status=400, body=body)

    _, second, third = at_binance.steps(missed, lambda: None)
    assert {(one.state, one.code) for one in second.followed} == {(OPEN, "order-not-found")}
    assert {one.did for one in second.outcomes} == {"waits"}
    assert {(one.state, one.code) for one in third.followed} == {(OPEN, "")}
    assert len(binance.orders) == 4


def test_an_open_order_that_is_missed_for_longer_has_ended(here):
    here.has(OPEN, age=600.0)
    assert here.follow()[0].state == OPEN
    here.time.advance(29.0)
    assert here.follow()[0].state == OPEN
    here.time.advance(2.0)
    assert (here.follow()[0].state, here.orders.named("a").code) == (CANCELLED, "order-not-found")


def test_orders_are_asked_about_all_at_once_so_that_a_silent_venue_delays_no_reading_by_their_number(here):
    for number in range(30):
        here.has(UNCERTAIN, f"a{number}", (f"S{number}USDT", "LONG"))
    asked, all_asked = [], asyncio.Event()

    class Silent:
        async def order(self, client_order_id, symbol):
            asked.append(client_order_id)
            if len(asked) == 30:
                all_asked.set()
            await all_asked.wait()
            raise VenueError("venue-timeout", "?")

    async def follow():
        async with asyncio.timeout(30):  # asked one after the other, the first would wait for ever
            return await Following(Silent(), here.orders, SETTINGS, here.clock).all()

    assert {one.code for one in asyncio.run(follow())} == {"venue-timeout"}


@pytest.mark.parametrize("ahead", [2 * HOUR, -2 * HOUR])
def test_an_order_found_while_the_clock_was_wrong_is_settled_as_soon_as_any_other(here, ahead):
    here.has(INTENDED)
    here.time.ahead = ahead  # as after a start without a battery, until the clock is set
    assert (here.follow()[0].state, here.orders.named("a").code) == (UNCERTAIN, "clock-skew")
    here.time.ahead = 0.0
    assert here.follow()[0].state == UNCERTAIN
    here.time.advance(29.0)
    assert here.follow()[0].state == UNCERTAIN
    here.time.advance(2.0)
    assert here.follow()[0].state == NOT_SENT


@pytest.mark.parametrize("state", [FILLED, CANCELLED])
def test_what_a_clock_noted_that_was_ahead_keeps_no_position_from_being_reduced(here, state):
    here.has(state, age=-2 * HOUR)
    assert here.act().did == "sent"


def test_refusals_noted_by_a_clock_that_was_ahead_keep_no_position_from_being_reduced(here):
    for name in "abc":
        here.has(REFUSED, name, age=-2 * HOUR)
    assert here.act().did == "sent"


def test_the_cap_on_orders_noted_by_a_clock_that_was_ahead_lasts_an_hour_and_no_longer(here):
    for number in range(30):
        here.has(FILLED, f"a{number}", age=-48 * HOUR)
    here.follow()
    assert here.act().did == "over-the-cap"
    here.time.advance(HOUR - 10.0)
    here.follow()
    assert here.act().did == "over-the-cap"
    here.time.advance(20.0)
    assert here.act().did == "sent"


def test_orders_noted_by_a_clock_that_was_ahead_do_not_count_again_when_that_time_comes(here):
    for number in range(30):
        here.has(FILLED, f"a{number}", age=-2 * HOUR)
    for _ in range(2):
        here.follow()
        here.time.advance(HOUR + 10.0)
    here.follow()
    assert here.act().did == "sent"


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("ahead", [-2 * HOUR, 2 * HOUR])
def test_the_cap_lasts_an_hour_also_where_the_clock_is_set_wrong_meanwhile_and_put_right(here, ahead, restarted):
    def start():
        here.orders = Orders(here.journal)
        settings = replace(SETTINGS, most_orders_per_hour=1)
        here.execution = Execution(here.venue, here.orders, settings, here.clock)

    start()
    assert here.act().did == "sent"
    for here.time.ahead in (ahead, 0.0):
        if restarted:
            start()
        here.follow()
        here.time.advance(61.0)
    here.venue.by_hand(POSITIONS[0], 6.0)
    assert here.act().did == "over-the-cap"
    here.time.advance(HOUR)
    here.follow()
    assert here.act().did != "over-the-cap"
    assert bool(here.journal.run("SELECT * FROM dated")) is False


def test_an_order_noted_by_a_clock_that_was_ahead_is_unsettled_after_a_while_too(here):
    here.venue.fates = ["down"] * 100
    here.has(UNCERTAIN, age=-48 * HOUR)
    here.follow()
    assert here.execution.unsettled() == set()
    here.time.advance(121.0)
    assert here.execution.unsettled() == {POSITIONS[0]}


def test_an_open_order_noted_by_a_clock_that_was_ahead_is_cancelled(here):
    order = here.has(OPEN, age=-2 * HOUR)
    cancelled = []

    class Opened:
        async def order(self, client_order_id, symbol):
            return OrderState(
                client_order_id, "1", symbol, "sell", "CANCELLED" if cancelled else "OPEN", 1.0, 0.0, None
            )

        async def cancel(self, client_order_id, symbol):
            cancelled.append(client_order_id)

    after = asyncio.run(Following(Opened(), here.orders, SETTINGS, here.clock).one(order))
    assert (after.state, cancelled) == (CANCELLED, ["a"])


def test_a_clock_that_is_set_back_within_a_pass_makes_no_reading_younger(here):
    aims = dict.fromkeys(POSITIONS, 0.0)
    here.clock.look()
    decided = asked_for(here.venue, here.clock, aims, 1)
    here.time.advance(61.0)
    here.time.ahead = -4.0
    assert {one.did for one in asyncio.run(acted(here.execution, decided))} == {"too-late"}


def test_what_takes_too_long_to_prepare_is_not_sent(here):
    here.venue.fates = ["slow", "slow"]
    here.clock.look()
    decided = asked_for(here.venue, here.clock, dict.fromkeys(POSITIONS, 0.0), 1)
    outcomes = asyncio.run(acted(here.execution, decided))
    assert [one.order.state for one in outcomes[:2]] == [FILLED, NOT_SENT]
    assert outcomes[1].order.code == "too-late"


def test_two_monitors_over_one_journal_send_one_order_on_a_position_though_the_lock_is_lost(
    here, tmp_path, monkeypatch
):
    other = Journal(tmp_path / "journal")
    monkeypatch.setattr(here.orders, "going_on", list)  # it had looked before the other one wrote
    Orders(other).intend(replace(here.has(FILLED, "b", age=600.0), client_order_id="c", state=INTENDED))
    other.close()
    outcome = here.act()
    assert (outcome.did, outcome.order, here.venue.names) == ("waits", None, set())


def test_years_of_orders_are_not_looked_through_for_each_action(here):
    here.has(FILLED)
    statements = []
    here.journal._connection.set_trace_callback(statements.append)
    assert here.act().did == "waits"
    here.journal._connection.set_trace_callback(None)
    plans = [
        step
        for one in statements
        if one.startswith("SELECT")
        for *_, step in here.journal.run(f"EXPLAIN QUERY PLAN {one}")
    ]
    assert plans and not [step for step in plans if step.startswith("SCAN")]
    assert any("state=? AND changed>?" in step for step in plans)


@pytest.mark.parametrize("name", ["BTC/USDT:USDT", "btcusdt", "BTCUSDT ", "BTC/USDT"])
def test_a_position_under_another_name_is_not_reduced_a_second_time(here, name):
    here.clock.look()
    here.venue.read()
    asked = [reduction(POSITIONS[0], 1.0), reduction((name, "LONG"), 1.0)]
    outcomes = asyncio.run(acted(here.execution, decided(1, here.clock.seconds(), POSITIONS, asked)))
    assert [one.did for one in outcomes] == ["sent", "no-order"]
    assert "is called" in outcomes[1].message


@pytest.mark.parametrize(
    ("name", "option", "seconds"),
    [("binanceusdm", "recvWindow", 10), ("bybit", "recvWindow", 5), ("phemex", "x-phemex-request-expiry", 10)],
)
def test_no_request_is_good_for_as_long_as_an_unknown_order_is_waited_for(name, option, seconds):
    settings = ExchangeSettings(venue=name)
    client = open_client(settings, Keys("key", "secret"))
    assert client.options[option] == seconds * (1000 if option == "recvWindow" else 1)
    assert seconds + settings.max_clock_skew_seconds < SETTINGS.settle_seconds


def test_an_order_at_okx_is_good_for_less_than_an_unknown_one_is_waited_for():
    """Its signature is good for half a minute: one that was late was taken beside one that was sent in its place."""
    with Okx() as venue:
        fill(venue)
        action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.01, "reduce_only": True}
        asked(venue, lambda exchange: exchange.place_reduction(action, "one"))
        (sent,) = venue.asked("trade/batch-orders")
        signed = datetime.fromisoformat(sent.headers["ok-access-timestamp"]).timestamp()
        seconds = int(sent.headers["exptime"]) / 1000 - signed
        assert 9 < seconds < SETTINGS.settle_seconds - ExchangeSettings(venue="okx").max_clock_skew_seconds
        venue.clock_offset_ms = 12_000  # later, and within what the signature is good for
        failure = refused(venue, lambda exchange: exchange.place_reduction(action, "two"), max_clock_skew_seconds=20)
        assert (failure.code, len(venue.orders)) == ("order-uncertain", 1)


def test_why_the_venue_may_not_have_taken_an_order_is_kept(here):
    here.has(UNCERTAIN)
    here.orders.note(replace(here.orders.named("a"), code="order-uncertain", message="bybit 10016 Server error"))
    for seconds in (0.0, 20.0, 20.0):
        here.time.advance(seconds)
        here.follow()
    assert here.orders.named("a").message == "the venue never took it, after: bybit 10016 Server error"
    here.has(INTENDED, "b", POSITIONS[1])
    for seconds in (0.0, 20.0, 20.0):
        here.time.advance(seconds)
        here.follow()
    assert here.orders.named("b").message == "the venue never took it"


class Telling:
    """A venue that answers each question about an order as a test says: by a failure's code, or by a state."""

    def __init__(self, *answers, cancel=None):
        self.answers, self.cancelling = list(answers), cancel

    async def order(self, client_order_id, symbol):
        told = self.answers.pop(0)
        if told.islower():
            raise VenueError(told, f"of {told}")
        return OrderState(client_order_id, "1", symbol, "sell", told, 1.0, 0.0, None)

    async def cancel(self, client_order_id, symbol):
        if self.cancelling:
            raise VenueError(self.cancelling, f"of {self.cancelling}")


def followed(here, venue, *seconds):
    """Return an order's states, as it is followed up after so many seconds each."""
    states = []
    for pause in seconds:
        here.time.advance(pause)
        here.clock.look()
        states += asyncio.run(Following(venue, here.orders, SETTINGS, here.clock).all())
    return [one.state for one in states]


def test_silence_settles_nothing_though_the_venue_did_not_know_the_order_before(here):
    """A venue that answers nothing may have the order by now; another one beside it could fill too."""
    here.has(UNCERTAIN)
    venue = Telling("order-not-found", *["venue-timeout"] * 3, *["order-not-found"] * 3)
    assert followed(here, venue, 0.0, 31.0, 20.0, 3600.0) == [UNCERTAIN] * 4
    assert here.orders.named("a").code == "venue-timeout"
    assert followed(here, venue, 1.0, 29.0, 2.0) == [UNCERTAIN, UNCERTAIN, NOT_SENT]  # counted anew


def test_an_order_is_missed_from_the_first_time_on_in_whatever_way_that_is_told(here):
    """A market that comes and goes in the venue's list leaves no position alone for ever."""
    here.has(OPEN)
    ways = ["order-not-found", "unknown-symbol"] * 3
    assert followed(here, Telling(*ways), 0.0, 10.0, 10.0, 9.0, 2.0) == [OPEN] * 4 + [CANCELLED]


def test_why_an_open_order_cannot_be_cancelled_is_put_down(here):
    """Its position is left alone meanwhile, of which somebody may ask the reason."""
    here.has(OPEN)
    assert followed(here, Telling("OPEN", cancel="venue-down"), 61.0) == [OPEN]
    order = here.orders.named("a")
    assert (order.code, order.message) == ("venue-down", "of venue-down")


def test_a_position_is_left_alone_twice_as_long_after_each_refusal_and_never_for_longer_than_is_said(here):
    """However long the venue goes on to turn orders down: it is asked again and again, and not all the time."""
    here.clock.look()
    (position,) = decided(1, here.clock.seconds(), POSITIONS[:1], []).decision.snapshot.positions
    pauses = []
    for number in range(20):
        here.has(REFUSED, f"a{number}", (position.symbol, position.side))
        pauses.append(here.execution.turned_down([position]).get((position.symbol, position.side), 0.0))
    every, longest = SETTINGS.every_seconds, SETTINGS.longest_pause_seconds
    assert pauses == [0.0, *(min(every * 2.0**refusals, longest) for refusals in range(1, 20))]
    assert longest in pauses
