"""Statistics of the log: verdicts over time, which check or adjustment bound how often, what was wrong with inputs."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any

from rulecap.audit.clock import MICROSECOND, iso_of
from rulecap.audit.log import Kind, Log, Stored
from rulecap.audit.record import Record
from rulecap.audit.replay import evaluated_again
from rulecap.audit.review.damage import named
from rulecap.audit.review.selection import Kinds
from rulecap.language.terms import Adjustments
from rulecap.policy.typed import OutputTerms, TypedPolicy

MONDAY = timedelta(days=4) // MICROSECOND  # the first one of 1970: from it on weeks, days and hours are counted
Check = tuple[str, str, str, str]  # policy, rule, check, verdict
Step = tuple[str, str, str]  # policy, rule, step


@dataclass(slots=True)
class Bound:
    """How often a check fired, and how often its verdict was the rule's."""

    fired: int = 0
    decided: int = 0


@dataclass(slots=True)
class Change:
    """How often a step of an adjustment changed the number, and by how much.

    Attributes:
        count: how often it did.
        relative: the relative changes, eight bytes each; those from zero, which have none, left out.
        largest: the largest of them, and the record it is in.
    """

    count: int = 0
    relative: "array[float]" = field(default_factory=lambda: array("d"))
    largest: float = 0.0
    record: int = 0

    def add(self, before: float, after: float, seq: int) -> None:
        """Count a change."""
        self.count += 1
        if not before:
            return
        relative = after / before - 1
        self.relative.append(relative)
        if abs(relative) > abs(self.largest):
            self.largest, self.record = relative, seq

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types, with stable keys."""
        known = len(self.relative) > 0
        return {
            "changed": self.count,
            "median_change": median(self.relative) if known else None,
            "largest_change": self.largest if known else None,
            "record": self.record or None,
        }


@dataclass(slots=True)
class Stats:
    """What the records say together.

    Attributes:
        records: how many there are.
        verdicts: by the start of the stretch of time, and by what the records are about.
        checks: by policy, rule, check and verdict.
        changes: by policy, rule and step.
        problems: by code.
        callers: by who asked.
    """

    records: int = 0
    verdicts: dict[tuple[int, str, str], int] = field(default_factory=Counter)
    checks: dict[Check, Bound] = field(default_factory=dict)
    changes: dict[Step, Change] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=Counter)
    callers: dict[str | None, int] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types, with stable keys; the most frequent first."""
        return {
            "records": self.records,
            "verdicts": [
                {"time": iso_of(time), "decision": decision, "verdict": verdict or None, "count": count}
                for (time, decision, verdict), count in sorted(self.verdicts.items())
            ],
            "checks": [
                {"policy": policy, "rule": rule, "check": check, "verdict": verdict,
                 "fired": one.fired, "decided": one.decided}
                for (policy, rule, check, verdict), one in _by(self.checks, lambda one: one.fired)
            ],
            "adjustments": [
                {"policy": policy, "rule": rule, "step": step, **one.to_dict()}
                for (policy, rule, step), one in _by(self.changes, lambda one: one.count)
            ],
            "problems": [{"code": code, "count": count} for code, count in _by(self.problems, lambda one: one)],
            "asked_by": [{"asked_by": name, "count": count} for name, count in _by(self.callers, lambda one: one)],
        }  # fmt: skip


def _by(found: dict[Any, Any], size: Any) -> list[tuple[Any, Any]]:
    return sorted(found.items(), key=lambda item: (-size(item[1]), item[0] or ""))  # none is nobody's name


def stats_of(log: Log, kinds: Kinds, records: Iterable[Stored], every: timedelta) -> Stats:
    """Return the statistics of records.

    Args:
        log: where their policies are.
        kinds: what they are about.
        records: the records.
        every: how long the stretches of time are, counted from a Monday at midnight UTC.

    Raises:
        LogError: a record is damaged, or its policy is missing.
    """
    stats, step = Stats(), every // MICROSECOND
    for stored in records:
        with named(stored.record.seq):
            if stored.record.decides:
                _count(stats, log, kinds[stored.kind], stored, (stored.time - MONDAY) // step * step + MONDAY)
    return stats


def _count(stats: Stats, log: Log, kind: Kind, stored: Stored, time: int) -> None:
    fields, policy = stored.record.fields, log.policy(kind.digest).typed
    stats.records += 1
    stats.verdicts[time, kind.decision, kind.verdict] += 1
    stats.callers[fields["asked_by"]] += 1
    for code in {problem["code"] for problem in fields["problems"]}:
        stats.problems[code] += 1
    for rule, value in fields["steps"].items():
        if rule in policy.rules and policy.rules[rule].rule.kind == "checks" and isinstance(value, dict):
            _checked(stats, kind.policy, rule, value)
    for rule, name, before, after in _adjustments(log, policy, stored.record):
        if before != after:
            stats.changes.setdefault((kind.policy, rule, name), Change()).add(before, after, stored.record.seq)


def _checked(stats: Stats, policy: str, rule: str, value: dict[str, Any]) -> None:
    for reason in value["reasons"]:
        bound = stats.checks.setdefault((policy, rule, reason["check"], reason["verdict"]), Bound())
        bound.fired += 1
        bound.decided += reason["verdict"] == value["verdict"]


def _adjustments(log: Log, policy: TypedPolicy, record: Record) -> Iterator[tuple[str, str, float, float]]:
    """Yield rule, step, value before and after: from an output that lists all of them, else by evaluating again."""
    fields = record.fields
    decision = policy.decisions.get(fields["answered_by"])
    if decision is None or not fields["ok"]:
        return
    computed = {name for name in fields["steps"] if name in policy.rules and policy.rules[name].rule.kind == "adjust"}
    if not computed:
        return
    for output, rules in _listing(decision.outputs).items():
        if computed <= rules:
            for one in fields["outputs"][output]:
                yield one["rule"], one["name"], one["from"], one["to"]
            return
    for step in evaluated_again(record, log.policy(fields["policy"]["digest"])).trace.of_kind("adjust"):
        if step["detail"] is not None:
            for one in step["detail"]["steps"]:
                yield step["rule"], one["name"], one["from"], one["to"]  # the same where it did not apply


def _listing(outputs: OutputTerms) -> dict[str, set[str]]:
    """Return the outputs that list adjustments, and of which rules."""
    terms = {name: part[1] for name, part in outputs.items() if not isinstance(part, dict)}
    return {name: set(term.rules) for name, term in terms.items() if isinstance(term, Adjustments)}
