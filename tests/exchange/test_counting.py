"""Several processes over one log count the same, whoever is killed when, and however late the ledger tells."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

pytest.importorskip("ccxt")

from rulecap.exchange.counting import Counting
from rulecap.exchange.flows import Deposits, counted
from rulecap.exchange.venues import venue_of

START = datetime(2026, 1, 1, tzinfo=UTC)
VENUE = venue_of("binanceusdm")
# Who keeps what is counted where: beside the log, the monitor in its journal too.
KEPT_IN = {"serve": ("beside",), "another": ("beside",), "monitor": ("beside", "journal")}
LATEST = 540


def at(seconds):
    return START + timedelta(seconds=seconds)


@dataclass
class World:
    """A venue's ledger, a log of which the last record is known, and what is kept."""

    time: float = 10_000
    entries: list = field(default_factory=list)
    record: tuple | None = None
    first: float | None = None
    kept: dict = field(default_factory=lambda: {"beside": (), "journal": ()})

    def pay(self, amount, late):
        moment = self.time - 1
        name = str(len(self.entries))
        told = {"id": name, "timestamp": int(at(moment).timestamp() * 1000), "amount": abs(amount), "type": "transfer"}
        self.entries.append((moment, amount, moment + late, {**told, "currency": "USDT", "direction": way(amount)}))

    def told(self, since):
        return [entry for moment, _, shown, entry in self.entries if shown <= self.time and at(moment) >= since]

    def paid(self):
        return sum(amount for moment, amount, _, _ in self.entries if moment > self.first)


def way(amount):
    return "in" if amount > 0 else "out"


class Process:
    """One that counts on from what is on record, beside what was kept."""

    def __init__(self, world, name):
        self.world, self.stores = world, KEPT_IN[name]
        kept = [one for store in reversed(self.stores) for one in world.kept[store]]
        self.known = Deposits(*world.record).with_kept(kept) if world.record else None

    def read(self, killed=False):
        world = self.world
        now = at(world.time)
        before = self.known or Deposits.beginning(now)
        self.known = counted(before, world.told(before.since), VENUE, "USDT", now)
        for store in self.stores:
            world.kept[store] = self.known.kept_with(world.kept[store])
        if not killed:
            world.record = self.known.net, now
            world.first = world.time if world.first is None else world.first


@pytest.mark.parametrize("names", [["serve"], ["serve", "another"], ["serve", "monitor"], list(KEPT_IN)])
def test_each_comes_to_what_was_paid_in_and_out(names):
    for seed in range(150):
        drawn, world, running = Random(seed), World(), {}
        for _ in range(60):
            world.time += drawn.choice([1, 5, 30, 60, 200, 700, 4000])
            if drawn.random() < 0.3:
                world.pay(drawn.choice([-3, -1, 1, 2, 5]), drawn.choice([0, 0, 20, 200, LATEST]))
                continue
            name, killed = drawn.choice(names), drawn.random() < 0.15
            if name not in running or drawn.random() < 0.25:
                running[name] = Process(world, name)
            running[name].read(killed)
            if killed:
                del running[name]
        world.time += 1000
        for name in names:
            one = running.get(name) or Process(world, name)
            one.read()
            assert one.known.net == world.paid(), (seed, name)


def test_each_of_several_that_count_at_once_has_the_sum_of_its_own_moment():
    """As where a bot asks the specification's objects for several symbols at once; else a deposit counts too early."""

    class Ledger:
        """To which something is paid in at each moment."""

        async def deposits(self, before, until):
            for _ in range(drawn.randrange(6)):
                await asyncio.sleep(0)
            return Deposits((until - START).total_seconds(), until)

    async def count(counting, second):
        for _ in range(drawn.randrange(8)):
            await asyncio.sleep(0)
        doubt = await counting.on(at(second), asyncio.get_running_loop().time() + 30)
        return doubt is None and counting.known.net == second

    async def all_at_once():
        counting = Counting(Ledger(), Deposits(0.0, START))
        return await asyncio.gather(*(count(counting, second) for second in range(1, 8)))

    for seed in range(300):
        drawn = Random(seed)
        assert all(asyncio.run(all_at_once())), seed


class Slow:
    """A ledger that answers once it is let, with seven more each time, of which the first came late."""

    def __init__(self):
        self.let, self.asked, self.given_up = asyncio.Event(), [], 0

    async def deposits(self, before, until):
        self.asked.append(until)
        first = len(self.asked) == 1
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return Deposits(before.net + 7, until, late=first)


async def begun():
    """Return a counting whose first reading is not done in time, and its ledger."""
    ledger = Slow()
    counting = Counting(ledger, Deposits(0.0, START))
    counting.known = Deposits(100.0, START)
    doubt = await counting.on(at(1), asyncio.get_running_loop().time() + 0.01)
    assert (doubt.code, counting.known.net, counting.late) == ("venue-timeout", 100, False)
    return counting, ledger


def later():
    return asyncio.get_running_loop().time() + 30


def test_that_money_came_late_is_told_by_the_reading_that_takes_up_an_earlier_one_and_by_no_later_one():
    async def count():
        counting, ledger = await begun()
        ledger.let.set()
        found = []
        for second in (2, 3):
            assert await counting.on(at(second), later()) is None
            found.append((counting.known.net, counting.late))
        return found, ledger.asked

    assert asyncio.run(count()) == ([(114, True), (121, False)], [at(1), at(2), at(3)])


def test_what_was_begun_before_something_else_was_said_to_be_known_counts_for_nothing():
    """As where what is on record is read anew, and tells of what another process has counted."""

    async def count():
        counting, ledger = await begun()
        counting.known = Deposits(500.0, START)
        ledger.let.set()
        assert await counting.on(at(2), later()) is None
        return counting.known.net

    assert asyncio.run(count()) == 507


def test_what_is_being_read_is_given_up_at_the_end():
    async def count():
        counting, ledger = await begun()
        counting.close()
        await asyncio.sleep(0.01)
        return ledger.given_up

    assert asyncio.run(count()) == 1
