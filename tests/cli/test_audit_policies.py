"""`audit policies`: which policy was in force for which account, from when to when, and what it changed."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from random import Random

import pytest

from rulecap import load_policy
from rulecap.audit import Log, open_ledger
from rulecap.audit.opening import begin
from rulecap.audit.review import reigns
from rulecap.cli.audit import policies as commands
from tests.audit.review.made import START, limits, snapshot, write


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    return write(tmp_path_factory.mktemp("reviewed"))


@pytest.fixture
def policies(rulecap, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda log, *arguments: rulecap("audit", "policies", *arguments, "--log", log)


def test_each_change_stands_once_for_each_account_and_says_what_it_changed(policies, reviewed):
    told = json.loads(policies(reviewed, "--json").out)["policies"]
    assert sorted((one["account"], one["policy"]["version"]) for one in told) == [
        ("hedge", "1.0.0"), ("hedge", "1.1.0"), ("main", "1.0.0"), ("main", "1.1.0"),
    ]  # fmt: skip
    assert sum(one["records"] for one in told) == 160
    old, new = ([one for one in told if one["account"] == "main"][at] for at in (0, 1))
    assert old["changes"] is None  # nothing was before it
    assert new["changes"] == [
        {
            "path": "bet.largest.at_most",
            "before": "15 USD",
            "after": "12 USD",
            "was_at": "policy.yaml:31",
            "is_at": "policy.yaml:31",
        }
    ]
    assert old["last"] < new["first"]
    assert new["records"] > 1


def test_a_policy_that_is_put_back_is_in_force_twice(policies, tmp_path):
    first, second = limits(tmp_path / "old"), limits(tmp_path / "new", version="1.1.0", most=12)
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    rng, clock = Random("put back"), [START]
    with open_ledger(url, clock=lambda: clock[0]) as ledger:
        for number, policy in enumerate([first, second, first]):
            clock[0] += timedelta(minutes=1) if number < 2 else -timedelta(hours=1)  # and a clock that goes back
            ledger.evaluate(policy, snapshot(rng, number, "main"), "position")
    told = json.loads(policies(url, "--json").out)["policies"]
    assert [(one["first"], one["last"], one["policy"]["version"]) for one in told] == [
        (1, 1, "1.0.0"), (2, 2, "1.1.0"), (3, 3, "1.0.0"),
    ]  # fmt: skip
    shown = policies(url).out.splitlines()
    assert shown[0].split() == ["record", "since", "until", "records", "account", "policy", "digest"]
    assert [line.strip() for line in shown if "at_most" in line] == [
        "bet.largest.at_most: 15 USD → 12 USD  [policy.yaml:31]",
        "bet.largest.at_most: 12 USD → 15 USD  [policy.yaml:31]",
    ]


def test_more_changes_than_are_told_at_once_are_asked_for_in_parts(policies, reviewed, monkeypatch):
    told = json.loads(policies(reviewed, "--json").out)["policies"]
    monkeypatch.setattr(reigns, "MOST_REIGNS", len(told))
    assert json.loads(policies(reviewed, "--json").out)["policies"] == told
    monkeypatch.setattr(reigns, "MOST_REIGNS", len(told) - 1)
    ran = policies(reviewed, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert f"up to record {told[-1]['first'] - 1} there are 3 changes already: ask for less time (--since" in ran.err
    assert len(json.loads(policies(reviewed, "--json", "--account", "main").out)["policies"]) == 2


def test_the_files_can_be_had_as_they_were_kept(policies, reviewed, tmp_path):
    ran = policies(reviewed, "--policy", "limits@1.1.0", "--files", str(tmp_path / "kept"))
    assert ran.code == 0
    (folder,) = (tmp_path / "kept").iterdir()
    again = load_policy(folder)
    assert again.version == "1.1.0"
    assert again.digest.startswith(folder.name)
    ran = policies(reviewed, "--files", str(tmp_path / "kept"))
    assert ran.code == 2
    assert "exists already" in ran.err


def test_no_file_is_written_beside_the_folder(policies, tmp_path, monkeypatch):
    limits(tmp_path / "old")
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    with open_ledger(url) as ledger:
        ledger.evaluate(load_policy(tmp_path / "old"), snapshot(Random(1), 1, "main"), "position")
    monkeypatch.setattr(Log, "kept_policy", lambda self, digest: {"../../beside.yaml": b"x"})
    ran = policies(url, "--files", str(tmp_path / "kept"))
    assert ran.code == 2
    assert not [*tmp_path.rglob("beside.yaml")]


def kept(tmp_path, *tampered):
    """Return the address of a log with one record, in which then something was changed."""
    policy, file = limits(tmp_path / "policy"), tmp_path / "log.sqlite3"
    with open_ledger(f"sqlite:///{file}") as ledger:
        ledger.evaluate(policy, snapshot(Random(1), 1, "main"), "position")
    with closing(sqlite3.connect(file)) as database, database:
        for statement, *values in tampered:
            database.execute(statement, values)
    return f"sqlite:///{file}"


def digest_is(digest):
    return [(f"UPDATE {table} SET digest = ?", digest) for table in ("kinds", "policies")]


@pytest.mark.parametrize("digest", ["../beside", "..", "a/b", b"\xff"])
def test_a_digest_that_is_none_leads_nowhere_else(policies, tmp_path, monkeypatch, digest):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    log, before = kept(tmp_path, *digest_is(digest)), {*tmp_path.rglob("*.yaml")}
    ran = policies(log, "--files", "files")
    assert {*tmp_path.rglob("*.yaml")} == before
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    ("tampered", "said"),
    [
        ("DELETE FROM policies", "lacks the policy"),
        ("UPDATE policies SET content = x'30'", "have another digest"),
        ("UPDATE policies SET name = 'other.yaml'", "have another digest"),
    ],
)
def test_files_that_are_not_those_of_their_digest_are_not_handed_out_for_them(policies, tmp_path, tampered, said):
    ran = policies(kept(tmp_path, (tampered,)), "--files", str(tmp_path / "files"))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a\0b.yaml"], "is called 'a\\x00b.yaml': nothing is written"),
        (["a.yaml", "a.yaml/b.yaml"], "a.yaml: "),
        (["x" * 300], "File name too long"),
        (["\x1b[2J" + "x" * 300], "\\x1b[2J"),
    ],
)
def test_names_that_no_files_can_have_are_told(policies, tmp_path, monkeypatch, names, said):
    monkeypatch.setattr(Log, "kept_policy", lambda self, digest: dict.fromkeys(names, b"x"))
    ran = policies(kept(tmp_path), "--files", str(tmp_path / "files"))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "exists already" not in ran.err


def test_policies_whose_digests_begin_alike_are_not_mixed(policies, reviewed, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "SHOWN_DIGEST", 0)
    ran = policies(reviewed, "--files", str(tmp_path / "files"))
    assert (ran.code, ran.out) == (2, "")


def test_a_log_that_only_carries_memories_over_has_none(policies, reviewed, tmp_path):
    url = f"sqlite:///{tmp_path / 'next.sqlite3'}"
    begin(url, reviewed)
    ran = policies(url)
    assert (ran.code, ran.out) == (0, "no record is like that\n")
