"""A policy whose numbers stand open: compiled once, evaluated with another number in any one place.

Searching for where a number turns a verdict takes dozens of evaluations; a changed policy takes longer to check and to
compile than all of them. So the search runs on one compiled function that looks its numbers up, and what it finds is
evaluated again with the really changed policy (`rulecap.audit.why.changed`). Only that is reported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from pydantic import BaseModel

from rulecap.audit.why.changed import changed_document
from rulecap.audit.why.open_numbers import Cell, OpenNumber, OpenParts, OpenPolicy, filled, held
from rulecap.audit.why.written import WrittenNumber
from rulecap.engine.policy import Policy
from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.scope import Scope
from rulecap.language.terms import Const, Dated
from rulecap.language.values import is_number
from rulecap.location import Location
from rulecap.policy.checks.decisions import check_decision
from rulecap.policy.load import Loaded
from rulecap.policy.model import Decision as Decided
from rulecap.policy.nodes import Mapping as Node
from rulecap.policy.sources import Sources
from rulecap.policy.typed import InputCheck, TypedDecision, TypedPolicy
from rulecap.policy.vocabulary import Vocabulary
from rulecap.rules.kinds import KINDS
from rulecap.rules.typed import Typed

AS_IT_IS = (Expression, t.Type, Location, Scope, BaseModel)
Swap = Callable[[Const | Dated], Const | Dated]


def open_policy(
    policy: Policy, numbers: Mapping[str, WrittenNumber], decisions: Iterable[str], dated: Mapping[str, str]
) -> tuple[OpenPolicy, frozenset[str]]:
    """Return the policy with numbers standing open, and the names of those that were found to take part.

    Args:
        policy: the policy.
        numbers: the numbers by the names that they get, each an identifier.
        decisions: which decisions' outputs take part.
        dated: for a dated parameter, the name of its number in force.
    """
    typed = policy.typed
    parts = OpenParts({name: OpenNumber(name, one.value) for name, one in numbers.items()})
    rules, decided = _opened(typed, numbers, parts)
    by_name = {
        str(one.steps[1]): parts.numbers[name]
        for name, one in numbers.items()
        if one.steps[0] == "parameters" and str(one.steps[1]) not in dated
    }
    by_date = {parameter: parts.numbers[name] for parameter, name in dated.items()}
    swap = _swap(rules, by_name, by_date)
    opened = replace(
        typed,
        rules={name: _walked(rule, swap) for name, rule in rules.items()},
        memory={name: _walked(one, swap) for name, one in typed.memory.items()},
        decisions={
            name: replace(one, outputs=_walked(one.outputs, swap)) if name in set(decisions) else one
            for name, one in decided.items()
        },
        inputs=tuple(_check(one, numbers, parts) for one in typed.inputs),
        readings={},
    )
    used: set[str] = set()
    holders = [*opened.rules.values(), *opened.memory.values(), *opened.decisions.values(), *opened.inputs]
    cells = [cell for holder in holders for cell in _cells(holder, used, set())]
    for cell in cells:
        cell.holder[cell.key] = filled(cell.template)
        for number in held(cell.template):
            parts.cells.setdefault(number.name, []).append(cell)
    return OpenPolicy(Loaded(opened, Sources(typed.text.node), ()), parts), frozenset(used)


def _opened(
    typed: TypedPolicy, numbers: Mapping[str, WrittenNumber], parts: OpenParts
) -> tuple[dict[str, Typed], dict[str, TypedDecision]]:
    """Return the rules and decisions with the numbers open that are written in them.

    Where a number went is found out by checking its part again with another number, and looking what differs.
    """
    rules, decisions = dict(typed.rules), dict(typed.decisions)
    memory = {name: one.type for name, one in typed.memory.items()}
    words = Vocabulary(typed.text, typed.snapshot, typed.parameters, [], dict(typed.rules), memory)
    words.written_rules, words.written_memory = frozenset(typed.rules), frozenset(typed.memory)
    for name, number in numbers.items():
        section, part = str(number.steps[0]), str(number.steps[1])
        other = _checked_again(typed, words, number) if section in ("rules", "decisions") else None
        if isinstance(other, Typed):
            rules[part] = _grafted(typed.rules[part], other, rules[part], parts.numbers[name])
        elif other is not None:
            old, into = typed.decisions[part], decisions[part]
            outputs = _grafted(old.outputs, other.outputs, into.outputs, parts.numbers[name])
            decisions[part] = replace(into, outputs=outputs)
    return rules, decisions


def _checked_again(typed: TypedPolicy, words: Vocabulary, number: WrittenNumber) -> Typed | TypedDecision | None:
    """Return the rule or decision with another number in this place; none where no other one is taken there."""
    section, name = str(number.steps[0]), str(number.steps[1])
    for value in _others(number):
        document = changed_document(typed.text.node, number, value)
        entries = document.get(section) if document is not None else None
        node = entries.get(name) if isinstance(entries, Node) else None
        if not isinstance(node, Node):
            continue
        words.problems = []
        checked = _checked(typed, words, section, name, node)
        if not words.problems:
            return checked
    return None


def _checked(typed: TypedPolicy, words: Vocabulary, section: str, name: str, node: Node) -> Typed | TypedDecision:
    if section == "decisions":
        return check_decision(name, Decided.model_validate(node), words)
    rule = typed.text.rules[name]
    made = KINDS[rule.kind].read(rule.key, node)
    checked: Typed = made.check(words.scope(name))  # type: ignore[attr-defined]  # every kind has `check`
    return checked


def _others(number: WrittenNumber) -> list[float]:
    """Return other numbers that may stand in the place."""
    if number.whole:
        near: list[float] = [number.value + 1, number.value - 1]
    else:
        gap = max(abs(number.value), 1.0) / 1024
        ends = [(number.value + end) / 2 for end in (number.low, number.high)]
        near = [number.value + gap, number.value - gap, *ends]
    return [one for one in near if number.low <= one <= number.high and one != number.value]


def _grafted(base: Any, other: Any, into: Any, number: OpenNumber) -> Any:
    """Return `into` with the open number in every place in which `base` and `other` differ by a number."""
    if base is other or isinstance(base, AS_IT_IS):
        return into
    if is_number(base):
        differs = isinstance(other, int | float) and base != other
        return number if differs else into
    if type(base) is not type(other):
        return into
    if isinstance(base, dict):
        return {key: _grafted(base[key], other.get(key), part, number) for key, part in into.items()}
    if isinstance(base, tuple):
        same = len(base) == len(other)
        parts = zip(base, other, into, strict=True) if same else ()
        return tuple(_grafted(*three, number) for three in parts) if same else into
    if is_dataclass(base):
        return _rebuilt(into, lambda name, part: _grafted(getattr(base, name), getattr(other, name), part, number))
    return into


def _rebuilt(whole: Any, made: Callable[[str, Any], Any]) -> Any:
    """Return a dataclass with its parts made anew; where a term stands in its text stays."""
    names = [one.name for one in fields(whole) if one.name != "offset"]
    changed = {name: new for name in names if (new := made(name, old := getattr(whole, name))) is not old}
    return replace(whole, **changed) if changed else whole


def _swap(
    rules: Mapping[str, Typed],
    by_name: Mapping[str, OpenNumber],
    by_date: Mapping[str, OpenNumber],
) -> Swap:
    """Return what puts open numbers in place of those that a term reads by the name of a parameter or a case."""

    def swap(term: Const | Dated) -> Const | Dated:
        if isinstance(term, Dated):
            number = by_date.get(term.name)
            return term if number is None else Const(term.type, term.offset, number, term.name)
        if term.name in by_name:
            return replace(term, value=by_name[term.name])
        rule, _, rest = term.name.partition(".")
        cases = rules[rule].cases if rest and rule in rules else None
        if cases is None:
            return term
        case, *way = rest.split(".")
        value: Any = cases.rows[case][0] if case in cases.rows else None
        for step in way:
            value = value.get(step) if isinstance(value, dict) else None
        return replace(term, value=value) if isinstance(value, OpenNumber | dict) else term

    return swap


def _walked(value: Any, swap: Swap) -> Any:
    """Return a part of a policy with its constants swapped."""
    if isinstance(value, AS_IT_IS):
        return value
    if isinstance(value, Const | Dated):
        return swap(value)
    if isinstance(value, dict):
        found = {key: _walked(part, swap) for key, part in value.items()}
        return found if any(found[key] is not part for key, part in value.items()) else value
    if isinstance(value, tuple):
        parts = tuple(_walked(part, swap) for part in value)
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    if is_dataclass(value):
        return _rebuilt(value, lambda _, part: _walked(part, swap))
    return value


def _check(check: InputCheck, numbers: Mapping[str, WrittenNumber], parts: OpenParts) -> InputCheck:
    ends = {"low": 0, "high": 1}
    found = {
        end: parts.numbers[name]
        for name, one in numbers.items()
        for end, index in ends.items()
        if one.steps == ("inputs", check.path, "range", index)
    }
    return replace(check, low=found.get("low", check.low), high=found.get("high", check.high))


def _cells(value: Any, used: set[str], seen: set[int]) -> Iterator[Cell]:
    """Yield the places in mappings where open numbers stand, each once; note which numbers are used anywhere."""
    if isinstance(value, OpenNumber):
        used.add(value.name)
    elif isinstance(value, dict) and id(value) not in seen:
        seen.add(id(value))
        for key, part in value.items():
            yield from _cells(part, used, seen)
            if next(held(part), None) is not None:
                yield Cell(value, key, part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _cells(part, used, seen)
    elif is_dataclass(value) and not isinstance(value, AS_IT_IS):
        for one in fields(value):
            yield from _cells(getattr(value, one.name), used, seen)
