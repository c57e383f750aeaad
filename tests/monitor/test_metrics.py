"""What Prometheus reads: passes, orders and problems, and no balance."""

import asyncio
import re
import urllib.request
from dataclasses import replace

from prometheus_client import generate_latest

from rulecap.exchange.errors import CALLERS
from rulecap.monitor.metrics import CODES, Metrics
from rulecap.monitor.report import NO_TROUBLE
from rulecap.monitor.running import opened
from tests.docs.document import ROOT, Document
from tests.monitor.conftest import ORANGE

PAGE = Document(ROOT / "docs" / "on-call.md")
# Lines of the log, and answers of the service.
OF_NO_PASS = {
    *(
        "deposits-unkept",
        "heartbeat",
        "lines-lost",
        "markets-unread",
        "mode-unread",
        "notices-given-up",
        "options-untold",
    ),
    *("no-snapshot", "other-collateral", "output", "policy-slow", "snapshot-stale", "snapshot-too-old", "undelivered"),
}


def test_passes_and_orders_are_counted_and_no_balance_is_told(at_binance, binance):
    async def look():
        wanted = replace(at_binance.wanted(), metrics_port=0)
        async with opened(wanted, at_binance.clock) as running:
            await running.one_pass()
            binance.set_wallet(ORANGE)
            await running.one_pass()
            binance.fault("positionRisk", "drop", 1000)
            await running.one_pass()
            return await asyncio.to_thread(read, running.address)

    def read(address):
        with urllib.request.urlopen(f"{address}/metrics", timeout=20) as answer:
            return answer.read().decode()

    text = asyncio.run(look())
    for line in (
        'rulecap_monitor_passes_total{outcome="good"} 2.0',
        'rulecap_monitor_passes_total{outcome="bad"} 1.0',
        'rulecap_monitor_orders_total{state="FILLED"} 4.0',
        'rulecap_monitor_actions_total{did="sent"} 4.0',
        'rulecap_monitor_problems_total{code="venue-down"} 1.0',
    ):
        assert line in text
    told = [line for line in text.splitlines() if "seconds" not in line and "_created" not in line]  # any digits
    assert not [line for line in told if "12000" in line or "1000.0" in line]


def test_what_is_known_beforehand_begins_at_zero():
    """Else an alarm that asks for an increase takes no notice of the first one: a series that begins has none."""
    text = generate_latest(Metrics().registry).decode()
    begun = {series: value for series, _, value in (line.rpartition(" ") for line in text.splitlines())}
    for series in (
        *(f'rulecap_monitor_actions_total{{did="{did}"}}' for did in ("sent", "over-the-cap", "no-order")),
        *(f'rulecap_monitor_orders_total{{state="{state}"}}' for state in ("REFUSED", "UNCERTAIN", "FILLED")),
        *(f'rulecap_monitor_problems_total{{code="{code}"}}' for code in CODES),
    ):
        assert begun[series] == "0.0"


def test_every_code_that_a_pass_may_have_begins_at_zero():
    """As whoever is on call is told of them; a policy's own findings are not known beforehand."""
    tables = [table for table in PAGE.tables() if table.head[0] == "Code"][:2]  # the monitor; venue and account
    told = {code for table in tables for row in table.rows for code in re.findall(r"`([^`]+)`", row[0])}
    assert told - CODES == OF_NO_PASS | NO_TROUBLE - {""} | CALLERS
