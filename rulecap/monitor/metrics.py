"""What Prometheus reads of the monitor: when it last passed, what failed, what was sent. No balance is among it."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector

from rulecap.exchange.errors import CALLERS, RETRIABLE
from rulecap.monitor.execution import DONE, NO_ORDER, SENT
from rulecap.monitor.orders import AFTER_SENDING
from rulecap.monitor.report import NO_TROUBLE, OWN_WORDS, Report
from rulecap.service.sources import BARS, DEPOSITS, UNSURE, UNTOLD
from rulecap.version import __version__

# What may go wrong with a pass, but for what a policy finds wrong with an account.
CODES = (OWN_WORDS | RETRIABLE.keys() | UNSURE | {NO_ORDER, UNTOLD, DEPOSITS, BARS}) - NO_TROUBLE - CALLERS


class Metrics:
    """The series of one monitor, in a registry of its own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("rulecap_build", "The program that tells this.", registry=registry).info({"version": __version__})
        self._passes = Counter("rulecap_monitor_passes", "Passes.", ["outcome"], registry=registry)
        self._last = Gauge(
            "rulecap_monitor_last_good_pass_timestamp_seconds",
            "When the last good pass ended, since 1970; 0 before there is one.",
            registry=registry,
        )
        self._seconds = Gauge("rulecap_monitor_pass_seconds", "How long the last pass took.", registry=registry)
        self._actions = Counter(
            "rulecap_monitor_actions", "Actions by what was done about them.", ["did"], registry=registry
        )
        self._orders = Counter("rulecap_monitor_orders", "Orders by their first state.", ["state"], registry=registry)
        self._changes = Counter("rulecap_monitor_changes", "Changes that were told.", registry=registry)
        self._failures = Counter(
            "rulecap_monitor_webhook_failures", "Attempts to deliver a notice that failed.", registry=registry
        )
        self._failures_counted = 0
        self._troubles = Counter("rulecap_monitor_problems", "What went wrong, by code.", ["code"], registry=registry)
        # An alarm looks for a first increase too, which a series that begins with it does not have.
        _begin(self._passes, ("good", "bad"))
        _begin(self._actions, DONE)
        _begin(self._orders, AFTER_SENDING)
        _begin(self._troubles, CODES)

    def passed(self, report: Report, seconds: float, now: float, failures: int) -> None:
        """Count a pass; `failures` is how many attempts to deliver have failed since the start."""
        self._passes.labels("good" if report.ok else "bad").inc()
        self._seconds.set(seconds)
        self._changes.inc(len(report.changes))
        self._failures.inc(failures - self._failures_counted)
        self._failures_counted = failures
        if report.ok:
            self._last.set(now)
        for outcome in report.outcomes:
            self._actions.labels(outcome.did).inc()
            if outcome.did == SENT and outcome.order is not None:
                self._orders.labels(outcome.order.state).inc()
        for trouble in report.troubles:
            self._troubles.labels(trouble.code).inc()


def _begin(series: Counter, values: Iterable[str]) -> None:
    """Have a series tell 0 for each value of its label that is known beforehand."""
    for value in sorted(values):
        series.labels(value)
