"""Signs of life: what is left, where, and that none that fails is in the way of another."""

import asyncio
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rulecap.monitor.heartbeat import beat, tell_systemd
from tests.monitor.receiver import Receiver

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_file_has_the_time_and_the_process_and_is_written_anew_in_one(tmp_path):
    alive = tmp_path / "alive"
    alive.write_text("x" * 1000)
    asyncio.run(beat([str(alive)], AT))
    assert json.loads(alive.read_text()) == {"time": "2026-11-30T12:00:00Z", "process": os.getpid()}
    assert alive.read_text().endswith("}\n")
    assert [one.name for one in tmp_path.iterdir()] == ["alive"]


def test_a_full_disk_leaves_no_half_of_a_sign(tmp_path, monkeypatch, caplog):
    alive = tmp_path / "alive"
    alive.write_text("of before")

    def half(path, text, **_):
        path.write_bytes(text[:5].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    asyncio.run(beat([str(alive)], AT))
    assert alive.read_bytes() == b"of before"
    assert "No space left on device" in caplog.text


def test_each_place_has_its_sign_though_others_fail(tmp_path, caplog):
    alive = tmp_path / "alive"
    with Receiver() as receiver:
        places = [str(tmp_path / "none" / "x"), "http://127.0.0.1:1/gone", str(alive), receiver.url, receiver.url]
        asyncio.run(beat(places, AT))
        assert [one["path"] for one in receiver.got] == ["/hook-token-55ee"] * 2
    assert alive.exists()
    assert [one.code for one in caplog.records] == ["heartbeat"] * 2
    assert "none/x cannot be written: No such file or directory" in caplog.text


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_where_it_listens(tmp_path, monkeypatch, abstract):
    path = f"rulecap-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        try:
            listening.bind(f"\0{path}" if abstract else path)
        except OSError:
            pytest.skip("no such sockets here")
        listening.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}" if abstract else path)
        tell_systemd("READY=1")
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("told", [None, "", "/nowhere/at/all"])
def test_where_systemd_does_not_listen_nothing_happens(monkeypatch, told):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if told is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", told)
    tell_systemd("READY=1")
