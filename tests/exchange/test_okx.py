"""OKX where it differs from every other venue: contracts, bills, codes and positions of its own."""

import pytest

from tests.exchange.conftest import asked, refused


def account(exchange):
    return exchange.account_view()


def of_swaps(request):
    return request.params.get("instType") == "SWAP"


@pytest.mark.parametrize("left", [[], None])
def test_a_list_of_markets_without_the_swaps_is_none_though_there_are_futures(okx, left):
    """They are linear too: what is held in swaps was in markets that are not listed."""
    okx.fault("public/instruments", "then", 1, change=lambda answer: answer | {"data": left}, when=of_swaps)
    assert len(asked(okx, account).held) == 2
    okx.fault("public/instruments", "then", 99, change=lambda answer: answer | {"data": left}, when=of_swaps)
    assert refused(okx, account).code == "half-an-answer"


@pytest.mark.parametrize("left", [{}, None, [], [{"details": None}]])
def test_a_balance_without_its_currencies_is_asked_for_again(okx, left):
    okx.fault("account/balance", "then", 1, change=lambda answer: answer | {"data": left})
    assert asked(okx, account).account.total_wallet_balance == 12_000
