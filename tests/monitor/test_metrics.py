"""What Prometheus reads: passes, orders and problems, and no balance."""

import asyncio
import urllib.request
from dataclasses import replace

from rulecap.monitor.running import opened
from tests.monitor.conftest import ORANGE


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
