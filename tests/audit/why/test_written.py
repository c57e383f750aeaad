"""The numbers that a policy is written with: each known by its path, its place, and where it may move."""

from dataclasses import replace

from rulecap.audit.why.changed import changed_document, changed_policy
from rulecap.audit.why.written import numbers_in, overlay_text
from tests.written import policy

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
