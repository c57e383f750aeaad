"""What bands and tables share: named cases with typed columns, and the ranges that columns are held to."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from rulecap.language import types as t
from rulecap.language.literals import Literal, literal
from rulecap.language.types import Record, Type
from rulecap.language.unit_errors import as_unit, clash_code
from rulecap.language.values import is_number
from rulecap.policy.nodes import Mapping, Node, SourceFile, entries_of, problem_at
from rulecap.problems import Problem
from rulecap.rules.parts import Case, Entries, Rule, Written


class RuleOfCases(Rule):
    """A bands or table rule; `ranges` are by column, a part of one behind a point."""

    ranges: Annotated[dict[str, Written], Entries] = Field(default_factory=dict)

    @property
    def all_cases(self) -> Sequence[Case]:
        """Every case or row as written, in order."""
        raise NotImplementedError


def at_column(columns: MappingType[str, Node], column: str) -> Node | None:
    """Return what a case has in a column, none where it has nothing there."""
    name, *parts = column.split(".")
    node = columns.get(name)
    for part in parts:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def columns(case: Case, problems: list[Problem]) -> dict[str, Literal]:
    """Return the case's columns with their types."""
    return {name: literal(node, problems) for name, node in case.columns.items()}


def join(
    cases: Sequence[tuple[Case, dict[str, Literal]]], source: SourceFile, problems: list[Problem]
) -> dict[str, Type]:
    """Return each column's type over all cases: optional where a case lacks it, unknown where values clash.

    Args:
        cases: the cases with the values of their columns.
        source: the file that the rule stands in; an overlay's values stand in another one.
        problems: where a clash is noted, at the value that is likeliest wrong.
    """
    joined: dict[str, Type] = {}
    for name in dict.fromkeys(name for _, parts in cases for name in parts):
        stated = [parts[name] for _, parts in cases if name in parts]
        kind = _type_of_all(stated)
        if kind is None:
            problems += _clashes(name, stated, source)
            kind = t.UNKNOWN  # which case is right nobody knows
        joined[name] = kind if len(stated) == len(cases) else t.optional(kind)
    return joined


def _type_of_all(values: Sequence[Literal]) -> Type | None:
    """Return the one type that holds all values, none where there is no such type."""
    kind: Type | None = t.UNKNOWN
    for value in values:
        kind = t.unify(kind, value.type) if kind is not None else None
    return kind


def _clashes(name: str, stated: Sequence[Literal], source: SourceFile) -> list[Problem]:
    """Return what is wrong with a column of no one type.

    Where the policy's own values agree, those that an overlay set are to blame. Where all but the first agree, it is
    the first, else each value that does not go with those above it.
    """
    if set_amiss := _set_amiss(name, stated, source):
        return set_amiss
    first, *others = stated
    type_of_others = _type_of_all(others)
    if len(others) > 1 and type_of_others is not None and t.unify(first.type, others[0].type) is None:
        return [_clash(name, first, type_of_others, "below")]
    found = []
    kind: Type = t.UNKNOWN
    for value in stated:
        both = t.unify(kind, value.type)
        if both is None:
            found.append(_clash(name, value, kind, "above"))
        kind = both or kind
    return found


def _set_amiss(name: str, stated: Sequence[Literal], source: SourceFile) -> list[Problem]:
    """Return a finding for each value that an overlay set and that is of another type than all that it did not set."""
    own = [_is_in(value.node, source) for value in stated]
    kind = _type_of_all([value for value, is_own in zip(stated, own, strict=True) if is_own])
    if kind is None:
        return []
    return [
        _clash(name, value, kind, "above" if any(own[:index]) else "below")
        for index, value in enumerate(stated)
        if not own[index] and t.unify(kind, value.type) is None
    ]


def _is_in(node: Node, source: SourceFile) -> bool:
    """Tell whether a value stands in a file, with all its parts."""
    return node.source is source and all(_is_in(one, source) for _, one in entries_of(node))


def _clash(name: str, value: Literal, others: Type, where: str) -> Problem:
    """Return the finding on a value, or on the part of a record that is to blame, whose other cases are of one type."""
    kind, others = value.type, t.strip(others)
    if isinstance(others, t.Record) and isinstance(kind, t.Record) and isinstance(value.value, dict):
        for field, inner in kind.fields.items():
            other = others.fields.get(field, t.UNKNOWN)
            if t.unify(inner, other) is None:
                node = value.node.get(field) if isinstance(value.node, Mapping) else None
                return _clash(f"{name}.{field}", Literal(value.value[field], inner, node or value.node), other, where)
    hint = as_unit(float(value.value), kind, others) if is_number(value.value) else ""
    message = f"{name} is {t.described(kind)} here, {where} it is {t.described(others)}"
    return problem_at(value.node, clash_code(kind, others), message, hint)


def column_spots(cases: Sequence[Case]) -> dict[str, dict[str, str]]:
    """Return for each case where its values stand, as `file:line`."""
    return {case.name: {name: node.location.spot for name, node in written(case).items()} for case in cases}


def written(case: Case) -> dict[str, Node]:
    """Return the nodes of a case's bound and columns."""
    selectors = {name: case.node.get(name) for name in sorted(case.SELECTORS)}
    return {**{name: node for name, node in selectors.items() if node is not None}, **case.columns}


def row_type(name: str, parts: dict[str, Literal], more: dict[str, Type]) -> Record:
    """Return the exact type of one case."""
    return Record(
        {"name": t.Text(frozenset({name})), **{column: part.type for column, part in parts.items()}, **more},
        "key",
        "case",
    )


def row_value(name: str, parts: dict[str, Literal], more: dict[str, Any]) -> dict[str, object]:
    """Return the value of one case."""
    return {"name": name, **{column: part.value for column, part in parts.items()}, **more}


def complete(rows: Sequence[dict[str, object]], names: Sequence[str]) -> None:
    """Give every case every column, none where it has no value of its own, so that compiled code can read it."""
    for row in rows:
        for name in names:
            row.setdefault(name, None)
