"""An account as the monitor reads it: how old it is, what of its deposits is known, and what may be kept of them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from rulecap.exchange import Deposits, VenueError
from rulecap.exchange.views import AccountView
from rulecap.monitor.account import ExchangeAccount
from rulecap.monitor.clock import Clock
from rulecap.snapshot import Account

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIGURES = {"total_wallet_balance": 10.0, "available_balance": 10.0, "margin_used": 0.0, "unrealized_pnl": 0.0}
MOVING, UNREAD = VenueError("account-moving", "money moved"), VenueError("venue-down", "no answer")


class Exchange:
    """Tells a balance and, of the ledger, one answer after the other; the last one for ever."""

    settings = SimpleNamespace(account_name="desk")

    def __init__(self, *ledger, unsure=()):
        self.ledger, self.unsure, self.read = list(ledger), unsure, 0

    async def account_view(self, *, partial):
        assert partial
        self.read += 1
        return AccountView(Account(id="desk", net_deposits=0.0, **FIGURES), (), None, AT, (), self.unsure)

    async def deposits(self, before, until):
        told = self.ledger.pop(0) if len(self.ledger) > 1 else self.ledger[0]
        if isinstance(told, Exception):
            raise told
        return replace(before, net=told) if isinstance(told, float) else told

    async def close(self):
        self.closed = True


def account(exchange, ahead=0.0):
    clock = Clock()
    clock.now = lambda: AT + timedelta(seconds=ahead)
    return ExchangeAccount(exchange, clock, 60.0)


def readings(one, count=1):
    async def read():
        return [await one.read() for _ in range(count)]

    return asyncio.run(read())


@pytest.mark.parametrize(("ahead", "age"), [(7.5, 7.5), (0.0, 0.0), (-3.0, 0.0)])
def test_it_is_as_old_as_its_reading_and_never_of_a_time_to_come(ahead, age):
    """A policy that minds the age of figures would have none to mind."""
    (reading,) = readings(account(Exchange(5.0), ahead))
    assert (reading.snapshot.age_seconds, reading.snapshot.as_of) == (age, AT)
    assert reading.snapshot.account.net_deposits == 5.0


@pytest.mark.parametrize(
    ("ledger", "times", "doubt"),
    [([MOVING, 5.0], 2, None), ([MOVING, MOVING], 2, "account-moving"), ([UNREAD, 5.0], 1, "venue-down")],
)
def test_an_account_is_read_once_more_where_money_moved_and_for_no_other_reason(ledger, times, doubt):
    exchange = Exchange(*ledger)
    (reading,) = readings(account(exchange))
    assert (exchange.read, reading.doubt and reading.doubt.code) == (times, doubt)
    assert reading.snapshot.account.net_deposits == (5.0 if doubt is None else 0.0)


def test_where_the_venues_time_is_not_told_no_money_is_counted():
    """By another clock, what moved just before the reading would be taken for later, or the other way round."""
    untimed = VenueError("time-unknown", "no answer")
    one = account(Exchange(5.0, unsure=(untimed,)))
    (reading,) = readings(one)
    assert (reading.doubt, reading.snapshot.account.net_deposits, one.counted) == (untimed, 0.0, [])
    assert reading.unsure == (untimed,)


def test_what_is_counted_is_kept_with_the_sums_before_it():
    one = account(Exchange(5.0, 7.0, UNREAD))
    readings(one, 3)
    assert [told["net"] for told in one.counted] == [5.0, 7.0]
    after = account(Exchange(None))
    after.recall(one.counted)
    assert after.counted == one.counted


def test_a_sum_that_an_older_version_kept_alone_is_taken_up():
    one = account(Exchange(None))
    known = Deposits(5.0, AT, frozenset({"a"}))
    one.recall(known.to_dict())
    one.resume(5.0, AT)
    assert one._counting.known.seen == {"a"}
    one.resume(6.0, AT)
    assert (one._counting.known.net, one._counting.known.seen) == (6.0, None)


@pytest.mark.parametrize(
    "told", [{}, [{}], [5], [{"net": 5.0, "through": 5, "seen": []}], [{"net": 5.0, "through": "x", "seen": []}]]
)
def test_what_is_kept_and_cannot_be_used_counts_for_nothing_and_is_said(told, caplog):
    one = account(Exchange(None))
    one.recall(told)
    assert one.counted == []
    assert [record.code for record in caplog.records] == ["deposits-unkept"]


def test_that_money_came_late_is_said_of_a_reading_that_counted_it_alone():
    late = Deposits(5.0, AT, frozenset(), late=True)
    first, second, third = readings(account(Exchange(late, UNREAD, 5.0)), 3)
    assert (first.late, second.late, third.doubt) == (True, False, None)


def test_closing_gives_up_what_is_read_and_closes_the_exchange():
    async def close():
        one._ledger_seconds = 0.0
        reading = await one.read()
        task = one._counting._reading.task
        await one.close()
        await asyncio.wait({task}, timeout=5)
        return reading.doubt.code, task.cancelled(), exchange.closed

    async def never(before, until):
        await asyncio.Event().wait()

    exchange = Exchange(None)
    exchange.deposits = never
    one = account(exchange)
    assert asyncio.run(close()) == ("venue-timeout", True, True)
