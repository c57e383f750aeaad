"""The kinds of rules by their word."""

from collections.abc import Callable, Mapping
from typing import Any

from rulecap.rules import actions, adjust, bands, checks, each, formula, pick, table, tree
from rulecap.rules.parts import Rule

KINDS: Mapping[str, type[Rule]] = {
    "formula": formula.FormulaRule,
    "bands": bands.BandsRule,
    "table": table.TableRule,
    "tree": tree.TreeRule,
    "adjust": adjust.AdjustRule,
    "checks": checks.ChecksRule,
    "pick": pick.PickRule,
    "each": each.EachRule,
    "actions": actions.ActionsRule,
}

LINES: Mapping[str, Callable[[dict[str, Any]], list[str]]] = {
    "formula": formula.lines,
    "bands": bands.lines,
    "table": table.lines,
    "tree": tree.lines,
    "adjust": adjust.lines,
    "checks": checks.lines,
    "pick": pick.lines,
    "each": each.lines,
    "actions": actions.lines,
}
