"""Notices: what a receiver is told when something has changed. Only what the policy has watched is in them."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from pydantic_core import to_json

from rulecap.language.values import iso
from rulecap.monitor.changes import Change
from rulecap.monitor.outbox import Notice
from rulecap.monitor.report import Report


def notice_of(report: Report, changes: Sequence[Change], now: datetime) -> Notice:
    """Return the notice that tells changes; its id is new, and stays the same however often it is sent."""
    name = f"evt_{secrets.token_hex(12)}"
    policy = report.policy
    content = {
        "id": name,
        "time": iso(now),
        "account": report.account,
        "as_of": iso(report.snapshot.as_of) if report.snapshot else None,
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "changes": [one.to_dict() for one in changes],
    }
    return Notice(name, to_json(content).decode())
