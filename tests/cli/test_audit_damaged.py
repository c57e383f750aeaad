"""The audit commands on records that they cannot be asked about: of no decision, of an unknown one, damaged."""

import json
import sqlite3
from contextlib import closing

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from tests.audit.counting import counting, snapshot


@pytest.fixture
def log(tmp_path):
    """The address of a log: two decisions on record, then one that the policy does not have."""
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    policy = counting(tmp_path / "counting")
    with open_ledger(url) as ledger:
        for minute, decision in enumerate(("position", "position", "nope")):
            ledger.evaluate(policy, snapshot(minute), decision)
    return url


@pytest.fixture
def following(rulecap, log, tmp_path):
    """The address of a log that begins with memories, and no decision."""
    url = f"sqlite:///{tmp_path / 'next.sqlite3'}"
    assert rulecap("audit", "begin", "--after", log, "--log", url).code == 0
    return url


def change(log, statement, *values):
    with closing(sqlite3.connect(log.removeprefix("sqlite:///"))) as connection, connection:
        assert connection.execute(statement, values).rowcount


@pytest.mark.parametrize("command", ["explain", "why", "replay"])
def test_a_record_of_carried_memories_is_said_to_be_no_decision(command, rulecap, following):
    ran = rulecap("audit", command, "1", "--log", following)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "rulecap: record 1 is of no decision: it carries the memories of another log over\n"


def test_replay_counts_decisions_only(rulecap, following, tmp_path):
    assert rulecap("audit", "replay", "--log", following).out == "0 decisions replayed: every byte agrees\n"
    with open_ledger(following) as ledger:
        ledger.evaluate(counting(tmp_path / "again"), snapshot(9))
    assert rulecap("audit", "replay", "--log", following).out == "1 decision replayed: every byte agrees\n"


def test_stats_count_decisions_only(rulecap, following, tmp_path):
    assert rulecap("audit", "stats", "--log", following).out == "0 records\n"
    with open_ledger(following) as ledger:
        ledger.evaluate(counting(tmp_path / "again"), snapshot(9))
    assert rulecap("audit", "stats", "--log", following).out.startswith("1 record\n")


def test_a_filter_is_not_asked_of_carried_memories(rulecap, following, tmp_path):
    with open_ledger(following) as ledger:
        ledger.evaluate(counting(tmp_path / "again"), snapshot(9))
    ran = rulecap("audit", "query", "--where", "memory.seen >= 0", "--log", following, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["where"] == {"unknown": 0, "unfit": []}


def test_why_of_a_decision_that_the_policy_does_not_have_says_so(rulecap, log):
    ran = rulecap("audit", "why", "3", "--log", log)
    assert (ran.code, ran.err) == (2, "rulecap: the policy counting has no decision nope\n")


def test_a_filter_says_of_a_decision_that_there_is_none(rulecap, log):
    ran = rulecap("audit", "query", "--where", "verdict == GO", "--log", log)
    assert "it means nothing for 1 record of no known decision by policy" in ran.err


DAMAGES = {
    "no text": b"\xff",
    "no record": b"{}",
    "no object": b"[]",
    "odd parts": b'{"steps":5,"outputs":5,"problems":[5],"ok":true,"policy":{"digest":"x"},"snapshot":[],"time":5}',
}
OF_RECORDS = ["query", "query --json", "stats", "export --format csv", "explain 2", "why 2"]


@pytest.mark.parametrize("body", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("command", OF_RECORDS)
def test_a_damaged_record_is_named(command, body, rulecap, log):
    change(log, "UPDATE records SET body = ? WHERE seq = 2", body)
    ran = rulecap("audit", *command.split(), "--log", log)
    assert ran.code == 2
    assert "record 2 is damaged" in ran.err
    assert "rulecap audit verify" in ran.err


def test_explain_says_where_an_altered_record_comes_out_otherwise(rulecap, log):
    odd = "CAST(json_set(body, '$.outputs.number', 9) AS BLOB)"
    change(log, f"UPDATE records SET body = {odd} WHERE seq = 2")
    ran = rulecap("audit", "explain", "2", "--log", log)
    assert (ran.code, ran.out.splitlines()[-1]) == (
        1,
        "This is not what was recorded: outputs differs; see `rulecap audit replay`.",
    )
    told = rulecap("audit", "explain", "2", "--log", log, "--json")
    assert (told.code, json.loads(told.out)["replays"]) == (1, False)
    assert rulecap("audit", "explain", "1", "--log", log).code == 0


@pytest.mark.parametrize("book", ["5", '{"bids":3}', "[]"])
def test_a_book_that_is_none_is_shown_as_what_it_is(book, rulecap, log):
    odd = "CAST(json_set(body, '$.snapshot.book', json(?)) AS BLOB)"
    change(log, f"UPDATE records SET body = {odd} WHERE seq = 2", book)
    ran = rulecap("audit", "show", "2", "--log", log)
    assert (ran.code, ran.err) == (1, "")
    assert "the log's head does not prove it" in ran.out


@pytest.mark.parametrize("body", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_of_a_history_is_named(body, rulecap, tmp_path):
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    with open_ledger(url) as ledger:
        for minute in (1, 2):
            ledger.evaluate(load_policy("default"), snapshot(minute), "margin")
    change(url, "UPDATE records SET body = ? WHERE seq = 2", body)
    ran = rulecap("audit", "history", "--log", url)
    assert (ran.code, "record 2 is damaged" in ran.err) == (2, True)


@pytest.mark.parametrize("body", DAMAGES.values(), ids=DAMAGES)
def test_memories_are_not_carried_over_from_a_damaged_record(body, rulecap, log, tmp_path):
    change(log, "UPDATE records SET body = ? WHERE seq = 2", body)
    ran = rulecap("audit", "begin", "--after", log, "--log", f"sqlite:///{tmp_path / 'next.sqlite3'}")
    assert ran.code == 2
    assert "a record that advanced a memory is damaged" in ran.err
    assert not (tmp_path / "next.sqlite3").exists()


@pytest.mark.parametrize("time", ["x", 9 * 10**18, -(9 * 10**18), b"x"])
@pytest.mark.parametrize("command", ["query", "query --oldest", "stats", "export"])
def test_a_time_that_is_none_beside_a_record_is_said(command, time, rulecap, log):
    change(log, "UPDATE records SET time = ? WHERE seq = 3", time)  # the only one of its kind
    ran = rulecap("audit", *command.split(), "--log", log)
    assert ran.code == 2 or (command == "query" and not isinstance(time, int))
    if ran.code:
        assert "is no time" in ran.err
        assert "rulecap audit verify" in ran.err


@pytest.mark.parametrize(("command", "time"), [("query --oldest", 9 * 10**18), ("query", -(9 * 10**18))])
def test_a_time_that_is_none_is_said_of_the_last_of_its_kind_too(command, time, rulecap, log):
    change(log, "UPDATE records SET time = ? WHERE seq = 2", time)
    ran = rulecap("audit", *command.split(), "--log", log)
    assert (ran.code, "what stands beside record 2 is no time" in ran.err) == (2, True)


def test_a_record_by_a_version_that_is_no_text_is_damaged(rulecap, log):
    change(log, "UPDATE records SET body = CAST(json_set(body, '$.engine', json('{\"a\":1}')) AS BLOB) WHERE seq = 2")
    ran = rulecap("audit", "replay", "--log", log)
    assert (ran.code, ran.out.splitlines()[0]) == (1, "record 2 is no record: DamagedRecord")
