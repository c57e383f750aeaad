"""Shared by every test: how long the property tests look, logging, certificates, a PostgreSQL server when needed."""

import logging
import os
import signal
import ssl
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.audit.server import Server

UNMEASURED = frozenset({"promises", "test_default_against_oracle", "test_invalid_at_random", "test_tampering"})
settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage where much is computed: that takes three times as long, and others reach the same lines."""
    for item in items:
        if item.get_closest_marker("hypothesis") or not UNMEASURED.isdisjoint(item.path.with_suffix("").parts):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Read who signs certificates once, not for each of a thousand clients: the venues of the tests speak no TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Keep what a command does to logging from the tests behind it, whichever these are."""
    loggers = [logging.getLogger(name) for name in ("", "rulecap", "uvicorn.error")]
    handlers, levels = loggers[0].handlers[:], [one.level for one in loggers]
    yield
    loggers[0].handlers[:] = handlers
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


@pytest.fixture(scope="session")
def server() -> "Iterator[Server]":
    """A running PostgreSQL server; without its programs its tests are skipped, but not in CI."""
    pytest.importorskip("psycopg")
    from tests.audit.server import NoServer, Server

    try:
        running = Server()
    except NoServer as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs the tests of the PostgreSQL log for real: {error}")
        pytest.skip(f"no PostgreSQL server: {error}")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def only_database(server: "Server") -> str:
    """The name of a database; one for all tests, because making one takes longer than most of them."""
    return server.new_database()


@pytest.fixture
def database(server: "Server", only_database: str) -> Iterator[str]:
    """The name of an empty database."""
    yield only_database
    server.empty(only_database)


@pytest.fixture
def postgres_url(server: "Server", database: str) -> str:
    """The address of an empty database."""
    return server.url(database)


@pytest.fixture
def hangup_counts() -> Iterator[None]:
    """Have SIGHUP do what it does, also where the tests themselves were started by nohup, which children inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
