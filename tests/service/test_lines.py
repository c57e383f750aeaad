"""Where what reads the log stands still, nobody who logs does."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from io import StringIO

import pytest

from rulecap.service import logs
from rulecap.service.logs import Beside, Lines, set_up
from tests.patience import patience

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no pipe can be filled here without waiting")


@contextmanager
def full_pipe():
    """Give both ends of a pipe that takes no more, and how much is in it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    inside = 0
    try:
        while True:
            inside += os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)
    try:
        yield reading, writing, inside
    finally:
        os.close(reading)


def read(reading, length):
    found = b""
    while len(found) < length:
        found += os.read(reading, length - len(found))
    return found


def said(number):
    return logging.makeLogRecord({"name": "rulecap", "msg": f"line {number}", "levelname": "INFO"})


def read_until(reading, last):
    text = b""
    while last not in text:
        text += os.read(reading, 65536)
    return text


def test_who_logs_goes_on_and_what_found_no_room_is_counted(monkeypatch):
    monkeypatch.setattr(logs, "MOST_WAITING", 10)
    with full_pipe() as (reading, writing, inside), patience(), os.fdopen(writing, "w") as stream:
        handler = Beside(stream)
        handler.setFormatter(Lines(True))
        for number in range(50):
            handler.emit(said(number))
        read(reading, inside)
        told = read_until(reading, b"line 9")
        handler.emit(said("at last"))
        told += read_until(reading, b"at last")
        handler.close()
        told += os.read(reading, 65536) if not told.endswith(b"\n") else b""
    texts = [json.loads(one) for one in told.decode().splitlines()]
    (lost,) = [one for one in texts if one.get("code") == "lines-lost"]
    lines = [one["message"] for one in texts if one["message"].startswith("line ")]
    assert lines == [*(f"line {number}" for number in range(len(lines) - 1)), "line at last"]
    assert int(lost["message"].split()[0]) + len(lines) == 51


@pytest.mark.parametrize("gone", ["closed", "without a reader"])
def test_a_line_that_cannot_be_written_fails_nobody(gone, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, patience():
        if gone == "closed":
            stream.close()
        handler = Beside(stream)
        for number in range(3):
            handler.emit(said(number))
        handler.close()
    assert capfd.readouterr().err == ""


def test_lines_come_in_their_order_also_to_a_stream_that_is_no_file():
    stream = StringIO()
    handler = Beside(stream)
    handler.setFormatter(Lines(False))
    for number in range(100):
        handler.emit(said(number))
    handler.close()
    assert [one.split()[-1] for one in stream.getvalue().splitlines()] == [str(number) for number in range(100)]


def test_a_letter_that_the_terminal_has_not_is_told_by_its_number(tmp_path):
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        handler = Beside(stream)
        handler.emit(said("日本"))
        handler.close()
    assert (tmp_path / "log").read_text() == "line \\u65e5\\u672c\n"


def test_to_be_set_up_again_ends_what_wrote_before(capfd):
    before = logging.getLogger().handlers[:]
    try:
        for number in range(3):
            set_up("info", False)
            logging.getLogger("rulecap").info("line %s", number)
        logs.written()
    finally:
        for one in logging.getLogger().handlers:
            one.close()
        logging.getLogger().handlers[:] = before
    assert [one.split()[-1] for one in capfd.readouterr().err.splitlines()] == ["0", "1", "2"]


def test_a_monitor_whose_log_nobody_reads_watches_on_and_stops_when_it_is_told_to(tmp_path):
    beat = tmp_path / "beat"
    command = [sys.executable, "-m", "rulecap", "monitor", "--demo", "--every", "0.05", "--heartbeat", beat]
    command += ["--log", f"sqlite:///{tmp_path / 'log.sqlite3'}"]
    with (
        full_pipe() as (_, writing, _),
        patience(),
        subprocess.Popen([*map(str, command)], stdout=writing, stderr=writing) as monitor,
    ):
        os.close(writing)
        try:
            seen = set()
            while len(seen) < 5:
                seen |= {beat.read_text()} if beat.exists() else set()
                time.sleep(0.01)
            monitor.send_signal(signal.SIGTERM)
            assert monitor.wait() == 0
        finally:
            monitor.kill()
