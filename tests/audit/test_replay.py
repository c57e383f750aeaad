"""Every decision on record comes out the same to the byte, from its record and the stored policy alone."""

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from rulecap import PolicyError, load_policy, policy_from_files
from rulecap.audit import open_ledger, open_log, record
from rulecap.audit.replay import recorded_decision, replayed
from rulecap.engine.policy import policy_on_record
from rulecap.language.functions import COMPUTED
from rulecap.language.grammar import parse
from rulecap.problems import Problem
from rulecap.snapshot import Position
from tests.audit.counting import counting, snapshot
from tests.audit.sample import OLD, UNREADABLE, url_of, write
from tests.promises.shipped import ROOT, SHIPPED, shipped
from tests.promises.test_deterministic import OTHER_PYTHONS, needed, other_python
from tests.snapshot.given import POSITION
from tests.snapshots import random_snapshot, sequence

# Run by other Pythons: replays a log, and says how many records differ.
CHILD = """
import sys
from rulecap.audit import open_log
from rulecap.audit.replay import replayed
with open_log(sys.argv[1]) as log:
    records = [stored.record for stored in log.stored()]
    print(len(records), [one.seq for one in records if replayed(one, log.policy(one.fields["policy"]["digest"]))])
"""


@pytest.fixture(scope="module")
def log_path(tmp_path_factory) -> Path:
    """A log of every shipped policy and decision, of random snapshots and of what is none."""
    folder = tmp_path_factory.mktemp("replay")
    path, rng = folder / "log.sqlite3", Random("replay")
    with open_ledger(url_of(path)) as ledger:
        for name in SHIPPED:
            policy = shipped(name)
            given = [*sequence(rng, 6), *(random_snapshot(rng) for _ in range(6)), *UNREADABLE]
            for number, one in enumerate(given):
                decision = policy.decisions[number % len(policy.decisions)]
                assert ledger.evaluate(policy, one, decision).record_id
            for decision in policy.decisions:
                ledger.evaluate(policy, given[0], decision, "key")
            ledger.evaluate(policy, given[0], "no such decision")
    return path


def differing(path: Path) -> list[int]:
    with open_log(url_of(path)) as log:
        records = [stored.record for stored in log.stored()]
        assert records
        return [one.seq for one in records if replayed(one, log.policy(one.fields["policy"]["digest"]))]


@pytest.mark.no_cover
def test_every_decision_of_every_shipped_policy_replays_to_the_byte(log_path):
    assert differing(log_path) == []
    with open_log(url_of(log_path)) as log:
        asked = {(one.record.fields["policy"]["name"], one.record.fields["decision"]) for one in log.stored()}
        handed_over = [one for one in log.stored() if one.record.fields["answered_by"] != one.record.fields["decision"]]
    for name in SHIPPED:
        policy = shipped(name)
        assert {(policy.name, decision) for decision in policy.decisions} <= asked
    assert handed_over


def test_the_policies_are_the_stored_ones_even_where_the_shipped_ones_are_gone(log_path, tmp_path):
    """The folder of the shipped policies cannot even be asked for."""
    program = (
        "import rulecap.resources as r; found = r.resource_folder\n"
        "r.resource_folder = lambda name: found(name) if name == 'schemas' else 1 / 0\n" + CHILD
    )
    assert said_by(sys.executable, log_path, tmp_path, program).endswith(" []\n")


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_hash_seed_makes_no_difference(seed, log_path, tmp_path):
    assert said_by(sys.executable, log_path, tmp_path, PYTHONHASHSEED=seed).endswith(" []\n")


@pytest.mark.parametrize("version", OTHER_PYTHONS)
def test_another_python_replays_it_to_the_byte(version, log_path, tmp_path, request):
    if version == "{}.{}".format(*sys.version_info[:2]):
        pytest.skip("it is the Python of this test")
    python = other_python(version)
    packages = needed(python, version, request)
    assert said_by(python, log_path, tmp_path, PYTHONPATH=f"{ROOT}{os.pathsep}{packages}").endswith(" []\n")


def said_by(python: str, path: Path, folder: Path, program: str = CHILD, **environment: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    run = subprocess.run(
        [python, "-c", program, url_of(path)],
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


def test_a_log_of_every_kind_of_question_replays_too(tmp_path):
    write(tmp_path / "log.sqlite3", tmp_path, OLD, following=True)
    assert differing(tmp_path / "log.sqlite3") == []


def test_a_bot_s_own_class_of_positions_replays_too(tmp_path):
    class Noted(Position):
        note: str = "mine"

    given = random_snapshot(Random("derived"))
    given["positions"] = [Noted(**POSITION)]
    path = tmp_path / "log.sqlite3"
    with open_ledger(url_of(path)) as ledger:
        answer = ledger.evaluate(shipped("default"), given, "margin")
    assert [one.path for one in answer.problems] == ["positions[0].note"]
    assert differing(path) == []


def test_an_overlay_is_stored_with_its_base(log_path):
    digest = shipped("conservative").digest
    with open_log(url_of(log_path)) as log:
        assert log.policy(digest).version == shipped("conservative").version
        assert len(log.policy_files(digest)) > 1


def difference(path, policy):
    """The first difference where the stored decisions are computed by another policy."""
    with open_log(url_of(path)) as log:
        return replayed(log.record(1), policy)


def one_record(tmp_path, policy, pnl=-5.0):
    path = tmp_path / "one.sqlite3"
    with open_ledger(url_of(path)) as ledger:
        ledger.evaluate(policy, snapshot(1, pnl=pnl))
    return path


def edited(tmp_path, old, new):
    """The counting policy, with its digest, but computing something else: as a differing engine would."""
    counting(tmp_path / f"edited {new}")
    file = tmp_path / f"edited {new}" / "policy.yaml"
    file.write_text(file.read_text().replace(old, new))
    return load_policy(tmp_path / f"edited {new}")


def test_an_engine_that_computes_otherwise_is_named_by_the_first_step_that_differs(tmp_path):
    path = one_record(tmp_path, counting(tmp_path / "counting"))
    found = difference(path, edited(tmp_path, "memory.seen + 1", "memory.seen + 2"))
    assert (found.part, found.step, found.recorded, found.computed) == ("steps", "number", 1, 2)
    found = difference(path, edited(tmp_path, ">= 0 USD else NO", ">= 0 USD - 9 USD else NO"))
    assert (found.part, found.step, found.recorded, found.computed) == ("steps", "word", "NO", "GO")


def test_a_changed_function_of_the_engine_is_named_by_the_step_that_calls_it(tmp_path, monkeypatch):
    path = one_record(tmp_path, edited(tmp_path, "memory.seen + 1", "floor(memory.seen) + 1"))
    assert differing(path) == []
    monkeypatch.setitem(COMPUTED, "floor", lambda value: value + 2)
    with open_log(url_of(path)) as log:
        first = log.record(1)
        found = replayed(first, log.policy(first.fields["policy"]["digest"]))
    assert (found.part, found.step, found.recorded, found.computed) == ("steps", "number", 1, 3)


def test_where_the_steps_agree_the_part_of_the_record_is_named(tmp_path):
    path = one_record(tmp_path, counting(tmp_path / "counting"))
    found = difference(path, edited(tmp_path, "{number: number, verdict: word}", "{number: 5, verdict: word}"))
    assert (found.part, found.step) == ("outputs", "")


def test_what_another_version_of_rulecap_recorded_agrees_where_this_one_computes_the_same(tmp_path, monkeypatch):
    """Who computed it is no result: after an upgrade every record of an old log would differ, and say nothing."""
    path = one_record(tmp_path, counting(tmp_path / "counting"))
    monkeypatch.setattr(record, "ENGINE", b'"9.9.9"')
    assert difference(path, counting(tmp_path / "again")) is None
    found = difference(path, edited(tmp_path, "memory.seen + 1", "memory.seen + 2"))
    assert (found.part, found.step, found.recorded, found.computed) == ("steps", "number", 1, 2)


@pytest.mark.parametrize("before", [b"e", b"e+"])
def test_a_large_number_that_another_library_spelt_is_no_difference(tmp_path, before):
    """From 10^16 on, some versions of what writes JSON say 1e16, others 1e+16: the number is the same."""
    policy, path = counting(tmp_path / "counting"), tmp_path / "large.sqlite3"
    large = snapshot(1, -3e20)
    with open_ledger(url_of(path)) as ledger:
        ledger.evaluate(policy, {**large, "account": {**large["account"], "total_wallet_balance": 1.5e16}})
    with open_log(url_of(path)) as log:
        one = log.record(1)
    assert re.search(rb'"total_wallet_balance":1.5e\+?16', one.body)
    spelt = re.sub(rb"(?<=[.:-][0-9])e\+?(?=(16|20)[,}])", before, one.body)
    assert replayed(record.Record(1, spelt), policy) is None
    other = re.sub(rb":3e\+?20", b":3.5e20", one.body)
    assert other != one.body
    assert replayed(record.Record(1, other), policy) is not None


def test_an_answer_on_record_is_given_as_it_is_there(tmp_path):
    """Whatever would be answered now, by that policy or by another one that happens to give the same outputs."""
    path, policy = tmp_path / "log.sqlite3", counting(tmp_path / "counting")
    with open_ledger(url_of(path)) as ledger:
        ledger.evaluate(policy, snapshot(1))
    one = record_of(path)
    altered = record.Record(1, one.body.replace(b'"outputs":{"number":1', b'"outputs":{"number":9'))
    other = counting(tmp_path / "other", loss="largest_loss")
    told = [recorded_decision(*asked) for asked in ((one, policy), (altered, policy), (one, other))]
    assert [answer.outputs["number"] for answer in told] == [1, 9, 1]
    assert [answer.memory for answer in told] == [one.fields["next_memory"]] * 3
    assert {answer.record_id for answer in told} == {one.fields["id"]}


def record_of(path):
    with open_log(url_of(path)) as log:
        return log.record(1)


def test_what_another_version_says_in_other_words_is_no_other_result(tmp_path, monkeypatch):
    """A message that reads better after an upgrade is no difference between decisions; another problem is."""
    path, policy = tmp_path / "words.sqlite3", counting(tmp_path / "counting")
    with monkeypatch.context() as before, open_ledger(url_of(path)) as ledger:
        before.setattr(record, "ENGINE", b'"0.0.9"')
        ledger.evaluate(policy, {"account": {"id": "a"}})
    worded, other = Problem.to_dict, {"message": "it is not there", "hint": "say it"}
    monkeypatch.setattr(Problem, "to_dict", lambda problem: worded(problem) | other)
    assert difference(path, policy).part == "words"
    for said, instead, found in [
        (b'"verdict":"NO","ok"', b'"verdict":"GO","ok"', ("verdict", "")),
        (b'"steps":{}', b'"steps":{"number":null}', ("steps", "number")),
    ]:
        body = record_of(path).body
        altered = record.Record(1, body.replace(said, instead))
        assert altered.body != body
        other_too = replayed(altered, policy)
        assert (other_too.part, other_too.step) == found
    monkeypatch.setattr(Problem, "to_dict", lambda problem: worded(problem) | other | {"path": "account"})
    assert difference(path, policy).part == "problems"


def test_what_this_version_says_in_other_words_is_a_difference(tmp_path, monkeypatch):
    path, policy = tmp_path / "words.sqlite3", counting(tmp_path / "counting")
    with open_ledger(url_of(path)) as ledger:
        ledger.evaluate(policy, {"account": {"id": "a"}})
    worded = Problem.to_dict
    monkeypatch.setattr(Problem, "to_dict", lambda problem: worded(problem) | {"message": "it is not there"})
    assert difference(path, policy).part == "problems"


def test_what_could_not_be_recorded_is_no_record(tmp_path):
    path = tmp_path / "log.sqlite3"
    policy = counting(tmp_path / "counting")
    with open_ledger(url_of(path)) as ledger:
        ledger.evaluate(policy, snapshot(1))
        path.rename(tmp_path / "away")
        assert ledger.evaluate(policy, snapshot(2)).record_id is None
        (tmp_path / "away").rename(path)
        assert ledger.evaluate(policy, snapshot(3)).record_id
    with open_log(url_of(path)) as log:
        assert [one.record.fields["snapshot"]["as_of"][14:16] for one in log.stored()] == ["01", "03"]
    assert differing(path) == []


# Policies that the version which recorded them took, and this one does not

THEN = """\
language: 1
policy: then
version: 1.0.0
title: Takes what is refused now
parameters:
  least: {value: 1.500 USD}
  most: {value: 1.000, unit: count}
decisions:
  position:
    title: Go?
    outputs: {go: go, word: word, number: number}
    on_error: {go: NEVER, word: 5 USD, number: 0}
rules:
  go: {kind: formula, formula: account.total_wallet_balance > least + 1.000 USD}
  word: {kind: formula, formula: GO if go else NO}
  number: {kind: formula, unit: count, formula: most + 1 + day.more}
  day:
    kind: table
    of: weekday(as_of)
    rows: [{name: FREE, is: [Saturday, SUNDAY], more: 1}]
    otherwise: {name: WORK, more: 0}
"""


@pytest.fixture
def then(tmp_path, monkeypatch):
    """The log of a policy that the checker of its time took."""
    (tmp_path / "then").mkdir()
    (tmp_path / "then" / "policy.yaml").write_text(THEN)
    with monkeypatch.context() as patched:
        patched.setattr("rulecap.policy.checks.decisions.check_fallbacks", lambda *_: None)
        patched.setattr("rulecap.policy.check.check_rows", lambda *_: None)
        for room in ("language.literals", "language.grammar", "policy.checks.parameters"):
            patched.setattr(f"rulecap.{room}.either", lambda *_: None)
        parse.cache_clear()
        policy = load_policy(tmp_path / "then")
        with open_ledger(url_of(tmp_path / "log.sqlite3")) as ledger:
            for given in (snapshot(1), snapshot(2), "no snapshot"):
                assert ledger.evaluate(policy, given).record_id
    parse.cache_clear()
    return tmp_path / "log.sqlite3"


def test_what_a_policy_decided_that_would_be_refused_now_replays_by_the_rules_of_its_time(then):
    with pytest.raises(PolicyError) as refused:
        load_policy(then.parent / "then")
    assert len(refused.value.problems) == 6
    assert differing(then) == []
    with open_log(url_of(then)) as log:
        fields = [stored.record.fields for stored in log.stored()]
        policy = log.policy(fields[0]["policy"]["digest"])
    assert [one["outputs"] for one in fields[1:]] == [
        {"go": True, "word": "GO", "number": 2},
        {"go": "NEVER", "word": 5.0, "number": 0},
    ]
    assert [str(one) for one in policy.warnings] == [str(one) for one in refused.value.problems]
    for given in (snapshot(1), "no snapshot"):
        assert policy.evaluate(given).outputs == policy.reference(given).outputs


def test_nothing_is_decided_anew_by_the_rules_of_another_time(then):
    with open_log(url_of(then)) as log:
        files = log.policy_files(next(iter(log.policy_digests())))
    with pytest.raises(PolicyError):
        policy_from_files(files)


@pytest.mark.parametrize("fault", ["least +", "lost", "5x + least"])
def test_a_policy_that_was_none_at_any_time_is_none(tmp_path, fault):
    text = THEN.replace("least + 1.000 USD", fault).encode()
    with pytest.raises(PolicyError):
        policy_on_record({"policy.yaml": text})


def test_an_amount_without_its_unit_never_was_one(tmp_path):
    """That its point may stand between thousands is said of it too, and is no fault of late."""
    text = THEN.replace("{value: 1.500 USD}", "{value: 1.500, unit: USD}")
    with pytest.raises(PolicyError, match="may be read as 1500 USD"):
        policy_on_record({"policy.yaml": text.encode()})
