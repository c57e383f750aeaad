"""Which files this process has open through SQLite: a process forked from it cannot open them.

SQLite keeps one account of a process's locks on a file, for all its connections, and a fork has a copy of it: that
locks are held which only its parent holds, or that files are open which have long been made anew. A connection made in
the fork would believe it, and would wait for ever, or write without a lock over what the parent writes.
"""

import os
import sqlite3
import weakref
from itertools import count
from pathlib import Path
from typing import Any

from rulecap.audit.errors import LogError

Identity = tuple[int, int]


class Connection(sqlite3.Connection):
    """A connection that is known as long as it is open.

    Attributes:
        process: which process opened it.
        file: device and number of its file; none until it is open.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Be known before there is a file that a fork could find open."""
        self.process = os.getpid()
        self.file: Identity | None = None
        self._number = next(_NUMBERS)
        _OPEN[self._number] = weakref.ref(self)
        super().__init__(*arguments, **options)

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that opened it."""
        return os.getpid() != self.process

    def close(self) -> None:
        """Close the file, and be forgotten."""
        super().close()
        _OPEN.pop(self._number, None)


_OPEN: dict[int, "weakref.ref[Connection]"] = {}
_NUMBERS = count()


def opened(path: Path, address: str, timeout: float, *, one_thread: bool = False) -> Connection:
    """Return a new connection to a file.

    Args:
        path: the file.
        address: the same as a URI, with the mode.
        timeout: seconds to wait for another process's lock.
        one_thread: whether no other thread may use it.

    Raises:
        LogError: it is open in the process that this one was forked from.
    """
    for number, known in list(_OPEN.items()):
        one = known()
        if one is None:
            _OPEN.pop(number, None)
        elif one.inherited and one.file in (None, identity(path)):
            raise LogError(
                "log-failed",
                f"{path} cannot be opened in a process that was forked from one that has it open: fork first and open "
                "then, or start the process anew (`spawn`)",
            )
    connection = sqlite3.connect(
        address, timeout=timeout, isolation_level=None, uri=True, check_same_thread=one_thread, factory=Connection
    )
    connection.file = identity(path)
    return connection


def identity(path: Path) -> Identity | None:
    """Return device and number of a file; none where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
