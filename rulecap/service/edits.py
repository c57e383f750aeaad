"""Edits: whether a file has changed since it was read."""

from pathlib import Path
from typing import NamedTuple


class State(NamedTuple):
    """What changes when a file is edited, replaced by another one, or given other rights.

    `changed` is the inode's change time, which alone tells of other rights. On Windows it is when the file was made.
    """

    inode: int
    written: int
    changed: int
    size: int


def state_of(path: Path) -> State | None:
    """Return a file's state; none where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return State(found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
