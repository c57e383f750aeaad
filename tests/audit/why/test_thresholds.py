"""Thresholds that would have changed a verdict: numbers of the policy itself."""

import math

import pytest

from rulecap.audit.why import why
from rulecap.audit.why.written import numbers_in
from rulecap.engine.amend import amended
from tests.audit.why.questions import ZONES, asked, example, judged, places, seen, the
from tests.promises.shipped import shipped
from tests.written import policy


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
