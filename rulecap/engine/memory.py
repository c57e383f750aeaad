"""Memory: what a policy carries from one evaluation to the next, as JSON types outside and as values inside."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeGuard

from rulecap.language import types as t
from rulecap.language.values import is_number
from rulecap.policy.typed import TypedMemory
from rulecap.problems import Problem, did_you_mean, shown

MOST_PROBLEMS = 50
MOST_NAMES = 100_000  # a caller's own mapping may never come to its end
SURROGATE = re.compile("[\ud800-\udfff]")


class MemoryReader:
    """Reads a caller's memory; knows each name's type."""

    def __init__(self, memory: Mapping[str, TypedMemory]) -> None:
        """Keep the types."""
        self._types = {name: t.strip(one.type) for name, one in memory.items()}

    def read(self, memory: object) -> tuple[dict[str, Any], list[Problem]]:
        """Return the remembered values by name, and what is wrong with them; never raises."""
        if memory is None:
            return {}, []
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        try:
            if not _is_mapping(memory):
                said = f"a memory is a mapping, this is a {type(memory).__name__}"
                return {}, [Problem("wrong-type", said, path="memory")]
            for name, value in islice(memory.items(), MOST_NAMES):
                problem = self._read_one(name, value, values)
                if problem is not None:
                    problems.append(problem)
                if len(problems) >= MOST_PROBLEMS:  # it is not used anyway
                    break
        except Exception as error:  # noqa: BLE001  # a caller's own mapping may raise anything; a bot still gets its answer
            return {}, [Problem("wrong-type", f"the memory cannot be read: {type(error).__name__}", path="memory")]
        return values, problems

    def _read_one(self, name: object, value: object, values: dict[str, Any]) -> Problem | None:
        kind = self._types.get(name) if isinstance(name, str) else None
        if kind is None:
            hint = did_you_mean(shown(name), self._types)
            return Problem("unknown-field", f"the policy remembers no {shown(name)}", path="memory", hint=hint)
        read = _value(value, kind)
        values[str(name)] = read
        if read is None and value is not None:
            return Problem("wrong-type", f"must be {_wanted(kind)}", path=f"memory.{name}")
        return None


def _is_mapping(memory: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a memory is a mapping, by its type: what it says of itself is not asked."""
    return issubclass(type(memory), Mapping)


def unchanged(memory: object) -> dict[str, Any]:
    """Return a caller's memory as it was given; what is not JSON cannot be given back as JSON and is left out."""
    try:
        if not _is_mapping(memory):
            return {}
        return {name: value for name, value in islice(memory.items(), MOST_NAMES) if _is_json(name, value)}
    except Exception:  # noqa: BLE001  # the same mapping that `read` has named
        return {}


def _is_json(name: object, value: object) -> bool:
    if not isinstance(name, str):
        return False
    if value is None or type(value) is bool or type(value) is str:
        return True
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def _value(value: object, kind: t.Type) -> object:
    """Return the value inside, none where it is none or does not fit; a number is a plain float, a count whole."""
    if isinstance(kind, t.Number):
        return _number(value, kind)
    if isinstance(kind, t.Text):
        return _text(value) if kind.options is None or value in kind.options else None
    if kind == t.TIME:
        return _time(value)
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    """Return a text that can be written into a record: a lone surrogate cannot."""
    return str(value) if isinstance(value, str) and not SURROGATE.search(value) else None


def _number(value: object, kind: t.Number) -> float | None:
    if not is_number(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    return int(value) if kind == t.COUNT and isinstance(value, int) else number


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _wanted(kind: t.Type) -> str:
    if isinstance(kind, t.Number):
        return "a finite number"
    if isinstance(kind, t.Text):
        return f"one of {', '.join(sorted(kind.options))}" if kind.options else "a text"
    return "a time with its zone, as ISO-8601 text" if kind == t.TIME else "true or false"
