"""`rulecap audit why`: the nearest changes that would have changed a recorded verdict."""

import json

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger

LIMIT = """\
language: 1
policy: limit
version: 1.0.0
title: Entries up to a margin use
decisions:
  position: {title: Enter?, outputs: {verdict: zone.name}, verdict: verdict, on_error: {verdict: FULL}}
  share: {title: How much?, outputs: {used: used}, on_error: {used: none}}
rules:
  used: {kind: formula, unit: percent, formula: "as_percent(account.margin_used, account.total_wallet_balance)"}
  zone: {kind: bands, of: used, cases: [{name: FREE, below: 50%}, {name: FULL}]}
"""
ACCOUNT = {
    "id": "a",
    "total_wallet_balance": 1000,
    "available_balance": 900,
    "margin_used": 600,
    "unrealized_pnl": 0,
}


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(LIMIT)
    policy = load_policy(tmp_path)
    with open_ledger("sqlite:///log.sqlite3") as ledger:
        ledger.evaluate(policy, {"as_of": "2026-01-01T00:00:00Z", "account": ACCOUNT})
        ledger.evaluate(policy, {"as_of": "2026-01-01T00:00:00Z", "account": ACCOUNT}, "share")
        ledger.evaluate(policy, "{")
    return "sqlite:///log.sqlite3"


def test_the_nearest_input_and_threshold_are_told(log, rulecap):
    ran = rulecap("audit", "why", "1", "--log", log)
    assert ran.code == 0
    assert "FULL would be FREE if account.margin_used were 499.99 USD instead of 600 USD" in ran.out
    assert "FULL would be FREE if zone.FREE.below (policy.yaml:10) were" in ran.out


def test_as_json_it_has_stable_keys(log, rulecap):
    answer = json.loads(rulecap("audit", "why", "1", "--log", log, "--json").out)
    nearest = next(one for one in answer["changes"] if one["where"] == "account.margin_used")
    assert answer["record"].endswith("-1")
    assert (nearest["before"], nearest["verdict_before"], nearest["verdict_after"]) == (600.0, "FULL", "FREE")
    assert nearest["turns"] < 500 <= nearest["stays"]


def test_what_was_no_snapshot_has_no_other_verdict(log, rulecap):
    ran = rulecap("audit", "why", "3", "--log", log)
    assert ran.code == 1
    assert "What was handed in is no snapshot" in ran.out
    assert "[not-json]" in ran.out


def test_a_decision_without_a_verdict_is_a_usage_error(log, rulecap):
    ran = rulecap("audit", "why", "2", "--log", log)
    assert (ran.code, ran.err) == (2, "rulecap: the decision share of limit has no verdict: its policy names none\n")


@pytest.mark.parametrize("name", ["9", "x-1", "-1", "1.5", "abc"])
def test_a_record_that_is_not_there_is_a_usage_error(log, rulecap, name):
    ran = rulecap("audit", "why", "--log", log, "--", name)
    assert ran.code == 2
    assert f"there is no record {name} in this log, which has 3" in ran.err
