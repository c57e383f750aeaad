"""The shape of a policy: what is said of a wrong one."""

import pytest

from rulecap.policy.document import parse_document
from rulecap.policy.schema import validate
from rulecap.resources import resource_folder

POLICY = """
language: 1
policy: stop-risk
version: 1.0.0
title: A policy with every kind of rule
why: For the tests.
include: [parameters.yaml, more/sizing.yaml]
inputs:
  signal.market_regime: {one_of: [TRENDING, RANGING]}
  market.atr_pct: {range: [0.01%, 100%]}
  facts.funding_rate: {unit: percent, optional: true, why: A fact.}
  facts.halted: {type: flag}
  signal.symbol: {same_as: market.symbol}
parameters:
  half_kelly: {value: 0.5, unit: ratio, range: [0, 1], title: Share, source: specification 3}
  most: {unit: percent, values: [{from: 2026-01-01, is: 5%}, {from: 2026-07-01T12:00Z, is: 4%, why: x}]}
  names: {value: [A, B]}
  expiry: {value: 2026-03-08T08:00Z, type: time}
  record: {value: {min: 1x, max: {deep: true}}}
memory:
  peak: {start: equity, next: "max(memory.peak, equity)", unit: USD}
  tripped: {start: none, next: none, type: time}
decisions:
  position:
    title: Should it?
    requires: [market, signal.score]
    hand_over: [{if: "default(signal.reduce_only, false)", to: reduction}]
    outputs: {a: b, size: 0, ok: true, slices: [], would_be: {c: d}}
    on_error: {a: none, size: 0, ok: false, slices: [], would_be: none}
    verdict: a
    opens: [BUY]
    watch: [a, size]
    execute: slices
    explain: ["{a}", {if: a, say: b}]
    answers_anyway: true
rules:
  equity: {kind: formula, unit: USD, formula: account.wallet}
  zero: {kind: formula, unit: ratio, formula: 0}
  drawdown:
    kind: bands
    of: drawdown_pct
    ranges: {size: [0, 1], leverage.from: [1x, 20x]}
    cases:
      - {name: NORMAL, below: 5%, size: 1.0, assets: [BTC, ETH], leverage: {from: 3x, to: 5x}}
      - {name: MODERATE, up_to: 20, on: true}
      - {name: HEAVY, pause: 24h, title: t, why: w, source: s}
  tier:
    kind: table
    of: market.base
    rows: [{name: CORE, is: [BTC]}, {name: REST, is: any}, {name: EMPTY, is: []}]
    otherwise: {name: OTHER, share: 15%}
  ladder: {kind: table, rows: [{name: FIRST, depth: 1%}], ranges: {depth: [0%, 5%]}}
  choice:
    kind: tree
    unit: ratio
    branches:
      - {if: a, then: {branches: [{if: true, then: 1}], otherwise: X}, title: t}
    otherwise: {branches: [{if: c, then: d}], otherwise: e}
  leverage:
    kind: adjust
    unit: leverage
    start: 10x
    steps: [{name: whole number, round_down_to: 1x}, {name: cap, when: known(b), at_least: 1x, at_most: 2x}]
  entry:
    kind: checks
    order: [ENTER, REJECT]
    checks: [{name: margin zone, if: zone.pause, verdict: REJECT, why: "{zone.name}"}]
  worst: {kind: pick, from: positions as p, where: p.ok, lowest: p.score}
  parity: {kind: each, of: assets as a, where: a.ok, give: {symbol: a.symbol}}
  reductions:
    kind: actions
    actions:
      - {when: a, for: positions as p, where: b, first: c, sums: {d: e}, while: f, do: {action: CLOSE}, why: g}
"""
OVERLAY = """
language: 1
extends: default
policy: conservative
version: 1.0.0
title: Lower
set: {drawdown.HEAVY.size: 0.10, half_kelly: 0.25, tier.CORE.is: [BTC], x.y: {min: 1%}, flag: true}
"""


def read(text):
    node, problems = parse_document(text, "p.yaml")
    assert problems == []
    return node


def found(text, **how):
    """Return each finding's code, line and column."""
    return [(problem.code, problem.location.line, problem.location.column) for problem in validate(read(text), **how)]


def only(text):
    [problem] = validate(read(text))
    return problem


def test_a_policy_an_included_file_and_an_overlay_are_told_apart():
    assert validate(read(POLICY)) == []
    assert validate(read(OVERLAY)) == []
    assert found("title: Sizing\nrules: {}\n") == []
    assert found("rules: {}\nversion: 1.0.0\n") == [("unknown-key", 2, 1)]
    assert found("policy: a\nversion: 1.0.0\n") == [("missing-key", 1, 1)]
    assert found("language: 1\n") == [("missing-key", 1, 1)] * 2
    assert found(OVERLAY + "rules: {}\n") == [("unknown-key", 8, 1)]


def test_a_part_of_the_schema_can_be_asked_for():
    assert found("rules: {}", part="include") == []
    assert found("rules: {}", part="policy") == [("missing-key", 1, 1)] * 3
    assert found("extends: default", part="include") == [("unknown-key", 1, 1)]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "message", "hint"),
    [
        ("rules:\n  a: {of: x}", "missing-key", 2, 6, "a rule needs the key `kind`", "`kind`: `formula` is a value"),
        (
            "rules:\n  a: {knd: bands}",
            "missing-key",
            2,
            6,
            "a rule needs the key `kind`",
            "is `knd` meant to be `kind`?",
        ),
        (
            "rules:\n  a: {kind: bandz, of: x}",
            "not-allowed",
            2,
            13,
            "the text `bandz` is no kind",
            "did you mean bands?",
        ),
        ("rules:\n  a: {kind: [bands]}", "not-allowed", 2, 13, "a list is no kind", ""),
        ("rules:\n  a: {kind: }", "wrong-type", 2, 12, "`kind` is empty", "one of formula, bands"),
        ("rules:\n  a: 5", "wrong-type", 2, 6, "`a` must be keys with values, not the number `5`", "a named step"),
        ("rules:\n  a:\n", "wrong-type", 2, 5, "`a` is empty", "a named step of the computation"),
        ("rules:\n  A: {kind: formula, formula: 1}", "wrong-form", 2, 3, "`A` cannot be a name", "small letters"),
        ("rules: [a]", "wrong-type", 1, 8, "`rules` must be keys with values, not a list", "every rule"),
        (
            "rules:\n  a:\n    kind: formula\n    forumla: x",
            "unknown-key",
            4,
            5,
            "a formula rule has no key `forumla`",
            "did you mean formula?",
        ),
        (
            "rules:\n  a: {kind: formula}",
            "missing-key",
            2,
            6,
            "a formula rule needs the key `formula`",
            "`formula`: one exp",
        ),
        (
            "rules:\n  a: {kind: formula, formula: [x]}",
            "wrong-type",
            2,
            31,
            "`formula` must be a text, a number or true or false, not a list",
            "one expression, such as as_percent",
        ),
        (
            "rules:\n  a: {kind: formula, formula: x, unit: percents}",
            "not-allowed",
            2,
            40,
            "the text `percents` is no unit",
            "did you mean percent?",
        ),
        (
            "rules:\n  a: {kind: adjust, unit: x, start: 1, steps: [{name: s, plus: 1}]}",
            "not-allowed",
            2,
            27,
            "the text `x` is no unit",
            "known here: USD, count, hours",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{below: 5%, size: 1}]}",
            "missing-key",
            2,
            35,
            "a case needs the key `name`",
            "`name`: letters",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{nam: A}]}",
            "missing-key",
            2,
            35,
            "a case needs the key `name`",
            "is `nam` meant to be `name`?",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A, below: 1, up_to: 2}]}",
            "not-allowed",
            2,
            52,
            "`below` cannot stand here",
            "`below` and `up_to` exclude each other, keep one of them",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A, Size: 2}]}",
            "wrong-form",
            2,
            45,
            "`Size` cannot be a name",
            "small",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A B}]}",
            "wrong-form",
            2,
            42,
            "`A B` cannot be a name",
            "letters",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A, size: }]}",
            "wrong-type",
            2,
            50,
            "`size` is empty",
            "a number with",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A, size: [[1]]}]}",
            "wrong-type",
            2,
            52,
            "item 1 of `size` must be a text, a number or true or false, not a list",
            "a number with its unit",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [{name: A, why: 5}]}",
            "wrong-type",
            2,
            50,
            "`why` must be a text, not the number `5`",
            'put it in quotes: "5"',
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: []}",
            "too-few",
            2,
            34,
            "`cases` is empty",
            "the cases from the lowest",
        ),
        (
            "rules:\n  a: {kind: bands, of: x, cases: [7]}",
            "wrong-type",
            2,
            35,
            "item 1 of `cases` must be keys with values, not the number `7`",
            "a case: its name",
        ),
        (
            "rules:\n  a: {kind: table, of: x, rows: [{name: A, is: every}]}",
            "wrong-form",
            2,
            48,
            "`every` cannot be a value of `is`",
            "the names that the row holds, or `any`, such as [BTC, ETH]",
        ),
        (
            "rules:\n  a: {kind: table, of: x, rows: [{name: A, is: [1]}]}",
            "wrong-type",
            2,
            49,
            "item 1 of `is` must be a text, not the number `1`",
            'put it in quotes: "1"',
        ),
        (
            "rules:\n  a: {kind: table, of: x, rows: [{name: A, is: any}], otherwise: {name: B, is: []}}",
            "not-allowed",
            2,
            80,
            "`is` cannot stand here",
            "it holds whatever no other row holds",
        ),
        (
            "rules:\n  a: {kind: table, of: x, rows: [{name: A, is: any}], cases: []}",
            "unknown-key",
            2,
            55,
            "a table rule has no key `cases`",
            "known here: otherwise, ranges, source, title, why",
        ),
        (
            "rules:\n  a: {kind: tree, branches: [{if: x, then: {branches: [{if: y, then: z}]}}], otherwise: w}",
            "missing-key",
            2,
            44,
            "a tree needs the key `otherwise`",
            "`otherwise`: the value where no branch holds",
        ),
        (
            "rules:\n  a: {kind: tree, branches: [{if: x, then: [1]}], otherwise: w}",
            "wrong-type",
            2,
            44,
            "`then` must be a text, a number, true or false or keys with values, not a list",
            "the value, or a further tree",
        ),
        (
            "rules:\n  a: {kind: adjust, unit: USD, start: 1, steps: [{name: s, when: x}]}",
            "missing-key",
            2,
            50,
            "a step needs one of `times`, `plus`, `minus`, `at_least`, `at_most`, `round_down_to`",
            "one adjustment",
        ),
        (
            "rules:\n  a: {kind: adjust, unit: USD, start: 1, steps: [{name: s, atmost: x}]}",
            "unknown-key",
            2,
            60,
            "a step has no key `atmost`",
            "did you mean at_most?",
        ),
        (
            "rules:\n  a: {kind: checks, order: [A], checks: [{name: s, if: x, verdict: A}]}",
            "missing-key",
            2,
            42,
            "a check needs the key `why`",
            "`why`: the reason; what stands in braces is computed",
        ),
        (
            "rules:\n  a: {kind: checks, order: [A], checks: [{name: '', if: x, verdict: A, why: y}]}",
            "too-few",
            2,
            50,
            "`name` is empty",
            "a few words",
        ),
        (
            "rules:\n  a: {kind: pick, from: x, lowest: 1, highest: 2}",
            "not-allowed",
            2,
            48,
            "`highest` cannot stand here",
            "exclude",
        ),
        (
            "rules:\n  a: {kind: each, of: [x], give: {b: c}}",
            "wrong-type",
            2,
            23,
            "`of` must be a text, not a list",
            "such as positions as p",
        ),
        (
            "rules:\n  a: {kind: each, of: x, give: {}}",
            "too-few",
            2,
            32,
            "`give` is empty",
            "names, and the formula of each",
        ),
        (
            "rules:\n  a: {kind: actions, actions: [{for: x as y, do: {b: [c]}}]}",
            "wrong-type",
            2,
            54,
            "`b` must be a text",
            "one",
        ),
        (
            "parameters:\n  a: {unit: ratio}",
            "missing-key",
            2,
            6,
            "a parameter needs one of `value`, `values`",
            "one value, or",
        ),
        ("parameters:\n  a: {vlaue: 5}", "unknown-key", 2, 7, "a parameter has no key `vlaue`", "did you mean value?"),
        (
            "parameters:\n  a: 5",
            "wrong-type",
            2,
            6,
            "`a` must be keys with values, not the number `5`",
            "such as {value: 0.5",
        ),
        (
            "parameters:\n  a: {value: 1, values: [{from: 2026-01-01, is: 1}]}",
            "not-allowed",
            2,
            14,
            "`value` cannot",
            "exclude",
        ),
        (
            "parameters:\n  a: {values: [{from: 2026-1-1, is: 1}]}",
            "wrong-form",
            2,
            23,
            "`2026-1-1` cannot be a date",
            "such as 2026-01-01",
        ),
        ("parameters:\n  a: {value: 1, range: [1]}", "too-few", 2, 24, "`range` needs 2 of them", "such as [0%, 10%]"),
        (
            "parameters:\n  a: {value: 1, range: [1, 2, 3]}",
            "too-many",
            2,
            24,
            "`range` has more than 2 of them",
            "the lowest",
        ),
        (
            "inputs:\n  Signal.x: {unit: percent}",
            "wrong-form",
            2,
            3,
            "`Signal.x` cannot be a path",
            "such as signal.win_rate",
        ),
        ("inputs:\n  a.b: {}", "missing-key", 2, 8, "an input needs one of `one_of`", "what is expected of one value"),
        (
            "inputs:\n  a.b: {optional: yes}",
            "wrong-type",
            2,
            19,
            "`optional` must be true or false, not the text `yes`",
            "true where",
        ),
        (
            "memory:\n  a: {start: 1}",
            "missing-key",
            2,
            6,
            "a memory entry needs the key `next`",
            "`next`: its value after",
        ),
        (
            "decisions:\n  a: {outputs: {x: y}}",
            "missing-key",
            2,
            6,
            "a decision needs the key `on_error`",
            "every output, always",
        ),
        ("decisions:\n  a: {outputs: {}, on_error: {x: 1}}", "too-few", 2, 16, "`outputs` is empty", "the answers"),
        (
            "decisions:\n  a: {outputs: {x: [y]}, on_error: {x: 1}}",
            "too-many",
            2,
            20,
            "`x` has more than 0 of them",
            "a formula",
        ),
        (
            "decisions:\n  a: {outputs: {x: y}, on_error: {x: }}",
            "wrong-type",
            2,
            37,
            "`x` is empty",
            "a number with its unit",
        ),
        (
            "decisions:\n  a: {outputs: {x: y}, on_error: {x: 1}, explain: [{if: y}]}",
            "missing-key",
            2,
            52,
            "a sentence needs the key `say`",
            "`say`: a text",
        ),
        (
            "decisions:\n  a: {outputs: {x: y}, on_error: {x: 1}, requires: [Market]}",
            "wrong-form",
            2,
            53,
            "`Market` cannot be a path",
            "a value of the snapshot",
        ),
        (
            "language: 2\npolicy: a\nversion: 1.0.0",
            "not-allowed",
            1,
            11,
            "`language` must be 1, not the number `2`",
            "write 1",
        ),
        (
            "language: true\npolicy: a\nversion: 1.0.0",
            "not-allowed",
            1,
            11,
            "`language` must be 1, not the value `true`",
            "write 1",
        ),
        (
            "language: 1\npolicy: Default\nversion: 1.0.0",
            "wrong-form",
            2,
            9,
            "`Default` cannot be a policy's name",
            "such as default",
        ),
        (
            "language: 1\npolicy: a\nversion: 1.0",
            "wrong-type",
            3,
            10,
            "`version` must be a text, not the number `1.0`",
            "such as 1.0.0",
        ),
        (
            "language: 1\npolicy: a\nversoin: 1.0.0",
            "unknown-key",
            3,
            1,
            "a policy has no key `versoin`",
            "did you mean version?",
        ),
        (
            "language: 1\npolicy: a\nversion: 1.0.0\ninclude: [../x.yaml]",
            "wrong-form",
            4,
            11,
            "`../x.yaml` cannot be an included file",
            "the name of a YAML file in this folder, such as sizing.yaml",
        ),
        (
            "foo: 1",
            "unknown-key",
            1,
            1,
            "an included file has no key `foo`",
            "known here: decisions, history, inputs, memory",
        ),
        ('"a\\tb": 1', "unknown-key", 1, 2, "an included file has no key `a�b`", "known here"),
        (
            "[a]",
            "wrong-type",
            1,
            1,
            "the file must be keys with values, not a list",
            "a policy, an included file or an overlay",
        ),
    ],
)
def test_a_wrong_shape_is_one_finding_in_plain_words(text, code, line, column, message, hint):
    problem = only(text)
    assert found(text) == [(code, line, column)]
    assert problem.message.startswith(message)
    assert hint in problem.hint
    assert problem.source_line == text.splitlines()[line - 1]


@pytest.mark.parametrize(
    "path", ["/etc/a.yaml", "../a.yaml", "a/../b.yaml", "a.yml", "a\\b.yaml", ".a.yaml", "C:/a.yaml", "a//b.yaml"]
)
def test_an_included_file_stays_in_its_folder(path):
    assert found(f"language: 1\npolicy: a\nversion: 1.0.0\ninclude: ['{path}']") == [("wrong-form", 4, 12)]


def test_a_name_does_not_end_in_a_line_break():
    assert found('rules: {"a\\n": {kind: formula, formula: x}}') == [("wrong-form", 1, 10)]
    assert found('inputs: {a.b: {same_as: "a.b\\n"}}') == [("wrong-form", 1, 26)]


def test_every_fault_is_found_once_and_in_the_files_order():
    text = "rules:\n  a: {kind: bandz}\n  b: {of: x}\n  c: {kind: bands, off: x}\n  d: 5\nfoo: 1\nbar: 2\n"
    assert found(text) == [
        ("not-allowed", 2, 13),
        ("missing-key", 3, 6),
        ("missing-key", 4, 6),
        ("unknown-key", 4, 20),
        ("wrong-type", 5, 6),
        ("unknown-key", 6, 1),
        ("unknown-key", 7, 1),
    ]


def test_many_faults_are_bounded():
    assert 0 < len(found("rules: {" + ", ".join(f"a{number}: 5" for number in range(2000)) + "}")) <= 200


def test_the_deepest_document_is_judged():
    column = "rules: {a: {kind: bands, of: x, cases: [{name: A, c: "
    assert found(column + "{k: " * 35 + "1" + "}" * 35 + "}]}}") == []
    assert found(column + "{k: " * 35 + "}" * 35 + "}]}}") == [("wrong-type", 1, len(column) + 35 * 4)]


def test_tests_of_a_policy_have_a_schema_too():
    assert found("tests: [{name: a, expect: {x: 1}}]", schema_name="tests") == []
    assert found("tests: [{nam: a}]", schema_name="tests") == [("unknown-key", 1, 10)]


def _place(path):
    return path.relative_to(resource_folder("policies")).as_posix()


@pytest.mark.parametrize("path", sorted(resource_folder("policies").rglob("*.yaml")), ids=_place)
def test_shipped_policies_have_the_shape(path):
    assert validate(read(path.read_bytes()), "tests" if path.parent.name == "tests" else "policy") == []
