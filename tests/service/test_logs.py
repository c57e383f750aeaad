"""A line of the log is one thing that happened, whatever it is about is called."""

import json
import logging

import pytest

from rulecap.service.logs import Lines

EVIL = "A\x1b[2J\u202e\x9b31m\n2026-01-01T00:00:00.000Z info    all is fine"
MOVING = set("\x1b\u202e\x9b\n")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_name_moves_no_cursor_and_begins_no_line(as_json):
    record = logging.makeLogRecord({"name": "rulecap", "msg": "the market %s", "args": (EVIL,), "code": EVIL})
    line = Lines(as_json).format(record)
    assert not MOVING & set(line)
    assert not as_json or json.loads(line)["code"] == EVIL
