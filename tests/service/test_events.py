"""Server-sent events: every decision of the log about the account, whoever recorded it, once and in order."""

import asyncio
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.ledger import Asked
from rulecap.service.events import RETRY
from rulecap.service.follower import MOST_AT_ONCE
from rulecap.service.problems import Refused
from rulecap.service.service import Service
from rulecap.service.settings import read_settings
from tests.service.conftest import snapshot_of
from tests.service.told import demo_told

POLICY = load_policy("default")
LONGEST = 20.0


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'log.sqlite3'}"


@asynccontextmanager
async def serving(url, **given):
    """Give a service that records only what a test has it record."""
    settings = {"apart": False, "refresh_seconds": 3600.0, "record_seconds": 3600.0, "reload_seconds": 0.02, **given}
    service = Service(read_settings(log=url, **settings), demo_told())
    async with service.running():
        await service.desk.view.read_once.wait()
        await service.desk.record_watched()
        yield service


class Listener:
    """One who listens, and what was told so far."""

    def __init__(self, service, last=None):
        self.told, self.stream = [], service.follower.listen(last)

    async def begin(self):
        assert await anext(self.stream) == RETRY
        return self

    async def until(self, count, seconds=0.0):
        """Listen until so many events were told, and take some seconds for each."""
        async with asyncio.timeout(LONGEST):
            while len(self.told) < count:
                self.told.append(number_of(await anext(self.stream)))
                await asyncio.sleep(seconds)
        return self.told


def number_of(text):
    return int(text.split(b"\nid: ")[1].split(b"\n")[0].rpartition(b"-")[2])


def of(account, minute=0):
    """Return a snapshot of an account, as another process would record it."""
    found = snapshot_of("btc_500")
    return {**found, "as_of": f"2026-01-01T00:{minute:02}:00Z", "account": {**found["account"], "id": account}}


def write(url, *accounts, decision="margin"):
    """Record decisions as another process does."""
    with open_ledger(url) as ledger:
        ledger.evaluate_all([Asked(POLICY, of(one), decision) for one in accounts])


def ours(url, since=0):
    """Return the numbers of the demo account's records."""
    with open_log(url) as log:
        kinds = log.kinds()
        return [one.record.seq for one in log.stored(since + 1) if kinds[one.kind].account == "demo"]


async def size_of(service):
    return await service.reader.head()


def test_what_other_processes_record_about_the_account_is_told_in_the_logs_order(url):
    async def listen():
        async with serving(url) as service:
            before = await size_of(service)
            listener = await Listener(service).begin()
            await service.desk.about_account("scaling")
            await asyncio.to_thread(write, url, "demo", "another", "demo")
            await service.desk.about_account("multi_tier")
            await asyncio.to_thread(write, url, "another")
            await service.desk.about_account("risk_parity")
            return before, await listener.until(5)

    before, told = asyncio.run(listen())
    assert told == ours(url, before)
    assert len(told) == 5


def test_the_listeners_of_two_services_over_one_log_are_told_the_same(url):
    async def listen():
        async with AsyncExitStack() as stack:
            services = [await stack.enter_async_context(serving(url)) for _ in range(2)]
            before = await size_of(services[0])
            listeners = [await Listener(one).begin() for one in services]
            for _ in range(10):
                for service in services:
                    service.desk._kept.clear()
                    await service.desk.about_account("margin")
            return before, [await one.until(20) for one in listeners]

    before, told = asyncio.run(listen())
    assert told[0] == told[1] == ours(url, before)


def test_one_who_comes_back_is_told_what_was_missed_by_whomever_it_was_recorded_and_nothing_twice(url):
    async def listen():
        async with serving(url) as service:
            first = await size_of(service)
            await asyncio.to_thread(write, url, "demo", "another", "demo")
            missed = service.reader.missed

            async def meanwhile(*asked):
                await service.desk.about_account("scaling")  # is told, and is in the log that is read next
                await asyncio.to_thread(write, url, "demo")
                await service.follower.look()
                return await missed(*asked)

            service.reader.missed = meanwhile
            listener = await Listener(service, str(first)).begin()
            await service.desk.about_account("multi_tier")
            await asyncio.to_thread(write, url, "demo")
            return first, await listener.until(6)

    first, told = asyncio.run(listen())
    assert told == ours(url, first)


def test_what_is_recorded_here_while_the_log_is_read_is_told_once(url):
    async def listen():
        async with serving(url, reload_seconds=3600.0) as service:
            before = await size_of(service)
            listener = await Listener(service).begin()
            after = service.reader.after

            async def meanwhile(*asked):
                await service.desk.about_account("scaling")
                return await after(*asked)

            service.reader.after = meanwhile
            await service.follower.look()
            service.reader.after = after
            await service.desk.about_account("multi_tier")
            return before, await listener.until(2)

    before, told = asyncio.run(listen())
    assert told == ours(url, before)


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_many_at_once_are_told_in_parts_and_in_order(url, seconds):
    count = 2 * MOST_AT_ONCE + 50

    async def listen():
        async with serving(url) as service:
            before = await size_of(service)
            listener = await Listener(service).begin()
            listening = asyncio.create_task(listener.until(count, seconds))
            await asyncio.to_thread(write, url, *["demo"] * count)
            return before, await listening

    before, told = asyncio.run(listen())
    assert told == ours(url, before)


def test_nothing_is_read_while_nobody_listens_and_a_listener_begins_now(url):
    async def listen():
        async with serving(url) as service:
            reads, after = [], service.reader.after

            async def counted(*asked):
                reads.append(asked)
                return await after(*asked)

            service.reader.after = counted
            await asyncio.sleep(0.1)
            idle = len(reads)
            async with aclosing((await Listener(service).begin()).stream):
                pass
            await asyncio.to_thread(write, url, "demo", "demo")
            await asyncio.sleep(0.1)
            late = await Listener(service).begin()
            await asyncio.to_thread(write, url, "demo")
            return idle, await late.until(1), await size_of(service)

    idle, told, size = asyncio.run(listen())
    assert idle == 0
    assert told == [size]


def test_a_log_that_cannot_be_read_for_a_while_loses_nothing(url):
    async def listen():
        async with serving(url) as service:
            before = await size_of(service)
            listener = await Listener(service).begin()
            after = service.reader.after

            async def fails(*asked):
                raise Refused(503, "log-gone", "it is gone")

            service.reader.after = fails
            await asyncio.to_thread(write, url, "demo", "demo")
            await asyncio.sleep(0.1)
            service.reader.after = after
            return before, await listener.until(2)

    before, told = asyncio.run(listen())
    assert told == ours(url, before)


@pytest.mark.parametrize("what", ["the log", "the account"])
def test_a_stream_that_cannot_begin_ends_and_has_the_listener_come_back(url, what):
    async def listen():
        async with serving(url) as service:

            async def fails():
                raise Refused(503, "log-gone", "it is gone")

            if what == "the log":
                service.reader.head = fails
            else:
                service.desk.view.account = None
            return [text async for text in service.follower.listen("1")], service.events.listened_to

    assert asyncio.run(listen()) == ([RETRY], False)


def test_a_service_without_an_account_tells_all_of_its_log(url):
    async def listen():
        service = Service(read_settings(log=url, reload_seconds=0.02))
        async with service.running():
            listener = await Listener(service).begin()
            await asyncio.to_thread(write, url, "demo", "another")
            return await listener.until(2)

    write(url, "demo")
    assert asyncio.run(listen()) == [2, 3]
