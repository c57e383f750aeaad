"""Settings of an exchange: what is none, how an account is called, where a sandbox is."""

import asyncio

import pytest
from pydantic import ValidationError

from rulecap.exchange import ExchangeSettings, Retries, VenueError, open_exchange


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("binanceusdm", r"such as ExchangeSettings\(venue='binanceusdm'\), not the text 'binanceusdm'"),
        ({"venue": "bybit"}, r"such as ExchangeSettings\(venue=…\), not an object"),
        (None, "not nothing"),
        (Retries(), "not a value of the type Retries"),
    ],
)
def test_what_is_no_settings_is_said_to_be_none(given, told):
    with pytest.raises(TypeError, match=told):
        open_exchange(given, {})


def test_a_venue_that_nobody_knows_is_named():
    with pytest.raises(VenueError, match="did you mean binance") as raised:
        open_exchange(ExchangeSettings(venue="binanec"), {})
    assert raised.value.code == "unknown-venue"


def test_the_sandbox_is_another_address():
    async def addresses(venue):
        async with open_exchange(ExchangeSettings(venue=venue, sandbox=True), {}) as exchange:
            return str(exchange._session.client.urls["api"]), exchange.settings.account_name

    assert "demo-fapi.binance.com" in asyncio.run(addresses("binanceusdm"))[0]
    assert "testnet" in asyncio.run(addresses("bybit"))[0]
    assert asyncio.run(addresses("bybit"))[1] == "bybit-sandbox"


@pytest.mark.parametrize(
    ("account", "sandbox", "name"),
    [
        ("", False, "binanceusdm"),
        ("", True, "binanceusdm-sandbox"),
        ("main", False, "main"),
        ("main", True, "main-sandbox"),
        ("main-sandbox", True, "main-sandbox"),
    ],
)
def test_an_account_in_a_sandbox_is_called_otherwise_than_a_live_one(account, sandbox, name):
    settings = ExchangeSettings(venue="binanceusdm", account=account, sandbox=sandbox)
    assert settings.account_name == name


@pytest.mark.parametrize(
    ("account", "quote", "sandbox", "name"),
    [
        ("", "USDT", False, "binanceusdm"),
        ("", "USDC", False, "binanceusdm-USDC"),
        ("", "USDC", True, "binanceusdm-USDC-sandbox"),
        ("main", "USDC", False, "main"),
        ("main", "USDC", True, "main-sandbox"),
    ],
)
def test_an_account_that_nobody_named_has_its_currency_in_its_name_where_it_is_another(account, quote, sandbox, name):
    settings = ExchangeSettings(venue="binanceusdm", account=account, quote=quote, sandbox=sandbox)
    assert settings.account_name == name
    assert settings.place == ("binanceusdm-sandbox" if sandbox else "binanceusdm")


def test_no_live_account_has_the_name_of_one_in_a_sandbox():
    with pytest.raises(ValidationError, match="ends in -sandbox is of an account in a test environment"):
        ExchangeSettings(venue="binanceusdm", account="main-sandbox")


def test_a_venue_without_a_sandbox_says_so():
    with pytest.raises(VenueError) as raised:
        open_exchange(ExchangeSettings(venue="bitstamp", sandbox=True), {})
    assert raised.value.code == "no-sandbox"
