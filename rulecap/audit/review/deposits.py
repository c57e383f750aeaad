"""What was paid in and out, as the log has it: who counts on from there takes no deposit for a profit."""

from datetime import datetime

from rulecap.audit.log import Log
from rulecap.audit.review.damage import named
from rulecap.audit.review.finding import way_of
from rulecap.audit.review.pages import page
from rulecap.audit.review.selection import Selection, Unselectable


def deposits_on_record(log: Log, account: str) -> tuple[float, datetime] | None:
    """Return an account's deposits minus withdrawals as last recorded, and of when that is; none where nothing is.

    Raises:
        LogError: the log cannot be read.
    """
    try:
        way = way_of(log, Selection((account,)))
    except Unselectable:
        return None
    for one in page(log, way, 1).records:
        with named(one.record.seq):
            snapshot = one.record.fields["snapshot"]
            if isinstance(snapshot, dict):
                return snapshot["account"]["net_deposits"], datetime.fromisoformat(snapshot["as_of"])
    return None
