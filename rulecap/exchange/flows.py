"""Deposits and withdrawals: the ledger's entries since some moment → net deposits, each entry counted once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf, isfinite
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import exact, number, part
from rulecap.exchange.venues import Venue

# ccxt's types of an entry that is money coming in or going out, not a result of trading.
IN_OR_OUT = frozenset({"deposit", "withdrawal", "transfer"})
# An entry may appear in the ledger later than its own time says; what was read is read again for so long.
OVERLAP = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=1)
# A sum that was counted need not be on record yet: so many of them are kept.
MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class Deposits:
    """What is known of an account's deposits and withdrawals, to be handed to the next reading.

    Attributes:
        net: all deposits minus all withdrawals so far, in the quote currency.
        through: the ledger was read up to this moment.
        seen: the entries already counted that the next reading may meet again; None where nobody kept them, so that
            whatever is not after `through` counts as known.
        late: whether an entry of before the last reading came only with this one: what it moved was taken for a profit
            or a loss until now.
        begun: when counting began, where that is known: what moved until then is in the first figures and never
            counts, however late it comes into the ledger.
        recorded: what the account was like until then is on record, where that is later than `through`.
    """

    net: float
    through: datetime
    seen: frozenset[str] | None = None
    late: bool = False
    begun: datetime | None = None
    recorded: datetime | None = None

    @classmethod
    def beginning(cls, moment: datetime) -> "Deposits":
        """Return what to count on from where nothing was counted before an account was read at a moment."""
        return cls(0.0, moment, frozenset(), begun=moment)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        begun = {"begun": self.begun.isoformat()} if self.begun else {}
        return {"net": self.net, "through": self.through.isoformat(), "seen": sorted(self.seen or ()), **begun}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Deposits":
        """Return what `to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it did not give that.
        """
        net, through = number(told["net"]), datetime.fromisoformat(told["through"])
        begun = datetime.fromisoformat(told["begun"]) if "begun" in told else None
        if net is None or through.tzinfo is None or (begun is not None and begun.tzinfo is None):
            raise ValueError("the sum is no number, or its time has no zone")
        return cls(net, through, frozenset(told["seen"]), begun=begun)

    def with_kept(self, kept: Sequence["Deposits"]) -> "Deposits":
        """Return what to count on from, where this is on record, and those were kept beside the log, the latest last.

        What was kept knows which entries were counted, and so which that come late were not. It counts where it tells
        the sum that is on record: then nothing was counted between the two, whichever is the later one. Not where it is
        much older: venues do not tell all of their ledger for ever, and what is as late as that is late anyway.
        """
        oldest = self.through - KEPT_FOR
        known = next((one for one in reversed(kept) if one.net == self.net and one.through >= oldest), self)
        return replace(known, recorded=self.through)

    def kept_with(self, kept: Sequence["Deposits"]) -> tuple["Deposits", ...]:
        """Return what to keep where this is known now, and those were kept: the latest last, each of another sum."""
        return (*(one for one in kept if one.net != self.net), self)[-MOST_KEPT:]

    @property
    def since(self) -> datetime:
        """From when the next reading has to look."""
        return self.through - OVERLAP


def counted(
    before: Deposits,
    entries: Iterable[Mapping[str, Any]],
    venue: Venue,
    quote: str,
    now: datetime,
    unsure: timedelta = timedelta(0),
) -> Deposits:
    """Return the deposits after a ledger's entries.

    An entry of before `through` that is not in `seen` counts too: it came late. None of before `begun` does.

    Args:
        before: what was known.
        entries: ccxt's ledger entries from `before.since` on, in any order, more than once if need be.
        venue: how the venue tells money in or out from results.
        quote: entries in other currencies are no flow of this account.
        now: when reading the account began, to which the deposits belong.
        unsure: how much earlier that may have been, by the venue's clock.

    Raises:
        VenueError: `half-an-answer`, an entry of money in or out lacks its time, amount or direction, or all of them
            are more than a number holds, of which nothing may be kept: it could never be counted on from;
            `account-moving`, one is of later than `now`: whether the balance has it in it, nobody knows.
    """
    net, seen, late = exact(before.net), set(), False
    through, until = (one.timestamp() * 1000 for one in (before.through, now - unsure))
    begun = before.begun.timestamp() * 1000 if before.begun else -inf
    recorded = before.recorded.timestamp() * 1000 if before.recorded else through
    for entry in entries:
        if entry.get("currency") != quote or not _is_flow(entry, venue):
            continue
        name, moment, amount = _read(entry)
        if moment > until:
            raise VenueError("account-moving", "money was paid in or out while the account was read")
        known = moment <= through if before.seen is None else name in before.seen
        if not known and moment > begun and name not in seen:
            net += exact(amount)
            late = late or moment <= max(through, recorded)
        seen.add(name)
    if not isfinite(float(net)):
        raise VenueError("half-an-answer", "the ledger's amounts are more than a number can hold")
    return Deposits(float(net), now, frozenset(seen), late, before.begun)


def _is_flow(entry: Mapping[str, Any], venue: Venue) -> bool:
    """Return whether an entry is money that came in or went out."""
    if venue.flow_types:
        return part(entry, "info", "type") in venue.flow_types
    return entry.get("type") in IN_OR_OUT


def _read(entry: Mapping[str, Any]) -> tuple[str, float, float]:
    """Return an entry's name, time in ms and signed amount."""
    moment, amount, way = number(entry.get("timestamp")), number(entry.get("amount")), entry.get("direction")
    if moment is None or amount is None or way not in ("in", "out"):
        raise VenueError("half-an-answer", "an entry of the ledger lacks its time, amount or direction")
    signed = abs(amount) if way == "in" else -abs(amount)
    return f"{entry.get('id')} {moment:.0f} {signed:.12g}", moment, signed
