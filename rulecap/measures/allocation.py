"""Equal risk: weights under which every asset carries the same share of the portfolio's risk.

An asset's share of risk is w_i·(Σw)_i / w'Σw, with Σ_ij = correlation_ij · volatility_i · volatility_j. Without a
matrix all correlations count as equal. Inverse-volatility weights then carry equal shares whatever that correlation is;
other weights do not, so one has to be named, and it is 1: an asset's share is then its stand-alone risk,
w_i·volatility_i, over the sum of these.

Sums add from left to right, so that every Python version gives the same last digit (the built-in `sum` does not).
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Protocol

Matrix = Sequence[Sequence[float]]
# A sweep costs n² products; the sweeps are bounded so that 1,000 assets end within seconds.
MOST_SWEEPS, MOST_PRODUCTS = 1_000, 20_000_000
STEP_TOLERANCE = 1e-13
# A variance this small beside the stand-alone risks squared is rounding: the portfolio is fully hedged.
NO_RISK = 1e-14


class AssetLike(Protocol):
    """What the measures need of an asset."""

    @property
    def symbol(self) -> str:
        """The market's symbol."""

    @property
    def volatility_pct(self) -> float:
        """The asset's volatility, in percent, above 0."""


def equal_risk_weights(assets: Sequence[AssetLike], correlation: Matrix | None) -> dict[str, Any]:
    """Return weights (ratios that sum to 1) of equal risk contribution, and how far from equal they are.

    Without a matrix, or where all correlations in it are equal, these are the inverse-volatility weights, exactly.
    Otherwise ½·y'Cy − (1/n)·Σ ln y_i is minimised by cyclical coordinate descent, and w_i is y_i / volatility_i,
    normalised. Source: F. Spinu, "An algorithm for computing risk parity weights" (2013); T. Griveau-Billion,
    J.-C. Richard, T. Roncalli, "A fast algorithm for computing high-dimensional risk parity portfolios" (2013).

    Returns:
        {"weights": [{"symbol", "weight"}], "residual"}; the residual is the largest distance of a risk share from 1/n.
        It is not near 0 where no such weights exist (some long-only portfolio of these assets has no risk at all) or
        the bound on work was reached: the weights are then inverse volatility, unless the solver's are more equal.
    """
    _check_size(assets, correlation)
    weights = _weights(assets, [1.0] * len(assets))
    residual = 0.0
    if correlation is not None and not _all_equal(correlation):
        residual = _residual(assets, weights, correlation)
        solved = _weights(assets, _equal_risk_scores(correlation))
        distance = _residual(assets, solved, correlation)
        if distance <= residual:
            weights, residual = solved, distance
    records = [{"symbol": asset.symbol, "weight": weight} for asset, weight in zip(assets, weights, strict=True)]
    return {"weights": records, "residual": residual}


def risk_shares(
    weights: Sequence[Mapping[str, Any]], assets: Sequence[AssetLike], correlation: Matrix | None
) -> list[dict[str, Any]]:
    """Return each weight with its share of the portfolio's risk, a ratio; the shares sum to 1, a hedge's is negative.

    Where the portfolio has no risk (a full hedge, or weights of 0) shares are those of stand-alone risk. An asset that
    is not among the weights weighs nothing.

    Args:
        weights: records of symbol and weight, in any order.
        assets: the assets, each with its volatility.
        correlation: their correlations in the same order, or None (see above).
    """
    _check_size(assets, correlation)
    given = {_of(record, "symbol"): _of(record, "weight") for record in weights}
    shares = _shares(assets, [given.get(asset.symbol, 0.0) for asset in assets], correlation)
    share_of = {asset.symbol: share for asset, share in zip(assets, shares, strict=True)}
    return [
        {"symbol": symbol, "weight": weight, "risk_share": share_of.get(symbol, 0.0)}
        for symbol, weight in given.items()
    ]


def correlation_between(
    assets: Sequence[AssetLike], correlation: Matrix | None, first: str, second: str
) -> float | None:
    """Return the correlation of two assets by their symbols; None without a matrix or where one is not in it."""
    if correlation is None:
        return None
    row = column = -1
    for index, asset in enumerate(assets):
        symbol = asset.symbol
        if symbol == first:
            row = index
        if symbol == second:
            column = index
    return correlation[row][column] if row >= 0 and column >= 0 else None


def _of(record: Any, name: str) -> Any:
    """Return a record's value, whether it is a mapping or an object."""
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def _check_size(assets: Sequence[AssetLike], correlation: Matrix | None) -> None:
    """Raise where the matrix is not one of these assets."""
    if correlation is not None and len(correlation) != len(assets):
        raise ValueError(f"a correlation matrix of {len(correlation)} rows does not fit {len(assets)} assets")


def _all_equal(matrix: Matrix) -> bool:
    """Return whether all correlations of two different assets are one number."""
    first = matrix[0][1] if len(matrix) > 1 else 0.0
    return all(value == first for i, row in enumerate(matrix) for j, value in enumerate(row) if i != j)


def _weights(assets: Sequence[AssetLike], scores: list[float]) -> list[float]:
    """Return the weights, summing to 1, whose stand-alone risks are proportional to the scores."""
    raw = [score * (1.0 / asset.volatility_pct) for score, asset in zip(scores, assets, strict=True)]
    total = _add(raw)
    return [weight / total for weight in raw]


def _equal_risk_scores(matrix: Matrix) -> list[float]:
    """Return y with y_i·(Cy)_i equal for all i, each y_i above 0: weights in units of stand-alone risk."""
    n = len(matrix)
    total = _add([_add(row) for row in matrix])
    scores = [1.0 / sqrt(total) if total > NO_RISK else 1.0] * n
    for _ in range(min(MOST_SWEEPS, max(1, MOST_PRODUCTS // (n * n)))):
        # Scores without bound: there is no minimum, and only their proportions are of use.
        if _sweep(matrix, scores, 1.0 / n) <= STEP_TOLERANCE or max(scores) > 1e100:
            break
    return scores


def _sweep(matrix: Matrix, scores: list[float], target: float) -> float:
    """Set each score in turn to its own minimum, the others held; return the largest relative change."""
    change = 0.0
    for i, row in enumerate(matrix):
        score = scores[i]
        others = _dot(row, scores) - row[i] * score
        root = sqrt(others * others + 4.0 * target)
        # The positive root of y² + others·y − target, written so that nothing cancels.
        better = (root - others) / 2.0 if others <= 0.0 else 2.0 * target / (root + others)
        scores[i] = better
        change = max(change, abs(better - score) / better)
    return change


def _residual(assets: Sequence[AssetLike], weights: list[float], correlation: Matrix) -> float:
    """Return the largest distance of a risk share from an equal one."""
    return max(abs(share - 1.0 / len(weights)) for share in _shares(assets, weights, correlation))


def _shares(assets: Sequence[AssetLike], weights: list[float], correlation: Matrix | None) -> list[float]:
    """Return the shares of risk of these weights, in the order of the assets."""
    alone = [weight * asset.volatility_pct for weight, asset in zip(weights, assets, strict=True)]
    total = _add(alone)
    if correlation is not None:
        parts = [risk * _dot(row, alone) for risk, row in zip(alone, correlation, strict=True)]
        variance = _add(parts)
        if variance > NO_RISK * total * total:
            return [part / variance for part in parts]
    return [risk / total if total else 0.0 for risk in alone]


def _add(values: Sequence[float]) -> float:
    """Return the sum, from left to right."""
    total = 0.0
    for value in values:
        total += value
    return total


def _dot(row: Sequence[float], column: Sequence[float]) -> float:
    """Return the sum of products, from left to right."""
    total = 0.0
    for a, b in zip(row, column, strict=True):
        total += a * b
    return total
