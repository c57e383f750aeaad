"""Before any key is asked for, a request can say only so much."""

import asyncio
import io
import logging

import pytest

pytest.importorskip("httptools")

from rulecap.service import heads
from rulecap.service.logs import set_up
from tests.service.listening import served

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST /api/evaluate/state HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = b"X-One: " + b"v" * 1000 + b"\r\n"


async def answered(port, *parts):
    """Send parts, each for itself, for as long as the service takes them; return what it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    except ConnectionError:
        return b"cut"
    finally:
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        (GET, *[MANY] * 200),
        (GET + MANY * 200,),
        (GET + b"X: ", *[b"v" * 32_000] * 10),
        (GET + b"a:\r\n" * 3_000,),  # each keeps more than it says
        (b"GET /", *[b"a" * 32_000] * 10),
        (*[b"\r\n" * 16_000] * 10,),
        (CHUNKED, b"1;", *[b"x" * 32_000] * 10),
    ],
)
def test_a_head_without_end_is_ended(parts):
    said = asyncio.run(served(lambda port: answered(port, *parts)))
    # Who goes on sending may find the connection gone before he has read why.
    assert said == b"cut" or said.split(b" ")[1] in (b"431", b"400")


def test_a_request_of_a_usual_size_is_read_in_any_pieces():
    async def ask(port):
        whole = GET + MANY * 50 + b"\r\n"
        return [
            await answered(port, whole),
            await answered(port, *[whole[at : at + 700] for at in range(0, len(whole), 700)]),
        ]

    assert all(said.startswith(b"HTTP/1.1 200") for said in asyncio.run(served(ask)))


def test_a_large_body_is_no_large_head():
    async def ask(port):
        body = b" " * 500_000
        head = b"POST /api/evaluate/state HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        return await answered(port, head + b"Content-Length: %d\r\n\r\n" % len(body), body)

    assert asyncio.run(served(ask)).startswith(b"HTTP/1.1 400")  # it is no JSON


async def answers(port, count):
    """Ask so many times before anything is answered; return how many answers came until the connection ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = (GET + b"\r\n") * (count - 1) + GET + b"Connection: close\r\n\r\n"
    writer.write(whole)
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said.count(b"HTTP/1.1 200")


def test_only_so_many_requests_wait_for_their_answers():
    """Each is kept until those before it are answered, and may be so for as long as nobody reads these."""
    assert asyncio.run(served(lambda port: answers(port, heads.MOST_WAITING))) == heads.MOST_WAITING
    assert asyncio.run(served(lambda port: answers(port, 10 * heads.MOST_WAITING))) <= heads.MOST_WAITING


def test_what_is_asked_on_one_connection_is_bounded_request_by_request():
    """A bot that keeps its connection says more on it than any one request may."""
    large = MANY * 2

    async def ask(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for _ in range(heads.MOST // len(large) + 2):
            writer.write(GET + large + b"\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            found.append(head.split(b" ")[1])
        writer.close()
        return found

    assert set(asyncio.run(served(ask))) == {b"200"}


def test_what_is_no_request_is_not_answered_in_the_place_of_one_that_waits():
    """Who sends rubbish after a question may take the answer to it for that to the question."""

    async def ask(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write((GET + b"\r\n") * 2 + b"rubbish\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return said

    assert b" 400 " not in asyncio.run(served(ask))


@pytest.mark.usefixtures("logging_as_it_was")
def test_what_is_no_request_is_no_line_in_the_log():
    said = io.StringIO()
    set_up("debug", False, said)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("the address is taken")
    assert said.getvalue().endswith("the address is taken\n")
    assert "Invalid" not in said.getvalue()
