"""Two policies asked the same: nothing that comes out otherwise is told as the same, and the other way round."""

from rulecap.engine.compare import compare
from tests.written import policy, snapshot

BEFORE = """\
memory:
  lowest: {start: 500 USD, next: "min(memory.lowest, account.margin_used)"}
decisions:
  answer:
    verdict: verdict
    on_error: {verdict: STOP, size: none, parts: none, made: []}
    outputs: {verdict: gate.verdict, size: bet, parts: {lowest: memory.lowest}, made: adjustments(bet)}
rules:
  gate:
    kind: checks
    order: [GO, STOP]
    checks: [{name: used, if: account.margin_used >= 100 USD, verdict: STOP, why: it is so}]
  bet: {kind: adjust, unit: USD, start: 10 USD, steps: [{name: half, times: 0.5, why: it is late}]}
"""
MOVED = BEFORE.replace("rules:\n", "\n\nrules:\n")


def changed(after, before=BEFORE, memory=None, **account):
    return dict(compare(policy(before), policy(after), snapshot(account=account), "answer", memory).changed)


def test_lines_that_only_stand_elsewhere_make_no_difference():
    answers = compare(policy(BEFORE), policy(MOVED), snapshot(), "answer")
    places = [one.outputs["made"][0]["source"]["line"] for one in (answers.before, answers.after)]
    assert places[0] != places[1]
    assert (dict(answers.changed), answers.differ) == ({}, False)


def test_a_step_that_does_otherwise_is_told_whole_though_it_stands_elsewhere():
    found = changed(MOVED.replace("it is late", "it is early"))
    assert list(found) == ["made"]
    assert [(one[0]["why"], one[0]["source"]["file"]) for one in found["made"]] == [
        ("it is late", "policy.yaml"),
        ("it is early", "policy.yaml"),
    ]


def test_what_an_output_consists_of_is_compared_part_by_part():
    after = BEFORE.replace("parts: {lowest: memory.lowest}", "parts: {lowest: memory.lowest + 1 USD}")
    assert changed(after) == {"parts.lowest": (500, 501)}


def test_what_lies_deep_in_an_output_or_in_a_list_s_items_is_compared_too():
    text = """\
rules:
  zone:
    kind: bands
    of: account.margin_used
    cases: [{name: A, below: 200 USD, leverage: {from: 3x, to: 5x}}, {name: B, leverage: {from: 1x, to: 2x}}]
  each_one: {kind: each, of: positions as p, give: {symbol: p.symbol, zone: zone}}
decisions:
  answer:
    on_error: {each_one: [], nested: none}
    outputs: {each_one: each_one, nested: {inner: {leverage: zone.leverage}}}
"""
    given = snapshot(positions=[{}])
    found = dict(compare(policy(text), policy(text.replace("to: 5x", "to: 4x")), given, "answer").changed)
    assert [one[0]["zone"]["leverage"]["to"] for one in found.pop("each_one")] == [5, 4]
    assert found == {"nested.inner.leverage.to": (5, 4)}


def test_an_output_that_only_one_of_them_has_is_told_also_where_it_is_nothing():
    more = BEFORE.replace("size: bet", "size: bet, book: market.spread_pct, here: 1")
    more = more.replace("size: none", "size: none, book: none, here: none")
    assert changed(more) == {"book": (None, None), "here": (None, 1)}
    assert changed(BEFORE, more) == {"book": (None, None), "here": (1, None)}


def test_a_refusal_that_says_what_is_decided_anyway_is_another_answer():
    alike = "decisions:\n  answer:\n    on_error: {used: 100 USD}\n    outputs: {used: account.margin_used}\n"
    strict = alike + "    requires: [signal]\n"
    answers = compare(policy(alike), policy(strict), snapshot(), "answer")
    assert (answers.before.ok, answers.after.ok, dict(answers.changed)) == (True, False, {})
    assert answers.differ


def test_each_reads_the_verdict_where_it_says_that_it_is():
    other = BEFORE.replace("verdict: verdict\n", "verdict: said\n").replace("{verdict: STOP", "{said: STOP")
    other = other.replace("{verdict: gate.verdict", "{said: gate.verdict")
    answers = compare(policy(BEFORE), policy(other), snapshot(), "answer")
    assert answers.verdicts == ("STOP", "STOP")


def test_each_reads_of_a_memory_what_it_remembers_itself():
    """The memory on record is that of the one that decided; what another one lacks there it begins with."""
    more = BEFORE.replace("memory:\n", "memory:\n  count: {start: 7, next: memory.count + 1, unit: count}\n")
    more = more.replace("memory.lowest}, made", "memory.lowest, count: memory.count}, made")
    assert changed(more, memory={"lowest": 0.0}) == {"parts.count": (None, 7)}
    assert changed(BEFORE, more, memory={"lowest": 0.0, "count": 3}) == {"parts.count": (3, None)}
    answers = compare(policy(BEFORE), policy(more), snapshot(), "answer", {"lowest": 0.0, "count": 3})
    assert [one.outputs["parts"]["lowest"] for one in (answers.before, answers.after)] == [0, 0]
    assert (answers.before.problems, answers.after.problems) == ((), ())
