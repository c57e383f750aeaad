"""The demo service, asked over HTTP without a network."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from tests.service.read_once import share
from tests.service.told import Told, demo_told
from tests.venue.binance import Binance
from tests.venue.venue import KEY, SECRET

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Read a shipped policy once for all tests, not once for each service that is started."""
    with pytest.MonkeyPatch.context() as patch:
        share(patch)
        yield


@pytest.fixture
def told() -> Told:
    """Return a source that tells the demo's account, and what a test makes of it."""
    return demo_told()


@pytest.fixture
def served(tmp_path, told):
    """Return what starts a service over `told`; settings as keywords."""
    clients = []

    def start(**given) -> TestClient:
        settings = read_settings(log=f"sqlite:///{tmp_path / 'log.sqlite3'}", **{"apart": False, **given})
        client = TestClient(create_app(settings, told), base_url="http://localhost")
        client.__enter__()
        clients.append(client)
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    """Return a client of the demo, which the tests of a module share."""
    log = f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.sqlite3'}"
    with TestClient(create_app(read_settings(log=log, demo=True, apart=False)), base_url="http://localhost") as client:
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        yield client


def snapshot_of(name: str) -> dict[str, object]:
    """Return a shipped example."""
    found: dict[str, object] = json.loads((ROOT / "policies/default/examples" / f"{name}.json").read_text())
    return found


@pytest.fixture
def venue(monkeypatch):
    """A venue on this machine with an account in it, and the keys to it."""
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    with Binance() as one:
        one.set_wallet("12000")
        one.set_position("ETHUSDT", "LONG", "1.2", "1942", leverage=4)
        yield one


@pytest.fixture
def file(tmp_path):
    """Where the API keys are."""
    return tmp_path / "keys.yaml"
