"""Whatever may be written somewhere is compiled there, and means what the reference evaluator says it does.

The generated policies have expressions where a policy usually has them. Here every form that its Python source could
get wrong stands at every place: what is computed and used twice, what goes through a list within a list.
"""

import json

import pytest

from tests.written import decide, policy, quoted

COMMON = """\
parameters:
  limit: {unit: USD, values: [{from: 2020-01-01, is: 5 USD}, {from: 2026-01-01, is: 7 USD}]}
memory:
  held: {unit: USD, start: none, next: account.margin_used}
rules:
  first: {kind: pick, from: positions as p}
  base: {kind: formula, formula: "first.base if known(first) else 'NONE'"}
  listed: {kind: each, of: positions as p, give: {name: p.symbol, margin: p.margin}}
  zone:
    kind: bands
    of: account.margin_used
    cases: [{name: A, below: 100 USD, room: 5 USD}, {name: B, room: 7 USD}]
  tier:
    kind: table
    of: base
    rows: [{name: CORE, is: [BTC], room: 3 USD}]
    otherwise: {name: REST, room: 1 USD}
"""
ANSWER = """\
decisions:
  answer:
    on_error: {x: none}
    outputs: {x: x}
"""
FORMS = {
    "amount": (
        "account.margin_used",
        "limit",
        "zone.B.room",
        "default(memory.held, 9 USD)",
        "-min(-1 USD, -account.margin_used)",
        "max(1 USD, account.margin_used)",
        "max(1 USD, account.margin_used, default(first.margin, 3 USD))",
        "default(first.margin, 3 USD)",
        "min(default(first.margin, 3 USD), 5 USD * 2)",
        "account.margin_used if default(first.score, 3) > 2 else 2 USD",
        "zone.at(max(1 USD, default(first.margin, 3 USD))).room",
        "tier.at(default(first.base, 'BTC')).room",
        "max(1 USD, account.margin_used) * max(1, 2) ** min(2, 0.5)",
        "percent_of(max(1 USD, account.margin_used), max(1%, as_percent(account.margin_used, 3 USD)))",
        "default(max(default(a.score, 5) * 1 USD for a in positions), min(1 USD, account.margin_used))",
        "sum(a.margin for a in positions if a.margin > max(1 USD, default(first.margin, 2 USD)))",
        "sum(max(a.margin, 2 USD) for a in (positions if default(first.score, 3) > 2 else []))",
        "sum(sum(b.margin for b in listed if b.margin > default(first.margin, 1 USD)) + min(a.margin, 3 USD)"
        " for a in listed)",
    ),
    "condition": (
        "max(1 USD, account.margin_used) < default(first.margin, 3 USD) <= 1000 USD",
        "default(first.tradable, true)",
        "known(first) and min(first.margin, 1 USD) > 0 USD",
        "default(first.base, 'BTC') in ['BTC', 'ETH']",
        "not default(first.score, 3) > 2",
        "count(a for a in positions if a.margin > default(first.margin, 2 USD)) > 0",
        "true if default(first.score, 3) > 2 else zone.name == B",
    ),
    "list": (
        "positions",
        "positions if default(first.score, 3) > 2 else []",
        "positions if max(1 USD, account.margin_used) > 2 USD else positions",
        "[] if count(a for a in positions if a.margin > default(first.margin, 2 USD)) > 0 else positions",
    ),
    "word": (
        "default(first.symbol, 'none')",
        "first.symbol if known(first) and first.margin > max(1 USD, 2 USD) else account.id",
        "zone.at(default(first.margin, 3 USD)).name",
    ),
}
# Of each form the places where it may stand: a rule x, in which @ is the form, and in others the form in a comparison.
PLACES = {
    "amount": (
        "{kind: formula, unit: USD, formula: @}",
        "{kind: bands, of: @, cases: [{name: L, below: 10 USD}, {name: H}]}",
        "{kind: tree, unit: USD, branches: [{if: account.margin_used > 1 USD, then: @}], otherwise: @}",
        "{kind: tree, branches: [{if: '(@) > 3 USD', then: HIGH}], otherwise: LOW}",
        "{kind: adjust, unit: USD, start: @, steps: [{name: s, at_least: @, why: 'to {value}'}]}",
        "{kind: adjust, unit: USD, start: @, steps: [{name: s, at_least: @, at_most: @}, {name: t, minus: @}]}",
        "{kind: adjust, unit: USD, start: @, steps: [{name: s, times: '(@) / 3 USD'}, {name: t, plus: @}]}",
        "{kind: pick, from: positions as p, lowest: 'p.margin + (@)'}",
        "{kind: pick, from: positions as p, highest: 'p.margin - (@)', where: 'p.margin > (@) - 9 USD'}",
        "{kind: each, of: positions as p, where: 'p.margin > (@) - 9 USD', give: {a: @, b: 'min(p.margin, @)'}}",
        "{kind: actions, actions: [{for: positions as p, where: 'p.margin > (@) - 9 USD', first: 'p.margin - (@)',"
        " sums: {freed: 'p.margin + (@)'}, while: 'freed < 50 USD + (@)', do: {a: p.symbol, b: @}}]}",
        "{kind: checks, order: [OK, BAD], checks: [{name: c, if: '(@) > 3 USD', verdict: BAD, why: '{zone.room}'}]}",
    ),
    "condition": (
        "{kind: formula, formula: @}",
        "{kind: tree, branches: [{if: @, then: HIGH}], otherwise: LOW}",
        "{kind: adjust, unit: USD, start: account.margin_used, steps: [{name: s, when: @, plus: 1 USD}]}",
        "{kind: checks, order: [OK, BAD], checks: [{name: c, if: @, verdict: BAD, why: bad}]}",
        "{kind: pick, from: positions as p, where: @}",
        "{kind: each, of: positions as p, where: @, give: {a: p.symbol, b: @}}",
        "{kind: actions, actions: [{when: @, for: positions as p, where: @, while: @, do: {a: p.symbol, b: @}}]}",
    ),
    "list": (
        "{kind: pick, from: '(@) as p', where: p.margin > 1 USD, lowest: p.margin}",
        "{kind: each, of: '(@) as p', where: p.margin > 1 USD, give: {a: p.symbol}}",
        "{kind: actions, actions: [{for: '(@) as p', where: p.margin > 5 USD, first: p.margin, do: {a: p.symbol}}]}",
        "{kind: actions, actions: [{for: '(@) as p', do: {a: p.symbol}}]}",
        "{kind: formula, unit: count, formula: 'count(@)'}",
        "{kind: formula, unit: USD, formula: 'sum(sum(q.margin for q in (@) if q.margin >= p.margin) for p in (@))'}",
    ),
    "word": (
        "{kind: formula, formula: @}",
        "{kind: table, of: @, rows: [{name: C, is: [A]}], otherwise: {name: D}}",
        "{kind: actions, actions: [{for: positions as p, do: {a: @}}]}",
    ),
}
SNAPSHOTS = (
    {},
    {"positions": [{}]},
    {
        "positions": [
            {"symbol": "A", "margin": 3, "score": 1, "tradable": False},
            {"symbol": "B", "margin": 40, "side": "SHORT"},
        ]
    },
    {"account": {"margin_used": 0.0}},
)


def filled(place, form):
    """Return a rule's text with a form at its places; within quotes or brackets it stands as it is."""
    return place.replace(": @", ": " + quoted(form)).replace("@", form.replace("'", "''"))


def checked(text):
    """Ask both evaluators on every snapshot, and have all rendered."""
    asked = policy(text)
    for given in SNAPSHOTS:
        for memory in (None, {"held": 2.5}):
            decision = decide(asked, memory=memory, **given)
            assert decision.ok, (text, decision.problems)
            assert json.loads(decision.trace.to_json())["ok"]
            assert str(decision.trace)


CASES = [(kind, place) for kind, places in PLACES.items() for place in places]


@pytest.mark.parametrize(("kind", "place"), CASES, ids=[place[1:40] for _, place in CASES])
def test_every_form_means_the_same_to_both_evaluators_at_every_place(kind, place):
    for form in FORMS[kind]:
        if "table" in place and "zone" in form:  # whose names no row has
            continue
        checked(f"{COMMON}  x: {filled(place, form)}\n{ANSWER}")


@pytest.mark.parametrize("kind", FORMS)
def test_and_as_an_output_and_what_is_remembered(kind):
    for form in FORMS[kind]:
        checked(COMMON + ANSWER.replace("{x: x}", "{x: {a: " + quoted(form) + ", b: listed}}"))
        checked(COMMON + ANSWER.replace("{x: x}", "{x: " + quoted(form) + "}"))
    if kind == "amount":
        for form in FORMS[kind]:
            remembered = COMMON.replace("next: account.margin_used", "next: " + quoted(form))
            checked(remembered + ANSWER.replace("{x: x}", "{x: account.margin_used}"))
