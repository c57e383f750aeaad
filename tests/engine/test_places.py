"""What cannot be computed is named where it is written: file, line and column of the expression itself."""

import pytest

from tests.written import completed, decide

INPUTS = "inputs: {facts.zero: {unit: ratio}}\n"
BAD, NEVER = "@1 / facts.zero", "signal.score > 99"
ADJUST, CHECKS = "kind: adjust, unit: ratio", "kind: checks, order: [YES, NO]"
EACH, PICK, ACTIONS = "kind: each, of: positions as p", "kind: pick, from: positions as p", "kind: actions, actions"
# An @ stands before the expression that fails, which is where a finding points.
RULES = {
    "formula": f"kind: formula, unit: ratio, formula: {BAD}",
    "formula on further lines": f"kind: formula, unit: ratio, formula:\n    {BAD} +\n    1",
    "bands of": f"kind: bands, of: {BAD}, cases: [{{name: A, below: 5}}, {{name: B}}]",
    "table of": "kind: table, of: @A if 1 / facts.zero > 1 else B, rows: [{name: A, is: [A]}, {name: B, is: [B]}]",
    "branch": f"kind: tree, branches: [{{if: {NEVER}, then: A}}, {{if: {BAD} > 5, then: B}}], otherwise: C",
    "then": f"kind: tree, unit: ratio, branches: [{{if: signal.score < 99, then: {BAD}}}], otherwise: 2",
    "otherwise": f"kind: tree, unit: ratio, branches: [{{if: {NEVER}, then: 2}}], otherwise: {BAD}",
    "start": f"{ADJUST}, start: {BAD}, steps: [{{name: s, times: 2}}]",
    "step when": f"{ADJUST}, start: 1, steps: [{{name: s, when: {BAD} > 5, times: 2}}]",
    "times": f"{ADJUST}, start: 1, steps: [{{name: r, times: 2}}, {{name: s, times: {BAD}}}]",
    "at_most": f"{ADJUST}, start: 1, steps: [{{name: s, at_least: 1, at_most: {BAD}}}]",
    "round_down_to": f"{ADJUST}, start: 1, steps: [{{name: s, round_down_to: @facts.zero}}]",
    "check": f"{CHECKS}, checks: [{{name: c, if: {BAD} > 5, verdict: NO, why: so}}]",
    "text of a check": f'{CHECKS}, checks: [{{name: c, if: "true", verdict: NO, why: "@so {{1 / facts.zero}}"}}]',
    "pick where": f"{PICK}, where: {BAD} > 5",
    "lowest": f"{PICK}, lowest: {BAD}",
    "each where": f"{EACH}, where: {BAD} > 5, give: {{x: 1}}",
    "give": f"{EACH}, give: {{x: 1, y: {BAD}}}",
    "action when": f"{ACTIONS}: [{{when: {BAD} > 5, for: positions as p, do: {{x: 1}}}}]",
    "action where": f"{ACTIONS}: [{{for: positions as p, where: {BAD} > 5, do: {{x: 1}}}}]",
    "first": f"{ACTIONS}: [{{for: positions as p, where: p.margin > 0 USD, first: {BAD}, do: {{x: 1}}}}]",
    "while": f"{ACTIONS}: [{{for: positions as p, while: {BAD} > 5, do: {{x: 1}}}}]",
    "do": f"{ACTIONS}: [{{for: positions as p, do: {{x: 1, y: {BAD}}}}}]",
    "sums": f"{ACTIONS}: [{{for: positions as p, sums: {{s: {BAD}}}, while: s < 5, do: {{x: 1}}}}]",
}
KEPT = "rules:\n  a: {kind: formula, unit: ratio, formula: memory.m}\n"
PARTS = {
    **{name: f"rules:\n  a: {{{rule}}}\n" for name, rule in RULES.items()},
    "memory start": f"memory: {{m: {{start: {BAD}, unit: ratio, next: memory.m}}}}\n{KEPT}",
    "memory next": f"memory: {{m: {{start: 1, unit: ratio, next: {BAD}}}}}\n{KEPT}",
    "output": f"decisions: {{answer: {{outputs: {{a: 1, b: {BAD}}}, on_error: {{a: none, b: none}}}}}}\n",
    "output within another": f"decisions:\n  answer:\n    outputs:\n      a: 1\n      b: {{c: 1, d: {BAD}}}\n"
    "    on_error: {a: none, b: none}\n",
}


@pytest.mark.parametrize("part", PARTS)
def test_what_cannot_be_computed_is_named_where_it_is_written(part: str) -> None:
    """A risk manager is sent to the expression, not to the decision or the rule that holds it."""
    marked = INPUTS + PARTS[part]
    before = marked.partition("@")[0].split("\n")
    text = completed(marked.replace("@", ""), "signal.score")
    signal = {"symbol": "BTCUSDT", "score": 50}
    decision = decide(text, facts={"zero": 0}, positions=[{}], signal=signal)
    assert not decision.ok
    assert [str(one.location) for one in decision.problems] == [f"policy.yaml:{len(before)}:{len(before[-1]) + 1}"]
    assert decide(text, facts={"zero": 1}, positions=[{}], signal=signal).ok
