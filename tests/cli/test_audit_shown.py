"""What was recorded is shown as it is written, and does nothing to the screen of who reads it."""

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.audit.findings import Report
from rulecap.cli.audit.verify import report_as_text
from rulecap.cli.terminal import Style

EXAMPLE = Path(__file__).parents[2] / "policies/default/examples/sushi_recorded.json"
MOVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FORGED = "9999 ENTER"
EVIL = f"\x1b[2J\x9b31m\r\u202e\u061cname\n{FORGED}"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A log whose account, symbols, decision and texts hold what moves a terminal's cursor, and begin a new line."""
    path = tmp_path_factory.mktemp("evil") / "log.sqlite3"
    policy, snapshot = load_policy("default"), json.loads(EXAMPLE.read_bytes())
    snapshot["account"]["id"] = EVIL
    snapshot["positions"][0].update(symbol=EVIL, base=EVIL)
    there = {**snapshot, "market": {**snapshot["market"], "symbol": EVIL, "base": EVIL}}
    there["signal"] = {**snapshot["signal"], "symbol": EVIL}
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.evaluate(policy, snapshot)
        ledger.evaluate(policy, there)
        ledger.evaluate(policy, {**there, "market": snapshot["market"]})
        ledger.evaluate(policy, snapshot, "margin")
        ledger.evaluate(policy, EVIL)
        ledger.evaluate(policy, snapshot, EVIL)
    return path


COMMANDS = (
    ["query"],
    ["query", "--account", "nobody"],
    ["query", "--where", "1 > 0"],
    ["stats"],
    ["history"],
    *[[command, str(number)] for command in ("show", "explain", "why") for number in range(1, 7)],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_that_was_recorded_moves_the_cursor_or_begins_a_line(rulecap, file, command, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    ran = rulecap("audit", *command, "--log", f"sqlite:///{file}")
    assert not MOVING.search(ran.out + ran.err)
    assert not [line for line in (ran.out + ran.err).splitlines() if line.strip().startswith(FORGED)]
    assert ran.out + ran.err


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_picture_of_such_an_account_is_one_that_can_be_read(rulecap, file, tmp_path, kind):
    picture = tmp_path / f"history.{kind}"
    assert rulecap("audit", "history", "--picture", str(picture), "--log", f"sqlite:///{file}").code == 0
    if kind == "svg":
        ET.parse(picture)
        assert not MOVING.search(picture.read_text(encoding="utf-8"))


def test_a_list_says_what_an_account_is_called_all_the_same(rulecap, file):
    assert (
        r"\x1b[2J\x9b31m\r\u202e\u061cname\n9999 ENTER" in rulecap("audit", "query", "--log", f"sqlite:///{file}").out
    )


def test_json_has_the_very_name_and_moves_nothing(rulecap, file):
    out = rulecap("audit", "query", "--json", "--log", f"sqlite:///{file}").out
    assert not MOVING.search(out)
    assert EVIL in {one["account"] for one in json.loads(out)["records"]}


def test_what_is_found_in_a_log_moves_nothing(rulecap, file, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes(file.read_bytes())
    with closing(sqlite3.connect(copy)) as database:
        database.execute(f'CREATE TRIGGER "{EVIL}" AFTER DELETE ON records BEGIN SELECT 1; END')
    (tmp_path / "kept.txt").write_text("rulecap/\x7f\x9b31m\u202eevil\n5\n" + "A" * 43 + "=\n", encoding="utf-8")
    ran = rulecap("audit", "verify", "--checkpoint", str(tmp_path / "kept.txt"), "--log", f"sqlite:///{copy}")
    assert ran.code == 1
    assert "[tables-differ]" in ran.out
    assert not MOVING.search(ran.out + ran.err)
    assert not [line for line in ran.out.splitlines() if line.startswith(FORGED)]


def test_a_log_that_was_called_otherwise_moves_nothing_when_it_is_verified(rulecap, file, tmp_path):
    evil = tmp_path / "evil.sqlite3"
    with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(evil)) as other:
        database.backup(other)
        other.execute("UPDATE log SET id = ?", (EVIL,))
        other.commit()
    ran = rulecap("audit", "verify", "--log", f"sqlite:///{evil}")
    assert ran.code == 1
    assert not MOVING.search(ran.out + ran.err)
    assert not [line for line in ran.out.splitlines() if line.startswith(FORGED)]


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_checkpoint_that_was_altered_moves_nothing_on_a_terminal_and_is_itself_elsewhere(
    rulecap, file, tmp_path, monkeypatch, on_terminal
):
    evil = tmp_path / "evil.sqlite3"
    note = EVIL.replace("\r", "")
    with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(evil)) as other:
        database.backup(other)
        other.execute("UPDATE log SET note = ?", (note,))
        other.commit()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    ran = rulecap("audit", "checkpoint", "--log", f"sqlite:///{evil}")
    assert ran.code == 0
    assert bool(MOVING.search(ran.out)) is not on_terminal
    assert (ran.out == note) is not on_terminal


def test_names_of_keys_move_nothing():
    name = EVIL.replace("\n", "")
    report = Report("a", 1, "b", (name,), 0, (f"heads are signed by {name}",), (), 0)
    assert not MOVING.search(report_as_text(report, keyed=True, kept=False, style=Style()))


def cells(text, separator):
    """Return the cells as a spreadsheet reads them that takes a quote for one at the start of a cell alone."""
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]


RUN = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
RUNNING = (
    "=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201",
    "a;=1+1;b", "a\t=1+1\tb", "a\n=1+1\nb", "a\r\n=1+1", 'a;"=1+1";b', "a;;-1;b", "a,=1+1,b",
)  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The address of a log whose accounts are called what a spreadsheet would run."""
    url = f"sqlite:///{tmp_path_factory.mktemp('running') / 'log.sqlite3'}"
    policy, snapshot = load_policy("default"), json.loads(EXAMPLE.read_bytes())
    with open_ledger(url) as ledger:
        for name in RUNNING:
            assert ledger.evaluate(policy, {**snapshot, "account": {**snapshot["account"], "id": name}}, "state").ok
    return url


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_runs_in_a_spreadsheet_wherever_it_separates_cells(rulecap, running, tmp_path, separator):
    listed = rulecap("audit", "query", "--csv", "--log", running).out
    assert rulecap("audit", "export", "--format=csv", "--out", str(tmp_path / "all.csv"), "--log", running).code == 0
    exported = (tmp_path / "all.csv").read_bytes().decode()
    for text in (listed, exported):
        assert len(cells(text, ",")) >= len(RUNNING) * 7
        assert not [cell for cell in cells(text, separator) if cell.lstrip('"').startswith(RUN)]


@pytest.fixture(scope="module")
def abroad(tmp_path_factory):
    """The address of a log of two accounts whose names few encodings have."""
    url = f"sqlite:///{tmp_path_factory.mktemp('abroad') / 'log.sqlite3'}"
    policy, snapshot = load_policy("default"), json.loads(EXAMPLE.read_bytes())
    with open_ledger(url) as ledger:
        for name in ("日本", "Ελλάς"):
            ledger.evaluate(policy, {**snapshot, "account": {**snapshot["account"], "id": name}})
    return url


@pytest.mark.parametrize("command", [["query"], ["history", "--account", "日本"], ["export"]], ids=" ".join)
@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_what_programs_read_has_every_name_whatever_the_terminal_has(abroad, command, form):
    if command == ["export"] and form == "--csv":
        form = "--format=csv"
    asked = [sys.executable, "-m", "rulecap", "audit", *command, form, "--log", abroad]
    ran = subprocess.run(asked, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, capture_output=True, check=True)
    text = ran.stdout.decode("utf-8")
    assert "?" not in text
    if form == "--json" and command != ["export"]:
        assert "日本" in json.dumps(json.loads(text), ensure_ascii=False)
    elif command != ["history", "--account", "日本"]:
        assert "日本" in text
        assert "Ελλάς" in text
