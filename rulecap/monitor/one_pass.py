"""One pass: orders followed up, the account read, decided on and recorded, changes told, reductions sent."""

import asyncio
import logging
from collections.abc import Set
from dataclasses import dataclass

from rulecap.exchange.errors import VenueError
from rulecap.monitor.account import Account
from rulecap.monitor.changes import (
    ACCOUNT,
    CAP,
    FAILING,
    FRESH,
    LOG,
    NOT_TAKEN,
    PARTIAL,
    POLICY,
    REACHED,
    STALE,
    TAKEN,
    UNPROVEN,
    WITHIN,
    WRITTEN,
    Change,
    watched,
)
from rulecap.monitor.clock import Clock
from rulecap.monitor.deciding import Office
from rulecap.monitor.execution import CAPPED, LATE, NO_ORDER, TWICE, Decided, Execution, Outcome, would
from rulecap.monitor.journal import JournalError
from rulecap.monitor.notices import notice_of
from rulecap.monitor.orders import NOT_SENT, REFUSED, Order
from rulecap.monitor.outbox import Notice, Outbox
from rulecap.monitor.report import Report, Trouble, order_troubles
from rulecap.monitor.settings import MonitorSettings
from rulecap.service.failing import place_of
from rulecap.service.in_force import TESTS_FAIL, PolicyInForce
from rulecap.service.sources import WHOLE
from rulecap.snapshot import Snapshot

log = logging.getLogger("rulecap.monitor")
Found = dict[str, tuple[object, str | None]]
READ_AT, DEPOSITS = "monitor.read_at", "monitor.deposits"
TURNED_DOWN, UNSETTLED = "turned-down", "order-unsettled"
# How many seconds a pass waits for an edited policy to be read: then the account is watched by the one in force.
LONGEST_LOOK = 5.0
KEPT_BACK = (CAPPED, LATE, NO_ORDER, TWICE)


@dataclass(slots=True)
class Parts:
    """What a pass works with; `execution` is none where nothing is sent."""

    settings: MonitorSettings
    in_force: PolicyInForce
    account: Account
    office: Office
    outbox: Outbox
    execution: Execution | None
    clock: Clock


class Monitor:
    """Watches one account."""

    def __init__(self, parts: Parts) -> None:
        """Take what it works with; what was told before it began is in the outbox."""
        self._parts = parts
        self._looking: asyncio.Future[None] | None = None

    async def once(self) -> Report:
        """Do one pass; never raises for what fails outside, nor for what nobody foresaw."""
        parts = self._parts
        parts.clock.look()
        report = Report(parts.account.name, parts.in_force.policy)
        try:
            await self._pass(report)
        except JournalError as error:
            report.troubles.append(Trouble("journal", str(error)))
        except Exception as error:  # noqa: BLE001  # the next pass may go well, and nobody else watches the account
            report.troubles.append(Trouble("internal", place_of(error)))
            log.error("%s", place_of(error), extra={"code": "internal"})
        self._tell_stale(report)
        return report

    def _tell_stale(self, report: Report) -> None:
        """Tell that the account was not read for too long, whatever kept it from being read."""
        parts, last = self._parts, self._parts.outbox.told.get(READ_AT)
        now = parts.clock.seconds()
        if report.snapshot is not None:
            return
        if last is None or last > now:
            # Where it was never read, it counts from the first try; anew where a clock that was ahead noted that.
            self._note(report, READ_AT, now)
        elif now - last > parts.settings.stale_seconds:
            self._tell(report, {ACCOUNT: (STALE, None)})

    async def _pass(self, report: Report) -> None:
        parts = self._parts
        await self._look_at_policy(report)
        if parts.execution is not None:
            await self._follow(report, parts.execution)
        # Before the account is read: deposits are counted on from what is on record.
        await asyncio.to_thread(parts.office.ready)
        if await self._read(report):
            await self._decide(report)

    async def _look_at_policy(self, report: Report) -> None:
        """Take an edit that has rested since the last pass; tell of one that is not taken, and of tests that fail."""
        parts, in_force = self._parts, self._parts.in_force
        await self._look_for_an_edit()
        # In this order: an edit that comes into force in between may be proven where the policy before it is not.
        report.unproven, report.policy = in_force.unproven, in_force.policy
        failing = None
        if parts.execution is not None and report.unproven:
            failing = f"{in_force.tests['failed']} of the tests beside the policy fail: nothing is sent by it"
            report.troubles.append(Trouble(TESTS_FAIL, failing))
        state = NOT_TAKEN if in_force.failure else UNPROVEN if failing else TAKEN
        self._tell(report, {POLICY: (state, None)})

    async def _look_for_an_edit(self) -> None:
        """Have an edit read beside the loop; one that takes long goes on being read, and a later pass decides by it."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._parts.in_force.look))
        await asyncio.wait({self._looking}, timeout=LONGEST_LOOK)
        if not self._looking.done():
            log.warning("the edited policy is not read yet: the one in force decides", extra={"code": "policy-slow"})
            return
        looked, self._looking = self._looking, None
        looked.result()

    async def _follow(self, report: Report, execution: Execution) -> None:
        """Ask about orders first: what they did is then in the account that is read next."""
        try:
            report.followed = await execution.following.all()
        except JournalError as error:
            report.troubles.append(Trouble("journal", str(error)))
        report.troubles += order_troubles(report.followed)
        self._tell(report, _states(report.followed))

    async def _read(self, report: Report) -> bool:
        """Read the account; tell when it is fresh again."""
        parts, now = self._parts, self._parts.clock.seconds()
        try:
            reading = await parts.account.read()
        except VenueError as error:
            report.troubles.append(Trouble(error.code, error.message))
            return False
        report.snapshot, report.read_at = reading.snapshot, now
        report.lacking = reading.lacking
        self._leave_out(report)
        report.troubles += [Trouble(error.code, error.message) for error in reading.untold]
        self._tell(report, {ACCOUNT: (PARTIAL if reading.untold else FRESH, None)})
        self._note(report, READ_AT, now)
        if reading.late:
            text = "money that moved before the last pass came into the ledger only now: it was profit or loss so far"
            report.troubles.append(Trouble("deposits-late", text))
        if reading.doubt is None:
            self._note(report, DEPOSITS, parts.account.counted)
        return True

    def _note(self, report: Report, name: str, value: object) -> None:
        """Keep a value; a journal that does not is told at each pass, also while nothing is to be sent by it."""
        try:
            self._parts.outbox.note(name, value)
        except JournalError as error:
            told = Trouble("journal", str(error))
            report.troubles += [told] if told not in report.troubles else []

    def _leave_out(self, report: Report) -> None:
        """Note, and tell, positions that no order shrinks for a while: the policy may choose others.

        The venue goes on to turn their orders down, or does not tell what became of one.
        """
        execution, snapshot = self._parts.execution, report.snapshot
        if execution is None or snapshot is None:
            return
        try:
            left, unsettled = execution.turned_down(snapshot.positions), execution.unsettled()
        except JournalError as error:
            report.troubles.append(Trouble("journal", str(error)))
            return
        for (symbol, side), seconds in left.items():
            text = f"the last orders on {symbol} {side} came to nothing at the venue: again in {seconds:.0f} s"
            report.troubles.append(Trouble(TURNED_DOWN, text))
        for symbol, side in sorted(unsettled):
            text = f"what became of the last order on {symbol} {side} is not known for long: nothing else is sent there"
            report.troubles.append(Trouble(UNSETTLED, text))
        report.snapshot = _not_tradable(snapshot, left.keys() | unsettled)

    async def _decide(self, report: Report) -> None:
        parts, policy = self._parts, report.policy
        assert report.snapshot is not None  # it was read
        report.decided = await asyncio.to_thread(parts.office.decide, policy, report.snapshot, report.lacking)
        for one in report.decided:
            report.troubles += [Trouble(problem.code, problem.message) for problem in one.problems]
        logged = all(one.record_id is not None for one in report.decided)
        # What is decided on a part of the account is not on record, whether the log can be written or not.
        told: Found = {LOG: (WRITTEN if logged else FAILING, None)} if report.lacking == WHOLE else {}
        self._tell(report, {**watched(policy, report.decided), **told})
        for one in report.decided:
            await self._act(report, Decided(policy, one, report.read_at))
        if parts.execution is not None:
            capped = any(one.did == CAPPED for one in report.outcomes)
            self._tell(report, {CAP: (REACHED if capped else WITHIN, None)})

    async def _act(self, report: Report, decided: Decided) -> None:
        execution = self._parts.execution
        if execution is None or report.unproven:
            report.outcomes += would(decided)
            return
        outcomes: list[Outcome] = []
        try:
            async for one in execution.act(decided):
                outcomes.append(one)  # noqa: PERF401  # a comprehension would lose those before a failure
        finally:  # what was sent before the journal failed is told all the same
            self._acted(report, outcomes)

    def _acted(self, report: Report, outcomes: list[Outcome]) -> None:
        orders = [one.order for one in outcomes if one.order is not None]
        report.outcomes += outcomes
        report.troubles += order_troubles(orders)
        report.troubles += [Trouble(one.did, one.message) for one in outcomes if one.did in KEPT_BACK]
        self._tell(report, _states(orders))

    def _tell(self, report: Report, found: Found) -> None:
        """Put what has changed into the outbox; the notice and that it was told are durable together."""
        parts = self._parts

        def composed(changes: list[Change]) -> Notice:
            return notice_of(report, changes, parts.clock.now())

        changes, durable = parts.outbox.tell(found, composed, parts.clock.seconds())
        report.changes += changes
        if changes and not durable:
            report.troubles.append(Trouble("journal", "what has changed is told from memory: the journal fails"))
        for one in changes:
            log.warning("%s changed", one.what, extra={"from": _shown(one.before), "to": _shown(one.after)})


def _not_tradable(snapshot: Snapshot, names: Set[tuple[str, str]]) -> Snapshot:
    """Return a snapshot in which the positions of these symbols and sides cannot be reduced."""
    positions = tuple(
        one.model_copy(update={"tradable": False}) if (one.symbol, one.side) in names else one
        for one in snapshot.positions
    )
    return snapshot.model_copy(update={"positions": positions})


def _states(orders: list[Order]) -> Found:
    """Return how the latest order on each position stands; one that did not reach the venue tells why, once."""
    found: Found = {}
    for one in orders:
        about = one.code if one.state in (NOT_SENT, REFUSED) else one.client_order_id
        found[f"orders.{one.symbol}.{one.side}"] = f"{one.state} {about}", one.record or None
    return found


def _shown(value: object) -> object:
    """Return a value as a log may have it: names and flags; a number may be a balance."""
    return value if isinstance(value, str | bool | None) else "…"
