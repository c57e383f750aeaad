"""What is watched and sent is the policy's: another policy, and an edit of it, change it without a line of Python."""

import asyncio
import os
import shutil
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit.clock import now
from rulecap.monitor import one_pass, running
from rulecap.monitor.account import ExchangeAccount
from rulecap.monitor.clock import Clock
from rulecap.monitor.running import look_once, rested
from rulecap.service import in_force
from tests.monitor.conftest import ORANGE, changes, codes

OVERLAY = """\
language: 1
extends: default
policy: desk
version: 1.0.{}
title: A desk
set:
  {}
"""
CALM = Path("policies/default/tests/calm.json")
WIDE = "zone.ORANGE_ZONE.reduce: 50%"
run_tests = in_force.tested


def written(folder, version, change):
    path = folder / "desk.yaml"
    path.write_text(OVERLAY.format(version, change))
    return path


def test_the_default_policy_watches_what_the_specification_names():
    policy = load_policy("default")
    assert policy.watched == {"state": (), "margin": ("zone",), "drawdown": ("state", "breaker_open")}
    assert list(policy.watched) == ["state", "margin", "drawdown"]
    assert {name: one.execute for name, one in policy.typed.decisions.items() if one.execute} == {"margin": "actions"}


def test_the_share_that_is_sent_is_the_policys(at_binance, binance, tmp_path):
    binance.set_wallet(ORANGE)
    at_binance.one(policy=str(written(tmp_path, 0, WIDE)))
    assert [float(order.quantity) for order in binance.orders] == [0.025, 0.25, 20, 8]


def test_an_edit_is_in_force_once_its_files_have_rested_for_a_pass_and_a_bad_one_is_not(at_binance, tmp_path, caplog):
    path = written(tmp_path, 0, WIDE)

    async def look():
        async with at_binance.running(policy=str(path)) as running:
            versions = [(await running.one_pass()).policy.version]
            for version, change in ((1, WIDE), (2, "nothing.at.all: 1"), (3, WIDE)):
                written(tmp_path, version, change)
                versions += [(await running.one_pass()).policy.version for _ in range(2)]
            return versions

    assert asyncio.run(look()) == ["1.0.0", "1.0.0", "1.0.1", "1.0.1", "1.0.1", "1.0.1", "1.0.3"]
    assert "stays in force" in caplog.text


def test_an_edit_is_read_beside_the_loop(at_binance, tmp_path, monkeypatch):
    """Else webhooks, metrics and the venue's answers stand still while its tests run."""
    path, turned, ran = written(tmp_path, 0, WIDE), threading.Event(), []

    def slowly(policy, where):
        ran.append(turned.wait(5))
        return run_tests(policy, where)

    async def look():
        async with at_binance.running(policy=str(path)) as running:
            await running.one_pass()
            monkeypatch.setattr(in_force, "tested", slowly)
            written(tmp_path, 1, WIDE)
            await running.one_pass()
            reading = asyncio.create_task(running.one_pass())
            while not ran and not reading.done():
                asyncio.get_running_loop().call_later(0.01, turned.set)
                await asyncio.sleep(0.02)
            return (await reading).policy.version

    assert (asyncio.run(look()), ran) == ("1.0.1", [True])


def test_an_edit_that_takes_long_to_be_read_holds_up_no_reduction(at_binance, binance, tmp_path, monkeypatch, caplog):
    path, let_go = written(tmp_path, 0, WIDE), threading.Event()

    def slowly(policy, where):
        assert let_go.wait(10)
        return run_tests(policy, where)

    async def look():
        async with at_binance.running(policy=str(path)) as running:
            await running.one_pass()
            monkeypatch.setattr(in_force, "tested", slowly)
            monkeypatch.setattr(one_pass, "LONGEST_LOOK", 0.05)
            written(tmp_path, 1, "zone.ORANGE_ZONE.reduce: 90%")
            await running.one_pass()
            binance.set_wallet(ORANGE)
            meanwhile = await running.one_pass()
            monkeypatch.setattr(one_pass, "LONGEST_LOOK", 10)
            let_go.set()
            return meanwhile, await running.one_pass()

    meanwhile, after = asyncio.run(look())
    assert (meanwhile.policy.version, after.policy.version) == ("1.0.0", "1.0.1")
    assert [float(order.quantity) for order in binance.orders][:4] == [0.025, 0.25, 20, 8]
    assert "not read yet" in caplog.text


def test_what_is_proven_meanwhile_sends_nothing_by_the_policy_that_is_not(at_binance, binance, tmp_path, monkeypatch):
    path = written(tmp_path, 0, WIDE)
    with_tests(tmp_path, "GREEN_ZONE")
    binance.set_wallet(ORANGE)

    async def look():
        async with at_binance.running(policy=str(path)) as running:
            read = ExchangeAccount.read

            async def mended_meanwhile(account):
                with_tests(tmp_path, "ORANGE_ZONE")
                running.monitor._parts.in_force.reload()
                return await read(account)

            monkeypatch.setattr(ExchangeAccount, "read", mended_meanwhile)
            return await running.one_pass()

    report = asyncio.run(look())
    assert codes(report) == ["tests-fail"]
    assert {one.did for one in report.outcomes} == {"would-send"}
    assert binance.orders == []


def test_no_order_is_made_of_half_an_edit(at_binance, binance, tmp_path):
    path = written(tmp_path, 0, WIDE)

    def half():
        binance.set_wallet(ORANGE)
        written(tmp_path, 1, "zone.ORANGE_ZONE.reduce: 90%")

    at_binance.steps(half, lambda: written(tmp_path, 2, WIDE), policy=str(path))
    assert [float(order.quantity) for order in binance.orders][:4] == [0.025, 0.25, 20, 8]


def test_an_edit_that_is_not_taken_is_told_and_so_is_its_end(at_binance, tmp_path):
    path = written(tmp_path, 0, WIDE)
    bad, good = (lambda: written(tmp_path, 1, "nothing.at.all: 1")), (lambda: written(tmp_path, 2, WIDE))
    reports = at_binance.steps(bad, lambda: None, lambda: None, good, lambda: None, policy=str(path))
    assert [changes(one).get("monitor.policy") for one in reports] == [
        None,
        None,
        ("TAKEN", "REFUSED"),
        None,
        None,
        ("REFUSED", "TAKEN"),
    ]


class Editing(Clock):
    """A clock on which waiting takes no time, and ends in what an editor does meanwhile."""

    def __init__(self, *edits):
        super().__init__()
        self.edits, self.ahead = list(edits), 0.0
        self.now = lambda: now() + timedelta(seconds=self.ahead)

    async def wait(self, seconds):
        self.ahead += seconds
        if self.edits:
            self.edits.pop(0)()
        return True


def at_its_time(path, clock):
    """Give a file the time of a clock that is ahead."""
    os.utime(path, (clock.now().timestamp(),) * 2)


@pytest.mark.parametrize("edits", [0, 1, 3])
def test_a_policy_that_is_being_edited_at_the_start_is_waited_for(tmp_path, edits):
    """Each run from cron is a start: it has no last look to compare with."""
    path, clock = written(tmp_path, 0, WIDE), Editing()
    clock.edits = [lambda: at_its_time(path, clock)] * edits
    asyncio.run(rested(str(path), clock))
    assert clock.ahead == 2.0 * (edits + 1)


def test_a_policy_that_goes_on_being_edited_is_waited_for_no_longer(tmp_path, caplog):
    path, clock = written(tmp_path, 0, WIDE), Editing()
    clock.edits = [lambda: at_its_time(path, clock)] * 100
    asyncio.run(rested(str(path), clock))
    assert clock.ahead == 10.0
    assert "goes on being edited" in caplog.text


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_policy_that_was_not_edited_just_now_is_not_waited_for(tmp_path, seconds):
    path, clock = written(tmp_path, 0, WIDE), Editing()
    clock.ahead = seconds
    asyncio.run(rested(str(path), clock))
    assert clock.ahead == seconds


def test_one_pass_is_done_by_the_whole_of_an_edit(at_binance, binance, tmp_path, monkeypatch):
    binance.set_wallet(ORANGE)
    path, reports = written(tmp_path, 0, "zone.ORANGE_ZONE.reduce: 90%"), []
    monkeypatch.setattr(running, "Clock", lambda: Editing(lambda: written(tmp_path, 1, WIDE)))
    asyncio.run(look_once(at_binance.wanted(policy=str(path)), reports.append))
    assert reports[0].policy.version == "1.0.1"
    assert [float(order.quantity) for order in binance.orders] == [0.025, 0.25, 20, 8]


def test_a_policy_that_is_edited_while_it_is_read_at_the_start_is_read_again(tmp_path, monkeypatch):
    path, edits = written(tmp_path, 0, WIDE), [lambda: written(tmp_path, 1, WIDE)]

    def meanwhile(policy, where):
        if edits:
            edits.pop()()
        return run_tests(policy, where)

    monkeypatch.setattr(in_force, "tested", meanwhile)
    assert in_force.PolicyInForce(str(path)).policy.version == "1.0.1"


TESTS = """\
title: A desk
snapshot: calm.json
tests:
  - name: three quarters are orange
    decision: margin
    set: {{account.total_wallet_balance: 1000, account.margin_used: 760, account.unrealized_pnl: 0}}
    expect: {{zone: {}}}
"""


def with_tests(folder, zone):
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    shutil.copy(CALM, tests)
    (tests / "desk.yaml").write_text(TESTS.format(zone))


def test_nothing_is_sent_by_a_policy_that_fails_its_own_tests_until_they_pass(at_binance, binance, tmp_path):
    path = written(tmp_path, 0, WIDE)
    with_tests(tmp_path, "GREEN_ZONE")
    binance.set_wallet(ORANGE)
    mend = lambda: with_tests(tmp_path, "ORANGE_ZONE")  # noqa: E731
    first, resting, mended = at_binance.steps(mend, lambda: None, policy=str(path))
    assert [codes(one) for one in (first, resting, mended)] == [["tests-fail"], ["tests-fail"], []]
    assert {one.did for one in (*first.outcomes, *resting.outcomes)} == {"would-send"}
    assert {one.did for one in mended.outcomes} == {"sent"}
    assert first.verdicts()["margin"] == "ORANGE_ZONE"  # it is watched all the same
    assert changes(first)["monitor.policy"] == ("TAKEN", "UNPROVEN")
    assert changes(mended)["monitor.policy"] == ("UNPROVEN", "TAKEN")


def test_tests_that_are_edited_take_no_orders_from_the_policy_that_has_passed_them(at_binance, binance, tmp_path):
    path = written(tmp_path, 0, WIDE)
    with_tests(tmp_path, "ORANGE_ZONE")
    reports = at_binance.steps(
        lambda: with_tests(tmp_path, "GREEN_ZONE"), lambda: binance.set_wallet(ORANGE), policy=str(path)
    )
    assert {one.did for one in reports[-1].outcomes} == {"sent"}


def test_a_number_that_a_policy_has_watched_is_told_and_not_logged(at_binance, binance, tmp_path, caplog):
    binance.set_wallet("1017.25")
    path = written(tmp_path, 0, "decisions.state.watch: [total_wallet_balance]")
    report = at_binance.one(policy=str(path), execute=False)
    assert changes(report)["state.total_wallet_balance"] == (None, 1017.25)
    (line,) = [one for one in caplog.records if one.message == "state.total_wallet_balance changed"]
    assert (getattr(line, "from"), line.to) == (None, "…")


def test_decisions_go_on_record_and_replay(at_binance, binance):
    from rulecap.audit import open_log
    from rulecap.audit.replay import evaluated_again

    binance.set_wallet(ORANGE)
    at_binance.passes(2)
    with open_log(at_binance.log) as log:
        records = [one.record for one in log.stored(1)]
        assert [one.fields["decision"] for one in records] == ["state", "margin", "drawdown"] * 2
        for one in records:
            assert evaluated_again(one, log.policy(one.fields["policy"]["digest"])).outputs == one.fields["outputs"]
