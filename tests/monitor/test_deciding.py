"""What is decided on an account that is not whole goes on no record, and is refused where it depends on the lack."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.ledger import Asked
from rulecap.monitor.deciding import Office
from rulecap.problems import Problem
from rulecap.service.sources import WHOLE, Lacking, uncounted, untold
from rulecap.snapshot import read_snapshot
from tests.promises.policies import put
from tests.snapshots import random_snapshot

EXAMPLE = Path(__file__).parents[2] / "policies/default/examples/sushi_recorded.json"
SNAPSHOT = read_snapshot(EXAMPLE.read_bytes())
POSITION, DEPOSITS = untold(["SUSHIUSDT has no price"]), uncounted("no answer")
BOTH = Lacking(POSITION, DEPOSITS)
SHIPPED = [load_policy(one) for one in ("default", "conservative", "stop-risk")]
ON_DEPOSITS = """
language: 1
policy: on-deposits
version: 1.0.0
rules:
  gain: {kind: formula, unit: USD, formula: "account.total_wallet_balance - account.net_deposits"}
  closing:
    kind: actions
    actions:
      - for: positions as p
        do: {action: CLOSE, symbol: p.symbol, side: p.side, quantity: p.quantity, reduce_only: true}
  leaving:
    kind: actions
    actions:
      - when: gain > 0 USD
        for: positions as p
        do: {action: CLOSE, symbol: p.symbol, side: p.side, quantity: p.quantity, reduce_only: true}
memory:
  looks: {start: 0, next: memory.looks + 1, unit: count}
decisions:
  always:
    answers_anyway: true
    outputs: {actions: closing, grown: gain, looks: memory.looks}
    watch: [grown]
    execute: actions
    on_error: {actions: [], grown: none, looks: none}
  of_gains:
    answers_anyway: true
    outputs: {actions: leaving}
    watch: []
    execute: actions
    on_error: {actions: []}
"""


@pytest.fixture
def on_deposits(tmp_path):
    return load_policy(put(tmp_path, ON_DEPOSITS))


def test_what_the_monitor_asks_is_on_record_as_asked_by_it(tmp_path):
    policy, url = load_policy("default"), f"sqlite:///{tmp_path / 'log.sqlite3'}"
    office = Office(url, "demo", lambda *_: None)
    office.open()
    office.decide(policy, SNAPSHOT)
    office.close()
    with open_log(url) as log:
        assert [one.record.fields["asked_by"] for one in log.stored()] == ["monitor"] * len(policy.watched)


@pytest.mark.parametrize(
    ("lacking", "code", "answered"),
    [
        (Lacking(POSITION), "position-untold", {"margin"}),
        (Lacking(None, DEPOSITS), "deposits-unknown", {"margin"}),
        (BOTH, "position-untold", {"margin"}),
    ],
    ids=["a position", "deposits", "both"],
)
def test_decisions_on_part_of_an_account(tmp_path, lacking, code, answered):
    policy, office = load_policy("default"), Office(f"sqlite:///{tmp_path / 'log.sqlite3'}", "demo", lambda *_: None)
    office.open()
    decided = office.decide(policy, SNAPSHOT, lacking)
    office.close()
    assert [one.decision for one in decided] == list(policy.watched)
    assert {one.decision for one in decided if one.ok} == answered
    assert {one.record_id for one in decided} == {None}
    assert {problem.code for one in decided for problem in one.problems} == {code}


@pytest.mark.parametrize("log", ["sqlite:///{}/log.sqlite3", "sqlite:////no/such/folder/log.sqlite3"])
@pytest.mark.parametrize(
    ("lacking", "known"), [(Lacking(POSITION), True), (Lacking(None, DEPOSITS), False), (BOTH, False)]
)
def test_a_reduction_is_decided_without_what_depends_on_what_was_paid_in_while_that_is_not_known(
    tmp_path, on_deposits, lacking, known, log
):
    office = Office(log.format(tmp_path), "demo", lambda *_: None)
    office.ready()
    always, of_gains = office.decide(on_deposits, SNAPSHOT, lacking)
    office.close()
    assert always.outputs["grown"] == (2000.0 if known else None)
    assert len(on_deposits.reductions_of(always)) == len(SNAPSHOT.positions)
    assert len(on_deposits.reductions_of(of_gains)) == (len(SNAPSHOT.positions) if known else 0)
    for one in (always, of_gains):
        assert one.ok
        assert [(told.code, told.severity) for told in one.problems] == [(lacking.why.code, "warning")]


def test_what_was_remembered_is_read_from_the_log_where_an_account_is_not_whole_at_first(tmp_path, on_deposits):
    log = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    for minute, lacking, looks in [(1, WHOLE, 0), (2, WHOLE, 1), (3, Lacking(None, DEPOSITS), 2), (3, WHOLE, 2)]:
        office = Office(log, "demo", lambda *_: None)  # started anew, as by cron
        office.open()
        snapshot = SNAPSHOT.model_copy(update={"as_of": SNAPSHOT.as_of + timedelta(minutes=minute)})
        always, _ = office.decide(on_deposits, snapshot, lacking)
        office.close()
        assert always.outputs["looks"] == looks


def test_is_decided_as_the_service_decides_it(tmp_path, on_deposits):
    office = Office(f"sqlite:///{tmp_path / 'log.sqlite3'}", "demo", lambda *_: None)
    office.open()
    with open_ledger(f"sqlite:///{tmp_path / 'other.sqlite3'}") as ledger:
        for policy in (on_deposits, load_policy("default")):
            for lacking in (Lacking(POSITION), Lacking(None, DEPOSITS), BOTH):
                problem = Problem(lacking.why.code, str(lacking.why))
                for one in office.decide(policy, SNAPSHOT, lacking):
                    told = ledger.unrecorded(Asked(policy, SNAPSHOT, one.decision), problem, lacking.unknown)
                    assert (one.outputs, one.problems, one.ok) == (told.outputs, told.problems, told.ok)
    office.close()


@given(
    seed=st.integers(0, 2**32),
    lacking=st.sampled_from([WHOLE, Lacking(None, DEPOSITS)]),
    policy=st.sampled_from(SHIPPED),
)
def test_whatever_is_not_traded_and_whatever_was_paid_in_what_can_be_reduced_is(seed, lacking, policy):
    rng = Random(seed)
    told = random_snapshot(rng)
    positions = {(one["symbol"], one["side"]): one for one in told.get("positions", ())}
    told["positions"] = [one | {"tradable": rng.choice([True, True, None, False])} for one in positions.values()]
    snapshot = read_snapshot(told)
    office = Office("sqlite:////no/such/folder/log.sqlite3", "demo", lambda *_: None)
    (margin,) = [one for one in office.decide(policy, snapshot, lacking) if one.decision == "margin"]
    held = {(one.symbol, one.side): one for one in snapshot.positions if one.tradable is not False}
    actions = policy.reductions_of(margin)
    asked = [(one["symbol"], one["side"]) for one in actions]
    assert len(set(asked)) == len(asked)
    for one in actions:
        assert one["reduce_only"] is True
        assert 0 < one["quantity"] <= held[one["symbol"], one["side"]].quantity
    if policy.verdict_of(margin) in ("ORANGE_ZONE", "RED_ZONE"):
        assert bool(asked) == bool(held)
    assert actions == policy.reductions_of(policy.evaluate(snapshot, "margin"))
