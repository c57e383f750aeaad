"""A process that was forked from a monitor's touches nothing of its journal."""

import pytest

from rulecap.monitor.journal import Journal, JournalError
from tests.forked import in_child


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite3")
    opened.claim("main", "binanceusdm")
    yield opened
    opened.close()


def refusal(do):
    """Return why something is refused in a fork."""

    def tried():
        with pytest.raises(JournalError) as raised:
            do()
        return str(raised.value)

    return in_child(tried)


def claimed(journal):
    return journal.run("SELECT account FROM owner")


def test_a_journal_that_is_open_is_not_used_by_a_fork(journal):
    assert "open it after forking" in refusal(lambda: claimed(journal))
    assert "open it after forking" in refusal(lambda: journal.run("DELETE FROM owner"))
    assert claimed(journal) == [("main",)]


def test_nor_opened_by_it_again(journal):
    assert "was forked from one that has it open" in refusal(lambda: Journal(journal.path))


def test_a_fork_that_ends_leaves_the_journal_to_its_parent(journal):
    def end():
        journal.close()
        return str(journal._connection.total_changes > 0)  # a connection that is closed tells none

    assert in_child(end) == "True"
    assert claimed(journal) == [("main",)]


def test_what_is_closed_before_is_opened_in_a_fork(journal):
    journal.close()
    assert in_child(lambda: str(claimed(Journal(journal.path)))) == "[('main',)]"
