"""The plan of a decision: the rules that it needs, in order, and what they read of the snapshot."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rulecap.language import types as t
from rulecap.language.terms import (
    Adjustments,
    Call,
    Const,
    Dated,
    Field,
    Lookup,
    Read,
    Remembered,
    Rows,
    RuleValue,
    Term,
    walk,
)
from rulecap.location import Location
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
    """

    decision: TypedDecision
    names: tuple[str, ...]
    reads: frozenset[str]
    demands: dict[str, tuple[str, Location]]
    adjusted: frozenset[str]
    dated: frozenset[str]
    remembers: bool
    advances: bool = True


def plan_of(policy: TypedPolicy, decision: TypedDecision, advances: bool = True) -> Plan:
    """Return a decision's plan; with `advances` it also computes the next memory."""
    answers = [term for _, term in leaves(decision.outputs)] + list(_said(decision))
    answering = _closure(policy, answers)
    roots = answers + ([one.next[1] for one in policy.memory.values()] if advances else [])
    needed = _closure(policy, roots)
    if advances:
        needed |= {f"memory.{name}" for name in policy.memory}
        needed |= _closure(policy, [one.start[1] for one in policy.memory.values()])
    terms = [*roots, *(term for name in needed for term in terms_of(policy, name))]
    demands: dict[str, tuple[str, Location]] = {}
    for name in [
        *(one for one in policy.order if one in needed),
        f"decision.{decision.name}",
        *(["memory"] if advances else []),
    ]:
        for path, place in policy.demands.get(name, {}).items():
            demands.setdefault(path, (name, place))
    return Plan(
        decision,
        tuple(name for name in policy.order if name in needed),
        frozenset(path for term in terms for one in walk(term) for path in _paths(one)),
        demands,
        frozenset(rule for term in terms for one in walk(term) if isinstance(one, Adjustments) for rule in one.rules),
        frozenset(one.name for term in terms for one in walk(term) if isinstance(one, Dated)),
        any(name.startswith("memory.") for name in answering),
        advances,
    )


def without_memory(policy: TypedPolicy, decision: TypedDecision) -> TypedDecision:
    """Return the decision with its `on_error` value in place of every output that depends on the memory."""
    said = tuple(line for line in decision.explain if not _remembers(policy, list(_terms_said(line))))
    return replace(decision, outputs=_forgetful(policy, decision.outputs, decision.on_error), explain=said)


def _forgetful(policy: TypedPolicy, outputs: OutputTerms, on_error: object) -> OutputTerms:
    kept: OutputTerms = {}
    for name, part in outputs.items():
        fallback = on_error.get(name) if isinstance(on_error, dict) else None
        if isinstance(part, dict):
            kept[name] = _forgetful(policy, part, fallback)
        elif _remembers(policy, [part[1]]):
            kept[name] = (part[0], Const(t.UNKNOWN, 0, fallback))
        else:
            kept[name] = part
    return kept


def _remembers(policy: TypedPolicy, terms: list[Term]) -> bool:
    return any(name.startswith("memory.") for name in _closure(policy, terms)) or any(
        isinstance(one, Remembered) for term in terms for one in walk(term)
    )


def leaves(outputs: OutputTerms) -> Iterator[tuple[object, Term]]:
    """Yield every output's expression and term."""
    for part in outputs.values():
        if isinstance(part, dict):
            yield from leaves(part)
        else:
            yield part


def _said(decision: TypedDecision) -> Iterator[Term]:
    for line in decision.explain:
        yield from _terms_said(line)


def _terms_said(line: Told) -> Iterator[Term]:
    when, parts = line
    if when is not None:
        yield when[1]
    yield from (part[1] for part in parts if not isinstance(part, str))


def terms_of(policy: TypedPolicy, name: str) -> list[Term]:
    """Return the terms of a rule, or of where a remembered value starts."""
    if name.startswith("memory."):
        return [policy.memory[name.removeprefix("memory.")].start[1]]
    return list(policy.rules[name].terms())


def references(terms: Iterable[Term]) -> Iterator[str]:
    """Yield the rules and remembered values that terms read."""
    for term in terms:
        for one in walk(term):
            match one:
                case RuleValue(name=name):
                    yield name
                case Remembered(name=name):
                    yield f"memory.{name}"
                case Adjustments(rules=rules):
                    yield from rules


def _closure(policy: TypedPolicy, roots: Iterable[Term]) -> set[str]:
    needed: set[str] = set()
    todo = list(references(roots))
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += references(terms_of(policy, name))
    return needed


ELEMENTS = {"position": "positions", "asset": "assets", "bracket": "market.brackets"}


def _paths(term: Term) -> Iterator[str]:
    """Yield the snapshot's paths that one term reads; a function that takes records reads all their fields."""
    if isinstance(term, Read):
        yield term.path
    elif isinstance(term, Field):
        record = t.strip(term.base.type)
        if isinstance(record, t.Record) and record.access == "attribute" and record.word in ELEMENTS:
            yield f"{ELEMENTS[record.word]}.{term.name}"
    elif isinstance(term, Call):
        for argument in term.arguments:
            kind = t.strip(argument.type)
            if isinstance(kind, t.ListOf) and isinstance(kind.item, t.Record) and kind.item.word in ELEMENTS:
                yield from (f"{ELEMENTS[kind.item.word]}.{name}" for name in kind.item.fields)


__all__ = ["Lookup", "Plan", "Rows", "leaves", "plan_of", "references", "terms_of"]
