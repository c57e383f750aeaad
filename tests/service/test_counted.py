"""What was counted of deposits, in its file beside the log: what is worth a writing, and what a failure leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from rulecap.exchange import Deposits
from rulecap.service.counted import RENEWED_SECONDS, Counted

THEN = datetime(2026, 9, 1, tzinfo=UTC)


def known(net=0.0, seen=(), after=0.0):
    return Deposits(net, THEN + timedelta(seconds=after), frozenset(seen), begun=THEN)


@pytest.fixture
def counted(tmp_path):
    return Counted(tmp_path / "log.deposits-desk")


@pytest.mark.parametrize(
    ("now", "lacks"),
    [
        (known(), False),
        (known(net=5.0), True),
        (known(seen=["in", "out"], after=1.0), True),  # which come to nothing: one of them may be met again
        (known(after=RENEWED_SECONDS - 1.0), False),
        (known(after=RENEWED_SECONDS), True),
    ],
)
def test_what_was_counted_is_written_where_a_restart_would_count_it_again_and_hardly_else(counted, now, lacks):
    """Each reading of the account would write it otherwise, and one that is not kept counts an entry twice."""
    assert counted.lacks(known())
    counted.keep(known())
    assert counted.lacks(now) == lacks
    counted.keep(now)
    assert not counted.lacks(now)


def test_a_disk_that_fails_is_told_once_until_it_works_again_and_leaves_no_half_file(counted, tmp_path, caplog):
    """A service that says it with each reading hides what else goes wrong."""
    counted.keep(known(1.0))
    file = next(tmp_path.iterdir())
    for _ in range(2):
        text = file.read_text()
        file.unlink()
        file.mkdir()
        for _ in range(3):
            counted.keep(known(2.0))
        assert list(tmp_path.iterdir()) == [file]
        file.rmdir()
        file.write_text(text)
        counted.keep(known(3.0))
    codes = [getattr(one, "code", "") for one in caplog.records]
    assert codes == ["deposits-unkept"] * 2
    assert [one.net for one in Counted(file).kept][-1] == 3.0
