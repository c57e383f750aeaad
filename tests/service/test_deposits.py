"""Which deposits were counted outlives a service, beside the log."""

import asyncio
import errno
import json
import threading
from datetime import timedelta

import pytest

pytest.importorskip("ccxt")


from rulecap import load_policy
from rulecap.audit.clock import now
from rulecap.exchange import Deposits
from rulecap.exchange.flows import MOST_KEPT
from rulecap.service import counted
from rulecap.service import venue as module
from rulecap.service.resuming import resume
from rulecap.service.venue import exchange_source


@pytest.fixture
def start(venue, tmp_path):
    """Return what starts a service's source over the log, reads the account so often, and has the last on record."""
    return starter(venue, f"sqlite:///{tmp_path / 'log.sqlite3'}")


def starter(venue, log, **settings):
    from rulecap.service import DynamicCapitalManager

    reached = {"venue": "binanceusdm", "origin": venue.origin, "milliseconds_per_weight": 0, **settings}

    async def run(times):
        source = exchange_source(reached)
        manager = DynamicCapitalManager(source, log=log)
        read = [(await source.account()).account.net_deposits for _ in range(times)]
        await manager.get_capital_state()
        manager.close()
        await source.close()
        return read

    return lambda times=1: asyncio.run(run(times))


def nothing_yet(venue, times=1):
    venue.fault("v1/income", "then", times, change=lambda _: [])


def test_an_entry_that_comes_late_counts_once_over_restarts(venue, start):
    """It is of before the last record, which does not make it known."""
    assert start() == [0.0]
    venue.deposit("-3000")
    nothing_yet(venue, 2)  # of the reading, and of that which goes on record
    assert start() == [0.0]
    assert start(2) == [-3000.0, -3000.0]
    venue.deposit("500")
    assert [start(), start(), start()] == [[-2500.0], [-2500.0], [-2500.0]]


def test_a_folder_keeps_it_where_the_log_is_on_a_server(venue, postgres_url, tmp_path, caplog):
    """Without one there is nowhere to keep it, which is said at each start."""
    start = starter(venue, postgres_url, deposits_folder=tmp_path)
    assert start() == [0.0]
    venue.deposit("-3000")
    nothing_yet(venue, 2)
    assert start() == [0.0]
    assert [start(), start()] == [[-3000.0], [-3000.0]]
    assert [one.name for one in tmp_path.iterdir()] == ["deposits-binanceusdm"]
    assert "deposits-unkept" not in {getattr(one, "code", "") for one in caplog.records}
    assert starter(venue, postgres_url)() == [-3000.0]
    assert "deposits_folder" in next(one.message for one in caplog.records if one.code == "deposits-unkept")


@pytest.mark.parametrize("ahead", [0, 3_600], ids=["right", "ahead"])
def test_what_was_paid_in_before_the_first_start_is_no_loss_where_the_ledger_tells_it_late(
    venue, start, tmp_path, monkeypatch, ahead
):
    """Also where the clock was wrong when the service was started, and set right since."""
    told = now() + timedelta(seconds=ahead)
    monkeypatch.setattr(module, "now", lambda: told)
    venue.deposit("3000", at=venue.now() - 20_000)
    nothing_yet(venue)
    assert start(2) == [0.0, 0.0]
    assert start(2) == [0.0, 0.0]
    venue.deposit("-500")
    assert [start(), start()] == [[-500.0], [-500.0]]


def test_what_was_counted_and_is_not_on_record_is_counted_again(venue, start, tmp_path):
    """As where the service is killed in between: what was kept before is of the sum on record."""
    start()
    venue.deposit("-3000")
    nothing_yet(venue, 2)
    start()
    kept = next(tmp_path.glob("*.deposits-*"))
    before = kept.read_text()

    async def killed():
        source = exchange_source({"venue": "binanceusdm", "origin": venue.origin, "milliseconds_per_weight": 0})
        resume(source, f"sqlite:///{tmp_path / 'log.sqlite3'}", load_policy("default"))
        counted = (await source.account()).account.net_deposits
        await source.close()
        return counted

    assert asyncio.run(killed()) == -3000.0
    assert kept.read_text() != before
    assert start(2) == [-3000.0, -3000.0]


UNUSABLE = [
    "",
    "{",
    "[1]",
    "7",
    '[{"net": 0}]',
    '[{"net": 0.0, "through": "2026-01-01T00:00:00Z"}]',
    '[{"net": 0.0, "through": "2026-01-01T00:00:00", "seen": []}]',
    '[{"net": "much", "through": "2026-01-01T00:00:00Z", "seen": []}]',
]


@pytest.mark.parametrize("text", UNUSABLE)
def test_what_is_kept_and_cannot_be_used_counts_for_nothing_and_is_written_anew(venue, start, tmp_path, caplog, text):
    start()
    kept = next(tmp_path.glob("*.deposits-*"))
    kept.write_text(text)
    venue.clock_offset_ms += 50  # after the last record, by any clock
    venue.deposit("500")
    assert start() == [500.0]
    assert "deposits-unkept" in {getattr(one, "code", "") for one in caplog.records}
    assert start() == [500.0]
    assert json.loads(kept.read_text())[-1]["net"] == 500.0


def test_what_is_kept_of_another_sum_than_is_on_record_counts_for_nothing(venue, start, tmp_path):
    start()
    kept = next(tmp_path.glob("*.deposits-*"))
    kept.write_text(json.dumps([one | {"net": 77.0} for one in json.loads(kept.read_text())]))
    venue.clock_offset_ms += 50  # after the last record, by any clock
    venue.deposit("500")
    assert start() == [500.0]


def test_what_is_kept_and_much_older_than_the_record_counts_for_nothing(venue, start, tmp_path):
    """A venue does not tell all of its ledger for ever."""
    start()
    venue.deposit("70", at=venue.now() - 86_400_000)  # which the sum on record has in it, let us say
    told = [{"net": 0.0, "through": "2026-01-01T00:00:00Z", "seen": []}]
    next(tmp_path.glob("*.deposits-*")).write_text(json.dumps(told))
    assert start() == [0.0]


def test_what_cannot_be_kept_keeps_no_account_from_being_read(venue, start, tmp_path, caplog):
    (tmp_path / "log.sqlite3.deposits-binanceusdm").mkdir()
    assert start(3) == [0.0] * 3
    assert [one.code for one in caplog.records if hasattr(one, "code")] == ["deposits-unkept"]
    assert len([one for one in tmp_path.iterdir() if "deposits" in one.name]) == 1


def test_what_another_has_kept_stays_beside_what_one_counts_oneself(tmp_path):
    """The other's sum may be the one on record."""
    path, both = tmp_path / "log.deposits-a", frozenset({"one", "another"})
    mine, others = counted.Counted(path), counted.Counted(path)
    others.keep(Deposits(500.0, now(), frozenset({"one"})))
    mine.keep(Deposits(-2500.0, now(), both))
    others.keep(Deposits(500.0, now(), frozenset({"one"})))
    assert [one.net for one in counted.Counted(path).kept] == [-2500.0, 500.0]
    path.unlink()
    mine.keep(Deposits(0.0, now(), both))
    assert [one.net for one in counted.Counted(path).kept] == [500.0, -2500.0, 0.0]


def test_what_two_keep_at_once_is_whole_whoever_was_last(tmp_path, caplog):
    """As the specification's objects over one log do, and services in containers, each of which is process 1."""
    path, broken = tmp_path / "log.deposits-a", []

    def keep(name):
        mine = counted.Counted(path)
        for number in range(40):
            mine.keep(Deposits(float(number), now(), frozenset(f"{name}{entry}" for entry in range(number * 9))))

    both = [threading.Thread(target=keep, args=(name,)) for name in "ab"]
    for one in both:
        one.start()
    while any(one.is_alive() for one in both):
        if path.exists():
            broken += [None for text in [path.read_text()] if not text.endswith("]")]
    assert (broken, len(json.loads(path.read_text()))) == ([], MOST_KEPT)
    assert [one.code for one in caplog.records if hasattr(one, "code")] == []


def test_what_cannot_be_kept_whole_leaves_no_piece_behind(venue, start, tmp_path, monkeypatch):
    """Each process that tried would leave one of its own, on a disk that is full."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert start() == [0.0]
    assert not list(tmp_path.glob("*.deposits-*"))


def test_what_is_kept_belongs_to_its_owner_and_is_written_where_something_is_new(venue, start, tmp_path, monkeypatch):
    start()
    kept = next(tmp_path.glob("*.deposits-*"))
    assert kept.stat().st_mode & 0o777 == 0o600
    written = kept.stat().st_mtime_ns
    start(3)
    assert kept.stat().st_mtime_ns == written
    monkeypatch.setattr(counted, "RENEWED_SECONDS", 0.0)
    start()
    assert kept.stat().st_mtime_ns > written
