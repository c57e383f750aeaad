"""A market as venues tell it, through ccxt's own classes; at many of them a contract is no unit of the base asset."""

import json
import time
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

import rulecap
from rulecap.exchange.orders import contracts_text
from rulecap.exchange.positions import Held, held_positions
from rulecap.exchange.venues import Venue, venue_of
from tests.venue.raw import VENUES, asked, market_told

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_has_quantities_of_the_base_asset(venue):
    """4,000 contracts of 0.0001 BTC at Gate, 40 of 0.01 at OKX: taken for BTC, any order fitted into what is there."""
    book = market_told(venue).book
    assert (book.bids, book.asks) == (((49_999.0, 0.4),), ((50_001.0, 0.5),))


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


STEPS = {"okx": 0.001, "gate": 0.0001, "kucoin": 0.001, "htx": 0.001, "mexc": 0.0001, "bitget": 0.001}


@pytest.mark.parametrize(("venue", "step"), STEPS.items())
def test_the_least_that_can_be_ordered_is_told_in_the_base_asset(venue, step):
    """At HTX ccxt has it in that already: a millionth of a BTC it was, and a million of what is sold by 1,000."""
    market = market_told(venue).market
    assert (market.min_quantity, market.quantity_step) == (step, step)


# What an order has to be worth: 0, nothing; None, it is not told.
LEAST = {"okx": 0, "gate": 0, "kucoin": 0, "htx": 0, "phemex": 1, "bitget": 5, "mexc": None}


@pytest.mark.parametrize(("venue", "least"), LEAST.items())
def test_what_an_order_has_to_be_worth_is_told_where_a_venue_asks_for_contracts_alone(venue, least):
    """Absent there, no entry was ever decided by a policy that does without no figure of the market."""
    assert market_told(venue).market.min_notional == least


def test_the_least_order_at_phemex_is_a_step():
    """It tells what an order has to be worth, and no number."""
    assert market_told("phemex").market.min_quantity == 0.001


@pytest.mark.parametrize("venue", ["okx", "gate", "kucoin", "htx", "phemex", "bitget"])
def test_the_default_policy_decides_entries_at_other_venues(venue):
    told = market_told(venue)
    asked_for = json.loads((POLICIES / "default/examples/btc_500.json").read_text())
    asked_for["market"] = told.market.model_dump(exclude_none=True)
    asked_for["book"] = {"bids": [[49_999 - i, 2.0] for i in range(50)], "asks": [[50_001 + i, 2.0] for i in range(50)]}
    decided = rulecap.load_policy(POLICIES / "default/policy.yaml").evaluate(asked_for, "position")
    assert decided.problems == ()


# What the answers of `tests.venue.raw` have of the account, taker and maker, as percent; a rebate is below 0.
FEES = {
    "okx": (0.03, -0.01),
    "gate": (0.05, -0.01),
    "kucoin": (0.06, 0.02),
    "bitget": (0.06, 0.02),
    "htx": (None, None),
    "mexc": (None, None),
    "phemex": (None, None),
}


@pytest.mark.parametrize(("venue", "fees"), FEES.items())
def test_fees_are_those_of_contracts_that_settle_in_the_accounts_currency(venue, fees):
    """At OKX ccxt has those of contracts that settle in a coin."""
    market = market_told(venue).market
    assert (market.taker_fee_pct, market.maker_fee_pct) == fees


def sent_of(venue: str, held: float, quantity: float, changes=None) -> str:
    """Return how many contracts are sent to reduce a position in BTC at a venue."""

    async def sent(exchange):
        market, client = await exchange._session.market("BTCUSDT"), exchange._session.client
        return contracts_text(quantity, position(market, held, venue), client.precisionMode, venue_of(venue))

    return asked(venue, sent, changes)


def position(market, quantity: float, venue: str) -> Held:
    """Return a long position of so much of the base asset."""
    raw = {"symbol": market["symbol"], "side": "long", "contracts": quantity / market["contractSize"]}
    raw |= {"entryPrice": 50_000.0, "markPrice": 50_000.0, "leverage": 2.0}
    return held_positions([raw], {market["symbol"]: market}.get, "USDT", {}, venue_of(venue)).all()[0]


@pytest.mark.parametrize(("venue", "most"), [("okx", "3000"), ("bitget", "220"), ("phemex", "1000")])
def test_an_order_is_no_larger_than_the_venue_takes_at_once(venue, most):
    """Else it is refused each time, and a position that large is never reduced."""
    assert sent_of(venue, 5_000.0, 5_000.0) == most


def test_no_fee_is_no_fee_below_zero_either():
    fees = {"code": "0", "data": [{"takerU": "0", "makerU": ""}]}
    market = market_told("okx", {"account/trade-fee": fees}).market
    assert (str(market.taker_fee_pct), market.maker_fee_pct) == ("0.0", None)


# Of the first nothing but spot is there, of the second nothing that settles in a currency.
OF_OTHER_KINDS = {"binanceus", "binancecoinm"}


def test_a_venue_under_another_name_differs_as_it_does_under_its_own():
    """By unified fields alone, brackets of OKX in Europe were of contracts, and any mode of its accounts was fine."""
    library = import_module("ccxt.async_support")
    found = 0
    for name in set(library.exchanges) - OF_OTHER_KINDS:
        kin = [base.__name__ for base in getattr(library, name).__mro__[1:] if base.__name__ in library.exchanges]
        for known in kin:
            assert venue_of(name) == venue_of(known), name
            found += venue_of(known) != Venue()
    assert found >= 6


@pytest.mark.parametrize(("wanted", "asked_for"), [(5, 20), (21, 100), (500, 100)])
def test_as_many_levels_are_asked_for_as_an_answer_may_have(wanted, asked_for):
    """Asked for another number of them, no market was told."""
    book = [[49_999 - i, 400] for i in range(asked_for)], [[50_001 + i, 500] for i in range(asked_for)]
    answer = {"code": "200000", "data": dict(zip(("bids", "asks"), book, strict=True)) | {"ts": 1}}
    found = market_told("kucoin", {f"level2/depth{asked_for}": answer}, book_levels=wanted).book
    assert len(found.bids) == len(found.asks) == min(wanted, asked_for)


def test_of_more_brackets_than_a_snapshot_holds_the_smallest_are_told():
    """OKX has two hundred of some markets. Above the last one that is told nothing is allowed."""
    tiers = [{"tier": str(n), "maxSz": str(10 * n), "maxLever": "100", "mmr": "0.004"} for n in range(1, 251)]
    answer = {"code": "0", "data": tiers}
    brackets = market_told("okx", {"instType=SWAP&tdMode": answer}).market.brackets
    assert (len(brackets), brackets[-1].max_notional) == (200, 200 * 10 * 0.01 * 50_000)


def candles_of_okx(url: str):
    """Answer as OKX does: the newest hours between two moments, 300 at the most, whatever is asked for."""
    asked_for = {name: int(value) for name, value in parse_qsl(urlsplit(url).query) if value.isdecimal()}
    opened = [time.time() // 3600 * 3_600_000 - 3_600_000 * back for back in range(600)]
    between = [one for one in opened if asked_for["before"] < one < asked_for["after"]]
    rows = [[f"{one:.0f}", "100", "102", "99", f"{100 + one / 3_600_000 % 2}", "1", "1", "1", "1"] for one in between]
    return {"code": "0", "data": rows[: min(300, asked_for["limit"])]}


@pytest.mark.parametrize("bars", [14, 297, 298, 500])
def test_more_bars_than_an_answer_has_are_asked_for_one_after_the_other(bars):
    """Those of a single answer ended long ago, and nothing was told of the market's volatility."""
    history = market_told("okx", {"candles": candles_of_okx}, bars=bars).history
    assert len(history.bars) == bars + 1
