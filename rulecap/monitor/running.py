"""Running the monitor: what it works with is opened, one pass is done or one after the other, all of it is closed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rulecap.audit import LogError
from rulecap.exchange import Exchange, ExchangeSettings, open_exchange
from rulecap.monitor.account import Account, DemoAccount, ExchangeAccount
from rulecap.monitor.clock import Clock
from rulecap.monitor.deciding import HOPELESS, Office
from rulecap.monitor.delivery import ONCE_SECONDS, Delivery
from rulecap.monitor.execution import Execution
from rulecap.monitor.exposed import exposed
from rulecap.monitor.heartbeat import beat
from rulecap.monitor.journal import Journal
from rulecap.monitor.lock import Lock
from rulecap.monitor.loop import run, stop_on_signals
from rulecap.monitor.metrics import Metrics
from rulecap.monitor.one_pass import DEPOSITS, Monitor, Parts
from rulecap.monitor.orders import Orders
from rulecap.monitor.outbox import Outbox
from rulecap.monitor.report import Report, summary
from rulecap.monitor.settings import MonitorSettings
from rulecap.monitor.webhook import Webhook
from rulecap.service.counted import counted_of
from rulecap.service.demo import DemoSource
from rulecap.service.edits import edited_within
from rulecap.service.in_force import PolicyInForce

log = logging.getLogger("rulecap.monitor")
# A policy that was edited just now may be half an edit: how long its files are to rest before they are read at the
# start, and how often that is waited for. Somebody who goes on editing keeps no account from being watched.
REST_SECONDS, MOST_RESTS = 2.0, 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run.

    Attributes:
        exchange: where the account is; none for the demo's.
        heartbeats: files and addresses that get a sign of life after each good pass.
        metrics_port: where Prometheus is answered, on loopback; none: nowhere.
    """

    settings: MonitorSettings
    journal: Path
    exchange: ExchangeSettings | None
    webhook: Webhook | None = None
    heartbeats: tuple[str, ...] = field(default=(), repr=False)  # an address may have a token in it
    metrics_port: int | None = None


@dataclass(slots=True)
class Running:
    """A monitor that is set up; `address` is where Prometheus reads, where it may."""

    wanted: Wanted
    monitor: Monitor
    delivery: Delivery | None
    clock: Clock
    metrics: Metrics = field(default_factory=Metrics)
    address: str | None = None

    async def one_pass(self) -> Report:
        """Do a pass, say so in the log, and leave a sign of life where it went well."""
        began = self.clock.moment()
        report = await self.monitor.once()
        seconds = self.clock.moment() - began
        level = logging.INFO if report.ok else logging.WARNING
        log.log(level, "pass", extra=summary(report, seconds))
        self.metrics.passed(report, seconds, self.clock.seconds(), self.delivery.failures if self.delivery else 0)
        if report.ok:
            await beat(self.wanted.heartbeats, self.clock.now())
        return report


@asynccontextmanager
async def opened(wanted: Wanted, clock: Clock) -> AsyncIterator[Running]:
    """Give a monitor that is set up, and close what it holds.

    Raises:
        PolicyError, VenueError, JournalError, LogError, UnusableKey, AlreadyRunning: it cannot be used.
    """
    settings = wanted.settings
    in_force = PolicyInForce(settings.policy)
    async with AsyncExitStack() as stack:
        exchange = open_exchange(wanted.exchange) if wanted.exchange else None  # before a file is made for it
        journal = Journal(wanted.journal)
        stack.callback(journal.close)
        if settings.execute:
            stack.enter_context(Lock(wanted.journal))
        account, execution = _account(wanted, exchange, journal, clock)
        stack.push_async_callback(account.close)
        journal.claim(account.name, wanted.exchange.place if wanted.exchange else account.name)
        outbox = Outbox(journal, telling=wanted.webhook is not None)
        account.recall(outbox.told.get(DEPOSITS))
        office = _office(settings.log, account)
        stack.callback(office.close)
        parts = Parts(settings, in_force, account, office, outbox, execution, clock)
        delivery = Delivery(outbox, wanted.webhook, clock) if wanted.webhook else None
        running = Running(wanted, Monitor(parts), delivery, clock)
        if wanted.metrics_port is not None:
            running.address = stack.enter_context(exposed(running.metrics.registry, wanted.metrics_port))
        yield running


def _account(
    wanted: Wanted, exchange: Exchange | None, journal: Journal, clock: Clock
) -> tuple[Account, Execution | None]:
    if exchange is None:
        return DemoAccount(DemoSource(), clock), None
    if wanted.settings.execute:
        exchange.check_orders()
    execution = Execution(exchange, Orders(journal), wanted.settings, clock) if wanted.settings.execute else None
    counted = counted_of(exchange.settings, wanted.settings.log)
    return ExchangeAccount(exchange, clock, wanted.settings.ledger_seconds, counted), execution


def _office(url: str, account: Account) -> Office:
    """Return the office; what may pass does not keep the monitor from watching.

    Raises:
        LogError, UnusableKey: nothing could ever be recorded there.
    """
    office = Office(url, account.name, account.resume)
    try:
        office.open()
    except LogError as error:
        if error.code in HOPELESS:
            raise
        log.error("the audit log cannot be opened: %s", error, extra={"code": error.code})
    return office


async def rested(policy: str, clock: Clock) -> None:
    """Wait until a policy that was edited just now has rested, for a while at the most."""
    for _ in range(MOST_RESTS):
        if not await asyncio.to_thread(edited_within, REST_SECONDS, policy, clock.now().timestamp()):
            return
        await clock.wait(REST_SECONDS)
    log.warning("the policy goes on being edited, and is read all the same", extra={"code": "still-edited"})


async def watch(wanted: Wanted, seen: Callable[[Report], None], clock: Clock | None = None) -> None:
    """Watch until told to stop (SIGTERM, SIGINT).

    Args:
        wanted: what is to be run.
        seen: called with what each pass came to; where it cannot be shown, that is logged.
        clock: another one than the machine's.

    Raises:
        PolicyError, VenueError, JournalError, LogError, UnusableKey, AlreadyRunning: as `opened`.
    """
    clock = clock or Clock()
    await rested(wanted.settings.policy, clock)
    async with opened(wanted, clock) as running:

        async def one_pass() -> None:
            _show(await running.one_pass(), seen)

        stop_on_signals(clock)
        async with _delivering(running):
            await run(one_pass, wanted.settings.every_seconds, clock)


def _show(report: Report, seen: Callable[[Report], None]) -> None:
    """Show what a pass came to; where that fails, the account is watched all the same."""
    try:
        seen(report)
    except OSError as error:  # a reader that went away, a full disk
        log.warning("what a pass came to cannot be shown: %s", error.strerror, extra={"code": "output"})


@asynccontextmanager
async def _delivering(running: Running) -> AsyncIterator[None]:
    """Deliver notices meanwhile, where they go anywhere; at the end, finish the one that is under way."""
    if running.delivery is None:
        yield
        return
    delivering = asyncio.create_task(running.delivery.run())
    try:
        yield
    finally:
        running.clock.stop.set()
        with suppress(asyncio.CancelledError):
            await delivering


async def look_once(wanted: Wanted, seen: Callable[[Report], None]) -> None:
    """Do one pass, and try once, for a while, to deliver what waits to be told.

    Raises:
        PolicyError, VenueError, JournalError, LogError, UnusableKey, AlreadyRunning: as `opened`.
    """
    clock = Clock()
    await rested(wanted.settings.policy, clock)
    async with opened(wanted, clock) as running:
        report = await running.one_pass()
        try:
            seen(report)
        finally:
            if running.delivery is not None:
                await running.delivery.flush(ONCE_SECONDS)
