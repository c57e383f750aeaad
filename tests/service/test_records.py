"""The log over HTTP: every answer on record once, the same key the same answer, pages, and events."""

import asyncio
import re
import threading

import pytest

from rulecap.audit import open_log
from rulecap.audit.verify import verify
from rulecap.service.events import MOST_WAITING, Event, Events
from rulecap.service.reading import Reader
from tests.patience import patience
from tests.service.conftest import snapshot_of
from tests.service.steps import POSITION
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED


def test_the_same_key_gets_the_same_answer_to_the_byte(served, tmp_path):
    client = served(refresh_seconds=0.01)
    key = {"Idempotency-Key": "order 4711"}
    first = client.post(POSITION, json=SPECIFIED, headers=key)
    again = client.post(POSITION, json=dict(reversed(SPECIFIED.items())), headers=key)
    assert again.content == first.content
    other = client.post(POSITION, json={**SPECIFIED, "win_rate": 0.6}, headers=key)
    refused(other, 422, "idempotency-conflict")
    fresh = client.post(POSITION, json=SPECIFIED, headers={"Idempotency-Key": "order 4712"})
    assert fresh.json()["decision_id"] != first.json()["decision_id"]


def test_the_same_key_gets_the_same_answer_after_another_policy_came_into_force(served, tmp_path):
    from tests.service.steps import overlay_of

    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=3600.0)
    key = {"Idempotency-Key": "a"}
    first = client.post(POSITION, json=SPECIFIED, headers=key)
    overlay.write_text(overlay_of("desk", "1.0.1", "most_risk.value: 1%"))
    assert client.post("/api/policy/reload").status_code == 200
    assert client.post(POSITION, json=SPECIFIED, headers=key).content == first.content


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(client, key):
    refused(client.post(POSITION, json=SPECIFIED, headers={"Idempotency-Key": key}), 400, "bad-idempotency-key")


def test_what_is_answered_is_what_is_on_record_and_the_log_verifies(served, tmp_path):
    client = served()
    answer = client.post(POSITION, json=SPECIFIED).json()
    record = client.get(f"/api/decisions/{answer['decision_id']}").json()
    assert record["outputs"] == {name: answer[name] for name in record["outputs"]}
    assert record["snapshot"]["signal"]["score"] == 75
    assert record["snapshot"]["age_seconds"] == answer["snapshot_age_seconds"]
    explained = client.get(f"/api/decisions/{answer['decision_id']}?trace=true").json()
    assert {step["rule"] for step in explained["trace"]} >= {"band", "zone"}
    with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
        assert not verify(log).findings


def test_pages_go_through_all_that_is_selected(served):
    client = served(refresh_seconds=3600.0, record_seconds=3600.0)
    made = [client.post(POSITION, json=SPECIFIED).json()["decision_id"] for _ in range(5)]
    found, after = [], ""
    while after is not None:
        page = client.get(f"/api/decisions?decision=position&limit=2{after and f'&after={after}'}").json()
        found += [one["id"] for one in page["decisions"]]
        after = page["next"]
    assert found == made[::-1]
    assert [one["id"] for one in client.get("/api/decisions?verdict=ENTER&oldest=true").json()["decisions"]] == made
    assert client.get("/api/decisions?decision=nothing").json() == {"decisions": [], "next": None}
    assert client.get("/api/decisions?until=2020-01-01T00:00:00Z").json()["decisions"] == []
    refused(client.get("/api/decisions?since=2020-01-01T00:00:00"), 422, "bad-time")
    refused(client.get("/api/decisions?since=0.5"), 422, "bad-time")
    refused(client.get("/api/decisions?limit=0"), 422, "greater-than-equal")


def test_a_whole_snapshot_is_decided_and_nothing_is_recorded(served):
    client = served(refresh_seconds=3600.0, record_seconds=3600.0)
    before = client.get("/api/decisions?decision=position").json()
    told = client.post("/api/evaluate/position?trace=true", json=snapshot_of("sushi_recorded")).json()
    assert (told["recommendation"], told["decision_id"]) == ("CAUTION", None)
    assert told["trace"]
    assert client.get("/api/decisions?decision=position").json() == before


def test_without_an_account_only_what_if_questions_are_answered(tmp_path):
    from starlette.testclient import TestClient

    from rulecap.service.app import create_app
    from rulecap.service.settings import read_settings

    with TestClient(create_app(read_settings(apart=False)), base_url="http://localhost") as client:
        assert client.post("/api/evaluate/position", json=snapshot_of("sushi_recorded")).status_code == 200
        told = refused(client.get("/api/capital/state"), 503, "no-account")
        assert "--demo" in told["detail"]
        refused(client.get("/api/decisions"), 503, "no-log")
        assert client.get("/ready").status_code == 200


def test_the_policy_is_told_with_its_text_and_tests(client):
    told = client.get("/api/policy").json()
    assert told["files"]["margin.yaml"].startswith("title:")
    assert (told["tests"]["failed"], told["tests"]["passed"] > 100) == (0, True)
    assert "position" in told["decisions"]


def test_figures_for_prometheus(served):
    client = served(refresh_seconds=3600.0, record_seconds=3600.0)
    client.post(POSITION, json=SPECIFIED)
    client.get("/api/capital/margin/status")
    client.get("/api/capital/drawdown/status")
    text = client.get("/metrics").text
    for line in (
        'rulecap_decisions_total{decision="position",verdict="ENTER"} 1.0',
        'rulecap_verdict{decision="margin",verdict="GREEN_ZONE"} 1.0',
        'rulecap_verdict{decision="drawdown",verdict="NORMAL"} 1.0',
        'rulecap_audit_lag_seconds_count{decision="position"} 1.0',
        f'rulecap_request_seconds_count{{method="POST",route="{POSITION}",status="200"}} 1.0',
        "rulecap_audit_failing 0.0",
        "rulecap_source_failing 0.0",
    ):
        assert line in text
    assert "rulecap_snapshot_age_seconds" in text
    assert "demo" not in text  # the account's name
    labels = {label for line in text.splitlines() for label in re.findall(r'(\w+)="', line)}
    assert labels == {"decision", "verdict", "method", "route", "status", "le", "name", "version", "digest", "outcome"}


def test_who_reads_slowly_is_let_go_with_everything_that_was_told_in_order():
    async def slow():
        events = Events()
        stream = events.listen()
        await anext(stream)
        for number in range(MOST_WAITING + 5):
            events.publish(Event("decision", str(number), {}))
        return [text async for text in stream]

    told = asyncio.run(slow())
    assert [int(text.split(b"id: ")[1].split(b"\n")[0]) for text in told] == list(range(MOST_WAITING))


def test_however_many_read_the_log_policy_and_keys_and_the_log_s_process_are_seen_to(monkeypatch):
    """Those have threads of their own: a key that is revoked does not count for as long as whoever has it reads."""
    over, reader = threading.Event(), Reader("sqlite:///nothing.sqlite3")
    monkeypatch.setattr(reader, "_ask", lambda _: over.wait(600))

    async def ask():
        reading = [asyncio.create_task(reader.head()) for _ in range(100)]
        await asyncio.sleep(0)
        try:
            return await asyncio.to_thread(lambda: "seen to")
        finally:
            over.set()
            await asyncio.gather(*reading)

    with patience(30):
        assert asyncio.run(ask()) == "seen to"


def test_one_who_listens_as_quickly_as_there_is_time_to_is_told_everything():
    """Two lots that come one soon after the other are more than may wait, and are told one after the other."""

    async def listen():
        events = Events()

        async def told_to():
            return [text async for text in events.listen()]

        listening = asyncio.create_task(told_to())
        for first in (0, MOST_WAITING):
            for _ in range(10):
                await asyncio.sleep(0)
            for number in range(first, first + MOST_WAITING):
                events.publish(Event("decision", f"log-{number}", {}))
        events.close()
        return len(await listening) - 1

    assert asyncio.run(listen()) == 2 * MOST_WAITING


PARITY = {"assets": [{"symbol": "BTC", "volatility_pct": 2.5}]}


def test_blanks_around_an_idempotency_key_are_no_part_of_it(client):
    first, again = (
        client.post(POSITION, json=SPECIFIED, headers={"Idempotency-Key": key}) for key in ("a b", " a b \t ")
    )
    assert again.json()["decision_id"] == first.json()["decision_id"]


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("position-size/kelly", {"win_rate": 0.6}, {"win_rate": 0.5}),
        ("position-size/kelly", {"win_rate": 0.6, "symbol": "BTCUSDT"}, {"win_rate": 0.6, "symbol": "ETHUSDT"}),
        ("allocation/risk-parity", PARITY, {"assets": [{"symbol": "BTC", "volatility_pct": 3.0}]}),
    ],
)
def test_every_question_that_goes_on_record_takes_an_idempotency_key(client, path, body, other):
    key = {"Idempotency-Key": f"order of {body}"}
    first = client.post(f"/api/capital/{path}", json=body, headers=key)
    again = client.post(f"/api/capital/{path}", json=body, headers=key)
    assert (first.status_code, first.content) == (200, again.content)
    refused(client.post(f"/api/capital/{path}", json=other, headers=key), 422, "idempotency-conflict")


def test_what_was_refused_under_a_key_is_refused_again(client):
    key, body = {"Idempotency-Key": "no such regime"}, {"win_rate": 0.6, "market_regime": "SIDEWAYS"}
    first = client.post("/api/capital/position-size/kelly", json=body, headers=key)
    again = client.post("/api/capital/position-size/kelly", json=body, headers=key)
    assert (first.status_code, first.json()) == (422, again.json())


def test_two_idempotency_keys_are_none(client):
    two = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    refused(client.post(POSITION, json=SPECIFIED, headers=two), 400, "bad-idempotency-key")
