"""Schemathesis asks whatever the OpenAPI document allows, and what it does not, and runs all of its checks."""

import subprocess
import sysconfig
from pathlib import Path

import jsonschema
import pytest

from rulecap.service.keys import add_key
from rulecap.service.settings import BadSettings, read_settings
from tests.service.test_running import Served, ready
from tests.service.told import SPECIFIED

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed")
def test_nothing_that_schemathesis_asks_is_answered_against_the_document(tmp_path, monkeypatch):
    monkeypatch.setenv("RULECAP_SERVE_REQUESTS_PER_SECOND", "100000")
    monkeypatch.setenv("RULECAP_SERVE_BURST", "100000")
    token = add_key(tmp_path / "keys.yaml", "tester", ("read", "recommend", "admin"))
    served = Served(tmp_path, "--keys", "keys.yaml")
    try:
        ready(served)
        asked = [
            *("--config-file", str(CONFIG), "run", f"{served.url}/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--exclude-path", "/api/events"),  # a stream that never ends; test_running.py listens to it
            *("--checks", "all", "--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "1"),
            *("--request-timeout", "20", "--generation-database", "none"),
        ]
        ran = subprocess.run([SCHEMATHESIS, *asked], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[-20_000:]
        assert token not in served.said()
    finally:
        served.close()


def test_every_endpoint_of_the_contract_is_in_the_document(client):
    paths = client.get("/openapi.json").json()["paths"]
    contract = {
        "/api/capital/state": "get",
        "/api/capital/history": "get",
        "/api/capital/leverage/optimal/{symbol}": "get",
        "/api/capital/position-size/kelly": "post",
        "/api/capital/margin/status": "get",
        "/api/capital/strategy/scaling": "get",
        "/api/capital/allocation/risk-parity": "post",
        "/api/capital/drawdown/status": "get",
        "/api/capital/allocation/multi-tier": "get",
        "/api/capital/analysis/complete": "get",
        "/api/capital/recommendation/position": "post",
        "/api/evaluate/{decision}": "post",
        "/api/decisions": "get",
        "/api/decisions/{id}": "get",
        "/api/events": "get",
        "/api/policy": "get",
        "/health": "get",
        "/ready": "get",
        "/metrics": "get",
    }
    assert {path: method for path, method in contract.items() if method not in paths.get(path, {})} == {}


def test_whatever_is_answered_is_in_the_document(client):
    """With its shape, so that a program which is generated from the document can read it."""
    document = client.get("/openapi.json").json()
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert sorted(names) == sorted(set(names))
    assert {"state", "position", "ready"} <= set(names)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            assert all(one.get("content") for one in responses.values()), path
            assert {"401", "421", "429"} <= responses.keys()
            assert "Retry-After" in responses["429"]["headers"]
            shown = responses["200"]["content"].get("application/json", {}).get("schema", {})
            assert "$ref" in shown or operation["operationId"] in ("openapi", "metrics", "events"), path
    wrong = client.get("/health", headers={"Host": "elsewhere.example"})
    assert str(wrong.status_code) in document["paths"]["/health"]["get"]["responses"]
    for path in ("/ready", "/health", "/api/capital/history", "/api/capital/analysis/complete", "/api/decisions"):
        shape = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(client.get(path).json(), {**shape, "components": document["components"]})
    assert {one["type"] for one in document["components"]["securitySchemes"].values()} == {"http", "apiKey"}


def test_below_a_proxy_s_path_the_document_says_where_it_is_asked_and_no_header_does(served):
    told = {"X-Forwarded-Prefix": "/elsewhere", "X-Script-Name": "/elsewhere"}
    assert "servers" not in served().get("/openapi.json", headers=told).json()
    client = served(root_path="/desk/risk")  # the proxy has taken it off
    made = client.get("/openapi.json", headers=told).json()
    assert made["servers"] == [{"url": "/desk/risk"}]
    assert (client.get("/health").status_code, client.get("/desk/risk/health").status_code) == (200, 404)
    assert "/health" in made["paths"]


@pytest.mark.parametrize(
    "path", ["risk", "/risk/", "//risk.example.com", "/", "", "/a/../b", "https://risk.example.com", "/risk\n"]
)
def test_what_is_no_path_to_be_served_below_is_refused(path):
    with pytest.raises(BadSettings, match=r"root_path: .* is no path that a proxy serves below"):
        read_settings(root_path=path)


def test_clients_can_be_generated(client):
    """They call classes by title and functions by operation, leave out what is named twice, and drop unsaid fields."""
    made = client.get("/openapi.json").json()
    schemas = made["components"]["schemas"]
    titles = {name: schema["title"] for name, schema in schemas.items() if "title" in schema}
    assert titles == {name: name for name in titles}
    assert {"Recommendation", "Kelly", "Allocation", "Snapshot"} <= set(titles)
    for name, schema in schemas.items():
        assert not name.endswith("Answer") or schema["additionalProperties"] is True, name
    kept = schemas["HistoryAnswer"]["properties"]["history"]["items"]  # a state's outputs are the policy's to name
    assert kept["additionalProperties"] is True
    operations = [one["operationId"] for path in made["paths"].values() for one in path.values()]
    assert len(set(operations)) == len(operations)
    assert {"position", "kelly", "risk_parity", "evaluate", "state"} <= set(operations)
    wanted = schemas["Recommendation"]
    assert "anyOf" not in wanted
    check = jsonschema.Draft202012Validator(wanted)
    assert check.is_valid(SPECIFIED)
    assert check.is_valid({"symbol": "BTCUSDT", "reduce_only": True})
    for lacking in SPECIFIED:
        assert not check.is_valid({name: value for name, value in SPECIFIED.items() if name != lacking})
    assert not check.is_valid({"symbol": "BTCUSDT", "reduce_only": False})
    assert not check.is_valid({"symbol": "BTCUSDT"})
