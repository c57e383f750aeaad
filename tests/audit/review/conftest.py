"""The log that the review's tests look into."""

import pytest

from rulecap.audit import open_log
from tests.audit.review.made import write


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory):
    """Return the address of the log."""
    return write(tmp_path_factory.mktemp("reviewed"))


@pytest.fixture
def log(reviewed):
    with open_log(reviewed) as opened:
        opened.database.look()
        yield opened
        opened.database.rollback()
