"""A service at a port, asked by whatever speaks to one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rulecap.service import running
from rulecap.service.app import create_app
from rulecap.service.settings import ServiceSettings


async def served(ask: Callable[[int], Awaitable[Any]]) -> Any:
    """Return what a question to the port of a service comes to."""
    told = asyncio.get_running_loop().create_future()
    settings = ServiceSettings(demo=True, apart=False, port=0)
    app = create_app(settings)
    app.state.service.open()
    server = running.server_of(settings, app, told.set_result)
    task = asyncio.create_task(server.serve())
    try:
        return await ask(int((await asyncio.wait_for(told, 20)).rpartition(":")[2]))
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 20)
