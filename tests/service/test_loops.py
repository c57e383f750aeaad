"""The service's loop closes no file but its own."""

import asyncio
import os
import socket
from contextlib import suppress

import pytest

pytest.importorskip("ccxt")

from rulecap.service.loops import new_event_loop
from rulecap.service.service import Service
from rulecap.service.settings import BadSettings, read_settings


async def given_up_in_mid_connection():
    """Give a connection up just as it is made; return whether files that were opened since are open."""
    server = socket.create_server(("127.0.0.1", 0))
    sock = socket.create_connection(server.getsockname())
    sock.setblocking(False)
    connecting = asyncio.create_task(asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=sock))
    await asyncio.sleep(0)
    connecting.cancel()
    with suppress(asyncio.CancelledError):
        await connecting
    assert connecting.cancelled()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
    sock.close()
    try:
        return [is_open(one) for one in opened]
    finally:
        server.close()
        for one in opened:
            with suppress(OSError):
                os.close(one)


def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_a_connection_that_is_given_up_closes_nobody_else_s_file():
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(given_up_in_mid_connection()) == [True] * 3


@pytest.mark.parametrize("asked_for", ["ours", "uvloop's"])
def test_an_exchange_is_not_served_on_a_loop_that_does(asked_for, tmp_path):
    uvloop = pytest.importorskip("uvloop")
    exchange = {"venue": "binanceusdm", "origin": "http://127.0.0.1:1", "timeout_seconds": 0.1}
    settings = read_settings(exchange=exchange, log=f"sqlite:///{tmp_path / 'log.sqlite3'}", apart=False)

    async def serve():
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with Service(settings).running():
            return "served"

    factory = new_event_loop if asked_for == "ours" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if asked_for == "ours":
            assert runner.run(serve()) == "served"
        else:
            with pytest.raises(BadSettings, match="new_event_loop"):
                runner.run(serve())


def test_a_socket_that_was_not_taken_stays_its_owner_s():
    async def refused():
        sock = socket.socket()
        with pytest.raises(ValueError, match="host"):
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", 1, sock=sock)
        with sock:
            return sock.fileno()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(refused()) >= 0
