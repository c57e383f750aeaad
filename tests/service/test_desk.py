"""A question about the account: asked once for each reading of it, again where nothing went on record, or refused."""

import asyncio
from types import SimpleNamespace

import pytest

from rulecap import load_policy
from rulecap.problems import Problem
from rulecap.service.answers import undecided
from rulecap.service.desk import Desk

POLICY, SNAPSHOT = SimpleNamespace(digest="d"), SimpleNamespace(age_seconds=0.0)


class Asked(Desk):
    """A desk whose answers come when a test says, and are what it says."""

    def __init__(self):
        super().__init__(None, SimpleNamespace(account=object()), None, None, 60.0)
        self.answers = []

    async def _decide(self, asked, snapshot, account):
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    def asks(self):
        return asyncio.ensure_future(self._once(POLICY, "state", SNAPSHOT, None))


def decided(record):
    return SimpleNamespace(record_id=record)


def test_an_answer_that_fails_late_takes_none_of_a_later_reading_with_it():
    """What is on record about the account as it was read last is not put there a second time."""

    async def ask():
        desk = Asked()
        before = desk.asks()
        await asyncio.sleep(0.01)
        desk.view.account = object()
        now = desk.asks()
        await asyncio.sleep(0.01)
        desk.answers[0].set_result(decided(None))
        await before
        desk.answers[1].set_result(decided("r-2"))
        await now
        again, _ = await desk.asks()
        return again.record_id, len(desk.answers)

    assert asyncio.run(asyncio.wait_for(ask(), 30)) == ("r-2", 2)


@pytest.mark.parametrize("fails", [True, False])
def test_what_did_not_go_on_record_is_asked_again(fails):
    """Whoever asks next is not told of a failure that is over."""

    async def ask():
        desk = Asked()
        first = desk.asks()
        await asyncio.sleep(0.01)
        desk.answers[0].set_exception(ValueError()) if fails else desk.answers[0].set_result(decided(None))
        await asyncio.gather(first, return_exceptions=True)
        second = desk.asks()
        await asyncio.sleep(0.01)
        desk.answers[1].set_result(decided("r-1"))
        return (await second)[0].record_id

    assert asyncio.run(asyncio.wait_for(ask(), 30)) == "r-1"


@pytest.mark.parametrize(
    ("code", "with_figures", "status"),
    [("any", True, 422), ("any", False, 503), ("unlogged", True, 503), ("snapshot-too-old", True, 503)],
)
def test_what_is_no_fault_of_the_askers_figures_may_be_asked_again(code, with_figures, status):
    """A bot takes 422 for a mistake of its own, which asking again mends never."""
    refused = undecided(load_policy("default").refused("state", Problem(code, "it is so")), with_figures)
    assert refused.status == status
