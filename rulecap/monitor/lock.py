"""One monitor that sends orders for an account at a time: a lock on a file, gone with its process."""

import os
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment]


class AlreadyRunning(Exception):
    """Another monitor sends orders for the account; the text says which process."""


class Lock:
    """Held from opening to closing."""

    def __init__(self, journal: Path) -> None:
        """Take the lock.

        Raises:
            AlreadyRunning: another process has it.
            OSError: the file cannot be written.
        """
        if fcntl is None:  # pragma: no cover
            raise AlreadyRunning("orders are not sent from this system: it has no lock that ends with its process")
        journal = journal.resolve()  # by whatever name it was reached
        self.path = journal.with_name(f"{journal.name}.lock")
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "another"
            os.close(self._file)
            text = f"a monitor sends orders for this account already (process {holder}, {self.path}): end it first"
            raise AlreadyRunning(text) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def __enter__(self) -> "Lock":
        """Return the lock."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let go of it."""
        os.close(self._file)
