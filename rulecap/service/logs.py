"""Structured logs: one line for each thing that happens, as text or JSON. No key, secret or balance is ever given."""

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from pydantic_core import to_json

from rulecap.language.values import iso
from rulecap.problems import as_json_has_it, on_a_line

# What a record of Python's has by itself; whatever it has beside that was given as a field.
OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}

# Below `warning` this has the venue's answers as they came, an account's balance among them.
VENUES_OWN = "rulecap.exchange.venue"


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


def set_up(level: str, as_json: bool, stream: TextIO | None = None) -> None:
    """Write the service's logs to a stream, standard error by default.

    The libraries below it are heard from `warning` on: what they say at lower levels may hold headers or bodies.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(as_json))
    handler.addFilter(lambda record: record.name != VENUES_OWN or record.levelno >= logging.WARNING)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("rulecap").setLevel(level.upper())
    # Its warnings are of what is no request: whoever reaches the port, with a key or without, could fill a disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
