"""Values written in a policy: columns of a case, bounds, parameters, outputs in case of an error."""

import math
import re
from dataclasses import dataclass

from rulecap.language import types as t
from rulecap.language.grammar import LARGEST, scaled
from rulecap.language.slips import written_here
from rulecap.language.thousands import either
from rulecap.language.types import Record, Type
from rulecap.language.unit_errors import clash_code
from rulecap.language.values import ANY
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, problem_at
from rulecap.problems import Problem, of_late
from rulecap.units import LITERAL, SUFFIX, SUFFIXES

SIGNED = re.compile(rf"(?P<sign>-?)(?:{LITERAL.pattern})\Z")
# What looks like a number with some unit, and what does so but is a name: a date, a symbol such as 1INCH.
UNIT_LIKE = re.compile(
    r"\$\s?\d[\d.,_]*\Z|[-+]?\.?\d[\d.,_]*(?:(?:\s?[^\W\d_]\S{0,3}|\s?[%$€]\S{0,3})|(?<=\d,\d\d\d)\S{0,4}"
    r"|\s?(?:percent|dollars?|hours?|minutes?|seconds?|days?|times|basis points?))\Z"
)
COMMA_IN = re.compile(rf"[-+]?(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+,\d{{1,2}})\s?(?:{SUFFIX})?\Z")
APART = re.compile(
    rf"(?P<digits>[-+]?\d{{1,3}}(?:(?:[\s'’]\d{{3}})+(?:\.\d+)?|(?:\.\d{{3}}){{2,}}))(?P<unit>\s?(?:{SUFFIX})?)\Z"
)
SHORTENED = re.compile(r"(?P<number>[-+]?\d+(?:\.\d+)?)\s?(?P<size>[kKmM])\s?USD\Z")
UNIT_FIRST = re.compile(r"USD\s(?P<number>[-+]?\d[\d.,_]*)\Z")
QUOTED_ELSEWHERE = re.compile(r"(?P<mark>[“”„‟‘’‚‛«»‹›])(?P<name>[^“”„‟‘’‚‛«»‹›]*)[“”„‟‘’‚‛«»‹›'\"]\Z")
SPACE_AROUND = re.compile(r"[^\S\n]|.*[^\S\n]\Z", re.DOTALL)
OTHER_SPACE = re.compile(r"[^\S \n]")
THOUSANDS = {"k": 1_000, "m": 1_000_000}
A_NAME = re.compile(r"\d{4}-\d\d-\d\d|\d+[A-Z]{2,}")
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
        too_large = _bounded(value, node, problems)
        if too_large:
            return too_large
        return Literal(value, t.BARE, node)
    if value is None or value == "none":
        return Literal(None, t.NOTHING, node)
    if value == "any":
        return Literal(ANY, t.ListOf(t.TEXT, True), node)
    with_unit = SIGNED.match(value)
    if with_unit:
        unit, factor = SUFFIXES[with_unit["suffix"]]
        written = with_unit["sign"] + with_unit["number"]
        number = scaled(written, factor)
        if two_ways := either(written, unit):
            problems.append(of_late(problem_at(node, *two_ways)))
        return _bounded(number, node, problems) or Literal(number, t.NUMBERS[unit], node)
    strange = _other_space(value) or _no_number_here(value)
    if strange:
        problems.append(problem_at(node, *strange))
        return Literal(None, t.UNKNOWN, node)
    if len(value) > LONGEST_TEXT:
        problems.append(problem_at(node, "out-of-range", f"a name has at most {LONGEST_TEXT} characters"))
    return Literal(value, t.Text(frozenset({value})), node)


def _other_space(text: str) -> tuple[str, str, str] | None:
    """Return what is wrong with a number before whose unit a space stands that looks like one; none where none does."""
    if OTHER_SPACE.search(text) and (plain := SIGNED.match(OTHER_SPACE.sub(" ", text))):
        message = f"a space that is no ordinary one stands in {text}"
        return "wrong-unit", message, f"write {plain[0]}, with the space bar"
    return None


def _no_number_here(text: str) -> tuple[str, str, str] | None:
    """Return what is wrong with a number or name that is written as elsewhere, with a hint; none where it is a name."""
    if COMMA_IN.match(text):
        return "wrong-form", f"{text} is no number: one has a point and no comma", written_here(text)
    if apart := APART.match(text):
        digits = re.sub(r"[\s'’]", "", apart["digits"])
        digits = digits.replace(".", "") if digits.count(".") > 1 else digits
        return "wrong-form", f"{text} is no number: its digits stand together", f"write {digits}{apart['unit']}"
    if UNIT_LIKE.match(text) and not A_NAME.match(text):
        return "wrong-unit", f"{text} has a unit that the language does not know", written_here(text)
    if shortened := SHORTENED.match(text):
        number = float(shortened["number"]) * THOUSANDS[shortened["size"].lower()]
        return "wrong-form", f"{text} is no number: it is written out", f"write {number:.15g} USD"
    if first := UNIT_FIRST.match(text):
        return "wrong-unit", f"{text} has its unit before the number", written_here(f"{first['number']} USD")
    if quoted := QUOTED_ELSEWHERE.match(text):
        message = f"`{quoted['mark']}` is no quotation mark here: it would be part of the name"
        return "wrong-form", message, f"write {quoted['name']}"
    if SPACE_AROUND.match(text):
        return "wrong-form", f"a space begins or ends `{text}` and would be part of the name", f"write {text.strip()}"
    return None


def _bounded(number: float, node: Scalar, problems: list[Problem]) -> Literal | None:
    """Note a number that is too large, and return what stands for it."""
    if math.isfinite(number) and abs(number) <= LARGEST:
        return None
    message = f"{node.text} is no number that a policy can hold"
    problems.append(problem_at(node, "out-of-range", message, "numbers go up to 1e15"))
    return Literal(None, t.UNKNOWN, node)


def _list(node: Sequence, problems: list[Problem]) -> Literal:
    items = [literal(item, problems) for item in node.items]
    kind: Type = t.UNKNOWN
    for item in items:
        both = t.unify(kind, item.type)
        if both is None:
            sides = f"this is {t.described(item.type)}, those before {t.described(kind)}"
            message = f"the values of a list are of one type: {sides}"
            problems.append(problem_at(item.node, clash_code(kind, item.type), message))
            return Literal(None, t.UNKNOWN, node)
        kind = both
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
