"""What bands and tables share: named cases with typed columns, and the ranges that columns are held to."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from rulecap.language import types as t
from rulecap.language.literals import Literal, literal
from rulecap.language.types import Record, Type
from rulecap.language.unit_errors import as_unit
from rulecap.language.values import is_number
from rulecap.policy.nodes import Mapping, Node, Scalar, SourceFile, problem_at
from rulecap.problems import Problem
from rulecap.rules.code import spot
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
    """Return each column's type over all cases: optional where a case lacks it; a clash is noted at its value.

    Args:
        cases: the cases with the values of their columns.
        source: the file that the rule stands in; an overlay's values stand in another one.
        problems: where a clash is noted.
    """
    joined: dict[str, Type] = {}
    for name in dict.fromkeys(name for _, parts in cases for name in parts):
        kind: Type = t.UNKNOWN
        clash = False
        if set_amiss := _set_amiss(name, [parts[name] for _, parts in cases if name in parts], source):
            problems += set_amiss
            joined[name] = t.UNKNOWN
            continue
        if odd := _first_is_odd([parts[name] for _, parts in cases if name in parts]):
            first, others = odd
            problems.append(_clash(name, first.node, first.value, first.type, others, "below"))
            joined[name] = t.UNKNOWN
            continue
        for _, parts in cases:
            if name not in parts:
                kind = t.optional(kind) if kind != t.UNKNOWN else t.NOTHING
                continue
            both = t.unify(kind, parts[name].type)
            if both is None:
                problems.append(_clash(name, parts[name].node, parts[name].value, parts[name].type, kind))
            clash = clash or both is None
            kind = both or kind
        joined[name] = t.UNKNOWN if clash else kind  # which case is right nobody knows
    return joined


def _set_amiss(name: str, stated: Sequence[Literal], source: SourceFile) -> list[Problem]:
    """Return a finding for each value that an overlay set and that is of another type than all that it did not set."""
    kind: Type = t.UNKNOWN
    own = [_is_in(value.node, source) for value in stated]
    for value, is_own in zip(stated, own, strict=True):
        both = t.unify(kind, value.type) if is_own else kind
        if both is None:
            return []
        kind = both
    amiss = [
        (value, "above" if any(own[:index]) else "below")
        for index, value in enumerate(stated)
        if not own[index] and t.unify(kind, value.type) is None
    ]
    return [_clash(name, value.node, value.value, value.type, kind, where) for value, where in amiss]


def _is_in(node: Node, source: SourceFile) -> bool:
    """Tell whether a value stands in a file, with all its parts."""
    inner = [one for _, one in node.entries] if isinstance(node, Mapping) else ()
    return node.source is source and all(_is_in(one, source) for one in inner)


def _first_is_odd(stated: Sequence[Literal]) -> tuple[Literal, Type] | None:
    """Return the first value and the type of all others, where two or more agree and it alone does not."""
    if len(stated) < 3 or t.unify(stated[0].type, stated[1].type) is not None:
        return None
    others: Type = t.UNKNOWN
    for one in stated[1:]:
        both = t.unify(others, one.type)
        if both is None:
            return None
        others = both
    return stated[0], others


def _clash(name: str, node: Node, value: object, kind: Type, others: Type, where: str = "above") -> Problem:
    others = t.strip(others)
    if isinstance(others, t.Record) and isinstance(kind, t.Record) and isinstance(node, Mapping):
        for field in kind.fields:
            inner, other = kind.fields[field], others.fields.get(field, t.UNKNOWN)
            if t.unify(inner, other) is None and isinstance(value, dict):
                return _clash(f"{name}.{field}", node.get(field) or node, value[field], inner, other, where)
    numbers = isinstance(kind, t.Number) and isinstance(others, t.Number)
    hint = as_unit(float(value), kind, others) if is_number(value) else ""
    message = f"{name} is {t.described(kind)} here, {where} it is {t.described(others)}"
    return problem_at(node, "wrong-unit" if numbers else "wrong-type", message, hint)


def column_spots(cases: Sequence[Case]) -> dict[str, dict[str, str]]:
    """Return for each case where its values stand, as `file:line`."""
    return {case.name: {name: spot(node.location) for name, node in written(case).items()} for case in cases}


def written(case: Case) -> dict[str, Node]:
    """Return the nodes of a case's bound and columns."""
    selectors = {name: case.node.get(name) for name in sorted(case.SELECTORS)}
    return {**{name: node for name, node in selectors.items() if node is not None}, **case.columns}


def repeated_names(cases: Sequence[Case], problems: list[Problem]) -> None:
    """Note every second case of one name."""
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            node = case.node.get("name")
            assert isinstance(node, Scalar)  # the schema asks for it
            problems.append(
                problem_at(
                    node,
                    "duplicate-case",
                    f"there is a case named {case.name} already",
                    "every case has a name of its own",
                )
            )
        seen.add(case.name)


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
