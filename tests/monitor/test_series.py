"""The series of service and monitor are named as Prometheus' conventions have it, and say which program tells them."""

import re
import sys

import pytest
from prometheus_client import generate_latest

import rulecap
from rulecap.monitor.metrics import Metrics as MonitorMetrics
from rulecap.monitor.report import Report
from rulecap.service.metrics import Metrics as ServiceMetrics

KINDS = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)


def told(metrics):
    text = metrics.text() if isinstance(metrics, ServiceMetrics) else generate_latest(metrics.registry)
    return text.decode()


@pytest.mark.parametrize("made", [ServiceMetrics, MonitorMetrics])
def test_what_is_counted_ends_in_total_and_nothing_else_does(made):
    kinds = {name: kind for name, kind in KINDS.findall(told(made())) if not name.endswith("_created")}
    assert len(kinds) > 8
    assert {name for name, kind in kinds.items() if (kind == "counter") != name.endswith("_total")} == set()
    assert {name for name in kinds if name.endswith(("_count", "_sum", "_bucket"))} == set()


@pytest.mark.parametrize("made", [ServiceMetrics, MonitorMetrics])
def test_which_version_tells_and_what_its_process_takes_is_told(made):
    text = told(made())
    assert f'rulecap_build_info{{version="{rulecap.__version__}"}} 1.0\n' in text
    if sys.platform == "linux":
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"):
            assert f"\nprocess_{name} " in text


def test_only_the_policy_in_force_is_told():
    metrics, policy = ServiceMetrics(), rulecap.load_policy("default")
    for in_force in (policy, rulecap.load_policy("stop-risk"), policy):
        metrics.in_force(in_force)
    lines = [line for line in told(metrics).splitlines() if line.startswith("rulecap_policy_info")]
    assert lines == [f'rulecap_policy_info{{digest="{policy.digest}",name="default",version="{policy.version}"}} 1.0']


def test_attempts_that_failed_are_counted_once_and_never_less():
    metrics = MonitorMetrics()
    for failures, counted in ((2, "2.0"), (2, "2.0"), (5, "5.0")):
        metrics.passed(Report("demo", rulecap.load_policy("default")), 0.1, 0.0, failures)
        assert f"rulecap_monitor_webhook_failures_total {counted}\n" in told(metrics)
