"""The history of an account: which rules a policy shows over time."""

from collections.abc import Mapping, Set

from rulecap.language import types as t
from rulecap.policy.model import Panel, PolicyText
from rulecap.policy.nodes import Scalar, problem_at
from rulecap.policy.typed import TypedPanel
from rulecap.problems import Problem, did_you_mean
from rulecap.rules.code import unit_name
from rulecap.rules.typed import Typed

Rules = Mapping[str, Typed | None]


def check_history(
    text: PolicyText, rules: Mapping[str, Typed], written: Set[str], problems: list[Problem]
) -> tuple[TypedPanel, ...]:
    """Return the panels; a rule that is not there, or of another kind, is a finding at its name.

    Args:
        text: the policy.
        rules: its rules.
        written: the names of its rules, also of those that could not be read, which is reported.
        problems: what is wrong goes there.
    """
    known = {**dict.fromkeys(written), **rules}
    return tuple(_panel(name, panel, known, problems) for name, panel in text.history.items())


def _panel(name: str, panel: Panel, rules: Rules, problems: list[Problem]) -> TypedPanel:
    units: dict[str, str] = {}
    for label, node in panel.lines.items():
        rule = _rule(node, rules, problems)
        unit = _unit(node, rule, problems) if rule is not None else None
        if unit is not None:
            units[label] = unit
            if unit != next(iter(units.values())):
                first, other = next(iter(units.items()))
                message = f"{node.text} is {unit}, {first} is {other}: the lines of a panel have one unit"
                problems.append(problem_at(node, "wrong-unit", message, "give it a panel of its own"))
    for node in panel.flags.values():
        rule = _rule(node, rules, problems)
        if rule is not None and t.strip(rule.type) not in (t.FLAG, t.UNKNOWN):
            message = f"{node.text} is {t.described(rule.type)}: a flag is a condition"
            problems.append(problem_at(node, "wrong-type", message))
    if panel.states is not None:
        rule = _rule(panel.states, rules, problems)
        if rule is not None and rule.rule.kind != "bands":
            message = f"{panel.states.text} is a rule of kind {rule.rule.kind}: states are the cases of bands"
            problems.append(problem_at(panel.states, "wrong-type", message))
    names = {label: node.text for label, node in panel.lines.items()}
    flags = {label: node.text for label, node in panel.flags.items()}
    states = panel.states.text if panel.states is not None else None
    title = panel.title or name.replace("_", " ")
    return TypedPanel(name, title, next(iter(units.values()), ""), names, states, flags)


def _rule(node: Scalar, rules: Rules, problems: list[Problem]) -> Typed | None:
    if node.text not in rules:
        problems.append(
            problem_at(node, "unknown-name", f"there is no rule {node.text}", did_you_mean(node.text, rules))
        )
    return rules.get(node.text)


def _unit(node: Scalar, rule: Typed, problems: list[Problem]) -> str | None:
    """Return the unit of a rule's number; none, noted, where it is none."""
    if isinstance(t.strip(rule.type), t.Number):
        return unit_name(rule.type) or ""
    if rule.type != t.UNKNOWN:
        message = f"{node.text} is {t.described(rule.type)}: a line is a number over time"
        problems.append(problem_at(node, "wrong-type", message))
    return None
