"""The numbers of a policy as candidates: found on a policy whose numbers stand open, proved on the changed one."""

from collections.abc import Mapping

from rulecap.audit.why.axis import Axis
from rulecap.audit.why.candidates import Candidate, Decide, Meter
from rulecap.audit.why.changed import changed_policy
from rulecap.audit.why.open_numbers import OpenPolicy
from rulecap.audit.why.opened import open_policy
from rulecap.audit.why.question import Question
from rulecap.audit.why.written import WrittenNumber, numbers_in
from rulecap.engine.compiler import all_terms, enforced
from rulecap.engine.decision import Decision
from rulecap.language.terms import Const, Lookup, Rows, walk
from rulecap.language.values import is_number
from rulecap.policy.plan import Plan
from rulecap.policy.typed import TypedPolicy

# To check and compile a changed policy takes as long as so many evaluations of a small snapshot.
COST_OF_POLICY = 600

ByUnit = Mapping[str | None, tuple[float, ...]]


def written_numbers(question: Question, plan: Plan) -> list[WrittenNumber]:
    """Return the numbers of the policy that stand in what a plan is made of, those in force of dated parameters."""
    typed = question.policy.typed
    taking_part = _rules_of(typed, plan)
    sections = {
        "rules": tuple(name for name in typed.rules if name in taking_part),
        "parameters": tuple(typed.parameters),
        "decisions": (plan.decision.name,),
        "inputs": tuple(check.path for check in enforced(typed, plan)),
    }
    return [one for one in numbers_in(typed, sections) if _in_force(question, one)]


def _rules_of(typed: TypedPolicy, plan: Plan) -> frozenset[str]:
    """Return the rules of a plan, and those of which it reads a case by name or looks one up."""
    found = set(plan.names)
    for term in all_terms(typed, plan):
        for one in walk(term):
            if isinstance(one, Lookup | Rows):
                found.add(one.rule)
            elif isinstance(one, Const):
                found.add(one.name.partition(".")[0])
    return frozenset(found)


def _in_force(question: Question, number: WrittenNumber) -> bool:
    if not _dated(question, number):
        return True
    dated = question.policy.typed.dated[str(number.steps[1])]
    holding = [index for index, (start, _) in enumerate(dated.values) if start <= question.snapshot.as_of]
    return bool(holding) and number.steps[2:4] == ("values", holding[-1])


def _dated(question: Question, number: WrittenNumber) -> bool:
    return number.steps[0] == "parameters" and number.steps[1] in question.policy.typed.dated


def threshold_candidates(
    question: Question, numbers: list[WrittenNumber], plans: list[Plan], cost: int, meters: tuple[Meter, Meter]
) -> list[Candidate]:
    """Return the numbers that take part as candidates.

    Args:
        question: what is asked.
        numbers: the numbers that may take part.
        plans: of the decisions in which they may.
        cost: of one evaluation.
        meters: for the search, and for the evaluations of changed policies.
    """
    names = {f"n_{index}": number for index, number in enumerate(numbers)}
    dated = {str(number.steps[1]): name for name, number in names.items() if _dated(question, number)}
    opened, used = open_policy(question.policy, names, [plan.decision.name for plan in plans], dated)
    landmarks = _computed(question.answer)
    searching, proving = meters
    return [
        Candidate(
            "threshold",
            one.path,
            one.value,
            _openly(question, opened, name, cost, searching),
            _really(question, one, proving),
            Axis(one.low, one.high, one.whole, landmarks.get(one.unit, ())),
            unit=one.unit,
            place=one.place,
            written=one.rewritten,
        )
        for name, one in names.items()
        if name in used
    ]


def _openly(question: Question, opened: OpenPolicy, name: str, cost: int, meter: Meter) -> Decide:
    def decide(value: object) -> Decision:
        assert isinstance(value, int | float)  # it has an axis
        meter.spend(cost)
        return opened.evaluate_with(name, value, question.snapshot, question.decision, question.memory)

    return decide


def _really(question: Question, number: WrittenNumber, meter: Meter) -> Decide:
    def decide(value: object) -> Decision | None:
        assert isinstance(value, int | float)  # as above
        meter.spend(COST_OF_POLICY)
        policy = changed_policy(question.policy, number, value)
        return policy.evaluate(question.snapshot, question.decision, question.memory) if policy is not None else None

    return decide


def _computed(decision: Decision) -> ByUnit:
    """Return the numbers that a decision's rules came to, by unit: what its thresholds are compared with."""
    found: dict[str | None, list[float]] = {}
    for step in decision.trace.steps:
        value = step["value"]
        if is_number(value):
            found.setdefault(step["unit"], []).append(value)
    return {unit: tuple(dict.fromkeys(values)) for unit, values in found.items()}
