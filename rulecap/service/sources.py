"""Where account and markets come from: what a source tells, each part with the moment from which it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from rulecap.problems import Problem
from rulecap.snapshot import Account, Asset, Book, Market, Position, Snapshot

# A position is open that cannot be counted: what is decided on the others is not recorded as if it were on all.
UNTOLD = "position-untold"
# What was paid in or out is not known: a figure that it may have moved is not taken for a profit or a loss.
DEPOSITS = "deposits-unknown"
# The markets' finished bars are not known: positions have no volatility, and no capital is allocated.
BARS = "bars-unknown"
# Positions changed each time while the account was read: balance and positions may not be of one moment.
MOVING = "account-moving"
# With these, too, entries are refused, and reductions answered: what they are about no reduction needs.
UNSURE = frozenset({"time-unknown", "mode-unknown", "leverage-unknown", BARS, MOVING})
NET_DEPOSITS = "account.net_deposits"
Correlation = tuple[tuple[float, ...], ...]


class SourceError(Exception):
    """A source cannot tell; the text says why and has no secret in it.

    Attributes:
        code: a stable name in kebab-case.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep what is wrong."""
        super().__init__(message)
        self.code = code

    def problem(self) -> Problem:
        """Return it as a problem."""
        return Problem(self.code, str(self))

    def __reduce__(self) -> tuple[type["SourceError"], tuple[str, ...]]:
        """Have copies, and what another process raised, made of code and words again."""
        return SourceError, (self.code, str(self))


class UnknownSymbol(SourceError):
    """There is no market of that name."""

    def __init__(self, message: str) -> None:
        """Keep what is wrong."""
        super().__init__("unknown-symbol", message)

    def __reduce__(self) -> tuple[type["SourceError"], tuple[str, ...]]:
        """As for every `SourceError`, of the words alone."""
        return UnknownSymbol, (str(self),)


class Lacking(NamedTuple):
    """What of an account a snapshot lacks. What is decided then goes on no record, where it would be counted on from.

    Attributes:
        untold: why the account has a position that the snapshot has not; none where it lacks none.
        doubt: why what was paid in or out since it was last known is not in it; none where it is.
        unsure: why something else is not known that no reduction needs, such as the margin mode; none where all is.
    """

    untold: SourceError | None = None
    doubt: SourceError | None = None
    unsure: SourceError | None = None

    @property
    def why(self) -> SourceError | None:
        """The first reason; none where nothing lacks."""
        return self.untold or self.unsure or self.doubt  # without the venue's time no deposits are counted either

    @property
    def unknown(self) -> frozenset[str]:
        """The snapshot's paths that are not to be relied on, as `Policy.partially` takes them."""
        return frozenset([NET_DEPOSITS]) if self.doubt else frozenset()

    def hides(self, snapshot: Snapshot) -> bool:
        """Return whether what is to be reduced may be the position that is not told: it may well be there."""
        signal = snapshot.signal
        if self.untold is None or signal is None or not signal.reduce_only:
            return False
        reduced = (signal.symbol, "LONG" if signal.side == "SELL" else "SHORT")
        return reduced not in {(one.symbol, one.side) for one in snapshot.positions}


WHOLE = Lacking()


def untold(messages: Iterable[str]) -> SourceError | None:
    """Return why positions are not told, by what was said of each of them; none where nothing was."""
    text = "; ".join(messages)
    return SourceError(UNTOLD, f"a position is not counted: {text}") if text else None


def uncounted(message: str) -> SourceError:
    """Return why what was paid in or out is not known."""
    return SourceError(DEPOSITS, f"what was paid in or out cannot be read: {message}")


def unsure(reasons: Iterable[tuple[str, str]]) -> SourceError | None:
    """Return why something is not known that no reduction needs, the first by name; none where nothing was said."""
    told = list(reasons)
    return SourceError(told[0][0], "; ".join(message for _, message in told)) if told else None


@dataclass(frozen=True, slots=True)
class AccountPart:
    """An account at a moment, the assets that its capital is allocated to, and what is not known of it."""

    account: Account
    positions: tuple[Position, ...]
    assets: tuple[Asset, ...] | None
    correlation: Correlation | None
    read_at: datetime
    lacking: Lacking = WHOLE


@dataclass(frozen=True, slots=True)
class MarketPart:
    """A market at a moment; where it has assets of its own (its market among them), they replace the account's."""

    market: Market
    book: Book | None
    read_at: datetime
    assets: tuple[Asset, ...] | None = None
    correlation: Correlation | None = None


class Source(Protocol):
    """What tells of one account and its markets. Every method may raise SourceError, and nothing else."""

    async def account(self) -> AccountPart:
        """Return the account as it is now."""

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market by any of its names.

        Raises:
            UnknownSymbol: there is none.
        """

    async def market(self, symbol: str) -> MarketPart:
        """Return a market as it is now, by the snapshot's symbol."""

    async def close(self) -> None:
        """Let go of connections."""


def plain_symbol(name: str) -> str:
    """Return `BTCUSDT` for `BTC/USDT:USDT` and its like, in capitals; a dated contract, or another, keeps its name."""
    whole = name.strip().upper()
    pair, _, settle = whole.partition(":")
    base, slash, quote = pair.partition("/")
    return base + quote if slash and settle in ("", quote) else whole
