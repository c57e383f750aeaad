"""Accounts of one venue in two currencies, over one log: nothing of one is taken for the other's."""

import asyncio
from dataclasses import replace

import pytest

from rulecap.exchange import ExchangeSettings
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.running import opened
from rulecap.monitor.settings import journal_beside
from tests.exchange.conftest import settings_of
from tests.monitor.conftest import Desk
from tests.venue.binance import hold_usdc


def dollars_and_coins(venue):
    """Give an account 12,000 USDT and 900 USDC, and no position."""
    venue.set_wallet("12000")
    hold_usdc(venue, "900")


def watched(desk: Desk, quote: str, **given):
    """Return what a pass over the account in a currency came to, with a journal by its name beside the log."""
    exchange = settings_of(desk.venue, timeout_seconds=0.5, quote=quote, **given)
    journal = journal_beside(desk.log, exchange.account_name)

    async def look():
        wanted = replace(desk.wanted(), exchange=exchange, journal=journal)
        async with opened(wanted, desk.clock) as running:
            return await running.one_pass()

    return asyncio.run(look()), journal


def test_the_drawdown_of_one_currency_is_not_the_others(at_binance):
    dollars_and_coins(at_binance.venue)
    first, in_usdt = watched(at_binance, "USDT")
    at_binance.clock.pass_time(1)
    second, in_usdc = watched(at_binance, "USDC")
    assert (first.account, second.account) == ("binanceusdm", "binanceusdm-USDC")
    assert [one.snapshot.account.total_wallet_balance for one in (first, second)] == [12_000, 900]
    assert [one.verdicts()["drawdown"] for one in (first, second)] == ["NORMAL", "NORMAL"]
    names = [one.name for one in (in_usdt, in_usdc)]
    assert names == ["log.sqlite3.monitor-binanceusdm", "log.sqlite3.monitor-binanceusdm-USDC"]


def test_a_monitor_in_another_currency_does_not_touch_the_journal(at_binance):
    dollars_and_coins(at_binance.venue)
    _, journal = watched(at_binance, "USDT")
    wanted = replace(at_binance.wanted(), journal=journal, exchange=settings_of(at_binance.venue, quote="USDC"))

    async def set_up():
        async with opened(wanted, at_binance.clock):
            pass

    with pytest.raises(JournalError, match="is of the account binanceusdm: each account has its own"):
        asyncio.run(set_up())


def test_what_was_begun_under_the_venues_name_goes_on_under_it(at_binance):
    journal = Journal(at_binance.journal)
    journal.claim("binanceusdm", "binanceusdm")
    before = ExchangeSettings(venue="binanceusdm", quote="USDC", account="binanceusdm")
    journal.claim(before.account_name, before.place)
    journal.close()
