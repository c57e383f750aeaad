"""Edits: what tells that a file is not the one any more that was read."""

from pathlib import Path
from typing import NamedTuple


class State(NamedTuple):
    """What changes when a file is edited, or put in another's place, or may be read by others than before.

    Who may read a file can be changed last, when nothing else of it changes any more: `changed` is the inode's time
    then. On Windows it is that of the file's beginning.
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
