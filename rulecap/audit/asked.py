"""One question to the ledger: what was handed in, made into what will be on record before it is evaluated.

What is evaluated is exactly what is recorded. So a replay sees what the evaluation saw, whatever it was: a snapshot, a
broken text, an object that no JSON can write.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from rulecap.audit.clock import microseconds
from rulecap.audit.snapshot_json import SnapshotJson
from rulecap.problems import text_of
from rulecap.snapshot import Snapshot, read_snapshot

LARGEST_KEPT = 4 * 1024 * 1024
MOST_PARTS = 1024 * 1024
LONGEST_NAME = 64


@dataclass(frozen=True)
class Input:
    """What a decision is made on.

    Attributes:
        given: what the policy evaluates: a Snapshot, or what could not be read as one.
        recorded: the same as JSON, for the record.
        account: the account's name; as far as it can be told where the snapshot cannot be read, else empty.
    """

    given: object
    recorded: bytes
    account: str

    @cached_property
    def as_of(self) -> int | None:
        """The snapshot's time in microseconds since 1970, none where it cannot be read."""
        return microseconds(self.given.as_of) if isinstance(self.given, Snapshot) else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is recorded, hexadecimal."""
        return hashlib.sha256(self.recorded).hexdigest()


def input_of(value: object, written: SnapshotJson | None = None) -> Input:
    """Return the input that a value is; never raises. `written` keeps what other inputs have in common with it."""
    read = value if type(value) is Snapshot else read_snapshot(value)
    if isinstance(read, Snapshot):
        known = _known(read, written or SnapshotJson())
        if known is not None:
            return known
    given = _unreadable(value)
    return Input(given, json.dumps(given, ensure_ascii=False).encode(), nameable(_account(given)))


def _known(snapshot: Snapshot, written: SnapshotJson) -> Input | None:
    """Return a snapshot as input, none where nobody validated it, and it cannot even be written or told the time of."""
    try:
        told = Input(snapshot, written.json(snapshot), nameable(snapshot.account.id))
        return None if told.as_of is None else told
    except Exception:  # noqa: BLE001  # it may hold anything
        return None


def nameable(name: str) -> str:
    """Return a name as every database can keep it: PostgreSQL's texts have no NUL."""
    return name.replace("\0", "\u2400")


def recorded_input(snapshot: object) -> object:
    """Return what was evaluated, from a record's `snapshot`: the snapshot as JSON, or the text that was no snapshot."""
    return snapshot if isinstance(snapshot, str) else json.dumps(snapshot).encode()


def _unreadable(value: object) -> str:
    """Return the text that stands for what is no snapshot; it is no snapshot either."""
    text = _text(value)
    if len(text) > LARGEST_KEPT:
        digest = hashlib.sha256(text.encode()).hexdigest()
        text = f"{len(text)} characters that are no snapshot, too many to keep; their SHA-256 is {digest}"
    return f"no JSON types: {text}" if isinstance(read_snapshot(text), Snapshot) else text


def _text(value: object) -> str:
    text = text_of(value)
    if text is not None:
        return text.encode(errors="backslashreplace").decode()
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).decode(errors="backslashreplace")
        if _has_too_many(value):
            return f"a {type(value).__name__} with too many parts to be written, or without an end"
        return to_json(value, inf_nan_mode="constants", fallback=lambda other: f"a {type(other).__name__}").decode()
    except Exception as error:  # noqa: BLE001  # a caller's own objects may do anything when looked at
        return f"a {type(value).__name__} that JSON cannot write: {type(error).__name__}"


def _has_too_many(value: object) -> bool:
    """Return whether a value has too many parts to be written, as lists of lists of one list may, or perhaps no end."""
    waiting, left = [value], MOST_PARTS
    while waiting and left >= 0:
        one: Any = waiting.pop()
        kind = type(one)
        if kind in {dict, list, tuple}:
            left -= len(one) + 1
            waiting += one.values() if kind is dict else one
        elif hasattr(kind, "__next__") or (issubclass(kind, set | frozenset) and kind not in {set, frozenset}):
            return True
    return left < 0


def _account(text: str) -> str:
    """Return the account's name in a text that is no snapshot, empty where it has none."""
    try:
        account: Any = json.loads(text)["account"]["id"]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return ""
    named = isinstance(account, str) and 0 < len(account) <= LONGEST_NAME
    return account.encode(errors="backslashreplace").decode() if named else ""


def memory_json(memory: Mapping[str, Any] | None) -> bytes:
    """Return a memory as JSON."""
    return b"null" if memory is None else to_json(memory)
