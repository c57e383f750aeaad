"""What the promises share."""

from collections.abc import Iterator

import pytest

from tests.patience import patience


@pytest.fixture
def no_hanging() -> Iterator[None]:
    """A test that hangs is ended and fails; nothing is measured."""
    with patience():
        yield
