"""What is answered without the application's looking for a route is answered as if it had looked."""

import pytest
from starlette.testclient import TestClient

from benchmarks.service import BODY
from rulecap.service.app import ROUTERS
from rulecap.service.routes.common import straight

BODIES = {
    "/api/capital/recommendation/position": BODY,
    "/api/capital/position-size/kelly": {"win_rate": 0.58, "win_loss_ratio": 1.5},
    "/api/capital/allocation/risk-parity": {"assets": [{"symbol": "BTCUSDT", "volatility_pct": 2.0}]},
}
ROUTES = sorted(straight(ROUTERS))
OWN = {"snapshot_age_seconds", "decision_id", "request_id", "tests"}


@pytest.fixture(scope="module")
def looking(client):
    """Return a client behind a proxy, for which the application looks for the route."""
    return TestClient(client.app, base_url="http://localhost", root_path="/behind")


def shape(answer):
    """Return an answer without what differs from one request to the next."""
    told = answer.json() if answer.headers["content-type"].startswith("application/") else answer.text.split()[:9]
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    if not isinstance(told, dict):
        return answer.status_code, headers, told
    return answer.status_code, headers, {name: value for name, value in told.items() if name not in OWN}


def test_the_routes_that_a_bot_waits_for_are_among_them():
    assert ("POST", "/api/capital/recommendation/position") in ROUTES
    assert ("GET", "/api/capital/margin/status") in ROUTES
    assert not [path for _, path in ROUTES if "{" in path]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
@pytest.mark.parametrize("broken", [False, True], ids=["as it should be", "malformed"])
def test_both_ways_answer_alike(client, looking, method, path, broken):
    body = "{" if broken else BODIES.get(path)
    asked = {"json": body} if isinstance(body, dict) else {}
    if broken:
        asked = {"content": body, "headers": {"content-type": "application/json"}}
    ways = [shape(one.request(method, path, **asked)) for one in (client, looking)]
    assert ways[0] == ways[1]
    assert ways[0][0] != 404


def test_a_request_is_counted_under_its_route_either_way(client, looking):
    path = "/api/capital/margin/status"

    def counted():
        lines = client.get("/metrics").text.splitlines()
        of_route = [line for line in lines if line.startswith("rulecap_request_seconds_count") and f'"{path}"' in line]
        return float(of_route[0].rpartition(" ")[2]) if of_route else 0.0

    before = counted()
    assert [one.get(path).status_code for one in (client, looking)] == [200, 200]
    assert counted() == before + 2


@pytest.mark.parametrize("path", ["/api/capital/recommendation/position", "/api/evaluate/position"])
def test_who_hangs_up_before_all_is_said_is_no_failure_of_the_service(client, caplog, path):
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "client": None}
    client.portal.call(client.app, scope, receive, send)
    assert (sent, [one for one in caplog.records if one.levelname == "ERROR"]) == ([], [])
