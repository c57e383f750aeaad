"""A log in the folder where the command line is asked about it."""

from rulecap.audit import open_ledger
from tests.audit.counting import snapshot

LOG = "sqlite:///log.sqlite3"


def ask(policy, *minutes, key=None):
    with open_ledger(LOG, key) as ledger:
        for minute in minutes:
            assert ledger.evaluate(policy, snapshot(minute)).record_id, ledger.failure
        return ledger.head
