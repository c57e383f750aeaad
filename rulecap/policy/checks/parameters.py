"""Parameters: values with units, within their ranges, dated ones in the order of their days."""

from datetime import UTC, datetime
from typing import Any

from rulecap.language import types as t
from rulecap.language.grammar import CONSTANTS
from rulecap.language.literals import Literal, literal
from rulecap.language.scope import ParameterValue
from rulecap.language.unit_errors import WRITTEN
from rulecap.language.values import digits
from rulecap.policy.model import Parameter, PolicyText
from rulecap.policy.nodes import Node, Scalar, Sequence, problem_at
from rulecap.policy.typed import DatedParameter
from rulecap.problems import Problem


def check_parameters(
    policy: PolicyText, problems: list[Problem]
) -> tuple[dict[str, ParameterValue], dict[str, DatedParameter]]:
    """Return every parameter's type and value, and the values of dated ones."""
    values: dict[str, ParameterValue] = {}
    dated: dict[str, DatedParameter] = {}
    for name, parameter in policy.parameters.items():
        if name in CONSTANTS:
            problems.append(problem_at(parameter.node, "name-taken", f"{name} is a word of the language"))
        if parameter.values and parameter.value is None:
            values[name], dated[name] = _dated(name, parameter, problems)
        else:
            values[name] = _single(name, parameter, problems)
    return values, dated


def _single(name: str, parameter: Parameter, problems: list[Problem]) -> ParameterValue:
    if parameter.value is None or parameter.values:
        problems.append(
            problem_at(parameter.node, "missing-key", f"{name} needs `value`, or `values` with days, but not both")
        )
        return ParameterValue(t.UNKNOWN, None)
    value = literal(parameter.value, problems)
    kind = _typed(name, parameter, value, problems)
    _within(name, parameter, value, kind, problems)
    return ParameterValue(kind, value.value)


def _dated(name: str, parameter: Parameter, problems: list[Problem]) -> tuple[ParameterValue, DatedParameter]:
    values: list[tuple[datetime, object]] = []
    kind: t.Type = t.UNKNOWN
    for entry in parameter.values:
        value = literal(entry.value, problems)
        kind = _typed(name, parameter, value, problems)
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
        values.append((start, value.value))
    return ParameterValue(kind, None, dated=True), DatedParameter(tuple(values), parameter.location)


def _day(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _typed(name: str, parameter: Parameter, value: Literal, problems: list[Problem]) -> t.Type:
    if parameter.unit is None:
        if value.type == t.BARE:
            hint = "write unit: ratio, score or count, or give the number a suffix: 5%"
            problems.append(problem_at(value.node, "missing-unit", f"{name} is a number: say its unit", hint))
            return t.UNKNOWN
        return t.TEXT if isinstance(value.type, t.Text) else value.type
    wanted = t.declared(parameter.unit)
    return wanted if fits(name, value, wanted, problems) else t.UNKNOWN


def fits(name: str, value: Literal, wanted: t.Type, problems: list[Problem]) -> bool:
    """Return whether a written value is of a type; note the finding where it is not."""
    if value.type == t.UNKNOWN or t.unify(wanted, value.type) not in (None, t.UNKNOWN):
        return value.type != t.UNKNOWN
    hint = ""
    if (
        value.type == t.BARE
        and isinstance(wanted, t.Number)
        and wanted in WRITTEN
        and isinstance(value.value, int | float)
    ):
        hint = f"write {WRITTEN[wanted].format(digits(value.value))}"
    elif value.type == t.PERCENT and wanted == t.RATIO and isinstance(value.value, float):
        hint = f"write {digits(value.value / 100)}"
    numbers = isinstance(value.type, t.Number) and isinstance(wanted, t.Number)
    problems.append(
        problem_at(
            value.node, "wrong-unit" if numbers else "wrong-type", f"{name} is a {wanted}, this is a {value.type}", hint
        )
    )
    return False


def _within(name: str, parameter: Parameter, value: Literal, kind: t.Type, problems: list[Problem]) -> None:
    if parameter.range is None or kind == t.UNKNOWN:
        return
    low, high = edges(name, parameter.range, kind, problems)
    number: Any = value.value
    if not isinstance(number, int | float) or isinstance(number, bool):
        problems.append(problem_at(parameter.range, "wrong-type", f"{name} is no number: it has no range"))
    elif low is not None and high is not None and not low <= number <= high:
        written = value.node.text if isinstance(value.node, Scalar) else ""
        problems.append(
            problem_at(
                value.node, "out-of-range", f"{name} is {written}, outside its range of {digits(low)} to {digits(high)}"
            )
        )


def edges(name: str, node: Node, kind: t.Type, problems: list[Problem]) -> tuple[float | None, float | None]:
    """Return the two ends of a range, which are of the value's unit and ascend."""
    items = node.items if isinstance(node, Sequence) else ()
    ends: list[float | None] = []
    for item in items:
        value = literal(item, problems)
        good = isinstance(value.value, int | float) and fits(name, value, kind, problems)
        ends.append(float(value.value) if good and isinstance(value.value, int | float) else None)
    low, high = (ends[0], ends[1]) if len(ends) == 2 else (None, None)  # a range has two ends
    if low is not None and high is not None and low > high:
        problems.append(problem_at(node, "out-of-range", f"the range of {name} ends below its start"))
    return low, high
