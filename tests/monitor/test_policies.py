"""What is watched and sent is the policy's: another policy, and an edit of it, change it without a line of Python."""

import asyncio

from rulecap import load_policy
from tests.monitor.conftest import ORANGE, changes

OVERLAY = """\
language: 1
extends: default
policy: desk
version: 1.0.{}
title: A desk
set:
  {}
"""
WIDE = "zone.ORANGE_ZONE.reduce: 50%"


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


def test_an_edit_is_in_force_at_the_next_pass_and_a_bad_one_is_not(at_binance, tmp_path, caplog):
    path = written(tmp_path, 0, WIDE)

    async def look():
        async with at_binance.running(policy=str(path)) as running:
            versions = [(await running.one_pass()).policy.version]
            for version, change in ((1, WIDE), (2, "nothing.at.all: 1"), (3, WIDE)):
                written(tmp_path, version, change)
                versions.append((await running.one_pass()).policy.version)
            return versions

    assert asyncio.run(look()) == ["1.0.0", "1.0.1", "1.0.1", "1.0.3"]
    assert "stays in force" in caplog.text


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
