"""Who asked, on the command line: said with a decision, shown of a record, asked for and counted in a log."""

import csv
import io
import json

import pytest

from rulecap.audit import open_ledger
from tests.audit.counting import counting, snapshot

CALLERS = ("grid-bot", None, "carry-bot", "grid-bot", "=1+1", "grid-bot")
LOG = "sqlite:///log.sqlite3"
SMALL = ("--policy", "small", "--record", "--log", LOG)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of two bots, a person, and of what nobody is named in; of the latter one is no snapshot."""
    folder = tmp_path_factory.mktemp("callers")
    policy = counting(folder / "counting")
    url = f"sqlite:///{folder / 'log.sqlite3'}"
    with open_ledger(url) as ledger:
        for number, name in enumerate(CALLERS):
            ledger.evaluate(policy, snapshot(number, pnl=number - 2), asked_by=name)
        ledger.evaluate(policy, "{", asked_by=None)
    return url


def seqs(ran):
    assert ran.code == 0, ran.err
    return [one["seq"] for one in json.loads(ran.out)["records"]]


def test_a_decision_is_recorded_as_somebody_s(folder, rulecap):
    assert rulecap("eval", "snapshot.json", *SMALL, "--as", "a. müller").code == 0
    assert rulecap("eval", "snapshot.json", *SMALL).code == 0
    found = [json.loads(rulecap("audit", "show", n, "--log", LOG, "--json").out)["asked_by"] for n in "12"]
    assert found == ["a. müller", None]


def test_a_name_that_is_none_is_refused_and_one_without_a_record_is_a_slip(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL, "--as", "a\nb", "--json")
    told = json.loads(ran.out)
    assert (ran.code, [one["code"] for one in told["problems"]], told["record_id"]) == (1, ["bad-caller"], None)
    ran = rulecap("eval", "snapshot.json", "--policy", "small", "--as", "me")
    assert (ran.code, ran.err) == (2, "rulecap: --as names who asks for a decision on record: add --record\n")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["grid-bot"], [6, 4, 1]),
        (["carry-bot"], [3]),
        (["carry-bot", "grid-bot"], [6, 4, 3, 1]),
        ([""], [7, 2]),
        (["none"], [7, 2]),
        (["grid"], []),
        ([], [7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_records_are_found_by_who_asked(rulecap, log, names, expected):
    asked = [part for name in names for part in ("--asked-by", name)]
    assert seqs(rulecap("audit", "query", "--log", log, "--json", *asked)) == expected
    out = rulecap("audit", "export", "--log", log, *asked).out
    assert [json.loads(line)["seq"] for line in out.splitlines()] == expected[::-1]
    assert json.loads(rulecap("audit", "stats", "--log", log, "--json", *asked).out)["records"] == len(expected)


def test_a_page_by_who_asked_goes_on_where_it_ended(rulecap, log):
    asked = ("audit", "query", "--log", log, "--json", "--asked-by", "grid-bot", "--limit", "2")
    first = rulecap(*asked)
    assert seqs(first) == [6, 4]
    assert seqs(rulecap(*asked, "--after", json.loads(first.out)["next"])) == [1]


def test_who_asked_and_a_condition_hold_together(rulecap, log):
    asked = ("audit", "query", "--log", log, "--json", "--where", "account.unrealized_pnl > 0 USD")
    assert seqs(rulecap(*asked, "--asked-by", "grid-bot")) == [6, 4]
    ran = rulecap(*asked, "--asked-by", "carry-bot")
    assert (seqs(ran), json.loads(ran.out)["where"]["unknown"]) == ([], 0)


def test_nobody_asked_for_what_carries_memories_over(rulecap, log, tmp_path):
    new = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    assert rulecap("audit", "begin", "--after", log, "--log", new).code == 0
    assert seqs(rulecap("audit", "query", "--log", new, "--json")) == [1]
    assert seqs(rulecap("audit", "query", "--log", new, "--json", "--asked-by", "")) == []


def test_it_is_shown_of_a_record_in_a_list_and_in_an_explanation(rulecap, log):
    assert "\nasked_by     grid-bot\n" in rulecap("audit", "show", "1", "--log", log).out
    assert "\nasked_by     none\n" in rulecap("audit", "show", "2", "--log", log).out
    assert rulecap("audit", "explain", "1", "--log", log).out.splitlines()[0].endswith("account a, asked by grid-bot")
    assert rulecap("audit", "explain", "2", "--log", log).out.splitlines()[0].endswith("account a")
    assert json.loads(rulecap("audit", "explain", "1", "--log", log, "--json").out)["asked_by"] == "grid-bot"
    listed = rulecap("audit", "query", "--log", log).out.splitlines()
    assert "asked by" in listed[0]
    assert [("grid-bot" in line) for line in listed[1:]] == [number in (6, 4, 1) for number in (7, 6, 5, 4, 3, 2, 1)]
    listed = json.loads(rulecap("audit", "query", "--log", log, "--json").out)["records"]
    assert [one["asked_by"] for one in listed[::-1]] == [*CALLERS, None]


def test_a_list_in_which_nobody_is_named_has_no_column_of_it(rulecap, log):
    assert "asked by" not in rulecap("audit", "query", "--log", log, "--asked-by", "").out


@pytest.mark.parametrize(("command", "column"), [("query --csv", "asked by"), ("export --format csv", "asked_by")])
def test_csv_always_has_it_and_no_spreadsheet_runs_it(rulecap, log, command, column):
    rows = list(csv.DictReader(io.StringIO(rulecap("audit", *command.split(), "--log", log).out)))
    assert sorted(row[column] for row in rows) == ["", "", "'=1+1", "carry-bot", "grid-bot", "grid-bot", "grid-bot"]


def test_records_are_counted_by_who_asked(rulecap, log):
    told = json.loads(rulecap("audit", "stats", "--log", log, "--json").out)["asked_by"]
    assert told == [
        {"asked_by": "grid-bot", "count": 3},
        {"asked_by": None, "count": 2},
        {"asked_by": "=1+1", "count": 1},
        {"asked_by": "carry-bot", "count": 1},
    ]
    text = rulecap("audit", "stats", "--log", log).out
    assert "Who asked" in text
    assert "grid-bot   3" in text
    assert "Who asked" not in rulecap("audit", "stats", "--log", log, "--asked-by", "").out
