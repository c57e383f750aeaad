"""Values as aligned text: a line for each name, parts indented, lists of records as tables."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rulecap.problems import on_a_line

INDENT = "  "
WIDEST_TABLE = 100


def outline(values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a mapping of names to values, the values aligned."""
    return [line for name, value in values.items() for line in _entry(name, value, _width(values))]


def value_text(value: Any) -> str:
    """Return a value on one line: numbers to nine digits, None as `none`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Mapping):
        if value.keys() == {"file", "line"}:
            return f"{value['file']}:{value['line']}"
        return ", ".join(f"{on_a_line(name)} {value_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value) or "[]"
    return on_a_line(str(value))


def number_text(number: float) -> str:
    """Return a number without an exponent where it is of a human size, rounded to nine digits."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    plain = f"{number:.9g}"
    return plain if "e" not in plain else f"{number:.10f}".rstrip("0") if abs(number) > 1e-9 else plain


def table(records: Sequence[Mapping[str, Any]], widest: int = WIDEST_TABLE) -> list[str]:
    """Return records as an aligned table with a head; where it is too wide, long texts stand below their rows."""
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [on_a_line(name), *(value_text(record.get(name)) for record in records)] for name in names}
    below: list[list[str]] = []
    while len(columns) > 1 and sum(map(_widest, columns.values())) + len(INDENT) * len(columns) > widest:
        below.insert(0, columns.pop(max(columns, key=lambda name: _widest(columns[name]))))
    padded = [[_padded(cell, _widest(column)) for cell in column] for column in columns.values()]
    lines = [INDENT.join(row).rstrip() for row in zip(*padded, strict=True)]
    for number in range(len(records), 0, -1):
        lines[number + 1 : number + 1] = [INDENT * 2 + column[number] for column in below if column[number]]
    return lines


def _widest(column: Sequence[str]) -> int:
    return max(map(_cells, column))


def _cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: a Chinese letter two, an accent on another letter none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - _cells(text))


def _entry(name: str, value: Any, width: int) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [on_a_line(name), *(INDENT + line for line in outline(value))]
    if isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
        return [on_a_line(name), *(INDENT + line for line in table(value))]
    return [f"{_padded(on_a_line(name), width)}{INDENT}{value_text(value)}".rstrip()]


def _width(values: Mapping[str, Any]) -> int:
    return max((_cells(on_a_line(name)) for name in values), default=0)
