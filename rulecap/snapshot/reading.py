"""Reading a snapshot from whatever is handed in: a snapshot, or every problem with it, and nothing ever raised."""

import re
import sys
from collections.abc import Callable, Collection
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from rulecap.problems import Problem
from rulecap.snapshot.findings import MOST_TOLD, describe, problems_of
from rulecap.snapshot.further import further
from rulecap.snapshot.model import Snapshot
from rulecap.snapshot.twice import is_given_once, twice
from rulecap.snapshot.values import MOST_ASSETS

DEEPEST = 6
PARTS = ("account", "signal", "market", "book", "facts")
LISTS = ("positions", "assets", "correlation")
MOST_NUMBERS = MOST_ASSETS**2
NAMED = "it is what is in the file that is handed in: Path(…).read_bytes()"
A_NAME = re.compile(r"[^\s{}\[\]\"]{1,255}\.json", re.IGNORECASE)
MOST_BYTES = 64 * 1024 * 1024


def read_snapshot(value: object) -> Snapshot | list[Problem]:
    """Return the snapshot that a value is, or every problem with it (at most 50); nothing makes it raise.

    Args:
        value: a Snapshot, which passes through untouched; JSON as bytes or text; a dict of JSON types.
    """
    try:
        if issubclass(type(value), Snapshot):  # what a class of its own says of itself is not asked
            return value  # type: ignore[return-value]  # a Snapshot here
        return _read(value)
    except ValidationError as error:
        return _reported(error, value)
    except Exception as error:  # noqa: BLE001 - a caller's own objects may do anything when looked at
        return [Problem("not-a-snapshot", f"cannot be read as a snapshot ({type(error).__name__[:40]})", path="")]


def _reported(error: ValidationError, value: object) -> list[Problem]:
    """Return a validation error's problems, whatever its inputs are."""
    try:
        many = error.error_count() > MOST_TOLD
        return problems_of(error, Snapshot, None if many else further(error, value))
    except Exception as failure:  # noqa: BLE001 - as above
        return [Problem("not-a-snapshot", f"cannot be read as a snapshot ({type(failure).__name__[:40]})", path="")]


def _read(value: object) -> Snapshot | list[Problem]:
    """Return the snapshot, or problems; raises ValidationError, or whatever a strange value raises."""
    if isinstance(value, (bytes, bytearray, memoryview, str)):
        return _read_json(value)
    if not isinstance(value, dict):
        hint = NAMED if issubclass(type(value), PurePath) else ""
        return [
            Problem("not-a-snapshot", f"must be a Snapshot, a dict or JSON, got {describe(value)}", path="", hint=hint)
        ]
    value = _with_plain_dicts(value)
    # Where nobody has imported NumPy nothing is NumPy's, and nothing needs to be looked at.
    return _validated(without_numpy(value) if "numpy" in sys.modules and _has_numpy(value) else value)


def _validated(value: dict[str, Any]) -> Snapshot | list[Problem]:
    snapshot = Snapshot.model_validate(value)
    stray = _not_lists(value)
    return [Problem("wrong-type", "must be a list, as in JSON", path=path) for path in stray] or snapshot


def _with_plain_dicts(value: dict[str, Any]) -> dict[str, Any]:
    """Return the value with exactly dicts for those of derived classes, whose own methods may never come to an end."""
    lists = (value.get(name) for name in LISTS) if type(value) is dict else ()
    market = value.get("market") if type(value) is dict else None
    brackets = market.get("brackets") if type(market) is dict else None
    within = (part for part in (*lists, brackets) if type(part) in {list, tuple})
    kinds = {type(value), *map(type, dict.values(value)), *map(type, chain.from_iterable(within))}
    if any(kind is not dict and issubclass(kind, dict) for kind in kinds):
        plain: dict[str, Any] = _rebuilt(value, _plain_dict, {})
        return plain
    return value


def _plain_dict(value: Any) -> Any:
    return dict(dict.items(value)) if issubclass(type(value), dict) else value


def without_numpy(value: Any) -> Any:
    """Return the value with NumPy's numbers, flags and arrays as Python's; itself where it has none."""
    return _rebuilt(value, lambda one: one.tolist() if type(one).__module__ == "numpy" else one, {})


def _has_numpy(value: dict[str, Any]) -> bool:
    """Return whether anything where a snapshot has values is NumPy's: pydantic would take its true for a 1."""
    found = {name: value.get(name) for name in (*PARTS, *LISTS)}
    market, book = found["market"], found["book"]
    brackets = market.get("brackets") if type(market) is dict else None
    lists: list[Any] = [one for one in (found["positions"], found["assets"], brackets) if type(one) in {list, tuple}]
    parts: list[Any] = [value, *found.values(), *chain.from_iterable(lists)]
    kinds = set(map(type, chain.from_iterable([part.values() for part in parts if type(part) is dict])))
    rows = [found["correlation"], *(book.values() if type(book) is dict else ())]
    for row in rows:
        if type(row) in {list, tuple}:
            within = set(map(type, row))
            kinds |= within
            if within <= {list, tuple}:  # no more than there may be: one list may be in there many times
                kinds.update(map(type, islice(chain.from_iterable(row), MOST_NUMBERS)))
    return any(kind.__module__ == "numpy" for kind in kinds)


def _rebuilt(value: Any, change: Callable[[Any], Any], known: dict[tuple[int, int], Any], deep: int = 0) -> Any:
    """Return the value with each part of it changed; itself where nothing is.

    Nothing in a snapshot lies deeper than `DEEPEST`; what contains itself has no end. What is in it many times is
    changed once: lists of lists of one list may have more elements than could ever be gone through. `known` holds each
    with what it becomes, so that no other gets its id.
    """
    kind = type(value)
    if kind not in {dict, list, tuple}:
        changed = change(value)
        return _rebuilt(changed, change, known, deep) if type(changed) is dict else changed
    at = id(value), deep
    if deep <= DEEPEST and at not in known:
        known[at] = value, _with_parts(value, [_rebuilt(part, change, known, deep + 1) for part in _parts(value)])
    return known[at][1] if at in known else value


def _parts(value: Any) -> Collection[Any]:
    return value.values() if type(value) is dict else value


def _with_parts(value: Any, parts: list[Any]) -> Any:
    """Return a dict or list with these parts in place of its own; itself where they are its own."""
    if all(part is given for part, given in zip(parts, _parts(value), strict=True)):
        return value
    return dict(zip(value, parts, strict=True)) if type(value) is dict else parts


def _read_json(text: bytes | bytearray | memoryview | str) -> Snapshot | list[Problem]:
    """Return the snapshot that a JSON text holds, or problems."""
    if isinstance(text, memoryview):
        text = text.tobytes()
    if len(text) > MOST_BYTES:
        return [Problem("too-many", f"must be at most {MOST_BYTES} bytes of JSON", path="")]
    if isinstance(text, str):
        if A_NAME.fullmatch(text):
            return [Problem("not-json", "is not JSON, but the name of a file", path="", hint=NAMED)]
        try:
            text = text.encode()
        except UnicodeEncodeError:
            return [Problem("not-json", "is not JSON: it has characters that UTF-8 cannot write", path="")]
    snapshot = Snapshot.model_validate_json(text)
    return snapshot if is_given_once(text, snapshot) else twice(text) or snapshot


def _not_lists(value: dict[str, Any]) -> list[str]:
    """Return the paths where a Python value has something else for a list: a set has no order to rely on."""
    found = [name for name in LISTS if not _is_list(value.get(name, ()))]
    correlation, market, book = value.get("correlation"), value.get("market"), value.get("book")
    if not found and correlation and not all(map(_is_list, correlation)):
        found.append("correlation")
    if isinstance(market, dict) and not _is_list(market.get("brackets", ())):
        found.append("market.brackets")
    if isinstance(book, dict):
        for side in ("bids", "asks"):
            levels = book[side]
            if not _is_list(levels) or not {type(level) for level in levels} <= {list, tuple}:
                found.append(f"book.{side}")
    return found


def _is_list(value: object) -> bool:
    """Return whether a value that the models accepted is a list (or absent)."""
    return value is None or isinstance(value, (list, tuple))
