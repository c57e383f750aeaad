"""A venue or a log that fails: entries fail closed and say why, reductions go on, and it mends by itself."""

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from rulecap.audit.clock import now
from rulecap.service import view as view_module
from rulecap.service.sources import Lacking, SourceError
from tests.service.steps import POSITION, overlay_of, wait
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED

REDUCTION = {"symbol": "SOLUSDT", "side": "SELL", "reduce_only": True}
NEEDS_POSIX = pytest.mark.skipif(os.name != "posix", reason="no socket is handed to another process here")
DOWN = SourceError("venue-down", "the venue does not answer")


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
    steady = view_module.moment
    monkeypatch.setattr(view_module, "moment", lambda: steady() + 301)
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
    caplog.set_level("INFO", logger="rulecap")
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
    # Why it was is told once, by its code, and when it is over: /ready has forgotten it by then.
    (why,) = [one for one in caplog.records if getattr(one, "code", None) == "log-locked"]
    assert (why.levelname, why.getMessage().startswith("nothing can be recorded: ")) == ("ERROR", True)
    assert [one.levelname for one in caplog.records if one.message == "decisions are recorded again"] == ["INFO"]


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


def at_rest(served, **given):
    """Return a client of a service that has recorded what it does by itself, and is asked nothing more."""
    client = served(refresh_seconds=3600.0, record_seconds=3600.0, reload_seconds=0.02, **given)
    watched = len(client.app.state.service.in_force.policy.watched)
    wait(lambda: len(client.get("/api/decisions", params={"asked_by": "serve"}).json()["decisions"]) == watched)
    return client, client.post(POSITION, json=SPECIFIED).json()["decision_id"]


@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=[NEEDS_POSIX])])
def test_a_log_that_is_gone_is_told_though_nobody_asks(served, tmp_path, caplog, apart):
    client, first = at_rest(served, apart=apart)
    file, aside = tmp_path / "log.sqlite3", tmp_path / "aside"
    file.rename(aside)
    wait(lambda: client.get("/ready").status_code == 503)
    assert client.get("/ready").json()["reasons"][0]["code"] == "log-gone"
    assert "rulecap_audit_failing 1.0" in client.get("/metrics").text
    assert [one.code for one in caplog.records if one.message.startswith("nothing can be recorded")] == ["log-gone"]
    aside.rename(file)
    again = client.post(POSITION, json=SPECIFIED).json()  # which alone tells that it can be written
    assert again["decision_id"].partition("-")[0] == first.partition("-")[0]
    assert client.get("/ready").status_code == 200


@NEEDS_POSIX
def test_a_process_of_the_log_s_that_ended_is_replaced_though_nobody_asks(served, caplog):
    client, first = at_rest(served, apart=True)
    ledger = client.app.state.service.recorder.ledger
    before = ledger._scribe._process
    before.kill()
    wait(lambda: ledger._scribe is not None and ledger._scribe._process is not before and ledger._scribe.listens)
    assert [one.code for one in caplog.records if one.levelname == "ERROR"] == ["log-process"]
    again = client.post(POSITION, json=SPECIFIED).json()
    assert again["decision_id"].partition("-")[0] == first.partition("-")[0]
