"""Why an input was refused: the slow path behind the compiled function's guards, which names every problem."""

from collections.abc import Iterable, Iterator
from typing import Any

from rulecap.engine.compiler import enforced, fact_test
from rulecap.language import types as t
from rulecap.language.values import show
from rulecap.policy.plan import Plan
from rulecap.policy.typed import InputCheck, TypedPolicy
from rulecap.problems import Problem, did_you_mean, nearest, shown
from rulecap.snapshot import Snapshot


def refusals(policy: TypedPolicy, plan: Plan, snapshot: Snapshot) -> list[Problem]:
    """Return everything that a plan misses in a snapshot or does not take."""
    return [
        *_missing(plan, snapshot),
        *(found for check in enforced(policy, plan) for found in _unfit(check, snapshot)),
    ]


def _missing(plan: Plan, snapshot: Snapshot) -> Iterator[Problem]:
    reported: list[str] = []
    for path in plan.decision.requires:
        if any(path.startswith(other + ".") for other in reported):
            continue
        if all(value is None for _, value in values_at(snapshot, path)):
            reported.append(path)
            yield Problem("missing-input", f"the decision {plan.decision.name} cannot do without {path}", path=path)


def values_at(snapshot: Any, path: str) -> list[tuple[str, Any]]:
    """Return the values at a dotted path, each with its JSON path; through a list, those of all elements."""
    found: list[tuple[str, Any]] = [("", snapshot)]
    parts = path.split(".")
    for depth, part in enumerate(parts, 1):
        following: list[tuple[str, Any]] = []
        for place, holder in found:
            value = holder.get(part) if isinstance(holder, dict) else getattr(holder, part, None)
            here = f"{place}.{part}" if place else part
            if isinstance(value, tuple) and depth < len(parts):
                following += [(f"{here}[{number}]", item) for number, item in enumerate(value)]
            else:
                following.append((here, value))
        found = following
    return found


def _unfit(check: InputCheck, snapshot: Snapshot) -> Iterator[Problem]:
    for place, value in values_at(snapshot, check.path):
        if check.same_as is not None:
            other = values_at(snapshot, check.same_as)[0][1]
            if value is not None and other is not None and value != other:
                yield Problem(
                    "does-not-agree",
                    f"{place} is {value}, {check.same_as} is {other}: they must be the same",
                    path=place,
                )
        elif check.type is not None:
            if value is None and not fact_test(check)(value):
                message = f"is missing, and must be {_wanted(check)}"
                yield Problem("missing-input", message, path=place, hint=_misspelt(place, snapshot))
            elif not fact_test(check)(value):
                yield _unfit_fact(check, place, value)
        elif value is not None and check.names is not None and value not in check.names:
            yield _unlisted(check, check.names, place, value)
        elif (
            value is not None
            and check.low is not None
            and check.high is not None
            and not check.low <= value <= check.high
        ):
            yield Problem("out-of-range", f"must be {_wanted(check)}{_got(value)}", path=place)


def _unfit_fact(check: InputCheck, place: str, value: object) -> Problem:
    if check.names is not None and isinstance(value, str):
        return _unlisted(check, check.names, place, value)
    code = "wrong-type" if _other_type(check, value) else "out-of-range"
    return Problem(code, f"must be {_wanted(check)}{_got(value)}", path=place)


def _unlisted(check: InputCheck, names: Iterable[str], place: str, value: object) -> Problem:
    hint = did_you_mean(str(value)[:64], names)
    return Problem("not-allowed", f"must be {_wanted(check)}{_got(value)}", path=place, hint=hint)


def _misspelt(path: str, snapshot: Snapshot) -> str:
    """Return which of the snapshot's facts may be the one that is missing; nothing where none is like it."""
    near = nearest(path.removeprefix("facts."), snapshot.facts)
    return f"the snapshot has facts.{shown(near)}: is it meant?" if near is not None else ""


def _other_type(check: InputCheck, value: object) -> bool:
    kind = t.strip(check.type) if check.type else t.UNKNOWN
    if isinstance(kind, t.Number):
        return isinstance(value, bool) or not isinstance(value, int | float)
    return not isinstance(value, bool if kind == t.FLAG else str)


def _got(value: object) -> str:
    return f", got {str(value)[:64]}"


def _wanted(check: InputCheck) -> str:
    if check.names is not None:
        return f"one of {', '.join(sorted(check.names))}"
    if check.low is not None and check.high is not None:
        return f"between {show(check.low, check.unit)} and {show(check.high, check.unit)}"
    kind = t.strip(check.type) if check.type else t.UNKNOWN
    return f"a number ({check.unit})" if isinstance(kind, t.Number) else f"a {kind}"
