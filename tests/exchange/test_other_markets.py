"""A market as venues tell it, through ccxt's own classes; at many of them a contract is no unit of the base asset."""

from tests.venue.raw import market_told


def test_a_market_is_told_at_phemex_of_which_ccxt_asks_for_no_brackets():
    """It refuses to, so that no entry there was ever decided."""
    market = market_told("phemex").market
    assert (market.price, market.quantity_step, market.brackets) == (50_000, 0.001, None)


def test_a_market_is_told_to_a_key_where_ccxt_does_not_know_how_to_ask_for_its_fees():
    """At MEXC, for those of spot alone; so that no entry was ever decided for an account."""
    market = market_told("mexc").market
    assert (market.price, market.taker_fee_pct, market.maker_fee_pct) == (50_000, None, None)


def test_brackets_of_which_two_end_at_the_same_size_are_absent():
    """At HTX there is a row of them for each leverage; a market with more than one was never told."""
    assert market_told("htx").market.brackets is None
