"""Columns of bands and tables: every case's value keeps the range that its rule declares for the column."""

from collections.abc import Iterator

from rulecap.language import types as t
from rulecap.language.literals import Literal, literal
from rulecap.language.terms import Field, RuleValue, Term
from rulecap.policy.checks.parameters import edges, fits, keep_within
from rulecap.policy.nodes import Mapping, Node, Sequence, problem_at
from rulecap.policy.typed import TypedPolicy
from rulecap.problems import Problem, did_you_mean
from rulecap.rules.cases import RuleOfCases, at_column
from rulecap.rules.typed import Typed

OF_THE_RULE = frozenset({"name", "from", "to"})  # what a case has without its being a column


def check_columns(policy: TypedPolicy, problems: list[Problem]) -> None:
    """Note each value outside of its column's range, and each range that is none or is of no column of numbers."""
    for rule in policy.rules.values():
        if isinstance(rule.rule, RuleOfCases):
            for column, written in rule.rule.ranges.items():
                _check(rule, rule.rule, column, written, problems)


def range_of(rule: Typed, column: str) -> tuple[float | None, float | None]:
    """Return the ends of the range that a checked rule declares for a column; none where it declares none."""
    written = rule.rule.ranges.get(column) if isinstance(rule.rule, RuleOfCases) else None
    kind = _kind(rule, column) if written is not None else None
    return (None, None) if written is None or kind is None else edges(column, written, kind, [])


def ranged_columns(policy: TypedPolicy) -> Iterator[tuple[Term, float | None, float | None]]:
    """Yield each column that is held to a range, as expressions read it of the matched case, and the range's ends."""
    for rule in policy.rules.values():
        for column in rule.rule.ranges if isinstance(rule.rule, RuleOfCases) else ():
            term: Term = RuleValue(t.UNKNOWN, 0, rule.name)
            for part in column.split("."):
                term = Field(t.UNKNOWN, 0, term, part)
            yield term, *range_of(rule, column)


def _check(rule: Typed, cases: RuleOfCases, column: str, written: Node, problems: list[Problem]) -> None:
    kind = _kind(rule, column)
    values = [
        (f"{rule.name}.{case.name}.{column}", literal(node, []))
        for case in cases.all_cases
        if (node := at_column(case.columns, column)) is not None
    ]
    before = len(problems)
    if kind is None:
        problems.append(_no_column(rule, cases, column))
    elif kind == t.NOTHING:
        edges(column, written, _unit(written), problems)
    elif kind != t.UNKNOWN and (changed := _changed(cases, written, values)):
        for name, value in changed:
            fits(name, value, _unit(written), problems)
    elif kind != t.UNKNOWN and not isinstance(kind, t.Number):
        problems.append(_no_number(rule, column, kind, written))
    if len(problems) > before or not isinstance(kind, t.Number):  # whether they are within depends on what was meant
        return
    ends = edges(column, written, kind, problems)
    if len(problems) == before:
        for name, value in values:
            keep_within(name, value, written, ends, cases.key.source, problems)


def _unit(written: Node) -> t.Number:
    """Return the unit that a range is in, which is its first end's."""
    assert isinstance(written, Sequence)  # the schema asks for it
    kind = literal(written.items[0], []).type
    return kind if isinstance(kind, t.Number) else t.BARE


def _changed(cases: RuleOfCases, written: Node, values: list[tuple[str, Literal]]) -> list[tuple[str, Literal]]:
    """Return the values that an overlay set, of another type than the range that the policy itself has for them."""
    own, unit = cases.key.source, _unit(written)
    others = values if written.source is own else []
    return [one for one in others if one[1].node.source is not own and t.unify(unit, one[1].type) is None]


def _columns(rule: Typed) -> dict[str, t.Type]:
    assert rule.cases is not None  # a rule of cases has them
    assert isinstance(rule.cases.type, t.Record)
    return {name: kind for name, kind in rule.cases.type.fields.items() if name not in OF_THE_RULE}


def _kind(rule: Typed, column: str) -> t.Type | None:
    """Return the type that a column has where it has a value; none where there is no such column."""
    kind: t.Type = t.Record(_columns(rule))
    for step in column.split("."):
        if kind == t.UNKNOWN:
            return kind
        if not isinstance(kind, t.Record) or step not in kind.fields:
            return None
        kind = t.strip(kind.fields[step])
    return kind


def _no_column(rule: Typed, cases: RuleOfCases, column: str) -> Problem:
    ranges = cases.node.get("ranges")
    key = ranges.key(column) if isinstance(ranges, Mapping) else None
    assert key is not None  # it is read from there
    known = [path for path, kind in _paths("", t.Record(_columns(rule))) if isinstance(kind, t.Number)]
    return problem_at(key, "unknown-name", f"{rule.name} has no column {column}", did_you_mean(column, known))


def _no_number(rule: Typed, column: str, kind: t.Type, written: Node) -> Problem:
    parts = [path for path, part in _paths(f"{column}.", kind) if isinstance(part, t.Number)]
    hint = f"name its part: {parts[0]}" if parts else f"leave {column} out"
    return problem_at(written, "wrong-type", f"{rule.name}.{column} is {t.described(kind)}: it has no range", hint)


def _paths(before: str, kind: t.Type) -> Iterator[tuple[str, t.Type]]:
    """Yield every value within a record, by its path."""
    for name, inner in kind.fields.items() if isinstance(kind, t.Record) else ():
        yield f"{before}{name}", t.strip(inner)
        yield from _paths(f"{before}{name}.", t.strip(inner))
