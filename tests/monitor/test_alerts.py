"""The example of alerts reads series that are there, by labels that they have and names that the policy knows."""

import re
from pathlib import Path

import yaml
from prometheus_client import generate_latest

from rulecap.monitor.metrics import Metrics as MonitorMetrics
from rulecap.service.metrics import Metrics as ServiceMetrics

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SERIES = re.compile(r"(rulecap_\w+)(?:\{([^}]*)\})?")


def alerts():
    groups = yaml.safe_load((EXAMPLES / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def known():
    text = ServiceMetrics().text() + generate_latest(MonitorMetrics().registry)
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text.decode(), re.MULTILINE))
    return {f"{name}_bucket" if kind == "histogram" else name for name, kind in kinds.items()}


def test_every_series_is_one_that_service_or_monitor_tells():
    named = {name for rule in alerts() for name, _ in SERIES.findall(rule["expr"])}
    assert len(named) > 8
    assert named <= known()


def test_every_gauge_that_operations_says_to_look_at_has_an_alert():
    told = " ".join(rule["expr"] for rule in alerts())
    table = (EXAMPLES.parent / "operations.md").read_text().partition("| look at | when |")[2].partition("\n\n")[0]
    looked_at = set(re.findall(r"`(rulecap_\w+)", table)) - {"rulecap_audit_waiting"}  # whether it grows is for the eye
    assert len(looked_at) > 8
    assert {one for one in looked_at if one not in told} == set()


def test_verdicts_are_the_default_policy_s():
    matched = [
        labels for rule in alerts() for name, labels in SERIES.findall(rule["expr"]) if name == "rulecap_verdict"
    ]
    assert len(matched) == 2
    for labels in matched:
        decision, verdicts = re.findall(r'=~?"([^"]*)"', labels)
        source = (EXAMPLES.parents[1] / "policies" / "default" / f"{decision}.yaml").read_text()
        for verdict in verdicts.split("|"):
            assert f"name: {verdict}" in source


def test_prometheus_asks_where_the_units_answer():
    """Else the alarm that a process is down never ends, and no other one of the monitor ever comes."""
    jobs = yaml.safe_load((EXAMPLES / "prometheus.yaml").read_text())["scrape_configs"]
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    (monitor,) = re.findall(r"--metrics-port (\d+)", (EXAMPLES / "rulecap-monitor.service").read_text())
    serve = (EXAMPLES / "rulecap-serve.service").read_text()
    assert "--port" not in serve
    assert asked == {"rulecap": ["127.0.0.1:8000"], "rulecap-monitor": [f"127.0.0.1:{monitor}"]}


def test_a_receiver_that_takes_no_notices_has_an_alert():
    """Else nobody is told that nobody is told."""
    assert any("rulecap_monitor_webhook_failures_total" in rule["expr"] for rule in alerts())
