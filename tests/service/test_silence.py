"""Who connects and says nothing takes nobody's place."""

import asyncio
from types import SimpleNamespace

import pytest

from rulecap.service import running
from rulecap.service.silence import Silence
from tests.service.listening import served


class Connection:
    def __init__(self, cycle=None, unsent=0):
        self.cycle, self.unsent, self.ended, self.heard = cycle, unsent, "", 0
        self.transport = SimpleNamespace(
            close=lambda: self.end("closed"),
            abort=lambda: self.end("cut"),
            get_write_buffer_size=lambda: self.unsent,
        )

    def end(self, how):
        self.ended = how


def answered(complete):
    return SimpleNamespace(response_complete=complete, more_body=False)


def test_a_connection_on_which_nothing_is_asked_is_let_go_and_one_that_is_answered_is_not():
    silent, idle, asked, stream = Connection(), Connection(answered(True)), Connection(), Connection(answered(False))
    now = [0.0]
    looked = Silence(lambda: [silent, idle, asked, stream], 15.0, lambda: now[0])

    def look(moment):
        now[0] = moment
        asyncio.run(looked.look())
        return [one.ended == "closed" for one in (silent, idle, asked, stream)]

    assert look(0.0) == look(14.9) == [False] * 4
    asked.cycle = answered(True)
    assert look(15.0) == [True, True, False, False]
    assert look(29.9) == [True, True, False, False]
    assert look(30.0) == [True, True, True, False]


def test_who_reads_nothing_of_his_answers_is_cut_off():
    """To close the connection would wait for him; an answer that is read, however slowly, goes on."""
    deaf, slow, said = Connection(answered(False), 4096), Connection(answered(False), 4096), Connection(None, 4096)
    now = [0.0]
    looked = Silence(lambda: [deaf, slow, said], 15.0, lambda: now[0])
    for moment in (0.0, 5.0, 10.0, 15.0):
        now[0], slow.unsent = moment, slow.unsent - 1
        asyncio.run(looked.look())
    assert [one.ended for one in (deaf, slow, said)] == ["cut", "", "cut"]


def test_a_body_that_comes_is_waited_for_and_one_that_does_not_is_not_nor_a_head():
    comes, stays = (Connection(SimpleNamespace(response_complete=False, more_body=True)) for _ in range(2))
    first, next_one = Connection(), Connection(answered(True))
    now = [0.0]
    looked = Silence(lambda: [comes, stays, first, next_one], 15.0, lambda: now[0])
    for moment in (0.0, 5.0, 10.0, 15.0):
        now[0] = comes.heard = first.heard = next_one.heard = moment
        asyncio.run(looked.look())
    assert [one.ended for one in (comes, stays, first, next_one)] == ["", "closed", "closed", "closed"]


HALF = (
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /api/evaluate/state HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
)


@pytest.mark.parametrize("half", HALF)
def test_half_a_request_is_waited_for_only_so_long(monkeypatch, half):
    monkeypatch.setattr(running, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.01)

    async def ask(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)
        said = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return said

    assert asyncio.run(served(ask)) == b""
