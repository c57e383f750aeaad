"""The shared view: what many markets cost is not at the account's expense."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from rulecap.audit.clock import now
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import SourceError, UnknownSymbol
from rulecap.service.view import SharedView
from rulecap.service.watched import MARKETS_AT_ONCE, MOST_MARKETS
from tests.service.told import demo_told


class Slow:
    """Tells the demo's account at once, and no market before it is let."""

    def __init__(self):
        self.told, self.let = demo_told(), asyncio.Event()
        self.reading = self.most = 0
        self.let.set()

    async def account(self):
        return await self.told.account()

    async def market(self, symbol):
        self.reading += 1
        self.most = max(self.most, self.reading)
        await asyncio.sleep(0)
        await self.let.wait()
        self.reading -= 1
        part = self.told.markets["BTCUSDT"]
        return replace(part, market=part.market.model_copy(update={"symbol": symbol}))


async def watching(source, markets):
    """Return a view that is read again and again, with so many markets that were asked for, and what reads it."""
    view = SharedView(source, ServiceSettings(demo=True, refresh_seconds=0.001))
    reading = asyncio.create_task(view.run())
    await view.read_once.wait()
    for number in range(markets):
        await view.markets.market(f"A{number}USDT")
    return view, reading


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def ended(reading):
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


def test_figures_of_a_venue_whose_clock_is_ahead_grow_old_from_when_they_were_asked_for():
    """Else they were new for as long as it is ahead, which may be seconds."""

    class Ahead(Slow):
        async def account(self):
            await asyncio.sleep(0.05)
            return replace(await super().account(), read_at=now() + timedelta(seconds=30))

    async def ask():
        view = SharedView(Ahead(), ServiceSettings(demo=True))
        await view.refresh()
        await asyncio.sleep(0.05)
        snapshot, _ = await view.snapshot()
        return view.age(), snapshot.age_seconds

    assert all(age >= 0.1 for age in asyncio.run(ask()))


def test_the_account_is_read_on_while_markets_are_waited_for():
    async def ask():
        source = Slow()
        _, reading = await watching(source, 3)
        source.let.clear()
        await until(lambda: source.reading > 0)
        before = source.told.asked["account"]
        await until(lambda: source.told.asked["account"] > before + 5)
        still = source.reading
        await ended(reading)
        return still

    assert asyncio.run(ask()) > 0


def test_few_markets_are_read_again_at_once_however_many_are_watched():
    async def ask():
        source = Slow()
        view, reading = await watching(source, 40)
        source.most = 0
        old = {name: watched.part for name, watched in view.markets._markets.items()}
        await until(lambda: all(view.markets._markets[name].part is not part for name, part in old.items()))
        await ended(reading)
        return source.most

    assert 0 < asyncio.run(ask()) <= MARKETS_AT_ONCE


def test_markets_at_which_something_unforeseen_goes_wrong_keep_no_others_from_being_read(caplog):
    """As many as are read at once, and first of all."""

    async def ask():
        source = Slow()
        view, reading = await watching(source, 2 * MARKETS_AT_ONCE)
        read = source.market

        async def market(symbol):
            if symbol in [f"A{number}USDT" for number in range(MARKETS_AT_ONCE)]:
                raise RuntimeError("balance 1234.56")
            return await read(symbol)

        source.market = market
        old = view.markets._markets["A7USDT"].part
        await until(lambda: view.markets._markets["A7USDT"].part is not old)
        await ended(reading)

    asyncio.run(ask())
    assert "RuntimeError" in caplog.text
    assert "1234.56" not in caplog.text


class Clock:
    """A clock that can be set."""

    def __init__(self):
        self.moment = now()

    def __call__(self):
        return self.moment

    def set(self, seconds):
        self.moment += timedelta(seconds=seconds)


class Dated(Slow):
    """Tells the account as of now, and markets as of a moment; by a clock that can be set."""

    def __init__(self, clock, ahead=0.0):
        super().__init__()
        self.clock, self.ahead = clock, timedelta(seconds=ahead)

    async def account(self):
        return replace(await super().account(), read_at=self.clock() + self.ahead)

    async def market(self, symbol):
        return replace(await super().market(symbol), read_at=self.clock() + self.ahead)


def test_a_clock_that_is_set_back_makes_no_figures_young_that_were_old_when_they_were_read():
    async def ask():
        clock = Clock()
        view = SharedView(Dated(clock, ahead=-20.0), ServiceSettings(demo=True), clock)
        await view.refresh()
        clock.set(-100.0)
        snapshot, _ = await view.snapshot()
        return view.age(), snapshot.age_seconds

    assert all(age >= 20 for age in asyncio.run(ask()))


@pytest.mark.parametrize(("ahead", "set_to"), [(30.0, 0.0), (0.0, -30.0)])
def test_a_market_that_is_not_read_any_more_grows_old_whatever_the_clocks_say(ahead, set_to):
    """Of a venue whose clock is ahead, and where ours is set back: the account that is read on makes it no younger."""

    async def ask():
        clock = Clock()
        source = Dated(clock, ahead)
        view = SharedView(source, ServiceSettings(demo=True), clock)
        await view.refresh()
        await view.snapshot("BTCUSDT")
        await asyncio.sleep(0.1)
        clock.set(set_to)
        await view._refresh_account()
        snapshot, failure = await view.snapshot("BTCUSDT")
        return snapshot.age_seconds, failure

    age, failure = asyncio.run(ask())
    assert failure is None
    assert age >= 0.1


def test_a_name_that_the_source_knows_no_more_is_no_markets_though_it_was_read_and_stays_one_while_nobody_can_ask():
    async def ask():
        view = SharedView(demo_told(), ServiceSettings(demo=True))
        await view.refresh()
        await view.snapshot("BTCUSDT")
        held = {one.symbol for one in view.account.positions}
        found = []
        for failure in (SourceError("venue-down", "no answer"), UnknownSymbol("no market BTCUSDT")):
            view._source.failure = failure
            try:
                found.append(await view.symbol("BTC/USDT:USDT"))
            except SourceError as error:
                found.append(error.code)
        return "BTCUSDT" in held, found

    assert asyncio.run(ask()) == (False, ["BTCUSDT", "unknown-symbol"])


def test_who_is_told_that_a_market_cannot_be_read_takes_it_from_nobody_who_asks_again():
    async def ask():
        source = Slow()
        view = SharedView(source, ServiceSettings(demo=True))
        await view.refresh()
        read, asked = source.market, []

        async def market(symbol):
            asked.append(symbol)
            await asyncio.sleep(0)
            if len(asked) == 1:
                raise SourceError("venue-down", "no answer")
            return await read(symbol)

        async def again():
            with suppress(SourceError):
                await view.markets.market("A")
            return await view.markets.market("A")

        async def once():
            with suppress(SourceError):
                await view.markets.market("A")

        source.market = market
        await asyncio.gather(again(), once(), once())
        return await view.markets.market("A"), asked

    found, asked = asyncio.run(ask())
    assert found.told.market.symbol == "A"
    assert asked == ["A", "A"]


def test_of_markets_that_nobody_asks_for_any_more_nothing_is_kept():
    async def ask():
        view = SharedView(Slow(), ServiceSettings(demo=True, watch_seconds=1.0))
        await view.refresh()
        for number in range(3):
            await view.snapshot(f"A{number}USDT")
        for watched in view.markets._markets.values():
            watched.asked_at -= 2.0
        await view.snapshot("A1USDT")
        await view.refresh()
        return set(view.markets._markets), set(view._bases)

    assert asyncio.run(ask()) == ({"A1USDT"}, {"A1USDT"})


def test_no_more_markets_are_watched_than_may_be_and_those_that_are_stay():
    async def ask():
        source = Slow()
        view = SharedView(source, ServiceSettings(demo=True))
        await view.refresh()
        for number in range(MOST_MARKETS):
            await view.snapshot(f"A{number}USDT")
        snapshot, failure = await view.snapshot("ONEMOREUSDT")
        return failure.code, snapshot.market, (await view.snapshot("A0USDT"))[1], len(view.markets._markets)

    assert asyncio.run(ask()) == ("too-many-markets", None, None, MOST_MARKETS)


def test_account_and_market_together_are_as_old_as_the_older_of_them():
    async def ask(first, then):
        clock = Clock()
        view = SharedView(Dated(clock, first), ServiceSettings(demo=True), clock)
        await view.refresh()
        view._source.ahead = timedelta(seconds=then)
        return (await view.snapshot("BTCUSDT"))[0].age_seconds

    for ages in ((-20.0, -40.0), (-40.0, -20.0)):
        assert 40 <= asyncio.run(ask(*ages)) < 60
