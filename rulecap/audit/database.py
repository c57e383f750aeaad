"""What the audit log asks of a database: statements, one writer at a time, and a commit that is durable."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from rulecap.audit.tables import Batch

UNCHANGED = "the log's head is not there to be changed: it is not as it was read, or something is in the way"
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[object]]
"""A statement and its values."""


def blob(value: object) -> bytes:
    """Return the bytes of a column; empty where something else than bytes was put there."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


class Database(Protocol):
    """One connection. Statements take `?` for their values; every failure is a LogError."""

    where: str
    """The log's address, without a password."""
    words: tuple[str, str, str]
    """What this database calls whole numbers, bytes and texts."""
    preparations: tuple[str, ...]
    """Statements to run before the tables are made."""

    def holds_log(self) -> bool:
        """Return whether there is a log in it."""

    def begin(self) -> bool:
        """Start writing, as the only one who begins like this; waits its patience at the longest.

        Returns whether what lies in the database may have been written to by something else than a log's writer.
        """

    def begin_reading(self, statement: str) -> tuple[bool, list[Row]]:
        """Start writing, as the only writer of the log; waits its patience at the longest.

        Returns what `begin` does, and the rows of a statement without values on the log's head, read thereafter.
        """

    def append(self, swap: Statement, batch: Batch) -> bool:
        """Write rows in a transaction of their own, where nothing stands in the way; no `begin` before it.

        Args:
            swap: a statement with its values, which changes one row where the log is as it is thought to be.
            batch: the rows to write where it does.

        Returns:
            Whether that was so, and all of it is durable. Where it was not, or is not known, a `begin` tells.
        """

    def probe(self) -> None:
        """Fail where the log can be written to no more, as far as that shows without a writing; not after `begin`."""

    def look(self) -> None:
        """Start reading: until `rollback` everything is seen as it is at this moment, whatever is written."""

    def commit(self) -> None:
        """Make what was written since `begin` durable: it survives a crash of the machine once this returns."""

    def rollback(self) -> None:
        """Undo what was written since `begin`, or end the reading."""

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""

    def swap(self, swap: Statement) -> None:
        """Change a row, as in `append`; where there is none to change, nothing since `begin` can be committed.

        The failure comes with this, or with the commit.
        """

    def insert(self, batch: Batch) -> None:
        """Write rows."""

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Yield a statement's rows without holding them all; only after `look`."""

    def faults(self) -> list[str]:
        """Return what is wrong with the tables themselves: definitions, triggers, views, damage; only after `look`."""

    def cautions(self) -> list[str]:
        """Return what the reader of a verification has to know of where the log lies; only after `look`."""

    def close(self) -> None:
        """Let go of the connection; never raises."""
