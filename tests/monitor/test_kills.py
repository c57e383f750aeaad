"""A kill at any moment of sending orders leads to no doubled order, and to no position left alone for ever."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from decimal import Decimal

import pytest

from rulecap.monitor.orders import NOT_SENT, OPEN
from tests.exchange.conftest import ALL_VENUES, ENVIRONMENT
from tests.monitor.conftest import ORANGE, Desk, fill, quantities

REDUCED = {"BTCUSDT": 0.035, "ETHUSDT": 0.35, "SOLUSDT": 28.0, "SUSHIUSDT": 12.0}


@pytest.fixture(scope="module")
def killed():
    """Return what does one pass that kills itself at a line, and tells how it ended and how many lines it ran."""
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, "-m", "tests.monitor.killed"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as process:

        def one(venue, folder, line):
            name = next(name for name, kind in ALL_VENUES.items() if isinstance(venue, kind))
            process.stdin.write(f"{venue.origin} {name} {folder} {line}\n")
            process.stdin.flush()
            code, lines = map(int, process.stdout.readline().split())
            assert code in (0, -9)
            return code, lines

        yield one


def goes_on(desk):
    """Start again, go on when requests of before are out of date; return the last passes and the journal's orders."""

    async def look():
        async with desk.running() as running:
            await running.one_pass()
            desk.clock.pass_time(31)
            return [await running.one_pass() for _ in range(2)]

    return asyncio.run(look()), desk.orders()


def killed_at(killed, venue, folder, line):
    """Kill a pass at a line. The venue takes orders and fills none yet, so that only the journal knows of them."""
    folder.mkdir()
    fill(venue, ORANGE)
    venue.orders.clear()
    venue.fill_share = Decimal(0)
    code, _ = killed(venue, folder, line)
    assert code == -9
    (settled, last), orders = goes_on(Desk(folder, venue))
    # An order that was meant and never sent is told, once, and nothing else.
    assert {one.code for one in settled.troubles} <= {"order-not-found"}
    assert last.ok
    # One for each position: of before the kill, or of a new decision.
    assert sorted(one.symbol for one in venue.orders) == sorted(REDUCED), (line, orders)
    assert {one.client_id for one in venue.orders} == {one.client_order_id for one in orders if one.state == OPEN}
    assert {one.state for one in orders} <= {OPEN, NOT_SENT}
    for one in venue.orders:
        venue.fill_rest(one.client_id)
    assert quantities(venue) == REDUCED
    shutil.rmtree(folder)


def at_random(killed, folder, all_kills):
    """Kill so many times, at moments drawn from all of a pass, at each venue as often."""
    kills = all_kills // len(ALL_VENUES)
    for number, kind in enumerate(ALL_VENUES.values()):
        with kind() as venue:
            venue.weight_limit = 10**9  # hours of passes within minutes
            whole = folder / f"whole-{number}"
            whole.mkdir()
            fill(venue, ORANGE)
            venue.fill_share = Decimal(0)
            _, most = killed(venue, whole, 0)
            for place in random.Random(number).sample(range(1, most), min(kills, most - 1)):
                killed_at(killed, venue, folder / f"killed-{number}-{place}", place)


def test_a_kill_while_orders_are_sent_doubles_none(killed, tmp_path):
    at_random(killed, tmp_path, 12)


@pytest.mark.soak
def test_a_kill_at_any_of_two_hundred_moments_doubles_none(killed, tmp_path):
    at_random(killed, tmp_path, 200)
