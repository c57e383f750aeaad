"""What has changed since it was last told: what the policy has watched, and how the monitor itself fares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy

FRESH, PARTIAL, STALE = "FRESH", "PARTIAL", "STALE"
WRITTEN, FAILING = "WRITTEN", "FAILING"
WITHIN, REACHED = "WITHIN", "REACHED"
TAKEN, NOT_TAKEN, UNPROVEN = "TAKEN", "REFUSED", "UNPROVEN"
ACCOUNT, LOG, CAP, POLICY = "monitor.account", "monitor.log", "monitor.cap", "monitor.policy"
# How it is while nothing was told: no news.
AT_FIRST: Mapping[str, object] = {ACCOUNT: FRESH, LOG: WRITTEN, CAP: WITHIN, POLICY: TAKEN}
DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was last told.

    Attributes:
        what: a decision's output, `margin.zone`; or the monitor's own: `monitor.account`.
        decision_id: the record, where a decision is on record.
    """

    what: str
    before: object
    after: object
    decision_id: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON types."""
        return {"what": self.what, "from": self.before, "to": self.after, "decision_id": self.decision_id}


def watched(policy: Policy, decided: Iterable[Decision]) -> dict[str, tuple[object, str | None]]:
    """Return what the policy has watched: its value and record by name.

    A decision that could not be made tells that, and none of its outputs: those of `on_error` are nobody's state.
    """
    found: dict[str, tuple[object, str | None]] = {}
    for one in decided:
        made = one.ok or one.reduces
        found[f"{one.decision}.{DECIDED}"] = made, one.record_id
        for name in policy.watched[one.decision] if made else ():
            found[f"{one.decision}.{name}"] = one.outputs[name], one.record_id
    return found


def changed(told: Mapping[str, Any], found: Mapping[str, tuple[object, str | None]]) -> list[Change]:
    """Return what is not as it was told; a decision that is made and a monitor that fares well are no news at first."""
    changes = []
    for what, (value, record) in found.items():
        at_first = True if what.endswith(f".{DECIDED}") else AT_FIRST.get(what)
        before = told.get(what, at_first)
        if before != value:
            changes.append(Change(what, before, value, record))
    return changes
