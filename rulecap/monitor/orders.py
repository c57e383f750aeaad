"""Orders as the journal has them: what is meant to be sent, what was, and what became of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import takewhile
from typing import Any

from rulecap.monitor.journal import Journal

# Not known to be at its end: a position with such an order is left alone.
INTENDED, UNCERTAIN, OPEN = "INTENDED", "UNCERTAIN", "OPEN"
# At its end: NOT_SENT never reached the venue, REFUSED was turned down by it.
FILLED, CANCELLED, REFUSED, NOT_SENT = "FILLED", "CANCELLED", "REFUSED", "NOT_SENT"
GOING_ON = (INTENDED, UNCERTAIN, OPEN)
AFTER_SENDING = (UNCERTAIN, OPEN, FILLED, CANCELLED, REFUSED, NOT_SENT)
# The code of an order that ended, and nothing of it was filled: for its position it is as good as refused.
UNFILLED = "order-unfilled"
HOUR, WEEK = 3600.0, 7 * 24 * 3600.0
# Enough to tell the longest pause from.
MOST_IN_VAIN = 16


@dataclass(frozen=True, slots=True)
class Order:
    """An order.

    Attributes:
        client_order_id: our name for it, made from the decision.
        record: the decision's record; empty where that could not be written.
        decided_at: the snapshot's time.
        action: what the policy calls it; symbol, side, quantity and why are the policy's too.
        written: when the intent was made durable, in seconds since 1970; changed: when its state last changed.
        sent_quantity, filled, average_price: as the venue tells them.
        code, message: why it was refused, not sent, or is uncertain.
    """

    client_order_id: str
    record: str
    decision: str
    decided_at: str
    action: str
    symbol: str
    side: str
    quantity: float
    why: str
    state: str
    written: float
    changed: float
    sent_quantity: float | None = None
    filled: float | None = None
    average_price: float | None = None
    code: str = ""
    message: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it is not known to be at its end."""
        return self.state in GOING_ON

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


NAMES = tuple(field.name for field in fields(Order))
COLUMNS = ", ".join(NAMES)


class Orders:
    """The journal's orders."""

    def __init__(self, journal: Journal) -> None:
        """Keep them in a journal."""
        self._journal = journal
        self._seen: dict[tuple[str, float], float] = {}

    def intend(self, order: Order, evidence: bytes | None = None) -> bool:
        """Put an order down before it is sent; return whether neither it nor another one on the position was there.

        The journal itself holds to one at a time, whatever became of the lock.

        Args:
            order: what is meant.
            evidence: the decision, where it is on no record.

        Raises:
            JournalError: it is not durable, so that it may not be sent.
        """
        places = ", ".join("?" * (len(NAMES) + 1))
        statement = (
            f"INSERT INTO orders ({COLUMNS}, evidence) VALUES ({places})"  # names of our own
            " ON CONFLICT DO NOTHING RETURNING client_order_id"
        )
        return bool(self._journal.run(statement, (*asdict(order).values(), evidence)))

    def note(self, order: Order) -> None:
        """Put down what became of an order.

        Raises:
            JournalError: it is not durable.
        """
        told = ("state", "changed", "sent_quantity", "filled", "average_price", "code", "message")
        assignments = ", ".join(f"{name} = ?" for name in told)
        values = [getattr(order, name) for name in told]
        statement = f"UPDATE orders SET {assignments} WHERE client_order_id = ?"  # as above
        self._journal.run(statement, (*values, order.client_order_id))

    def named(self, client_order_id: str) -> Order | None:
        """Return an order by its name.

        Raises:
            JournalError: it cannot be read.
        """
        found = self._where("client_order_id = ?", client_order_id)
        return found[0] if found else None

    def going_on(self) -> list[Order]:
        """Return the orders that are not known to be at their end, in the order in which they were meant.

        Raises:
            JournalError: they cannot be read.
        """
        return self._where(f"state IN {GOING_ON!r} ORDER BY written, rowid")

    def ended_between(self, first: float, last: float) -> list[Order]:
        """Return the orders that may have moved a position and ended between two moments.

        Raises:
            JournalError: they cannot be read.
        """
        condition = f"state IN {(FILLED, CANCELLED)!r} AND changed > ? AND changed <= ? ORDER BY written, rowid"
        return self._where(condition, first, last)

    def taken_within_an_hour(self, moment: float) -> int:
        """Return how many orders a venue took in the hour before a moment, or may have taken.

        Raises:
            JournalError: that cannot be read.
        """
        dated = "SELECT client_order_id FROM dated WHERE written > ? AND written <= ?"
        within = f"written > ? OR client_order_id IN ({dated})"
        statement = f"SELECT count(*) FROM orders WHERE ({within}) AND state NOT IN (?, ?)"  # as above
        first = moment - HOUR
        return int(self._journal.run(statement, (first, first, moment, NOT_SENT, REFUSED))[0][0])

    def in_vain(self, symbol: str, side: str) -> list[Order]:
        """Return the latest orders on a position as far as none of them came to anything, the newest first.

        The venue turned them down, or ended them, and nothing was filled.

        Raises:
            JournalError: they cannot be read.
        """
        condition = "symbol = ? AND side = ? AND state != ? ORDER BY written DESC, rowid DESC LIMIT ?"
        latest = self._where(condition, symbol, side, NOT_SENT, MOST_IN_VAIN)
        return list(takewhile(lambda one: one.state == REFUSED or one.code == UNFILLED, latest))

    def prune(self, moment: float) -> None:
        """Forget what was never sent or was turned down, a week after; a venue may turn orders down for ever.

        Raises:
            JournalError: the journal cannot be written.
        """
        self._journal.run(
            "DELETE FROM orders WHERE state IN (?, ?) AND changed < ?", (NOT_SENT, REFUSED, moment - WEEK)
        )

    def date(self, moment: float, steady: float) -> None:
        """Take orders whose time is still to come for written now: else they would count for the cap until it comes.

        A clock that was ahead has noted it. Or the clock was right then, and is behind now: so what was noted is kept
        beside, for an hour by a clock that nobody can set.

        Args:
            moment: now.
            steady: the same by a clock that only goes forward.

        Raises:
            JournalError: the journal cannot be written.
        """
        later = "FROM orders WHERE written > ?"
        if self._journal.run(f"SELECT 1 {later} LIMIT 1", (moment,)):  # as above
            with self._journal.together():
                self._journal.run(f"INSERT OR IGNORE INTO dated SELECT client_order_id, written {later}", (moment,))
                self._journal.run("UPDATE orders SET written = ? WHERE written > ?", (moment, moment))
        rows = [(name, written) for name, written in self._journal.run("SELECT client_order_id, written FROM dated")]
        self._seen = {row: self._seen.get(row, steady) for row in rows}
        for row, seen in self._seen.items():
            if steady - seen > HOUR:
                self._journal.run("DELETE FROM dated WHERE client_order_id = ? AND written = ?", row)

    def latest(self, most: int) -> list[Order]:
        """Return the latest orders, oldest first.

        Raises:
            JournalError: they cannot be read.
        """
        return self._where("true ORDER BY written DESC, rowid DESC LIMIT ?", most)[::-1]

    def _where(self, condition: str, *values: object) -> list[Order]:
        rows = self._journal.run(f"SELECT {COLUMNS} FROM orders WHERE {condition}", values)  # as above
        return [Order(*row) for row in rows]


def reduction(order: Order) -> Mapping[str, Any]:
    """Return an order as the action that an exchange takes."""
    return {"symbol": order.symbol, "side": order.side, "quantity": order.quantity, "reduce_only": True}
