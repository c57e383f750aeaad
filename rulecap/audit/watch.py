"""The watch over a log's files: is what lies at the address still what was opened, and who has written to it?"""

import os
import time
import weakref
from pathlib import Path

from rulecap.audit.errors import LogError

_stat = os.stat  # the one way in which files are asked about here, by names that are kept as text
Identity = tuple[int, int]
# Longer than any file system's clock stands still: what changes a folder after that shows in the folder's time.
SETTLED_NS = 3_000_000_000


class Watch:
    """Watches a log's file, and the files beside it that SQLite keeps for its writers.

    Each look is on the way of a commit. To ask about a file that is written all the time makes the next writing dearer
    (Linux then notes its time by the nanosecond, which is one more thing to keep). So the files beside are looked at
    only where their folder's change time tells that one of them may have been made anew; no writing changes that.

    Attributes:
        cut: whether what is written ahead was found shorter than before; whoever has looked into that sets it back.
    """

    def __init__(self, path: Path) -> None:
        """Begin to watch what is there.

        Raises:
            OSError: the file cannot be looked at.
        """
        self._path, self._file = str(path.absolute()), path.stat()
        real = path.resolve()  # which is where SQLite keeps the files beside
        self._folder = str(real.parent)
        self._beside = {name: _identity(name) for name in beside(str(real)) if Path(name).exists()}
        self._seen: tuple[int, int, int] | None = None
        ahead, _ = beside(str(real))
        # No lock of SQLite's is on this file; closing it here would let go of one.
        self._ahead = os.open(ahead, os.O_RDONLY) if ahead in self._beside else None
        self._let_go = None if self._ahead is None else weakref.finalize(self, os.close, self._ahead)
        self._length, self.cut = self._ahead_length(), False

    def close(self) -> None:
        """Watch no more."""
        self._ahead = None
        if self._let_go is not None:
            self._let_go()

    def look(self) -> bool:
        """Return whether the file was written to, or what is written ahead was cut, since it was last looked at.

        Raises:
            LogError: it is no longer what is at the log's address: nobody would find what is written there.
            OSError: it cannot be looked at.
        """
        before, file = self._file, _stat(self._path)
        if (file.st_dev, file.st_ino) != (before.st_dev, before.st_ino):
            raise LogError("log-replaced", f"{self._path} is another file than the one that was opened")
        if file.st_size < before.st_size:
            raise LogError("log-corrupt", f"{self._path} was cut short while it was open")
        if self._stirred():
            self._look_beside()
        self._file = file
        length, self._length = self._length, self._ahead_length()
        self.cut = self.cut or self._length < length
        return file.st_mtime_ns != before.st_mtime_ns or self.cut

    def _ahead_length(self) -> int:
        """Return how long the file is that is written ahead; to go to its end asks for no time, as above."""
        return 0 if self._ahead is None else os.lseek(self._ahead, 0, os.SEEK_END)

    def _stirred(self) -> bool:
        """Return whether files in the folder may have been made, renamed or removed since the last look."""
        folder = _stat(self._folder)
        now, seen = (folder.st_dev, folder.st_ino, folder.st_ctime_ns), self._seen
        self._seen = now if time.time_ns() - folder.st_ctime_ns > SETTLED_NS else None
        return now != seen

    def _look_beside(self) -> None:
        for name, opened in self._beside.items():
            if _identity(name) != opened:
                raise LogError("log-replaced", f"{name} is another file than the one that was opened")


def beside(path: str) -> tuple[str, str]:
    """Return the files beside a log's: what is written ahead, and what tells its writers of each other.

    Where the second is another one, two processes can write at the same time, each over what the other has written.
    """
    return f"{path}-wal", f"{path}-shm"


def _identity(name: str) -> Identity:
    found = _stat(name)
    return found.st_dev, found.st_ino
