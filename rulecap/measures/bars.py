"""Bars: average true range, close-to-close volatility, correlations, from bars of one length, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, isfinite, log, sqrt

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One finished bar; `opened` is its opening time in milliseconds since 1970 (UTC), prices in the quote currency."""

    opened: int
    high: float
    low: float
    close: float

    def __post_init__(self) -> None:
        """Refuse what no bar can be.

        Raises:
            ValueError: a price that is not above zero or not finite, a high below the low, a close outside of both.
        """
        if not (0 < self.low <= self.close <= self.high and isfinite(self.high)):
            raise ValueError(f"no bar has low {self.low}, close {self.close} and high {self.high}")


def true_ranges(bars: Sequence[Bar]) -> list[float]:
    """Return each bar's true range but the first's, which has no close before it.

    max(high, previous close) − min(low, previous close). Source: J. Welles Wilder, "New Concepts in Technical Trading
    Systems" (1978), chapter on volatility.
    """
    return [max(bar.high, before.close) - min(bar.low, before.close) for before, bar in pairwise(bars)]


def atr_pct(bars: Sequence[Bar]) -> float | None:
    """Return the average true range as percent of the last close; None where fewer than two bars are there.

    The plain mean over the bars given but the first: the value that Wilder's smoothing starts from. The smoothed one
    would depend on how far back the history goes, so that two readers of the same bars could disagree.
    """
    ranges = true_ranges(bars)
    return 100.0 * fsum(ranges) / len(ranges) / bars[-1].close if ranges else None


def log_returns(closes: Sequence[float]) -> list[float]:
    """Return ln(close / close before) for each close but the first."""
    return [log(close / before) for before, close in pairwise(closes)]


def volatility_pct(bars: Sequence[Bar], bar_seconds: float) -> float | None:
    """Return the close-to-close volatility in percent per day; None where fewer than three bars are there.

    The sample standard deviation of log returns, times √(bars in a day), so that bars of any length give figures that
    can be compared. Source: J. Hull, "Options, Futures, and Other Derivatives", estimating volatility from historical
    data.
    """
    returns = log_returns([bar.close for bar in bars])
    if len(returns) < 2:
        return None
    mean = fsum(returns) / len(returns)
    variance = fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1)
    return 100.0 * sqrt(variance * SECONDS_PER_DAY / bar_seconds)


def correlation_matrix(series: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...] | None:
    """Return Pearson's correlations of returns, one series for each asset, all of one length.

    Symmetric, with ones on the diagonal, within −1 and 1; positive semi-definite as far as rounding goes, because every
    element is a product of the same unit vectors. None where one of the series does not move, or is too short: what
    does not vary is correlated with nothing.
    """
    units = [_unit(one) for one in series]
    if not units or any(unit is None for unit in units):
        return None
    vectors = [unit for unit in units if unit is not None]
    size = len(vectors)
    rows = [[1.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            product = fsum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
            rows[i][j] = rows[j][i] = min(1.0, max(-1.0, product))
    return tuple(map(tuple, rows))


def _unit(series: Sequence[float]) -> list[float] | None:
    """Return the series without its mean, scaled to length one; None where there is nothing to scale."""
    if len(series) < 2:
        return None
    mean = fsum(series) / len(series)
    moved = [one - mean for one in series]
    largest = max(map(abs, moved))
    if not largest > 1e-12 * max(map(abs, series)):
        return None
    scaled = [one / largest for one in moved]  # so that squares of tiny returns do not vanish
    length = sqrt(fsum(one * one for one in scaled))
    return [one / length for one in scaled]
