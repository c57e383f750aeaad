"""docs/rest.md says what is: every request in it is asked, and its answer is the one that comes out."""

import re
from difflib import unified_diff

from rulecap.service.answers import UNDECIDED
from rulecap.service.settings import ServiceSettings
from tests.service.rest_document import ADDRESS, PAGE, ask, commands, rewritten, settled

README = PAGE.parents[1] / "README.md"
SERVICE = PAGE.parents[1] / "rulecap" / "service"
# What these may be says it all.
DESCRIBED = {"log_level": "debug, info, warning or error.", "log_format": "text or json."}


def test_every_answer_in_the_document_comes_out():
    text = PAGE.read_text(encoding="utf-8")
    difference = unified_diff(text.splitlines(), rewritten(text).splitlines(), PAGE.name, "what comes out", lineterm="")
    assert "\n".join(difference) == ""


def test_of_an_answer_only_what_moves_is_another():
    """The account's name is an `id` as well."""
    record = {"id": "0123456789ab-17", "snapshot": {"account": {"id": "demo"}}}
    assert settled(record) == {"id": "c0ffee000000-1", "snapshot": {"account": {"id": "demo"}}}


def test_every_endpoint_is_in_the_document(client):
    told = "\n".join(commands(PAGE.read_text(encoding="utf-8")))
    paths = [path for path in client.get("/openapi.json").json()["paths"] if path != "/openapi.json"]
    endless = {"/api/events"}  # told in a block of its own: it never ends
    absent = [path for path in paths if path.partition("{")[0].rstrip("/") not in told and path not in endless]
    assert absent == []


def test_the_table_of_settings_is_of_these_settings():
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    expected = [
        (name, "none" if one.default is None else str(one.default).lower(), one.description or DESCRIBED[name])
        for name, one in ServiceSettings.model_fields.items()
    ]
    assert rows == expected


def test_every_error_is_told():
    program = "\n".join(path.read_text(encoding="utf-8") for path in SERVICE.rglob("*.py"))
    raised = set(re.findall(r'Refused\((\d{3}), "([a-z-]+)"', program))
    raised |= {("503", code) for code in re.findall(r'SourceError\("([a-z-]+)"', program)}
    raised |= {("422", UNDECIDED), ("503", UNDECIDED)}
    rows = re.findall(r"^\| ([\d, ]+) \| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {(status, code) for statuses, codes in rows for status in statuses.split(", ") for code in codes.split("`")}
    assert raised - told == set()


def test_every_series_is_told(client):
    series = set(re.findall(r"^# TYPE (rulecap_\w+)(?<!_created) ", client.get("/metrics").text, re.MULTILINE))
    assert series - set(re.findall(r"\w+", PAGE.read_text(encoding="utf-8"))) == set()


def test_each_request_of_the_readme_is_answered_and_every_endpoint_of_the_specification_is_among_them(client):
    asked = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("curl ")]
    answers = [ask(client, command) for command in asked]
    assert [answer.status_code for answer in answers] == [200] * len(asked)
    paths = {path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/api/capital/")}
    told = {path for path in paths if any(ADDRESS + path.partition("{")[0] in command for command in asked)}
    assert told == paths
