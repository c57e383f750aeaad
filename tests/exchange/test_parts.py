"""The pure parts: ccxt's unified fields into parts of a snapshot."""

import asyncio
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.exchange import ExchangeSettings, VenueError
from rulecap.exchange.history import allocation, history_of, seconds_of
from rulecap.exchange.holding import sizes
from rulecap.exchange.markets import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    book_of,
    brackets_of,
    market_of,
    price_of,
    quantity_step,
    spread_pct,
)
from rulecap.exchange.numbers import exact, first, not_below_zero, number, part, product, total
from rulecap.exchange.positions import held_positions, leverage_table
from rulecap.exchange.reading import Reference
from rulecap.exchange.symbols import find_market, snapshot_symbol
from rulecap.exchange.venues import Venue, venue_of
from tests.recorded import brackets

# Numbers.


@pytest.mark.parametrize(
    "value",
    [None, "", "abc", "nan", "inf", "1e999", pytest.param(10**400, id="huge"), float("nan"), True, [], {}, "1,5"],
)
def test_what_is_no_number_is_absent_not_zero(value):
    assert number(value) is None


@pytest.mark.parametrize(("value", "expected"), [("0", 0), (0, 0), ("-1.5", -1.5), ("1e-8", 1e-8), (3, 3)])
def test_a_number_may_be_a_text(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize("steps", [("list", 0), ("list", "0"), (0,), ("none", "list"), ("text", 0)])
def test_a_place_that_an_answer_does_not_have_is_absent(steps):
    """An empty list, or something else where one belongs, tells nothing; it is no failure of ours."""
    assert part({"list": [], "none": None, "text": "abc"}, *steps) is None


@pytest.mark.parametrize(("value", "expected"), [(None, None), (-1e-9, None), (0.0, 0.0), (2.0, 2.0)])
def test_money_below_zero_where_there_can_be_none_is_absent_and_zero_is_told(value, expected):
    """An account that uses none of its money is one that has all of it; absent, nothing could be opened in it."""
    assert not_below_zero(value) == expected


def test_a_sum_over_something_absent_is_absent():
    assert total([1.0, None, 2.0]) is None
    assert total([]) == 0
    assert first(None, 0.0, 5.0) == 0


@given(st.integers(-(10**9), 10**9), st.integers(0, 8), st.sampled_from(["0.1", "0.001", "10", "0.0001"]))
def test_products_are_exact_decimals(whole, places, size):
    value = Decimal(whole).scaleb(-places)
    assert product(float(value), size) == float(Decimal(str(float(value))) * Decimal(size))


def test_three_contracts_of_a_tenth():
    assert product(3, 0.1) == 0.3
    with pytest.raises(VenueError):
        exact("x")


# Symbols.


def market(symbol="BTC/USDT:USDT", **fields):
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    settle = settle.partition("-")[0]
    made = {
        "symbol": symbol,
        "id": f"{base}-{quote}-SWAP",
        "base": base,
        "quote": quote,
        "settle": settle or None,
        "contract": bool(settle),
        "swap": bool(settle) and "-" not in rest,
        "linear": settle == quote,
        "inverse": settle == base,
        "type": "swap" if settle else "spot",
        "active": True,
        "contractSize": 1.0,
        "precision": {"amount": 0.001},
        "limits": {"amount": {"min": 0.001}, "cost": {"min": 5}},
    }
    return made | fields


MARKETS = [
    market("BTC/USDT"),
    market("BTC/USDT:USDT"),
    market("BTC/USDT:USDT-261225", id="BTCUSDT_261225", type="future"),
    market("BTC/USD:BTC"),
    market("BTC/USDC:USDC"),
    market("OLD/USDT:USDT", active=False),
]


@pytest.mark.parametrize(
    ("name", "unified", "shown"),
    [
        ("BTCUSDT", "BTC/USDT:USDT", "BTCUSDT"),
        ("BTC/USDT", "BTC/USDT:USDT", "BTCUSDT"),
        ("BTC-USDT-SWAP", "BTC/USDT:USDT", "BTCUSDT"),
        (" btc/usdt:usdt ", "BTC/USDT:USDT", "BTCUSDT"),
        ("BTCUSDT_261225", "BTC/USDT:USDT-261225", "BTC/USDT:USDT-261225"),
    ],
)
def test_names_of_one_market(name, unified, shown):
    found = find_market(MARKETS, name, "USDT")
    assert (found["symbol"], snapshot_symbol(found)) == (unified, shown)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("BTCUSD", "inverse-contract"),
        ("BTCUSDC", "not-the-quote-currency"),
        ("OLDUSDT", "unknown-symbol"),
        ("NONE", "unknown-symbol"),
    ],
)
def test_markets_that_are_refused(name, code):
    with pytest.raises(VenueError) as raised:
        find_market(MARKETS, name, "USDT")
    assert raised.value.code == code


def test_a_spot_market_alone_is_no_contract():
    with pytest.raises(VenueError) as raised:
        find_market([market("BTC/USDT")], "BTC/USDT", "USDT")
    assert raised.value.code == "not-supported"


# Positions.


def position(**fields):
    told = {
        "symbol": "BTC/USDT:USDT",
        "side": "long",
        "contracts": 3.0,
        "contractSize": 0.1,
        "entryPrice": 100.0,
        "markPrice": 110.0,
        "leverage": 5.0,
        "hedged": False,
    }
    return told | fields


def read(*raw, **leverages):
    known = {one["symbol"]: one for one in MARKETS}
    return held_positions(list(raw), known.get, "USDT", leverages, Venue()).all()


def test_contracts_of_another_size_than_one():
    (held,) = read(position())
    assert (held.position.quantity, held.contracts) == (0.3, 3.0)
    assert held.position.notional == pytest.approx(33)
    assert held.position.margin == pytest.approx(6.6)
    assert held.position.unrealized_pnl == pytest.approx(3)


def test_a_short_gains_when_the_price_falls():
    (held,) = read(position(side="short", notional=-33.0))
    assert held.position.unrealized_pnl == pytest.approx(-3)
    assert held.position.notional == 33


@pytest.mark.parametrize("told", [None, "", 0, "0", -1])
def test_leverage_follows_from_margin_where_it_is_not_told(told):
    """Some venues say 0 for it in cross margin: a policy would take that for the smallest one."""
    (held,) = read(position(leverage=told, initialMargin=11.0))
    assert held.position.leverage == pytest.approx(3)


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_mark_price_that_is_not_told_follows_from_the_notional_whatever_its_sign(side):
    for notional in (33.0, -33.0):
        (held,) = read(position(side=side, markPrice=None, notional=notional))
        assert (held.position.mark_price, held.position.notional) == (pytest.approx(110), 33)
        assert held.position.unrealized_pnl == pytest.approx(3 if side == "long" else -3)


def test_contracts_are_of_the_size_that_the_position_tells_else_of_the_markets():
    listed = market(contractSize=0.01)
    for told, quantity in ((0.1, 0.3), (None, 0.03), (0, 0.03), ("0.1", 0.3)):
        found = held_positions([position(contractSize=told)], {listed["symbol"]: listed}.get, "USDT", {}, Venue()).all()
        assert [one.position.quantity for one in found] == [quantity]


@pytest.mark.parametrize("told", [None, "", -1, "-0.5"])
def test_margin_follows_from_leverage_where_what_is_told_is_none(told):
    (held,) = read(position(leverage=3.0, initialMargin=told))
    assert held.position.margin == pytest.approx(11)


def test_the_leverage_that_is_set_for_a_side_counts_where_the_position_does_not_tell_its_own():
    known, symbol = {one["symbol"]: one for one in MARKETS}, "BTC/USDT:USDT"
    table = leverage_table(
        {symbol: {"longLeverage": "7", "shortLeverage": 3}, "X": {"longLeverage": None}, "Y": {"longLeverage": 0}}
    )
    raw = [position(side=side, leverage=told) for side, told in (("long", None), ("short", None), ("long", 5.0))]
    found = [held_positions([one], known.get, "USDT", table, Venue()).all()[0].position for one in raw]
    assert [one.leverage for one in found] == [7, 3, 5]
    assert [one.margin for one in found] == [pytest.approx(33 / one.leverage) for one in found]
    assert set(table) == {(symbol, "long"), (symbol, "short")}


def test_a_profit_and_a_margin_that_are_told_are_not_computed():
    (held,) = read(position(unrealizedPnl=-1.5, initialMargin=4.0))
    assert (held.position.unrealized_pnl, held.position.margin, held.position.leverage) == (-1.5, 4, 5)


def test_readings_between_which_a_position_has_turned_or_one_cannot_be_counted_any_more_are_not_the_same():
    """Balance and positions of two moments make an account that there never was."""
    known = {one["symbol"]: one for one in MARKETS}

    def told(*raw):
        return sizes(held_positions(list(raw), known.get, "USDT", {}, Venue()))

    before = told(position())
    assert before == told(position(markPrice=120.0, leverage=6.0))
    for after in ([position(side="short")], [position(contracts=3.1)], [position(), position(symbol="X")], []):
        assert told(*after) != before


@pytest.mark.parametrize("told", ["isolated", "cross", None])
def test_what_an_order_has_to_say_of_a_position_is_as_the_venue_tells_it(told):
    """An order that says of an isolated position that it is cross reduces nothing."""
    (held,) = read(position(marginMode=told, hedged=told == "cross"))
    assert (held.mode, held.hedged) == (told, told == "cross")


def test_two_readings_of_the_same_positions_are_the_same_in_whatever_order_they_are_told():
    """Else an account at rest would be said to move."""
    told = [position(side="short"), position(), position(symbol="BTC/USDT:USDT-261225")]
    assert read(*told) == read(*told[::-1])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"contracts": None}, "missing-field"),
        ({"entryPrice": None}, "missing-field"),
        ({"markPrice": None, "notional": None}, "missing-field"),
        ({"leverage": None, "initialMargin": None}, "missing-field"),
        ({"side": None}, "missing-field"),
        ({"symbol": "BTC/USD:BTC"}, "inverse-contract"),
        ({"symbol": "BTC/USDC:USDC"}, "not-the-quote-currency"),
        ({"symbol": "XYZUSDT"}, "unknown-symbol"),
    ],
)
def test_a_position_that_cannot_be_counted_is_refused(change, code):
    with pytest.raises(VenueError) as raised:
        read(position(), position(**change))
    assert raised.value.code == code


def test_a_closed_position_is_none():
    assert read(position(contracts=0.0, entryPrice=None)) == ()


@pytest.mark.parametrize("price", [None, 0, "0", -5.0])
def test_no_liquidation_price_is_absent(price):
    assert read(position(liquidationPrice=price))[0].position.liquidation_price is None


# Markets.


def test_steps_in_every_way_of_writing_precision():
    assert quantity_step(market(), TICK_SIZE) == 0.001
    assert quantity_step(market(contractSize=0.1), TICK_SIZE) == 0.0001
    assert quantity_step(market(precision={"amount": 3}), DECIMAL_PLACES) == 0.001
    assert quantity_step(market(precision={"amount": 3}), SIGNIFICANT_DIGITS) is None
    assert quantity_step(market(precision={}), TICK_SIZE) is None


def test_limits_that_are_not_told_stay_absent():
    found = market_of(market(limits={}), {"last": 5.0}, None, None, None, TICK_SIZE)
    for name in ("min_quantity", "min_notional", "brackets", "taker_fee_pct", "spread_pct", "atr_pct"):
        assert getattr(found, name) is None


def test_a_minimum_in_contracts_is_told_in_the_base_asset():
    told = market(contractSize=0.01, limits={"amount": {"min": 1}, "cost": {"min": None}})
    found = market_of(told, {"last": 5.0}, None, None, {"taker": 0.0004, "maker": -0.0001}, TICK_SIZE)
    assert (found.min_quantity, found.taker_fee_pct, found.maker_fee_pct) == (0.01, 0.04, -0.01)


@pytest.mark.parametrize("size", [None, 0])
def test_a_contract_without_a_size_is_refused(size):
    with pytest.raises(VenueError, match="contract size"):
        quantity_step(market(contractSize=size), TICK_SIZE)


def test_a_market_without_a_price_is_refused():
    assert price_of({"last": None, "markPrice": "7"}) == 7
    with pytest.raises(VenueError) as raised:
        price_of({"last": 0, "symbol": "X"})
    assert raised.value.path == "market.price"


def test_the_spread_is_the_books_else_the_tickers():
    book = book_of({"bids": [[99, 1, 5]], "asks": [[101, 1, 5]]}, 10, 1.0)
    assert spread_pct({"bid": 1, "ask": 2}, book) == 2
    assert spread_pct({"bid": 99.5, "ask": 100.5}, None) == 1
    assert spread_pct({"bid": 2, "ask": 1}, None) is None


def test_a_level_at_which_nobody_offers_anything_is_none():
    """It made the spread look smaller than it is for any order."""
    sides = {"bids": [[99.9, 0], [99, 1], [98, 1]], "asks": [[100.1, 0.0], [101, 1], [102, 1]]}
    book = book_of(sides, 1, 0.1)
    assert (book.bids, book.asks, spread_pct({}, book)) == (((99, 0.1),), ((101, 0.1),), 2)
    assert book_of(sides | {"bids": [[99, 0]]}, 1, 1.0) is None


def test_maintenance_amounts_are_the_exchanges_on_every_recorded_bracket():
    count = 0
    for symbol, rows in brackets().items():
        tiers = [
            {
                "minNotional": row["min_notional"],
                "maxNotional": row["max_notional"],
                "maxLeverage": row["max_leverage"],
                "maintenanceMarginRate": row["maintenance_margin_rate"],
            }
            for row in rows
        ]
        for made, row in zip(brackets_of(tiers[::-1], venue_of("binanceusdm"), 1.0), rows, strict=True):
            assert made.maintenance_amount == pytest.approx(row["maintenance_amount"], rel=1e-9), symbol
            count += 1
    assert count == 7_276


def test_brackets_that_are_not_whole_are_absent():
    tier = {"maxNotional": 5, "maxLeverage": 10, "maintenanceMarginRate": 0.01}
    assert brackets_of([], venue_of("binanceusdm"), 1.0) is None
    assert len(brackets_of([tier], venue_of("binanceusdm"), 1.0)) == 1
    for name in tier:
        assert brackets_of([tier, tier | {name: None}], venue_of("binanceusdm"), 1.0) is None


def test_nothing_is_deducted_from_a_maintenance_margin_where_the_venue_is_not_known_to():
    """A smaller margin would have an account look further from its liquidation than it is."""
    tiers = [
        {"maxNotional": 100 * most, "maxLeverage": 10 / most, "maintenanceMarginRate": rate}
        for most, rate in ((1, 0.01), (2, 0.02), (5, 0.05))
    ]
    for deducts, amounts in ((True, [0, 1, 7]), (False, [0, 0, 0])):
        made = brackets_of(tiers, Venue(tells_tiers=True, deducts=deducts), 1.0)
        assert [one.maintenance_amount for one in made] == amounts


def test_brackets_that_end_at_numbers_of_contracts_are_told_in_money_once():
    """A venue's number taken for money would let a position be larger, or smaller, by a contract's worth."""
    tier, ways = {"maxLeverage": 10, "maintenanceMarginRate": 0.01, "info": {"end": "50"}}, Venue(tier_ends=("end",))
    for bound, most in ((50, 1000), (1000, 1000)):  # as the venue says it, and as ccxt may make money of it
        assert brackets_of([tier | {"maxNotional": bound}], ways, 20.0)[0].max_notional == most
    assert brackets_of([tier | {"maxNotional": 50}], Venue(), 20.0)[0].max_notional == 50
    assert brackets_of([tier | {"maxNotional": 50}], Venue(tells_tiers=False), 20.0) is None


def test_the_least_that_an_order_may_come_to_is_money_whatever_a_contract_is():
    told = market(contractSize=0.01, limits={"amount": {"min": 1}, "cost": {"min": "5"}})
    assert market_of(told, {"last": 5.0}, None, None, None, TICK_SIZE).min_notional == 5


@pytest.mark.parametrize("told", [{"bid": 0, "ask": 1}, {"bid": -1, "ask": 1}, {"bid": 2, "ask": 1}, {"ask": 1}, {}])
def test_a_side_that_nobody_offers_at_makes_no_spread(told):
    assert spread_pct(told, None) is None


# Bars.

HOUR = 3_600_000


def rows(count, start=0):
    return [[start + HOUR * i, 10, 12 + i % 3, 9, 10 + i % 2, 1] for i in range(count)]


def test_the_unfinished_bar_is_left_out():
    last = history_of(rows(16), "1h", 14, 15.5 * HOUR).bars[-1]
    assert last.opened == 14 * HOUR


def test_a_bar_is_finished_from_the_moment_at_which_it_ends():
    assert len(history_of(rows(15), "1h", 14, 15 * HOUR).bars) == 15
    assert history_of(rows(15), "1h", 14, 15 * HOUR - 1).bars == ()


def test_bars_of_which_the_last_two_are_not_told_are_old():
    """One may be late; what moved since two of them ended nobody knows."""
    assert len(history_of(rows(15), "1h", 14, 17 * HOUR - 1).bars) == 15
    assert history_of(rows(15), "1h", 14, 17 * HOUR).bars == ()


def test_bars_of_markets_that_nobody_asks_for_any_more_are_not_kept():
    class Client:
        has: ClassVar[dict[str, bool]] = {}

        async def fetch_ohlcv(self, symbol, timeframe, since, limit):
            return [[since + 60_000 * number, 1.0, 1.0, 1.0, 1.0, 1.0] for number in range(limit)]

    kept, settings = Reference(Client(), keyed=False), ExchangeSettings(venue="bybit", timeframe="1m", bars=5)

    async def ask():
        for minute in range(100):
            await kept.history(f"A{minute}", settings, 60_000.0 * (1_000 + minute))

    asyncio.run(ask())
    assert 0 < len(kept._bars) < 5


@pytest.mark.parametrize(
    ("given", "now"),
    [
        (rows(14), 14 * HOUR),  # one too few
        (rows(7) + rows(9, 8 * HOUR), 17 * HOUR),  # a gap
        (rows(16), 30 * HOUR),  # nothing since
        ([], 0),
    ],
)
def test_bars_that_are_too_few_broken_or_old_tell_nothing(given, now):
    history = history_of(given, "1h", 14, now)
    assert (history.bars, history.atr_pct, history.volatility_pct) == ((), None, None)


@given(st.permutations(rows(20)))
def test_the_order_of_rows_does_not_matter(shuffled):
    assert history_of(shuffled, "1h", 14, 20 * HOUR) == history_of(rows(20), "1h", 14, 20 * HOUR)


@pytest.mark.parametrize("row", [[0, 1, None, 1, 1], [0, 1], [0, 1, 1, 2, 1], [0, 1, 2, 0, 1]])
def test_a_row_that_is_no_bar_is_refused(row):
    with pytest.raises(VenueError) as raised:
        history_of([row], "1h", 14, HOUR)
    assert raised.value.code == "half-an-answer"


def test_lengths():
    assert [seconds_of(one) for one in ("1m", "15m", "1h", "1d", "1w")] == [60, 900, 3_600, 86_400, 604_800]


def test_an_asset_without_volatility_leaves_no_allocation():
    whole, none = history_of(rows(20), "1h", 14, 20 * HOUR), history_of([], "1h", 14, 0)
    assert allocation({"A": whole, "B": none}, {}) == (None, None)
    assets, matrix = allocation({"A": whole, "B": whole}, {"A": "a"})
    assert [one.base for one in assets] == ["a", None]
    assert matrix[0][1] == pytest.approx(1)


def test_what_does_not_move_leaves_no_allocation():
    """Equal risk would put all of the capital into it."""
    moving = history_of(rows(20), "1h", 14, 20 * HOUR)
    still = history_of([[HOUR * i, 10, 10, 10, 10, 1] for i in range(20)], "1h", 14, 20 * HOUR)
    assert still.volatility_pct == 0
    assert allocation({"A": moving, "B": still}, {}) == (None, None)


def test_correlations_are_of_closes_at_the_same_times():
    """As where one market's newest bar is told a moment later than another's."""
    path = [10 + (i * i) % 7 for i in range(20)]
    told = [[HOUR * i, close, close + 1, close - 1, close, 1] for i, close in enumerate(path)]
    ahead, behind = history_of(told, "1h", 14, 20 * HOUR), history_of(told[:-1], "1h", 14, 20 * HOUR)
    assert ahead.bars[-1] != behind.bars[-1]
    _, matrix = allocation({"A": ahead, "B": behind}, {})
    assert matrix[0][1] == pytest.approx(1)
