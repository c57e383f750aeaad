"""What a test expects, held against what came out: each difference with its place in the test file."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rulecap.language.values import is_number
from rulecap.location import Location
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, plain
from rulecap.problems import did_you_mean
from rulecap.units import LITERAL

RELATIVE, ABSOLUTE = 1e-9, 1e-12
LONGEST_SHOWN = 300
WITH_UNIT = re.compile(rf"[-+]?(?:{LITERAL.pattern})\Z")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: where in the answer, what was expected and what came, and the expectation's place."""

    path: str
    expected: str
    got: str
    location: Location

    def render(self) -> str:
        """Return the difference as a line, and further ones where several things came about."""
        return f"{self.location}: {self.path}: expected {self.expected}, got {self.got}"

    def to_dict(self) -> dict[str, object]:
        """Return the difference as JSON types, with stable keys."""
        place = self.location
        return {
            "path": self.path,
            "expected": self.expected,
            "got": self.got,
            "file": place.file,
            "line": place.line,
            "column": place.column,
        }


def mismatches(expected: Node, got: Any, path: str = "") -> Iterator[Mismatch]:
    """Yield what differs from the expectation.

    A mapping matches where each of its keys does (a key may be a dotted path); a list element by element; `{contains:
    [...]}` where the list has an element for each, or the text each text; `{near: x, within: d}` a number; `none` None.
    """
    if isinstance(expected, Mapping):
        names = {name for name, _ in expected.items()}
        if names == {"near", "within"}:
            yield from _near(expected, got, path)
        elif names == {"contains"}:
            yield from _contains(expected, got, path)
        else:
            yield from _mapping(expected, got, path)
    elif isinstance(expected, Sequence):
        yield from _sequence(expected, got, path)
    elif not _same(None if expected.value == "none" else expected.value, got):
        yield _mismatch(expected, got, path)


def shown(value: Any) -> str:
    """Return a value as JSON on one line, cut where it is very long; None is `none`."""
    text = "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _mapping(expected: Mapping, got: Any, path: str) -> Iterator[Mismatch]:
    if not isinstance(got, dict):
        yield _mismatch(expected, got, path)
        return
    for key, wanted in expected.entries:
        place = f"{path}.{key.text}" if path else key.text
        found, value = _find(got, key.text)
        if found:
            yield from mismatches(wanted, value, place)
        else:
            said = f"nothing of this name ({value})" if value else "nothing of this name"
            yield Mismatch(place, shown(plain(wanted)), said, key.location)


def _find(got: Any, path: str) -> tuple[bool, Any]:
    """Return true and the value at the path, or false and a hint on what stands there instead."""
    if isinstance(got, dict) and path in got:
        return True, got[path]
    first, dot, rest = path.partition(".")
    if isinstance(got, list | tuple) and first.isdigit() and int(first) < len(got):
        inner = got[int(first)]
    elif isinstance(got, dict) and first in got:
        inner = got[first]
    else:
        return False, did_you_mean(first, got) if isinstance(got, dict) else f"here stands {shown(got)}"
    return _find(inner, rest) if dot else (True, inner)


def _sequence(expected: Sequence, got: Any, path: str) -> Iterator[Mismatch]:
    if not isinstance(got, list | tuple) or len(got) != len(expected.items):
        yield _mismatch(expected, got, path)
        return
    for number, (wanted, value) in enumerate(zip(expected.items, got, strict=True)):
        yield from mismatches(wanted, value, f"{path}.{number}")


def _near(expected: Mapping, got: Any, path: str) -> Iterator[Mismatch]:
    wanted = plain(expected)
    fine = is_number(got) and all(map(is_number, wanted.values())) and abs(got - wanted["near"]) <= wanted["within"]
    if not fine:
        yield Mismatch(path, f"{wanted['near']} ± {wanted['within']}", shown(got), expected.location)


def _contains(expected: Mapping, got: Any, path: str) -> Iterator[Mismatch]:
    node = expected.entries[0][1]
    for wanted in node.items if isinstance(node, Sequence) else (node,):
        if not _has(got, wanted):
            yield Mismatch(path, f"something with {shown(plain(wanted))}", shown(got), wanted.location)


def _has(got: Any, wanted: Node) -> bool:
    if isinstance(got, str):
        return isinstance(wanted, Scalar) and wanted.text in got
    return isinstance(got, list | tuple) and any(not any(mismatches(wanted, item)) for item in got)


def _same(wanted: Any, got: Any) -> bool:
    if is_number(wanted) and is_number(got):
        return math.isclose(wanted, got, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(wanted) is type(got) and bool(wanted == got)


def _mismatch(expected: Node, got: Any, path: str) -> Mismatch:
    wanted = plain(expected)
    return Mismatch(
        path,
        shown(None if wanted == "none" else wanted),
        shown(got) + _written_otherwise(wanted, got),
        expected.location,
    )


def _written_otherwise(wanted: Any, got: Any) -> str:
    """Return, where a number was expected in a form that none has here, how it is written."""
    if not is_number(got):
        return ""
    if isinstance(wanted, dict) and wanted.keys() & {"near", "within"}:
        return " (near and within stand together: {near: …, within: …})"
    return " (numbers stand here without their unit)" if isinstance(wanted, str) and WITH_UNIT.match(wanted) else ""
