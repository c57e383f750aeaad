"""What was paid in and out, as the log has it: who counts on from there takes no deposit for a profit."""

from datetime import datetime

from rulecap.audit.carry import carried_by
from rulecap.audit.log import Log
from rulecap.audit.review.damage import named
from rulecap.audit.review.finding import found, way_of
from rulecap.audit.review.selection import Selection, Unselectable


def deposits_on_record(log: Log, account: str) -> tuple[float, datetime] | None:
    """Return an account's deposits minus withdrawals as last recorded, and of when that is; none where nothing is.

    Records of what was no snapshot tell nothing of it. Where no other is, it is what was carried over from another log.

    Raises:
        LogError: the log cannot be read.
    """
    try:
        way = way_of(log, Selection((account,)))
    except Unselectable:
        return _carried(log, account)
    for one in found(log, way):
        with named(one.record.seq):
            snapshot = one.record.fields["snapshot"]
            if isinstance(snapshot, dict) and one.record.decides:
                return snapshot["account"]["net_deposits"], datetime.fromisoformat(snapshot["as_of"])
    return _carried(log, account)


def _carried(log: Log, account: str) -> tuple[float, datetime] | None:
    with named(1):
        carried = carried_by(log.record(1)) or {}
        for one in carried.get("deposits", ()):  # a log that an older rulecap began has none
            if one["account"] == account:
                return float(one["net"]), datetime.fromisoformat(one["as_of"])
    return None
