"""The score of an open position is that of the newest signal on record on which it was opened."""

import json

import pytest

from rulecap.audit import LogError, open_ledger
from rulecap.audit.log import Log
from rulecap.audit.review import scores as module
from rulecap.audit.review.scores import EntryScores
from rulecap.engine.policy import load_policy
from rulecap.snapshot import Position

POLICY = """\
language: 1
policy: opening
version: 1.0.0
title: Decides what the score says
rules:
  answer:
    kind: bands
    of: default(signal.score, 0)
    cases: [{name: NO, below: 40}, {name: MAYBE, below: 70}, {name: YES}]
decisions:
  entry:
    hand_over: [{if: "default(signal.reduce_only, false)", to: exit}]
    outputs: {answer: answer.name}
    verdict: answer
    opens: [MAYBE, YES]
    on_error: {answer: NO}
  plain: {outputs: {answer: answer.name}, verdict: answer, opens: [MAYBE, YES], on_error: {answer: NO}}
  exit: {outputs: {answer: YES}, verdict: answer, on_error: {answer: NO}}
"""
LONG, SHORT = ("BTCUSDT", "LONG"), ("BTCUSDT", "SHORT")


def position(symbol, side):
    return Position(
        symbol=symbol,
        base="BTC",
        side=side,
        quantity=1,
        entry_price=1,
        mark_price=1,
        notional=1,
        margin=1,
        leverage=1,
        unrealized_pnl=0,
    )


def held(*keys):
    return [position(*key) for key in keys]


@pytest.fixture
def policy(tmp_path):
    (tmp_path / "opening.yaml").write_text(POLICY)
    return load_policy(str(tmp_path / "opening.yaml"))


@pytest.fixture
def ask(url, policy):
    """Return what asks and has it recorded."""
    moments = iter(range(60))
    with open_ledger(url) as ledger:

        def one(symbol="BTCUSDT", account="one", decision="entry", **signal):
            wallet = {"total_wallet_balance": 1, "available_balance": 1, "margin_used": 0, "unrealized_pnl": 0}
            snapshot = {
                "as_of": f"2026-01-01T00:00:{next(moments):02}Z",
                "account": {"id": account, **wallet},
                "signal": {"symbol": symbol, **signal},
            }
            return ledger.evaluate(policy, json.dumps(snapshot).encode(), decision).outputs["answer"]

        yield one


def test_the_newest_signal_that_opened_counts_in_its_direction(ask, url):
    assert [ask(score=50), ask(score=71, side="SELL"), ask(score=90), ask(score=20)] == ["MAYBE", "YES", "YES", "NO"]
    assert ask(symbol="ETHUSDT", score=99) == "YES"
    assert EntryScores(url, "one").of(held(LONG, SHORT)) == {LONG: 90.0, SHORT: 71.0}


def test_what_opened_nothing_gives_no_score(ask, url):
    ask(score=20)
    ask(score=80, reduce_only=True, quantity=1)
    assert ask(score=80, reduce_only=True, quantity=1, decision="plain") == "YES"
    ask(score=80, decision="exit")
    ask(score=80, account="another")
    ask()
    assert EntryScores(url, "one").of(held(LONG)) == {}


@pytest.mark.parametrize("asked", [{"decision": "exit"}, {"reduce_only": True, "quantity": 1}])
def test_no_more_is_read_back_than_the_bound_though_nothing_is_found(ask, url, monkeypatch, asked):
    ask(score=50)
    for _ in range(10):
        ask(score=80, **asked)
    read = []
    record = Log.record
    monkeypatch.setattr(Log, "record", lambda log, seq: (read.append(seq), record(log, seq))[1])
    monkeypatch.setattr(module, "MOST_READ", 3)
    assert EntryScores(url, "one").of(held(LONG)) == {}
    assert len(read) <= 3


def test_a_log_without_the_account_gives_none(ask, url):
    assert EntryScores(url, "one").of(held(LONG)) == {}


def test_it_reads_on_from_where_it_was(ask, url, monkeypatch):
    scores = EntryScores(url, "one")
    ask(score=50)
    assert scores.of(held(LONG)) == {LONG: 50.0}
    monkeypatch.setattr(module, "MOST_READ", 1)  # a first reading has a bound, a later one misses nothing
    for score in (60, 61, 62):
        ask(score=score)
        ask(symbol="ETHUSDT", score=score)
    assert scores.of(held(LONG)) == {LONG: 62.0}


def test_what_is_known_is_not_replaced_by_what_is_older(ask, url):
    for one in ({"score": 71, "side": "SELL"}, {"score": 50}, {"score": 90}):
        ask(**one)
    scores = EntryScores(url, "one")
    assert scores.of(held(LONG)) == {LONG: 90.0}
    assert scores.of(held(LONG, SHORT)) == {LONG: 90.0, SHORT: 71.0}


def test_a_position_that_ended_takes_its_score_with_it(ask, url):
    scores = EntryScores(url, "one")
    ask(score=50)
    assert scores.of(held(LONG)) == {LONG: 50.0}
    assert scores.of([]) == {}
    assert scores.of(held(LONG)) == {}
    ask(score=60)
    assert scores.of(held(LONG)) == {LONG: 60.0}


def test_an_entry_that_is_not_filled_yet_is_not_forgotten(ask, url):
    scores = EntryScores(url, "one")
    ask(score=50)
    assert scores.of([]) == {}
    assert scores.of(held(LONG)) == {LONG: 50.0}


def test_a_first_reading_has_a_bound(ask, url, monkeypatch):
    monkeypatch.setattr(module, "MOST_READ", 2)
    ask(score=50)
    ask(symbol="ETHUSDT", score=60)
    ask(symbol="ETHUSDT", score=61)
    scores = EntryScores(url, "one")
    assert scores.of(held(LONG)) == {}
    assert scores.of(held(LONG)) == {}


def test_positions_that_are_opened_one_after_the_other_have_each_its_own(ask, url):
    scores = EntryScores(url, "one")
    for symbol, score in (("BTCUSDT", 50), ("ETHUSDT", 60), ("SOLUSDT", 70)):
        ask(symbol=symbol, score=score)
    eth, sol = ("ETHUSDT", "LONG"), ("SOLUSDT", "LONG")
    assert scores.of([]) == {}
    assert scores.of(held(sol)) == {sol: 70.0}
    ask(symbol="ADAUSDT", score=80)
    assert scores.of(held(sol, eth)) == {sol: 70.0, eth: 60.0}
    assert scores.of(held(sol, eth, LONG)) == {sol: 70.0, eth: 60.0, LONG: 50.0}


def test_what_ended_is_not_found_again_by_reading_back(ask, url):
    scores = EntryScores(url, "one")
    ask(score=50)
    ask(score=55)
    for _ in range(3):
        ask(symbol="ETHUSDT", score=60)
    assert scores.of(held(LONG)) == {LONG: 55.0}
    assert scores.of([]) == {}
    assert scores.of(held(LONG)) == {}
    assert scores.of(held(LONG, ("SOLUSDT", "LONG"))) == {}


def test_what_ended_is_not_found_again_by_reading_on(ask, url):
    scores = EntryScores(url, "one")
    assert scores.of(held(LONG)) == {}
    ask(score=50)
    assert scores.of(held(LONG)) == {LONG: 50.0}
    assert scores.of([]) == {}
    assert scores.of(held(LONG)) == {}


def test_much_is_read_in_parts(ask, url, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 2)
    ask(score=50)
    for _ in range(5):
        ask(symbol="ETHUSDT", score=60)
    assert EntryScores(url, "one").of(held(LONG)) == {LONG: 50.0}


def test_a_log_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(LogError, match="no log"):
        EntryScores(f"sqlite:///{tmp_path / 'none.sqlite3'}", "one").of(held(LONG))
