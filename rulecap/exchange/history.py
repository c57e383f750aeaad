"""ccxt's OHLCV rows → finished bars, and what follows from several assets' bars together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import number
from rulecap.measures.bars import Bar, atr_pct, correlation_matrix, log_returns, volatility_pct
from rulecap.snapshot import Asset

SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def seconds_of(timeframe: str) -> int:
    """Return the length of a bar: `15m`, `1h`, `1d`, `1w`."""
    return int(timeframe[:-1]) * SECONDS[timeframe[-1]]


@dataclass(frozen=True, slots=True)
class History:
    """The last finished bars of one market, without a gap.

    Attributes:
        bars: oldest first: one more than asked for, since the first only gives a close; none where the venue has not as
            many, or where one is missing among them.
        bar_seconds: how long one is.
    """

    bars: tuple[Bar, ...]
    bar_seconds: int

    def is_newest(self, now_ms: float) -> bool:
        """Return whether no bar has ended since: what the venue would tell now is the same."""
        return bool(self.bars) and now_ms < self.bars[-1].opened + 2 * 1000 * self.bar_seconds

    @property
    def atr_pct(self) -> float | None:
        """The average true range as percent of the last close.

        Raises:
            VenueError: `not-a-snapshot`, the bars have none that a number can hold.
        """
        return _finite("average true range", lambda: atr_pct(self.bars))

    @property
    def volatility_pct(self) -> float | None:
        """The close-to-close volatility, percent per day.

        Raises:
            VenueError: `not-a-snapshot`, the bars have none that a number can hold.
        """
        return _finite("volatility", lambda: volatility_pct(self.bars, self.bar_seconds))


def _finite(what: str, measured: Callable[[], float | None]) -> float | None:
    """Return a figure of bars; prices that are each a number may be too far apart for it."""
    try:
        found = measured()
    except (ArithmeticError, ValueError):
        found = inf
    if found is not None and not isfinite(found):
        raise VenueError("not-a-snapshot", f"this makes no snapshot: the venue's bars have no finite {what}")
    return found


def history_of(rows: Sequence[Sequence[Any]], timeframe: str, bars: int, now_ms: float) -> History:
    """Return the last finished bars.

    Args:
        rows: ccxt's [opened in ms, open, high, low, close, volume], in any order.
        timeframe: the bars' length.
        bars: how many are wanted, beside the one before them.
        now_ms: the venue's time; a bar that ends after it is not finished.

    Raises:
        VenueError: `half-an-answer`, a row is no bar.
    """
    length = seconds_of(timeframe)
    finished = {bar.opened: bar for bar in map(_bar, rows) if bar.opened + 1000 * length <= now_ms}
    last = [finished[opened] for opened in sorted(finished)][-(bars + 1) :]
    unbroken = all(after.opened - before.opened == 1000 * length for before, after in pairwise(last))
    recent = bool(last) and now_ms - last[-1].opened < 3 * 1000 * length
    return History(tuple(last) if len(last) == bars + 1 and unbroken and recent else (), length)


def _bar(row: Sequence[Any]) -> Bar:
    """Return a row as a bar."""
    numbers = [number(value) for value in row[:5]]
    if len(numbers) < 5 or None in numbers:
        raise VenueError("half-an-answer", "a bar lacks its time or one of its prices")
    opened, _, high, low, close = (float(value) for value in numbers if value is not None)
    try:
        return Bar(int(opened), high, low, close)
    except ValueError as error:
        raise VenueError("half-an-answer", str(error)) from None


def allocation(
    histories: Mapping[str, History], bases: Mapping[str, str]
) -> tuple[tuple[Asset, ...] | None, tuple[tuple[float, ...], ...] | None]:
    """Return assets with volatilities, and their correlations, where every history is whole and moves.

    All or nothing: weights over some of the assets would look like weights over all. The correlations are those of the
    closes that all have at the same times; None where they are too few.

    Args:
        histories: by the snapshot's symbol.
        bases: the base asset by the snapshot's symbol.
    """
    volatilities = {symbol: one.volatility_pct for symbol, one in histories.items()}
    assets = tuple(
        Asset(symbol=symbol, base=bases.get(symbol), volatility_pct=value)
        for symbol, value in volatilities.items()
        if value is not None and value > 0
    )
    if not assets or len(assets) < len(histories):
        return None, None
    times = set.intersection(*({bar.opened for bar in one.bars} for one in histories.values()))
    closes = [[bar.close for bar in one.bars if bar.opened in times] for one in histories.values()]
    return assets, correlation_matrix([log_returns(one) for one in closes])
