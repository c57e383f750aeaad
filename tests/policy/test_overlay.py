"""Overlays: single values of a policy changed by path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.location import Location
from rulecap.policy import overlay
from rulecap.policy.document import parse_document
from rulecap.policy.nodes import Mapping, Scalar, plain

BASE = """
policy: default
inputs:
  market.atr_pct: {range: [0.01%, 100%]}
  market.atr_pct.deep: {unit: percent}
parameters:
  half_kelly: {value: 0.5, unit: ratio}
  names: {value: [A, B]}
  limits: {value: {min: 1, max: 2}, title: Limits}
  most: {unit: percent, values: [{from: 2026-01-01, is: 5%}, {from: 2026-07-01, is: 4%}]}
  drawdown: {value: 1}
memory:
  peak: {start: equity, next: peak}
decisions:
  position: {outputs: {size: x, would_be: {size: y}}, explain: ["a", {if: b, say: c}]}
rules:
  drawdown:
    kind: bands
    of: drawdown_pct
    cases:
      - {name: NORMAL, below: 5%, size: 1.0, leverage: {from: 3x, to: 5x}}
      - {name: HEAVY, size: 0.25}
  tier:
    kind: table
    of: base
    rows: [{name: CORE, is: [BTC, ETH]}, {name: "0", is: []}]
    otherwise: {name: OTHER, share: 15%}
  leverage:
    kind: adjust
    start: 10x
    steps: [{name: account band and tier, at_most: 5x}, {name: at 1.5 times, at_most: 4x}, {name: start, at_most: 3x}]
  choice:
    kind: tree
    branches: [{if: a, then: {branches: [{if: b, then: C}], otherwise: D}}]
    otherwise: HOLD
  entry: {kind: checks, order: [ENTER, REJECT], checks: [{name: margin zone, if: x, verdict: REJECT, why: y}]}
"""


def read(text, name="base/policy.yaml"):
    node, problems = parse_document(text, name)
    assert problems == []
    return node


def applied(*lines):
    """Return the base with the lines in an overlay's `set`, and what is said of them."""
    text = "extends: default\nset:\n" + "".join(f"  {line}\n" for line in lines)
    return overlay.apply(read(BASE), read(text, "overlay.yaml"))


def at(document, *steps):
    for step in steps:
        document = document.get(step) if isinstance(document, Mapping) else document.items[step]
    return document


@pytest.mark.parametrize(
    ("line", "steps", "value"),
    [
        ("drawdown.HEAVY.size: 0.10", ("rules", "drawdown", "cases", 1, "size"), 0.10),
        ("drawdown.cases.HEAVY.size: 0.10", ("rules", "drawdown", "cases", 1, "size"), 0.10),
        ("drawdown.cases.1.size: 0.10", ("rules", "drawdown", "cases", 1, "size"), 0.10),
        ("rules.drawdown.HEAVY.size: 0.10", ("rules", "drawdown", "cases", 1, "size"), 0.10),
        ("drawdown.NORMAL.leverage.to: 4x", ("rules", "drawdown", "cases", 0, "leverage", "to"), "4x"),
        ("drawdown.NORMAL.leverage: {from: 1x}", ("rules", "drawdown", "cases", 0, "leverage"), {"from": "1x"}),
        ("drawdown.of: other", ("rules", "drawdown", "of"), "other"),
        ("drawdown: {kind: formula}", ("rules", "drawdown"), {"kind": "formula"}),
        ("parameters.drawdown: 2", ("parameters", "drawdown", "value"), 2),
        ("tier.CORE.is: any", ("rules", "tier", "rows", 0, "is"), "any"),
        ("tier.CORE.is.1: SOL", ("rules", "tier", "rows", 0, "is", 1), "SOL"),
        ("tier.OTHER.share: 5%", ("rules", "tier", "otherwise", "share"), "5%"),
        ("tier.otherwise.share: 5%", ("rules", "tier", "otherwise", "share"), "5%"),
        ("tier.rows.0.is: [X]", ("rules", "tier", "rows", 1, "is"), ["X"]),
        ("leverage.account band and tier.at_most: 2x", ("rules", "leverage", "steps", 0, "at_most"), "2x"),
        ("leverage.at 1.5 times.at_most: 2x", ("rules", "leverage", "steps", 1, "at_most"), "2x"),
        ("leverage.start: 9x", ("rules", "leverage", "start"), "9x"),
        ("leverage.steps.start.at_most: 9x", ("rules", "leverage", "steps", 2, "at_most"), "9x"),
        (
            "choice.branches.0.then.branches.0.then: E",
            ("rules", "choice", "branches", 0, "then", "branches", 0, "then"),
            "E",
        ),
        ("choice.otherwise: E", ("rules", "choice", "otherwise"), "E"),
        ("entry.margin zone.verdict: ENTER", ("rules", "entry", "checks", 0, "verdict"), "ENTER"),
        ("half_kelly: 0.25", ("parameters", "half_kelly", "value"), 0.25),
        ("half_kelly.value: 0.25", ("parameters", "half_kelly", "value"), 0.25),
        ("half_kelly: {value: 1, unit: ratio}", ("parameters", "half_kelly"), {"value": 1, "unit": "ratio"}),
        ("half_kelly: {unit: ratio}", ("parameters", "half_kelly"), {"unit": "ratio"}),
        ("names: [C]", ("parameters", "names", "value"), ["C"]),
        ("limits: {min: 0}", ("parameters", "limits", "value"), {"min": 0}),
        ("limits: {values: []}", ("parameters", "limits"), {"values": []}),
        ("limits.max: 3", None, None),
        ("most.values.1.is: 3%", ("parameters", "most", "values", 1, "is"), "3%"),
        ("inputs.market.atr_pct.range: [1%, 2%]", ("inputs", "market.atr_pct", "range"), ["1%", "2%"]),
        ("inputs.market.atr_pct.deep.unit: ratio", ("inputs", "market.atr_pct.deep", "unit"), "ratio"),
        ("memory.peak.start: 0 USD", ("memory", "peak", "start"), "0 USD"),
        ("decisions.position.outputs.would_be: none", ("decisions", "position", "outputs", "would_be"), "none"),
        ("decisions.position.explain.1.say: d", ("decisions", "position", "explain", 1, "say"), "d"),
        ("memory: {}", ("memory",), {}),
    ],
)
def test_a_path_changes_the_one_value_that_it_names(line, steps, value):
    changed, problems = applied(line)
    if steps is None:
        assert [problem.code for problem in problems] == ["bad-overlay-path"]
        return
    assert problems == []
    assert plain(at(changed, *steps)) == value
    assert at(changed, *steps).source.name == "overlay.yaml"
    expected = plain(read(BASE))
    parent = expected
    for step in steps[:-1]:
        parent = parent[step]
    parent[steps[-1]] = value
    assert plain(changed) == expected


def test_a_changed_value_keeps_the_overlays_place_and_the_rest_its_own():
    changed, _ = applied("half_kelly: 0.25", "drawdown.HEAVY.size: 0.10")
    heavy = at(changed, "rules", "drawdown", "cases", 1)
    assert at(changed, "parameters", "half_kelly", "value").location == Location("overlay.yaml", 3, 15)
    assert heavy.get("size").location == Location("overlay.yaml", 4, 24)
    assert heavy.location == Location("base/policy.yaml", 22, 9)
    assert heavy.get("name").location == Location("base/policy.yaml", 22, 16)


def test_several_changes_do_not_disturb_each_other():
    changed, problems = applied("drawdown.HEAVY.name: WORST", "drawdown.HEAVY.size: 0", "tier.CORE.is: any")
    assert problems == []
    assert plain(at(changed, "rules", "drawdown", "cases", 1)) == {"name": "WORST", "size": 0}
    assert plain(at(changed, "rules", "tier", "rows", 0)) == {"name": "CORE", "is": "any"}


@pytest.mark.parametrize("text", ["extends: default", "extends: default\nset: {}", "set: [a]", "set:"])
def test_an_overlay_that_sets_nothing_changes_nothing(text):
    base = read(BASE)
    assert overlay.apply(base, read(text)) == (base, [])


@pytest.mark.parametrize(
    ("line", "code", "column", "message", "hint"),
    [
        (
            "drawdwn.HEAVY.size: 1",
            "bad-overlay-path",
            3,
            "there is no rule, parameter or section `drawdwn`",
            "did you mean drawdown?",
        ),
        (
            "half_kely: 1",
            "bad-overlay-path",
            3,
            "there is no rule, parameter or section `half_kely`",
            "did you mean half_kelly?",
        ),
        ("policy: x", "bad-overlay-path", 3, "there is no rule, parameter or section `policy`", ""),
        (
            "drawdown.HEVY.size: 1",
            "bad-overlay-path",
            12,
            "`drawdown` has nothing that is called `HEVY`",
            "did you mean HEAVY?",
        ),
        (
            "'drawdown.HEVY.size': 1",
            "bad-overlay-path",
            13,
            "`drawdown` has nothing that is called `HEVY`",
            "did you mean HEAVY?",
        ),
        (
            "drawdown.HEAVY.sze: 1",
            "bad-overlay-path",
            18,
            "`drawdown.HEAVY` has nothing that is called `sze`",
            "did you mean size?",
        ),
        (
            "drawdown.HEAVY.size.x: 1",
            "bad-overlay-path",
            23,
            "`drawdown.HEAVY.size` has nothing that",
            "it is a single value: 0.25",
        ),
        (
            "tier.OTHR.share: 1",
            "bad-overlay-path",
            8,
            "`tier` has nothing that is called `OTHR`",
            "did you mean OTHER?",
        ),
        (
            "choice.branches.1.then: X",
            "bad-overlay-path",
            19,
            "`choice.branches` has nothing that is called `1`",
            "known here: 0",
        ),
        (
            "tier.CORE.is.01: X",
            "bad-overlay-path",
            16,
            "`tier.CORE.is` has nothing that is called `01`",
            "did you mean 1?",
        ),
        (
            "tier.CORE.is.-1: X",
            "bad-overlay-path",
            16,
            "`tier.CORE.is` has nothing that is called `-1`",
            "did you mean 1?",
        ),
        (
            "leverage.account band.at_most: X",
            "bad-overlay-path",
            12,
            "`leverage` has nothing that is called `account band`",
            "",
        ),
        ("inputs.market.atr: X", "bad-overlay-path", 10, "`inputs` has nothing that is called `market`", ""),
        ("tier..x: 1", "bad-overlay-path", 8, "`tier` has nothing that is called ``", ""),
        ("'': 1", "bad-overlay-path", 4, "there is no rule, parameter or section ``", ""),
        (
            "rules.new: {kind: formula}",
            "bad-overlay-path",
            9,
            "`rules` has nothing that is called `new`",
            "it changes what is there",
        ),
        (
            "most: 3%",
            "bad-overlay-path",
            3,
            "`most` is not a single value",
            "name the part, such as `most.values.0.is`",
        ),
        (
            "most: [3%]",
            "bad-overlay-path",
            3,
            "`most` is not a single value",
            "name the part, such as `most.values.0.is`",
        ),
        ("rules.drawdown: 5", "bad-overlay-path", 3, "`rules.drawdown` is not a single value", "`rules.drawdown.of`"),
        (
            "drawdown: {HEAVY: {size: 0.1}}",
            "bad-overlay-path",
            3,
            "this would stand in place of the whole rule drawdown, and is none",
            "a path for each value: drawdown.HEAVY.size: …",
        ),
        ("rules: 5", "bad-overlay-path", 3, "`rules` is not a single value", "`rules.drawdown`"),
    ],
)
def test_a_path_that_names_nothing_is_found_where_it_goes_wrong(line, code, column, message, hint):
    changed, [problem] = applied(line)
    assert (problem.code, problem.location) == (code, Location("overlay.yaml", 3, column))
    assert problem.message.startswith(message)
    assert hint in problem.hint
    assert problem.source_line == f"  {line}"
    assert plain(changed) == plain(read(BASE))


def test_two_paths_to_the_same_value_are_a_finding():
    _, [problem] = applied("drawdown.HEAVY.size: 1", "rules.drawdown.cases.1.size: 2")
    assert (problem.code, str(problem.location)) == ("duplicate-key", "overlay.yaml:4:3")
    assert problem.message == "`rules.drawdown.cases.1.size` is the same value as `drawdown.HEAVY.size` on line 3"


@pytest.mark.parametrize("turn", [1, -1])
def test_a_path_into_what_another_one_replaces_is_a_finding(turn):
    lines = ["drawdown.HEAVY.size: 1", "drawdown.HEAVY: {name: HEAVY}"][::turn]
    _, [problem] = applied(*lines)
    inner = lines.index("drawdown.HEAVY.size: 1") + 3
    assert (problem.code, problem.location) == ("bad-overlay-path", Location("overlay.yaml", inner, 3))
    assert "is a part of `drawdown.HEAVY`" in problem.message


def test_all_findings_come_at_once_and_the_rest_is_changed():
    changed, problems = applied("x: 1", "half_kelly: 0.1", "drawdown.y: 2", *(f"z{number}: 1" for number in range(9)))
    assert [problem.location.line for problem in problems] == [3, 5, *range(6, 15)]
    assert plain(changed)["parameters"]["half_kelly"]["value"] == 0.1


def ways(value, way=()):
    """Return the plain way to every value of a document that has one: keys without points and indexes."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way] * bool(way) + [deep for key, part in items if "." not in str(key) for deep in ways(part, (*way, key))]


# A row of the table is named "0", so that its rows are not found by their indexes.
WAYS = [way for way in ways(plain(read(BASE))) if len(way) > 2 and way[2] != "rows"]


@pytest.mark.hypothesis
@given(st.lists(st.sampled_from(WAYS), unique=True, max_size=4))
def test_every_value_can_be_set_by_its_plain_way(chosen):
    apart = [way for way in chosen if not any(way != other and way[: len(other)] == other for other in chosen)]
    changed, problems = applied(*(f"{'.'.join(map(str, way))}: NEW" for way in apart))
    assert problems == []
    for way in apart:
        node = at(changed, *way)
        assert isinstance(node, Scalar)
        assert node.value == "NEW"


@pytest.mark.hypothesis
@given(st.lists(st.tuples(st.text(".ab019 HEAVYdrown_"), st.sampled_from([1, "x", [1], {"a": 1}, None])), max_size=4))
def test_no_overlay_raises(paths):
    text = "set:" + "".join(f"\n  {path!r}: {value!r}" for path, value in paths)
    node, _ = parse_document(text, "overlay.yaml")
    changed, problems = overlay.apply(read(BASE), node)
    assert isinstance(changed, Mapping)
    assert all(problem.location.file == "overlay.yaml" for problem in problems)
