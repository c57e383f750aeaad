"""The service as a whole: its parts, how they start, what runs beside the requests, how they stop."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rulecap.audit import LogError, open_ledger
from rulecap.audit.last import last_memory
from rulecap.audit.ledger import Asked
from rulecap.engine.decision import Decision
from rulecap.language.values import iso
from rulecap.service.answers import OURS
from rulecap.service.apart import LedgerApart
from rulecap.service.demo import DemoSource
from rulecap.service.desk import NO_ACCOUNT, Desk
from rulecap.service.events import Events, decided
from rulecap.service.failing import steadily
from rulecap.service.follower import Accounts, Follower
from rulecap.service.in_force import PolicyInForce
from rulecap.service.keys_in_force import KeysInForce
from rulecap.service.loops import check
from rulecap.service.metrics import Metrics
from rulecap.service.problems import Refused
from rulecap.service.reading import Reader
from rulecap.service.recorder import Answering, LedgerHere, Recorder
from rulecap.service.resuming import resume
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import Source
from rulecap.service.venue import ExchangeSource, exchange_source
from rulecap.service.view import SharedView

log = logging.getLogger("rulecap.service")
DEFAULT_LOG = "sqlite:///rulecap.sqlite3"


class Service:
    """Everything that endpoints answer from.

    Attributes:
        in_force: the policy.
        keys: the API keys.
        recorder, reader: the log's two ends; none where there is no log, as without an account.
    """

    def __init__(self, settings: ServiceSettings, source: Source | None = None) -> None:
        """Load policy and keys; nothing is opened or read yet.

        Raises:
            PolicyError: the policy cannot be used.
            UnusableKeys: the keys cannot.
        """
        self.settings = settings
        self.in_force = PolicyInForce(settings.policy)
        self.keys = KeysInForce(settings.keys)
        self.metrics, self.events = Metrics(), Events()
        self.source = source or _source(settings)
        self.recorder: Recorder | None = None
        self.reader: Reader | None = Reader(settings.log) if settings.log else None
        self._desk: Desk | None = None
        self._follower: Follower | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self._log_failure: LogError | None = None
        self.metrics.in_force(self.in_force.policy)
        self.metrics.follow("rulecap_policy_edit_refused", lambda: float(self.in_force.failure is not None))
        self.metrics.follow("rulecap_policy_tests_failing", lambda: float(self.in_force.tests["failed"]))
        self.metrics.follow("rulecap_keys_edit_refused", lambda: float(self.keys.failure is not None))

    @property
    def desk(self) -> Desk:
        """What answers questions about the account.

        Raises:
            Refused: no account is configured.
        """
        if self._desk is None:
            raise Refused(503, "no-account", NO_ACCOUNT)
        return self._desk

    @property
    def has_account(self) -> bool:
        """Whether an account is served."""
        return self._desk is not None

    @property
    def log(self) -> Reader:
        """What reads the log.

        Raises:
            Refused: there is none.
        """
        if self.reader is None:
            raise Refused(503, "no-log", "nothing is recorded here: start the service with --log, or with an account")
        return self.reader

    @property
    def follower(self) -> Follower:
        """What tells listeners of the log.

        Raises:
            Refused: there is none.
        """
        if self._follower is None:
            self._follower = Follower(self.log, self.events, self._told_of)
        return self._follower

    def _told_of(self) -> Accounts:
        """Return whose decisions listeners are told: the account's; everybody's where none is served."""
        if self._desk is None:
            return ()
        if isinstance(self.source, ExchangeSource):
            return (self.source.account_name,)
        account = self._desk.view.account
        return None if account is None else (account.account.id,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the service running: the log open, the account read, files watched.

        Raises:
            LogError, UnusableKey: the log cannot be opened.
            BadSettings: an exchange cannot be served on this loop.
        """
        if isinstance(self.source, ExchangeSource):
            check(asyncio.get_running_loop())
        self.open()
        tasks = [asyncio.create_task(one) for one in self._beside()]
        try:
            yield
        finally:
            self.events.close()
            await self._stop(tasks)

    def open(self) -> None:
        """Open the log, where an account is served and it is not open yet.

        Raises:
            LogError, UnusableKey: it cannot be opened.
        """
        if self.source is not None and self._desk is None:
            self._open(self.source)

    def _open(self, source: Source) -> None:
        """Open the log, and set up what answers about the account; a demo's log is gone when it ends."""
        url = self.settings.log or DEFAULT_LOG
        if self.settings.demo and self.settings.log is None:
            self._folder = TemporaryDirectory(prefix="rulecap-demo-")
            url = f"sqlite:///{Path(self._folder.name) / 'demo.sqlite3'}"
        apart = self.settings.apart and os.name == "posix"  # elsewhere no socket is handed to another process
        ledger: Answering = LedgerApart(url, self.in_force.policy) if apart else LedgerHere(open_ledger(url))
        self.recorder = Recorder(ledger, self._answered)
        if isinstance(source, ExchangeSource):
            resume(source, url, self.in_force.policy)
            name = self.in_force.policy.name
            ledger.recall(source.account_name, name, last_memory(url, source.account_name, name))
        self.reader = Reader(url)
        view = SharedView(source, self.settings)
        self._desk = Desk(self.in_force, view, self.recorder, self.reader, self.settings.oldest_seconds)
        recorder = self.recorder
        self.metrics.follow("rulecap_snapshot_age_seconds", view.age)
        self.metrics.follow("rulecap_source_failing", lambda: float(view.failure is not None))
        self.metrics.follow("rulecap_audit_waiting", lambda: float(recorder.waiting))
        self.metrics.follow("rulecap_audit_failing", lambda: float(recorder.ledger.failure is not None))

    def _beside(self) -> list[Any]:
        """Return what runs beside the requests."""
        seconds = self.settings.reload_seconds
        beside: list[Any] = [self.in_force.watch(seconds, self._reloaded)]
        if self.reader is not None:
            beside.append(steadily(self.follower.look, seconds))
        if self.settings.keys is not None:
            beside.append(self.keys.watch(seconds, self.events.ask_who_may))
        if self.recorder is not None:
            beside.append(steadily(self._probe_log, seconds))
        if self._desk is not None:
            beside += [self._desk.view.run(), self._record_watched(self._desk)]
        return beside

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self.recorder is not None:
            await self.recorder.close()
        if self.source is not None:
            await self.source.close()
        if self._folder is not None:
            self._folder.cleanup()

    async def _probe_log(self) -> None:
        """Have /ready and the metrics tell of a log that is gone before somebody asks."""
        if self.recorder is not None:
            await self.recorder.probe(self.in_force.policy)
            self._tell_log()

    async def _record_watched(self, desk: Desk) -> None:
        await desk.view.read_once.wait()
        await steadily(desk.record_watched, self.settings.record_seconds)

    def _reloaded(self, fine: bool) -> None:
        self.metrics.reloaded(fine, self.in_force.policy)

    def reload(self) -> bool:
        """Read the policy's files now; return whether they are in force."""
        fine = self.in_force.reload()
        self._reloaded(fine)
        return fine

    def _tell_log(self) -> None:
        """Say once why the log cannot be written, and that it is again: by then nothing else tells why it was not."""
        failure = self.recorder.ledger.failure if self.recorder is not None else None
        before, self._log_failure = self._log_failure, failure
        if failure is not None and (before is None or before.code != failure.code):
            log.error("nothing can be recorded: %s", failure.reason, extra={"code": failure.code})
        elif failure is None and before is not None:
            log.info("decisions are recorded again")

    def _answered(self, asked: Asked, decision: Decision, seconds: float) -> None:
        """Count and tell what was decided."""
        self._tell_log()
        if decision.record_id is None:
            self.metrics.unlogged(asked.decision)
            if decision.ok:
                self.metrics.told(asked.decision, asked.policy.verdict_of(decision))  # a zone that alarms look at
                _tell_unrecorded(asked, decision)
            return
        if decision.snapshot is not asked.snapshot:  # the answer to an earlier request, told again
            return
        verdict = asked.policy.verdict_of(decision)
        self.metrics.decided(asked.decision, verdict, seconds)
        if self.events.listened_to and self._follower is not None:
            self._follower.own(decided(asked.policy, decision, verdict))


def _tell_unrecorded(asked: Asked, decision: Decision) -> None:
    """Say in the log what was answered and is on no record: nothing else tells of it afterwards."""
    code = next((one.code for one in decision.problems if one.code in OURS), "unlogged")
    snapshot = decision.snapshot
    about = {"account": snapshot.account.id, "as_of": iso(snapshot.as_of)} if snapshot is not None else {}
    verdict = asked.policy.verdict_of(decision)
    said = {"decision": asked.decision, "verdict": verdict, "asked_by": asked.asked_by, **about}
    log.warning("answered without a record", extra={"code": code, **said})


def _source(settings: ServiceSettings) -> Source | None:
    """Return where account and markets come from, none where the settings name nothing.

    Raises:
        BadSettings: the exchange cannot be used as it is set.
    """
    if settings.exchange is not None:
        return exchange_source(settings.exchange)
    return DemoSource() if settings.demo else None
