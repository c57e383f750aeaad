"""docs/on-call.md: each code that service and monitor log or answer is there, and each alert; its commands are some."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("fastapi")

from rulecap.cli.entry import parser
from rulecap.exchange.errors import RETRIABLE
from rulecap.service.answers import UNDECIDED
from tests.docs.document import ROOT, Document

PAGE = Document(ROOT / "docs" / "on-call.md")
OPERATIONS = Document(ROOT / "docs" / "operations.md")
ROOMS = ("service", "monitor", "exchange")
NAMED = re.compile(r"[a-z]+(-[a-z]+)+")
# What has a code among its first two arguments.
CODED = {"Problem", "Refused", "SourceError", "Trouble", "VenueError", "LogError", "Lacking"}
# Words of this form that are no codes: of HTTP and JSON schemas, of threads, of what a pass did with an action.
OTHERS = {
    *("date-time", "idempotency-key", "no-store", "retry-after", "x-scope"),
    *(
        "rulecap-audit",
        "rulecap-lines",
        "rulecap-reading",
        "sandbox-name",
        "would-send",
        "x-bapi-limit-reset-timestamp",
        "x-phemex-request-expiry",
    ),
}
LEVELS = {"warning", "error", "critical", "exception"}


def programs(*rooms: str) -> Iterator[tuple[Path, ast.AST]]:
    for room in rooms:
        for path in sorted((ROOT / "rulecap" / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield path, node


def text_of(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def given_codes(*rooms: str) -> Iterator[str]:
    """Yield what stands where a code does: under the name `code`, or first in what has one."""
    for _, node in programs(*rooms):
        found: list[ast.AST | None] = []
        if isinstance(node, ast.Dict):
            found = [value for key, value in zip(node.keys, node.values, strict=True) if text_of(key) == "code"]
        elif isinstance(node, ast.Call) and called(node) in CODED:
            found = [*node.args[:2]]
        yield from (text for text in map(text_of, found) if text and re.fullmatch(r"[a-z]+(-[a-z]+)*", text))


def worded(*rooms: str) -> set[str]:
    """Return every text that looks like a code, wherever it stands: some are kept in names, or in sets."""
    return {text for _, node in programs(*rooms) if (text := text_of(node)) and NAMED.fullmatch(text)}


def told() -> list[str]:
    rows = [row[0] for table in PAGE.tables() if table.head[0] == "Code" for row in table.rows]
    return [code for cell in rows for code in re.findall(r"`([^`]+)`", cell)]


def of_the_log() -> set[str]:
    return {row[0].strip("`") for row in OPERATIONS.table("code").rows}


def test_every_code_of_service_monitor_and_exchange_is_told():
    codes = {*given_codes(*ROOMS, "cli"), *worded(*ROOMS), *RETRIABLE, UNDECIDED} - OTHERS
    assert len(codes) > 80
    assert codes - {*told(), *of_the_log()} == set()


def test_every_code_that_a_log_may_have_is_told():
    raised = {
        text_of(node.args[0])
        for _, node in programs("audit")
        if isinstance(node, ast.Call) and called(node) == "LogError"
    }
    codes = {code for code in raised if code} | {code for code in worded("audit") if code.startswith("log-")}
    assert len(codes) > 10
    assert codes - {*told(), *of_the_log()} - {"log-damaged"} == set()  # a finding of verify, on the page of operations


def test_no_code_is_told_that_is_none_and_none_twice():
    known = {*given_codes(*ROOMS, "cli"), *worded(*ROOMS, "audit"), UNDECIDED}
    assert set(told()) - known == set()
    assert sorted(told()) == sorted(set(told()))
    assert OTHERS - worded(*ROOMS) == set()


def test_every_warning_in_the_log_has_a_code():
    """By it whoever is on call finds what to do; a change that is told, and a pass, are no failures."""
    without = []
    for path, node in programs(*ROOMS, "cli"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            if getattr(node.func.value, "id", "") not in ("log", "logger", "requests"):
                continue
            extra = next((one.value for one in node.keywords if one.arg == "extra"), None)
            if not (isinstance(extra, ast.Dict) and "code" in map(text_of, extra.keys)):
                without.append((path.name, text_of(node.args[0])))
    assert without == [("one_pass.py", "%s changed")]


def test_every_alert_is_told():
    groups = yaml.safe_load((ROOT / "docs" / "examples" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    names = {rule["alert"] for group in groups for rule in group["rules"]}
    rows = " ".join(row[0] for row in PAGE.table("Alert").rows)
    assert set(re.findall(r"`(\w+)`", rows)) == names


def test_its_commands_are_commands_and_its_links_lead_somewhere():
    (block,) = [one for one in PAGE.blocks() if one.language == "sh"]
    asked = [line.partition("/bin/rulecap ")[2] for line in block.text.splitlines() if "/bin/rulecap " in line]
    assert [parser().parse_args(shlex.split(words)).run is not None for words in asked] == [True, True]
    assert PAGE.broken_links() == []
