"""`kind: table` — the row that a name belongs to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.literals import literal
from rulecap.language.scope import Cases, Scope
from rulecap.language.terms import Term
from rulecap.language.values import ANY
from rulecap.policy.nodes import Node, Scalar, items_of, problem_at
from rulecap.problems import Problem
from rulecap.rules.cases import RuleOfCases, column_spots, columns, complete, join, row_type, row_value
from rulecap.rules.code import Code, record
from rulecap.rules.parts import Case, Formula, Items, Written, repeated_names
from rulecap.rules.typed import Checker, Typed


class Row(Case):
    """A row and the names that belong to it."""

    SELECTORS: ClassVar = frozenset({"is"})

    names: Written

    @classmethod
    def _keys(cls, parts: dict[str, Any]) -> dict[str, Any]:
        kept = super()._keys(parts)
        kept["names"] = kept.pop("is", None)
        return kept


class TableRule(RuleOfCases):
    """A row by a name."""

    kind: Literal["table"]
    of: Formula | None = None
    rows: Annotated[tuple[Row, ...], Items]
    otherwise: Case | None = None

    @property
    def all_cases(self) -> tuple[Case, ...]:
        """The rows, and `otherwise` as the last one."""
        return (*self.rows, *([self.otherwise] if self.otherwise else []))

    def check(self, scope: Scope) -> "TypedTable":
        """Return the rule with its type; a name belongs to one row only."""
        checker = Checker(scope, self)
        of = self._key(checker, scope)
        cases = self.all_cases
        parts = [(case, columns(case, scope.problems)) for case in cases]
        repeated_names(cases, "case", scope.problems)
        shared = join(parts, self.key.source, scope.problems)
        kind = t.Record({"name": t.Text(frozenset(case.name for case in cases)), **shared}, "key", "row")
        rows = {
            case.name: (row_value(case.name, values, {}), row_type(case.name, values, {})) for case, values in parts
        }
        complete([value for value, _ in rows.values()], list(shared))
        index, catch_all = _index(self, rows, scope)
        matched = kind if catch_all is not None else t.optional(kind)
        table = Cases(t.TEXT, rows, kind, matched, "rows", matched=of is not None)
        return TypedTable(self, matched, self.of, of, index, catch_all, table)

    def _key(self, checker: Checker, scope: Scope) -> Term | None:
        """Return the term of what is looked up, none where nothing is; then a row need hold no names."""
        if self.of is None:
            return None
        of = checker.present(self.of, checker.term(self.of), scope)
        if not isinstance(of.type, t.Text) and of.type != t.UNKNOWN:
            message = f"a table is looked up by a name, this is {t.described(of.type)}"
            scope.problems.append(self.of.problem(0, "wrong-type", message, "for a number, take kind: bands"))
        return of


def _second_catch_all(rule: TableRule, row: Row) -> Problem:
    first = next((one.name for one in rule.rows if one is not row and getattr(one.names, "text", "") == "any"), "")
    message = f"{row.name} takes every name that is left, and so does {first or 'otherwise'}"
    return problem_at(row.names, "duplicate-case", message, "keep one of them")


def _index(
    rule: TableRule, rows: dict[str, Any], scope: Scope
) -> tuple[dict[str, dict[str, object]], dict[str, object] | None]:
    index: dict[str, dict[str, object]] = {}
    catch_all = rows[rule.otherwise.name][0] if rule.otherwise else None
    for row in rule.rows:
        names = literal(row.names, scope.problems) if row.names is not None else None
        if names is not None and names.value is ANY:
            if catch_all is not None:
                scope.problems.append(_second_catch_all(rule, row))
            catch_all = rows[row.name][0]
            continue
        listed = names.value if names is not None and isinstance(names.value, tuple) else ()
        for name, node in zip(listed, getattr(row.names, "items", ()), strict=False):
            if name in index:
                scope.problems.append(
                    problem_at(
                        node,
                        "duplicate-case",
                        f"{name} belongs to {index[name]['name']} already",
                        "a name belongs to one row",
                    )
                )
            index.setdefault(str(name), rows[row.name][0])
    return index, catch_all


@dataclass(frozen=True, slots=True)
class TypedTable(Typed):
    """A table with the term of its key."""

    of: Expression | None
    key: Term | None
    index: dict[str, dict[str, object]]
    catch_all: dict[str, object] | None
    table: Cases

    @property
    def listed(self) -> Iterator[tuple[str, Node]]:
        """The names that the rows hold, and where each stands."""
        rule = self.rule
        assert isinstance(rule, TableRule)  # made of nothing else
        for row in rule.rows:
            yield from ((node.text, node) for node in items_of(row.names) if isinstance(node, Scalar))

    @property
    def cases(self) -> Cases:
        """The rows."""
        return self.table

    def terms(self) -> Iterable[Term]:
        """Return the one term, where the table looks something up."""
        return (self.key,) if self.key is not None else ()

    def lookup(self) -> Callable[[str], dict[str, object] | None]:
        """Return the function behind `.at(…)`."""
        index, catch_all = self.index, self.catch_all

        def find(key: str) -> dict[str, object] | None:
            return index.get(key, catch_all)

        return find

    def write(self, code: Code) -> None:
        """Assign the row."""
        assert self.of is not None and self.key is not None  # nothing asks for the row of a table without
        otherwise = "None" if self.catch_all is None else code.emitter.constant(self.catch_all)
        find = code.emitter.constant(self.index.get)
        code.line(f"{self.variable} = {find}({code.term(self.key)}, {otherwise})", self.of.location())

    def detail(self, code: Code) -> str:
        """The key and the row."""
        row = self.variable
        rule = self.rule
        assert isinstance(rule, TableRule)  # made of nothing else
        assert self.of is not None and self.key is not None  # nothing asks for the row of a table without
        spots = code.emitter.constant(column_spots(rule.all_cases))
        return record(
            {
                "of": repr(self.of.text),
                "key": code.term(self.key),
                "matched": f"None if {row} is None else {row}['name']",
                "numbers": f"{{}} if {row} is None else {spots}[{row}['name']]",
            }
        )


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    return [f"{detail['of']} = {detail['key']} is {detail['matched'] or 'in no row'}"]
