"""Equal risk: inverse volatility, the solver, shares of risk, correlations by symbol."""

import math
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.measures.allocation import correlation_between, equal_risk_weights, risk_shares

Matrix = list[list[float]]


@dataclass
class Asset:
    symbol: str
    volatility_pct: float


def assets(*volatilities: float) -> list[Asset]:
    return [Asset(f"A{index}", volatility) for index, volatility in enumerate(volatilities)]


def weights_of(result: dict[str, list[dict[str, float]]]) -> list[float]:
    return [record["weight"] for record in result["weights"]]


def shares_of(result: dict[str, list[dict[str, float]]], given: list[Asset], matrix: Matrix | None) -> list[float]:
    return [record["risk_share"] for record in risk_shares(result["weights"], given, matrix)]


def correlation_matrix(rng: Random, size: int, samples: int) -> Matrix:
    """Return the correlations of random returns: with fewer samples than assets the matrix is singular."""
    returns = [[rng.gauss(0, 1) for _ in range(samples)] for _ in range(size)]
    norms = [math.sqrt(sum(x * x for x in row)) for row in returns]
    matrix = [[1.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            product = sum(a * b for a, b in zip(returns[i], returns[j], strict=True))
            matrix[i][j] = matrix[j][i] = max(-1.0, min(1.0, product / norms[i] / norms[j]))
    return matrix


def one_factor(loads: list[float]) -> Matrix:
    return [[1.0 if i == j else a * b for j, b in enumerate(loads)] for i, a in enumerate(loads)]


def variance_shares(weights: list[float], given: list[Asset], matrix: Matrix) -> list[float]:
    """Return shares of variance straight from the covariance matrix."""
    size = len(weights)
    covariance = [
        [matrix[i][j] * given[i].volatility_pct * given[j].volatility_pct for j in range(size)] for i in range(size)
    ]
    loads = [weights[i] * sum(covariance[i][j] * weights[j] for j in range(size)) for i in range(size)]
    return [load / sum(loads) for load in loads]


def test_without_a_matrix_weights_are_inverse_volatility() -> None:
    three = assets(2.5, 3.2, 5.8)
    result = equal_risk_weights(three, None)
    inverse = [1 / 2.5, 1 / 3.2, 1 / 5.8]
    total = inverse[0] + inverse[1] + inverse[2]
    assert weights_of(result) == [one / total for one in inverse]
    assert [round(100 * weight, 1) for weight in weights_of(result)] == [45.2, 35.3, 19.5]
    assert result["residual"] == 0.0
    assert [record["symbol"] for record in result["weights"]] == ["A0", "A1", "A2"]
    assert shares_of(result, three, None) == pytest.approx([1 / 3] * 3, rel=1e-15)


@given(st.lists(st.floats(0.01, 1_000), min_size=2, max_size=8), st.floats(-0.1, 1))
def test_where_all_correlations_are_equal_weights_are_inverse_volatility(vols: list[float], rho: float) -> None:
    matrix = [[1.0 if i == j else rho for j in range(len(vols))] for i in range(len(vols))]
    result = equal_risk_weights(assets(*vols), matrix)
    assert weights_of(result) == weights_of(equal_risk_weights(assets(*vols), None))
    assert result["residual"] <= 1e-9


@given(st.lists(st.tuples(st.floats(0.01, 1_000), st.floats(0.05, 0.98)), min_size=3, max_size=12))
def test_the_solver_gives_equal_shares_of_risk(drawn: list[tuple[float, float]]) -> None:
    given, matrix = assets(*(vol for vol, _ in drawn)), one_factor([load for _, load in drawn])
    result = equal_risk_weights(given, matrix)
    weights = weights_of(result)
    assert min(weights) > 0.0
    assert sum(weights) == pytest.approx(1.0, rel=1e-12)
    shares = variance_shares(weights, given, matrix)
    assert shares == pytest.approx([1 / len(given)] * len(given), abs=1e-9)
    assert result["residual"] == pytest.approx(max(abs(share - 1 / len(given)) for share in shares), abs=1e-12)


@pytest.mark.parametrize(("size", "samples"), [(2, 3), (5, 7), (10, 12), (30, 40), (60, 70), (40, 41)])
def test_the_solver_on_correlations_of_random_returns(size: int, samples: int) -> None:
    rng = Random(size)
    given, matrix = assets(*(0.5 + rng.random() * 20 for _ in range(size))), correlation_matrix(rng, size, samples)
    result = equal_risk_weights(given, matrix)
    assert result["residual"] < 1e-9
    assert variance_shares(weights_of(result), given, matrix) == pytest.approx([1 / size] * size, abs=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 1.0, 0.3], [1.0, 1.0, 0.3], [0.3, 0.3, 1.0]],
        [[1.0, 0.9, -0.9], [0.9, 1.0, -0.9], [-0.9, -0.9, 1.0]],
        [[1.0, -0.4, -0.4], [-0.4, 1.0, -0.5], [-0.4, -0.5, 1.0]],
        [[1.0, 1.0, 1.0, 0.2], [1.0, 1.0, 1.0, 0.2], [1.0, 1.0, 1.0, 0.2], [0.2, 0.2, 0.2, 1.0]],
        [[1.0, 0.999999, 0.1], [0.999999, 1.0, 0.1], [0.1, 0.1, 1.0]],
    ],
    ids=["singular", "a hedge", "negative", "three the same", "nearly singular"],
)
def test_singular_and_negative_correlations(matrix: Matrix) -> None:
    given = assets(*(1.0 + index for index in range(len(matrix))))
    result = equal_risk_weights(given, matrix)
    assert result["residual"] < 1e-9
    assert shares_of(result, given, matrix) == pytest.approx([1 / len(matrix)] * len(matrix), abs=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, -1.0, 0.5], [-1.0, 1.0, -0.5], [0.5, -0.5, 1.0]],
        [[1.0, -0.9, -0.9], [-0.9, 1.0, -0.8], [-0.9, -0.8, 1.0]],
        correlation_matrix(Random(2), 10, 3),
    ],
    ids=["two cancel out", "no matrix of correlations", "far fewer samples than assets"],
)
def test_where_no_such_weights_exist_the_residual_says_so(matrix: Matrix) -> None:
    given = assets(*(1.0 + index for index in range(len(matrix))))
    result = equal_risk_weights(given, matrix)
    weights = weights_of(result)
    assert sum(weights) == pytest.approx(1.0)
    assert all(math.isfinite(weight) and weight > 0.0 for weight in weights)
    shares, plain = (
        shares_of(result, given, matrix),
        risk_shares(equal_risk_weights(given, None)["weights"], given, matrix),
    )
    furthest = max(abs(share - 1 / len(given)) for share in shares)
    assert result["residual"] == pytest.approx(furthest, rel=1e-9)
    assert furthest <= max(abs(record["risk_share"] - 1 / len(given)) for record in plain) + 1e-12


def test_two_assets_that_cancel_out_have_equal_shares_of_no_risk() -> None:
    two = assets(2.0, 4.0)
    matrix = [[1.0, -1.0], [-1.0, 1.0]]
    result = equal_risk_weights(two, matrix)
    assert weights_of(result) == pytest.approx([2 / 3, 1 / 3])
    assert shares_of(result, two, matrix) == pytest.approx([0.5, 0.5])


def test_the_same_input_gives_the_same_digits() -> None:
    given, matrix = assets(1.0, 2.0, 3.0, 4.0), one_factor([0.9, 0.8, 0.3, -0.2])
    assert equal_risk_weights(given, matrix) == equal_risk_weights(tuple(given), tuple(map(tuple, matrix)))
    # These are the digits of every Python version: sums run from left to right.
    assert weights_of(equal_risk_weights(given, matrix)) == EXPECTED


EXPECTED = [0.44191866305560057, 0.22129248142421906, 0.16642938171455943, 0.17035947380562097]


@pytest.mark.parametrize("size", [0, 1])
def test_none_or_one_asset(size: int) -> None:
    given = assets(*[3.0] * size)
    for matrix in (None, [[1.0]] * size):
        assert equal_risk_weights(given, matrix) == {
            "weights": [{"symbol": "A0", "weight": 1.0}] * size,
            "residual": 0.0,
        }


def test_risk_shares_of_given_weights() -> None:
    two = assets(10.0, 20.0)
    weights = [{"symbol": "A0", "weight": 0.5}, {"symbol": "A1", "weight": 0.5}]
    # covariance [[100, 60], [60, 400]]: contributions 0.25 · (160, 460)
    shares = risk_shares(weights, two, [[1.0, 0.3], [0.3, 1.0]])
    assert [record["risk_share"] for record in shares] == pytest.approx([160 / 620, 460 / 620])
    assert [(record["symbol"], record["weight"]) for record in shares] == [("A0", 0.5), ("A1", 0.5)]


def test_without_a_matrix_shares_are_those_of_stand_alone_risk() -> None:
    weights = [{"symbol": "A1", "weight": 0.5}, {"symbol": "A0", "weight": 0.5}]
    shares = risk_shares(weights, assets(10.0, 30.0), None)
    assert [(record["symbol"], record["risk_share"]) for record in shares] == [("A1", 0.75), ("A0", 0.25)]


def test_a_hedge_has_a_negative_share() -> None:
    weights = [{"symbol": "A0", "weight": 0.9}, {"symbol": "A1", "weight": 0.1}]
    shares = [record["risk_share"] for record in risk_shares(weights, assets(1.0, 1.0), [[1.0, -0.9], [-0.9, 1.0]])]
    assert shares[1] < 0.0
    assert sum(shares) == pytest.approx(1.0)


def test_weights_of_nothing_have_no_risk() -> None:
    weights = [{"symbol": "A0", "weight": 0.0}, {"symbol": "UNKNOWN", "weight": 1.0}]
    shares = risk_shares(weights, assets(1.0, 2.0), None)
    assert [record["risk_share"] for record in shares] == [0.0, 0.0]


def test_correlation_by_symbol() -> None:
    given, matrix = assets(1.0, 2.0, 3.0), [[1.0, 0.1, 0.2], [0.1, 1.0, 0.3], [0.2, 0.3, 1.0]]
    assert correlation_between(given, matrix, "A0", "A2") == correlation_between(given, matrix, "A2", "A0") == 0.2
    assert correlation_between(given, matrix, "A1", "A1") == 1.0
    assert correlation_between(given, matrix, "A1", "OTHER") is None
    assert correlation_between(given, None, "A0", "A1") is None


def test_a_matrix_of_other_assets_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit 3 assets"):
        equal_risk_weights(assets(1.0, 2.0, 3.0), [[1.0, 0.1], [0.1, 1.0]])


@pytest.mark.no_cover
def test_a_thousand_assets_end() -> None:
    rng = Random(11)
    given = assets(*(0.5 + rng.random() * 10 for _ in range(1_000)))
    matrix = one_factor([0.3 + rng.random() * 0.6 for _ in range(1_000)])
    assert equal_risk_weights(given, matrix)["residual"] < 1e-9
