"""What is not answered as asked: every refusal is a problem document with a code, in words, and at its place."""

import asyncio
import gzip
import json

import pytest

from rulecap.service.gate import Gate
from rulecap.service.limits import RateLimit
from rulecap.service.metrics import Metrics
from rulecap.service.sources import SourceError
from tests.service.told import SPECIFIED

POSITION, KELLY = "/api/capital/recommendation/position", "/api/capital/position-size/kelly"
PARITY = "/api/capital/allocation/risk-parity"
TWICE = """{"as_of": "2026-01-01T00:00:00Z", "account": {
  "id": "a", "total_wallet_balance": 5000, "available_balance": 4200, "margin_used": 800, "unrealized_pnl": 0,
  "margin_used": 0
}}"""


def refused(answer, status, code):
    """Return the problem document of an answer that is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["type"] == f"urn:rulecap:problem:{code}"
    assert told["detail"]
    return told


@pytest.mark.parametrize(
    ("path", "body", "code", "pointer"),
    [
        (POSITION, {**SPECIFIED, "leverage": 3}, "unknown-field", "/leverage"),
        (POSITION, {**SPECIFIED, "win_rate": 1.5}, "out-of-range", "/win_rate"),
        (POSITION, {**SPECIFIED, "win_rate": "0.5"}, "wrong-type", "/win_rate"),
        (POSITION, {**SPECIFIED, "signal_score": True}, "wrong-type", "/signal_score"),
        (POSITION, {**SPECIFIED, "side": "LONG"}, "out-of-range", "/side"),
        (POSITION, {**SPECIFIED, "trades": 1.5}, "wrong-type", "/trades"),
        (POSITION, {**SPECIFIED, "trades": "30"}, "wrong-type", "/trades"),
        (POSITION, {**SPECIFIED, "trades": -1.0}, "out-of-range", "/trades"),
        (POSITION, {"symbol": "BTCUSDT"}, "missing-field", "/signal_score"),
        (POSITION, {**SPECIFIED, "win_rate": None}, "missing-field", "/win_rate"),
        (POSITION, {name: SPECIFIED[name] for name in SPECIFIED if name != "symbol"}, "missing-field", "/symbol"),
        (POSITION, [], "wrong-type", ""),
        (KELLY, {}, "missing-field", "/win_rate"),
        (KELLY, {"win_rate": 0, "win_loss_ratio": 5e-324}, "undecided", None),
        (KELLY, {"win_rate": 0.5, "market_regime": "SIDEWAYS"}, "not-allowed", "/market_regime"),
        (PARITY, {"assets": []}, "out-of-range", "/assets"),
        (PARITY, {"assets": [{"symbol": "A", "volatility_pct": 0}]}, "out-of-range", "/assets/0/volatility_pct"),
        (PARITY, {"assets": [{"symbol": "A", "volatility_pct": 1}] * 2}, "duplicate-asset", "/assets/1/symbol"),
        (
            PARITY,
            {"assets": [{"symbol": "A", "volatility_pct": 1}], "correlation": [[0.5]]},
            "bad-correlation",
            "/correlation/0/0",
        ),
        (PARITY, {"assets": [{"symbol": "A", "volatility_pct": 1e-9}]}, "out-of-range", "/assets/0/volatility_pct"),
        ("/api/evaluate/state", {}, "missing-field", "/as_of"),
    ],
)
def test_a_malformed_body_is_refused_at_its_place(client, path, body, code, pointer):
    told = refused(client.post(path, json=body), 422, code)
    assert told["pointer"] == pointer
    assert told["errors"][0]["code"] == (code if code != "undecided" else "not-finite")


@pytest.mark.parametrize(
    ("path", "text", "pointer"),
    [
        (KELLY, '{"win_rate": 0.5, "win_rate": 0.6}', "/win_rate"),
        (PARITY, '{"assets": [{"symbol": "A", "volatility_pct": 1, "symbol": "B"}]}', "/assets/0/symbol"),
        ("/api/evaluate/state", TWICE, "/account/margin_used"),
    ],
)
def test_a_name_that_is_there_twice_is_refused_at_its_place(client, path, text, pointer):
    answer = client.post(path, content=text, headers={"content-type": "application/json"})
    assert refused(answer, 422, "duplicate-key")["pointer"] == pointer


@pytest.mark.parametrize("text", [b"", b"{", b'{"symbol": "BTCUSDT",}', b"\xff", b"[" * 10_000], ids=repr)
def test_what_is_no_json_is_refused(client, text):
    headers = {"content-type": "application/json"}
    refused(client.post(POSITION, content=text, headers=headers), 400, "not-json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(client, number):
    text = json.dumps({**SPECIFIED, "win_rate": 0.5}).replace("0.5", number)
    answer = client.post(POSITION, content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_finding_is_told_at_once(client):
    told = refused(client.post(POSITION, json={**SPECIFIED, "win_rate": 2, "a": 1, "b": 2}), 422, "out-of-range")
    assert {one["pointer"] for one in told["errors"]} == {"/win_rate", "/a", "/b"}


def test_a_body_that_is_not_json_by_its_own_word_is_refused(client):
    refused(client.post(POSITION, content=b"{}", headers={"content-type": "text/plain"}), 415, "not-json")


def test_a_body_that_is_compressed_is_said_to_be(client):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    told = refused(client.post(POSITION, content=gzip.compress(b"{}"), headers=headers), 415, "not-json")
    assert told["detail"] == "the body must be JSON as it is: send it without Content-Encoding"
    plain = {"content-type": "application/json", "content-encoding": "identity"}
    assert client.post(POSITION, content=json.dumps(SPECIFIED), headers=plain).status_code == 200


def test_an_unknown_market_is_not_found(client):
    refused(client.post(POSITION, json={**SPECIFIED, "symbol": "NOPEUSDT"}), 404, "unknown-symbol")
    refused(client.get("/api/capital/leverage/optimal/NOPEUSDT"), 404, "unknown-symbol")


@pytest.mark.parametrize("code", ["inverse-contract", "not-the-quote-currency", "not-supported"])
def test_a_market_of_a_kind_that_is_not_decided_on_is_the_askers_mistake(served, told, monkeypatch, code):
    """It is there, and asking again mends nothing: 503 says that it cannot be answered now."""

    async def symbol(name):
        raise SourceError(code, f"{name} is of another kind")

    monkeypatch.setattr(told, "symbol", symbol)
    client = served()
    refused(client.post(POSITION, json={**SPECIFIED, "symbol": "BTCUSD"}), 422, code)
    refused(client.get("/api/capital/leverage/optimal/BTCUSD"), 422, code)


def test_paths_methods_and_decisions_that_are_not_there(client):
    refused(client.get("/api/nothing"), 404, "not-found")
    refused(client.get("/api/capital/state/"), 404, "not-found")
    told = client.get(POSITION)
    refused(told, 405, "method-not-allowed")
    assert told.headers["allow"] == "POST"
    refused(client.post("/api/evaluate/nothing", json={}), 404, "unknown-decision")
    refused(client.get("/api/decisions/none-1"), 404, "unknown-record")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("history?hours=0", "greater-than"),
        ("history?hours=nan", "finite-number"),
        ("leverage/optimal/BTCUSDT?win_rate=2", "less-than-equal"),
        ("leverage/optimal/BTCUSDT?winrate=0.5", "unknown-field"),
        ("leverage/optimal/BTCUSDT?market_regime=SIDEWAYS", "not-allowed"),
    ],
)
def test_a_malformed_query_is_refused(client, query, code):
    refused(client.get(f"/api/capital/{query}"), 422, code)


def test_a_regime_that_the_policy_does_not_know_is_rejected_not_entered(client):
    answer = client.post(POSITION, json={**SPECIFIED, "market_regime": "SIDEWAYS"})
    told = answer.json()
    assert (answer.status_code, told["recommendation"], told["quantity"]) == (200, "REJECT", 0)
    assert [one["code"] for one in told["problems"]] == ["not-allowed"]
    assert told["decision_id"]


def test_a_body_that_is_too_large_is_refused_whatever_its_length_is_said_to_be(served):
    client = served(largest_body=2048)
    large = {**SPECIFIED, "symbol": "B" * 4096}
    refused(client.post(POSITION, json=large), 413, "too-large")
    chunks = (json.dumps(large)[at : at + 512].encode() for at in range(0, 4096, 512))
    headers = {"content-type": "application/json"}
    refused(client.post(POSITION, content=chunks, headers=headers), 413, "too-large")


def test_who_asks_too_often_is_told_when_to_ask_again(served):
    client = served(requests_per_second=0.01, burst=2)
    assert [client.get("/health").status_code for _ in range(2)] == [200, 200]
    answer = client.get("/health")
    refused(answer, 429, "too-many-requests")
    assert 0 < int(answer.headers["retry-after"]) <= 100


def test_what_goes_wrong_inside_is_told_without_its_text(client, monkeypatch, caplog):
    async def broken(*_):
        raise ValueError("the wallet has 5000.0")

    monkeypatch.setattr(client.app.state.service.desk, "about_account", broken)
    answer = client.get("/api/capital/state")
    refused(answer, 500, "internal")
    assert "ValueError" in caplog.text
    assert "5000" not in caplog.text + answer.text


@pytest.mark.parametrize("path", ["/api/capital/history", "/api/capital/analysis/complete"])
def test_a_misspelt_parameter_is_not_answered_with_the_default(client, path):
    refused(client.get(path, params={"hour": 1}), 422, "unknown-field")
    refused(client.get(path, params={"hours": "nan"}), 422, "finite-number")
    assert client.get(path, params={"hours": 1}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/capital/recommendation/position?reduce_only=true", "unknown-field"),
        ("GET", "/api/capital/state?account=other", "unknown-field"),
        ("GET", "/api/decisions/1?traces=true", "unknown-field"),
        ("POST", "/api/evaluate/scaling?traces=true", "unknown-field"),
        ("GET", "/api/events?last_event_id=5", "unknown-field"),
        ("GET", "/api/capital/leverage/optimal/BTCUSDT?win_rate=0.3&win_rate=0.9", "duplicate-key"),
        ("GET", "/api/capital/history?hours=24&hours=1", "duplicate-key"),
        ("GET", "/api/decisions?account=a&account=b", "duplicate-key"),
        ("GET", "/api/decisions/1?trace=false&trace=true", "duplicate-key"),
    ],
)
def test_what_a_query_may_not_have_or_has_twice_is_not_overlooked(client, method, path, code):
    body = {"json": SPECIFIED} if method == "POST" else {}
    told = refused(client.request(method, path, **body), 422, code)
    assert "in the query" in told["detail"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/api/capital/state", "/api/nothing"])
def test_a_head_is_a_get_without_what_it_answers(client, path):
    told, whole = client.head(path), client.get(path)
    assert told.status_code == whole.status_code
    assert told.content == b""
    assert told.headers["content-type"] == whole.headers["content-type"]
    assert abs(int(told.headers["content-length"]) - len(whole.content)) < 20, "the age of the figures"


def test_there_is_no_head_of_what_has_no_end_or_is_sent(client):
    for path in ("/api/events", POSITION):
        told = client.head(path)
        assert (told.status_code, told.content) == (405, b"")


def test_whoever_probes_may_send_any_query(client):
    assert client.get("/health?at=1").status_code == 200
    assert client.get("/ready?at=1&at=1").status_code == 200


def test_a_body_may_have_as_many_bytes_as_are_said_and_not_one_more(served):
    """Whatever its length is said to be; whoever keeps to what the refusal says is let in."""
    client, headers = served(largest_body=2048), {"content-type": "application/json"}
    body = json.dumps(SPECIFIED).encode()
    for length, status in ((2048, 200), (2049, 413)):
        padded = body.ljust(length)
        assert client.post(POSITION, content=padded, headers=headers).status_code == status
        assert client.post(POSITION, content=iter([padded]), headers=headers).status_code == status


def asked_of(client, path, receive, *headers):
    """Return what the service sends where a request comes from a server of another kind."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": None}
    client.portal.call(client.app, {**scope, "headers": list(headers)}, receive, send)
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


def test_a_body_that_is_said_to_be_too_large_is_refused_before_any_of_it_is_read(served):
    """Who asks whether to go on, by `Expect`, is spared the sending, and the service the reading."""

    async def receive():
        raise AssertionError("the body is read")

    json_of = (b"content-type", b"application/json"), (b"host", b"localhost")
    assert asked_of(served(largest_body=2048), POSITION, receive, *json_of, (b"content-length", b"2049")) == [413]


def test_who_names_no_host_is_answered(served):
    """As HTTP/1.0 allows: a page in a browser, from which the names keep the account, always names one."""

    async def receive():
        return {"type": "http.request", "body": json.dumps(SPECIFIED).encode()}

    headers = (b"content-type", b"application/json"), (b"content-length", b"9")
    assert asked_of(served(), POSITION, receive, *headers) == [200]


def test_what_goes_wrong_after_an_answer_was_begun_ends_it_and_begins_no_other():
    """Half an answer with another one behind it may be read as a whole one."""
    sent = []

    async def breaks(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    async def send(message):
        sent.append(message)

    gate = Gate(breaks, {}, lambda: None, RateLimit(None, 1), 100, Metrics())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
    with pytest.raises(ConnectionError):
        asyncio.run(gate(scope, None, send))
    assert [message["status"] for message in sent] == [200]
