"""Answers: a decision's outputs, flat, and beside them of when they are, how old, by which policy, on which record."""

from dataclasses import replace
from typing import Any

from rulecap.audit.record import Record
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.language.values import iso
from rulecap.problems import Problem
from rulecap.service.contract import BODY_NAMES
from rulecap.service.problems import Refused, shown_problem
from rulecap.service.sources import DEPOSITS, UNSURE, UNTOLD
from rulecap.snapshot import Snapshot

OURS = frozenset({"unlogged", "snapshot-too-old", UNTOLD, DEPOSITS, *UNSURE})
SIGNAL = "signal."
UNDECIDED = "undecided"


def answer(policy: Policy, decision: Decision, snapshot: Snapshot, age_seconds: float | None) -> dict[str, Any]:
    """Return the answer that a decision is.

    Raises:
        Refused: it could not be made, and the policy has no verdict for that case.
    """
    if not decision.ok and policy.verdict_of(decision) is None:
        raise undecided(decision, snapshot.signal is not None)
    return fields_of(policy, decision, snapshot, age_seconds)


def fields_of(policy: Policy, decision: Decision, snapshot: Snapshot, age_seconds: float | None) -> dict[str, Any]:
    """Return a decision's outputs, flat, and what stands beside them."""
    fields = {
        **decision.outputs,
        "as_of": iso(snapshot.as_of),
        "snapshot_age_seconds": age_seconds,
        "policy_digest": policy.digest,
        "decision_id": decision.record_id,
    }
    if decision.problems:
        fields["problems"] = [shown_problem(problem) for problem in decision.problems]
    return fields


def recorded_answer(record: Record) -> dict[str, Any]:
    """Return the answer that was given when a decision went on record."""
    told = record.fields
    snapshot = told["snapshot"] if isinstance(told["snapshot"], dict) else {}
    fields = {
        **told["outputs"],
        "as_of": snapshot.get("as_of"),
        "snapshot_age_seconds": snapshot.get("age_seconds"),
        "policy_digest": told["policy"]["digest"],
        "decision_id": told["id"],
    }
    if told["problems"]:
        fields["problems"] = [
            {"code": one["code"], "severity": one["severity"], "detail": one["message"], "path": one["path"]}
            for one in told["problems"]
        ]
    return fields


def undecided(decision: Decision, asked_with_figures: bool) -> Refused:
    """Return why a decision could not be made: for the request's own figures (422), or for the account's (503)."""
    first = decision.problems[0]
    signal = [_in_request(problem) for problem in decision.problems if (problem.path or "").startswith(SIGNAL)]
    if signal:
        return Refused(422, signal[0].code, f"{signal[0].path} {signal[0].message}", signal)
    code = first.code if first.code in OURS else UNDECIDED
    status = 422 if asked_with_figures and code == UNDECIDED else 503
    return Refused(status, code, f"{first.path or ''} {first.message}".strip(), decision.problems)


def _in_request(problem: Problem) -> Problem:
    """Return a problem of the signal at its place in the request."""
    field = (problem.path or "").removeprefix(SIGNAL)
    return replace(problem, path=BODY_NAMES.get(field, field))
