"""Memory: what a policy carries from one evaluation to the next, as JSON types outside and as values inside."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rulecap.language import types as t
from rulecap.policy.typed import TypedMemory
from rulecap.problems import Problem, did_you_mean


class MemoryReader:
    """Reads a caller's memory; knows each name's type."""

    def __init__(self, memory: Mapping[str, TypedMemory]) -> None:
        """Keep the types."""
        self._types = {name: t.strip(one.type) for name, one in memory.items()}

    def read(self, memory: object) -> tuple[dict[str, Any], list[Problem]]:
        """Return the remembered values by name, and what is wrong with them; never raises."""
        if memory is None:
            return {}, []
        if not isinstance(memory, Mapping):
            return {}, [
                Problem("wrong-type", f"a memory is a mapping, this is a {type(memory).__name__}", path="memory")
            ]
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in memory.items():
            kind = self._types.get(name) if isinstance(name, str) else None
            if kind is None:
                hint = did_you_mean(str(name)[:64], self._types)
                problems.append(
                    Problem("unknown-field", f"the policy remembers no {str(name)[:64]}", path="memory", hint=hint)
                )
                continue
            read = _value(value, kind)
            if read is None and value is not None:
                problems.append(Problem("wrong-type", f"must be {_wanted(kind)}", path=f"memory.{name}"))
            values[name] = read
        return values, problems


def _value(value: object, kind: t.Type) -> object:
    """Return the value inside, none where it is none or does not fit."""
    if isinstance(kind, t.Number):
        number = isinstance(value, float | int) and not isinstance(value, bool)
        return value if number and _finite(value) else None  # type: ignore[arg-type]  # it is a number
    if isinstance(kind, t.Text):
        return value if isinstance(value, str) and (kind.options is None or value in kind.options) else None
    if kind == t.TIME:
        return _time(value)
    return value if isinstance(value, bool) else None


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _time(value: object) -> datetime | None:
    try:
        moment = (
            value if isinstance(value, datetime) else datetime.fromisoformat(value) if isinstance(value, str) else None
        )
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _wanted(kind: t.Type) -> str:
    if isinstance(kind, t.Number):
        return "a finite number"
    if isinstance(kind, t.Text):
        return f"one of {', '.join(sorted(kind.options))}" if kind.options else "a text"
    return "a time with its zone, as ISO-8601 text" if kind == t.TIME else "true or false"
