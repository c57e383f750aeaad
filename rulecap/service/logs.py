"""Structured logs: one line for each thing that happens, as text or JSON. No key, secret or balance is ever given."""

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from io import UnsupportedOperation
from queue import Full, Queue
from threading import Lock, Thread
from typing import TextIO

from pydantic_core import to_json

from rulecap.language.values import iso
from rulecap.problems import as_json_has_it, on_a_line

# What a record of Python's has by itself; whatever it has beside that was given as a field.
OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}

# Below `warning` this has the venue's answers as they came, an account's balance among them.
VENUES_OWN = "rulecap.exchange.venue"

MOST_WAITING, FLUSH_SECONDS = 10_000, 2.0
LOST = "lines-lost"


class Lines(logging.Formatter):
    """Writes a record as one line: JSON, or text with its fields behind."""

    def __init__(self, as_json: bool) -> None:
        """Choose which."""
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; of an exception its type and place, not its text, which may hold figures."""
        fields = {name: value for name, value in record.__dict__.items() if name not in OWN}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = record.exc_info[0].__name__
        time = iso(datetime.fromtimestamp(record.created, UTC), "milliseconds")
        head = {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if self._as_json:
            return as_json_has_it(to_json({**head, **fields}, fallback=str).decode())
        told = [f"{name}={value}" for name, value in fields.items()]
        return on_a_line(" ".join([time, f"{head['level']:7}", head["message"], *told]))


class Beside(logging.Handler):
    """Writes lines in a thread of its own: where what reads them stands still, nobody who has something to say does.

    A pipe or a journal that takes no more would otherwise hold up whoever decides, and whoever reduces. Of the lines
    that then find no room, how many they were is said once there is room again.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        super().__init__()
        self._stream, self._lines = stream, Queue[str | None](MOST_WAITING)
        self._counting, self._lost = Lock(), 0
        Thread(target=self._write_on, name="rulecap-lines", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a line written."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # as every handler of Python's: no line fails who logs it
            self.handleError(record)
            return
        try:
            self._lines.put_nowait(line)
        except Full:
            with self._counting:
                self._lost += 1

    def flush(self) -> None:
        """Wait until all is written; for a moment at the longest, because what reads it may stand still."""
        done = self._lines.all_tasks_done
        with done:
            done.wait_for(lambda: not self._lines.unfinished_tasks, FLUSH_SECONDS)

    def close(self) -> None:
        """Write no more than what waits."""
        self.flush()
        with suppress(Full):
            self._lines.put_nowait(None)
        super().close()

    def _write_on(self) -> None:
        while (line := self._lines.get()) is not None:
            with self._counting:
                lost, self._lost = self._lost, 0
            with suppress(OSError, ValueError):  # a full disk, a reader that has gone, a stream that is closed
                self._write(f"{self._lack(lost)}\n{line}\n" if lost else f"{line}\n")
            self._lines.task_done()

    def _lack(self, lost: int) -> str:
        """Return the line that says how many others found no room."""
        said = {"name": "rulecap.service", "levelno": logging.WARNING, "levelname": "WARNING", "code": LOST}
        return self.format(logging.makeLogRecord({**said, "msg": "%s lines found no room here", "args": (lost,)}))

    def _write(self, text: str) -> None:
        try:
            file = self._stream.fileno()
        except UnsupportedOperation:
            self._stream.write(text)
            return
        # Not by the stream: one that is held up in it would hold up the end of the process, which flushes it.
        rest = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        while rest:
            rest = rest[os.write(file, rest) :]


def set_up(level: str, as_json: bool, stream: TextIO | None = None) -> None:
    """Write the service's logs to standard error, beside all else; or to a stream, at once.

    The libraries below it are heard from `warning` on: what they say at lower levels may hold headers or bodies.
    """
    handler = logging.StreamHandler(stream) if stream else Beside(sys.stderr)
    handler.setFormatter(Lines(as_json))
    handler.addFilter(lambda record: record.name != VENUES_OWN or record.levelno >= logging.WARNING)
    root = logging.getLogger()
    before, root.handlers[:] = root.handlers[:], [handler]
    for one in before:
        if isinstance(one, Beside):
            one.close()
    root.setLevel(logging.WARNING)
    logging.getLogger("rulecap").setLevel(level.upper())
    # Its warnings are of what is no request: whoever reaches the port, with a key or without, could fill a disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def written() -> None:
    """Have what was logged written, for a moment at the longest."""
    for one in logging.getLogger().handlers:
        one.flush()
