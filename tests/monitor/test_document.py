"""docs/monitor.md: its commands run against a venue here; its tables are the program's; its examples parse."""

import re
import shlex
import shutil
import subprocess

import pytest
from prometheus_client import generate_latest

from rulecap.cli.entry import parser
from rulecap.cli.monitor import _settings
from rulecap.monitor import orders
from rulecap.monitor.metrics import Metrics
from rulecap.monitor.one_pass import LONGEST_LOOK
from rulecap.monitor.outbox import MOST_WAITING
from rulecap.monitor.running import MOST_RESTS, REST_SECONDS
from rulecap.monitor.settings import LEDGER_SECONDS, ONCE_LEDGER_SECONDS, MonitorSettings
from tests.docs.document import ROOT, Document
from tests.docs.rewrite import rewritten
from tests.exchange.conftest import lead_to
from tests.monitor.conftest import fill

DOCUMENT = Document(ROOT / "docs" / "monitor.md")
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def here(binance, monkeypatch):
    """Lead every exchange to the venue on this machine."""
    lead_to(binance, monkeypatch)
    fill(binance)
    binance.set_position("SOLUSDT", "LONG", "0", "1")
    binance.set_position("SUSHIUSDT", "LONG", "0", "1")
    return binance


@pytest.mark.usefixtures("logging_as_it_was")
def test_everything_in_it_comes_out_as_it_says(here, tmp_path):
    here.set_wallet("640")
    assert rewritten(DOCUMENT, tmp_path) == DOCUMENT.text
    assert len(here.orders) == 2


def test_links_lead_somewhere():
    assert DOCUMENT.broken_links() == []


def test_every_option_is_told():
    monitor = parser()._subparsers._group_actions[0].choices["monitor"]
    told = {word.strip("`,") for cell, _ in DOCUMENT.table("Option").rows for word in cell.split() if "--" in word}
    shared = {"--sandbox", "--keys", "--account", "--quote", "--bars", "--timeframe", "--timeout", "--url", "--json"}
    shared |= {"--deposits"}
    assert told == set(monitor._option_string_actions) - shared - {"-h", "--help"}


def test_every_state_of_an_order_is_told():
    states = {cell.strip("`") for cell, _ in DOCUMENT.table("State").rows}
    assert states == {*orders.GOING_ON, orders.FILLED, orders.CANCELLED, orders.REFUSED, orders.NOT_SENT}


def test_every_series_is_told():
    told = {code.strip("`").partition("{")[0] for code, _ in DOCUMENT.table("Series").rows}
    text = generate_latest(Metrics().registry).decode()
    exposed = set(re.findall(r"^# TYPE (rulecap_\w+)(?<!_created) ", text, re.MULTILINE))
    assert told == exposed | {"process_…"}


def test_the_numbers_that_it_names_are_the_programs():
    settings = MonitorSettings("sqlite:///x")
    told = [settings.every_seconds, settings.stale_seconds, settings.most_orders_per_hour, settings.cancel_seconds]
    assert told == [30, 90, 30, 60]
    assert (settings.settle_seconds, settings.rest_seconds, settings.fresh_seconds) == (30, 5, 60)
    told = [settings.ledger_seconds, LEDGER_SECONDS, ONCE_LEDGER_SECONDS, LONGEST_LOOK]
    assert told == [5, 5, 30, 5]
    waits = [_settings(parser().parse_args(["monitor", "--demo", *once])).ledger_seconds for once in ([], ["--once"])]
    assert waits == [5, 30]
    assert (REST_SECONDS, REST_SECONDS * MOST_RESTS) == (2, 10)
    assert MOST_WAITING == 1000


def commands():
    """Yield each command line of the examples."""
    for unit in sorted(EXAMPLES.glob("*.service")):
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
        yield unit.name, shlex.split(line)[1:]
    text = (EXAMPLES / "Dockerfile").read_text()
    (line,) = re.findall(r"^CMD \[(.*)\]$", text, re.MULTILINE)
    yield "Dockerfile", [word.strip().strip('"') for word in line.split(",")]
    served = re.search(r"rulecap \\\n#\s+(serve .*)$", text, re.MULTILINE)
    yield "Dockerfile", shlex.split(served[1])
    for block in DOCUMENT.blocks():
        if block.what == "cron":
            yield "cron", shlex.split(block.text.partition("rulecap ")[2])


@pytest.mark.parametrize(("where", "arguments"), list(commands()))
def test_every_command_of_the_examples_is_one(where, arguments):
    asked = parser().parse_args(arguments)
    assert callable(asked.run)
    assert not getattr(asked, "execute", False), f"{where} sends orders"


def test_the_files_that_the_image_copies_are_there():
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", (EXAMPLES / "Dockerfile").read_text(), re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("unit", ["rulecap-monitor.service", "rulecap-serve.service"])
def test_systemd_finds_no_fault_with_the_units(unit, tmp_path):
    # The program is elsewhere on this machine.
    text = (EXAMPLES / unit).read_text().replace("/opt/rulecap/bin/rulecap", "/bin/true")
    (tmp_path / unit).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [line for line in ran.stderr.splitlines() if unit in line]
    assert faults == []
