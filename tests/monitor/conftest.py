"""A monitor over a venue on this machine, with ccxt's real client, and a clock that a test moves."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt")
pytest.importorskip("prometheus_client")

from rulecap.audit.clock import now
from rulecap.monitor import running
from rulecap.monitor.clock import Clock
from rulecap.monitor.journal import Journal
from rulecap.monitor.orders import Order, Orders
from rulecap.monitor.report import Report
from rulecap.monitor.running import Running, Wanted, opened
from rulecap.monitor.settings import MonitorSettings
from rulecap.monitor.webhook import Webhook
from rulecap.service.in_force import PolicyInForce
from tests.exchange.conftest import ENVIRONMENT, VENUES, settings_of
from tests.venue.venue import Venue

ORANGE, RED = "1000", "820"  # wallets of an account with 770.75 of margin in use


class Shifted(Clock):
    """A clock that a test moves on; nothing waits."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        self.now = lambda: now() + timedelta(seconds=self.ahead)

    def pass_time(self, seconds: float) -> None:
        self.ahead += seconds


class Desk:
    """One account's monitor: passes are done on demand, each by a monitor that was just started, unless one is kept."""

    def __init__(self, folder: Path, venue: Venue) -> None:
        self.folder, self.venue, self.clock = folder, venue, Shifted()
        self.log, self.journal = f"sqlite:///{folder / 'log.sqlite3'}", folder / "journal.sqlite3"
        self.deposits_folder: Path | None = None

    def wanted(self, url: str | None = None, secret: bytes = b"", **given: Any) -> Wanted:
        settings = MonitorSettings(**{"log": self.log, "execute": True, "rest_seconds": 0.0} | given)
        # A monitor that was moved ahead in time still talks to a venue of today.
        exchange = settings_of(self.venue, timeout_seconds=0.5, deposits_folder=self.deposits_folder)
        return Wanted(settings, self.journal, exchange, Webhook(url, secret) if url else None)

    @asynccontextmanager
    async def running(self, **given: Any) -> Any:
        async with opened(self.wanted(**given), self.clock) as monitor:
            yield monitor

    def passes(self, count: int = 1, **given: Any) -> list[Report]:
        """Return what so many passes of one monitor came to."""

        async def look() -> list[Report]:
            async with self.running(**given) as running:
                return [await running.one_pass() for _ in range(count)]

        return asyncio.run(look())

    def one(self, **given: Any) -> Report:
        return self.passes(1, **given)[0]

    def steps(self, *acts: Any, **given: Any) -> list[Report]:
        """Do one pass, and one more after each act."""

        async def look() -> list[Report]:
            async with self.running(**given) as running:
                reports = [await running.one_pass()]
                for act in acts:
                    act()
                    reports.append(await running.one_pass())
                return reports

        return asyncio.run(look())

    def orders(self) -> list[Order]:
        journal = Journal(self.journal)
        try:
            return Orders(journal).latest(1000)
        finally:
            journal.close()


def fill(venue: Venue, wallet: str = "12000") -> None:
    """Give an account four positions: 770.75 of margin in use, at prices of their entries."""
    venue.set_wallet(wallet)
    venue.set_position("BTCUSDT", "LONG", "0.05", "32310", leverage=5)
    venue.set_position("ETHUSDT", "SHORT", "0.5", "2024", leverage=5)
    venue.set_position("SOLUSDT", "LONG", "40", "27.45", leverage=5)
    venue.set_position("SUSHIUSDT", "LONG", "17", "7.611", leverage=5)


@cache
def in_force(policy: str) -> PolicyInForce:
    return PolicyInForce(policy)


@pytest.fixture(autouse=True)
def one_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a policy once for all tests, not once for each monitor that is started."""
    monkeypatch.setattr(running, "PolicyInForce", in_force)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=VENUES)
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    with VENUES[request.param]() as one:
        fill(one)
        yield one


@pytest.fixture
def binance() -> Iterator[Venue]:
    with VENUES["binanceusdm"]() as one:
        fill(one)
        yield one


@pytest.fixture
def desk(tmp_path: Path, venue: Venue) -> Desk:
    return Desk(tmp_path, venue)


@pytest.fixture
def at_binance(tmp_path: Path, binance: Venue) -> Desk:
    return Desk(tmp_path, binance)


def quantities(venue: Venue) -> dict[str, float]:
    return {symbol: float(held.quantity) for (symbol, _), held in venue.account.holdings.items()}


def changes(report: Report) -> dict[str, tuple[object, object]]:
    return {one.what: (one.before, one.after) for one in report.changes}


def codes(report: Report) -> list[str]:
    return [one.code for one in report.troubles]


def order_path(venue: Venue) -> str:
    """Return the path by which the venue takes orders."""
    return venue.order_path


def lookup_paths(venue: Venue) -> tuple[str, ...]:
    """Return the paths by which the venue tells what became of an order."""
    return venue.lookup_paths


def ledger_path(venue: Venue) -> str:
    """Return the path by which the venue tells what was paid in or out."""
    return venue.ledger_path


__all__ = [
    "ORANGE",
    "RED",
    "Desk",
    "Running",
    "changes",
    "codes",
    "fill",
    "ledger_path",
    "lookup_paths",
    "order_path",
    "quantities",
]
