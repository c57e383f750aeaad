"""Notices: what has changed is told once each, signed, until it is got, over restarts, and delays no pass."""

import asyncio
import hashlib
import hmac

import pytest

from rulecap.monitor import webhook
from rulecap.monitor.delivery import ONCE_SECONDS, Delivery
from rulecap.monitor.journal import Journal, JournalError
from rulecap.monitor.outbox import MOST_WAITING, Notice, Outbox
from rulecap.monitor.webhook import Undelivered, Webhook, is_address
from tests.monitor.conftest import ORANGE, Shifted, changes
from tests.monitor.receiver import Receiver


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


def looked(desk, receiver, **given):
    """Do a pass and try once to deliver, as `--once` does."""

    async def look():
        async with desk.running(url=receiver.url, secret=b"of the desk", **given) as running:
            report = await running.one_pass()
            await running.delivery.flush()
            return report

    return asyncio.run(look())


def kept(outbox, notice, found=None):
    """Have a notice tell of what is new; return whether it is durable."""
    values = found or {notice.id: "NEW"}
    changes, durable = outbox.tell({name: (value, None) for name, value in values.items()}, lambda _: notice, 0.0)
    assert changes
    return durable


def told(receiver):
    """Return what was got: each change as text."""
    return [
        f"{change['what']}: {change['from']} -> {change['to']}"
        for one in receiver.got
        if one["status"] == 204
        for change in one["changes"]
    ]


def test_what_changes_is_told_once(at_binance, binance, receiver):
    looked(at_binance, receiver, execute=False)
    assert told(receiver) == [
        "margin.zone: None -> GREEN_ZONE",
        "drawdown.state: None -> NORMAL",
        "drawdown.breaker_open: None -> False",
    ]
    receiver.got.clear()
    looked(at_binance, receiver, execute=False)
    assert receiver.got == []
    binance.set_wallet(ORANGE)
    looked(at_binance, receiver, execute=False)
    assert told(receiver) == [
        "margin.zone: GREEN_ZONE -> ORANGE_ZONE",
        "drawdown.state: NORMAL -> HEAVY",
        "drawdown.breaker_open: False -> True",
    ]
    (margin, *_) = receiver.got[0]["changes"]
    assert margin["decision_id"].endswith("-8")


@pytest.mark.parametrize("first", [True, False])
def test_a_look_that_posts_nothing_takes_no_change_from_one_that_does(at_binance, binance, receiver, first):
    """As somebody who looks by hand does, beside the monitor on the same journal, or before it is given a webhook."""
    if not first:
        looked(at_binance, receiver, execute=False)
        receiver.got.clear()
        binance.set_wallet(ORANGE)
    by_hand = [changes(at_binance.one(execute=False)) for _ in range(2)]
    assert [one.get("margin.zone") for one in by_hand] == [
        (None, "GREEN_ZONE") if first else ("GREEN_ZONE", "ORANGE_ZONE"),
        None,
    ]
    looked(at_binance, receiver, execute=False)
    zone = "None -> GREEN_ZONE" if first else "GREEN_ZONE -> ORANGE_ZONE"
    assert told(receiver)[0] == f"margin.zone: {zone}"


def test_orders_are_told_by_how_they_ended(at_binance, binance, receiver):
    binance.set_wallet(ORANGE)
    looked(at_binance, receiver)
    filled = [one for one in told(receiver) if one.startswith("orders.")]
    assert [one.rpartition(" rc")[0] for one in filled] == [
        f"orders.{one}: None -> FILLED" for one in ("BTCUSDT.LONG", "ETHUSDT.SHORT", "SOLUSDT.LONG", "SUSHIUSDT.LONG")
    ]


def test_a_notice_has_no_balance_and_no_size(at_binance, binance, receiver):
    binance.set_wallet("1003.25")
    looked(at_binance, receiver)
    text = b" ".join(receiver.bodies)
    for figure in (b"1003.25", b"0.05", b"0.015", b"770.75"):
        assert figure not in text


def test_a_notice_is_signed_over_its_time_and_body(at_binance, receiver):
    looked(at_binance, receiver)
    sent, body = receiver.headers[0], receiver.bodies[0]
    time, _, digest = sent["Rulecap-Signature"].removeprefix("t=").partition(",v1=")
    assert hmac.new(b"of the desk", f"{time}.".encode() + body, hashlib.sha256).hexdigest() == digest
    assert sent["Rulecap-Event"] == receiver.got[0]["id"]
    assert sent["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_was_not_got_is_told_again_by_the_next_run_under_the_same_id(at_binance, binance, receiver, status):
    receiver.answers = [status]
    looked(at_binance, receiver)
    binance.set_wallet(ORANGE)
    looked(at_binance, receiver, execute=False)
    ids = [one["id"] for one in receiver.got]
    assert ids[0] == ids[1] != ids[2]
    assert [one["status"] for one in receiver.got] == [status, 204, 204]
    assert "path" not in receiver.got[-1]


def test_a_receiver_that_is_not_there_fails_no_pass_and_its_address_is_in_no_log(at_binance, caplog):
    with Receiver() as gone:
        url = gone.url
    caplog.set_level("DEBUG")

    class Gone:
        pass

    Gone.url = url
    assert looked(at_binance, Gone).ok
    assert "was not delivered to 127.0.0.1" in caplog.text
    assert "hook-token" not in caplog.text and "of the desk" not in caplog.text
    assert "hook-token" not in repr(Webhook(url, b"of the desk"))


def test_a_failing_receiver_is_asked_ever_more_seldom(tmp_path):
    class Failing(Webhook):
        async def post(self, notice):
            raise Undelivered("no")

    async def attempts():
        journal = Journal(tmp_path / "journal")
        outbox = Outbox(journal)
        kept(outbox, Notice("a", "{}"))
        delivery = Delivery(outbox, Failing("http://x"), Shifted())
        pauses = [delivery.pause()]
        for _ in range(12):
            assert not await delivery.flush()
            pauses.append(delivery.pause())
        journal.close()
        return pauses, delivery.failures

    pauses, failures = asyncio.run(attempts())
    assert pauses == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert failures == 12


class Waited(Shifted):
    """A clock on which waiting takes no time; stopped after so many waits."""

    def __init__(self, waits):
        super().__init__()
        self.waits, self.waited = waits, []

    async def wait(self, seconds):
        self.waited.append(seconds)
        return len(self.waited) < self.waits


def test_what_nobody_foresaw_ends_no_delivery_and_is_tried_again_ever_more_seldom(tmp_path, caplog):
    posts = []

    class Broken(Webhook):
        async def post(self, notice):
            posts.append(notice.id)
            if len(posts) <= 3:
                raise RuntimeError("of a secret")

    journal, clock = Journal(tmp_path / "journal"), Waited(6)
    outbox = Outbox(journal)
    kept(outbox, Notice("a", "{}"))
    asyncio.run(Delivery(outbox, Broken("http://x"), clock).run())
    assert (posts, outbox.waiting()) == (["a"] * 4, 0)
    assert clock.waited == [1, 1, 2, 4, 1, 1]
    assert [one.code for one in caplog.records] == ["internal"] * 3
    assert "RuntimeError" in caplog.text and "of a secret" not in caplog.text
    journal.close()


def test_no_more_notices_wait_than_there_is_room_for_and_the_log_says_what_is_given_up(tmp_path, caplog):
    journal = Journal(tmp_path / "journal")
    outbox = Outbox(journal)
    for number in range(MOST_WAITING + 5):
        journal.run("INSERT INTO notices (id, written, body) VALUES (?, 0, '{}')", (f"old {number}",))
    kept(outbox, Notice("new", "{}"))
    assert outbox.waiting() == MOST_WAITING
    assert outbox.oldest().id == "old 6"
    assert caplog.messages == ["more than 1000 notices wait: the oldest 6 are given up, and nobody got them"]
    journal.close()


def test_what_is_given_up_while_the_journal_fails_is_said_too(tmp_path, caplog):
    path = tmp_path / "journal"
    journal = Journal(path)
    outbox = Outbox(journal)
    path.rename(tmp_path / "elsewhere")
    for number in range(MOST_WAITING + 1):
        kept(outbox, Notice(f"new {number}", "{}"))
    assert outbox.oldest().id == "new 1"
    assert caplog.messages == ["more than 1000 notices wait: the oldest 1 are given up, and nobody got them"]
    journal.close()


def test_a_notice_that_the_journal_cannot_take_is_told_from_memory(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path)
    outbox = Outbox(journal)
    path.rename(tmp_path / "elsewhere")
    assert not kept(outbox, Notice("a", "{}"), {"margin.zone": "GREEN_ZONE"})
    assert outbox.told["margin.zone"] == "GREEN_ZONE"
    assert outbox.oldest() == Notice("a", "{}")
    outbox.delivered(Notice("a", "{}"))
    with pytest.raises(JournalError, match="not at its place"):
        outbox.oldest()
    journal.close()


@pytest.mark.parametrize("text", ["ftp://x", "x", "http://", "http://[", "file:///etc/passwd"])
def test_what_is_no_address_is_none(text):
    assert not is_address(text)


def test_who_answers_byte_by_byte_is_not_waited_for(receiver, monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    receiver.trickles = True
    with pytest.raises(Undelivered, match="TimeoutError"):
        asyncio.run(webhook.fetch("GET", receiver.url))


def test_a_journal_that_forgets_nothing_has_notices_told_no_more_often_than_to_one_who_fails(tmp_path):
    posts = []

    class Got(Webhook):
        async def post(self, notice):
            posts.append(notice.id)

    async def attempts():
        journal = Journal(tmp_path / "journal")
        outbox = Outbox(journal)
        kept(outbox, Notice("a", "{}"))
        journal.run("CREATE TRIGGER keeps BEFORE DELETE ON notices BEGIN SELECT RAISE(ABORT, 'kept'); END")
        delivery = Delivery(outbox, Got("http://x"), Shifted())
        pauses = []
        for _ in range(4):
            assert not await delivery.flush()
            pauses.append(delivery.pause())
        journal.run("DROP TRIGGER keeps")
        assert await delivery.flush()
        journal.close()
        return [*pauses, delivery.pause()]

    assert asyncio.run(attempts()) == [1, 2, 4, 8, 1]
    assert posts == ["a"] * 5


def test_what_waits_in_memory_is_told_after_what_waits_in_the_journal_and_saved_when_it_can_be(tmp_path):
    journal = Journal(tmp_path / "journal")
    outbox = Outbox(journal)
    kept(outbox, Notice("a", "{}"))
    journal.run("CREATE TRIGGER full BEFORE INSERT ON notices BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert not kept(outbox, Notice("b", "{}"))
    assert outbox.oldest().id == "a"
    journal.run("DROP TRIGGER full")
    assert kept(outbox, Notice("c", "{}"))
    assert [one for (one,) in journal.run("SELECT id FROM notices ORDER BY number")] == ["a", "b", "c"]
    assert outbox.waiting() == 3
    journal.close()


class Slow:
    """A receiver that answers well, and never sooner than it must; it may be the last that the monitor does."""

    host = "slow"

    def __init__(self, clock, stops_after=None):
        self.clock, self.got, self.stops_after = clock, [], stops_after

    async def post(self, notice):
        self.clock.pass_time(webhook.TIMEOUT_SECONDS - 1.0)
        self.got.append(notice.id)
        if len(self.got) == self.stops_after:
            self.clock.stop.set()


@pytest.fixture
def full(tmp_path):
    journal = Journal(tmp_path / "journal")
    outbox = Outbox(journal)
    for number in range(100):
        kept(outbox, Notice(f"evt_{number}", "{}"))
    yield outbox
    journal.close()


def shifted():
    clock = Shifted()
    clock.moment = lambda: clock.ahead
    return clock


def test_a_slow_receiver_keeps_the_next_single_pass_waiting_for_two_requests_at_the_most(full):
    clock = shifted()
    slow = Slow(clock)
    assert not asyncio.run(Delivery(full, slow, clock).flush(ONCE_SECONDS))
    assert slow.got == ["evt_0", "evt_1"]
    assert full.waiting() == 98


def test_a_stop_does_not_wait_for_all_that_a_slow_receiver_was_not_told_yet(full):
    clock = shifted()
    slow = Slow(clock, stops_after=3)
    assert not asyncio.run(Delivery(full, slow, clock).flush())
    assert len(slow.got) == 3


def test_two_monitors_on_one_journal_tell_a_change_once(tmp_path):
    """As where cron starts the second one before the first has come to its end: both know what was told before."""
    here, there = Outbox(Journal(tmp_path / "j.sqlite3")), Outbox(Journal(tmp_path / "j.sqlite3"))
    orange, green = ({"margin.zone": (zone, None)} for zone in ("ORANGE_ZONE", "GREEN_ZONE"))

    def composed(changes):
        return Notice(f"evt {changes[0].before} {changes[0].after}", "{}")

    assert [len(one.tell(orange, composed, 0.0)[0]) for one in (here, there, here)] == [1, 0, 0]
    assert there.waiting() == 1
    # What the other one told since is what it is a change from.
    assert [one.tell(green, composed, 0.0)[0][0].before for one in (there,)] == ["ORANGE_ZONE"]
    assert [one.tell(orange, composed, 0.0)[0][0].before for one in (here,)] == ["GREEN_ZONE"]


def test_what_was_told_from_memory_is_not_told_again_after_a_restart(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j.sqlite3")
    outbox = Outbox(journal)
    run = journal.run
    monkeypatch.setattr(journal, "run", failing)
    zone, state = {"margin.zone": ("ORANGE_ZONE", None)}, {"drawdown.state": ("HEAVY", None)}

    def composed(changes):
        return Notice(f"evt {changes[0].what}", "{}")

    changes, durable = outbox.tell(zone, composed, 0.0)
    assert ([one.what for one in changes], durable) == (["margin.zone"], False)
    monkeypatch.setattr(journal, "run", run)
    assert outbox.tell(zone, composed, 0.0) == ([], True)
    assert outbox.tell(state, composed, 0.0)[1]
    assert Outbox(journal).told == {"margin.zone": "ORANGE_ZONE", "drawdown.state": "HEAVY"}


def failing(*_):
    raise JournalError("it cannot be written")
