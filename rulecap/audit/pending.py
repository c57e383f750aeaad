"""What a writer has yet to write: rows wait until something is read that they belong to, or until the commit."""

from collections.abc import Sequence

from rulecap.audit.database import Database, Row
from rulecap.audit.tables import Into


class MustBegin(Exception):
    """Something is to be read that rows which wait belong to; they can be written only after `begin`."""


class Pending:
    """Rows that wait to be written.

    Attributes:
        batch: the rows, by where they go.
        begun: whether the database is in a transaction, in which they can be written at any time.
    """

    def __init__(self, database: Database) -> None:
        """Have nothing to write yet."""
        self._database = database
        self.batch: dict[Into, list[Sequence[object]]] = {}
        self.begun = False

    def restart(self, *, begun: bool) -> None:
        """Drop what waits; a transaction has begun, or has not."""
        self.batch, self.begun = {}, begun

    def insert(self, into: Into, *rows: Sequence[object]) -> None:
        """Have rows written."""
        self.batch.setdefault(into, []).extend(rows)

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run a statement that reads; what waits is written before it.

        Raises:
            MustBegin: something waits, and no transaction has begun.
            LogError: it failed.
        """
        self.flush()
        return self._database.run(statement, values)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            MustBegin: something waits, and no transaction has begun.
            LogError: it failed.
        """
        if not self.batch:
            return
        if not self.begun:
            raise MustBegin
        batch, self.batch = self.batch, {}
        self._database.insert(batch)
