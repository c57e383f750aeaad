"""Where Prometheus reads the monitor: an HTTP server on loopback that takes no file from whoever watches the account.

Anybody on the machine can connect. A connection on which nothing is asked is closed after a while, and there are few at
once: each is a file, and without one more no venue is read and no order sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

MOST_AT_ONCE = 16
SILENCE_SECONDS = 10.0


class Handler(WSGIRequestHandler):
    """Answers one request, and says nothing of it."""

    timeout = SILENCE_SECONDS

    def handle(self) -> None:
        """Answer; who asks nothing, or does not read, is let go."""
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class Server(ThreadingMixIn, WSGIServer):
    """Answers some at once, and closes what is more."""

    daemon_threads = True
    block_on_close = False  # a stop waits for nobody who is silent

    def __init__(self, port: int, registry: CollectorRegistry) -> None:
        """Listen on loopback.

        Raises:
            OSError: the port is taken.
        """
        self._room = BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(("127.0.0.1", port), Handler)
        self.set_app(make_wsgi_app(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, where there is room."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # the system has no thread more
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


@contextmanager
def exposed(registry: CollectorRegistry, port: int) -> Iterator[str]:
    """Answer Prometheus on loopback, and give the address; a port of 0 is one that is free.

    Raises:
        OSError: the port is taken.
    """
    try:
        server = Server(port, registry)
    except OSError as error:
        text = f"nothing can be told to Prometheus at 127.0.0.1:{port} (--metrics-port): {error.strerror}"
        raise OSError(text) from error
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
