"""Logs that earlier versions of rulecap wrote: proven, computed again to the byte, read, and gone on with."""

from pathlib import Path
from typing import Any

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from rulecap.version import __version__
from tests.audit.independent import verdict
from tests.audit.kept import LOGS, QUESTIONS, written
from tests.audit.sample import NEW, OLD, url_of

VERSIONS = sorted(place.stem for place in LOGS.glob("*.sql"))


@pytest.fixture(params=VERSIONS)
def kept(request, tmp_path) -> tuple[Path, str]:
    """A log file as a version wrote it, and a checkpoint of it."""
    path = tmp_path / "log.sqlite3"
    return path, written(request.param, path)


def test_there_is_a_log_of_this_version():
    assert __version__ in VERSIONS, "write it: python -m tests.audit.kept"


def test_it_is_proven_with_the_first_key_and_the_checkpoint_alone(kept):
    path, checkpoint = kept
    with open_log(url_of(path)) as log:
        report = verify(log, [OLD.verifier], [checkpoint])
        assert (report.findings, report.signed_by) == ((), (NEW.name,))
        bodies = [stored.record.body for stored in log.stored()]
    assert verdict(bodies, checkpoint, NEW.verifier.to_text()) == "ok"


def test_every_decision_comes_out_as_it_was_recorded(kept):
    path, _ = kept
    with open_log(url_of(path)) as log:
        records = [stored.record for stored in log.stored()]
        assert len(records) > QUESTIONS
        differ = {one.seq: replayed(one, log.policy(one.fields["policy"]["digest"])) for one in records}
    assert {seq: found for seq, found in differ.items() if found} == {}


def test_it_is_gone_on_with(kept, tmp_path):
    path, checkpoint = kept
    with open_log(url_of(path)) as log:
        first = log.record(1)
        policy = log.policy(first.fields["policy"]["digest"])
    with open_ledger(url_of(path), NEW, create=False) as ledger:
        again = ledger.evaluate(policy, first.fields["snapshot"], "position")
    assert again.outputs == first.fields["outputs"]
    with open_log(url_of(path)) as log:
        assert verify(log, [OLD.verifier], [checkpoint]).findings == ()


def test_it_says_something_of_every_kind_of_rule_and_of_refusals(kept):
    path, _ = kept
    with open_log(url_of(path)) as log:
        fields = [stored.record.fields for stored in log.stored()]
    assert lacking(fields) == []


def lacking(fields: list[dict[str, Any]]) -> list[str]:
    """Return what no record says."""
    outputs = [one["outputs"] for one in fields]
    names = ("reasons", "adjustments", "slices", "worst", "liquidation", "numbers", "shares", "close")
    said = {name for name in names if any(one.get(name) for one in outputs)}
    said |= {one["verdict"] for one in fields}
    said |= {name for one in fields if one["next_memory"] for name, value in one["next_memory"].items() if value}
    said |= {problem["code"] for one in fields for problem in one["problems"]}
    return [
        name for name in (*names, "ENTER", "WAIT", "REJECT", "tripped", "missing-field", "not-json") if name not in said
    ]


def test_of_records_from_before_they_said_who_asked_nobody_was_named(tmp_path):
    path = tmp_path / "log.sqlite3"
    written("0.1.0-before-asked-by", path)
    with open_log(url_of(path)) as log:
        records = [stored.record for stored in log.stored()]
    assert {one.fields["asked_by"] for one in records} == {None}
    assert not [one.seq for one in records if b'"asked_by"' in one.body]
