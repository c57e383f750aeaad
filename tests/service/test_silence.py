"""Who connects and says nothing takes nobody's place."""

import asyncio
from types import SimpleNamespace

from rulecap.service import running
from rulecap.service.app import create_app
from rulecap.service.settings import ServiceSettings
from rulecap.service.silence import Silence


class Connection:
    def __init__(self, cycle=None):
        self.cycle, self.closed = cycle, False
        self.transport = SimpleNamespace(close=self.close)

    def close(self):
        self.closed = True


def answered(complete):
    return SimpleNamespace(response_complete=complete)


def test_a_connection_on_which_nothing_is_asked_is_let_go_and_one_that_is_answered_is_not():
    silent, idle, asked, stream = Connection(), Connection(answered(True)), Connection(), Connection(answered(False))
    now = [0.0]
    looked = Silence(lambda: [silent, idle, asked, stream], 15.0, lambda: now[0])

    def look(moment):
        now[0] = moment
        asyncio.run(looked.look())
        return [one.closed for one in (silent, idle, asked, stream)]

    assert look(0.0) == look(14.9) == [False] * 4
    asked.cycle = answered(True)
    assert look(15.0) == [True, True, False, False]
    assert look(29.9) == [True, True, False, False]
    assert look(30.0) == [True, True, True, False]


def test_half_a_request_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr(running, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.01)

    async def ask():
        told = asyncio.get_running_loop().create_future()
        settings = ServiceSettings(demo=True, apart=False, port=0)
        app = create_app(settings)
        app.state.service.open()
        server = running.server_of(settings, app, told.set_result)
        served = asyncio.create_task(server.serve())
        port = int((await asyncio.wait_for(told, 20)).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        said = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        server.should_exit = True
        await asyncio.wait_for(served, 20)
        return said

    assert asyncio.run(ask()) == b""
