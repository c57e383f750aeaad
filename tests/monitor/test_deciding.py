"""What is decided on an account that is not whole goes on no record, and is refused where it depends on the lack."""

from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.exchange.errors import VenueError
from rulecap.monitor import deciding
from rulecap.monitor.deciding import Lacking, Office
from rulecap.snapshot import read_snapshot

EXAMPLE = Path(__file__).parents[2] / "policies/default/examples/sushi_recorded.json"
POSITION, DEPOSITS = "SUSHIUSDT has no price", VenueError("venue-down", "no answer")


@pytest.mark.parametrize(
    ("lacking", "code", "answered"),
    [
        (Lacking(POSITION), "position-untold", {"margin"}),
        (Lacking("", DEPOSITS), "deposits-unknown", {"margin"}),
        (Lacking(POSITION, DEPOSITS), "position-untold", {"margin"}),
    ],
    ids=["a position", "deposits", "both"],
)
def test_decisions_on_part_of_an_account(tmp_path, lacking, code, answered):
    policy, office = load_policy("default"), Office(f"sqlite:///{tmp_path / 'log.sqlite3'}", "demo", lambda *_: None)
    office.open()
    decided = office.decide(policy, read_snapshot(EXAMPLE.read_bytes()), lacking)
    office.close()
    assert [one.decision for one in decided] == list(policy.watched)
    assert {one.decision for one in decided if one.ok} == answered
    assert {one.record_id for one in decided} == {None}
    assert {problem.code for one in decided for problem in one.problems} == {code}


@pytest.mark.parametrize(
    ("lacking", "answered"),
    [(Lacking(POSITION), True), (Lacking("", DEPOSITS), False), (Lacking(POSITION, DEPOSITS), False)],
)
def test_a_reduction_that_depends_on_what_was_paid_in_is_refused_while_that_is_not_known(
    monkeypatch, lacking, answered
):
    monkeypatch.setattr(deciding, "NET_DEPOSITS", "account.margin_used")  # as if the margin's zone were told by them
    office = Office("sqlite:////no/such/folder/log.sqlite3", "demo", lambda *_: None)
    margin = next(
        one
        for one in office.decide(load_policy("default"), read_snapshot(EXAMPLE.read_bytes()), lacking)
        if one.decision == "margin"
    )
    assert margin.ok == answered
