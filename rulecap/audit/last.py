"""What a log last has of an account, for whoever goes on from there: what was paid in or out, and the memory."""

from datetime import datetime

from rulecap.audit.opening import open_log
from rulecap.audit.review.deposits import deposits_on_record
from rulecap.audit.review.selection import looking
from rulecap.audit.timeline import Last, last_on_record


def last_deposits(url: str, account: str) -> tuple[float, datetime] | None:
    """Return an account's deposits minus withdrawals as last recorded, and of when that is; none where nothing is.

    Raises:
        LogError: the log cannot be read.
    """
    with open_log(url) as log, looking(log):
        return deposits_on_record(log, account)


def last_memory(url: str, account: str, policy: str) -> Last | None:
    """Return an account's last memory under a policy; none where there is none.

    Raises:
        LogError: the log cannot be read.
    """
    with open_log(url) as log, looking(log):
        return last_on_record(log.database, account, policy)
