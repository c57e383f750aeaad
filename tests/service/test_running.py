"""`rulecap serve` as a process: it starts, answers, streams, finishes what it was asked, and stops."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from rulecap.audit import open_log
from rulecap.cli import main
from tests.service.steps import POSITION
from tests.service.told import SPECIFIED


class Served:
    """A running service."""

    def __init__(self, folder, *arguments):
        command = [sys.executable, "-m", "rulecap", "serve", "--demo", "--port", "0", *arguments]
        self.errors = (folder / "errors.txt").open("w+")
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", line)
        assert found, line + self.said()
        self.url, self.port = found[1], int(found[2])

    def said(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, body and json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture
def run(tmp_path):
    started = []

    def start(*arguments):
        started.append(Served(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


def ready(served):
    for _ in range(200):
        try:
            return served.ask("/ready")
        except urllib.error.HTTPError:
            time.sleep(0.05)
    raise AssertionError(served.said())


def test_it_starts_streams_finishes_what_was_asked_and_stops(run, tmp_path):
    served = run("--log", "sqlite:///log.sqlite3", "--log-format", "json")
    assert ready(served)["status"] == "ok"

    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 2000\n\n")
        answers = await asyncio.gather(*(asyncio.to_thread(served.ask, POSITION, SPECIFIED) for _ in range(8)))
        told = b""
        while told.count(b"event: decision") < 8:
            told += await asyncio.wait_for(reader.read(65536), 20)
        code = await asyncio.to_thread(served.stop)
        rest = await asyncio.wait_for(reader.read(), 20)  # the stream has ended
        writer.close()
        return answers, told + rest, code

    answers, told, code = asyncio.run(ask())
    assert code in (0, -signal.SIGTERM)
    for answer in answers:
        assert f"id: {answer['decision_id']}\n".encode() in told
    with open_log(f"sqlite:///{tmp_path}/log.sqlite3") as log:
        assert all(log.find(answer["decision_id"]) for answer in answers)
    lines = [json.loads(line) for line in served.said().splitlines()]
    assert [line["message"] for line in lines] == ["stopping", "stopped"]


def test_a_stranger_is_known_by_the_address_and_not_by_what_a_header_says_of_it(run, tmp_path):
    assert main(["keys", "new", str(tmp_path / "keys.yaml"), "--id", "desk", "--scope", "read"]) == 0
    served = run("--keys", "keys.yaml", "--log-format", "json")
    for number in range(5):
        request = urllib.request.Request(served.url + "/api/policy", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=20)
    served.stop()
    told = [json.loads(line) for line in served.said().splitlines()]
    assert [one["address"] for one in told if one.get("code") == "unauthorized"] == ["127.0.0.1"]


def test_a_listener_finds_what_it_missed(run):
    served = run("--log", "sqlite:///log.sqlite3")
    ready(served)
    first, second = (served.ask(POSITION, SPECIFIED)["decision_id"] for _ in range(2))

    async def listen():
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {first}\r\n\r\n"
        writer.write(head.encode())
        told = await asyncio.wait_for(reader.readuntil(f"id: {second}\n".encode()), 20)
        writer.close()
        return told

    assert f"id: {first}\n".encode() not in asyncio.run(listen())
    served.stop()


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "listens on loopback only"),
        (["--port", "99999"], "port: error [out-of-range]"),
        (["--log-level", "loud"], "log_level: error [out-of-range]"),
        (["--settings", "none.yaml"], "there is no settings file none.yaml"),
        (["--keys", "none.yaml"], "cannot read the keys none.yaml"),
        (["--policy", "nothing"], "there is no policy at nothing"),
        (["--sandbox"], "--sandbox: only with --exchange"),
        (["--exchange", "nowhere"], "the exchange cannot be used"),
        (["--demo", "--exchange", "binanceusdm"], "cannot both be served"),
        (["--demo", "--log", "nonsense"], "nonsense is no log's address"),
    ],
)
def test_what_cannot_be_served_is_a_mistake_of_usage(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = main(["serve", *arguments])
    said = capsys.readouterr()
    assert told in said.err
    assert code == 2


def test_a_port_that_is_taken_is_said_and_is_not_fine(run, tmp_path):
    taken = run().port
    command = [sys.executable, "-m", "rulecap", "serve", "--demo", "--port", str(taken)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "address already in use" in ran.stderr
    assert (ran.returncode, ran.stdout) == (1, "")


def test_a_venue_is_named_by_a_flag_and_the_rest_of_it_in_the_file(tmp_path, monkeypatch):
    from rulecap.cli import serve
    from rulecap.cli.entry import parser

    file = tmp_path / "settings.yaml"
    file.write_text("exchange: {venue: bybit, account: main}\n")
    asked = parser().parse_args(["serve", "--exchange", "binanceusdm", "--sandbox", "--settings", str(file)])
    assert serve._settings(asked).exchange == {"venue": "binanceusdm", "sandbox": True, "account": "main"}


def test_a_setting_that_there_is_not_is_named_with_the_nearest(tmp_path):
    from rulecap.service.settings import BadSettings, read_settings

    file = tmp_path / "settings.yaml"
    file.write_text("prot: 1\n")
    with pytest.raises(BadSettings, match=r"prot: .* is no field of a settings file here\n.*did you mean port"):
        read_settings(file)


@pytest.mark.parametrize(
    ("arguments", "file", "log"),
    [
        ([], "", "sqlite:///common.sqlite3"),
        ([], "log: sqlite:///own.sqlite3\n", "sqlite:///own.sqlite3"),
        (["--log", "sqlite:///said.sqlite3"], "log: sqlite:///own.sqlite3\n", "sqlite:///said.sqlite3"),
        (["--demo"], "", None),
    ],
)
def test_the_log_is_that_of_the_other_commands_where_none_is_named(arguments, file, log, tmp_path, monkeypatch):
    from rulecap.cli import serve
    from rulecap.cli.entry import parser

    settings = tmp_path / "settings.yaml"
    settings.write_text(f"port: 1\n{file}")
    monkeypatch.setenv("RULECAP_LOG", "sqlite:///common.sqlite3")
    asked = parser().parse_args(["serve", "--settings", str(settings), *arguments])
    assert serve._settings(asked).log == log


def test_a_variable_that_is_nearly_a_setting_is_named(monkeypatch):
    from rulecap.cli import serve

    for name in ("PROT", "KEY", "PORT", "SERVICE_HOST", "PORT_8000_TCP_ADDR"):
        monkeypatch.setenv(f"RULECAP_SERVE_{name}", "1")
    assert list(serve._slips()) == [
        ("RULECAP_SERVE_KEY", "RULECAP_SERVE_KEYS"),
        ("RULECAP_SERVE_PROT", "RULECAP_SERVE_PORT"),
    ]


def test_settings_come_from_flags_then_environment_then_file(tmp_path, monkeypatch):
    from rulecap.service.settings import read_settings

    file = tmp_path / "settings.yaml"
    file.write_text("port: 1\nburst: 2\nrefresh_seconds: 3\n")
    monkeypatch.setenv("RULECAP_SERVE_PORT", "4")
    monkeypatch.setenv("RULECAP_SERVE_BURST", "5")
    settings = read_settings(file, port=6)
    assert (settings.port, settings.burst, settings.refresh_seconds) == (6, 5, 3)


def test_the_command_line_does_not_load_the_service(tmp_path):
    code = "import sys, rulecap.cli.entry as e; e.parser(); print('fastapi' in sys.modules, 'pydantic' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.split() == ["False", "False"]


def test_a_hangup_ends_no_service_that_has_no_terminal(run, hangup_counts):
    served = run()
    served.process.send_signal(signal.SIGHUP)
    assert ready(served)["status"] == "ok"
    assert served.stop() in (0, -signal.SIGTERM)
    assert "SIGHUP: nothing to do" in served.said()


def test_a_hangup_ends_no_start_either(tmp_path, hangup_counts, monkeypatch):
    from rulecap.monitor import running as watching
    from rulecap.service import running as serving

    does = []

    def serve(settings, listening):
        does.append(signal.getsignal(signal.SIGHUP))
        return True

    async def watch(wanted, seen):
        does.append(signal.getsignal(signal.SIGHUP))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(watching, "watch", watch)
    for command in ("serve", "monitor"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert main([command, "--demo"]) == 0
    assert len(does) == 2
    assert signal.SIG_DFL not in does
