"""The service with its log on a PostgreSQL server: it answers while the server is away, and records again after."""

import asyncio
from contextlib import AsyncExitStack

from starlette.testclient import TestClient

from rulecap.audit import open_log
from rulecap.audit.verify import verify
from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from tests.service.steps import POSITION
from tests.service.test_events import Listener, serving
from tests.service.test_faults import REDUCTION
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED


def test_entries_are_refused_and_reductions_answered_while_the_server_is_away(server, postgres_url, told):
    settings = read_settings(log=postgres_url, refresh_seconds=3600.0, record_seconds=3600.0)
    with TestClient(create_app(settings, told), base_url="http://localhost") as client:
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        first = client.post(POSITION, json=SPECIFIED).json()
        assert (first["recommendation"], client.get("/ready").status_code) == ("ENTER", 200)
        server.stop()
        try:
            answer = client.post(POSITION, json=SPECIFIED).json()
            assert (answer["recommendation"], answer["decision_id"]) == ("REJECT", None)
            assert [one["code"] for one in answer["problems"]] == ["unlogged"]
            reduced = client.post(POSITION, json=REDUCTION).json()
            assert (reduced["recommendation"], reduced["problems"][0]["severity"]) == ("ENTER", "warning")
            ready = client.get("/ready")
            assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "log-unreachable")
            refused(client.get(f"/api/decisions/{first['decision_id']}"), 503, "log-unreachable")
        finally:
            server.start()
        again = client.post(POSITION, json=SPECIFIED).json()
        assert (again["recommendation"], client.get("/ready").status_code) == ("ENTER", 200)
        assert client.get(f"/api/decisions/{first['decision_id']}").status_code == 200
    with open_log(postgres_url) as log:
        assert verify(log).fine
        assert log.find(again["decision_id"]) is not None


def test_listeners_of_two_services_over_one_server_are_told_what_both_record(postgres_url):
    async def listen():
        async with AsyncExitStack() as stack:
            services = [await stack.enter_async_context(serving(postgres_url)) for _ in range(2)]
            before = await services[0].reader.head()
            listeners = [await Listener(one).begin() for one in services]
            for _ in range(5):
                for service in services:
                    service.desk._kept.clear()
                    await service.desk.about_account("margin")
            return before, [await one.until(10) for one in listeners]

    before, told = asyncio.run(listen())
    assert told[0] == told[1] == list(range(before + 1, before + 11))
