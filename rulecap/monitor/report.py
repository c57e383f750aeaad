"""What one pass came to: for standard output as JSON, for the log in a line that has no figure of the account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.language.values import iso
from rulecap.monitor.changes import Change
from rulecap.monitor.execution import Outcome
from rulecap.monitor.orders import UNFILLED, Order
from rulecap.service.sources import WHOLE, Lacking
from rulecap.snapshot import Snapshot

# Messages of these are in our own words alone; any other may repeat figures of the account, or what a venue answered.
OWN_WORDS = frozenset(
    {
        "unlogged",
        "journal",
        "internal",
        "account-moving",
        "over-the-cap",
        "too-late",
        "sent-before",
        "tests-fail",
        "turned-down",
        UNFILLED,
        "order-unsettled",
        "deposits-late",
    }
)
# An order that ends like this is no trouble: the position has gone, or the part is less than can be traded.
NO_TROUBLE = frozenset({"", "nothing-to-reduce", "quantity-too-small"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that kept a pass from being fine."""

    code: str
    message: str

    @property
    def loggable(self) -> str:
        """The message, where it can have no figure of the account in it."""
        return self.message if self.code in OWN_WORDS else ""


def order_troubles(orders: Iterable[Order]) -> list[Trouble]:
    """Return what went wrong with orders: refused, not sent though they should have been, or not known to be."""
    wrong = [one for one in orders if one.code not in NO_TROUBLE]
    return [Trouble(one.code, _named(f"the order {one.client_order_id}: ", one.message)) for one in wrong]


def _named(name: str, message: str) -> str:
    """Return a message that begins with a name, once: a venue's failure names what was asked, too."""
    return name + message.removeprefix(name)


@dataclass(slots=True)
class Report:
    """One pass, filled in as it goes; `read_at` is when reading began, by the machine's clock, in s since 1970.

    `lacking` says what of the account the snapshot lacks, `unproven` whether the policy has failed its own tests.
    """

    account: str
    policy: Policy
    unproven: bool = False
    snapshot: Snapshot | None = None
    read_at: float = 0.0
    lacking: Lacking = WHOLE
    decided: list[Decision] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    followed: list[Order] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the account was read, everything is on record, and nothing else went wrong."""
        return not self.troubles and self.snapshot is not None

    def verdicts(self) -> Mapping[str, str | None]:
        """Return the verdict of each decision."""
        return {one.decision: self.policy.verdict_of(one) for one in self.decided}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        policy = self.policy
        return {
            "ok": self.ok,
            "account": self.account,
            "as_of": iso(self.snapshot.as_of) if self.snapshot else None,
            "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
            "decisions": [self._decision(one) for one in self.decided],
            "changes": [one.to_dict() for one in self.changes],
            "actions": [one.to_dict() for one in self.outcomes],
            "followed": [one.to_dict() for one in self.followed],
            "problems": [{"code": one.code, "message": one.message} for one in self.troubles],
        }

    def _decision(self, one: Decision) -> dict[str, Any]:
        return {
            "decision": one.decision,
            "verdict": self.policy.verdict_of(one),
            "decision_id": one.record_id,
            "outputs": one.outputs,
            "problems": [problem.to_dict() for problem in one.problems],
        }


def summary(report: Report, seconds: float) -> dict[str, object]:
    """Return a pass as fields of a line in the log, without any figure of the account."""
    fields: dict[str, object] = {
        "account": report.account,
        "ok": report.ok,
        "as_of": iso(report.snapshot.as_of) if report.snapshot else None,
        "verdicts": dict(report.verdicts()),
        "changes": len(report.changes),
        "actions": len(report.outcomes),
        "seconds": round(seconds, 3),
    }
    if report.troubles:
        told = (f"{one.code} {one.loggable}".strip() for one in report.troubles)
        fields["problems"] = list(dict.fromkeys(told))  # the cap says the same of each action
    return fields
