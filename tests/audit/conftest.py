"""What the tests of the audit log ask, and where they keep their logs: in a file, and on the tests' own server."""

from pathlib import Path

import pytest

from rulecap import Policy
from tests.audit.counting import counting


@pytest.fixture
def policy(tmp_path) -> Policy:
    """A policy that counts its decisions."""
    return counting(tmp_path / "counting")


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """The address of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'log.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request) -> str:
    """The address of a log that is not begun yet, in each store: what a log promises, both have to keep."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def file(tmp_path) -> Path:
    """The file of a log, which is not there yet, in a folder of its own."""
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "log.sqlite3"
