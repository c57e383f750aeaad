"""Signs of life: a file touched or an address asked after each good pass; systemd is told that the loop goes on."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from rulecap.language.values import iso
from rulecap.monitor.webhook import Undelivered, fetch, is_address

log = logging.getLogger("rulecap.monitor")
SYSTEMD = "NOTIFY_SOCKET"


async def beat(places: Sequence[str], now: datetime) -> None:
    """Leave a sign of life at each place: a file is written anew, an address is asked; what fails is logged."""
    for place in places:
        if not is_address(place):
            _write(Path(place), now)
    await asyncio.gather(*(_ask(place) for place in places if is_address(place)))


async def _ask(address: str) -> None:
    try:
        await fetch("GET", address)
    except Undelivered as error:
        log.error("the heartbeat was not got: %s", error, extra={"code": "heartbeat"})


def _write(path: Path, now: datetime) -> None:
    """Write the time into a file, whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(json.dumps({"time": iso(now), "process": os.getpid()}) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        log.error("the heartbeat %s cannot be written: %s", path, error.strerror, extra={"code": "heartbeat"})


def tell_systemd(state: str) -> None:
    """Tell systemd `READY=1`, `WATCHDOG=1` or `STOPPING=1`, where it started this; nothing happens elsewhere."""
    address = os.environ.get(SYSTEMD)
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
        telling.sendto(state.encode(), name)
