"""Running the service: uvicorn around the application, a graceful stop, and where it listens told once it does."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from rulecap.service.app import create_app
from rulecap.service.collector import settle
from rulecap.service.failing import steadily
from rulecap.service.hangup import at_hangup
from rulecap.service.heads import bounded_protocol
from rulecap.service.logs import written
from rulecap.service.loops import new_event_loop
from rulecap.service.service import Service
from rulecap.service.settings import ServiceSettings
from rulecap.service.silence import Silence

log = logging.getLogger("rulecap.service")
SILENT_SECONDS, LOOK_SECONDS = 15.0, 5.0


class Server(uvicorn.Server):
    """Ends the streams that never end by themselves before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, service: Service, listening: Callable[[str], None]) -> None:
        """Run an application; `listening` is told its address once it is there."""
        super().__init__(config)
        self._service, self._listening = service, listening
        self._silence = Silence(lambda: list(self.server_state.connections), SILENT_SECONDS)
        self._looking: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell where."""
        at_hangup(log, self._end)
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's word for an address that is taken, which it has logged; the exit code is ours
            self.should_exit = True
        if self.started:
            settle()
            self._looking = asyncio.create_task(steadily(self._silence.look, LOOK_SECONDS))
            for server in self.servers:
                for one in server.sockets:
                    self._listening(address(one.getsockname()))

    def _end(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new requests, streams end, open requests finish, the log is closed."""
        log.info("stopping")
        self._service.events.close()
        if self._looking is not None:
            self._looking.cancel()
        await super().shutdown(sockets)
        log.info("stopped")
        written()  # uvicorn hands the signal on once it is done, which ends the process


def address(name: tuple[str, int]) -> str:
    """Return where a socket listens, as a URL."""
    host, port = name[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(settings: ServiceSettings, listening: Callable[[str], None]) -> bool:
    """Serve until told to stop (SIGINT, SIGTERM); return whether it could be started.

    Raises:
        PolicyError, UnusableKeys, BadSettings: as `create_app`.
        LogError, UnusableKey: the log cannot be opened.
    """
    app = create_app(settings)
    app.state.service.open()
    server = server_of(settings, app, listening)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(server.serve())
    return server.started


def server_of(settings: ServiceSettings, app: FastAPI, listening: Callable[[str], None]) -> Server:
    """Return what serves an application; `listening` is told its address once it is there."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        # Who asks is known by the address alone: what a header says of it anybody may write.
        proxy_headers=False,
        ws="none",
        http=bounded_protocol(),
        timeout_graceful_shutdown=settings.stop_seconds,
        lifespan="on",
    )
    return Server(config, app.state.service, listening)
