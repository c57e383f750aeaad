"""What is read from a venue, each part with the moment from which it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rulecap.exchange.errors import VenueError
from rulecap.exchange.flows import Deposits
from rulecap.exchange.history import History
from rulecap.exchange.positions import Held
from rulecap.snapshot import Account, Book, Market

# Scores by symbol, or by symbol and side where an account holds both sides of a market.
Scores = Mapping[str | tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class AccountView:
    """Balance and positions of one moment: no position changed while they were read, unless `unsure` says so.

    Attributes:
        account: as a snapshot has it, net deposits included.
        held: the open positions, with what the venue has beside them.
        deposits: what to hand to the next reading; None where the venue does not tell, or nobody asked.
        read_at: the venue's time when reading began.
        untold: why each open position that `held` lacks could not be counted; only where that was asked for.
        unsure: what else was not told, and no reduction needs: `time-unknown`, `mode-unknown`, `leverage-unknown`; or
            `account-moving`, positions changed each time while they were read; only where that was asked for.
    """

    account: Account
    held: tuple[Held, ...]
    deposits: Deposits | None
    read_at: datetime
    untold: tuple[VenueError, ...] = ()
    unsure: tuple[VenueError, ...] = ()

    @property
    def timeless(self) -> VenueError | None:
        """Why `read_at` is not by the venue's time, by which money that moved is counted; None where it is."""
        return self._unsure_of("time-unknown")

    @property
    def moving(self) -> VenueError | None:
        """That positions changed each time while the account was read; None where it rested."""
        return self._unsure_of("account-moving")

    def _unsure_of(self, code: str) -> VenueError | None:
        return next((error for error in self.unsure if error.code == code), None)


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market.

    Attributes:
        market: as a snapshot has it, ATR included where the bars are there.
        book: the order book; None where a side of it is empty.
        history: the market's finished bars.
        read_at: the venue's time when reading began, or its stamp on ticker or book where that is older.
    """

    market: Market
    book: Book | None
    history: History
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Extras:
    """What a snapshot has beside the venue's answers.

    Attributes:
        scores: what the ledger recorded when a position was entered; else a position's score is absent.
        assets: the symbols that capital is allocated to; None: the open positions' and the market's.
        facts: whatever else the policy's inputs name.
    """

    scores: Scores = field(default_factory=dict)
    assets: tuple[str, ...] | None = None
    facts: Mapping[str, float | int | str | bool] = field(default_factory=dict)
