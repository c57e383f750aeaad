"""Who asks at the same time is answered by one commit; nobody waits forever, whatever becomes of the log."""

import asyncio
from datetime import UTC, datetime

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.ledger import Asked, Ledger
from rulecap.service.recorder import LedgerHere, Recorder
from rulecap.snapshot import Account, Snapshot


@pytest.fixture
def policy():
    return load_policy("default")


def snapshot():
    account = Account(
        id="a", total_wallet_balance=5000.0, available_balance=5000.0, margin_used=0.0, unrealized_pnl=0.0
    )
    return Snapshot(as_of=datetime(2026, 1, 1, tzinfo=UTC), account=account)


def run(tmp_path, ask):
    """Run what asks a recorder."""
    sizes, seen = [], []
    ledger = open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}")
    evaluate_all = ledger.evaluate_all

    def counted(asked):
        sizes.append(len(asked))
        return evaluate_all(asked)

    ledger.evaluate_all = counted

    async def main():
        recorder = Recorder(LedgerHere(ledger), lambda *told: seen.append(told))
        try:
            return await ask(recorder)
        finally:
            await recorder.close()

    return asyncio.run(main()), sizes, seen


def test_a_crowd_is_answered_in_its_order_by_few_commits(tmp_path, policy):
    one = snapshot()

    async def ask(recorder):
        return await asyncio.gather(*(recorder.ask(Asked(policy, one, "state")) for _ in range(40)))

    decisions, sizes, seen = run(tmp_path, ask)
    numbers = [int(decision.record_id.rpartition("-")[2]) for decision in decisions]
    assert numbers == list(range(1, 41))
    assert (sum(sizes), len(seen)) == (40, 40)
    assert len(sizes) <= 3
    with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
        assert log.head().size == 40


def test_what_was_asked_is_recorded_though_the_asker_is_gone(tmp_path, policy):
    one = snapshot()

    async def ask(recorder):
        task = asyncio.create_task(recorder.ask(Asked(policy, one, "state")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _, _, seen = run(tmp_path, ask)
    assert len(seen) == 1


def test_a_ledger_that_breaks_is_told_to_all_who_wait(tmp_path, policy, monkeypatch):
    def broken(*_):
        raise RuntimeError("never to happen")

    monkeypatch.setattr(Ledger, "_answer", broken)
    one = snapshot()

    async def ask(recorder):
        asked = (recorder.ask(Asked(policy, one, "state")) for _ in range(3))
        found = await asyncio.gather(*asked, return_exceptions=True)
        return found, recorder.waiting

    (found, waiting), _, _ = run(tmp_path, ask)
    assert [type(one) for one in found] == [RuntimeError] * 3
    assert waiting == 0


class Prompt:
    """A ledger that answers at the loop's next turn."""

    failure = None

    def __init__(self, shifts):
        self.shifts = shifts

    async def answer(self, asked):
        await asyncio.sleep(0)
        return asked

    async def close(self):
        pass


def test_whoever_asks_while_the_one_at_work_ends_is_not_forgotten():
    async def main():
        following = []

        def told(asked, *_):
            if asked < 9:  # it asks before anybody is told that the work has ended
                following.append(asyncio.create_task(recorder.ask(asked + 1)))

        recorder = Recorder(Prompt(1), told)
        async with asyncio.timeout(60):
            await recorder.ask(0)
            while len(following) < 9 or not all(task.done() for task in following):
                await asyncio.sleep(0)
        assert [task.result() for task in following] == list(range(1, 10))
        assert recorder.waiting == 0

    asyncio.run(main())


def test_what_is_told_of_a_decision_holds_nobody_up(caplog):
    async def main():
        def failing(*_):
            raise RuntimeError("broken")

        recorder = Recorder(Prompt(1), failing)
        async with asyncio.timeout(60):
            assert await asyncio.gather(*(recorder.ask(number) for number in range(3))) == [0, 1, 2]
            assert await recorder.ask(4) == 4

    asyncio.run(main())
    assert {record.code for record in caplog.records} == {"internal"}
