"""The commands that look into the log: show, explain, query, stats, history, export."""

import csv
import errno
import io
import json
import re
import sqlite3
import sys
from pathlib import Path
from random import Random

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.opening import begin
from rulecap.audit.review.deposits import deposits_on_record
from tests.audit.review.made import limits, snapshot, write


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    return write(tmp_path_factory.mktemp("reviewed"))


@pytest.fixture
def audit(rulecap, reviewed, monkeypatch):
    """Return a function that runs an audit command on the log."""
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda command, *arguments: rulecap("audit", command, *arguments, "--log", reviewed)


class TestQuery:
    def test_lists_the_newest_first_and_says_how_to_go_on(self, audit):
        ran = audit("query", "--limit", "2", "--account", "main", "--count")
        assert ran.code == 0
        assert ran.out.splitlines()[0].split() == [
            "record",
            "time",
            "account",
            "decision",
            "verdict",
            "policy",
            "problems",
        ]
        more = ran.out.splitlines()[-1].removeprefix("more: --after ")
        following = audit("query", "--limit", "2", "--account", "main", "--after", more)
        assert not set(ran.out.splitlines()[1:3]) & set(following.out.splitlines()[1:3])
        assert "selected by their columns: " in ran.out

    def test_as_json_has_stable_keys_and_pages_to_the_end(self, audit):
        seen, after, told = [], [], set()
        while True:
            page = json.loads(audit("query", "--json", "--limit", "37", "--oldest", *after).out)
            assert set(page) == {"records", "next"}
            told |= {(one["ok"], *one["problems"]) for one in page["records"]}
            seen += [one["seq"] for one in page["records"]]
            if page["next"] is None:
                break
            after = ["--after", page["next"]]
        assert sorted(seen) == list(range(1, 161))
        assert told == {(True,), (False, "missing-field")}
        assert list(page["records"][0]) == [
            "seq", "id", "time", "account", "decision", "verdict", "ok", "asked_by", "policy", "problems",
        ]  # fmt: skip

    def test_as_csv_is_for_a_spreadsheet(self, audit):
        rows = list(csv.DictReader(io.StringIO(audit("query", "--csv", "--verdict", "REJECT", "--limit", "500").out)))
        assert {row["verdict"] for row in rows} == {"REJECT"}

    def test_filters_in_the_policy_s_words_and_says_what_could_not_be_asked(self, audit):
        ran = audit("query", "--where", "loss_pct > 10%", "--decision", "position", "--json")
        assert ran.code == 0
        assert json.loads(ran.out)["records"]
        assert "records lack a value that the filter asks for" in ran.err

    def test_says_of_which_records_a_filter_means_nothing_and_why(self, audit):
        ran = audit("query", "--where", "answer == REJECT", "--json", "--limit", "500")
        unfit = json.loads(ran.out)["where"]["unfit"]
        assert {one["decision"] for one in unfit} == {"state"}
        assert f"it means nothing for {unfit[0]['count']} records of state" in ran.err
        assert "--where:1:1: error [unknown-name]: nothing is named answer" in ran.err

    def test_names_what_is_wrong_with_a_filter(self, audit):
        ran = audit("query", "--where", "loss_pct > 0.1")
        assert ran.code == 2
        assert "--where:1:12: error [wrong-unit]" in ran.err
        assert "write 0.1%" in ran.err

    @pytest.mark.parametrize(("arguments", "said"), [
        (["--verdict", "REJCT"], "did you mean REJECT?"),
        (["--since", "yesterday"], "is no time"),
        (["--limit", "0"], "--limit is 1 to"),
        (["--after", "here"], "where no page ended"),
    ])  # fmt: skip
    def test_names_what_cannot_be_asked_for(self, audit, arguments, said):
        ran = audit("query", *arguments)
        assert ran.code == 2
        assert said in ran.err

    @pytest.mark.parametrize("command", ["query", "stats", "history --account main", "export"])
    @pytest.mark.parametrize(("since", "until"), [("2026-03-02", "2026-03-01"), ("24h", "7d"), ("7d", "7d")])
    def test_says_that_nothing_lies_between_two_times_the_wrong_way_round(self, audit, command, since, until):
        ran = audit(*command.split(), "--since", since, "--until", until)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"rulecap: nothing lies between --since {since} and --until {until}, which is not after it\n"

    def test_none_is_no_account_unless_one_is_named_so(self, rulecap, tmp_path):
        """Whoever counts on from what an account named none has on record would take it from what has no account."""
        url, policy = f"sqlite:///{tmp_path / 'named.sqlite3'}", limits(tmp_path / "limits")

        def listed(command, *arguments):
            ran = rulecap("audit", command, *arguments, "--log", url, "--json")
            return ran.code or json.loads(ran.out)

        with open_ledger(url) as ledger:
            ledger.evaluate(policy, "no snapshot")
            assert [one["account"] for one in listed("query", "--account", "none")["records"]] == [""]
        next_url = f"sqlite:///{tmp_path / 'next.sqlite3'}"
        begin(next_url, after=url)
        with open_log(next_url) as log:  # whose one record is of no account
            assert deposits_on_record(log, "none") is None
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(Random(1), 1, "none"))
        assert [one["account"] for one in listed("query", "--account", "none")["records"]] == ["none"]
        assert [one["account"] for one in listed("query", "--account", "")["records"]] == [""]
        both = listed("query", "--account", "", "--account", "none")["records"]
        assert [one["account"] for one in both] == ["none", ""]
        assert listed("stats", "--account", "none")["records"] == 1
        assert listed("history", "--account", "none")["account"] == "none"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("query", "--csv", "--json"),
            ("history", "--account", "main", "--json", "--csv"),
            ("history", "--account", "main", "--picture", "main.png", "--json"),
            ("history", "--account", "main", "--csv", "--picture", "main.svg"),
            ("export", "--format", "csv", "--json"),
            ("export", "--format", "parquet", "--json", "--out", "main.parquet"),
        ],
    )
    def test_answers_in_one_format(self, audit, arguments, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        ran = audit(*arguments)
        assert (ran.code, ran.out, list(tmp_path.iterdir())) == (2, "", [])
        assert re.search("not allowed with argument|are two formats: choose one", ran.err)

    def test_says_where_nothing_is_found(self, audit):
        assert audit("query", "--since", "2030-01-01").out == "no record is like that\n"


class TestShow:
    def test_shows_the_record_and_that_it_is_proven(self, audit):
        ran = audit("show", "2")
        assert ran.code == 0
        assert "it is in the log of 160 records" in ran.out

    def test_as_json_prints_exactly_what_was_hashed(self, audit, reviewed):
        from rulecap.audit import open_log

        with open_log(reviewed) as log:
            body = log.record(2).body
        assert audit("show", "2", "--json").out.encode() == body + b"\n"

    def test_prints_a_proof(self, audit):
        told = json.loads(audit("show", "2", "--proof").out)
        assert (told["holds"], told["index"], told["size"]) == (True, 1, 160)

    def test_of_a_record_that_is_not_there_is_a_usage_error(self, audit):
        ran = audit("show", "161")
        assert (ran.code, ran.out) == (2, "")
        assert "there is no record 161 in this log, which has 160" in ran.err

    @pytest.mark.parametrize("name", [f"{'0' * 32}-5", "-5", "5-", "9" * 19, "9" * 5000, "+5", "\u0665"])
    def test_of_a_record_of_another_log_or_of_no_number_is_one_too(self, audit, name):
        assert "there is no record" in audit("show", name).err

    def test_finds_a_record_by_its_id(self, audit):
        name = json.loads(audit("show", "5", "--json").out)["id"]
        assert json.loads(audit("show", name, "--json").out)["seq"] == 5


class TestExplain:
    def test_tells_the_trace_as_recorded(self, audit):
        ran = audit("explain", "2")
        assert ran.code == 0
        assert "Every step, in order:" in ran.out
        assert "on record as" in ran.out

    def test_as_json_has_the_steps_and_that_it_replays(self, audit):
        told = json.loads(audit("explain", "2", "--json").out)
        assert told["replays"] is True
        assert told["trace"][0]["rule"]


class TestStats:
    def test_counts_verdicts_checks_and_adjustments(self, audit):
        ran = audit("stats", "--every", "1h")
        assert ran.code == 0
        for shown in ("160 records", "Verdicts", "Checks", "gate", "margin", "Adjustments", "losing", "missing-field"):
            assert shown in ran.out

    def test_says_each_verdict_by_its_name_beside_its_decision(self, audit):
        told = json.loads(audit("stats", "--json").out)
        ran = audit("stats")
        assert ran.out.splitlines()[3].split() == ["from", "decision", "records", "verdicts"]
        for one in told["verdicts"]:
            (row,) = [
                line for line in ran.out.splitlines() if line.startswith(f"{one['time'][:10]}  {one['decision']} ")
            ]
            assert f"{one['verdict'] or 'none'} {one['count']}" in row

    def test_as_json_has_stable_keys(self, audit):
        told = json.loads(audit("stats", "--json").out)
        assert list(told) == ["records", "verdicts", "checks", "adjustments", "problems", "asked_by"]

    def test_of_what_a_filter_leaves(self, audit):
        told = json.loads(audit("stats", "--json", "--where", "stopped", "--decision", "position").out)
        assert {one["check"] for one in told["checks"]} >= {"loss"}
        assert 0 < told["records"] < 80


class TestHistory:
    def test_says_which_letters_a_picture_has_as_codes(self, rulecap, tmp_path):
        pytest.importorskip("matplotlib")
        url = f"sqlite:///{tmp_path / 'named.sqlite3'}"
        with open_ledger(url) as ledger:
            ledger.evaluate(limits(tmp_path / "limits"), snapshot(Random(1), 1, "中"))
        ran = rulecap("audit", "history", "--log", url, "--picture", str(tmp_path / "one.png"))
        expected = "letters that the picture's font lacks stand as codes (中 is \\u4e2d); an .svg has them"
        assert (ran.code, ran.err) == (0, f"rulecap: {expected}\n")
        assert rulecap("audit", "history", "--log", url, "--picture", str(tmp_path / "one.svg")).err == ""

    def test_of_several_accounts_asks_which(self, audit):
        ran = audit("history")
        assert ran.code == 2
        assert "choose one with --account, here are hedge, main" in ran.err

    def test_is_a_table_csv_and_json(self, audit):
        assert "margin state" in audit("history", "--account", "main").out
        rows = list(csv.DictReader(io.StringIO(audit("history", "--account", "main", "--csv").out)))
        told = json.loads(audit("history", "--account", "main", "--json").out)
        assert [row["time"] for row in rows] == [point["time"] for point in told["points"]]
        assert [panel["name"] for panel in told["panels"]] == ["money", "margin", "stop"]
        pairs = [(row[name], value) for row, point in zip(rows, told["points"], strict=True)
                 for name, value in point.items() if isinstance(value, bool)]  # fmt: skip
        assert pairs
        assert {json.loads(text) is value for text, value in pairs} == {True}

    def test_leaves_no_half_of_a_picture_where_there_is_no_room(self, audit, tmp_path, monkeypatch):
        """Its name would be taken, and the next picture be refused."""
        figure = pytest.importorskip("matplotlib.figure")
        path = tmp_path / "history.png"

        def save(_, where, **more):
            Path(where).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(figure.Figure, "savefig", save)
            ran = audit("history", "--account", "main", "--picture", str(path))
        assert (ran.code, ran.err) == (2, f"rulecap: cannot write {path}: No space left on device\n")
        assert not path.exists()
        assert audit("history", "--account", "main", "--picture", str(path)).code == 0

    def test_is_a_picture_that_overwrites_nothing(self, audit, tmp_path):
        pytest.importorskip("matplotlib")
        file = tmp_path / "main.svg"
        assert audit("history", "--account", "main", "--picture", str(file)).code == 0
        assert file.read_text().startswith("<?xml")
        again = audit("history", "--account", "main", "--picture", str(file))
        assert (again.code, "exists already" in again.err) == (2, True)

    @pytest.mark.parametrize(("arguments", "said"), [
        (["--every", "soon"], "--every: soon is no stretch of time"),
        (["--picture", "x.jpg"], "draws .png and .svg files"),
    ])  # fmt: skip
    def test_names_what_cannot_be_asked_for(self, audit, arguments, said):
        ran = audit("history", "--account", "main", *arguments)
        assert ran.code == 2
        assert said in ran.err


class TestExport:
    def test_into_files_of_every_format(self, audit, tmp_path):
        pytest.importorskip("pyarrow")
        for kind in ("jsonl", "csv", "parquet"):
            ran = audit("export", "--format", kind, "--out", str(tmp_path / f"log.{kind}"))
            assert (ran.code, ran.err) == (0, "")
        assert len((tmp_path / "log.jsonl").read_bytes().splitlines()) == 160
        assert len((tmp_path / "log.csv").read_text().splitlines()) == 161

    def test_overwrites_nothing(self, audit, tmp_path):
        (tmp_path / "mine").write_text("mine")
        ran = audit("export", "--out", str(tmp_path / "mine"))
        assert (ran.code, (tmp_path / "mine").read_text()) == (2, "mine")

    def test_of_parquet_needs_a_file(self, audit):
        assert "needs a name" in audit("export", "--format", "parquet").err


@pytest.mark.parametrize(
    "command", ["query", "stats", "history", "export", "show", "explain", "why", "verify", "replay"]
)
def test_a_log_that_is_not_there_is_a_usage_error_and_not_made(rulecap, tmp_path, command):
    arguments = ["1"] if command in ("show", "explain", "why") else []
    ran = rulecap("audit", command, *arguments, "--log", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    assert ran.code == 2
    assert "there is no log at" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [
    "query --since", "query --until", "query --after", "stats --since", "history --account main --every",
    "export --until", "export --out", "verify --after", "verify --key", "verify --checkpoint", "checkpoint --out",
    "show", "replay", "stats --log",
])  # fmt: skip
def test_an_argument_that_is_empty_is_not_one_that_is_left_out(audit, command):
    """As a script's variable is that was never set: what it was to choose would be chosen by nobody."""
    ran = audit(*command.split(), "")
    assert (ran.code, ran.out) == (2, "")
    named = command.split()[-1].replace("show", "ID").replace("replay", "ID")
    assert ran.err.endswith(f"error: argument {named}: is empty: leave it out, or say what is meant\n")


def test_a_package_that_is_missing_leaves_no_empty_file(audit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    name = str(tmp_path / "out.parquet")
    assert "pip install" in audit("export", "--format", "parquet", "--out", name).err
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("body", [b"\0", b"[]", b'{"seq": 5}'], ids=["no JSON", "no object", "no record"])
@pytest.mark.parametrize(
    "command",
    [
        ("stats",), ("history", "--account", "hedge"), ("explain", "5"), ("why", "5"), ("query", "--limit", "500"),
        ("export", "--format", "csv", "--out", "out.csv"),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_damaged_record_is_named_and_nothing_half_is_left(rulecap, tmp_path, monkeypatch, command, body):
    monkeypatch.chdir(tmp_path)
    log = write(tmp_path)
    with sqlite3.connect(log.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE records SET body = ? WHERE seq = 5", (body,))
    database.close()
    ran = rulecap("audit", *command, "--log", log)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "record 5 is damaged" in ran.err
    assert "look with `rulecap audit verify`" in ran.err
    assert not (tmp_path / "out.csv").exists()
