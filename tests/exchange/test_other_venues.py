"""What ccxt's own classes of other venues make of the answers that these document: contracts that are no unit each."""

from rulecap.exchange import ExchangeSettings
from rulecap.exchange.client import open_client
from rulecap.exchange.keys import Keys
from rulecap.exchange.markets import brackets_of, contract_worth, market_of
from rulecap.exchange.venues import venue_of

# https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments and -get-position-tiers
OKX_MARKET = {
    "ctMult": "1",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctValCcy": "BTC",
    "instFamily": "BTC-USDT",
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "lever": "100",
    "lotSz": "0.1",
    "maxMktSz": "3000",
    "minSz": "0.1",
    "settleCcy": "USDT",
    "state": "live",
    "tickSz": "0.1",
    "uly": "BTC-USDT",
}
OKX_TIERS = [
    {"maxLever": "100", "maxSz": "1000", "minSz": "0", "mmr": "0.004", "imr": "0.01", "tier": "1", "instId": ""},
    {"maxLever": "50", "maxSz": "5000", "minSz": "1000.1", "mmr": "0.01", "imr": "0.02", "tier": "2", "instId": ""},
]


def okx():
    """Return ccxt's client of OKX, which knows one market, and that market."""
    client = open_client(ExchangeSettings(venue="okx"), Keys())
    market = client.parse_market(OKX_MARKET)
    client.set_markets([market])
    return client, market


def found_in(tiers, market, venue="okx"):
    """Return the brackets that a venue's tiers are, where BTC is at 50,000."""
    return brackets_of(tiers, venue_of(venue), contract_worth(market, {"last": 50_000.0}))


def test_a_tier_that_is_told_in_contracts_is_told_in_money():
    client, market = okx()
    found = found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market)
    # 1,000 contracts of 0.01 BTC are 10 BTC.
    assert [one.max_notional for one in found] == [500_000.0, 2_500_000.0]
    told = market_of(market, {"last": 50_000.0}, None, found, None, client.precisionMode)
    assert (told.min_quantity, told.quantity_step, told.brackets) == (0.001, 0.001, found)


def test_nothing_is_deducted_where_a_tiers_rate_is_for_all_of_the_position():
    client, market = okx()
    found = found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market)
    assert [one.maintenance_amount for one in found] == [0.0, 0.0]


def test_a_tier_that_is_money_already_stays_what_it_is():
    client, market = okx()
    tiers = client.parse_market_leverage_tiers(OKX_TIERS, market)
    in_money = [one | {"maxNotional": one["maxNotional"] * 500.0} for one in tiers]
    assert [one.max_notional for one in found_in(in_money, market)] == [500_000.0, 2_500_000.0]


def test_tiers_that_cannot_be_told_in_money_are_absent():
    client, market = okx()
    assert found_in(client.parse_market_leverage_tiers(OKX_TIERS, market), market, "mexc") is None
