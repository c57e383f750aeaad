"""Values written in a policy: columns of a case, bounds, parameters, outputs in case of an error."""

import math
import re
from dataclasses import dataclass

from rulecap.language import types as t
from rulecap.language.grammar import LARGEST
from rulecap.language.types import Record, Type
from rulecap.language.values import ANY
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, problem_at
from rulecap.problems import Problem
from rulecap.units import LITERAL, SUFFIXES

SIGNED = re.compile(rf"(?P<sign>-?)(?:{LITERAL.pattern})\Z")
LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Literal:
    """A written value, its type and where it stands."""

    value: object
    type: Type
    node: Node


def literal(node: Node, problems: list[Problem]) -> Literal:
    """Return the value of a node; what is wrong goes into `problems`, and the type is then unknown."""
    if isinstance(node, Scalar):
        return _scalar(node, problems)
    if isinstance(node, Sequence):
        return _list(node, problems)
    return _record(node, problems)


def _scalar(node: Scalar, problems: list[Problem]) -> Literal:
    value = node.value
    if isinstance(value, bool):
        return Literal(value, t.FLAG, node)
    if isinstance(value, int | float):
        if not (math.isfinite(value) and abs(value) <= LARGEST):
            problems.append(
                problem_at(
                    node, "out-of-range", f"{node.text} is no number that a policy can hold", "numbers go up to 1e15"
                )
            )
            return Literal(None, t.UNKNOWN, node)
        return Literal(value, t.BARE, node)
    if value is None or value == "none":
        return Literal(None, t.NOTHING, node)
    if value == "any":
        return Literal(ANY, t.ListOf(t.TEXT, True), node)
    with_unit = SIGNED.match(value)
    if with_unit:
        unit, factor = SUFFIXES[with_unit["suffix"]]
        return Literal(float(with_unit["sign"] + with_unit["number"]) * factor, t.NUMBERS[unit], node)
    if re.match(r"-?\.?\d[\d.,_]*\s?\S{0,4}\Z", value) and not re.match(r"\d{4}-\d\d-\d\d|\d+[A-Z]{2,}", value):
        hint = f"units are written {', '.join(f'5{suffix}' for suffix in SUFFIXES if suffix != 'USD')} or 5 USD"
        problems.append(problem_at(node, "wrong-unit", f"{value} has a unit that the language does not know", hint))
        return Literal(None, t.UNKNOWN, node)
    if len(value) > LONGEST_TEXT:
        problems.append(problem_at(node, "out-of-range", f"a name has at most {LONGEST_TEXT} characters"))
    return Literal(value, t.Text(frozenset({value})), node)


def _list(node: Sequence, problems: list[Problem]) -> Literal:
    items = [literal(item, problems) for item in node.items]
    kind = t.unify_all(item.type for item in items)
    if kind is None:
        problems.append(problem_at(node, "wrong-type", "the values of a list are of one type and unit"))
        kind = t.UNKNOWN
    if kind == t.UNKNOWN and not items:
        kind = t.TEXT
    return Literal(tuple(item.value for item in items), t.ListOf(kind), node)


def _record(node: Mapping, problems: list[Problem]) -> Literal:
    parts = {name: literal(value, problems) for name, value in node.items()}
    return Literal(
        {name: part.value for name, part in parts.items()},
        Record({name: part.type for name, part in parts.items()}),
        node,
    )


def jsonable(value: object) -> object:
    """Return a written value as JSON types."""
    if value is ANY:
        return "any"
    if isinstance(value, tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {name: jsonable(part) for name, part in value.items()}
    return value
