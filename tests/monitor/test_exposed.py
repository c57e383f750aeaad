"""Whoever connects to the metrics' port, and asks nothing, takes no file from whoever watches the account."""

import socket
import time
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from rulecap.monitor import exposed as module
from rulecap.monitor.exposed import Handler, exposed
from tests.patience import patience

FILES = Path("/proc/self/fd")


@pytest.fixture
def address():
    registry = CollectorRegistry()
    Counter("one", "One.", registry=registry)
    with exposed(registry, 0) as told:
        yield told


def connected(address):
    return closing(socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=60))


def told(address):
    try:
        with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def test_what_is_more_than_a_few_connections_is_closed_at_once(address):
    with ExitStack() as stack, patience():
        idle = [stack.enter_context(connected(address)) for _ in range(module.MOST_AT_ONCE)]
        more = [stack.enter_context(connected(address)) for _ in range(20)]
        assert [one.recv(1) for one in more] == [b""] * 20
        idle[0].close()
        while "one_total 0.0" not in told(address):
            time.sleep(0.01)


def test_a_connection_on_which_nothing_is_asked_is_closed(address, monkeypatch, capfd):
    monkeypatch.setattr(Handler, "timeout", 0.05)
    with ExitStack() as stack, patience():
        idle = [stack.enter_context(connected(address)) for _ in range(module.MOST_AT_ONCE)]
        assert [one.recv(1) for one in idle] == [b""] * module.MOST_AT_ONCE
        while "one_total 0.0" not in told(address):
            time.sleep(0.01)
    assert capfd.readouterr().err == ""


def test_a_stop_waits_for_nobody_who_is_silent():
    with patience(60), ExitStack() as stack:
        with exposed(CollectorRegistry(), 0) as address:
            silent = stack.enter_context(connected(address))
            assert told(address) == ""
        assert silent.fileno() >= 0


@pytest.mark.skipif(not FILES.is_dir(), reason="nothing tells how many files are open")
def test_who_goes_leaves_no_file_open(address):
    before = len([*FILES.iterdir()])
    for _ in range(50):
        with connected(address):
            pass
    with patience():
        while len([*FILES.iterdir()]) > before:
            time.sleep(0.01)
