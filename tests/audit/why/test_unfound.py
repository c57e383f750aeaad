"""What is not found, not given, not tried, and how much is: what is told is borne out by the changed thing."""

import math
from dataclasses import replace
from typing import Any

import pytest

from rulecap.audit.why import Counts, render, why
from rulecap.audit.why.axis import Axis, Turn
from rulecap.audit.why.candidates import Candidate, Meter, WorkDone
from rulecap.audit.why.question import Question
from rulecap.audit.why.search import Found, Search, verified
from tests.audit.why.questions import ZONES, asked, example, judged, recommendation, seen, the
from tests.promises.shipped import shipped
from tests.written import policy, snapshot

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
