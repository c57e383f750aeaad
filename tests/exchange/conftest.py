"""A venue on this machine, and the real client of ccxt that asks it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rulecap.exchange import Exchange, ExchangeSettings, Retries, VenueError, clock, open_exchange, reading
from rulecap.exchange import exchange as module
from tests.venue.binance import Binance
from tests.venue.bitget import Bitget
from tests.venue.bybit import Bybit
from tests.venue.okx import Okx
from tests.venue.venue import KEY, PASSWORD, SECRET, Venue

VENUES = {"binanceusdm": Binance, "bybit": Bybit, "okx": Okx}
# This takes part in the tests that `test_bitget` has of the other modules: what differs by venue.
ALL_VENUES = {**VENUES, "bitget": Bitget}

ENVIRONMENT = {"RULECAP_API_KEY": KEY, "RULECAP_API_SECRET": SECRET, "RULECAP_API_PASSWORD": PASSWORD}


def settings_of(venue: Venue, **changes: Any) -> ExchangeSettings:
    """Return settings that lead to a venue on this machine; nothing waits long."""
    name = next(name for name, kind in ALL_VENUES.items() if isinstance(venue, kind))
    quick = Retries(attempts=3, first_delay_seconds=0.001, longest_seconds=5)
    given = {"venue": name, "origin": venue.origin, "milliseconds_per_weight": 0, "retries": quick}
    return ExchangeSettings(**given | changes)


def asked(venue: Venue, question: Any, keys: tuple[str, str] | None = (KEY, SECRET), **changes: Any) -> Any:
    """Return what a question to an exchange gives: `asked(venue, lambda exchange: exchange.account_view())`."""
    environment = dict(zip(ENVIRONMENT, (*keys, PASSWORD) if keys else (), strict=False))

    async def ask() -> Any:
        async with open_exchange(settings_of(venue, **changes), environment) as exchange:
            return await question(exchange)

    return asyncio.run(ask())


def lead_to(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead every exchange to a venue on this machine, by whomever it is opened."""
    opened, here = module.open_client, {"origin": venue.origin, "milliseconds_per_weight": 0}
    monkeypatch.setattr(module, "open_client", lambda settings, keys: opened(settings.model_copy(update=here), keys))


def refused(venue: Venue, question: Any, **changes: Any) -> VenueError:
    """Return the error that a question ends in."""
    with pytest.raises(VenueError) as raised:
        asked(venue, question, **changes)
    return raised.value


def whole(exchange: Exchange) -> Any:
    """Ask for a snapshot of an account and BTCUSDT."""
    return exchange.snapshot("BTCUSDT")


@pytest.fixture(params=VENUES)
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """Return each of the venues, with a long position in BTC and a short one in ETH."""
    with VENUES[request.param]() as one:
        _filled(one)
        yield one


@pytest.fixture
def binance() -> Iterator[Binance]:
    with Binance() as one:
        _filled(one)
        yield one


@pytest.fixture
def bybit() -> Iterator[Bybit]:
    with Bybit() as one:
        _filled(one)
        yield one


@pytest.fixture
def okx() -> Iterator[Okx]:
    with Okx() as one:
        _filled(one)
        yield one


def _filled(venue: Venue) -> None:
    venue.set_wallet("12000")
    venue.set_position("BTCUSDT", "LONG", "0.2", "31480", leverage=4)
    venue.set_position("ETHUSDT", "SHORT", "2.4", "1942", leverage=3)


class Clocks:
    """A machine's two clocks, set by hand, in seconds."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Return the clocks by which the venue's time is kept, and how long what it told is."""
    one = Clocks()
    monkeypatch.setattr(clock, "time", one)
    monkeypatch.setattr(reading, "time", one)
    return one
