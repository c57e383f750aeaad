"""`rulecap monitor`: once, as text and as JSON; the orders; what cannot be used."""

import json
import logging
import socket

import pytest

pytest.importorskip("prometheus_client")

from rulecap import load_policy
from rulecap.cli import main
from rulecap.cli.monitored import orders_as_text, report_as_text
from rulecap.cli.terminal import Style
from rulecap.monitor.changes import Change
from rulecap.monitor.execution import Outcome
from rulecap.monitor.journal import Journal
from rulecap.monitor.orders import NOT_SENT, Order, Orders
from rulecap.monitor.report import Report, Trouble
from tests.service.read_once import share


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RULECAP_LOG", raising=False)
    share(monkeypatch)
    loggers = [logging.getLogger(name) for name in ("", "rulecap")]
    handlers, levels = loggers[0].handlers[:], [one.level for one in loggers]
    yield tmp_path
    loggers[0].handlers[:] = handlers
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


def said(capsys, *arguments):
    code = main(["monitor", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_one_pass_is_printed_and_remembered(capsys):
    code, out, err = said(capsys, "--demo", "--once", "--log", "sqlite:///log.sqlite3")
    assert (code, err) == (0, "")
    assert "margin GREEN_ZONE, on record as" in out
    assert "changed: margin.zone none → GREEN_ZONE" in out
    code, out, _ = said(capsys, "--demo", "--once", "--log", "sqlite:///log.sqlite3", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["account"], told["changes"]) == (0, True, "demo", [])
    assert [one["decision"] for one in told["decisions"]] == ["state", "margin", "drawdown"]
    assert all(one["decision_id"] for one in told["decisions"])


def test_a_pass_that_is_not_fine_exits_with_1(capsys, monkeypatch):
    monkeypatch.delenv("RULECAP_API_KEY", raising=False)
    monkeypatch.delenv("RULECAP_API_SECRET", raising=False)
    arguments = ["binanceusdm", "--once", "--url", "http://127.0.0.1:1", "--timeout", "0.2", "--json"]
    monkeypatch.setattr("rulecap.exchange.calls._delay", lambda *_: 0.0)
    code, out, _ = said(capsys, *arguments)
    told = json.loads(out)
    assert (code, told["ok"], told["decisions"]) == (1, False, [])
    assert told["problems"][0]["code"].startswith("venue-")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name an EXCHANGE, or watch the recorded account with --demo"),
        (["binanceusdm", "--demo"], "name an EXCHANGE, or watch"),
        (["--demo", "--execute"], "the demo has none"),
        (["nowhere", "--once"], "ccxt knows no venue nowhere"),
        (["gate", "--once", "--execute"], "no order is sent to gate"),
        (["--demo", "--webhook", "mailto:x"], "--webhook takes an address"),
        (["--demo", "--webhook", "http://x", "--webhook-secret-file", "none"], "cannot read none"),
        (["--demo", "--webhook", "http://x", "--webhook-secret-file", "empty"], "empty is empty"),
        (["--demo", "--once", "--log", "postgresql://nowhere/x"], "name one with --journal FILE"),
        (["--demo", "--once", "--log", "nonsense", "--journal", "j"], "nonsense is no log's address"),
        (["--demo", "--once", "--journal", "none/there"], "cannot be used"),
        (["--demo", "--once", "--policy", "nothing"], "there is no policy at nothing"),
        (["binanceusdm", "--account", "a/b", "--once"], "makes no file name"),
        (["binanceusdm", "--account", "main-sandbox", "--once"], "--account: a name that ends in -sandbox is of an"),
        (["--demo", "--orders"], "there is no journal"),
    ],
)
def test_what_cannot_be_used_is_a_mistake_of_usage(capsys, here, arguments, told):
    (here / "empty").write_text("\n")
    code, out, err = said(capsys, *arguments)
    assert told in err + out
    assert code in (1, 2) and (code == 2 or "policy" in told)


@pytest.mark.parametrize("option", ["--webhook", "--account", "--log"])
def test_an_argument_that_is_empty_is_not_one_that_is_left_out(capsys, option):
    with pytest.raises(SystemExit) as ended:
        main(["monitor", "binanceusdm", "--once", option, ""])
    assert ended.value.code == 2
    assert f"argument {option}: is empty" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["", ".", "https:/example.com/token", "htps://example.com/token", "https://"])
def test_a_heartbeat_that_is_neither_a_file_nor_an_address_is_refused(capsys, given):
    with pytest.raises(SystemExit) as ended:
        main(["monitor", "--demo", "--heartbeat", given])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "a file, or an address" in told and "token" not in told


@pytest.mark.parametrize(
    "given",
    [["--every", "0"], ["--every", "nan"], ["--stale-after", "-1"]]
    + [["--max-actions-per-hour", number] for number in ("0", "-1", "nan", "1.5", "x")]
    + [["--cancel-after", number] for number in ("0", "-1", "nan", "inf", "x")],
)
def test_numbers_have_bounds(capsys, given):
    with pytest.raises(SystemExit) as ended:
        main(["monitor", "--demo", *given])
    assert ended.value.code == 2
    assert given[0] in capsys.readouterr().err


def test_the_journals_orders_are_readable(capsys, here):
    said(capsys, "--demo", "--once", "--log", "sqlite:///log.sqlite3")
    code, out, _ = said(capsys, "--demo", "--orders", "--log", "sqlite:///log.sqlite3")
    assert (code, out) == (0, "no order was sent\n")
    journal = Journal(here / "log.sqlite3.monitor-demo")
    order = Order("rc1", "r", "margin", "t", "CLOSE", "BTCUSDT", "LONG", 0.5, "", NOT_SENT, 0.0, 0.0, code="too-small")
    Orders(journal).intend(order)
    journal.close()
    _, out, _ = said(capsys, "--demo", "--orders", "--log", "sqlite:///log.sqlite3")
    assert "rc1" in out and "NOT_SENT too-small" in out
    _, out, _ = said(capsys, "--demo", "--orders", "--json", "--log", "sqlite:///log.sqlite3")
    assert json.loads(out)["orders"][0]["client_order_id"] == "rc1"


def test_the_journals_orders_are_read_where_it_cannot_be_written_and_stay_as_they_are(capsys, here):
    """As on a full disk, where whoever is on call needs them; and the monitor that writes it may be an older one."""
    journal = Journal(here / "log.sqlite3.monitor-demo")
    order = Order("rc1", "r", "margin", "t", "CLOSE", "BTCUSDT", "LONG", 0.5, "", NOT_SENT, 0.0, 0.0)
    Orders(journal).intend(order)
    journal.run("PRAGMA user_version = 1")
    journal.run("BEGIN IMMEDIATE")
    code, out, _ = said(capsys, "--demo", "--orders", "--log", "sqlite:///log.sqlite3")
    assert (code, "rc1" in out) == (0, True)
    journal.run("ROLLBACK")
    assert said(capsys, "--demo", "--orders", "--log", "sqlite:///log.sqlite3")[1] == out
    assert journal.run("PRAGMA user_version") == [(1,)]
    journal.close()


def test_of_a_file_that_is_no_journal_no_orders_are_told(capsys, here):
    (here / "other").touch()
    code, out, err = said(capsys, "--demo", "--orders", "--journal", "other")
    assert (code, out) == (2, "")
    assert "no journal, but another kind of file" in err
    assert (here / "other").read_bytes() == b""


def test_a_journal_that_may_be_of_a_test_environment_is_not_taken_for_a_live_one(capsys, here):
    journal = Journal(here / "log.sqlite3.monitor-main")
    journal.run("INSERT INTO owner VALUES (1, 'main')")  # all that an older rulecap wrote, in a sandbox or not
    journal.close()
    asked = ["binanceusdm", "--account", "main", "--once", "--log", "sqlite:///log.sqlite3"]
    code, out, err = said(capsys, *asked)
    assert (code, out) == (2, "")
    assert "does not say at which venue that is, or whether in a test environment" in err
    assert said(capsys, *asked, "--orders")[:2] == (0, "no order was sent\n")


def test_the_journal_is_its_owners_alone(here):
    journal = Journal(here / "journal")
    Orders(journal).prune(0.0)
    modes = {one.name: one.stat().st_mode & 0o777 for one in here.glob("journal*")}
    journal.close()
    assert modes == dict.fromkeys(("journal", "journal-wal", "journal-shm"), 0o600)


def test_a_venue_that_there_is_not_leaves_no_file(capsys, here):
    before = sorted(here.iterdir())
    assert said(capsys, "nowhere", "--once", "--log", "sqlite:///log.sqlite3")[0] == 2
    assert sorted(here.iterdir()) == before


def test_one_pass_says_what_was_not_delivered_and_that_it_left_no_sign_of_life(capsys, here):
    sent = ("--webhook", "http://127.0.0.1:1/x", "--heartbeat", str(here / "nowhere/beat"))
    code, _, err = said(capsys, "--demo", "--once", "--log", "sqlite:///log.sqlite3", *sent)
    assert code == 0
    assert "a notice was not delivered to 127.0.0.1" in err
    assert f"the heartbeat {here}/nowhere/beat cannot be written" in err


def test_what_a_venue_calls_things_moves_no_cursor_and_begins_no_line():
    evil = "A\x1b[2J\u202e\n  fine"
    order = Order("rc1", "r", "margin", "t", "CLOSE", evil, "LONG", 0.5, "", NOT_SENT, 0.0, 0.0, code="x", message=evil)
    report = Report(evil, load_policy("default"))
    report.changes = [Change(evil, evil, evil)]
    report.followed, report.troubles = [order], [Trouble("venue-error", evil)]
    report.outcomes = [Outcome("no-order", {"action": "CLOSE", "symbol": evil}, order, evil)]
    lines = [*report_as_text(report, Style()), *orders_as_text([order])]
    assert len(lines) == 7
    assert not {"\x1b", "\u202e", "\n"} & set("".join(lines))


def test_a_port_for_prometheus_that_is_taken_is_named(capsys, here):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = said(capsys, "--demo", "--log", "sqlite:///log.sqlite3", "--metrics-port", str(port))
    assert code == 2
    assert f"nothing can be told to Prometheus at 127.0.0.1:{port} (--metrics-port): Address already in use" in err
