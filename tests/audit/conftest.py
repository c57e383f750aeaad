"""Where the tests of the audit log keep their logs: in a file, and on a server of their own."""

import os
from collections.abc import Iterator

import pytest

from tests.audit.server import NoServer, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running PostgreSQL server; without its programs its tests are skipped, but not in CI."""
    try:
        running = Server()
    except NoServer as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI runs the tests of the PostgreSQL log for real: {error}")
        pytest.skip(f"no PostgreSQL server: {error}")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def only_database(server: Server) -> str:
    """The name of a database; one for all tests, because making one takes longer than most of them."""
    return server.new_database()


@pytest.fixture
def database(server: Server, only_database: str) -> Iterator[str]:
    """The name of an empty database."""
    yield only_database
    server.empty(only_database)


@pytest.fixture
def postgres_url(server: Server, database: str) -> str:
    """The address of an empty database."""
    return server.url(database)


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """The address of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'log.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request) -> str:
    """The address of a log that is not begun yet, in each store: what a log promises, both have to keep."""
    return request.getfixturevalue(f"{request.param}_url")
