"""The numbers that are written in a policy: where each stands, where it may move, and how another one is written."""

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rulecap.language import types as t
from rulecap.language.grammar import LARGEST, Syntax, offset_of, parse
from rulecap.language.literals import SIGNED, literal
from rulecap.language.thousands import only_here
from rulecap.location import Location
from rulecap.policy.checks.columns import range_of
from rulecap.policy.checks.parameters import edges
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, text_at
from rulecap.policy.overlay import Steps
from rulecap.policy.typed import TypedPolicy
from rulecap.rules.bands import TypedBands
from rulecap.rules.code import unit_name
from rulecap.units import LITERAL, NUMBER, PERCENT, SUFFIXES

# What holds sentences and never a number that takes part.
SENTENCES = frozenset({"title", "why", "say", "source"})
RULE_DEPTH = len(("rules", "zone"))
BOUNDS, BOUND_DEPTH = ("below", "up_to"), len(("rules", "zone", "cases", 0, "below"))
NOT_COMPUTED = frozenset({"on_error", "explain", "requires", "hand_over"})  # of a decision, all but its outputs
PLAIN = re.compile(NUMBER)
SUFFIX_OF = {unit: suffix for suffix, (unit, factor) in SUFFIXES.items() if factor == 1}


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number that is written in a policy.

    Attributes:
        path: what an overlay calls the value that it is, or is a part of.
        steps: the exact way there in the merged document.
        text: that value's text, of which the number is the characters from `begin` to `end`.
        value: in its unit.
        unit: none where it is written without and nothing declares one.
        low: the smallest number that may stand there, included.
        high: the largest, included.
        whole: whether only whole numbers may.
    """

    path: str
    steps: Steps
    text: str
    begin: int
    end: int
    value: float
    suffix: str
    place: Location
    unit: str | None = None
    low: float = -LARGEST
    high: float = LARGEST
    whole: bool = False

    @property
    def alone(self) -> bool:
        """Whether it is the whole value, not a part of an expression."""
        return (self.begin, self.end) == (0, len(self.text))

    def rewritten(self, value: float) -> str:
        """Return the text with another number in its place, exactly."""
        return self.text[: self.begin] + self._number(value) + self.suffix + self.text[self.end :]

    def _number(self, value: float) -> str:
        return only_here(number_text(value), self.unit)


def number_text(value: float) -> str:
    """Return a number as a policy writes it: a whole one without a point, all digits of any other."""
    if isinstance(value, int) or (value == int(value) and abs(value) < LARGEST):
        return str(int(value))
    return repr(value)


def overlay_text(number: WrittenNumber, value: float) -> str:
    """Return the overlay's line that sets the number."""
    text = number.rewritten(value)
    plain = number.alone and not number.suffix
    return f"{quoted(number.path)}: {text if plain else quoted(text)}"


def quoted(text: str) -> str:
    """Return a text as YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def numbers_in(policy: TypedPolicy, sections: dict[str, tuple[str, ...]]) -> Iterator[WrittenNumber]:
    """Yield the numbers that are written in some of a policy's parts.

    Args:
        policy: the policy.
        sections: the names of the parts by section (`rules`, `parameters`, `inputs`, `decisions`).
    """
    document = policy.text.node
    for section, names in sections.items():
        parts = document.get(section)
        for name in names:
            part = parts.get(name) if isinstance(parts, Mapping) else None
            if part is not None:
                for found in _below(part, (section, name), _start(section, name)):
                    yield from _placed(policy, found)


def _start(section: str, name: str) -> str:
    """Return how an overlay's path to a part begins; no rule is called like a parameter."""
    return name if section in {"rules", "parameters"} else f"{section}.{name}"


def _below(node: Node, steps: Steps, path: str) -> Iterator[WrittenNumber]:
    if isinstance(node, Scalar):
        yield from _in_scalar(node, steps, path)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _below(item, (*steps, index), f"{path}.{_item_name(node, index)}")
    else:
        for key, value in node.items():
            if _is_passed_over(steps, key):
                continue
            if isinstance(value, Sequence):
                for index, item in enumerate(value.items):
                    yield from _below(item, (*steps, key, index), f"{path}.{_name_below(node, key, value, index)}")
            else:
                yield from _below(value, (*steps, key), f"{path}.{key}")


def _is_passed_over(steps: Steps, key: str) -> bool:
    """Tell whether nothing below a key takes part; the outputs of a decision may have any name."""
    if steps[0] == "decisions":
        return len(steps) == len(("decisions", "margin")) and key in NOT_COMPUTED | SENTENCES
    if steps[0] == "rules" and len(steps) == RULE_DEPTH and key == "ranges":
        return True
    return key in SENTENCES or (steps[0] == "parameters" and key == "range")


def _item_name(items: Sequence, index: int) -> str:
    """Return what an item of a list is called there: its name where no other one has it, else its position."""
    name = text_at(items.items[index], "name")
    return name if name is not None and [text_at(one, "name") for one in items.items].count(name) == 1 else str(index)


def _name_below(node: Mapping, key: str, items: Sequence, index: int) -> str:
    """Return what an item is called below what holds its list: its name alone where nothing else is called so."""
    name = _item_name(items, index)
    lists = [value for other, value in node.items() if other != key and isinstance(value, Sequence)]
    elsewhere = name in node or any(text_at(one, "name") == name for other in lists for one in other.items)
    return f"{key}.{name}" if name == str(index) or elsewhere else name


def _in_scalar(node: Scalar, steps: Steps, path: str) -> Iterator[WrittenNumber]:
    text = node.text
    whole = SIGNED.match(text)
    if isinstance(node.value, bool) or node.value is None:
        return
    if isinstance(node.value, int | float) or whole:
        value = literal(node, []).value
        if isinstance(value, int | float):
            suffix = _suffix(whole["space"] if whole else "", whole["suffix"] if whole else "")
            yield WrittenNumber(path, steps, text, 0, len(text), value, suffix, node.location)
        return
    syntax = parse(text)
    if isinstance(syntax, Syntax):
        yield from _in_expression(node, syntax, steps, path)


def _in_expression(node: Scalar, syntax: Syntax, steps: Steps, path: str) -> Iterator[WrittenNumber]:
    """Yield what something is compared with; another number of an expression is arithmetic, and no threshold."""
    compared = [part for whole in ast.walk(syntax.tree) if isinstance(whole, ast.Compare) for part in ast.walk(whole)]
    for part in dict.fromkeys(compared):
        if not isinstance(part, ast.Constant) or isinstance(part.value, bool):
            continue
        if not isinstance(part.value, int | float):
            continue
        begin = offset_of(part)
        found = LITERAL.match(node.text, begin)
        plain = PLAIN.match(node.text, begin)
        if found:
            written = _suffix(found["space"], found["suffix"])
            yield WrittenNumber(path, steps, node.text, begin, found.end(), part.value, written, node.at(begin))
        elif plain:
            yield WrittenNumber(path, steps, node.text, begin, plain.end(), part.value, "", node.at(begin))


def _suffix(space: str, suffix: str) -> str:
    """Return the suffix of the unit that the value is in; a smaller unit's number is written in the whole one."""
    if not suffix:
        return ""
    unit, factor = SUFFIXES[suffix]
    return space + (suffix if factor == 1 else SUFFIX_OF.get(unit, SUFFIX_OF[PERCENT]))


def _placed(policy: TypedPolicy, number: WrittenNumber) -> Iterator[WrittenNumber]:
    """Yield the number with its unit and where it may move."""
    unit = SUFFIXES[number.suffix.strip()][0] if number.suffix else None
    section, name = str(number.steps[0]), str(number.steps[1])
    if section == "parameters":
        yield _parameter(policy, number, name)
        return
    if section == "inputs":
        low, high = _within_range(policy, number)
        yield replace(number, unit=unit, low=low, high=high)
        return
    rule = policy.rules.get(name) if section == "rules" else None
    if isinstance(rule, TypedBands) and number.steps[-1] in BOUNDS and len(number.steps) == BOUND_DEPTH:
        low, high = _between(rule, int(number.steps[3]))
        yield replace(number, unit=unit_name(rule.number.type), low=low, high=high)
        return
    unit = unit or _column_unit(policy, number)
    if not number.alone:
        yield replace(number, unit=unit)
        return
    # A size, a share, a leverage of the other sign would be another rule; what is compared with may cross zero.
    low, high = _column_range(policy, number)
    low = max(low, 0.0 if number.value > 0 else -LARGEST)
    high = min(high, 0.0 if number.value < 0 else LARGEST)
    yield replace(number, unit=unit, whole=_counts(policy, number), low=low, high=high)


def _parameter(policy: TypedPolicy, number: WrittenNumber, name: str) -> WrittenNumber:
    written, kind = policy.text.parameters[name], policy.parameters[name].type
    low = high = None
    if written.range is not None:
        low, high = edges(name, written.range, t.strip(kind), [])
    path = number.path.removesuffix(".value") if number.steps[-1] == "value" else number.path
    return replace(
        number,
        path=path,
        unit=unit_name(kind),
        low=-LARGEST if low is None else low,
        high=LARGEST if high is None else high,
        whole=t.strip(kind) == t.COUNT and isinstance(number.value, int),
    )


def _within_range(policy: TypedPolicy, number: WrittenNumber) -> tuple[float, float]:
    """Return between which numbers an end of an input's range may move: not over the other end."""
    check = next(one for one in policy.inputs if one.path == number.steps[1])
    if number.steps[2] != "range" or check.low is None or check.high is None:
        return -LARGEST, LARGEST
    return (-LARGEST, check.high) if number.steps[-1] == 0 else (check.low, LARGEST)


def _between(rule: TypedBands, index: int) -> tuple[float, float]:
    """Return between which numbers a case's end must stay: strictly within its neighbours' ends."""
    before = rule.bounds[index - 1][0] if index else None
    behind = rule.bounds[index + 1][0]
    low = -LARGEST if before is None else math.nextafter(before, math.inf)
    return low, LARGEST if behind is None else math.nextafter(behind, -math.inf)


def _column_of(policy: TypedPolicy, number: WrittenNumber) -> tuple[str, list[str]] | None:
    """Return the rule and the way within a case to the column that a number stands in."""
    section, name, *rest = number.steps
    rule = policy.rules.get(str(name))
    if section != "rules" or rule is None or rule.cases is None or not number.alone or not rest:
        return None
    head = 1 if rest[0] == "otherwise" else 2
    return str(name), [str(step) for step in rest[head:]]


def _column_unit(policy: TypedPolicy, number: WrittenNumber) -> str | None:
    found = _column_of(policy, number)
    cases = policy.rules[found[0]].cases if found else None
    if found is None or cases is None:
        return None
    kind: t.Type = cases.type
    for step in found[1]:
        inner = t.strip(kind)
        if not isinstance(inner, t.Record) or step not in inner.fields:
            return None
        kind = inner.fields[step]
    return unit_name(kind)


def _column_range(policy: TypedPolicy, number: WrittenNumber) -> tuple[float, float]:
    """Return between which numbers a column's value must stay: in the range that its rule declares."""
    found = _column_of(policy, number)
    low, high = range_of(policy.rules[found[0]], ".".join(found[1])) if found else (None, None)
    return -LARGEST if low is None else low, LARGEST if high is None else high


def _counts(policy: TypedPolicy, number: WrittenNumber) -> bool:
    """Tell whether a number without a unit counts something: all of its column are written as whole ones."""
    found = _column_of(policy, number)
    cases = policy.rules[found[0]].cases if found else None
    if found is None or cases is None or not isinstance(number.value, int):
        return False
    column = [_inside(value, found[1]) for value, _ in cases.rows.values()]
    return all(isinstance(one, int) for one in column if one is not None)


def _inside(value: object, way: list[str]) -> object:
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    return value
