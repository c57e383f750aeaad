"""Why a verdict is as it is: the nearest single changes of inputs, memory and thresholds that would change it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rulecap.audit.why.candidates import Candidate, Meter
from rulecap.audit.why.changes import Change, Findings
from rulecap.audit.why.inputs import Numbers, Snapshots, memory_candidates, names_known
from rulecap.audit.why.question import Question, Wanted, paths_read, reason_of
from rulecap.audit.why.search import Search, search, verified
from rulecap.audit.why.situations import VALUES_READ, VALUES_SEEN, Situations, size_of
from rulecap.audit.why.thresholds import COST_OF_POLICY, threshold_candidates, written_numbers
from rulecap.audit.why.written import WrittenNumber
from rulecap.engine.policy import Policy
from rulecap.policy.plan import Plan
from rulecap.snapshot import Snapshot

WORK = 65_000
MOST_REPORTED = 10
EVALUATIONS_A_CHANGE = 3
# What of the work the searches get; the rest is for checking and compiling changed policies.
SHARE_OF_INPUTS, SHARE_OF_THRESHOLDS = 0.35, 0.35


def why(
    policy: Policy,
    snapshot: Snapshot,
    memory: Mapping[str, Any] | None,
    decision: str,
    wanted: Wanted,
    work: int = WORK,
) -> Findings:
    """Return the nearest single changes that would have changed the verdict, each verified by evaluation.

    One value is changed at a time: of the snapshot what the decision reads, of the memory what it holds, of the policy
    every number that takes part and is no mere arithmetic. Numbers are searched outwards on both sides, to the last
    digit; for texts with known names and for flags the others are tried. Where the decision was refused, what would let
    it be computed counts, too.

    Args:
        policy: the policy that decided.
        snapshot: what it saw.
        memory: what it remembered; none at the start.
        decision: what was asked.
        wanted: what of a decision counts as its verdict.
        work: how much may be done, in evaluations of a small snapshot; the findings say when it was used up. Counted,
            not timed, so that the same question always has the same answer.

    Returns:
        The findings; at most 10 changes of inputs and memory and 10 of thresholds. Nothing is raised for data.
    """
    answer = policy.evaluate(snapshot, decision, memory)
    question = Question(policy, snapshot, memory, decision, wanted, answer)
    plans = question.plans()
    if not plans:
        return _findings(question, [], Search(evaluations=1), Search())
    tree = snapshot.model_dump(mode="json")
    numbers = written_numbers(question, plans[0])
    changes, inputs = _inputs(question, plans, numbers, tree, int(work * SHARE_OF_INPUTS))
    others, thresholds = _thresholds(question, plans, numbers, 1 + size_of(tree) // VALUES_SEEN, work)
    return _findings(question, [*changes, *others], inputs, thresholds)


def _inputs(
    question: Question, plans: list[Plan], numbers: list[WrittenNumber], tree: dict[str, Any], work: int
) -> tuple[list[Change], Search]:
    """Return the changes of the snapshot's and the memory's values."""
    typed = question.policy.typed
    cost = 1 + size_of(tree) // VALUES_READ
    meter, proof = Meter(work), Meter(cost * EVALUATIONS_A_CHANGE * MOST_REPORTED * 2)
    situations = Situations(question, tree, cost, meter, proof)
    rules = tuple(dict.fromkeys(name for plan in plans for name in plan.names if name in typed.rules))
    known = Numbers(_by_unit(numbers), names_known(typed, rules))
    snapshots = Snapshots(typed, tree, known, situations.deciding)
    paths = frozenset(path for plan in plans for path in paths_read(typed, plan))
    candidates: list[Candidate] = [*snapshots.absent(question.missing), *snapshots.candidates(paths)]
    candidates += memory_candidates(typed, question.memory or {}, known, situations.remembering)
    return verified(question, search(question, candidates, meter), MOST_REPORTED, proof)


def _thresholds(
    question: Question, plans: list[Plan], numbers: list[WrittenNumber], cost: int, work: int
) -> tuple[list[Change], Search]:
    """Return the changes of the policy's numbers."""
    meter = Meter(int(work * SHARE_OF_THRESHOLDS))
    proof = Meter(int(work * (1 - SHARE_OF_INPUTS - SHARE_OF_THRESHOLDS)))
    candidates = threshold_candidates(question, numbers, plans, cost, (meter, proof))
    most = min(MOST_REPORTED, proof.left // (COST_OF_POLICY * EVALUATIONS_A_CHANGE))
    return verified(question, search(question, candidates, meter), most, proof)


def _by_unit(numbers: Iterable[WrittenNumber]) -> dict[str | None, tuple[float, ...]]:
    found: dict[str | None, list[float]] = {}
    for number in numbers:
        found.setdefault(number.unit, []).append(float(number.value))
    return {unit: tuple(dict.fromkeys(values)) for unit, values in found.items()}


def _findings(question: Question, changes: list[Change], inputs: Search, thresholds: Search) -> Findings:
    answer = question.answer
    return Findings(
        decision=question.decision,
        verdict=question.verdict,
        reason=reason_of(answer, question.verdict),
        ok=answer.ok,
        missing=question.missing,
        changes=tuple(sorted(changes, key=lambda one: (one.distance is None, one.distance or 0.0))),
        counts={"inputs": inputs.counts, "thresholds": thresholds.counts},
        evaluations=1 + inputs.evaluations + thresholds.evaluations,
        exhausted=bool(inputs.counts.untried or thresholds.counts.untried),
    )
