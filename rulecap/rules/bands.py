"""`kind: bands` — the case that a number falls into: zones, account bands, any lookup by size."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from rulecap.language import types as t
from rulecap.language.emit import local_of
from rulecap.language.expression import Expression
from rulecap.language.literals import Literal as Value
from rulecap.language.literals import literal
from rulecap.language.scope import Cases, Scope
from rulecap.language.terms import Term
from rulecap.language.unit_errors import as_unit
from rulecap.language.values import show
from rulecap.policy.nodes import Scalar, problem_at
from rulecap.rules.cases import RuleOfCases, column_spots, columns, complete, join, row_type, row_value
from rulecap.rules.code import Code, computes, record, unit_name
from rulecap.rules.parts import Case, Formula, Items, Written, repeated_names
from rulecap.rules.typed import Checker, Typed

MOST_COMPARED = 40  # more cases are looked up by a function: so long a chain would be too deep for Python
Bound = tuple[float | None, bool]  # where the case ends, none at the open end, and whether the end belongs to it


class Band(Case):
    """A case: `below` excludes its bound, `up_to` includes it, the last has neither."""

    SELECTORS: ClassVar = frozenset({"below", "up_to"})

    below: Written = None
    up_to: Written = None

    @property
    def bound(self) -> Any:
        """The node of the bound, none at the open end."""
        return self.up_to if self.below is None else self.below


class BandsRule(RuleOfCases):
    """A case by the size of a number."""

    kind: Literal["bands"]
    of: Formula
    cases: Annotated[tuple[Band, ...], Items]

    @property
    def all_cases(self) -> tuple[Band, ...]:
        """The cases."""
        return self.cases

    def check(self, scope: Scope) -> "TypedBands":
        """Return the rule with its type; bounds must ascend and only the last case is open."""
        checker = Checker(scope, self)
        of = checker.number(self.of)
        bounds = _bounds(self, checker, of.type)
        parts = [(case, columns(case, scope.problems)) for case in self.cases]
        repeated_names(self.cases, "case", scope.problems)
        _reserved(self, scope)
        shared = join(parts, self.key.source, scope.problems)
        names = t.Text(frozenset(case.name for case in self.cases))
        ends = {"from": t.optional(of.type), "to": t.optional(of.type)}
        kind = t.Record({"name": names, **shared, **ends}, "key", "case")
        rows = {}
        start: float | None = None
        for (case, values), (end, _) in zip(parts, bounds, strict=True):
            edges = {
                "from": of.type if start is not None else t.NOTHING,
                "to": of.type if end is not None else t.NOTHING,
            }
            rows[case.name] = (
                row_value(case.name, values, {"from": start, "to": end}),
                row_type(case.name, values, edges),
            )
            start = end
        complete([value for value, _ in rows.values()], list(shared))
        return TypedBands(self, kind, self.of, of, tuple(bounds), Cases(of.type, rows, kind, kind, "cases"))


def _reserved(rule: BandsRule, scope: Scope) -> None:
    for case in rule.cases:
        for name in ("from", "to"):
            if name in case.columns:
                key = case.node.key(name)
                assert key is not None  # it is a column
                scope.problems.append(
                    problem_at(
                        key,
                        "name-taken",
                        f"{name} is where the case begins or ends",
                        "a bound is written below or up_to"
                        if name == "to"
                        else "a case begins where the one before ends",
                    )
                )


def _bounds(rule: BandsRule, checker: Checker, of: t.Type) -> list[Bound]:
    bounds: list[Bound] = []
    last: float | None = None
    named: set[str] = set()
    for number, case in enumerate(rule.cases):
        final = number == len(rule.cases) - 1
        value = _bound(case, final, checker, of)
        inclusive = case.up_to is not None
        copied = case.name in named  # which is noted as that
        named.add(case.name)
        if value is not None and last is not None and value <= last and not copied:
            hint = "bounds go up from case to case"
            checker.scope.problems.append(
                problem_at(
                    case.bound,
                    "band-not-ascending",
                    f"{case.name} ends at {case.bound.text}, not above the case before it",
                    hint,
                )
            )
        last = value if value is not None else last
        bounds.append((value, inclusive))
    return bounds


def _bound(case: Band, final: bool, checker: Checker, of: t.Type) -> float | None:
    problems = checker.scope.problems
    if case.bound is None and "to" in case.columns:  # the bound by another word, which is reported as that
        return None
    if (case.bound is None) != final:
        name = case.node.get("name")
        assert isinstance(name, Scalar)  # the schema asks for it
        message = f"{case.name} is the last case: it has no end" if final else f"{case.name} has no end"
        problems.append(problem_at(name, "band-bounds", message, "every case but the last has below or up_to"))
        return None
    if case.bound is None:
        return None
    value = literal(case.bound, problems)
    if isinstance(value.type, t.Number):
        return _fitting(case, value, of, problems)
    if value.type != t.UNKNOWN:
        message = f"{case.name} ends at {case.bound.text}, which is {t.described(value.type)}"
        problems.append(problem_at(value.node, "wrong-type", message, "a bound is a number"))
    return None


def _fitting(case: Band, value: Value, of: t.Type, problems: list[Any]) -> float | None:
    assert isinstance(value.type, t.Number) and isinstance(value.value, int | float)
    if isinstance(of, t.Number) and t.same_unit(value.type, of) is None:
        what = "has no unit" if value.type == t.BARE else f"is {t.described(value.type)}"
        message = f"{case.name} ends at {case.bound.text}, which {what}; `of` is {t.described(of)}"
        problems.append(problem_at(value.node, "wrong-unit", message, as_unit(float(value.value), value.type, of)))
        return None
    return float(value.value)


@dataclass(frozen=True, slots=True)
class TypedBands(Typed):
    """Bands with the term of their number and their cases' values."""

    of: Expression
    number: Term
    bounds: tuple[Bound, ...]
    table: Cases

    @property
    def cases(self) -> Cases:
        """The cases."""
        return self.table

    @property
    def written(self) -> tuple[Band, ...]:
        """The cases as written."""
        assert isinstance(self.rule, BandsRule)  # made of nothing else
        return self.rule.cases

    def terms(self) -> Iterable[Term]:
        """Return the one term."""
        return (self.number,)

    def lookup(self) -> Callable[[float], dict[str, object]]:
        """Return the function behind `.at(…)`."""
        rows = [value for value, _ in self.table.rows.values()]
        bounds = self.bounds

        def find(value: float) -> dict[str, object]:
            for row, (end, inclusive) in zip(rows, bounds, strict=True):
                if end is None or value < end or (inclusive and value == end):
                    return row
            return rows[-1]

        return find

    def write(self, code: Code) -> None:
        """Assign the matched case, by a chain of comparisons."""
        variable = local_of(self.number)
        if variable is None:
            variable = f"v_{self.name}"
            code.line(f"{variable} = {code.term(self.number)}", self.of.location())
            code.check_finite(variable, self.number.type, computes(self.number), self.of.location())
        rows = [value for value, _ in self.table.rows.values()]
        if len(rows) == 1 or len(rows) > MOST_COMPARED:
            code.line(f"{self.variable} = {code.emitter.named('at_' + self.name, self.lookup())}({variable})")
            return
        word = "if"
        for value, (end, inclusive) in zip(rows, self.bounds, strict=True):
            with code.block("else:" if end is None else f"{word} {variable} {'<=' if inclusive else '<'} {end!r}:"):
                code.line(f"{self.variable} = {code.emitter.constant(value)}")
            word = "elif"

    def detail(self, code: Code) -> str:
        """Every case with its interval, which matched, and the distance to its ends."""
        unit = unit_name(self.number.type)
        shown = []
        start: float | None = None
        for case, (end, inclusive) in zip(self.written, self.bounds, strict=True):
            at = None if end is None else case.bound.location.spot
            shown.append({"name": case.name, "from": start, "to": end, "includes_to": inclusive, "at": at})
            start = end
        at, row = f"d_{self.name}", self.variable
        code.line(f"{at} = {code.term(self.number)}")
        return record(
            {
                "of": repr(self.of.text),
                "number": at,
                "unit": repr(unit),
                "matched": f"{row}['name']",
                "cases": code.emitter.constant(shown),
                "numbers": f"{code.emitter.constant(column_spots(self.written))}[{row}['name']]",
                "to_next": f"None if {row}['to'] is None else {row}['to'] - {at}",
                "to_previous": f"None if {row}['from'] is None else {at} - {row}['from']",
            }
        )


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    unit = detail["unit"]
    text = f"{detail['of']} = {show(detail['number'], unit)} is {detail['matched']}"
    ways = []
    if detail["to_next"] is not None:
        ways.append(f"{show(detail['to_next'], unit)} below the next case")
    if detail["to_previous"] is not None:
        ways.append(f"{show(detail['to_previous'], unit)} above the one before")
    return [f"{text} ({', '.join(ways)})" if ways else text]
