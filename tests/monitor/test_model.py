"""The promises about orders over any order of events: a model venue, a clock that is set, a disk that fails, kills.

Markets are taken off and put on again, and decisions are on record or, where not all of the account is known, on none.

The machine's steps are drawn at will. What must hold at each: an order is sent once, no two orders can both fill on one
position, none is sent on a view that is old or from before the last fill, no more than the cap. What must hold when
everything is well again: the journal has each order's true end, and what the policy wants reduced is reduced.
"""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rulecap.monitor.execution import Execution
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.orders import CANCELLED, FILLED, GOING_ON, NOT_SENT, REFUSED, Orders
from rulecap.monitor.settings import MonitorSettings
from tests.monitor.model import FATES, POSITIONS, Events, Killed, ModelVenue, Time, Unreadable, asked_for

CAP = 4
SETTINGS = MonitorSettings("sqlite:///x", execute=True, most_orders_per_hour=CAP)
PASS_SECONDS = SETTINGS.every_seconds
# An order that is not known to be taken, one that stays open, refusals: each keeps a position for a few passes.
QUIET_PASSES = 20
HOUR = 3600.0


class FailingJournal(Journal):
    """A journal whose disk is full at times, whose process dies at times; quick, as no power is ever lost here."""

    def __init__(self, path, events):
        super().__init__(path)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._events = events

    def run(self, statement, values=()):
        self._events.passed()
        failing = not statement.startswith("SELECT") and self._events.disk_fails()
        if failing == "before":
            raise JournalError("the disk is full")
        rows = super().run(statement, values)
        if failing == "after":
            raise JournalError("the disk is full")
        self._events.passed()
        return rows


class Model(RuleBasedStateMachine):
    """One account's monitor, whatever happens around it."""

    @initialize(aims=st.lists(st.sampled_from([0.0, 0.5, 4.0]), min_size=3, max_size=3))
    def begin(self, aims):
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.events, self.time = Events(), Time()
        self.venue = ModelVenue(self.time, self.events)
        self.aims = dict(zip(POSITIONS, aims, strict=True))
        self.number = 0
        self.start()

    def start(self):
        self.journal = FailingJournal(self.folder / "journal", self.events)
        self.orders, self.clock = Orders(self.journal), self.time.clock()
        self.execution = Execution(self.venue, self.orders, SETTINGS, self.clock)

    def restart(self):
        self.journal.close()
        self.events.calm()
        self.start()

    async def _pass(self, strange, looks, whole):
        self.clock.look()
        with suppress(JournalError):
            await self.execution.following.all()
        self.number += 1
        decided = asked_for(self.venue, self.clock, self.aims, self.number, strange, looks=looks, whole=whole)
        self.did = [one.did async for one in self.execution.act(decided)]

    def one_pass(self, strange="", looks=True, whole=True):
        self.did = []
        try:
            with suppress(JournalError, Unreadable):
                self.loop.run_until_complete(self._pass(strange, looks, whole))
        except Killed:
            self.restart()

    @rule(
        fates=st.lists(st.sampled_from(FATES), max_size=4),
        strange=st.sampled_from(["", "", "twice", "no reduction", "not reduce-only", "unknown", "too much"]),
        lag=st.sampled_from([0.0, 0.0, 3.0]),
        pause=st.sampled_from([1.0, PASS_SECONDS, PASS_SECONDS]),  # a pass may take almost all of its time
        looks=st.booleans(),
        whole=st.booleans(),
    )
    def passes(self, fates, strange, lag, pause, looks, whole):
        self.venue.fates, self.venue.lag = fates, lag
        self.one_pass(strange, looks, whole)
        self.time.advance(pause)

    @rule(
        fates=st.lists(st.sampled_from(FATES), max_size=4),
        events=st.integers(1, 60),
        seconds=st.sampled_from([0.0, 1.0, 31.0]),
        whole=st.booleans(),
    )
    def is_killed_in_a_pass(self, fates, events, seconds, whole):
        self.venue.fates, self.events.left = fates, events
        self.one_pass(whole=whole)
        self.time.advance(seconds)

    @rule(
        fates=st.lists(st.sampled_from(FATES), max_size=4),
        first=st.integers(0, 12),
        count=st.sampled_from([1, 2, 1000]),
        when=st.sampled_from(["before", "after"]),
    )
    def passes_while_the_disk_fails(self, fates, first, count, when):
        self.venue.fates = fates
        self.events.disk = (first, first + count, when)
        self.one_pass()
        self.events.calm()
        self.time.advance(PASS_SECONDS)

    @rule(seconds=st.sampled_from([0.5, 6.0, 31.0, 61.0, 3700.0]))
    def time_passes(self, seconds):
        self.time.advance(seconds)

    # What the venue believes is within the rest's margin over its lag: a step of more could make a rest seem over.
    @rule(seconds=st.sampled_from([-7200.0, -40.0, -1.0, 0.0, 1.0, 40.0, 7200.0]))
    def the_clock_is_set(self, seconds):
        self.time.ahead = seconds

    @rule(seconds=st.sampled_from([-7200.0, -40.0, 40.0, 7200.0]), events=st.integers(1, 40))
    def the_clock_is_set_in_a_pass_and_put_right(self, seconds, events):
        self.events.set_clock = (events, lambda: setattr(self.time, "ahead", seconds))
        self.one_pass()
        self.events.calm()
        self.time.advance(1.0)
        self.time.ahead = 0.0

    @rule()
    def is_started_again(self):
        self.restart()

    @rule(what=st.sampled_from(["fill", "half", "expire"]))
    def the_venue_goes_on_with_open_orders(self, what):
        self.venue.go_on(what)

    @rule(silent=st.sampled_from(["", "", "lookups", "cancelling's answer"]))
    def the_venue_falls_silent_or_comes_back(self, silent):
        self.venue.silent = silent

    @precondition(lambda self: not self.venue.blind_until)  # once: nobody can tell two such moments from the truth
    @rule(seconds=st.sampled_from([2.0, 20.0]))
    def the_venue_does_not_know_for_a_moment_what_it_told_of(self, seconds):
        self.venue.blind_until = self.time.at + seconds

    @rule()
    def the_venue_forgets_what_has_ended(self):
        self.venue.forget()

    @rule(symbol=st.sampled_from(["BTCUSDT", "ETHUSDT"]))
    def a_market_is_taken_off(self, symbol):
        self.venue.take_off(symbol)

    @rule()
    def all_markets_are_put_on_again(self):
        self.venue.off.clear()

    @rule(position=st.sampled_from(POSITIONS), size=st.sampled_from([0.0, 1.0, 6.0]))
    def somebody_trades_by_hand(self, position, size):
        self.venue.by_hand(position, size)

    @invariant()
    def no_more_orders_than_the_cap_in_any_hour(self):
        times = self.venue.meant_at() if hasattr(self, "venue") else []
        for first in times:
            assert len([one for one in times if first <= one < first + HOUR]) <= CAP

    def teardown(self):
        if hasattr(self, "venue"):
            try:
                self.ends_well()
            finally:
                self.journal.close()
                self.loop.close()
                shutil.rmtree(self.folder)

    def ends_well(self):
        """Let everything be well, and hold the promises about what is in the end."""
        venue, last, waited = self.venue, self.time.at, 0
        venue.fates, venue.silent, venue.lag, self.time.ahead = [], "", 0.0, 0.0
        venue.off.clear()
        self.events.calm()
        while venue.above(self.aims) or self.orders.going_on():
            self.one_pass()
            self.time.advance(PASS_SECONDS)
            waited += "over-the-cap" not in self.did
            assert waited <= QUIET_PASSES, (self.did, self.orders.going_on())
            assert self.time.at - last < 3 * HOUR
        self.the_journal_is_true()

    def the_journal_is_true(self):
        kept = {one.client_order_id: one for one in self.orders.latest(100_000)}
        for name, taken in self.venue.taken.items():
            one = kept[name]
            assert one.state not in GOING_ON
            if not taken.forgotten and not taken.cut_off:
                assert (one.state, one.filled) == (taken.status, taken.filled), (one, taken)
        for name in kept.keys() - self.venue.taken.keys():
            one = kept[name]  # of a market that was taken off nobody tells whether it was sent
            assert one.state in (NOT_SENT, REFUSED) or (one.state, one.code) == (CANCELLED, "unknown-symbol")
        assert {one.state for one in kept.values()} <= {FILLED, CANCELLED, NOT_SENT, REFUSED}


TestModel = Model.TestCase
TestModel.settings = settings(stateful_step_count=25)
