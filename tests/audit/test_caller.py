"""Who asked for a decision stands in its record, and in nothing that is computed."""

import json
from datetime import UTC, datetime

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.ledger import Asked
from rulecap.audit.opening import begin
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from rulecap.problems import Problem
from tests.audit.counting import snapshot
from tests.audit.test_ledger import Veiled, records


def callers(url):
    return [record["asked_by"] for record in records(url)]


def test_a_record_says_who_asked_and_null_where_nobody_was_named(policy, url):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1), asked_by="grid-bot")
        ledger.evaluate(policy, snapshot(2))
        ledger.evaluate_all([Asked(policy, snapshot(3), asked_by="desk: Müller"), Asked(policy, snapshot(4))])
        ledger.evaluate(policy, "{", asked_by="x" * 64)
        ledger.evaluate(policy, snapshot(5), "positon", asked_by="grid-bot")
    assert callers(url) == ["grid-bot", None, "desk: Müller", None, "x" * 64, "grid-bot"]
    with open_log(url) as log:
        assert verify(log).fine
        log.database.look()
        assert [replayed(one.record, policy) for one in log.stored()] == [None] * 6


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "a\0b", "\ud800", "\x1b[2J", "\u202ea", 5, b"bot", "veiled"])
def test_what_is_no_name_of_a_caller_is_refused(policy, url, name):
    name = Veiled() if name == "veiled" else name
    with open_ledger(url) as ledger:
        told = [ledger.evaluate(policy, snapshot(1), asked_by=name)]
        told += ledger.evaluate_all([Asked(policy, snapshot(1), asked_by=name)])
        told.append(ledger.unrecorded(Asked(policy, snapshot(1), asked_by=name), Problem("unlogged", "a test")))
    for decision in told:
        assert [problem.code for problem in decision.problems] == ["bad-caller"]
        assert (decision.ok, decision.record_id, decision.outputs) == (False, None, {"number": None, "verdict": "NO"})
    assert callers(url) == []


def test_nothing_that_is_computed_depends_on_who_asked(policy, url, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    for where, name in ((url, "grid-bot"), (other, "another")):
        with open_ledger(where, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)) as ledger:
            for minute in (1, 2, 1):
                ledger.evaluate(policy, snapshot(minute), asked_by=name)
    ours, theirs = ([{**one, "asked_by": "", "id": ""} for one in records(where)] for where in (url, other))
    assert ours == theirs


def test_a_key_gets_the_first_answer_whoever_asks_again_and_the_first_is_on_record(policy, url):
    """The key belongs to the account and the decision, not to the caller."""
    with open_ledger(url) as ledger:
        first = ledger.evaluate(policy, snapshot(1), idempotency_key="k", asked_by="grid-bot")
        again = ledger.evaluate(policy, snapshot(1), idempotency_key="k", asked_by="another")
        other = ledger.evaluate(policy, snapshot(2), idempotency_key="k", asked_by="another")
    assert again.record_id == first.record_id
    assert [problem.code for problem in other.problems] == ["idempotency-conflict"]
    assert callers(url) == ["grid-bot"]


def test_nobody_asked_for_what_carries_memories_over(policy, sqlite_url, tmp_path):
    with open_ledger(sqlite_url) as ledger:
        ledger.evaluate(policy, snapshot(1), asked_by="grid-bot")
    new = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    begin(new, after=sqlite_url)
    assert callers(new) == [None]


def test_a_caller_s_name_that_looks_like_json_is_a_name(policy, sqlite_url):
    name = '","asked_by":null,"x":"'
    with open_ledger(sqlite_url) as ledger:
        ledger.evaluate(policy, snapshot(1), asked_by=name)
    with open_log(sqlite_url) as log:
        (record,) = [one.record for one in log.stored()]
        assert json.loads(record.body)["asked_by"] == record.fields["asked_by"] == name
        assert replayed(record, policy) is None
