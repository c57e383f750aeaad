"""Names for orders, made from the decision: the same action of the same decision has the same name, and no other has.

Letters and digits alone, 32 at the most: every venue that takes names of ours takes such (OKX has the narrowest rule).
"""

import hashlib
import re

from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy

LONGEST = 32
RECORD = re.compile(r"([0-9a-f]{12})-([0-9]{1,12})")
UNLOGGED = "rcu"
UNLOGGED_DIGITS = 24


def order_name(policy: Policy, decided: Decision, number: int) -> str:
    """Return the client order id for an action of a decision.

    It tells the record: `rc`, the log's id, `r`, the record's number, `n`, the action's. A decision on no record
    is named by what it was made from: policy, account, time and question. Where there is no room for the action's
    number, that is hashed too; such a name has no `n`, and so is no other action's.
    """
    on_record = RECORD.fullmatch(decided.record_id or "")
    if on_record:
        name = f"rc{on_record[1]}r{on_record[2]}n{number}"
        if len(name) <= LONGEST:
            return name
    snapshot = decided.snapshot
    of = (
        decided.record_id,
        policy.digest,
        snapshot and snapshot.account.id,
        snapshot and snapshot.as_of,
        decided.decision,
    )
    name = f"{UNLOGGED}{_hashed(of)[:UNLOGGED_DIGITS]}n{number}"
    return name if len(name) <= LONGEST else f"{UNLOGGED}{_hashed((*of, number))}"[:LONGEST]


def _hashed(of: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()
