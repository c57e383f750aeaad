"""Edits: whether a file, or one of all those that a policy is made of, has changed since it was read."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rulecap.engine.cases import case_files
from rulecap.policy.document import parse_document
from rulecap.policy.nodes import Mapping, Node, Scalar, items_of, text_at
from rulecap.policy.shelf import NoPolicyError, OnDisk, find_policy, on_disk
from rulecap.problems import PolicyError


class State(NamedTuple):
    """What changes when a file is edited, replaced by another one, or given other rights.

    `changed` is the inode's change time, which alone tells of other rights. On Windows it is when the file was made.
    """

    inode: int
    written: int
    changed: int
    size: int


Fingerprint = tuple[tuple[str, State], ...]


def state_of(path: Path) -> State | None:
    """Return a file's state; none where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return State(found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def fingerprint(where: str) -> Fingerprint:
    """Return what changes when a file of the policy, of one that it extends, or of its tests is edited."""
    states = ((str(path), state_of(path)) for path in _files(where))
    return tuple((name, state) for name, state in states if state is not None)  # what went away meanwhile is an edit


def edited_within(seconds: float, where: str, now: float) -> bool:
    """Return whether a file of all those was edited within so many seconds before a moment, in s since 1970."""
    times = (moment / 1e9 for _, state in fingerprint(where) for moment in (state.written, state.changed))
    return any(now - seconds < moment <= now for moment in times)


def _files(where: str) -> Iterator[Path]:
    for shelf, document in _shelves(where):
        yield shelf.folder / shelf.main
        yield from (shelf.folder / name for name in sorted(shelf.others()))
        yield from (shelf.folder / name for name in _below(document))
    try:
        yield from case_files(where)
    except (PolicyError, OSError):  # loading says what is wrong
        return


def _shelves(where: str) -> Iterator[tuple[OnDisk, Node | None]]:
    """Yield where the policy lies, and where those that it extends do, as far as that can be told, with what each says.

    A main file that is none any more says nothing.
    """
    seen = set()
    try:
        shelf = on_disk(find_policy(where))
        while shelf.identity not in seen:
            seen.add(shelf.identity)
            document = _document(shelf)
            yield shelf, document
            extends = text_at(document, "extends")
            if extends is None:
                return
            shelf = shelf.base(extends, "")
    except (PolicyError, NoPolicyError, OSError, ValueError):  # loading says what is wrong
        return


def _document(shelf: OnDisk) -> Node | None:
    """Return what a policy's main file says; none where it cannot be read, or says nothing."""
    try:
        return parse_document(shelf.content(shelf.main), shelf.main)[0]
    except (OSError, ValueError):  # loading says what is wrong
        return None


def _below(document: Node | None) -> list[str]:
    """Return the files that a policy includes from folders below its own."""
    included = document.get("include") if isinstance(document, Mapping) else None
    return sorted(one.text for one in items_of(included) if isinstance(one, Scalar) and "/" in one.text)
