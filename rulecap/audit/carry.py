"""A log that goes on where another one ended: its first record carries the accounts' memories over.

So a log can be closed and put away while the circuit breakers and high-water marks in it go on. The first record says
which log it follows, and at which head: the old log and its checkpoints prove what was carried.
"""

from typing import Any

from pydantic_core import to_json

from rulecap.audit.clock import iso_of
from rulecap.audit.database import blob
from rulecap.audit.errors import LogError
from rulecap.audit.log import Head, Log, json_fields
from rulecap.audit.record import Record
from rulecap.audit.witness import origin_of

CARRIED = "carried"


def carried_by(record: Record | None) -> dict[str, Any] | None:
    """Return what a first record carries over, none where it is the record of a decision."""
    if record is None or record.seq != 1:
        return None
    snapshot = record.fields["snapshot"]
    found = snapshot.get(CARRIED) if isinstance(snapshot, dict) and not record.fields["decision"] else None
    return found if isinstance(found, dict) else None


def carried_over(log: Log) -> bytes:
    """Return what the first record of a log that follows this one holds, as JSON.

    Raises:
        LogError: the log cannot be read.
    """
    log.database.look()
    try:
        head = log.head()
        memories = {(one["account"], one["policy"]): one for one in _carried_before(log)}
        memories |= {(one["account"], one["policy"]): one for one in _advanced(log)}
    finally:
        log.database.rollback()
    about = {"log": origin_of(head.id), "size": head.size, "root": head.root.hex(), "note": head.note}
    return to_json({CARRIED: {**about, "memories": [memories[key] for key in sorted(memories)]}})


def _carried_before(log: Log) -> list[dict[str, Any]]:
    before = carried_by(log.record(1))
    return list(before["memories"]) if before else []


def _advanced(log: Log) -> list[dict[str, Any]]:
    """Return the last memory of each account and policy."""
    rows = log.database.run(
        "SELECT account, policy, as_of, body FROM advances AS one JOIN records ON records.seq = one.seq"
        " WHERE as_of = (SELECT MAX(as_of) FROM advances AS other"
        " WHERE other.account = one.account AND other.policy = one.policy)"
    )
    found = []
    for account, policy, as_of, body in rows:
        time = iso_of(as_of)
        (memory,) = json_fields(blob(body), "next_memory")
        found.append({"account": account, "policy": policy, "as_of": time, "memory": memory})
    return found


def check_empty(head: Head, where: str) -> None:
    """Refuse to carry memories into a log that has records.

    Raises:
        LogError: it has.
    """
    if head.size:
        raise LogError("log-failed", f"{where} has {head.size} records already: memories are carried into an empty log")
