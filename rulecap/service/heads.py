"""How much may be said on a connection before it is answered: uvicorn and its parser keep whatever comes.

A request says so much before its body at the most, and so many requests wait for the answers to those before them.

Anybody who reaches the port may send it, before any key is asked for.
"""

from typing import Any

MOST = 64 * 1024
# What keeping a header costs beside its letters, as HTTP/2 counts it (RFC 9113, 6.5.2).
EACH = 32
MOST_WAITING = 100
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TooMuch(Exception):
    """A head, or what follows a body in pieces, is larger than it may be, or too many requests wait."""


class Bounded:
    """What is put in front of uvicorn's class: ends a connection with 431 once too much of a head has come.

    What the parser tells of is counted (`_told`), and so is what it only keeps, since its end has not come (`_untold`).

    Attributes:
        heard: how often it told something.
    """

    transport: Any
    pipeline: Any
    _told = _untold = heard = 0

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        before = self.heard
        super().data_received(data)  # type: ignore[misc]  # uvicorn's class comes next, see bounded_protocol
        self._untold = 0 if self.heard != before else self._untold + len(data)
        if max(self._told, self._untold) > MOST and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; one that is too large is answered above, and nothing in between other answers."""
        if self.pipeline:
            self.transport.close()
        elif self._told <= MOST:
            super().send_400_response(msg)  # type: ignore[misc]  # as above

    def on_message_begin(self) -> None:
        """Begin to count."""
        if len(self.pipeline) >= MOST_WAITING:
            raise TooMuch
        self._told = 0
        self.heard += 1
        super().on_message_begin()  # type: ignore[misc]  # as above

    def on_url(self, url: bytes) -> None:
        """Count a part of the address."""
        self._count(len(url))
        super().on_url(url)  # type: ignore[misc]  # as above

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or what is one after a body in pieces."""
        self._count(len(name) + len(value) + EACH)
        super().on_header(name, value)  # type: ignore[misc]  # as above

    def on_body(self, body: bytes) -> None:
        """Note that the parser goes on."""
        self.heard += 1
        super().on_body(body)  # type: ignore[misc]  # as above

    def _count(self, length: int) -> None:
        self.heard += 1
        self._told += length
        if self._told > MOST:
            raise TooMuch  # which ends the parsing


def bounded_protocol() -> Any:
    """Return what reads requests; where that parser is not installed, uvicorn's own choice, which has such a bound."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"
    return type("BoundedProtocol", (Bounded, HttpToolsProtocol), {})
