"""What Prometheus reads: decisions by verdict, times, ages, and what goes wrong. No balance, no account's name."""

from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from rulecap.engine.policy import Policy
from rulecap.version import __version__

Series = TypeVar("Series", Counter, Histogram)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
NAN = float("nan")


class Metrics:
    """The series of one service, in a registry of its own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("rulecap_build", "The program that tells this.", registry=registry).info({"version": __version__})
        self._children: dict[tuple[Any, tuple[object, ...]], Any] = {}
        self._decisions = Counter(
            "rulecap_decisions", "Decisions on record.", ["decision", "verdict"], registry=registry
        )
        self._unlogged = Counter(
            "rulecap_unlogged", "Decisions that could not be recorded.", ["decision"], registry=registry
        )
        self._verdict = Gauge(
            "rulecap_verdict",
            "1 for the latest verdict of a decision: the margin zone, the drawdown state.",
            ["decision", "verdict"],
            registry=registry,
        )
        self._lag = Histogram(
            "rulecap_audit_lag_seconds",
            "From a question to its durable record.",
            ["decision"],
            registry=registry,
            buckets=QUICK,
        )
        self._requests = Histogram(
            "rulecap_request_seconds",
            "From a request to its answer.",
            ["method", "route", "status"],
            registry=registry,
            buckets=QUICK,
        )
        self._reloads = Counter("rulecap_policy_reloads", "Edits of the policy.", ["outcome"], registry=registry)
        for outcome in ("taken", "refused", "unchanged"):
            self._reloads.labels(outcome)
        self._policy = Info("rulecap_policy", "The policy in force.", registry=registry)
        self._gauges = {
            name: Gauge(name, text, registry=registry)
            for name, text in (
                ("rulecap_snapshot_age_seconds", "How old the account's view is; NaN before there is one."),
                ("rulecap_audit_waiting", "Questions that are not on record yet."),
                ("rulecap_audit_failing", "1 while the audit log cannot be written."),
                ("rulecap_source_failing", "1 while the account cannot be read."),
                ("rulecap_policy_edit_refused", "1 while the policy's files are not the policy in force."),
                ("rulecap_policy_tests_failing", "How many of the tests beside the policy in force fail."),
                ("rulecap_keys_edit_refused", "1 while the file of keys is not what counts."),
            )
        }
        self._gauges["rulecap_snapshot_age_seconds"].set(NAN)
        self._latest: dict[str, str] = {}
        self._digest = ""

    def follow(self, name: str, value: Callable[[], float | None]) -> None:
        """Have a gauge ask for its value whenever it is read."""

        def read() -> float:
            found = value()
            return NAN if found is None else found

        self._gauges[name].set_function(read)

    def decided(self, decision: str, verdict: str | None, seconds: float) -> None:
        """Count a decision that is on record."""
        self._child(self._decisions, decision, verdict or "").inc()
        self._child(self._lag, decision).observe(seconds)
        self.told(decision, verdict)

    def told(self, decision: str, verdict: str | None) -> None:
        """Take a verdict for the latest, whether or not it is on record."""
        named = verdict or ""
        before = self._latest.get(decision)
        if before != named:
            if before is not None:
                self._verdict.labels(decision, before).set(0)
            self._verdict.labels(decision, named).set(1)
            self._latest[decision] = named

    def unlogged(self, decision: str) -> None:
        """Count a decision that is not."""
        self._unlogged.labels(decision).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._child(self._requests, method, route, status).observe(seconds)

    def _child(self, series: Series, *labels: object) -> Series:
        """Return a series of some labels; looked up here, which is quicker than there and done for each request."""
        child = self._children.get((series, labels))
        if child is None:
            child = self._children[series, labels] = series.labels(*labels)
        return child

    def reloaded(self, fine: bool, policy: Policy) -> None:
        """Count an edit of the policy, and tell which is in force."""
        outcome = "refused" if not fine else "unchanged" if policy.digest == self._digest else "taken"
        self._reloads.labels(outcome).inc()
        self.in_force(policy)

    def in_force(self, policy: Policy) -> None:
        """Tell which policy is in force, and begin at 0 what an alarm looks for a first increase of."""
        for decision in policy.decisions:
            self._unlogged.labels(decision)
        self._digest = policy.digest
        self._policy.info({"name": policy.name, "version": policy.version, "digest": policy.digest})

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)
