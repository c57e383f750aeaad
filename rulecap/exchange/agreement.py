"""Whether the positions that a venue tells are all that its balance speaks of: one that is left out is never reduced.

A position is missing only where the balance has more than the positions account for. Their margin may differ a little
though none is missing: prices move between two answers, and a venue may count what closing costs as margin.
"""

from collections.abc import Mapping
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.positions import Held, Holdings
from rulecap.exchange.venues import Venue
from rulecap.problems import shown
from rulecap.snapshot import Account

# The balance may have this much more margin than the positions: only in a crash do prices move as far between two
# answers, and then both are asked for again.
MOVED = 0.1
# And this much of the notional, for closing: more than twice what the venues take without a discount.
CLOSING = 0.002


class Contradicted(VenueError):
    """What the venue tells of the positions is not what its balance tells."""


def missing(venue: Venue, balance: Mapping[str, Any], positions: Holdings, quote: str) -> Contradicted | None:
    """Return why a position seems to be missing, by what the balance tells; None where nothing says so.

    Nothing is compared where a position cannot be counted: what the balance has more may be of that one.

    Args:
        venue: what its balance tells.
        balance: ccxt's balance structure.
        positions: those that were told.
        quote: the account's currency.
    """
    if positions.untold:
        return None
    # One that is in another asset could not be counted, and no position is told that cannot be.
    bound = venue.bound(balance)
    if empty := [one for one in bound if one != quote or not positions.held]:
        return _half(f"{', '.join(map(shown, empty))}: margin or PnL of positions is told there, and no position")
    told = {_name(one) for one in positions.held}
    if left := [name for name, side in venue.listed(balance) if (name, side) not in told]:
        return _half(f"{', '.join(map(shown, left))}: the account lists a position there, which is not told")
    margin = venue.bound_by_all(balance, quote)
    if margin is not None and margin > sum(map(_most_margin, positions.held)):
        return _half(f"{shown(quote)}: by the balance the positions have more margin than all that are told")
    return None


def moved(venue: Venue, balance: Mapping[str, Any], positions: Holdings) -> bool:
    """Return whether the balance is of another moment: a position has another size there."""
    sizes = venue.listed(balance)
    return any(sizes.get(_name(one), one.contracts) != one.contracts for one in positions.held)


def check_margin(account: Account, positions: Holdings) -> None:
    """Refuse a balance that says that nothing is margin, where positions say that they have some.

    Raises:
        Contradicted: by it, an account at its limit would be all free.
    """
    if account.margin_used == 0 and any(one.position.margin > 0 for one in positions.held):
        raise _half("by the balance no margin is used, and by the positions there is some")


def _half(text: str) -> Contradicted:
    return Contradicted("half-an-answer", text)


def _name(held: Held) -> tuple[str, str]:
    return str(held.market.get("id")), held.position.side


def _most_margin(held: Held) -> float:
    """Return the most margin that a position may have by another answer of about the same time."""
    position = held.position
    at_mark = position.notional / position.leverage if position.leverage else 0.0
    return max(position.margin, at_mark) * (1.0 + MOVED) + position.notional * CLOSING
