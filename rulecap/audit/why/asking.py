"""Why a verdict is as it is: the nearest single changes of inputs, memory and thresholds that would change it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rulecap.audit.why.axis import Axis, Turn, nearest_turns
from rulecap.audit.why.candidates import Candidate, Meter, WorkDone
from rulecap.audit.why.changed import changed_policy
from rulecap.audit.why.changes import Change, Counts, Findings
from rulecap.audit.why.inputs import Numbers, Places, Snapshots, memory_candidates, value_at
from rulecap.audit.why.opened import open_policy
from rulecap.audit.why.written import WrittenNumber, numbers_in
from rulecap.engine.compiler import enforced
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.language.terms import Const, Listing, Term, walk
from rulecap.policy.plan import Plan, plan_of, terms_of
from rulecap.policy.reading import reading_of
from rulecap.policy.typed import TypedPolicy
from rulecap.snapshot import Snapshot, read_snapshot

WORK = 60_000
MOST_REPORTED = 12
# Shares of the work, and what things cost: 1 is one evaluation of a small snapshot.
SHARE_OF_INPUTS, SHARE_OF_THRESHOLDS = 0.4, 0.4
VALUES_A_UNIT = 150
COST_OF_POLICY = 600

Wanted = Callable[[Decision], object]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a decision that was made, of what, and what of it counts as the verdict."""

    policy: Policy
    snapshot: Snapshot
    memory: Mapping[str, Any] | None
    decision: str
    wanted: Wanted
    answer: Decision

    @property
    def verdict(self) -> object:
        """The verdict as it is."""
        return self.wanted(self.answer)

    def changes(self, decision: Decision | None) -> bool:
        """Tell whether a decision is a computed one with another verdict."""
        return decision is not None and decision.ok and self.wanted(decision) != self.verdict

    def answers(self, decision: Decision | None) -> bool:
        """Tell whether a decision is computed where the one that is asked about was refused."""
        return decision is not None and decision.ok and not self.answer.ok


@dataclass(frozen=True, slots=True)
class Found:
    """A change that was found: a turn on an axis, or a choice."""

    candidate: Candidate
    turn: Turn | None
    choice: object = None

    @property
    def distance(self) -> float | None:
        """How far the change goes, none where nothing measures it."""
        return None if self.turn is None else self.candidate.distance(self.turn.turns)

    @property
    def after(self) -> object:
        """The value that changes the verdict."""
        return self.choice if self.turn is None else self.candidate.value_at(self.turn.short)


@dataclass(frozen=True, slots=True)
class Search:
    """What a search brought: changes, the nearest first, and how many candidates there were of each sort."""

    found: tuple[Found, ...]
    counts: Counts
    evaluations: int


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
    every number that takes part. Numbers are searched outwards on both sides to the last digit; for texts with known
    names and for flags the others are tried. Where the decision was refused, what would let it be computed counts, too.

    Args:
        policy: the policy that decided.
        snapshot: what it saw.
        memory: what it remembered; none at the start.
        decision: what was asked.
        wanted: what of a decision counts as its verdict.
        work: how much may be done, in evaluations of a small snapshot; the findings say when it was used up. Counted,
            not timed, so that the same question always has the same answer.

    Returns:
        The findings. Nothing is raised for data.
    """
    question = Question(policy, snapshot, memory, decision, wanted, policy.evaluate(snapshot, decision, memory))
    plans = _plans(question)
    if not plans:
        return _findings(question, (), Search((), Counts(), 1), Search((), Counts(), 0))
    numbers = _numbers(question, plans)
    meter = Meter(int(work * SHARE_OF_INPUTS))
    inputs = _inputs(question, plans, numbers, meter)
    thresholds = _thresholds(question, plans, numbers, Meter(int(work * SHARE_OF_THRESHOLDS)))
    rest = Meter(int(work * (1 - SHARE_OF_INPUTS - SHARE_OF_THRESHOLDS)))
    changed, thresholds = _verified(question, thresholds, numbers, rest)
    meter.allow(work)
    changes = [_change(question, one) for one in inputs.found[:MOST_REPORTED]]
    return _findings(question, (*changes, *changed), inputs, thresholds)


def _plans(question: Question) -> list[Plan]:
    """Return the plans of the decision that was asked for and of the one that answered."""
    typed = question.policy.typed
    names = dict.fromkeys((question.answer.answered_by, question.decision))
    return [plan_of(typed, typed.decisions[name]) for name in names if name in typed.decisions]


def _numbers(question: Question, plans: list[Plan]) -> list[WrittenNumber]:
    """Return the numbers of the policy that stand in what the answering decision is made of."""
    typed, plan = question.policy.typed, plans[0]
    sections = {
        "rules": tuple(name for name in plan.names if name in typed.rules),
        "parameters": tuple(typed.parameters),
        "inputs": tuple(check.path for check in enforced(typed, plan)),
    }
    return [one for one in numbers_in(typed, sections) if _in_force(question, one)]


def _in_force(question: Question, number: WrittenNumber) -> bool:
    """Tell whether a dated parameter's number is the one that holds at the snapshot's time; others are always so."""
    name = str(number.steps[1])
    dated = question.policy.typed.dated.get(name) if number.steps[0] == "parameters" else None
    if dated is None:
        return True
    holding = [index for index, (start, _) in enumerate(dated.values) if start <= question.snapshot.as_of]
    return number.steps[2] == "values" and bool(holding) and number.steps[3] == holding[-1]


def _inputs(question: Question, plans: list[Plan], numbers: list[WrittenNumber], meter: Meter) -> Search:
    """Return the changes of the snapshot's and the memory's values."""
    policy, typed = question.policy, question.policy.typed
    tree = question.snapshot.model_dump(mode="json")
    cost = 1 + _size(tree) // VALUES_A_UNIT
    known = Numbers(_by_unit(numbers), _names(typed, plans))

    def decide(places: Places, value: Any) -> Decision | None:
        meter.spend(cost)
        old = [_put(tree, way, value) for way in places]
        try:
            read = read_snapshot(tree)
        finally:
            for way, one in zip(places, old, strict=True):
                _put(tree, way, one)
        return policy.evaluate(read, question.decision, question.memory) if isinstance(read, Snapshot) else None

    def remembering(name: str, value: Any) -> Decision | None:
        meter.spend(cost)
        return policy.evaluate(question.snapshot, question.decision, {**(question.memory or {}), name: value})

    snapshots = Snapshots(typed, tree, known, decide)
    paths = frozenset(path for plan in plans for path in _read(plan))
    candidates = [*snapshots.absent(_missing(question.answer)), *snapshots.candidates(paths)]
    if question.memory is not None:
        candidates += memory_candidates(typed, question.memory, known, remembering)
    return _searched(question, candidates, meter)


def _read(plan: Plan) -> frozenset[str]:
    """Return the snapshot's paths that a plan reads, those included by which it hands over."""
    return plan.reads | reading_of([term for (_, term), _ in plan.decision.hand_over]).paths


def _missing(decision: Decision) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.path for one in decision.problems if one.code == "missing-input" and one.path))


def _thresholds(question: Question, plans: list[Plan], numbers: list[WrittenNumber], meter: Meter) -> Search:
    """Return the changes of the policy's numbers, found on the policy whose numbers stand open."""
    names = {f"n_{index}": number for index, number in enumerate(numbers)}
    dated = {
        str(number.steps[1]): name
        for name, number in names.items()
        if number.steps[0] == "parameters" and number.steps[1] in question.policy.typed.dated
    }
    decisions = [plan.decision.name for plan in plans]
    opened, used = open_policy(question.policy, names, decisions, dated)
    cost = 1 + _size(question.snapshot.model_dump(mode="json")) // VALUES_A_UNIT

    def deciding(name: str) -> Callable[[object], Decision | None]:
        def at(value: object) -> Decision | None:
            meter.spend(cost)
            assert isinstance(value, int | float)  # it has an axis
            decided: Decision = opened.evaluate_with(
                name, value, question.snapshot, question.decision, question.memory
            )
            return decided

        return at

    landmarks = _computed(question.answer)
    candidates = [
        Candidate("threshold", str(name), one.value, deciding(name), _axis(one, landmarks), (), one.unit, one.place)
        for name, one in names.items()
        if name in used
    ]
    return _searched(question, candidates, meter)


def _axis(number: WrittenNumber, landmarks: Mapping[str | None, tuple[float, ...]]) -> Axis:
    return Axis(number.low, number.high, number.whole, landmarks.get(number.unit, ()))


def _searched(question: Question, candidates: Iterable[Candidate], meter: Meter) -> Search:
    found: list[Found] = []
    changing = unchanging = untried = 0
    for candidate in candidates:
        try:
            turned = _turned(question, candidate)
        except WorkDone:
            untried += 1
            continue
        found += turned
        changing, unchanging = changing + bool(turned), unchanging + (not turned)
    ordered = sorted(found, key=lambda one: (one.distance is None, one.distance or 0.0))
    return Search(tuple(ordered), Counts(changing, unchanging, untried), meter.evaluations)


def _turned(question: Question, candidate: Candidate) -> list[Found]:
    """Return the changes of one candidate that change the verdict; else those that let it be computed at all."""
    for test in (question.changes, question.answers):
        if candidate.axis is not None:
            turns = nearest_turns(
                candidate.axis, candidate.start, lambda one, test=test: test(candidate.at(candidate.value_at(one)))
            )
            found = [Found(candidate, turn) for turn in turns]
        else:
            found = list(_chosen(question, candidate, test))
        if found or question.answer.ok:
            return found
    return []


def _chosen(question: Question, candidate: Candidate, test: Callable[[Decision | None], bool]) -> Iterator[Found]:
    """Yield the first choice for each other verdict that a choice brings about."""
    seen: list[object] = []
    for choice in candidate.choices:
        decided = candidate.at(choice)
        if decided is not None and test(decided) and (verdict := question.wanted(decided)) not in seen:
            seen.append(verdict)
            yield Found(candidate, None, choice)


def _verified(
    question: Question, search: Search, numbers: list[WrittenNumber], meter: Meter
) -> tuple[list[Change], Search]:
    """Return the nearest changes of thresholds that the really changed policy bears out, and the counts with it."""
    changes: list[Change] = []
    unverified = untried = 0
    for found in search.found:
        if len(changes) == MOST_REPORTED:
            break
        number = numbers[int(found.candidate.where.removeprefix("n_"))]
        try:
            change = _threshold(question, found, number, meter)
        except WorkDone:
            untried += 1
            continue
        changes += [change] if change is not None else []
        unverified += change is None
    counts = replace(search.counts, untried=search.counts.untried + untried, unverified=unverified)
    return changes, replace(search, counts=counts, evaluations=search.evaluations + meter.evaluations)


def _threshold(question: Question, found: Found, number: WrittenNumber, meter: Meter) -> Change | None:
    """Return the change of a number, evaluated with the changed policy; none where that decides otherwise."""
    turn = found.turn
    assert turn is not None  # a threshold is a number
    decided: dict[float, Decision | None] = {}
    for value in dict.fromkeys((turn.short, turn.turns, turn.stays)):
        if value == number.value:
            continue
        meter.spend(COST_OF_POLICY)
        policy = changed_policy(question.policy, number, value)
        decided[value] = (
            policy.evaluate(question.snapshot, question.decision, question.memory) if policy is not None else None
        )
    after = decided[turn.short]
    test = question.changes if question.changes(after) else question.answers
    holds = turn.stays == number.value or not test(decided[turn.stays])
    if after is None or not test(after) or not test(decided[turn.turns]) or not holds:
        return None
    named = replace(found, candidate=replace(found.candidate, where=number.path))
    return _told(question, named, after, number.rewritten(turn.short))


def _change(question: Question, found: Found) -> Change:
    """Return the change of an input, evaluated once more to tell what it says."""
    decided = found.candidate.at(found.after)
    assert decided is not None  # it was evaluated before
    return _told(question, found, decided, None)


def _told(question: Question, found: Found, decided: Decision, written: str | None) -> Change:
    one, turn = found.candidate, found.turn
    verdict = question.wanted(decided)
    return Change(
        one.kind,
        one.where,
        one.place,
        one.unit,
        one.value,
        found.after,
        one.value_at(turn.turns) if turn is not None else None,
        one.value_at(turn.stays) if turn is not None else None,
        written,
        found.distance,
        question.verdict,
        verdict,
        reason_of(decided, verdict),
    )


def _findings(question: Question, changes: tuple[Change, ...], inputs: Search, thresholds: Search) -> Findings:
    answer = question.answer
    return Findings(
        question.decision,
        question.verdict,
        reason_of(answer, question.verdict),
        answer.ok,
        _missing(answer),
        tuple(sorted(changes, key=lambda one: (one.distance is None, one.distance or 0.0))),
        {"inputs": inputs.counts, "thresholds": thresholds.counts},
        inputs.evaluations + thresholds.evaluations,
        bool(inputs.counts.untried or thresholds.counts.untried),
    )


def reason_of(decision: Decision, verdict: object) -> str:
    """Return what the checks behind a verdict say; of a refused decision what is wrong; else nothing."""
    if not decision.ok:
        return "; ".join(one.message for one in decision.problems)
    judged = (step["value"] for step in decision.trace.steps if step["kind"] == "checks" and step["value"])
    return next((str(one["reason"]) for one in judged if one["verdict"] == verdict), "")


def _by_unit(numbers: Iterable[WrittenNumber]) -> dict[str | None, tuple[float, ...]]:
    found: dict[str | None, list[float]] = {}
    for number in numbers:
        found.setdefault(number.unit, []).append(float(number.value))
    return {unit: tuple(dict.fromkeys(values)) for unit, values in found.items()}


def _computed(decision: Decision) -> dict[str | None, tuple[float, ...]]:
    """Return the numbers that a decision's rules came to, by unit: what its thresholds are compared with."""
    found: dict[str | None, list[float]] = {}
    for step in decision.trace.steps:
        value = step["value"]
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(step["unit"], []).append(value)
    return {unit: tuple(dict.fromkeys(values)) for unit, values in found.items()}


def _names(typed: TypedPolicy, plans: list[Plan]) -> tuple[str, ...]:
    """Return the names in the lists of the policy's cases and conditions, which a text may be looked for in."""
    found: list[object] = []
    for name in dict.fromkeys(name for plan in plans for name in plan.names if name in typed.rules):
        cases = typed.rules[name].cases
        rows = cases.rows.values() if cases is not None else ()
        found += [one for value, _ in rows for part in value.values() if isinstance(part, tuple) for one in part]
        index = getattr(typed.rules[name], "index", None)
        found += list(index) if isinstance(index, dict) else []
        found += [one for term in terms_of(typed, name) for one in _listed(term)]
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str)))


def _listed(term: Term) -> list[object]:
    lists = [one for one in walk(term) if isinstance(one, Listing)]
    return [item.value for one in lists for item in one.items if isinstance(item, Const)]


def _size(tree: object) -> int:
    """Return how many values a snapshot has."""
    if isinstance(tree, dict):
        return sum(_size(part) for part in tree.values())
    return sum(_size(part) for part in tree) if isinstance(tree, list) else 1


def _put(tree: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """Put a value at the end of a way, and return the one that was there."""
    holder = value_at(tree, way[:-1])
    old = holder[way[-1]] if isinstance(holder, list) else holder.get(way[-1])
    holder[way[-1]] = value
    return old
