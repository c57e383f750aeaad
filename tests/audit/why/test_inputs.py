"""Inputs that would have changed a verdict: single changes, right to the last double."""

import math

import pytest

from rulecap.audit.why import why
from rulecap.audit.why.axis import Axis, Turn, nearest_turns
from rulecap.audit.why.candidates import Meter
from rulecap.audit.why.question import Question
from rulecap.audit.why.situations import Situations
from tests.audit.why.questions import ZONES, asked, judged, places, seen, the
from tests.written import policy, snapshot


def test_a_bound_that_is_excluded_is_reached_exactly():
    change = the(asked(ZONES), "account.margin_used")
    assert (change.before, change.after, change.turns) == (100.0, 500.0, 500.0)
    assert change.stays == math.nextafter(500.0, 0.0)
    assert (change.verdict_before, change.verdict_after, change.unit) == ("GREEN", "RED", "USD")
    assert change.distance == 4.0
    assert change.verified


def test_a_bound_that_is_included_has_to_be_passed_and_a_short_number_is_offered():
    change = the(asked(ZONES.replace("below: 50%", "up_to: 50%")), "account.margin_used")
    assert change.stays == 500.0
    assert change.turns == math.nextafter(500.0, math.inf)
    assert change.after == 500.01
    assert change.distance == pytest.approx(4.0)


def test_a_value_in_the_divisor_turns_where_the_quotient_does():
    change = the(asked(ZONES), "account.total_wallet_balance")
    assert (change.turns, change.stays) == (200.0, math.nextafter(200.0, math.inf))
    assert change.distance == 0.8


def test_both_sides_are_told_and_the_nearer_comes_first():
    findings = asked(judged("account.unrealized_pnl < -10 USD or account.unrealized_pnl > 30 USD"))
    assert [one.turns for one in findings.inputs] == [math.nextafter(-10, -math.inf), math.nextafter(30, math.inf)]
    assert [one.distance for one in findings.inputs] == [1.0, 1.0]  # from zero everything is new
    near = asked(
        judged("account.unrealized_pnl < -10 USD or account.unrealized_pnl > 30 USD"), account={"unrealized_pnl": 20}
    )
    assert [one.turns for one in near.inputs] == [math.nextafter(30, math.inf), math.nextafter(-10, -math.inf)]


def test_a_window_that_closes_again_is_found_at_its_nearer_end():
    findings = asked(judged("200 USD <= account.margin_used < 201 USD"))
    assert the(findings, "account.margin_used").turns == 200.0


def test_of_many_the_nearest_are_told_the_nearest_first():
    """Each position's margin can be what makes it 200 USD: of the largest one the smallest share."""
    positions = [{"margin": number} for number in range(1, 13)]
    findings = asked(judged("sum(p.margin for p in positions) >= 200 USD"), positions=positions)
    assert [one.where for one in findings.inputs] == [f"positions[{index}].margin" for index in range(11, 1, -1)]
    assert findings.counts["inputs"].changing == 12
    distances = [one.distance for one in findings.changes]
    assert len(findings.thresholds) == 1
    assert distances == sorted(distances)


def test_that_inputs_were_left_is_said_where_no_threshold_was():
    positions = [{"margin": number} for number in range(1, 13)]
    rules = policy(judged("sum(p.margin for p in positions) >= account.total_wallet_balance"))
    given = seen(snapshot(positions=positions))
    found = why(rules, given, None, "answer", lambda one: one.outputs["verdict"], work=600)
    assert found.exhausted
    assert (found.counts["inputs"].untried > 0, found.counts["thresholds"].untried) == (True, 0)


def test_a_turn_at_one_value_alone_is_found_where_the_policy_names_the_value():
    above = math.nextafter(123.456, math.inf)
    for only in (123.456, above):
        (turn,) = nearest_turns(Axis(0.0, 1e15, landmarks=(123.456,)), 100.0, lambda value, only=only: value == only)
        assert (turn.turns, turn.short) == (only, only)
        assert turn.stays == math.nextafter(only, 0.0)


def test_the_last_value_of_an_axis_is_looked_at():
    (turn,) = nearest_turns(Axis(0.0, 1.0), 0.99, lambda value: value >= 1.0)
    assert turn == Turn(math.nextafter(1.0, 0.0), 1.0, 1.0)
    (turn,) = nearest_turns(Axis(0.0, 1e15), 0.0, lambda value: value > 3e12)
    assert turn.stays == 3e12
    (turn,) = nearest_turns(Axis(0.0, 0.12345678), 0.1, lambda value: value > 0.12345677)
    assert turn.turns <= turn.short <= 0.12345678


def test_a_nearer_window_is_found_between_two_places_that_are_looked_at():
    """108.3 is the first of them that has turned, 101 the last one before it."""
    (turn,) = nearest_turns(Axis(100.0, 1e15), 100.0, lambda value: 105.1 <= value <= 105.3 or value >= 108.0)
    assert turn == Turn(math.nextafter(105.1, 0.0), 105.1, 105.1)


def test_a_value_moves_only_as_far_as_the_policy_takes_it():
    limited = "inputs:\n  market.atr_pct: {range: [1%, 4%]}\n"
    market = {"symbol": "A", "price": 1, "atr_pct": 3}
    text = judged("market.atr_pct > 5%", limited).replace(
        "    on_error", "    requires: [market.atr_pct]\n    on_error"
    )
    findings = asked(text, market=market)
    assert "market.atr_pct" not in places(findings)
    assert "market.atr_pct" in places(asked(text.replace("4%]", "6%]"), market=market))


def test_a_value_moves_only_as_far_as_a_snapshot_can_hold_it():
    signal = {"symbol": "A", "score": 50}
    text = judged("signal.score > 100").replace("    on_error", "    requires: [signal.score]\n    on_error")
    assert asked(text, signal=signal).inputs == ()
    assert the(asked(text.replace("> 100", ">= 100"), signal=signal), "signal.score").turns == 100.0


def test_a_count_moves_in_whole_steps():
    signal = {"symbol": "A", "trades": 10}
    text = judged("default(signal.trades, 0) >= 30")
    change = the(asked(text, signal=signal), "signal.trades")
    assert (change.stays, change.turns, change.after) == (29, 30, 30)
    assert isinstance(change.after, int)


def test_every_element_of_a_list_is_looked_at_on_its_own():
    positions = [{"margin": 10}, {"margin": 20}]
    findings = asked(judged("sum(p.margin for p in positions) >= 100 USD"), positions=positions)
    assert the(findings, "positions[0].margin").turns == 80.0
    assert the(findings, "positions[1].margin").turns == 90.0


def test_of_names_the_known_ones_are_tried_and_of_flags_the_other():
    signal = {"symbol": "A", "side": "BUY", "market_regime": "CALM"}
    declared = "inputs:\n  signal.market_regime: {one_of: [CALM, WILD, ODD]}\n"
    text = judged("default(signal.market_regime, CALM) == WILD", declared)
    change = the(asked(text, signal=signal), "signal.market_regime")
    assert (change.before, change.after, change.distance, change.turns) == ("CALM", "WILD", None, None)
    sided = judged("known(signal) and signal.side == SELL")
    assert the(asked(sided, signal=signal), "signal.side").after == "SELL"
    flagged = judged("known(signal) and signal.reduce_only")
    assert the(asked(flagged, signal=signal), "signal.reduce_only").after is True


def test_of_names_without_a_list_those_are_tried_that_the_policy_lists():
    market = {"symbol": "A", "price": 1, "base": "SHIB"}
    text = judged("market.base not in [BTC, ETH]").replace("    on_error", "    requires: [market.base]\n    on_error")
    assert the(asked(text, market=market), "market.base").after == "BTC"


def test_of_names_those_are_tried_that_a_table_has_and_that_a_case_lists():
    table = """
rules:
  tier:
    kind: table
    of: signal.symbol
    rows: [{name: CORE, is: [BTC, ETH], takes: [LONG_ONLY]}, {name: MORE, is: [SOL], takes: [ANYTHING]}]
    otherwise: {name: NONE, takes: []}
  listed: {kind: formula, formula: "STOP if market.base in tier.takes else GO"}
decisions:
  answer:
    requires: [signal.symbol, market.base, market.symbol]
    outputs: {verdict: tier.name, listed: listed}
    on_error: {verdict: none, listed: none}
"""
    market = {"symbol": "DOGEUSDT", "base": "DOGE", "price": 1}
    findings = asked(table, signal={"symbol": "DOGE"}, market=market)
    assert {(one.after, one.verdict_after) for one in findings.inputs} == {("BTC", "CORE"), ("SOL", "MORE")}
    (change,) = asked(table, output="listed", signal={"symbol": "BTC"}, market=market).inputs
    assert (change.where, change.after, change.verdict_after) == ("market.base", "LONG_ONLY", "STOP")


def test_a_name_that_has_to_be_another_one_is_tried_as_that():
    rules = judged(
        "default(signal.score, 0) > 5 and market.base == NONE", "inputs:\n  signal.symbol: {same_as: market.symbol}"
    )
    rules = rules.replace("    outputs", "    requires: [signal.symbol, market.base, market.symbol]\n    outputs")
    findings = asked(rules, signal={"symbol": "BTCUSDT"}, market={"symbol": "ETHUSDT", "base": "ETH", "price": 1})
    assert not findings.ok
    told = {one.where: (one.after, one.verdict_after) for one in findings.inputs}
    assert told == {"signal.symbol": ("ETHUSDT", "GO"), "market.symbol": ("BTCUSDT", "GO")}


def test_a_time_moves_in_days():
    memory = "memory:\n  since: {type: time, start: none, next: memory.since}\n"
    text = judged("known(memory.since) and hours_between(memory.since, as_of) < 24h", memory)
    findings = asked(text, memory={"since": "2026-03-02T00:30:00Z"})  # ten hours before
    assert the(findings, "as_of").turns == "2026-03-03T00:30:00Z"
    assert the(findings, "as_of").distance == 14 / 24
    assert the(findings, "memory.since").turns == "2026-03-01T10:30:00Z"
    assert the(findings, "memory.since").kind == "memory"


def test_a_remembered_number_a_name_and_a_flag_can_be_what_matters():
    memory = (
        "memory:\n"
        "  peak: {start: account.total_wallet_balance, next: memory.peak, unit: USD}\n"
        "  state: {start: CALM, next: memory.state}\n"
        "  off: {type: flag, start: 'false', next: memory.off}\n"
    )
    text = judged("memory.peak >= 2000 USD or memory.state == WILD or memory.off or memory.state in [WILD]", memory)
    findings = asked(text, memory={"peak": 1000, "state": "CALM", "off": False})
    assert the(findings, "memory.peak").turns == 2000.0
    assert the(findings, "memory.state").after == "WILD"
    assert the(findings, "memory.off").after is True


def test_what_else_is_remembered_stays_as_it_is():
    memory = (
        "memory:\n"
        "  peak: {start: 0 USD, next: memory.peak, unit: USD}\n"
        "  trough: {start: 0 USD, next: memory.trough, unit: USD}\n"
    )
    text = judged("memory.peak - memory.trough >= 2000 USD", memory)
    findings = asked(text, memory={"peak": 1500, "trough": -400})
    assert (the(findings, "memory.peak").after, the(findings, "memory.trough").after) == (1600.0, -500.0)
    assert {"memory.peak", "memory.trough"} <= {one.where for one in findings.inputs}
    assert not any(one.where.startswith("memory") for one in findings.thresholds)


def test_each_evaluation_is_counted_where_it_belongs():
    question = Question(policy(judged("account.margin_used > 5 USD")), seen(snapshot()), None, "answer", str, None)
    meters = Meter(100), Meter(100)
    situations = Situations(question, snapshot(), 3, *meters)
    for deciders, value in (
        (situations.deciding((("account", "margin_used"),)), 7),
        (situations.remembering("nothing"), 7),
    ):
        for meter, decide in zip(meters, deciders, strict=True):
            left = [one.left for one in meters]
            assert decide(value) is not None
            assert [one.left for one in meters] == [
                was - 3 * (one is meter) for was, one in zip(left, meters, strict=True)
            ]


def test_what_is_written_twice_in_a_matrix_moves_as_one():
    assets = [{"symbol": "A", "volatility_pct": 1}, {"symbol": "B", "volatility_pct": 1}]
    text = judged(
        "known(assets) and known(correlation) and default(correlation_between(assets, correlation, 'B', 'A'), 0) > 0.75"
    )
    findings = asked(text, assets=assets, correlation=[[1, 0.5], [0.5, 1]])
    assert the(findings, "correlation[1][0]").turns == math.nextafter(0.75, 1)
