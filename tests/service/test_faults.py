"""A venue, a log or a policy that fails: entries fail closed and say why, reductions go on, and it mends by itself."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from rulecap import PolicyError
from rulecap.audit.clock import now
from rulecap.service import in_force
from rulecap.service import view as view_module
from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from rulecap.service.sources import Lacking, SourceError
from tests.service.conftest import ROOT
from tests.service.test_keys import wait
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED

POSITION = "/api/capital/recommendation/position"
REDUCTION = {"symbol": "SOLUSDT", "side": "SELL", "reduce_only": True}
DOWN = SourceError("venue-down", "the venue does not answer")


def overlay_of(name, version, change="better_by.value: 11"):
    """Return the text of a policy that is the default one but for a number."""
    head = f"language: 1\nextends: default\npolicy: {name}\nversion: {version}\ntitle: A desk\nwhy: For a test.\n"
    return f"{head}set:\n  {change}\n"


@pytest.fixture
def late(served, monkeypatch):
    """Return a client, and what lets time pass for the view alone."""
    client = served(refresh_seconds=3600.0, oldest_seconds=300.0)
    view = client.app.state.service.desk.view

    def pass_time(seconds):
        monkeypatch.setattr(view, "_clock", lambda: now() + timedelta(seconds=seconds))

    return client, pass_time


def test_a_venue_that_never_answered_is_told(served, told):
    told.failure = DOWN
    client = served(refresh_seconds=0.05)
    refused(client.get("/api/capital/state"), 503, "venue-down")
    refused(client.post(POSITION, json=SPECIFIED), 503, "venue-down")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "no-snapshot")
    assert client.get("/health").status_code == 200
    told.failure = None
    wait(lambda: client.get("/ready").status_code == 200)
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"


def test_old_figures_show_their_age_and_reject_entries_by_the_policy(late):
    client, pass_time = late
    pass_time(90)
    told = client.get("/api/capital/state").json()
    assert told["snapshot_age_seconds"] >= 90
    answer = client.post(POSITION, json=SPECIFIED).json()
    assert answer["recommendation"] == "REJECT"
    assert "old, more than 60 s" in answer["reason"]
    assert client.post(POSITION, json=REDUCTION).json()["recommendation"] == "ENTER"


def test_that_the_policy_finds_figures_old_is_told_before_the_service_does(late):
    client, pass_time = late
    assert (client.get("/ready").json()["status"], client.get("/ready").json()["warnings"]) == ("ok", [])
    for seconds, status, statuses in ((55, 200, "ok"), (90, 200, "degraded"), (301, 503, "failing")):
        pass_time(seconds)
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (status, statuses)
        entered = client.post(POSITION, json=SPECIFIED).json()["recommendation"]
        assert (entered == "ENTER") is (statuses == "ok")
        (warning,) = ready.json()["warnings"] if status == 200 and seconds > 60 else [None]
        if warning is not None:
            assert (warning["code"], "60 s" in warning["detail"]) == ("snapshot-stale", True)
    assert ready.json()["warnings"] == []  # the reason says it


def test_figures_that_are_too_old_answer_reductions_alone(late, told):
    client, pass_time = late
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"
    told.failure = DOWN
    pass_time(301)
    refused(client.get("/api/capital/state"), 503, "snapshot-too-old")
    answer = client.post(POSITION, json=SPECIFIED).json()
    assert answer["recommendation"] == "REJECT"
    assert client.post(POSITION, json=REDUCTION).json()["quantity"] == 40.0
    assert client.get("/api/capital/margin/status").json()["zone"] == "GREEN_ZONE"
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "snapshot-too-old")


def test_a_clock_that_is_set_back_makes_no_figures_young(late, monkeypatch):
    client, pass_time = late
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"
    steady = view_module._moment
    monkeypatch.setattr(view_module, "_moment", lambda: steady() + 301)
    pass_time(-3600)
    answer = client.post(POSITION, json=SPECIFIED).json()
    assert (answer["recommendation"], 301 <= answer["snapshot_age_seconds"] < 400) == ("REJECT", True)
    assert client.get("/ready").json()["reasons"][0]["code"] == "snapshot-too-old"


def test_a_policy_that_minds_no_age_is_not_asked_about_old_figures(served, told, tmp_path, monkeypatch):
    overlay = tmp_path / "careless.yaml"
    overlay.write_text(overlay_of("careless", "1.0.0", "oldest_snapshot.value: 86400s"))
    client = served(refresh_seconds=3600.0, policy=str(overlay))
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"
    view = client.app.state.service.desk.view
    monkeypatch.setattr(view, "_clock", lambda: now() + timedelta(seconds=301))
    answer = client.post(POSITION, json=SPECIFIED).json()
    assert (answer["recommendation"], answer["problems"][0]["code"]) == ("REJECT", "snapshot-too-old")
    assert answer["decision_id"] is None


def test_a_market_that_cannot_be_read_is_not_entered_but_left(served, told):
    client = served(refresh_seconds=3600.0)
    told.failure = DOWN
    answer = client.post(POSITION, json={**SPECIFIED, "symbol": "SOLUSDT"}).json()
    assert answer["recommendation"] == "REJECT"
    assert "venue-down" in {one["code"] for one in answer["problems"]}
    assert client.post(POSITION, json=REDUCTION).json()["quantity"] == 40.0
    refused(client.post(POSITION, json=SPECIFIED), 503, "venue-down")  # no position tells of this market


def test_the_account_is_read_by_one_task_whoever_asks(served, told):
    client = served(refresh_seconds=3600.0)
    for _ in range(20):
        client.get("/api/capital/state")
        client.post(POSITION, json=SPECIFIED)
    assert told.asked == {"account": 1, "BTCUSDT": 1}


def test_questions_about_one_reading_are_recorded_once(served):
    client = served(refresh_seconds=3600.0)
    ids = {client.get("/api/capital/state").json()["decision_id"] for _ in range(5)}
    assert len(ids) == 1


def test_what_alarms_count_is_there_before_it_happens(served):
    text = served().get("/metrics").text  # of a series that begins with 1, Prometheus sees no increase
    assert 'rulecap_unlogged_total{decision="position"} 0.0' in text
    assert 'rulecap_policy_reloads_total{outcome="refused"} 0.0' in text


def test_a_log_that_cannot_be_written_refuses_entries_and_answers_reductions(served, tmp_path, caplog):
    client = served(refresh_seconds=3600.0, record_seconds=3600.0)
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"
    with closing(sqlite3.connect(tmp_path / "log.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post(POSITION, json=SPECIFIED).json()
        assert (answer["recommendation"], answer["decision_id"]) == ("REJECT", None)
        assert [one["code"] for one in answer["problems"]] == ["unlogged"]
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "log-locked")
        reduced = client.post(POSITION, json=REDUCTION).json()
        assert (reduced["recommendation"], reduced["problems"][0]["severity"]) == ("ENTER", "warning")
        lines = [one for one in caplog.records if one.message == "answered without a record"]
        (told,) = [one for one in lines if one.decision == "position"]  # the service may look at its own as well
        assert (told.code, told.verdict, told.account) == ("unlogged", "ENTER", "demo")
        assert (told.as_of, told.asked_by) == (reduced["as_of"], None)
        refused(client.get("/api/capital/allocation/multi-tier"), 503, "unlogged")
        assert "rulecap_audit_failing 1.0" in client.get("/metrics").text
        other.execute("ROLLBACK")
    assert client.post(POSITION, json=SPECIFIED).json()["recommendation"] == "ENTER"
    assert client.get("/ready").status_code == 200


def test_a_bad_edit_leaves_the_last_good_policy_in_force_and_says_so(served, tmp_path, caplog):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    first = client.get("/api/policy").json()
    overlay.write_text(overlay_of("desk", "1.0.1", "nothing.value: 1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["policy"]["digest"] == first["digest"]
    assert ready.json()["policy"]["edit_problems"]
    assert client.post(POSITION, json=SPECIFIED).json()["policy_digest"] == first["digest"]
    assert 'rulecap_policy_reloads_total{outcome="refused"} 1.0' in client.get("/metrics").text
    assert "rulecap_policy_edit_refused 1.0" in client.get("/metrics").text
    assert "stays in force" in caplog.text
    overlay.write_text(overlay_of("desk", "1.0.2"))
    wait(lambda: client.get("/api/policy").json()["version"] == "1.0.2")
    assert client.get("/ready").json()["status"] == "ok"
    assert client.post(POSITION, json=SPECIFIED).json()["policy_digest"] != first["digest"]


def test_an_edit_is_taken_at_once_where_that_is_asked_for(served, tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=3600.0)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    assert client.post("/api/policy/reload").json()["version"] == "1.0.1"
    overlay.write_text("language: 1\n")
    refused(client.post("/api/policy/reload"), 409, "bad-policy")


def test_of_two_edits_that_are_read_at_once_the_later_one_stays_in_force(tmp_path, monkeypatch):
    """Asked for while the look that found an earlier edit goes through that one's tests."""
    overlay, going, go_on = tmp_path / "desk.yaml", threading.Event(), threading.Event()
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))

    def slowly(taken, where):
        if taken.version == "1.0.1":
            going.set()
            go_on.wait(60)
        return {"passed": 0, "failed": 0, "failures": []}

    monkeypatch.setattr(in_force, "tested", slowly)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    first = threading.Thread(target=policy.reload)
    first.start()
    going.wait(60)
    overlay.write_text(overlay_of("desk", "1.0.2"))
    second = threading.Thread(target=policy.reload)
    second.start()
    second.join(0.3)  # it is done by then, or waits for the first
    go_on.set()
    first.join()
    second.join()
    assert (policy.policy.version, policy.edited()) == ("1.0.2", False)


def test_what_is_asked_of_part_of_an_account_goes_on_no_record_though_all_of_it_is_read_meanwhile(late):
    client, _ = late
    desk, view = client.app.state.service.desk, client.app.state.service.desk.view
    whole = view.account

    async def asked_meanwhile():
        view.account = replace(whole, lacking=Lacking(None, SourceError("deposits-unknown", "no answer")))
        asking = asyncio.create_task(desk.about_account("margin"))
        await asyncio.sleep(0)  # it has taken the snapshot, and decides next
        view.account = whole
        return await asking

    assert client.portal.call(asked_meanwhile)["decision_id"] is None
    assert client.get("/api/capital/margin/status").json()["decision_id"] is not None


def test_a_key_is_answered_as_any_other_while_nothing_is_recorded_and_has_its_first_answer_again_then(late):
    client, pass_time = late
    key, view = {"Idempotency-Key": "order 4711"}, client.app.state.service.desk.view
    first, whole = client.post(POSITION, json=SPECIFIED, headers=key), view.account
    view.account = replace(whole, lacking=Lacking(None, SourceError("deposits-unknown", "no answer")))
    meanwhile = client.post(POSITION, json=SPECIFIED, headers=key).json()
    assert (meanwhile["recommendation"], meanwhile["decision_id"]) == ("REJECT", None)
    view.account = whole
    pass_time(400)  # of when its figures were, the answer says
    assert client.post(POSITION, json=SPECIFIED, headers=key).content == first.content


def test_what_is_answered_of_part_of_an_account_is_counted_and_told_as_any_other_that_is_on_no_record(late, caplog):
    client, _ = late
    view = client.app.state.service.desk.view
    view.account = replace(view.account, lacking=Lacking(None, SourceError("deposits-unknown", "no answer")))
    assert client.post(POSITION, json=SPECIFIED).json()["decision_id"] is None
    reduced = client.post(POSITION, json=REDUCTION).json()
    lines = [one for one in caplog.records if one.message == "answered without a record"]
    (told,) = [one for one in lines if one.decision == "position"]  # what is watched may have been asked as well
    assert (told.code, told.verdict) == ("deposits-unknown", "ENTER")
    assert (told.account, told.as_of) == ("demo", reduced["as_of"])
    assert 'rulecap_unlogged_total{decision="position"} 2.0' in client.get("/metrics").text


def test_an_entry_that_is_rejected_for_old_figures_is_counted_as_any_other_that_is_on_no_record(late, monkeypatch):
    """Else no series has it: neither the decisions on record, nor those on none."""
    client, pass_time = late
    monkeypatch.setattr(client.app.state.service.desk, "_oldest", 30.0)  # the policy itself would say nothing yet
    pass_time(31)
    assert client.post(POSITION, json=SPECIFIED).json()["decision_id"] is None
    refused(client.get("/api/capital/allocation/multi-tier"), 503, "snapshot-too-old")
    assert client.post(POSITION, json=REDUCTION).json()["decision_id"] is not None
    text = client.get("/metrics").text
    assert 'rulecap_unlogged_total{decision="position"} 1.0' in text
    assert 'rulecap_unlogged_total{decision="multi_tier"} 1.0' in text


def test_the_zone_that_alarms_look_at_is_the_latest_also_where_it_is_on_no_record(late):
    client, _ = late
    view = client.app.state.service.desk.view
    assert client.get("/api/capital/margin/status").json()["zone"] == "GREEN_ZONE"
    client.get("/api/capital/drawdown/status")
    account = view.account.account.model_copy(update={"margin_used": 4600.0, "available_balance": 400.0})
    lacking = Lacking(None, SourceError("deposits-unknown", "no answer"))
    view.account = replace(view.account, account=account, lacking=lacking)
    view._base = view_module._composed(view.account, None)
    assert client.get("/api/capital/margin/status").json()["zone"] == "RED_ZONE"
    refused(client.get("/api/capital/drawdown/status"), 503, "deposits-unknown")
    text = client.get("/metrics").text
    assert 'rulecap_verdict{decision="margin",verdict="RED_ZONE"} 1.0' in text
    assert 'rulecap_verdict{decision="margin",verdict="GREEN_ZONE"} 0.0' in text
    assert 'rulecap_verdict{decision="drawdown",verdict="NORMAL"} 1.0' in text
    assert 'rulecap_decisions_total{decision="margin",verdict="RED_ZONE"}' not in text


FAILING = "tests:\n  - name: {name}\n    decision: state\n    expect: {{band: {band}}}\n"


def metric(client, name):
    return next(line.split()[1] for line in client.get("/metrics").text.splitlines() if line.startswith(name + " "))


def test_that_a_bad_edit_is_taken_back_is_told_in_the_log_too(served, tmp_path, caplog):
    caplog.set_level("INFO", logger="rulecap")
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    overlay.write_text("language: [")
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    overlay.write_text(overlay_of("desk", "1.0.0"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "none")
    assert "in force again" in caplog.text


def test_an_edit_that_fails_its_own_tests_is_a_bad_edit(served, tmp_path):
    overlay, tests = tmp_path / "desk.yaml", tmp_path / "tests" / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    tests.parent.mkdir()
    (tmp_path / "tests" / "calm.json").write_bytes((ROOT / "policies/default/tests/calm.json").read_bytes())
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="LARGE"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    first = client.get("/api/policy").json()
    assert (first["tests"]["passed"], metric(client, "rulecap_policy_tests_failing")) == (1, "0.0")
    # The tests alone are edited: the policy is as it was, and they fail.
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="SMALL"))
    wait(lambda: client.get("/ready").json()["policy"]["tests_failed"] == 1)
    assert (client.get("/ready").json()["status"], client.get("/ready").json()["policy"]["edit"]) == (
        "degraded",
        "none",
    )
    assert metric(client, "rulecap_policy_tests_failing") == "1.0"
    # Now the policy is edited, and does not do what its tests say.
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    told = client.get("/ready").json()
    assert (told["status"], told["policy"]["digest"]) == ("degraded", first["digest"])
    assert [one["code"] for one in told["policy"]["edit_problems"]] == ["tests-fail"]
    assert metric(client, "rulecap_policy_edit_refused") == "1.0"
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="LARGE"))
    wait(lambda: client.get("/api/policy").json()["version"] == "1.0.1")
    assert client.get("/ready").json()["status"] == "ok"


def test_of_many_tests_that_an_edit_fails_the_first_are_told_and_how_many_more(served, tmp_path, caplog):
    """A load balancer asks every second, and an edit may fail thousands."""
    overlay, tests = tmp_path / "desk.yaml", tmp_path / "tests" / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    tests.parent.mkdir()
    (tmp_path / "tests" / "calm.json").write_bytes((ROOT / "policies/default/tests/calm.json").read_bytes())
    each = (FAILING.partition("\n")[2].format(name=f"number {n}", band="SMALL") for n in range(25))
    tests.write_text("snapshot: calm.json\ntests:\n" + "".join(each))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    told = client.get("/ready").json()["policy"]["edit_problems"]
    assert [one["code"] for one in told] == ["tests-fail"] * 10 + ["too-many"]
    assert told[-1]["message"] == "and 15 more problems"
    wait(lambda: "stays in force" in caplog.text)
    (said,) = [one.getMessage() for one in caplog.records if "stays in force" in one.getMessage()]
    assert said.endswith("fails, and 24 more")
    whole = client.post("/api/policy/reload").json()["errors"]
    assert len(whole) == 25


def test_an_output_that_would_hide_a_part_of_each_answer_is_refused(tmp_path):
    text = """\
language: 1
policy: hiding
version: 1.0.0
title: Hiding
decisions:
  asked: {title: Asked, outputs: {as_of: as_of, said: account.id}, on_error: {as_of: none, said: none}}
rules: {}
"""
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(PolicyError, match=r"the output as_of of the decision asked would hide") as raised:
        in_force.PolicyInForce(str(tmp_path))
    assert [one.code for one in raised.value.problems] == ["reserved-output"]


def test_half_an_edit_that_is_a_policy_too_is_not_taken(tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    assert not policy.rested()
    overlay.write_text(overlay_of("desk", "1.0.2"))
    assert not policy.rested()
    assert policy.rested()
    assert policy.reload()
    assert (policy.policy.version, policy.rested()) == ("1.0.2", False)


def test_files_that_change_while_they_are_read_are_read_again(tmp_path, monkeypatch):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    read = in_force.read

    def meanwhile(where):
        found = read(where)
        if found.version == "1.0.1":
            overlay.write_text(overlay_of("desk", "1.0.2"))
        return found

    monkeypatch.setattr(in_force, "read", meanwhile)
    assert policy.reload()
    assert (policy.policy.version, policy.edited()) == ("1.0.2", False)


def test_what_nobody_foresaw_in_an_edit_is_told_as_one_that_is_refused(served, tmp_path, monkeypatch):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)

    def unforeseen(where):
        raise RuntimeError("a figure: 5000")

    monkeypatch.setattr(in_force, "read", unforeseen)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    assert client.get("/ready").json()["policy"]["edit_problems"][0]["code"] == "internal"
    refused(client.post("/api/policy/reload"), 409, "bad-policy")


def test_without_an_account_the_metrics_tell_of_a_bad_edit_too(tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    settings = read_settings(policy=str(overlay), reload_seconds=0.02)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert metric(client, "rulecap_snapshot_age_seconds") == "NaN"
        overlay.write_text("language: [")
        wait(lambda: metric(client, "rulecap_policy_edit_refused") == "1.0")


def test_a_folder_that_may_not_be_read_any_more_is_a_bad_edit(tmp_path, monkeypatch):
    """Looking for the policy in it fails then, and not only reading it; the monitor goes on with the last good one."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))

    def denied(where):
        raise PermissionError(13, "Permission denied", str(where))

    for name in ("find_policy", "case_files", "load_policy"):
        monkeypatch.setattr(in_force, name, denied)
    assert policy.edited()
    assert not policy.reload()
    assert [one.code for one in policy.failure.problems] == ["unreadable-policy"]
    monkeypatch.undo()
    assert (policy.edited(), policy.reload(), policy.failure) == (True, True, None)


def test_an_edit_that_may_be_read_only_later_is_read_then(tmp_path, monkeypatch):
    """Who may read a file is no part of it: it can be given when nothing else of the file changes any more."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    overlay.chmod(0o000)

    def denied(where):
        raise PermissionError(13, "Permission denied", str(where))

    with monkeypatch.context() as patched:  # the tests' own user may read everything
        patched.setattr(in_force, "load_policy", denied)
        assert not policy.reload()
    overlay.chmod(0o600)
    assert policy.edited()
    assert (policy.reload(), policy.policy.version) == (True, "1.0.1")
