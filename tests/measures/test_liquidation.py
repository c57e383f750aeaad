"""Liquidation price of isolated positions, and the exchange's brackets that it rests on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.measures.liquidation import liquidation_price
from tests.recorded import brackets


def test_a_long_and_a_short_position_by_hand() -> None:
    # q·P = 10,000, margin 1,000, mmr 1 %, no amount: (10,000 − 1,000) / 0.99 and (10,000 + 1,000) / 1.01
    assert liquidation_price("LONG", 1.0, 10_000.0, 1_000.0, 0.01, 0.0) == pytest.approx(9_000 / 0.99)
    assert liquidation_price("SHORT", 1.0, 10_000.0, 1_000.0, 0.01, 0.0) == pytest.approx(11_000 / 1.01)
    assert liquidation_price("BUY", 2.0, 100.0, 20.0, 0.02, 5.0) == pytest.approx(175 / (2 * 0.98))
    assert liquidation_price("SELL", 2.0, 100.0, 20.0, 0.02, 5.0) == pytest.approx(225 / (2 * 1.02))


def test_no_quantity_no_price_above_zero_no_liquidation() -> None:
    assert liquidation_price("LONG", 0.0, 100.0, 10.0, 0.01, 0.0) is None
    assert liquidation_price("LONG", 1.0, 100.0, 100.0, 0.01, 0.0) is None
    assert liquidation_price("LONG", 1.0, 100.0, 150.0, 0.01, 0.0) is None
    assert liquidation_price("LONG", 1.0, 100.0, 10.0, 1.0, 0.0) is None
    with pytest.raises(ValueError, match="not long"):
        liquidation_price("long", 1.0, 100.0, 10.0, 0.01, 0.0)


@given(
    st.sampled_from(["LONG", "SHORT"]),
    st.floats(0.001, 1_000),
    st.floats(0.01, 100_000),
    st.floats(1, 50),
    st.floats(0, 0.15),
)
def test_there_margin_and_loss_meet_the_maintenance_margin(
    side: str, quantity: float, price: float, leverage: float, rate: float
) -> None:
    margin, amount = quantity * price / leverage, quantity * price * rate * 0.1
    level = liquidation_price(side, quantity, price, margin, rate, amount)
    if level is None:
        assert side == "LONG"
        return
    gained = quantity * (level - price) * (1 if side == "LONG" else -1)
    maintenance = quantity * level * rate - amount
    assert margin + gained == pytest.approx(maintenance, rel=1e-9, abs=1e-9 * quantity * price)


def test_recorded_maintenance_amounts_follow_from_rates_and_bounds() -> None:
    """cum[i] = cum[i−1] + min_notional[i] · (mmr[i] − mmr[i−1]): maintenance margin has no jumps between brackets."""
    checked = 0
    for rows in brackets().values():
        assert rows[0]["maintenance_amount"] == 0.0
        for lower, upper in pairwise(rows):
            rise = upper["maintenance_margin_rate"] - lower["maintenance_margin_rate"]
            expected = lower["maintenance_amount"] + upper["min_notional"] * rise
            assert upper["maintenance_amount"] == pytest.approx(expected, rel=1e-9, abs=1e-6)
            assert upper["min_notional"] == lower["max_notional"]
            checked += 1
    assert checked > 6_000


def test_at_a_bound_both_brackets_liquidate_at_one_price() -> None:
    """A position liquidated at the value between two brackets has one price, whichever bracket is taken."""
    for rows in list(brackets().values())[::40]:
        for lower, upper in pairwise(rows[:3]):
            quantity, bound = 10.0, lower["max_notional"]
            level = bound / quantity
            # choose the margin so that the lower bracket liquidates exactly where the position is worth the bound
            price = level * 1.05
            margin = quantity * (price - level) + bound * lower["maintenance_margin_rate"] - lower["maintenance_amount"]
            for row in (lower, upper):
                rate, amount = row["maintenance_margin_rate"], row["maintenance_amount"]
                assert liquidation_price("LONG", quantity, price, margin, rate, amount) == pytest.approx(level)
