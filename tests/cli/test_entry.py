"""The command itself: version, schemas, colour, pipes, interrupts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rulecap.cli import entry
from rulecap.cli.outline import number_text, outline, table
from rulecap.cli.terminal import Style
from rulecap.problems import Problem
from rulecap.version import __version__


def test_version(rulecap):
    assert rulecap("--version").out == f"rulecap {__version__}\n"


@pytest.mark.parametrize("kind", ["policy", "snapshot", "decision", "tests", "audit"])
def test_schema_prints_a_valid_schema(rulecap, kind):
    ran = rulecap("schema", kind)
    assert ran.code == 0
    Draft202012Validator.check_schema(json.loads(ran.out))


def test_every_command_has_help(rulecap):
    for command in ("eval", "explain", "check", "test", "diff", "schema", "snapshot"):
        ran = rulecap(command, "--help")
        assert ran.code == 0
        assert "usage: rulecap" in ran.out


def test_an_interrupt_ends_quietly(rulecap, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.schema, "run", interrupted)
    ran = rulecap("schema", "policy")
    assert (ran.code, ran.err) == (130, "")


def test_a_closed_pipe_ends_quietly():
    ran = subprocess.run(
        f"{sys.executable} -m rulecap schema policy | true; exit 0",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        (">&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        pytest.param(
            ">/dev/full",
            2,
            "rulecap: cannot write the output: No space left on device\n",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full"),
        ),
    ],
)
def test_output_that_nobody_gets_is_no_traceback(end, code, says):
    ran = subprocess.run(
        f"{sys.executable} -m rulecap check default {end}", shell=True, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", says)


def test_no_standard_input_is_an_empty_snapshot():
    ran = subprocess.run(
        f"{sys.executable} -m rulecap eval - <&-", shell=True, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "not-json" in ran.stdout


def test_a_terminal_without_the_characters_shows_question_marks():
    ran = subprocess.run(
        [sys.executable, "-m", "rulecap", "schema", "tests"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_colour_only_where_somebody_looks(monkeypatch, terminal, environment, coloured):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    style = Style.of_output()
    assert style.coloured is coloured
    assert ("\x1b[31m" in style.problem(Problem("code", "message", hint="hint"))) is coloured


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (8.0, "8"),
        (1.875, "1.875"),
        (0.0003, "0.0003"),
        (100 / 3, "33.3333333"),
        (0.1 + 0.2, "0.3"),
        (25000.0, "25000"),
        (0.00001, "0.00001"),
        (1e-12, "1e-12"),
        (1234567.891, "1234567.89"),
    ],
)
def test_numbers_look_like_numbers(number, text):
    assert number_text(number) == text


def test_lists_of_records_are_tables():
    assert outline({"a": [{"b": 1, "long": "x"}, {"b": None, "long": ""}], "c": [], "d": [1.5, 2.0], "e": True}) == [
        "a",
        "  b     long",
        "  1     x",
        "  none",
        "c  []",
        "d  1.5, 2",
        "e  true",
    ]


def test_a_table_is_aligned_where_letters_are_two_cells_wide_or_none():
    lines = table([{"account": "中文", "n": 1}, {"account": "e\u0301", "n": 2}])
    assert lines == ["account  n", "中文     1", "e\u0301        2"]
    assert outline({"中文": 1, "account": 2}) == ["中文     1", "account  2"]


def test_long_texts_stand_below_the_rows_of_a_wide_table():
    records = [{"name": "a", "why": "w" * 99, "source": {"file": "x.yaml", "line": 3}}, {"name": "b", "why": ""}]
    assert table(records) == ["name  source", "a     x.yaml:3", f"    {'w' * 99}", "b     none"]
