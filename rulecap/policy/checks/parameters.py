"""Parameters: values with units, within their ranges, dated ones in the order of their days."""

import re
from datetime import UTC, datetime
from typing import Any

from rulecap.language import types as t
from rulecap.language.literals import Literal, literal
from rulecap.language.scope import ParameterValue
from rulecap.language.thousands import either
from rulecap.language.unit_errors import as_unit, clash_code
from rulecap.language.values import is_number
from rulecap.policy.model import Parameter, PolicyText
from rulecap.policy.nodes import Node, Scalar, SourceFile, entries_of, items_of, problem_at
from rulecap.policy.typed import DatedParameter
from rulecap.problems import Problem, of_late

A_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?\Z")
AS_A_MOMENT = "write it as 2026-01-31, which is midnight in UTC, or as 2026-01-31T12:00Z"


def check_parameters(
    policy: PolicyText, problems: list[Problem]
) -> tuple[dict[str, ParameterValue], dict[str, DatedParameter]]:
    """Return every parameter's type and value, and the values of dated ones."""
    names = [key.text for key, _ in entries_of(policy.node.get("parameters"))]
    values = {name: ParameterValue(t.UNKNOWN, None) for name in names if name not in policy.parameters}
    dated: dict[str, DatedParameter] = {}
    for name, parameter in policy.parameters.items():
        if parameter.values and parameter.value is None:
            values[name], dated[name] = _dated(name, parameter, problems)
        else:
            values[name] = _single(name, parameter, problems)
    return values, dated


def _single(name: str, parameter: Parameter, problems: list[Problem]) -> ParameterValue:
    value = literal(parameter.value, problems)
    kind = _typed(name, parameter, value, problems)
    _within(name, parameter, value, kind, problems)
    return ParameterValue(kind, _plain(value.value, kind))


def _dated(name: str, parameter: Parameter, problems: list[Problem]) -> tuple[ParameterValue, DatedParameter]:
    values: list[tuple[datetime, object]] = []
    kind: t.Type = t.UNKNOWN
    for entry in parameter.values:
        value = literal(entry.value, problems)
        kind = _same(name, kind, _typed(name, parameter, value, problems), value, problems)
        _within(name, parameter, value, kind, problems)
        start, node = _day(entry.start), entry.node.get("from")
        assert isinstance(node, Scalar)  # the schema asks for it
        if start is None:
            problems.append(problem_at(node, "not-a-date", f"{entry.start} is no day", "write it as 2026-01-31"))
            continue
        if values and start <= values[-1][0]:
            problems.append(
                problem_at(node, "dates-not-ascending", f"{entry.start} is not after the day above it", "days go up")
            )
        values.append((start, _plain(value.value, kind)))
    return ParameterValue(kind, None, dated=True), DatedParameter(tuple(values), parameter.location)


def _same(name: str, kind: t.Type, later: t.Type, value: Literal, problems: list[Problem]) -> t.Type:
    """Return the one type of a dated parameter's values; one of another type is noted."""
    both = t.unify(kind, later)
    if both is None:
        hint = as_unit(value.value, later, kind) if isinstance(value.value, float) else ""
        message = f"{name} is {t.described(kind)} above, here it is {t.described(later)}"
        problems.append(problem_at(value.node, clash_code(kind, later), message, hint))
    return both or kind


def _plain(value: object, kind: t.Type) -> object:
    """A number is a float, but a count is whole as it is written; a time is a moment."""
    if kind == t.TIME:
        return _day(str(value))
    whole = isinstance(value, int) and not isinstance(value, bool) and isinstance(kind, t.Number) and kind != t.COUNT
    return float(value) if whole else value  # type: ignore[arg-type]  # whole says that it is a number


def _day(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(name: str, value: Literal, problems: list[Problem]) -> t.Type:
    """Return the type of a parameter that is a time; a value that is none is noted."""
    if value.type in (t.NOTHING, t.UNKNOWN):
        return t.optional(t.TIME) if value.type == t.NOTHING else t.UNKNOWN
    if isinstance(value.value, str) and A_MOMENT.match(value.value):
        if _day(value.value) is not None:
            return t.TIME
        problems.append(problem_at(value.node, "not-a-date", f"{value.value} is no day", AS_A_MOMENT))
    else:
        message = f"{name} is a time, this is {t.described(value.type)}"
        problems.append(problem_at(value.node, "wrong-type", message, AS_A_MOMENT))
    return t.UNKNOWN


def _typed(name: str, parameter: Parameter, value: Literal, problems: list[Problem]) -> t.Type:
    if parameter.type == t.TIME.word:
        return _moment(name, value, problems)
    if parameter.unit is None:
        if value.type == t.BARE:
            hint = "write unit: ratio, score or count, or give the number a suffix: 5%"
            problems.append(problem_at(value.node, "missing-unit", f"{name} is a number: say its unit", hint))
            return t.UNKNOWN
        return t.TEXT if isinstance(value.type, t.Text) else value.type
    wanted = t.declared(parameter.unit)
    if not fits(name, value, wanted, problems):
        return t.UNKNOWN
    return t.optional(wanted) if value.type == t.NOTHING else wanted


def fits(name: str, value: Literal, wanted: t.Type, problems: list[Problem]) -> bool:
    """Return whether a written value is of a type; note the finding where it is not."""
    if value.type == t.BARE and isinstance(value.node, Scalar) and isinstance(wanted, t.Number):
        unit = next((unit for unit, kind in t.NUMBERS.items() if kind == wanted), "")
        if two_ways := either(value.node.text, unit):
            found = problem_at(value.node, *two_ways)
            if wanted == t.USD:  # without its unit it never was an amount
                problems.append(found)
                return False
            problems.append(of_late(found))
    if value.type == t.UNKNOWN or t.unify(wanted, value.type) not in (None, t.UNKNOWN):
        return value.type != t.UNKNOWN
    hint = as_unit(value.value, value.type, wanted) if is_number(value.value) else ""
    here = "this has no unit" if value.type == t.BARE else f"this is {t.described(value.type)}"
    message = f"{name} is {t.described(wanted)}, {here}"
    problems.append(problem_at(value.node, clash_code(value.type, wanted), message, hint))
    return False


def _within(name: str, parameter: Parameter, value: Literal, kind: t.Type, problems: list[Problem]) -> None:
    if parameter.range is None or kind == t.UNKNOWN:
        return
    if not isinstance(t.strip(kind), t.Number):
        message = f"{name} is {t.described(kind)}: it has no range"
        problems.append(problem_at(parameter.range, "wrong-type", message, "leave range out"))
        return
    before = len(problems)
    ends = edges(name, parameter.range, t.strip(kind), problems)
    if len(problems) == before:  # else whether the value is within depends on what was meant
        keep_within(name, value, parameter.range, ends, parameter.node.source, problems)


def keep_within(
    name: str,
    value: Literal,
    written: Any,
    ends: tuple[float | None, float | None],
    own: SourceFile,
    problems: list[Problem],
) -> None:
    """Note a value that is outside of a range whose ends are as they should be; none is in every range.

    Args:
        name: what the value is called.
        value: the value.
        written: the range.
        ends: its ends.
        own: the file that has the value and the range, unless an overlay sets them.
        problems: where it is noted.
    """
    number: Any = value.value
    low, high = ends
    if number is not None and low is not None and high is not None and not low <= number <= high:
        of = " to ".join(one.text for one in written.items)
        message = f"{name} is {value.node.text}, outside its range of {of}"  # type: ignore[union-attr]  # a number is a scalar
        changed = [one.location for one in written.items if one.source is not own]
        set_there = changed and value.node.source is own  # the value is blamed, and it was the range that changed
        hint = f"the range is set in {changed[0].spot}" if set_there else ""
        problems.append(problem_at(value.node, "out-of-range", message, hint))


def edges(name: str, node: Node, kind: t.Type, problems: list[Problem]) -> tuple[float | None, float | None]:
    """Return the two ends of a range, which are of the value's unit and ascend."""
    ends: list[float] = []
    for item, end in zip(items_of(node), ("least", "most"), strict=False):
        value = literal(item, problems)
        if value.type == t.NOTHING:
            message, hint = f"the range of {name} has two ends, this is none", f"write what it may be at the {end}"
            problems.append(of_late(problem_at(item, "wrong-type", message, hint)))
            break
        if not fits(name, value, kind, problems) or not isinstance(value.value, int | float):
            break
        ends.append(float(value.value))
    low, high = (ends[0], ends[1]) if len(ends) == 2 else (None, None)  # a range has two ends
    if low is not None and high is not None and low > high:
        message = f"the range of {name} ends below its start"
        problems.append(problem_at(node, "out-of-range", message, "the lower end stands first"))
    return low, high
