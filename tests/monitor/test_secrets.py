"""No key, secret or balance is in any log, at any level, whatever fails."""

import asyncio
import io
import logging
from pathlib import Path

import pytest

from rulecap.exchange import ExchangeSettings
from rulecap.monitor.running import Wanted
from rulecap.monitor.settings import MonitorSettings
from rulecap.monitor.webhook import Webhook
from rulecap.service.logs import set_up
from tests.monitor.conftest import order_path
from tests.venue.venue import KEY, SECRET, put

WALLET = "1017.4309"
FAULTS = {
    "none": None,
    "drop": {"kind": "drop"},
    "cut": {"kind": "cut"},
    "500": {"kind": "status", "status": 500, "body": f"wallet {WALLET} of {KEY}"},
    "400": {"kind": "status", "status": 400, "body": f'{{"code":-1,"msg":"{WALLET}"}}'},
    "text": {"kind": "then", "change": put(positionAmt=f"{WALLET}x", size=f"{WALLET}x")},
}


@pytest.fixture
def logged():
    """Return what the command's own logging writes at its loudest, as text and as JSON."""
    kept = [(logging.getLogger(name), logging.getLogger(name).level) for name in ("", "rulecap")]
    root = kept[0][0]
    handlers = root.handlers[:]
    text, as_json = io.StringIO(), io.StringIO()
    set_up("debug", True, as_json)
    one = root.handlers[:]
    set_up("debug", False, text)
    root.handlers += one
    yield lambda: as_json.getvalue() + text.getvalue()
    root.handlers[:] = handlers
    for logger, level in kept:
        logger.setLevel(level)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_of_it_is_seen_however_loud(desk, venue, fault, logged, capsys):
    venue.set_wallet(WALLET)

    async def look():
        async with desk.running(url="http://127.0.0.1:1/token-of-the-hook", secret=b"webhook-secret") as running:
            for path in (venue.positions_path, order_path(venue), "account", "wallet-balance"):
                if FAULTS[fault]:
                    options = dict(FAULTS[fault])
                    venue.fault(path, options.pop("kind"), 1000, **options)
                await running.one_pass()
                await running.delivery.flush()
                venue._faults.clear()

    asyncio.run(look())
    shown = capsys.readouterr()
    text = "\n".join([logged(), shown.out, shown.err])
    assert text.count('"message":"pass"') == 4
    for hidden in (KEY, SECRET, "webhook-secret", "token-of-the-hook", WALLET, "770.75"):
        assert hidden not in text, hidden


def test_what_is_to_be_run_shows_no_secret():
    settings = MonitorSettings("postgresql://me:of-the-log@here/x")
    hook = Webhook("https://me:of-the-hook@here/token-of-the-hook", b"webhook-secret")
    shown = repr(
        Wanted(settings, Path("journal"), ExchangeSettings(venue="bybit"), hook, ("https://here/of-the-beat",))
    )
    for hidden in ("of-the-log", "of-the-hook", "webhook-secret", "of-the-beat"):
        assert hidden not in shown
