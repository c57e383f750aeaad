"""A number that a range was declared for is within it in every policy that loads, wherever it was set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap import PolicyError, load_policy
from rulecap.policy.nodes import Scalar, Sequence
from rulecap.rules.cases import RuleOfCases, at_column
from tests.promises.shipped import SHIPPED
from tests.written import problems_of

ENDS = ("low", "high")
BASE = """
language: 1
policy: base
version: 1.0.0
decisions:
  answer:
    requires: [market]
    outputs: {{size: drawdown.size, most: tier.leverage.most}}
    on_error: {{size: none, most: none}}
rules:
  drawdown:
    kind: bands
    of: account.margin_used
    ranges: {{size: [{low}, {high}]}}
    cases: [{{name: LIGHT, below: 5 USD, size: {high}}}, {{name: HEAVY, size: {low}}}]
  tier:
    kind: table
    of: market.base
    ranges: {{leverage.most: [{low}x, {high}x]}}
    rows: [{{name: CORE, is: [BTC], leverage: {{most: {low}x}}}}]
    otherwise: {{name: REST, leverage: {{most: {high}x}}}}
"""
OVER = "language: 1\nextends: base\npolicy: over\nversion: 1.0.0\nset:\n  {path}: {value}\n"
PATHS = {
    "drawdown.LIGHT.size": "{}",
    "drawdown.HEAVY.size": "{}",
    "tier.CORE.leverage.most": "{}x",
    "tier.CORE.leverage": "{{most: {}x}}",
    "tier.REST.leverage.most": "{}x",
}
numbers = st.floats(-100, 100, allow_nan=False).map(lambda number: round(number, 6))


@given(st.tuples(numbers, numbers), numbers, st.sampled_from(sorted(PATHS)))
def test_an_overlay_loads_exactly_where_its_value_is_within_its_columns_range(
    ends: tuple[float, float], value: float, path: str
) -> None:
    low, high = sorted(ends)
    base = BASE.format(low=f"{low:f}", high=f"{high:f}")
    for number in (value, low, high):  # both ends are included
        text = PATHS[path].format(f"{number:f}")
        found = problems_of({"base/policy.yaml": base, "main.yaml": OVER.format(path=path, value=text)})
        if low <= number <= high:
            assert found == ()
        else:
            [problem] = found
            assert (problem.code, problem.severity) == ("out-of-range", "error")
            assert problem.location is not None
            assert (problem.location.file, problem.location.line) == ("main.yaml", 6)
            assert f"{number:f}" in problem.source_line[problem.location.column - 1 :]


def ranged(name: str) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Yield the path of each value of a shipped policy that a column's range is declared for, its text and the ends."""
    for rule in load_policy(name).typed.rules.values():
        if isinstance(rule.rule, RuleOfCases):
            for column, written in rule.rule.ranges.items():
                assert isinstance(written, Sequence)
                low, high = (item.text for item in written.items if isinstance(item, Scalar))
                for case in rule.rule.all_cases:
                    node = at_column(case.columns, column)
                    if isinstance(node, Scalar):
                        yield f"{rule.name}.{case.name}.{column}", node.text, (low, high)


def beyond(text: str, by: float) -> str:
    """Return a written number with something added."""
    digits = text.rstrip("%xh")
    return f"{float(digits) + by:g}{text[len(digits) :]}"


def overlay(folder: Path, name: str, values: dict[str, str]) -> Path:
    lines = "".join(f"  {path}: {value}\n" for path, value in values.items())
    path = folder / "over.yaml"
    path.write_text(f"language: 1\nextends: {name}\npolicy: over\nversion: 1.0.0\nset:\n{lines}")
    return path


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", SHIPPED)
def test_no_overlay_of_a_shipped_policy_sets_a_ranged_column_outside_its_range(
    tmp_path: Path, name: str, end: str
) -> None:
    index, by = ENDS.index(end), (-0.01, 0.01)[ENDS.index(end)]
    found = list(ranged(name))
    assert len(found) >= 20
    load_policy(overlay(tmp_path, name, {path: ends[index] for path, _, ends in found}))
    values = {path: beyond(ends[index], by) for path, _, ends in found}
    with pytest.raises(PolicyError) as error:
        load_policy(overlay(tmp_path, name, values))
    refused = [(one.code, one.location.file, one.location.line) for one in error.value.problems if one.location]
    assert refused == [("out-of-range", "over.yaml", 6 + number) for number in range(len(found))]


SLIPS = {
    "drawdown.HEAVY.size": ("10", "-0.3", "25%"),
    "drawdown.LIGHT.leverage_cut": ("-2x",),
    "heat.HOT.size": ("3", "-0.3"),
    "impact.SEVERE.size": ("3", "-0.3"),
    "spread.WIDE.leverage": ("5", "-0.5"),
    "record.WEAK.unproven": ("8", "-0.8"),
    "zone.ORANGE_ZONE.reduce": ("300%", "-30%", "0.3"),
    "zone.RED_ZONE.close_until": ("500%", "-50%"),
    "band.LARGE.leverage.max": ("50x", "-5x", "0x"),
    "band.LARGE.leverage.min": ("50x", "-2x", "0.2x"),
    "band.LARGE.risk.max": ("20%", "-2%"),
    "band.LARGE.risk.min": ("10%", "-1%"),
    "tier.CORE.share": ("500%", "-50%"),
    "tier.CORE.leverage.max": ("50x", "-5x"),
    "tier.CORE.leverage.min": ("30x", "-3x"),
}


def test_slips_that_cost_money_are_not_loaded(tmp_path: Path) -> None:
    for number in range(max(map(len, SLIPS.values()))):
        slips = {path: values[number] for path, values in SLIPS.items() if number < len(values)}
        with pytest.raises(PolicyError) as error:
            load_policy(overlay(tmp_path, "default", slips))
        lines = {one.location.line for one in error.value.problems if one.location and one.severity == "error"}
        assert lines >= {6 + place for place in range(len(slips))}, error.value
