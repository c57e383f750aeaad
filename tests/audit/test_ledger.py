"""The ledger's contract: what a bot gets, and what is on record when it gets it."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from unittest.mock import MagicMock

import pytest

from rulecap import load_policy
from rulecap.audit import LogError, inherited, open_ledger, open_log
from rulecap.audit.record import Record
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from rulecap.snapshot import Snapshot, read_snapshot
from rulecap.snapshot.model import unlooked
from tests.audit.counting import counting, snapshot
from tests.snapshots import random_snapshot, sequence


def records(url):
    with open_log(url) as log:
        log.database.look()
        return [stored.record.fields for stored in log.stored()]


def test_a_decision_is_on_record_when_it_is_answered(policy, url):
    with open_ledger(url) as ledger:
        decision = ledger.evaluate(policy, snapshot(1, pnl=-5))
        (record,) = records(url)
    assert record["id"] == decision.record_id == f"{ledger.head.id}-1"
    assert (record["seq"], record["account"], record["decision"], record["verdict"]) == (1, "a", "position", "NO")
    assert record["outputs"] == decision.outputs == {"number": 1, "verdict": "NO"}
    assert record["steps"] == {"number": 1, "word": "NO"}
    assert (record["memory"], record["next_memory"]) == (None, {"seen": 1, "worst_loss": 5.0})
    assert record["policy"] == {"name": "counting", "version": "1.0.0", "digest": policy.digest}
    assert record["problems"] == []


def test_the_memory_is_the_log_s_and_outlives_the_process(policy, url):
    with open_ledger(url) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).outputs["number"] == 1
        assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
    with open_ledger(url) as ledger:
        assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 3
        assert ledger.evaluate(policy, snapshot(3, account="b")).outputs["number"] == 1


def test_decisions_on_one_snapshot_see_one_memory_which_advances_once(policy, url):
    with open_ledger(url) as ledger:
        counts = [ledger.evaluate(policy, snapshot(1), one).outputs["number"] for one in ("position", "margin")]
        assert counts == [1, 1]
        assert ledger.evaluate(policy, snapshot(2), "margin").outputs["number"] == 2


def test_a_late_snapshot_is_answered_from_the_memory_before_it_and_turns_nothing_back(policy, url):
    with open_ledger(url) as ledger:
        for minute in (1, 3, 5):
            ledger.evaluate(policy, snapshot(minute))
        assert ledger.evaluate(policy, snapshot(4)).outputs["number"] == 3
        assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
        assert ledger.evaluate(policy, snapshot(0)).outputs["number"] == 1
        assert ledger.evaluate(policy, snapshot(5)).outputs["number"] == 3
        assert ledger.evaluate(policy, snapshot(6)).outputs["number"] == 4
    with open_log(url) as log:
        assert verify(log).fine


def test_a_reload_keeps_the_memory_by_name(policy, url, tmp_path):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1, pnl=-7))
        edited = counting(tmp_path / "edited", version="1.1.0", loss="largest_loss")
        decision = ledger.evaluate(edited, snapshot(2, pnl=-3))
    assert decision.ok
    assert decision.outputs["number"] == 2
    assert decision.memory == {"seen": 2, "largest_loss": 3.0}
    assert records(url)[1]["memory"] == {"seen": 1}
    with open_log(url) as log:
        assert verify(log).fine


def test_two_policies_never_share_a_memory(policy, url):
    other = load_policy("default")
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        assert ledger.evaluate(other, snapshot(2), "drawdown").ok
        assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 2


UNREADABLE = [
    b"\xff\xfe",
    "{",
    "",
    "\ud800",
    None,
    5,
    [],
    object(),
    {"account": {"id": "a"}},
    {"as_of": float("nan")},
    {1: 2},
    {"positions": {1, 2}},
    memoryview(b"[]"),
    "x" * 5_000_000,
]


@pytest.mark.parametrize("given", UNREADABLE, ids=lambda given: f"{type(given).__name__} {str(given)[:12]!r}")
def test_what_is_no_snapshot_is_refused_and_on_record(policy, url, given):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        decision = ledger.evaluate(policy, given)
        following = ledger.evaluate(policy, snapshot(2))
    assert not decision.ok
    assert decision.outputs == {"number": None, "verdict": "NO"}
    assert decision.record_id.endswith("-2")
    assert following.outputs["number"] == 2
    with open_log(url) as log:
        record = log.record(2)
        assert [problem["code"] for problem in record.fields["problems"]] == [one.code for one in decision.problems]
        assert len(record.body) < 10_000
        assert replayed(record, policy) is None
        assert verify(log).fine


class Endless(set):
    def __iter__(self):
        return count()


def _laughs():
    laughs = [1] * 1000
    for _ in range(8):
        laughs = [laughs] * 1000
    return laughs


def _generator():
    while True:
        yield {}


@pytest.mark.parametrize("make", [_laughs, _generator, count, Endless])
def test_what_has_no_end_is_refused_and_on_record(policy, url, make):
    with open_ledger(url) as ledger:
        decision = ledger.evaluate(policy, {**snapshot(1), "positions": make()})
    assert not decision.ok
    with open_log(url) as log:
        said = "a dict with too many parts to be written, or without an end"
        assert log.record(1).fields["snapshot"] == said
        assert replayed(log.record(1), policy) is None


def test_a_circle_is_refused_and_on_record(policy, url):
    circle = {}
    circle["account"] = circle
    with open_ledger(url) as ledger:
        assert not ledger.evaluate(policy, circle).ok
        assert ledger.head.size == 1


class Veiled:
    """An object that does not even say what it is."""

    def __getattribute__(self, name):
        raise RuntimeError("nothing to see")


def released():
    view = memoryview(b"{}")
    view.release()
    return view


ODD = {
    "veiled": Veiled,
    "released": released,
    "mock": lambda: MagicMock(spec=Snapshot),
    "nothing in it": lambda: unlooked(Snapshot),
    "no account": lambda: unvalidated(account=None),
    "no time": lambda: unvalidated(as_of="2026"),
    "cannot be written": lambda: unvalidated(facts={"x": object()}),
}


def unvalidated(**values):
    return unlooked(Snapshot, **{**read_snapshot(snapshot(1)).__dict__, **values})


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_even_be_looked_at_is_refused_and_on_record(policy, url, kind):
    with open_ledger(url) as ledger:
        decision = ledger.evaluate(policy, ODD[kind]())
        assert ledger.evaluate(policy, snapshot(2)).ok
    assert not decision.ok
    assert decision.problems
    with open_log(url) as log:
        assert replayed(log.record(1), policy) is None
        assert verify(log).fine


def test_a_decision_a_key_or_a_request_of_the_wrong_type_is_refused(policy, url):
    """A request as text is a bot's first slip; what it is about is entered by nobody."""
    codes = {}
    with open_ledger(url) as ledger:
        codes["decision"] = ledger.evaluate(policy, snapshot(1), Veiled())
        codes["key"] = ledger.evaluate(policy, snapshot(2), "position", Veiled())
        codes["request"] = ledger.evaluate(policy, snapshot(3), "position", "order 1", '{"side": "BUY"}')
    assert {what: [one.code for one in given.problems] for what, given in codes.items()} == {
        "decision": ["unknown-decision"],
        "key": ["bad-idempotency-key"],
        "request": ["bad-request"],
    }
    assert not any(given.ok for given in codes.values())


def test_a_refusal_shows_under_its_account_where_that_can_be_told(policy, url):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, {"account": {"id": "a"}})
        ledger.evaluate(policy, "{}")
    assert [record["account"] for record in records(url)] == ["a", ""]


def test_an_unknown_decision_is_refused_and_on_record(policy, url):
    with open_ledger(url) as ledger:
        decision = ledger.evaluate(policy, snapshot(1), "positon")
    assert [problem.code for problem in decision.problems] == ["unknown-decision"]
    assert records(url)[0]["decision"] == "positon"


def test_what_a_caller_does_to_an_answer_changes_no_memory(policy, url):
    with open_ledger(url) as ledger:
        decision = ledger.evaluate(policy, snapshot(1))
        decision.memory["seen"] = 99
        decision.outputs.clear()
        assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
    with open_log(url) as log:
        assert verify(log).fine


class TestAnIdempotencyKey:
    def test_gets_the_first_answer_again_with_its_trace(self, policy, url):
        with open_ledger(url) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            again = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
        assert again.record_id == first.record_id
        assert again.outputs == first.outputs
        assert [step["rule"] for step in again.trace.steps] == ["number", "word"]
        assert len(records(url)) == 1

    def test_gets_it_from_another_process_and_after_a_policy_was_edited(self, policy, url, tmp_path):
        with open_ledger(url) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
        edited = counting(tmp_path / "edited", version="2.0.0")
        with open_ledger(url) as ledger:
            again = ledger.evaluate(edited, snapshot(1), idempotency_key="k")
        assert (again.record_id, again.outputs, again.ok) == (first.record_id, first.outputs, True)

    def test_belongs_to_an_account_and_a_decision(self, policy, url):
        with open_ledger(url) as ledger:
            asked = [(snapshot(1), "position"), (snapshot(1, account="b"), "position"), (snapshot(1), "margin")]
            given = {ledger.evaluate(policy, one, decision, "k").record_id for one, decision in asked}
        assert len(given) == 3

    def test_of_another_request_is_refused_and_names_the_first(self, policy, url):
        with open_ledger(url) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            other = ledger.evaluate(policy, snapshot(2), idempotency_key="k")
        assert [problem.code for problem in other.problems] == ["idempotency-conflict"]
        assert first.record_id in other.problems[0].message
        assert (other.ok, other.outputs, other.record_id) == (False, {"number": None, "verdict": "NO"}, None)

    def test_goes_by_the_request_where_one_is_given(self, policy, url):
        with open_ledger(url) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k", request=b"body")
            again = ledger.evaluate(policy, snapshot(2), idempotency_key="k", request=b"body")
        assert again.record_id == first.record_id

    def test_lives_for_24_hours(self, policy, url):
        clock = [datetime(2026, 1, 1, tzinfo=UTC)]
        with open_ledger(url, clock=lambda: clock[0]) as ledger:
            first = ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            clock[0] += timedelta(hours=24) - timedelta(microseconds=1)
            assert ledger.evaluate(policy, snapshot(1), idempotency_key="k").record_id == first.record_id
            clock[0] += timedelta(microseconds=1)
            later = ledger.evaluate(policy, snapshot(2), idempotency_key="k")
            assert later.record_id != first.record_id
            assert ledger.evaluate(policy, snapshot(2), idempotency_key="k").record_id == later.record_id
        with open_log(url) as log:
            assert verify(log).fine

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", 5])
    def test_that_is_none_is_refused(self, policy, url, key):
        with open_ledger(url) as ledger:
            decision = ledger.evaluate(policy, snapshot(1), idempotency_key=key)
        assert [problem.code for problem in decision.problems] == ["bad-idempotency-key"]
        assert not decision.ok


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["default", "stop-risk", "conservative"])
def test_every_record_replays_to_the_byte(name, url):
    policy, rng = load_policy(name), Random(f"replays {name}")
    with open_ledger(url) as ledger:
        for given in [*sequence(rng, 12), *(random_snapshot(rng) for _ in range(40))]:
            for decision in rng.sample(policy.decisions, 2):
                ledger.evaluate(policy, given, decision)
    with open_log(url) as log:
        stored = log.policy(policy.digest)
        log.database.look()
        assert [replayed(one.record, stored) for one in log.stored()] == [None] * 104
        log.database.rollback()
        assert verify(log).fine


def test_a_replay_names_a_step_that_only_the_record_has_even_where_it_says_nothing(policy, sqlite_url):
    """A value that is none is no value that is missing: somebody put that step there."""
    with open_ledger(sqlite_url) as ledger:
        ledger.evaluate(policy, snapshot(1))
    with open_log(sqlite_url) as log:
        fields = log.record(1).fields
    forged = Record(1, json.dumps({**fields, "steps": {**fields["steps"], "ghost": None}}).encode())
    found = replayed(forged, policy)
    assert (found.part, found.step) == ("steps", "ghost")


def test_a_replay_that_differs_names_the_first_step(policy, url, tmp_path):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1, pnl=-1))
    with open_log(url) as log:
        record = log.record(1)
    text = (tmp_path / "counting" / "policy.yaml").read_text().replace(">= 0 USD", ">= -9 USD")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "policy.yaml").write_text(text)
    found = replayed(record, load_policy(tmp_path / "other"))
    assert (found.part, found.step, found.recorded, found.computed) == ("steps", "word", "NO", "GO")


@pytest.mark.parametrize("address", [None, Path("risk.sqlite3"), b"sqlite:///risk.sqlite3"])
def test_an_address_that_is_no_text_is_named(address):
    """As of a variable of the environment that is not set."""
    for opened in (open_ledger, open_log):
        with pytest.raises(LogError, match=f"a {type(address).__name__} is no log's address: write sqlite:///"):
            opened(address)


class TestOpening:
    @pytest.fixture
    def url(self, sqlite_url):
        return sqlite_url

    @pytest.mark.parametrize("url", ["risk.sqlite3", "sqlite://x", "mysql://u:secret@h/d", "sqlite:///", ""])
    def test_what_is_no_address_is_refused_without_its_password(self, url):
        with pytest.raises(LogError, match="sqlite:///relative/path") as raised:
            open_ledger(url)
        assert raised.value.code == "bad-log-address"
        assert "secret" not in str(raised.value)

    def test_reading_makes_no_log(self, tmp_path, url):
        with pytest.raises(LogError) as raised:
            open_log(url)
        assert raised.value.code == "no-log"
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_is_no_log_and_one_that_is_missing_is_named(self, tmp_path):
        for open_it in (open_log, open_ledger):
            with pytest.raises(LogError, match="is a folder") as raised:
                open_it(f"sqlite:///{tmp_path}")
            assert raised.value.code == "not-a-log"
        with pytest.raises(LogError, match=f"there is no folder {tmp_path / 'none'}") as raised:
            open_ledger(f"sqlite:///{tmp_path / 'none' / 'log.sqlite3'}")
        assert raised.value.code == "log-gone"

    def test_a_log_is_only_begun_where_that_is_wanted(self, url):
        with pytest.raises(LogError) as raised:
            open_ledger(url, create=False)
        assert raised.value.code == "no-log"

    def test_another_database_is_left_alone(self, tmp_path, url):

        with sqlite3.connect(tmp_path / "log.sqlite3") as other:
            other.execute("CREATE TABLE trades (id INTEGER)")
        other.close()
        with pytest.raises(LogError, match="trades") as raised:
            open_ledger(url)
        assert raised.value.code == "not-a-log"

    def test_a_file_that_is_no_database_is_left_alone(self, tmp_path, url):
        (tmp_path / "log.sqlite3").write_bytes(b"not a database, but long enough to have a header" * 10)
        for open_it in (open_log, open_ledger):
            with pytest.raises(LogError) as raised:
                open_it(url)
            assert raised.value.code == "not-a-log"
            # Though the failure, and with it whoever tried, is still known here: a fork could not open it otherwise.
            known = [one() for one in inherited._OPEN.values()]
            assert inherited.identity(tmp_path / "log.sqlite3") not in [one.file for one in known if one is not None]

    def test_a_closed_ledger_refuses_and_says_so(self, policy, url):
        ledger = open_ledger(url)
        ledger.close()
        decision = ledger.evaluate(policy, snapshot(1))
        assert [problem.code for problem in decision.problems] == ["unlogged"]
        assert "closed" in decision.problems[0].message
        assert decision.outputs["verdict"] == "NO"


def test_the_stored_bytes_are_json_that_says_what_was_decided(policy, url):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
    with open_log(url) as log:
        body = log.record(1).body
    assert json.loads(body)["outputs"] == {"number": 1, "verdict": "GO"}
    assert b"\n" not in body


def test_arguments_in_the_wrong_order_are_said_to_be(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}") as ledger:
        with pytest.raises(TypeError, match="a ledger is asked by a Policy and then a snapshot, not by a dict"):
            ledger.evaluate({}, load_policy("default"))
        with pytest.raises(TypeError, match=r"not by a str: rulecap\.load_policy"):
            ledger.evaluate("default", {})
        assert ledger.evaluate(load_policy("default"), {}).record_id is not None
