"""A whole snapshot from a venue, through ccxt's real client; the same from every venue."""

import time
from datetime import timedelta

import pytest

from rulecap import load_policy
from rulecap.exchange import Extras, VenueError
from rulecap.exchange.clock import moment
from rulecap.exchange.history import History
from rulecap.measures.bars import Bar
from rulecap.snapshot import Signal, read_snapshot
from tests.exchange.conftest import asked, refused, whole
from tests.recorded import recorded
from tests.venue.venue import READ_ONLY_KEY, READ_ONLY_SECRET, put


def test_account_and_positions_are_what_the_venue_holds(venue):
    snapshot = asked(venue, whole)
    account = snapshot.account
    assert account.total_wallet_balance == 12_000
    assert account.unrealized_pnl == pytest.approx(0.2 * (32_310 - 31_480) - 2.4 * (2024 - 1942))
    assert account.margin_used == pytest.approx(0.2 * 32_310 / 4 + 2.4 * 2024 / 3)
    assert account.available_balance == pytest.approx(12_000 + account.unrealized_pnl - account.margin_used)
    assert account.maintenance_margin == pytest.approx(0.01 * (0.2 * 32_310 + 2.4 * 2024))
    btc, eth = snapshot.positions
    assert (btc.symbol, btc.base, btc.side, btc.quantity, btc.leverage) == ("BTCUSDT", "BTC", "LONG", 0.2, 4)
    assert (eth.symbol, eth.base, eth.side, eth.quantity, eth.leverage) == ("ETHUSDT", "ETH", "SHORT", 2.4, 3)
    assert eth.unrealized_pnl == pytest.approx(-2.4 * (2024 - 1942))
    assert eth.notional == pytest.approx(2.4 * 2024)
    assert btc.margin == pytest.approx(0.2 * 32_310 / 4)


def test_market_and_book_are_what_the_venue_tells(venue):
    snapshot = asked(venue, lambda exchange: exchange.snapshot("SUSHIUSDT"))
    market, spec = snapshot.market, venue.specs["SUSHIUSDT"]
    bids, asks = venue.book("SUSHIUSDT")
    assert (market.symbol, market.base, market.price) == ("SUSHIUSDT", "SUSHI", 7.611)
    assert (market.min_quantity, market.quantity_step, market.min_notional) == (1, 1, float(spec.min_notional))
    assert market.spread_pct == pytest.approx(float(200 * (asks[0][0] - bids[0][0]) / (asks[0][0] + bids[0][0])))
    assert [one.max_leverage for one in market.brackets] == [float(most) for _, _, most in spec.brackets]
    assert market.depth_score is None
    assert len(snapshot.book.bids) == len(snapshot.book.asks) == 100
    assert snapshot.book.asks[99] == tuple(map(float, asks[99]))


def test_both_venues_give_the_same_volatility_range_and_correlation(binance, bybit):
    one, other = (asked(venue, whole) for venue in (binance, bybit))
    assert one.market.atr_pct == pytest.approx(other.market.atr_pct) and one.market.atr_pct > 0
    assert [a.symbol for a in one.assets] == ["BTCUSDT", "ETHUSDT"]
    assert one.assets == other.assets
    assert one.correlation == other.correlation
    assert one.positions[1].volatility_pct == one.assets[1].volatility_pct


def test_how_many_bars_of_which_length_is_configured(binance):
    asked(binance, whole, bars=30, timeframe="15m")
    sent = binance.asked("klines")[0].params
    assert (sent["interval"], int(sent["limit"])) == ("15m", 34)


@pytest.mark.parametrize("spelling", ["BTCUSDT", "btcusdt", "BTC/USDT:USDT", "BTC/USDT"])
def test_a_symbol_may_be_spelt_either_way(binance, spelling):
    snapshot = asked(binance, lambda exchange: exchange.snapshot(signal={"symbol": spelling, "score": 80.0}))
    assert snapshot.market.symbol == snapshot.signal.symbol == "BTCUSDT"


def test_without_a_symbol_the_snapshot_has_no_market(venue):
    snapshot = asked(venue, lambda exchange: exchange.snapshot())
    assert (snapshot.market, snapshot.book, snapshot.signal) == (None, None, None)
    assert len(snapshot.positions) == 2


def test_a_score_is_what_was_recorded_else_absent(binance):
    extras = Extras(scores={"BTCUSDT": 71.0, ("ETHUSDT", "LONG"): 5.0})
    snapshot = asked(binance, lambda exchange: exchange.snapshot(extras=extras))
    assert [one.score for one in snapshot.positions] == [71.0, None]


@pytest.mark.parametrize("score", [float("nan"), 101.0, "71"])
def test_a_score_that_is_none_is_named(binance, score):
    extras = Extras(scores={"BTCUSDT": score})
    with pytest.raises(VenueError, match="BTCUSDT: score: ") as caught:
        asked(binance, lambda exchange: exchange.snapshot(extras=extras))
    assert (caught.value.code, [one.path for one in caught.value.problems]) == ("not-a-snapshot", ["score"])


FAR_APART = {
    "a ratio of infinity": ("1e300", "1e-300"),
    "a sum too large": ("1.7e308", "1e-300"),
}


def far_apart(venue, high, low):
    """Return a change of an answer's bars: each price is a number, and no figure of them is."""

    def change(rows):
        return [[row[0], low, high, low, (high, low)[n % 2], *row[5:]] for n, row in enumerate(rows)]

    return lambda answer: venue.with_rows(answer, change)


@pytest.mark.parametrize("prices", FAR_APART.values(), ids=FAR_APART)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT", None], ids=["a position's", "a market's", "positions'"])
def test_bars_that_have_no_finite_figure_are_the_venues_error(venue, prices, symbol):
    venue.fault(venue.bars_path, "then", 99, change=far_apart(venue, *prices))
    failure = refused(venue, lambda exchange: exchange.snapshot(symbol))
    assert (failure.code, failure.retriable) == ("not-a-snapshot", False)


def test_bars_whose_mean_range_is_infinite_are_the_venues_error(venue):
    venue.fault(venue.bars_path, "then", 99, change=far_apart(venue, "1e307", "1e-5"))
    assert refused(venue, lambda exchange: exchange.market_view("SOLUSDT")).code == "not-a-snapshot"


def test_a_figure_that_no_market_has_is_the_venues_error(binance):
    binance.fault("commissionRate", "then", 99, change=put(takerCommissionRate="1e307"))
    failure = refused(binance, whole)
    assert (failure.code, [one.path for one in failure.problems]) == ("not-a-snapshot", ["taker_fee_pct"])


def test_a_figure_that_no_position_has_is_the_venues_error_and_no_other_positions(binance):
    huge = {"markPrice": "1e300", "positionAmt": "1e10", "unRealizedProfit": ""}

    def change(answer):
        return [row | huge if row["symbol"] == "BTCUSDT" else row for row in answer]

    binance.fault("positionRisk", "then", 99, change=change)
    failure = refused(binance, whole)
    assert (failure.code, [one.path for one in failure.problems]) == ("not-a-snapshot", ["notional", "unrealized_pnl"])
    view = asked(binance, lambda exchange: exchange.account_view(partial=True))
    assert [one.position.symbol for one in view.held] == ["ETHUSDT"]
    assert [one.code for one in view.untold] == ["not-a-snapshot"]


def test_facts_and_the_assets_to_allocate_to_are_the_callers(binance):
    extras = Extras(facts={"funding_rate": 0.01}, assets=("SOL/USDT:USDT", "BTCUSDT"))
    snapshot = asked(binance, lambda exchange: exchange.snapshot(extras=extras))
    assert snapshot.facts == {"funding_rate": 0.01}
    assert [one.symbol for one in snapshot.assets] == ["SOLUSDT", "BTCUSDT"]


def test_its_time_is_the_venues_and_its_age_that_of_its_oldest_part(binance):
    async def later(exchange):
        kept = await exchange.account_view()
        old = type(kept)(kept.account, kept.held, kept.deposits, kept.read_at - timedelta(seconds=40))
        return await exchange.snapshot("BTCUSDT", account=old)

    binance.clock_offset_ms = 1_500
    before = binance.now()
    snapshot = asked(binance, later)
    assert snapshot.age_seconds >= 40
    assert moment(before - 100) <= snapshot.as_of <= moment(binance.now() + 100)


def test_an_old_stamp_on_the_ticker_makes_the_snapshot_old(binance):
    def old(answer):
        return {**answer, "closeTime": answer["closeTime"] - 90_000}

    binance.fault("ticker/24hr", "then", change=old)
    assert asked(binance, whole).age_seconds >= 90


def test_a_stamp_of_later_than_the_question_makes_a_market_no_younger(binance):
    """What else is told of it may have been waited for since then, or the other way round."""

    async def look(exchange):
        clock, answered = await exchange._session.clock(), []

        def ahead(answer):
            time.sleep(0.01)
            answered.append(clock.now_ms())
            time.sleep(0.01)
            return {**answer, "closeTime": answer["closeTime"] + 90_000}

        binance.fault("ticker/24hr", "then", change=ahead)
        view = await exchange.market_view("BTCUSDT")
        return view.read_at, moment(answered[0])

    read_at, answered = asked(binance, look)
    assert read_at < answered


def test_the_default_policy_decides_on_it(venue):
    signal = Signal(
        symbol="BTCUSDT",
        score=90.0,
        expected_return_pct=4.0,
        market_regime="TRENDING",
        win_rate=0.6,
        win_loss_ratio=1.8,
    )
    snapshot = asked(venue, lambda exchange: exchange.snapshot(signal=signal))
    decision = load_policy("default").evaluate(snapshot, decision="position")
    assert decision.ok, decision.problems
    assert decision.outputs["recommendation"] in {"ENTER", "CAUTION", "HOLD", "REJECT"}
    assert load_policy("default").evaluate(snapshot, decision="margin").ok


def test_it_is_json_that_reads_back_as_itself(venue):
    snapshot = asked(venue, whole)
    assert read_snapshot(snapshot.model_dump_json()) == snapshot


def test_a_read_only_key_is_enough(venue):
    assert asked(venue, whole, keys=(READ_ONLY_KEY, READ_ONLY_SECRET)).account.total_wallet_balance == 12_000


def test_a_market_can_be_seen_without_a_key(venue):
    view = asked(venue, lambda exchange: exchange.market_view("BTCUSDT"), keys=None)
    assert view.market.price == 32_310
    assert view.market.taker_fee_pct is None
    names = {"x-mbx-apikey", "x-bapi-api-key", "ok-access-key"}
    assert not [one for one in venue.requests if names & one.headers.keys()]


def test_what_the_caller_hands_in_wrong_is_said_with_its_place(binance):
    signal = {"symbol": "BTCUSDT", "score": 120.0}
    failure = refused(binance, lambda exchange: exchange.snapshot(signal=signal))
    assert (failure.code, [one.path for one in failure.problems]) == ("not-a-snapshot", ["signal.score"])


def test_the_recorded_markets_and_brackets(binance):
    recorded("binance/exchange_info_20210721.json")
    binance.use_recorded()
    market = asked(binance, lambda exchange: exchange.market_view("BTCUSDT")).market
    assert (market.min_quantity, market.quantity_step, market.min_notional) == (0.001, 0.001, 5)
    assert len(market.brackets) > 4


def test_bars_are_asked_for_once_until_the_next_one_ends(venue):
    async def look(exchange):
        await exchange.snapshot("BTCUSDT")
        venue.requests.clear()
        return await exchange.snapshot("BTCUSDT")

    assert asked(venue, look).market.atr_pct is not None
    assert venue.asked(venue.book_path)
    assert not venue.asked(venue.bars_path)
    history = History((Bar(0, 2.0, 1.0, 1.5), Bar(3_600_000, 2.0, 1.0, 1.5)), 3_600)
    assert [history.is_newest(float(ms)) for ms in (7_200_000, 10_799_999, 10_800_000)] == [True, True, False]
    assert not History((), 3_600).is_newest(0.0)


def test_a_book_of_an_hour_ago_is_as_old_as_it_says(venue):
    """As where a gateway hands on what it kept: by it an entry would be sized, and a spread judged."""
    hour_ago = venue.now() - 3_600_000
    venue.fault(venue.book_path, "then", 9, change=put(T=hour_ago, ts=hour_ago))
    assert 3_590 < asked(venue, whole).age_seconds < 3_660


def test_a_book_of_a_time_to_come_is_no_younger_than_its_question(venue):
    later = venue.now() + 3_600_000
    venue.fault(venue.book_path, "then", 9, change=put(T=later, ts=later))
    assert 0 <= asked(venue, whole).age_seconds < 60


def test_a_book_of_as_many_levels_as_are_wanted_is_told_where_the_venue_tells_of_others(binance):
    book = asked(binance, lambda exchange: exchange.market_view("BTCUSDT"), book_levels=7).book
    assert (len(book.bids), len(book.asks)) == (7, 7)
