"""What was told and what waits, while the journal fails for a time: nothing is told twice, lost, or set back."""

from contextlib import contextmanager

import pytest

from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.outbox import Notice, Outbox


class Failing(Journal):
    """A journal whose disk can be made to fail."""

    fails = lies = False

    def run(self, statement, values=()):
        if self.fails:
            raise JournalError("the disk is full")
        rows = super().run(statement, values)
        if self.lies and statement == "COMMIT":
            raise JournalError("the disk answered too late")
        return rows

    @contextmanager
    def full(self):
        self.fails = True
        yield
        self.fails = False


@pytest.fixture
def journal(tmp_path):
    one = Failing(tmp_path / "journal")
    yield one
    one.close()


def tell(outbox, name, **values):
    """Tell how things are, in a notice of a name; return what of it was new, and whether it is durable."""
    found = {what: (value, None) for what, value in values.items()}
    changes, durable = outbox.tell(found, lambda _: Notice(name, "{}"), 0.0)
    return {change.what: change.after for change in changes}, durable


def test_what_was_told_while_the_journal_failed_is_not_told_again_when_it_works(journal):
    """The journal has an older value then, which is no news."""
    outbox = Outbox(journal)
    tell(outbox, "a", zone="GREEN")
    with journal.full():
        assert tell(outbox, "b", zone="RED") == ({"zone": "RED"}, False)
    assert tell(outbox, "c", zone="RED") == ({}, True)
    assert Outbox(journal).told == {"zone": "RED"}


def test_a_value_that_was_kept_later_is_not_set_back(journal):
    """What could not be put down was outlived by the next one, which could."""
    outbox = Outbox(journal)
    with journal.full(), pytest.raises(JournalError):
        outbox.note("since", 1)
    outbox.note("since", 2)
    tell(outbox, "a", zone="GREEN")
    assert Outbox(journal).told == {"since": 2, "zone": "GREEN"}


def test_a_notice_that_is_got_takes_no_other_one_with_it(journal):
    """The older one lies in the journal, while a younger one waits in memory alone."""
    outbox = Outbox(journal)
    tell(outbox, "a", zone="GREEN")
    with journal.full():
        tell(outbox, "b", zone="RED")
    assert outbox.waiting() == 2
    outbox.delivered(outbox.oldest())
    assert (outbox.oldest().id, outbox.waiting()) == ("b", 1)


def test_a_notice_that_is_durable_though_the_disk_said_it_was_not_is_there_once(journal):
    """Putting it down a second time would fail each time from then on, and nothing be durable any more."""
    outbox = Outbox(journal)
    journal.lies = True
    assert tell(outbox, "a", zone="GREEN") == ({"zone": "GREEN"}, False)
    journal.lies = False
    assert tell(outbox, "b", zone="RED") == ({"zone": "RED"}, True)
    assert [one for (one,) in journal.run("SELECT id FROM notices ORDER BY number")] == ["a", "b"]
