"""What would have changed a verdict: single changes, right to the last double, each borne out by the changed thing."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rulecap.audit.why import Change, Counts, Findings, render, why
from rulecap.audit.why.axis import Axis, Turn, nearest_turns
from rulecap.audit.why.candidates import Candidate, Meter, WorkDone
from rulecap.audit.why.changed import changed_document, changed_policy
from rulecap.audit.why.open_numbers import Cell, OpenNumber, OpenParts, held
from rulecap.audit.why.question import Question
from rulecap.audit.why.search import Found, Search, verified
from rulecap.audit.why.situations import Situations
from rulecap.audit.why.written import numbers_in, overlay_text
from rulecap.engine.amend import amended
from rulecap.location import Location
from rulecap.snapshot import Snapshot, read_snapshot
from tests.promises.shipped import shipped
from tests.written import policy, snapshot

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("btc_500", "sushi_recorded")
ASKED = (("position", "recommendation"), ("margin", "zone"), ("state", "band"))

ZONES = """\
rules:
  used:
    kind: formula
    unit: percent
    formula: as_percent(account.margin_used, account.total_wallet_balance)
  zone:
    kind: bands
    of: used
    cases:
      - {name: GREEN, below: 50%}
      - {name: RED}
decisions:
  answer:
    on_error: {verdict: none}
    outputs: {verdict: zone.name}
"""


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "policies/default/examples" / f"{name}.json").read_text())
    return found


def seen(value: dict[str, Any]) -> Snapshot:
    read = read_snapshot(value)
    assert isinstance(read, Snapshot), read
    return read


def asked(text: str, memory: Any = None, output: str = "verdict", **parts: Any) -> Findings:
    """Return why a policy in a text answers as it does."""
    return why(policy(text), seen(snapshot(**parts)), memory, "answer", lambda one: one.outputs.get(output))


def the(findings: Findings, where: str, up: bool | None = None) -> Change:
    """Return the only change of a value, or that upwards or downwards."""
    found = [one for one in findings.changes if one.where == where]
    if up is not None:
        found = [one for one in found if (one.after > one.before) == up]  # type: ignore[operator]
    assert len(found) == 1, (where, [(one.where, one.after) for one in findings.changes])
    return found[0]


def places(findings: Findings) -> set[str]:
    return {one.where for one in findings.changes}


def judged(condition: str, more: str = "") -> str:
    """Return a policy that stops where a condition holds; it stands in the condition's own line, column 13."""
    return f"""\
{more}
rules:
  judgement:
    kind: checks
    order: [GO, STOP]
    checks:
      - name: only
        if: {condition}
        verdict: STOP
        why: it is so
decisions:
  answer:
    on_error: {{verdict: none}}
    outputs: {{verdict: judgement.verdict}}
"""


# Inputs, right to the last double


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


# Thresholds


def test_a_bands_bound_turns_at_the_value_that_it_is_held_against():
    change = the(asked(ZONES), "zone.GREEN.below")
    assert (change.before, change.turns, change.stays) == (50.0, 10.0, math.nextafter(10.0, math.inf))
    assert (change.kind, change.unit, change.written) == ("threshold", "percent", "10%")
    assert (change.place.file, change.place.line) == ("policy.yaml", 10)


def test_a_bound_stays_between_its_neighbours():
    text = ZONES.replace("below: 50%}", "below: 20%}\n      - {name: AMBER, below: 50%}")
    findings = asked(text)
    assert the(findings, "zone.GREEN.below").turns == 10.0
    assert "zone.AMBER.below" not in places(findings)  # it cannot go below 20 %, where it would matter


def test_a_parameter_moves_within_its_range():
    text = judged("account.margin_used > most", "parameters:\n  most: {value: 150 USD, range: [50 USD, 200 USD]}")
    change = the(asked(text), "most")
    assert (change.turns, change.written) == (math.nextafter(100, 0), "99.9990 USD")
    assert change.after == 99.999  # as `99.999 USD` it might be read as a thousand times as much, and is refused
    assert "most" not in places(asked(text.replace("[50", "[120")))


@pytest.mark.parametrize("moment", ["2026-03-02T10:30:00Z", "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"])
def test_of_a_dated_parameter_the_value_in_force_is_what_moves(moment):
    dated = (
        "parameters:\n  most:\n    unit: USD\n    values:\n"
        "      - {from: 2025-01-01, is: 500 USD}\n      - {from: 2026-01-01, is: 150 USD}\n"
        "      - {from: 2027-01-01, is: 90 USD}\n"
    )
    findings = asked(judged("account.margin_used > most", dated), as_of=moment)
    change = the(findings, "most.values.1.is")
    assert (change.before, change.turns) == (150.0, math.nextafter(100, 0))
    assert len(findings.thresholds) == 1


def test_before_a_dated_parameter_s_first_date_none_of_its_values_moves():
    dated = "parameters:\n  most:\n    unit: USD\n    values:\n      - {from: 2026-01-01, is: 150 USD}\n"
    findings = asked(judged("account.margin_used > most", dated), as_of="2025-12-31T23:59:59Z")
    assert (findings.ok, findings.thresholds) == (False, ())


def test_a_column_of_the_matched_case_turns_what_it_scales():
    text = """\
rules:
  size:
    kind: table
    of: signal.symbol
    rows:
      - {name: A, is: [AAA], most: 3, share: 0.5}
      - {name: B, is: [BBB], most: 4, share: 1.0}
    otherwise: {name: C, most: 5, share: 0.1}
  judgement:
    kind: checks
    order: [GO, STOP]
    checks:
      - {name: many, if: count(positions) >= size.most, verdict: STOP, why: too many}
      - {name: much, if: account.margin_used > account.total_wallet_balance * size.share, verdict: STOP, why: too much}
decisions:
  answer:
    requires: [signal]
    on_error: {verdict: none}
    outputs: {verdict: judgement.verdict}
"""
    findings = asked(text, signal={"symbol": "AAA"}, positions=[{}, {}])
    assert (the(findings, "size.A.most").after, the(findings, "size.A.most").stays) == (2, 3)
    assert the(findings, "size.A.share").turns == math.nextafter(0.1, 0)
    assert {"size.B.most", "size.B.share", "size.otherwise.most"}.isdisjoint(places(findings))
    assert the(findings, "size.A.share").reason_after == "too much"


def test_a_column_moves_within_its_range_and_the_range_itself_is_no_threshold():
    text = """\
rules:
  size:
    kind: table
    of: signal.symbol
    ranges: {share: [0.01, 1], limit.most: [2, 9]}
    rows:
      - {name: A, is: [AAA], limit: {most: 3}, share: 0.5}
    otherwise: {name: C, limit: {most: 5}, share: 0.3}
  judgement:
    kind: checks
    order: [GO, STOP]
    checks:
      - {name: many, if: count(positions) >= size.limit.most, verdict: STOP, why: too many}
      - {name: much, if: account.margin_used > account.total_wallet_balance * size.share, verdict: STOP, why: too much}
decisions:
  answer:
    requires: [signal]
    on_error: {verdict: none}
    outputs: {verdict: judgement.verdict}
"""
    findings = asked(text, signal={"symbol": "AAA"}, positions=[{}, {}])
    assert (the(findings, "size.A.limit.most").after, the(findings, "size.A.limit.most").stays) == (2, 3)
    assert the(findings, "size.A.share").turns == math.nextafter(0.1, 0)
    narrower = text.replace("[0.01,", "[0.2,").replace("[2, 9]", "[3, 9]")
    findings = asked(narrower, signal={"symbol": "AAA"}, positions=[{}, {}])
    assert {"size.A.share", "size.A.limit.most"}.isdisjoint(places(findings))
    numbers = numbers_in(policy(text).typed, {"rules": ("size",)})
    assert {one.path: (one.low, one.high) for one in numbers} == {
        "size.A.limit.most": (2, 9),
        "size.A.share": (0.01, 1),
        "size.otherwise.limit.most": (2, 9),
        "size.otherwise.share": (0.01, 1),
    }


def test_a_threshold_that_turns_at_one_value_alone_is_found_where_a_rule_comes_to_it():
    used = "rules:\n  used: {kind: formula, unit: USD, formula: account.margin_used}\n"
    text = judged("used == 120.7 USD").replace("rules:\n", used)
    (change,) = asked(text, account={"margin_used": 97.31}).thresholds
    assert (change.before, change.after, change.verdict_after) == (120.7, 97.31, "STOP")


def test_a_number_that_a_check_is_written_with_is_a_threshold():
    change = the(asked(judged("account.margin_used > 150 USD and 1 == 1")), "judgement.only.if")
    assert change.turns == math.nextafter(100.0, 0.0)
    assert change.written == "account.margin_used > 99.9990 USD and 1 == 1"
    assert change.place.column == 13 + len("account.margin_used > ")


def test_an_end_of_an_inputs_range_can_be_what_refuses():
    limited = "inputs:\n  market.atr_pct: {range: [1%, 4%]}\n"
    text = judged("market.atr_pct > 5%", limited).replace(
        "    on_error", "    requires: [market.atr_pct]\n    on_error"
    )
    findings = asked(text, market={"symbol": "A", "price": 1, "atr_pct": 4.5})
    assert (findings.ok, findings.verdict) == (False, None)
    assert the(findings, "inputs.market.atr_pct.range.1").turns == 4.5
    assert the(findings, "market.atr_pct").turns == 4.0


def test_a_number_keeps_its_sign_where_it_is_not_compared():
    text = """\
rules:
  judgement: {kind: tree, branches: [{if: account.margin_used * size < 0 USD, then: STOP}], otherwise: GO}
  size: {kind: formula, unit: ratio, formula: 0.5}
decisions:
  answer: {on_error: {verdict: none}, outputs: {verdict: judgement}}
"""
    assert "size.formula" not in places(asked(text))


def test_a_number_in_an_output_is_a_threshold_too():
    text = """\
decisions:
  answer:
    on_error: {verdict: none}
    outputs: {verdict: "'STOP' if account.margin_used > 150 USD else 'GO'"}
"""
    change = the(asked(text), "decisions.answer.outputs.verdict")
    assert change.turns == math.nextafter(100.0, 0.0)
    assert change.verdict_after == "STOP"


def test_a_number_of_a_decision_is_a_threshold_though_a_dated_parameter_is_called_like_the_decision():
    text = """\
parameters:
  answer:
    unit: USD
    values: [{from: 2025-01-01, is: 150 USD}]
decisions:
  answer:
    on_error: {verdict: none, most: none}
    outputs: {verdict: account.margin_used > 120 USD, most: answer}
"""
    assert [one.where for one in asked(text).thresholds] == ["decisions.answer.outputs.verdict"]


def test_a_parameter_can_be_what_an_output_and_a_remembered_value_start_from():
    text = """\
parameters:
  first: {value: 5 USD}
memory:
  last: {start: first, next: memory.last}
decisions:
  answer:
    on_error: {verdict: none}
    outputs: {verdict: "'STOP' if account.margin_used < memory.last else 'GO'"}
"""
    assert the(asked(text), "first").turns == math.nextafter(100.0, math.inf)
    assert asked(text, memory={"last": 5}).thresholds == ()


CASES = """\
rules:
  zone:
    kind: bands
    of: as_percent(account.margin_used, account.total_wallet_balance)
    cases:
      - {name: GREEN, below: 50%, most: 40%}
      - {name: RED, most: 80%}
  judgement:
    kind: checks
    order: [GO, STOP]
    checks:
      - name: only
        if: account.unrealized_pnl > percent_of(account.total_wallet_balance, READ)
        verdict: STOP
        why: it is so
decisions:
  answer: {on_error: {verdict: none}, outputs: {verdict: judgement.verdict}}
"""


def test_what_another_rule_reads_of_a_case_by_name_is_a_threshold():
    findings = asked(CASES.replace("READ", "zone.RED.most"), account={"unrealized_pnl": 600})
    assert the(findings, "zone.RED.most").turns == math.nextafter(60.0, 0.0)
    assert [one.where for one in findings.thresholds] == ["zone.RED.most"]


def test_an_end_of_a_case_that_is_read_by_name_is_the_bound():
    findings = asked(CASES.replace("READ", "zone.RED.from"), account={"unrealized_pnl": 600})
    assert findings.verdict == "STOP"
    assert the(findings, "zone.GREEN.below").turns == 60.0


def test_what_another_rule_looks_up_is_a_threshold():
    findings = asked(CASES.replace("READ", "zone.at(60%).most"), account={"unrealized_pnl": 600})
    assert the(findings, "zone.RED.most").turns == math.nextafter(60.0, 0.0)
    assert the(findings, "zone.GREEN.below").turns == math.nextafter(60.0, math.inf)  # then 60 % is GREEN, too


def test_a_decision_that_answers_as_far_as_it_can_has_thresholds_as_any_other():
    text = """\
parameters:
  most: {value: 150 USD}
rules:
  judgement: {kind: tree, branches: [{if: account.margin_used > most, then: STOP}], otherwise: GO}
  broken: {kind: formula, unit: ratio, formula: 1 USD / account.unrealized_pnl}
decisions:
  answer:
    answers_anyway: true
    on_error: {verdict: none, broken: none}
    outputs: {verdict: judgement, broken: broken}
"""
    findings = asked(text)
    assert (findings.ok, findings.verdict) == (True, "GO")
    assert the(findings, "most").turns == math.nextafter(100.0, 0.0)


def test_where_another_decision_answered_its_rules_are_what_matters():
    base = amended(
        example("sushi_recorded"), [("signal.reduce_only", True), ("signal.side", "SELL"), ("signal.quantity", None)]
    )
    findings = why(shipped("default"), seen(base), None, "position", lambda one: one.answered_by)
    assert findings.verdict == "reduction"
    assert the(findings, "signal.reduce_only").verdict_after == "position"


# What is not found, not given, not tried


HANDED = """\
rules:
  judgement:
    kind: checks
    order: [GO, STOP]
    checks: [{name: much, if: account.margin_used >= 150 USD, verdict: STOP, why: much is used}]
  least:
    kind: checks
    order: [GO, LESS]
    checks:
      - {name: little, if: account.available_balance < 1000 USD and judgement.verdict == GO, verdict: LESS, why: see}
decisions:
  answer:
    hand_over: [{if: account.unrealized_pnl < 10 USD, to: other}]
    on_error: {verdict: none}
    outputs: {verdict: judgement.verdict}
  other:
    on_error: {verdict: none}
    outputs: {verdict: least.verdict}
"""


def test_the_numbers_are_those_of_the_decision_that_answered_and_what_leads_to_it_counts_too():
    findings = asked(HANDED)
    assert (findings.verdict, findings.reason) == ("LESS", "see")
    assert [one.where for one in findings.thresholds] == ["least.little.if", "judgement.much.if"]
    assert {one.where.removeprefix("account.") for one in findings.inputs} == {
        "available_balance", "margin_used", "unrealized_pnl",
    }  # fmt: skip
    kept = the(asked(HANDED, account={"unrealized_pnl": 10}), "account.unrealized_pnl")
    assert (kept.verdict_before, kept.verdict_after, kept.turns) == ("GO", "LESS", math.nextafter(10.0, 0))


def test_each_reason_of_a_refusal_is_told():
    text = judged("signal.score < 60").replace(
        "    on_error", "    requires: [signal.score, market.atr_pct]\n    on_error"
    )
    findings = asked(text, signal={"symbol": "A"}, market={"symbol": "A", "price": 1})
    assert findings.missing == ("signal.score", "market.atr_pct")
    assert findings.reason.count("; ") == 1


def test_where_no_single_change_turns_it_that_is_said():
    findings = asked(judged("account.margin_used > 5000 USD and account.unrealized_pnl > 5000 USD"))
    assert findings.changes == ()
    assert findings.counts["inputs"].changing == 0
    assert findings.counts["inputs"].unchanging == 2
    assert findings.counts["thresholds"].unchanging == 2
    assert not findings.exhausted
    assert "No single input changes it" in render(findings)
    assert "No single number of the policy changes it" in render(findings)


def test_a_missing_input_is_named_and_values_for_it_are_found():
    text = judged("signal.score < 60").replace("    on_error", "    requires: [signal.score]\n    on_error")
    findings = asked(text, signal={"symbol": "A"})
    assert (findings.ok, findings.missing) == (False, ("signal.score",))
    assert {one.verdict_after for one in findings.inputs} == {"GO", "STOP"}
    assert all(one.before is None and one.where == "signal.score" for one in findings.inputs)
    assert "signal.score would have to be given" in render(findings)


def test_a_change_that_only_has_it_decided_is_told_as_that():
    """What is refused as STOP, and decided as STOP: `STOP would be STOP` would tell nobody anything."""
    text = judged("signal.score >= 0").replace(
        "    on_error: {verdict: none}", "    requires: [signal.score]\n    on_error: {verdict: STOP}"
    )
    findings = asked(text, signal={"symbol": "A"})
    assert {(one.verdict_before, one.verdict_after) for one in findings.inputs} == {("STOP", "STOP")}
    told = render(findings)
    assert "STOP would be decided, not refused, if signal.score were given as" in told
    assert "STOP would be STOP" not in told


def test_a_missing_part_is_named_though_no_one_value_makes_it():
    text = judged("signal.score < 60").replace("    on_error", "    requires: [signal.score]\n    on_error")
    findings = asked(text)
    assert findings.missing == ("signal.score",)
    assert findings.changes == ()


def test_a_division_by_zero_turns_as_soon_as_there_is_something():
    findings = asked(ZONES, account={"total_wallet_balance": 0})
    assert not findings.ok
    assert "division by zero" in findings.reason
    change = the(findings, "account.total_wallet_balance", up=True)
    assert 0 < change.stays < change.turns <= change.after  # the quotient of a smaller wallet has no double
    assert 100.0 * 100.0 / change.turns < math.inf == 100.0 * 100.0 / change.stays


def test_a_refusal_is_no_other_verdict():
    text = """\
rules:
  share: {kind: formula, unit: ratio, formula: account.margin_used / account.unrealized_pnl}
decisions:
  answer: {on_error: {verdict: STOP, share: none}, outputs: {verdict: "'GO'", share: share}}
"""
    assert asked(text, account={"unrealized_pnl": 10}).changes == ()
    assert policy(text).evaluate(snapshot(), "answer").outputs["verdict"] == "STOP"


@pytest.mark.parametrize("lie", [{200.0}, {150.0}, {149.0}])
def test_what_the_changed_thing_does_not_bear_out_is_not_told(lie):
    """A search may go wrong at the value offered, at the turn, or at its neighbour: `really` has the last word."""
    rules = policy(judged("account.margin_used >= 150 USD"))
    answer = rules.evaluate(snapshot(), "answer")
    question = Question(rules, seen(snapshot()), None, "answer", lambda one: one.outputs.get("verdict"), answer)

    def at(value: Any) -> Any:
        return rules.evaluate(snapshot(account={"margin_used": value}), "answer")

    def really(value: Any) -> Any:
        return at(0 if value >= 150 else 1e6) if value in lie else at(value)

    found = Found(Candidate("input", "account.margin_used", 100.0, at, really, Axis(0, 1e6)), Turn(149.0, 150.0, 200.0))
    searched = Search((found,), Counts(changing=1))
    assert verified(question, searched, 5, Meter(0))[0] == []
    assert verified(question, searched, 5, Meter(0))[1].counts == Counts(changing=1, unverified=1)
    choice = Found(Candidate("input", "account.margin_used", 100.0, at, lambda _: at(0), None, (200.0,)), None, 200.0)
    assert verified(question, Search((choice,)), 5, Meter(0))[0] == []

    def spent(_: Any) -> Any:
        raise WorkDone

    unproved = Search((replace(found, candidate=replace(found.candidate, really=spent)),), Counts(changing=1))
    told, left = verified(question, unproved, 5, Meter(0))
    assert (told, left.counts) == ([], Counts(changing=1, untried=1))
    honest = Search((replace(found, candidate=replace(found.candidate, really=at)),), Counts(changing=1))
    assert [one.after for one in verified(question, honest, 5, Meter(0))[0]] == [200.0]


def test_an_unknown_decision_has_nothing_that_would_change_it():
    findings = why(policy(ZONES), seen(snapshot()), None, "answr", lambda one: one.outputs.get("verdict"))
    assert (findings.ok, findings.changes) == (False, ())


def test_the_work_is_bounded_and_that_it_was_not_enough_is_said():
    rules = shipped("default")
    found = why(rules, seen(example("sushi_recorded")), None, "position", recommendation, work=900)
    assert found.exhausted
    assert found.counts["inputs"].untried > 0
    assert found.evaluations <= 900
    assert "used up" in render(found)


@pytest.mark.parametrize("work", [0, 1, 50, 5_000])
def test_any_work_gives_an_answer(work):
    found = why(shipped("default"), seen(example("btc_500")), None, "position", recommendation, work=work)
    assert found.verdict == "REJECT"
    assert found.exhausted


@pytest.mark.no_cover
def test_the_same_question_has_the_same_answer():
    one, two = (why(shipped("default"), seen(example("btc_500")), None, "position", recommendation) for _ in range(2))
    assert one.to_dict() == two.to_dict()


# What stands open


def test_an_open_number_is_compared_as_what_it_is_now():
    number = OpenNumber("n", 5.0)
    number.now = 7.0
    assert [number < 7, number < 8, number <= 7, number <= 6.5, number > 7, number > 6, number >= 7, number >= 7.5] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert [number == 7, number == 5, number != 7] == [True, False, False]


def test_the_numbers_of_a_column_that_is_a_list_move_one_by_one():
    first, second = OpenNumber("a", 1.0), OpenNumber("b", 2.0)
    column: dict[str, object] = {}
    cell = Cell(column, "steps", (first, (second, 3.0)))
    parts = OpenParts({"a": first, "b": second}, {one.name: [cell] for one in held(cell.template)})
    assert set(parts.cells) == {"a", "b"}
    parts.move("b", 5.0)
    assert column == {"steps": (1.0, (5.0, 3.0))}
    parts.move("a", -1.0)
    assert repr(column) == "{'steps': (-1.0, (5.0, 3.0))}", "plain numbers"


# What is written


WRITTEN = """\
parameters:
  most: {value: 5%, unit: percent, range: [1%, 10%], title: "7", why: "5"}
  few: {value: 3, unit: count, range: [1, 5]}
  share: {value: 50bp}
  on: {value: true}
  fee: {unit: percent, values: [{from: 2026-01-01, is: 1%}, {from: 2026-03-01, is: 2%}]}
  answer: {value: 4, unit: ratio}
inputs:
  account.margin_used: {range: [0 USD, 1000 USD]}
rules:
  used: {kind: formula, unit: percent, formula: "as_percent(account.margin_used, account.total_wallet_balance) + 1%"}
  zone:
    kind: bands
    of: used
    title: "3"
    ranges: {size: [0, 2], room: [0 USD, 900 USD]}
    cases:
      - {name: LOW, below: 10%, size: 1, room: 100 USD, pause: 90min, lean: -3, ladder: {below: 1}, ranges: [5, 6]}
      - {name: MID, below: 20%, size: 2, room: 50 USD, pause: 24h, lean: -1.5, ladder: {below: 2}, ranges: [5]}
      - {name: TOP, size: 0.5, room: 1 USD, pause: 1h, lean: 0, ladder: {below: 3}, ranges: [0.7]}
  tier:
    kind: table
    of: account.id
    ranges: {share: [0%, 50%]}
    rows: [{name: ONE, is: [A], share: 40%}]
    otherwise: {name: OTHER, share: 20%}
  gate:
    kind: checks
    order: [GO, STOP]
    checks:
      - {name: much, if: "used * 2 > 1_000% or used >= 20% or on", verdict: STOP, why: "{used} > 3"}
      - {name: order, if: "(used if used > 7% else 3%) < 4%", verdict: STOP, why: y}
decisions:
  answer:
    on_error: {verdict: STOP, title: 1 USD, zone: none, tier: none}
    outputs: {verdict: gate.verdict, title: 5 USD, zone: zone, tier: tier}
    explain: ["{zone} of 7"]
"""
END = 1e15  # of what is written; beyond it no number may be


def test_each_number_is_known_by_its_path_its_place_and_where_it_may_move():
    typed = policy(WRITTEN).typed
    sections = {
        "rules": tuple(typed.rules),
        "parameters": tuple(typed.parameters),
        "decisions": ("answer",),
        "inputs": ("account.margin_used",),
    }
    found = [
        (overlay_text(one, 7.25), one.value, one.unit, one.low, one.high, one.whole, one.place.line, one.place.column)
        for one in numbers_in(typed, sections)
    ]
    assert all(changed_document(typed.text.node, one, one.value) for one in numbers_in(typed, sections))
    assert found == [
        ("'zone.LOW.below': '7.25%'", 10.0, "percent", -END, 19.999999999999996, False, 18, 28),
        ("'zone.LOW.size': 7.25", 1, None, 0.0, 2.0, False, 18, 39),
        ("'zone.LOW.room': '7.25 USD'", 100.0, "USD", 0.0, 900.0, False, 18, 48),
        ("'zone.LOW.pause': '7.25h'", 1.5, "hours", 0.0, END, False, 18, 64),
        ("'zone.LOW.lean': 7.25", -3, None, -END, 0.0, False, 18, 77),
        ("'zone.LOW.ladder.below': 7.25", 1, None, 0.0, END, True, 18, 97),
        ("'zone.LOW.ranges.0': 7.25", 5, None, 0.0, END, True, 18, 110),
        ("'zone.LOW.ranges.1': 7.25", 6, None, 0.0, END, True, 18, 113),
        ("'zone.MID.below': '7.25%'", 20.0, "percent", 10.000000000000002, END, False, 19, 28),
        ("'zone.MID.size': 7.25", 2, None, 0.0, 2.0, False, 19, 39),
        ("'zone.MID.room': '7.25 USD'", 50.0, "USD", 0.0, 900.0, False, 19, 48),
        ("'zone.MID.pause': '7.25h'", 24.0, "hours", 0.0, END, False, 19, 63),
        ("'zone.MID.lean': 7.25", -1.5, None, -END, 0.0, False, 19, 74),
        ("'zone.MID.ladder.below': 7.25", 2, None, 0.0, END, True, 19, 96),
        ("'zone.MID.ranges.0': 7.25", 5, None, 0.0, END, True, 19, 109),
        ("'zone.TOP.size': 7.25", 0.5, None, 0.0, 2.0, False, 20, 27),
        ("'zone.TOP.room': '7.25 USD'", 1.0, "USD", 0.0, 900.0, False, 20, 38),
        ("'zone.TOP.pause': '7.25h'", 1.0, "hours", 0.0, END, False, 20, 52),
        ("'zone.TOP.lean': 7.25", 0, None, -END, END, False, 20, 62),
        ("'zone.TOP.ladder.below': 7.25", 3, None, 0.0, END, True, 20, 81),
        ("'zone.TOP.ranges.0': 7.25", 0.7, None, 0.0, END, False, 20, 94),
        ("'tier.ONE.share': '7.25%'", 40.0, "percent", 0.0, 50.0, False, 25, 40),
        ("'tier.otherwise.share': '7.25%'", 20.0, "percent", 0.0, 50.0, False, 26, 37),
        ("'gate.much.if': 'used * 2 > 7.25% or used >= 20% or on'", 1000.0, "percent", -END, END, False, 31, 38),
        ("'gate.much.if': 'used * 7.25 > 1_000% or used >= 20% or on'", 2, None, -END, END, False, 31, 34),
        ("'gate.much.if': 'used * 2 > 1_000% or used >= 7.25% or on'", 20.0, "percent", -END, END, False, 31, 56),
        ("'gate.checks.order.if': '(used if used > 7% else 3%) < 7.25%'", 4.0, "percent", -END, END, False, 32, 58),
        ("'gate.checks.order.if': '(used if used > 7% else 7.25%) < 4%'", 3.0, "percent", -END, END, False, 32, 52),
        ("'gate.checks.order.if': '(used if used > 7.25% else 3%) < 4%'", 7.0, "percent", -END, END, False, 32, 44),
        ("'most': '7.25%'", 5.0, "percent", 1.0, 10.0, False, 2, 17),
        ("'few': 7.25", 3, "count", 1.0, 5.0, True, 3, 16),
        ("'share': '7.25%'", 0.5, "percent", -END, END, False, 4, 18),
        ("'fee.values.0.is': '7.25%'", 1.0, "percent", -END, END, False, 6, 56),
        ("'fee.values.1.is': '7.25%'", 2.0, "percent", -END, END, False, 6, 84),
        ("'answer': 7.25", 4, "ratio", -END, END, False, 7, 19),
        ("'decisions.answer.outputs.title': '7.25 USD'", 5.0, "USD", 0.0, END, False, 36, 45),
        ("'inputs.account.margin_used.range.0': '7.25 USD'", 0.0, "USD", -END, 1000.0, False, 9, 33),
        ("'inputs.account.margin_used.range.1': '7.25 USD'", 1000.0, "USD", 0.0, END, False, 9, 40),
    ]  # fmt: skip


def test_a_number_that_the_policy_does_not_take_there_makes_no_policy_and_raises_nothing():
    rules = policy(WRITTEN)
    number = next(numbers_in(rules.typed, {"rules": ("zone",)}))
    assert (number.path, changed_policy(rules, number, 19.0) is not None) == ("zone.LOW.below", True)
    assert changed_policy(rules, number, 20.0) is None, "the next case has nothing left"
    for nowhere in ("zone.NOBODY.below", "zone.LOW.below.x", "\0"):
        assert changed_document(rules.typed.text.node, replace(number, path=nowhere), 5.0) is None
        assert changed_policy(rules, replace(number, path=nowhere), 5.0) is None


# Telling


def test_the_text_says_what_instead_of_what():
    text = render(asked(ZONES))
    assert "GREEN would be RED if account.margin_used were 500 USD instead of 100 USD (+400 %)" in text
    assert "GREEN would be RED if zone.GREEN.below (policy.yaml:10) were 10 % instead of 50 % (−80 %)" in text
    assert "One value is changed at a time, all others are held" in text


def test_the_text_says_all_that_was_found_and_what_was_not():
    def change(before: object, after: object, **more: Any) -> Change:
        told = {"kind": "input", "where": "a.b", "place": None, "unit": None, "turns": None, "stays": None,
                "written": None, "distance": None, "verdict_before": "STOP", "verdict_after": "GO",
                "reason_after": ""}  # fmt: skip
        return Change(before=before, after=after, **{**told, **more})

    place = Location("policy.yaml", 7, 3)
    changes = (
        change(100.0, 80.0, unit="USD", turns=80.5, stays=81.0, reason_after="it\nis"),
        change(-50.0, -25.0, unit="percent", turns=-25.0, stays=-26.0),
        change(0.0, 5.0, unit="hours", verdict_after="STOP"),
        change(1e-9, 5e5, unit="USD"),
        change(1234567, 2469134, unit="count"),
        change(0.1, 0.30000000000000004),
        change(None, "LONG"),
        change(2.0, 3.0, kind="threshold", where="zone.A", place=place, unit="leverage"),
    )
    counts = {"inputs": Counts(7, 2, 3, 4), "thresholds": Counts(1, 0)}
    found = Findings("answer", "STOP", "it is so", False, ("x.y",), changes, counts, 77, True)
    assert (
        render(found)
        == """\
answer: STOP (refused)
  it is so
  x.y would have to be given

Inputs, the nearest change first (7 of 9 change it on their own; 4 not borne out by the changed policy; 3 not tried):
  STOP would be GO if a.b were 80 USD instead of 100 USD (−20 %)
    from 80.5; at 81.0 it still is STOP
    it\\nis
  STOP would be GO if a.b were -25 % instead of -50 % (+50 %)
  STOP would be decided, not refused, if a.b were 5 h instead of 0 h
  STOP would be GO if a.b were 500,000 USD instead of 1e-09 USD
  STOP would be GO if a.b were 2,469,134 instead of 1,234,567 (+100 %)
  STOP would be GO if a.b were 0.30000000000000004 instead of 0.1 (+200 %)
  STOP would be GO if a.b were given as LONG

Thresholds, the nearest change first (1 of 1 change it on their own):
  STOP would be GO if zone.A (policy.yaml:7) were 3 x instead of 2 x (+50 %)

One value is changed at a time, all others are held, also those that move with it in the market or the account.
The work allowed was used up after 77 evaluations: nearer changes may exist."""
    )
    nothing = render(replace(found, changes=(), missing=(), reason="", ok=True, exhausted=False))
    assert nothing.startswith("answer: STOP\n\nNo single input changes it. (7 of 9")
    assert nothing.endswith("in the market or the account.")


def test_the_dictionary_is_json_under_stable_keys():
    told = json.loads(json.dumps(asked(ZONES).to_dict(), allow_nan=False))
    assert set(told) == {
        "decision", "verdict", "reason", "ok", "missing", "changes", "counts", "evaluations", "exhausted", "note",
    }  # fmt: skip
    assert set(told["changes"][0]) == {
        "kind", "where", "place", "unit", "before", "after", "turns", "stays", "written", "distance",
        "verdict_before", "verdict_after", "reason_after", "verified",
    }  # fmt: skip
    assert set(told["counts"]["inputs"]) == {"changing", "unchanging", "untried", "unverified"}
    assert [one["place"] for one in told["changes"] if one["kind"] == "threshold"] == ["policy.yaml:10"]


@pytest.mark.parametrize("work", [65_000, 20])
@pytest.mark.parametrize("requires", ["[]", "[signal.score]"])
def test_the_dictionary_says_what_was_found(requires, work):
    text = judged("account.margin_used >= 150 USD").replace("    on_error", f"    requires: {requires}\n    on_error")
    read = seen(snapshot(signal={"symbol": "A"}))
    findings = why(policy(text), read, None, "answer", lambda one: one.outputs.get("verdict"), work)
    told = findings.to_dict()
    assert (findings.ok, findings.exhausted) == (requires == "[]", work == 20)
    for name in ("decision", "verdict", "reason", "ok", "evaluations", "exhausted"):
        assert told[name] == getattr(findings, name), name
    assert told["missing"] == list(findings.missing) == ([] if findings.ok else ["signal.score"])
    assert [(one["where"], one["after"]) for one in told["changes"]] == [
        (one.where, one.after) for one in findings.changes
    ]
    counts = findings.counts["inputs"]
    assert told["counts"]["inputs"] == {
        "changing": counts.changing, "unchanging": counts.unchanging, "untried": counts.untried, "unverified": 0,
    }  # fmt: skip


# The shipped policies


def recommendation(decision: Any) -> object:
    return decision.outputs.get("recommendation")
