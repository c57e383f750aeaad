"""The event loop that the service runs on: uvloop's, the quickest, without its fault that closes others' files.

Where a connection over a socket that is handed in is given up just as it is made (as a venue's late answer ends all the
others), uvloop closes the file and leaves its number to the socket. That closes the number again later, when it is
another's: a caller's connection, so that he gets another's answer, or the log's database, which loses its locks, and
with them what was recorded. https://github.com/MagicStack/uvloop/issues/738
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

from rulecap.service.settings import BadSettings

File = tuple[int, int]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop: uvloop's where it is installed, mended, else Python's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()

    class Loop(uvloop.Loop):
        async def create_connection(self, *told: Any, **given: Any) -> Any:
            """Connect as uvloop does; a socket whose file was closed by that has no number any more."""
            sock = given.get("sock")
            before = None if sock is None else _file_of(sock)
            try:
                return await super().create_connection(*told, **given)
            except BaseException:
                if sock is not None and before is not None and _file_of(sock) != before:
                    sock.detach()
                raise

    return Loop()


def check(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to connect to a venue on a loop that has the fault.

    Raises:
        BadSettings: it has.
    """
    if type(loop).__module__.partition(".")[0] == "uvloop":
        raise BadSettings(
            "an exchange cannot be served on uvloop as it is, which closes files of others: start the application with"
            " `rulecap serve`, or with uvicorn's --loop rulecap.service.loops:new_event_loop"
        )


def _file_of(sock: socket.socket) -> File | None:
    """Return which file a socket's number is of; none where it is of none. A number is used again, this is not."""
    found = None
    with suppress(OSError):
        state = os.fstat(sock.fileno())
        found = state.st_dev, state.st_ino
    return found
