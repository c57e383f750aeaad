"""The plan of a decision: the rules that it needs, in order, and what they read of the snapshot."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from rulecap.language import types as t
from rulecap.language.scope import Reader
from rulecap.language.terms import Const, Term
from rulecap.policy.reading import Reading, joined, reading_of
from rulecap.policy.typed import OutputTerms, Told, TypedDecision, TypedPolicy


@dataclass(frozen=True, slots=True)
class Plan:
    """A slice of a policy.

    Attributes:
        names: rules and `memory.name`s in the order of evaluation.
        reads: the snapshot's paths that are read, elements' fields included (`positions.score`).
        demands: optional paths that are read as present, with the reader and the place.
        adjusted: rules whose adjustments an output lists.
        dated: the dated parameters that are read.
        remembers: whether the outputs depend on the memory.
        advances: whether the next memory is computed too.
    """

    decision: TypedDecision
    names: tuple[str, ...]
    reads: frozenset[str]
    demands: dict[str, tuple[str, Reader]]
    adjusted: frozenset[str]
    dated: frozenset[str]
    remembers: bool
    advances: bool = True


def plan_of(policy: TypedPolicy, decision: TypedDecision, advances: bool = True) -> Plan:
    """Return a decision's plan; with `advances` it also computes the next memory."""
    answer = reading_of([*(term for _, term in leaves(decision.outputs)), *said(decision)])
    answering = _closure(policy, answer)
    roots = [answer]
    needed = answering
    if advances:
        following = reading_of([one.next[1] for one in policy.memory.values()])
        starts = Reading(frozenset(f"memory.{name}" for name in policy.memory))
        roots += [following]
        needed = _closure(policy, joined([answer, following, starts]))
    whole = joined([*roots, *(_reading(policy, name) for name in needed)])
    return Plan(
        decision,
        tuple(name for name in policy.order if name in needed),
        whole.paths,
        _demands(policy, needed, decision, advances),
        whole.adjusted,
        whole.dated,
        any(name.startswith("memory.") for name in answering),
        advances,
    )


def _demands(
    policy: TypedPolicy, needed: set[str], decision: TypedDecision, advances: bool
) -> dict[str, tuple[str, Reader]]:
    found: dict[str, tuple[str, Reader]] = {}
    readers = [*(name for name in policy.order if name in needed), decision.named]
    for name in [*readers, "memory"] if advances else readers:
        for path, place in policy.demands.get(name, {}).items():
            found.setdefault(path, (name, place))
    return found


def without(policy: TypedPolicy, decision: TypedDecision, unusable: frozenset[str]) -> TypedDecision:
    """Return the decision with its `on_error` value in place of every output that depends on what is unusable.

    Args:
        policy: the policy.
        decision: one of its decisions.
        unusable: rules, remembered values as `memory.name`, paths of the snapshot, and outputs by what they are named.
    """

    def depends(terms: Iterable[Term]) -> bool:
        answer = reading_of(terms)
        needed = _closure(policy, answer)
        paths = joined([answer, *(_reading(policy, name) for name in needed)]).paths
        return not unusable.isdisjoint(needed | paths)

    told = tuple(line for line in decision.explain if not depends(_terms_said(line)))

    def lost(output: str, term: Term) -> bool:
        return output in unusable or depends([term])

    outputs = _left_out(decision.outputs, decision.on_error, decision.named, lost)
    return replace(decision, outputs=outputs, explain=told)


def _left_out(outputs: OutputTerms, on_error: object, within: str, lost: Callable[[str, Term], bool]) -> OutputTerms:
    kept: OutputTerms = {}
    for name, part in outputs.items():
        fallback = on_error.get(name) if isinstance(on_error, dict) else None
        if isinstance(part, dict):
            kept[name] = _left_out(part, fallback, f"{within}.{name}", lost)
        else:
            missing = lost(f"{within}.{name}", part[1])
            kept[name] = (part[0], Const(t.UNKNOWN, 0, fallback)) if missing else part
    return kept


def leaves(outputs: OutputTerms) -> Iterator[tuple[object, Term]]:
    """Yield every output's expression and term."""
    for part in outputs.values():
        if isinstance(part, dict):
            yield from leaves(part)
        else:
            yield part


def said(decision: TypedDecision) -> Iterator[Term]:
    """Yield the terms of a decision's explanation."""
    for line in decision.explain:
        yield from _terms_said(line)


def _terms_said(line: Told) -> Iterator[Term]:
    when, parts = line
    if when is not None:
        yield when[1]
    yield from (part[1] for part in parts if not isinstance(part, str))


def asked(decision: TypedDecision) -> Iterator[Term]:
    """Yield every term of a decision: of its hand-overs, its outputs, its explanation."""
    yield from (term for (_, term), _ in decision.hand_over)
    yield from (term for _, term in leaves(decision.outputs))
    yield from said(decision)


def every_term(policy: TypedPolicy) -> Iterator[Term]:
    """Yield every term of a policy: of its rules, its memory, its decisions."""
    for rule in policy.rules.values():
        yield from rule.terms()
    for one in policy.memory.values():
        yield from (term for _, term in (one.start, one.next))
    for decision in policy.decisions.values():
        yield from asked(decision)


def terms_of(policy: TypedPolicy, name: str) -> list[Term]:
    """Return the terms of a rule, or of where a remembered value starts."""
    if name.startswith("memory."):
        remembered = policy.memory.get(name.removeprefix("memory."))
        return [remembered.start[1]] if remembered is not None else []  # a wrong one is reported on its own
    return list(policy.rules[name].terms()) if name in policy.rules else []  # a wrong rule is reported on its own


def _reading(policy: TypedPolicy, name: str) -> Reading:
    """Return what a rule reads; kept with the policy, because many decisions need the same rules."""
    found = policy.readings.get(name)
    if found is None:
        found = policy.readings[name] = reading_of(terms_of(policy, name))
    return found


def _closure(policy: TypedPolicy, roots: Reading) -> set[str]:
    needed: set[str] = set()
    todo = list(roots.names)
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += _reading(policy, name).names
    return needed
