"""The promises about orders, against a venue that may do anything: each at most once, one at a time, within the cap."""

import asyncio
import re
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.exchange.errors import VenueError
from rulecap.exchange.orders import OrderState
from rulecap.monitor.execution import Execution
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.naming import LONGEST, order_name
from rulecap.monitor.orders import Orders
from rulecap.monitor.settings import MonitorSettings
from tests.monitor.model import acted, reduction
from tests.monitor.model import decided as decided_on

SYMBOLS = ("BTCUSDT", "ETHUSDT")
CAP = 2
SETTINGS = MonitorSettings("sqlite:///x", execute=True, most_orders_per_hour=CAP, fresh_seconds=1e9)
WAITED_SECONDS = 45.0  # so long an order may wait for its turn before it is sent
LATE_SECONDS = 20.0  # a request may be under way for so long; less than the settings allow


@dataclass
class Time:
    """A clock that a test moves."""

    at: float = 1_000_000.0

    def seconds(self):
        return self.at

    def moment(self):
        return self.at

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)


@dataclass
class Anything:
    """A venue that takes orders or not, at once or late, answers or not."""

    time: Time
    manners: list[str]
    calls: list[tuple[str, str]] = field(default_factory=list)
    taken: dict[str, dict] = field(default_factory=dict)

    def manner(self):
        return self.manners.pop() if self.manners else "fills"

    def open_on(self, symbol):
        return [one for one in self.taken.values() if one["symbol"] == symbol and one["status"] == "OPEN"]

    async def place_reduction(self, action, client_order_id, within_seconds, held_then):
        assert action["reduce_only"] is True
        # Nothing else may be at work on the position, whether the monitor knows of it or not.
        assert self.open_on(action["symbol"]) == []
        self.calls.append((client_order_id, action["symbol"]))
        manner = self.manner()
        if manner == "takes late, sent late":
            self.time.at += WAITED_SECONDS
        if manner == "refuses":
            raise VenueError("order-refused", "-2022")
        if manner == "is down before":
            raise VenueError("venue-down", "no")
        if manner == "never takes":
            raise VenueError("order-uncertain", "?")
        appears = self.time.at + (LATE_SECONDS if manner.startswith("takes late") else 0.0)
        status = "FILLED" if manner in ("fills", "fills silently") else "OPEN"
        one = {"symbol": action["symbol"], "status": status, "appears": appears, "at": self.time.at}
        self.taken[client_order_id] = one
        if manner.startswith("takes late") or manner in ("fills silently", "takes silently"):
            raise VenueError("order-uncertain", "?")
        return self.state(client_order_id)

    def state(self, name):
        one = self.taken[name]
        return OrderState(name, "1", one["symbol"], "sell", one["status"], 1.0, float(one["status"] == "FILLED"), 1.0)

    async def order(self, client_order_id, symbol):
        if self.manner() == "does not answer":
            raise VenueError("venue-timeout", "?")
        one = self.taken.get(client_order_id)
        if one is None or one["appears"] > self.time.at:
            raise VenueError("order-not-found", "?")
        return self.state(client_order_id)

    async def cancel(self, client_order_id, symbol):
        if self.manner() == "does not answer":
            raise VenueError("venue-timeout", "?")
        if self.taken[client_order_id]["status"] != "OPEN":
            raise VenueError("order-not-found", "?")
        self.taken[client_order_id]["status"] = "CANCELLED"

    def fill(self):
        for one in self.taken.values():
            if one["status"] == "OPEN" and one["appears"] <= self.time.at:
                one["status"] = "FILLED"


def decided(number, clock, symbols):
    """Return a decision on record that asks for reductions."""
    positions = [(one, "LONG") for one in symbols]
    return decided_on(number, clock.at, positions, [reduction(one, 1.0) for one in positions])


MANNERS = st.sampled_from(
    [
        "fills",
        "fills silently",
        "takes",
        "takes late",
        "takes late, sent late",
        "takes silently",
        "never takes",
        "refuses",
        "is down before",
    ]
    + ["does not answer"] * 3
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([SYMBOLS, SYMBOLS[:1], SYMBOLS[::-1]])),
        st.tuples(st.just("again"), st.just(SYMBOLS)),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0, 31.0, 61.0, 3601.0])),
        st.tuples(st.just("fill"), st.none()),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=14,
)


@settings(max_examples=250)
@given(steps=STEPS, manners=st.lists(MANNERS, max_size=30))
def test_each_order_is_sent_once_one_at_a_time_and_within_the_cap(steps, manners):
    clock, number = Time(), 0
    venue = Anything(clock, list(manners))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = Journal(path)
        try:
            execution = Execution(venue, Orders(journal), SETTINGS, clock)
            for what, given_ in steps:
                if what == "wait":
                    clock.at += given_
                elif what == "fill":
                    venue.fill()
                elif what == "restart":
                    journal.close()
                    journal = Journal(path)
                    execution = Execution(venue, Orders(journal), SETTINGS, clock)
                else:
                    number += what == "pass"  # else the same decision once more
                    asyncio.run(_pass(execution, decided(number, clock, given_)))
                _hold(venue)
        finally:
            journal.close()


def test_a_venue_that_turns_orders_down_is_asked_ever_more_seldom(tmp_path):
    clock, journal = Time(), Journal(tmp_path / "journal")
    venue = Anything(clock, ["refuses"] * 100)
    execution, sent = Execution(venue, Orders(journal), SETTINGS, clock), []
    for number in range(60):
        if number == 50:
            venue.manners = []  # it takes orders again
        before = len(venue.calls)
        asyncio.run(_pass(execution, decided(number, clock, SYMBOLS[:1])))
        sent += [number * 30] * (len(venue.calls) - before)
        clock.at += 30
    journal.close()
    # One refusal keeps nothing from the next pass; after an order that was taken it begins anew; then the cap holds.
    assert sent == [0, 30, 90, 210, 450, 750, 1050, 1350, 1650, 1680]


async def _pass(execution, wanted):
    await execution.following.all()
    await acted(execution, wanted)


def _hold(venue):
    names = [name for name, _ in venue.calls]
    assert len(names) == len(set(names))
    times = sorted(one["at"] for one in venue.taken.values())
    for first in times:
        assert len([one for one in times if first <= one < first + 3600.0]) <= CAP


@given(
    log=st.text("0123456789abcdef", min_size=12, max_size=12),
    seq=st.integers(1, 10**12),
    number=st.integers(0, 999) | st.integers(9_990, 10_010) | st.integers(0, 10**18),
    logged=st.booleans(),
)
def test_a_name_fits_every_venue_and_tells_its_action_from_others(log, seq, number, logged):
    def name(seq, number):
        record = f"{log}-{seq}" if logged else None
        decision = SimpleNamespace(record_id=record, decision="margin", snapshot=None)
        return order_name(SimpleNamespace(digest=f"d{seq}"), decision, number)

    one = name(seq, number)
    assert one.isascii() and one.isalnum() and one[0].isalpha()
    assert len(one) <= LONGEST
    assert one == name(seq, number)
    assert len({one, name(seq + 1, number), name(seq, number + 1)}) == 3


@pytest.mark.parametrize(
    ("record", "number", "name"),
    [
        ("c0ffee000000-2", 0, "rcc0ffee000000r2n0"),
        ("c0ffee000000-2", 10_000, "rcc0ffee000000r2n10000"),
        ("c0ffee000000-123456789012", 999, "rcc0ffee000000r123456789012n999"),
        ("c0ffee000000-123456789012", 9_999, "rcc0ffee000000r123456789012n9999"),
        ("c0ffee000000-123456789012", 10_000, "rcu……"),
        (None, 0, "rcu…n0"),
        (None, 9_999, "rcu…n9999"),
        (None, 10_000, "rcu……"),
        (None, 10**18, "rcu……"),
    ],
)
def test_names_at_the_boundaries_of_what_fits(record, number, name):
    decision = SimpleNamespace(record_id=record, decision="margin", snapshot=None)
    found = order_name(SimpleNamespace(digest="d"), decision, number)
    shown = name.replace("……", "[0-9a-f]{29}").replace("…", "[0-9a-f]{24}")
    assert re.fullmatch(shown, found)
    assert len(found) <= LONGEST


def test_no_two_of_many_actions_share_a_name():
    for record in (None, "c0ffee000000-123456789012"):
        decision = SimpleNamespace(record_id=record, decision="margin", snapshot=None)
        names = {order_name(SimpleNamespace(digest="d"), decision, number) for number in range(20_000)}
        assert len(names) == 20_000


def test_a_beginning_that_fails_after_it_has_begun_leaves_no_transaction_that_later_orders_would_go_with(
    tmp_path, monkeypatch
):
    """They would be gone with the process, and sent again."""
    usual = Journal.run

    def failing(self, statement, values=()):
        found = usual(self, statement, values)
        if statement.startswith("BEGIN"):
            raise JournalError("the disk is full")
        return found

    with closing(Journal(tmp_path / "journal")) as journal:
        monkeypatch.setattr(Journal, "run", failing)
        with pytest.raises(JournalError), journal.together():
            pytest.fail("nothing is written")
        monkeypatch.undo()
        journal.run("INSERT INTO told VALUES ('a', '1')")
        with closing(Journal(tmp_path / "journal")) as other:
            assert other.run("SELECT name FROM told") == [("a",)]
