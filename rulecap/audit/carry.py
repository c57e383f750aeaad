"""A log that goes on where another one ended: its first record carries the accounts' memories and deposits over.

So a log can be closed and put away while the circuit breakers and high-water marks in it go on. The first record says
which log it follows, and at which head: the old log and its checkpoints prove what was carried.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from rulecap.audit.clock import iso_of, microseconds
from rulecap.audit.database import blob
from rulecap.audit.errors import LogError
from rulecap.audit.findings import Findings
from rulecap.audit.followed import followers, unlike
from rulecap.audit.log import Head, Log, json_fields
from rulecap.audit.record import DamagedRecord, Record
from rulecap.audit.witness import origin_of
from rulecap.plural import how_many

CARRIED = "carried"


def carried_by(record: Record | None) -> dict[str, Any] | None:
    """Return what a first record carries over, none where it is the record of a decision."""
    if record is None or record.seq != 1:
        return None
    snapshot = record.fields["snapshot"]
    found = snapshot.get(CARRIED) if isinstance(snapshot, dict) and not record.fields["decision"] else None
    return found if isinstance(found, dict) else None


def carried_over(log: Log) -> bytes:
    """Return what the first record of a log that follows this one holds, as JSON; in a transaction that is begun.

    Raises:
        LogError: the log cannot be read.
    """
    head = log.head()
    memories = {(one["account"], one["policy"]): one for one in _carried_before(log)}
    memories |= {(one["account"], one["policy"]): one for one in _advanced(log)}
    about = {"log": origin_of(head.id), "size": head.size, "root": head.root.hex(), "note": head.note}
    left = {"memories": [memories[key] for key in sorted(memories)], "deposits": _deposits(log)}
    return to_json({CARRIED: {**about, **left}})


def _deposits(log: Log) -> list[dict[str, Any]]:
    """Return what was paid in and out of each account: a memory that was left has that taken out of it."""
    from rulecap.audit.review.deposits import deposits_on_record  # which reads what is carried here

    before = carried_by(log.record(1)) or {}
    names = {kind.account for kind in log.kinds().values()} | {one["account"] for one in before.get("deposits", ())}
    told = {name: deposits_on_record(log, name) for name in sorted(names)}
    return [
        {"account": name, "as_of": iso_of(microseconds(known[1])), "net": known[0]}
        for name, known in told.items()
        if known is not None
    ]


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


def follows(log: Log, old: Log, findings: Findings) -> tuple[str, ...]:
    """Compare what a log's first record carries over with what the log that it is to follow leaves, and says.

    Returns:
        What it follows, in words; nothing where something was found.

    Raises:
        LogError: the old log cannot be read.
    """
    before = findings.count
    old.database.look()
    try:
        left, marked = json.loads(carried_over(old))[CARRIED], bool(followers(old))
        for said in unlike(log, old):
            findings.add("followed-by-another", said)
    finally:
        old.database.rollback()
    try:
        for said in _unlike(carried_by(log.record(1)), left):
            findings.add("carried-differs", said, 1)
    except (DamagedRecord, KeyError, TypeError, AttributeError) as error:
        findings.add("carried-differs", f"it cannot be read ({type(error).__name__})", 1)
    if findings.count > before:
        return ()
    said = f"it follows {left['log']} at {how_many(left['size'], 'record')}, with the memories left there"
    return (said,) if marked else (said, f"nothing in {left['log']} says which log follows it: another one may, too")


def _unlike(carried: dict[str, Any] | None, left: dict[str, Any]) -> Iterator[str]:
    """Yield how what was carried over is unlike what was left."""
    if carried is None:
        yield "it carries no memories over"
    elif carried["log"] != left["log"]:
        yield f"it follows {carried['log']}, not {left['log']}"
    elif carried["size"] != left["size"]:
        size = carried["size"]  # which whoever wrote the record may have made anything
        had = how_many(size, "record") if type(size) is int else f"{size} records"
        yield f"{left['log']} had {had} when it was followed, and has {left['size']:,}"
    elif carried["root"] != left["root"]:
        yield f"{left['log']} had other records when it was followed: it was rewritten"
    else:
        ours, theirs = _by_account(carried["memories"]), _by_account(left["memories"])
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield f"the memory of {key[0]} under {key[1]} is not the one that was left"
        yield from _other_deposits(carried, left)


def _other_deposits(carried: dict[str, Any], left: dict[str, Any]) -> Iterator[str]:
    """Yield whose deposits are not those that were left; a log that an older rulecap began carries none."""
    if "deposits" not in carried:
        return
    ours, theirs = ({one["account"]: one for one in told["deposits"]} for told in (carried, left))
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"the deposits of {name} are not those that were left"


def _by_account(memories: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["account"], one["policy"]): one for one in memories}


def check_empty(head: Head, where: str) -> None:
    """Refuse to carry memories into a log that has records.

    Raises:
        LogError: it has.
    """
    if head.size:
        raise LogError(
            "log-failed", f"{where} has {how_many(head.size, 'record')} already: memories are carried into an empty log"
        )
