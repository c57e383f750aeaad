"""From which age of its figures on a policy may say something else about an entry: by its own numbers."""

from collections.abc import Iterator

from rulecap.engine.compiler import all_terms, enforced
from rulecap.engine.policy import Policy
from rulecap.language.terms import Compare, Const, Dated, Read, Term, walk
from rulecap.language.values import is_number
from rulecap.policy.plan import plan_of
from rulecap.policy.typed import TypedPolicy

AGE = "age_seconds"


def fresh_for(policy: Policy) -> float | None:
    """Return the least age, in seconds, that a decision which opens positions compares its figures' age with.

    What it says of older figures, only an evaluation tells. None where it compares it with no number of the policy's.
    """
    typed = policy.typed
    return min((age for name in policy.opening for age in _ages(typed, name)), default=None)


def _ages(typed: TypedPolicy, decision: str) -> Iterator[float]:
    plan = plan_of(typed, typed.decisions[decision])
    for check in enforced(typed, plan):
        if check.path == AGE and check.high is not None:
            yield check.high
    for term in all_terms(typed, plan):
        for one in walk(term):
            if isinstance(one, Compare) and any(isinstance(side, Read) and side.path == AGE for side in one.operands):
                yield from (age for side in one.operands for age in _numbers(typed, side))


def _numbers(typed: TypedPolicy, side: Term) -> Iterator[float]:
    """Yield the numbers that a side of a comparison may be, where they stand in the policy."""
    values = [value for _, value in typed.dated[side.name].values] if isinstance(side, Dated) else []
    values += [side.value] if isinstance(side, Const) else []
    yield from (float(value) for value in values if is_number(value))
