"""The loop: fixed times, a graceful stop, signs of life, no growth of memory over a day."""

import asyncio
import gc
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rulecap.audit.clock import now
from rulecap.monitor import delivery
from rulecap.monitor.clock import Clock
from rulecap.monitor.heartbeat import beat
from rulecap.monitor.loop import run
from rulecap.monitor.running import Wanted, look_once, opened, watch
from rulecap.monitor.settings import MonitorSettings
from rulecap.monitor.webhook import Webhook
from tests.monitor.conftest import codes
from tests.monitor.receiver import Receiver


class Simulated(Clock):
    """A clock on which waiting takes no time; stopped after so many waits."""

    def __init__(self, waits):
        super().__init__()
        self.at, self.waits, self.waited = 0.0, waits, []
        self.moment = lambda: self.at
        self.now = lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    async def wait(self, seconds):
        self.waited.append(seconds)
        self.at += seconds
        self.waits -= 1
        return self.waits > 0


def test_passes_begin_at_fixed_times_and_one_that_is_late_is_left_out():
    clock, began, takes = Simulated(5), [], iter([1.0, 4.0, 65.0, 30.0, 0.0])

    async def one():
        began.append(clock.at)
        clock.at += next(takes)

    asyncio.run(run(one, 30.0, clock))
    assert began == [0, 30, 60, 150, 210]


def test_a_monitor_whose_output_nobody_takes_watches_on(tmp_path, caplog):
    wanted = Wanted(MonitorSettings(f"sqlite:///{tmp_path / 'log'}"), tmp_path / "journal", None)
    passes = []

    def seen(report):
        passes.append(report.ok)
        raise BrokenPipeError(32, "Broken pipe")

    asyncio.run(watch(wanted, seen, Simulated(3)))
    assert len(passes) == 3
    assert [one.code for one in caplog.records if hasattr(one, "code")] == ["output"] * 3


def test_what_changes_is_delivered_beside_the_passes(tmp_path, monkeypatch):
    """As it runs for days: each pass finds something new, or nothing; nobody but the loop delivers it."""
    monkeypatch.setattr(delivery, "LOOK_SECONDS", 0.01)
    clock, passes = Clock(), []
    with Receiver() as receiver:

        def seen(report):
            passes.append(report)
            if receiver.got or len(passes) == 1_000:
                clock.stop.set()

        settings = MonitorSettings(f"sqlite:///{tmp_path / 'log'}", every_seconds=0.001)
        wanted = Wanted(settings, tmp_path / "journal", None, Webhook(receiver.url, b"of the desk"))
        asyncio.run(watch(wanted, seen, clock))
    assert [one["what"] for one in receiver.got[0]["changes"]] == [one.what for one in passes[0].changes]
    assert [one["status"] for one in receiver.got] == [204]


def test_one_pass_that_cannot_be_shown_is_told_all_the_same(tmp_path):
    """As where cron writes what it prints to a full disk: else no run ever told anybody anything."""

    def full(_):
        raise OSError(28, "No space left on device")

    with Receiver() as receiver:
        settings = MonitorSettings(f"sqlite:///{tmp_path / 'log'}")
        wanted = Wanted(settings, tmp_path / "journal", None, Webhook(receiver.url))
        with pytest.raises(OSError, match="No space left"):
            asyncio.run(look_once(wanted, full))
    assert [one["status"] for one in receiver.got] == [204]


class Hurried(Simulated):
    """The same, but for the time of day, which has to be the venue's."""

    def __init__(self, waits):
        super().__init__(waits)
        self.now = now


def grown(wanted, clock, forget=lambda: None):
    """Return by how much memory grows from the second tenth of the clock's passes to the last one.

    Of each tenth the least counts: what is kept of the last passes is let go of from time to time.
    """
    passes, held = clock.waits, {1: [], 9: []}

    async def look():
        async with opened(wanted, clock) as running:
            count = 0

            async def one():
                nonlocal count
                report = await running.one_pass()
                assert report.ok
                clock.waited.clear()  # what the test keeps is no growth
                forget()
                count += 1
                tenth = held.get((count - 1) * 10 // passes)
                if tenth is not None and count % 8 == 0:
                    gc.collect()
                    tenth.append(tracemalloc.get_traced_memory()[0])

            await run(one, 30.0, clock)

    logging.disable()  # pytest keeps what is logged
    tracemalloc.start()
    try:
        asyncio.run(look())
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    return min(held[9]) - min(held[1])


@pytest.mark.no_cover
def test_memory_does_not_grow_with_passes(at_binance):
    wanted = Wanted(MonitorSettings(at_binance.log), at_binance.journal, None)
    assert grown(wanted, Simulated(200)) < 100_000


@pytest.mark.soak
def test_memory_does_not_grow_in_a_day(at_binance):
    wanted = Wanted(MonitorSettings(at_binance.log), at_binance.journal, None)
    assert grown(wanted, Simulated(2_880)) < 100_000


@pytest.mark.soak
def test_memory_does_not_grow_in_a_day_at_a_venue(desk, venue):
    venue.weight_limit = 10**9  # a day's requests within minutes
    assert grown(desk.wanted(), Hurried(2_880), venue.requests.clear) < 200_000


def test_a_heartbeat_is_left_after_good_passes_alone(at_binance, binance, tmp_path):
    alive = tmp_path / "alive"

    async def look():
        wanted = replace(at_binance.wanted(), heartbeats=(str(alive),))
        async with opened(wanted, at_binance.clock) as running:
            await running.one_pass()
            first = alive.read_text()
            alive.unlink()
            binance.fault("positionRisk", "drop", 1000)
            report = await running.one_pass()
            return first, report

    first, report = asyncio.run(look())
    assert json.loads(first)["process"] == os.getpid()
    assert codes(report) == ["venue-down"]
    assert not alive.exists()


def test_a_heartbeat_may_be_an_address_and_fails_nothing(tmp_path, caplog):
    with Receiver() as receiver:
        asyncio.run(beat([receiver.url], now()))
        assert receiver.got[0]["path"] == "/hook-token-55ee"
        url = receiver.url
    asyncio.run(beat([url, str(tmp_path / "none" / "alive")], now()))
    assert "the heartbeat was not got" in caplog.text
    assert "cannot be written: No such file" in caplog.text
    assert "hook-token" not in caplog.text


def test_systemd_is_told_and_a_signal_lets_the_pass_end(tmp_path):
    # A socket's path is short on every system.
    notify = Path(tempfile.mkdtemp(dir="/tmp")) / "notify"
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(notify))
    told.settimeout(60)
    command = [sys.executable, "-m", "rulecap", "monitor", "--demo", "--every", "3600", "--log-format", "json"]
    environment = {**os.environ, "NOTIFY_SOCKET": str(notify)}
    with told, subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert told.recv(64) == b"READY=1"
        assert told.recv(64) == b"WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        assert told.recv(64) == b"STOPPING=1"
        _, said = process.communicate(timeout=60)
    shutil.rmtree(notify.parent)
    assert process.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["message"] for line in lines][-3:] == ["pass", "stopping: SIGTERM", "stopped"]
    (passed,) = [line for line in lines if line["message"] == "pass"]
    assert passed["verdicts"]["margin"] == "GREEN_ZONE"


def test_a_hangup_ends_no_monitor_that_has_no_terminal(tmp_path, hangup_counts):
    command = [sys.executable, "-m", "rulecap", "monitor", "--demo", "--every", "3600", "--log-format", "json"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        lines = [json.loads(process.stderr.readline())]
        while lines[-1]["message"] != "pass":
            lines.append(json.loads(process.stderr.readline()))
        process.send_signal(signal.SIGHUP)
        hung_up = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert hung_up["message"].startswith("SIGHUP: nothing to do")
    assert process.returncode == 0
    assert [json.loads(line)["message"] for line in said.splitlines()] == ["stopping: SIGTERM", "stopped"]


def test_a_hangup_of_its_terminal_lets_the_pass_end(tmp_path, hangup_counts):
    ours, its = os.openpty()
    command = [sys.executable, "-m", "rulecap", "monitor", "--demo", "--every", "3600"]
    started = subprocess.Popen(command, cwd=tmp_path, stderr=its, stdin=its, stdout=its)
    with started as process, os.fdopen(ours) as said:
        os.close(its)
        while " pass " not in said.readline():
            pass
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
        assert "stopping: SIGHUP" in said.readline()
