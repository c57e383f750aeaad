"""What every checked rule can do: name its type and terms, write its code, write the source of its trace detail."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rulecap.language import types as t
from rulecap.language.emit import local_of, reads
from rulecap.language.expression import Expression
from rulecap.language.infer import infer
from rulecap.language.scope import Cases, Scope, lacking
from rulecap.language.terms import (
    Aggregate,
    Compare,
    Known,
    Local,
    Logic,
    Not,
    Read,
    Term,
    children,
    walk,
)
from rulecap.language.unit_errors import converted, rewritten
from rulecap.language.unit_errors import what as says
from rulecap.language.values import is_number
from rulecap.rules.code import Code, record, whole_possible
from rulecap.rules.parts import Rule
from rulecap.units import UNITS

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Typed(ABC):
    """A rule whose every expression has a type."""

    rule: Rule
    type: t.Type

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    @property
    def cases(self) -> Cases | None:
        """The cases, of a bands or table rule."""
        return None

    @abstractmethod
    def terms(self) -> Iterable[Term]:
        """Return every term of the rule, in order."""

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return the conditions of which each stands for itself; those of a tree do not."""
        return ()

    @abstractmethod
    def write(self, code: Code) -> None:
        """Write lines that put the rule's value into its variable."""

    @abstractmethod
    def detail(self, code: Code) -> str:
        """Return source of the trace's detail; lines that it needs are written first."""

    @property
    def variable(self) -> str:
        """The Python variable of the rule's value."""
        return f"r_{self.name}"


@dataclass(frozen=True, slots=True)
class Checker:
    """Infers the expressions of one rule and notes what does not fit."""

    scope: Scope
    rule: Rule

    def term(self, expression: Expression, scope: Scope | None = None) -> Term:
        """Return the typed term of an expression."""
        return infer(expression, scope or self.scope)

    def condition(self, expression: Expression, scope: Scope | None = None) -> Term:
        """Return the term of a condition."""
        within = scope or self.scope
        term = self.present(expression, infer(expression, within), within)
        if term.type not in (t.FLAG, t.UNKNOWN):
            within.problems.append(
                expression.problem(
                    0,
                    "wrong-type",
                    f"a condition is needed here, this is {t.described(term.type)}",
                    "compare it with something",
                )
            )
        return term

    def number(self, expression: Expression, scope: Scope | None = None) -> Term:
        """Return the term of a number, which must be present."""
        within = scope or self.scope
        term = self.present(expression, infer(expression, within), within)
        return self.ordered(expression, term)

    def ordered(self, expression: Expression, term: Term) -> Term:
        """Return the term of a number, of unknown type where it is something else, which is noted."""
        kind = t.strip(term.type)
        if isinstance(kind, t.Number) or kind == t.UNKNOWN:
            return term
        message = f"a number is needed here, this is {t.described(kind)}"
        self.scope.problems.append(expression.problem(0, "wrong-type", message))
        return replace(term, type=t.UNKNOWN)

    def list_of(self, expression: Expression, absent: bool) -> tuple[Term, t.Type]:
        """Return the term of a list and its elements' type; `absent` takes a list that may be none."""
        term = infer(expression, self.scope)
        term = term if absent else self.present(expression, term, self.scope)
        kind = t.strip(term.type)
        if isinstance(kind, t.ListOf):
            return term, kind.item
        if kind != t.UNKNOWN:
            message = f"a list is needed here, this is {t.described(kind)}"
            self.scope.problems.append(expression.problem(0, "wrong-type", message, self._listed(expression)))
        return term, t.UNKNOWN

    def _listed(self, expression: Expression) -> str:
        """Return how all cases of a bands or table rule are read, where the rule itself is given as a list."""
        words = self.scope.vocabulary
        cases = words.cases(expression.text) if expression.text in words.rule_names() else None
        return f"write {expression.text}.{cases.word}" if cases is not None else ""

    def present(self, expression: Expression, term: Term, scope: Scope) -> Term:
        """Return the term of a value that must be present; where it may be absent, a demand or a finding."""
        if not isinstance(term.type, t.Optional):
            return term
        if isinstance(term, Read):
            scope.demands.setdefault(term.path, (expression, term.offset))
        else:
            hint = f"write default({expression.text}, …)"
            message = f"{expression.text} may be none here{lacking(scope, term)}"
            scope.problems.append(expression.problem(term.offset, "optional-not-discharged", message, hint))
            return replace(term, type=t.UNKNOWN)
        return replace(term, type=term.type.inner)

    def same_unit(self, expression: Expression, term: Term, wanted: t.Type, subject: str) -> None:
        """Note a finding where a number is not of the wanted unit."""
        a, b = t.strip(term.type), t.strip(wanted)
        if isinstance(a, t.Number) and isinstance(b, t.Number) and t.same_unit(a, b) is None:
            tree = expression.tree
            message = f"{subject} is {t.described(b)}, {says(tree, a) if tree is not None else a}"
            hint = (rewritten(tree, a, b) or converted(tree, a, b)) if tree is not None else ""
            self.scope.problems.append(expression.problem(0, "wrong-unit", message, hint))

    def declared(self, expression: Expression, term: Term) -> t.Type:
        """Return the type of the rule's value: what it declares, held against what was inferred."""
        unit, inferred = self.rule.unit, t.strip(term.type)
        if unit is None:
            if isinstance(inferred, t.Number):
                self._missing_unit(expression, inferred)
            return term.type
        wanted = t.declared(unit)
        if not self.hold(expression, term, wanted):
            return t.UNKNOWN  # which of both is right nobody knows: what reads the rule is not held against either
        return t.optional(wanted) if isinstance(term.type, t.Optional) or term.type == t.NOTHING else wanted

    def hold(self, expression: Expression, term: Term, wanted: t.Type) -> bool:
        """Tell whether a value is of the type that the rule declares; where not, it is a finding."""
        inferred, before = t.strip(term.type), len(self.scope.problems)
        if isinstance(wanted, t.Number) and isinstance(inferred, t.Number):
            self.same_unit(expression, term, wanted, self.rule.name)
        elif inferred != t.NOTHING and t.unify(wanted, inferred) is None:
            message = f"{self.rule.name} is declared as {wanted}, this is {t.described(inferred)}"
            self.scope.problems.append(expression.problem(0, "wrong-type", message))
        return len(self.scope.problems) == before

    def _missing_unit(self, expression: Expression, unit: t.Number) -> None:
        if unit not in t.NAMES_OF:
            message = f"{self.rule.name} comes out in {unit}, which is no unit of the language"
            self.scope.problems.append(expression.problem(0, "wrong-unit", message, f"the units: {', '.join(UNITS)}"))
            return
        node = self.rule.node
        key = node.key("kind")
        assert key is not None  # the schema asks for it
        word = "ratio, score or count" if unit == t.BARE else str(unit)
        message = f"{self.rule.name} is a number: say its unit"
        self.scope.problems.append(key.source.problem("missing-unit", message, key.location, f"write unit: {word}"))


def coerced(code: Code, term: Term, kind: t.Type) -> str:
    """Return source of a number as its unit has it: a float, but a count may be whole."""
    text = code.term(term)
    if not isinstance(t.strip(kind), t.Number) or t.strip(kind) in (t.COUNT, t.BARE) or not whole_possible(term):
        return text
    return f"{code.emitter.named('f_float', as_float)}({text})"


def as_float(value: float | None) -> float | None:
    """Return a number as a float, none as none."""
    return None if value is None else float(value)


def shown_reads(terms: Iterable[Term]) -> dict[str, Term]:
    """Return what a trace shows as read: scalars by their dotted names, in order; lists by the fields that are used."""
    found: dict[str, Term] = {}
    for term in terms:
        _gather(term, found)
    return found


def _gather(term: Term, found: dict[str, Term]) -> None:
    name = reads(term)
    if name is not None and is_scalar(term.type):
        found.setdefault(name, term)
        return
    if isinstance(term, Aggregate):
        _gather(term.source, found)
        for inner in (term.element, term.condition):
            for one in walk(inner) if inner is not None else ():
                if not _local(one) and reads(one) is not None and is_scalar(one.type):
                    found.setdefault(str(reads(one)), one)
        return
    for child in children(term):
        _gather(child, found)


def _local(term: Term) -> bool:
    return any(isinstance(one, Local) for one in walk(term))


def is_scalar(kind: t.Type) -> bool:
    """Return whether a value is shown as it is, without parts."""
    return isinstance(t.strip(kind), t.Number | t.Text) or t.strip(kind) in (t.FLAG, t.TIME, t.NOTHING)


def condition_detail(code: Code, expression: Expression, term: Term, head: Mapping[str, str] | None = None) -> str:
    """Return source of a condition's detail: its text, whether it holds, and each comparison with its distance.

    `head` is source of what stands before that, by name.
    """
    compared = f"[{', '.join(_compared(code, expression, term))}]"
    return record(
        {
            **(head or {}),
            "if": repr(expression.text),
            "at": repr(expression.location().spot),
            "holds": code.term(term),
            "compared": compared,
        }
    )


def _compared(code: Code, expression: Expression, term: Term) -> Iterator[str]:
    if isinstance(term, Not):
        yield from _compared(code, expression, term.operand)
    elif isinstance(term, Logic):
        yield from _joined(code, expression, term)
    elif isinstance(term, Compare) and all(is_scalar(operand.type) for operand in term.operands):
        yield from _chained(code, term)
    elif isinstance(term, Known):
        yield f"{{'known': {reads(term.value)!r}, 'is': {code.term(term)}}}"


def _chained(code: Code, term: Compare) -> Iterator[str]:
    """A later pair is only looked at where the earlier ones hold, as in evaluation."""
    guard = ""
    for left, operator, right in zip(term.operands, term.operators, term.operands[1:], strict=False):
        pair = _comparison(code, left, operator, right)
        yield f"*([{pair}] if {guard} else [])" if guard else pair
        own = f"{code.term(left)} {operator} {code.term(right)}"
        guard = f"{guard} and {own}" if guard else own


def _comparison(code: Code, left: Term, operator: str, right: Term) -> str:
    a, b = code.term(left), code.term(right)
    if isinstance(left.type, t.Number) and isinstance(right.type, t.Number) and local_of(left):
        return record({"left": a, "is": repr(operator), "right": b, "by": f"{a} - {b}"})
    if not any(isinstance(t.strip(one.type), t.Number) for one in (left, right)):
        return record({"left": a, "is": repr(operator), "right": b, "by": "None"})
    return f"{code.emitter.named('f_compared', compared)}({a}, {operator!r}, {b})"


def _joined(code: Code, expression: Expression, term: Logic) -> Iterator[str]:
    """A later operand is only looked at where the earlier ones leave it open, as in evaluation."""
    guard = ""
    for operand in term.operands:
        inner = ", ".join(_compared(code, expression, operand))
        if inner:
            yield f"*([{inner}] if {guard} else [])" if guard else inner
        own = code.term(operand) if term.operator == "and" else f"not {code.term(operand)}"
        guard = f"{guard} and {own}" if guard else own


def compared(left: object, operator: str, right: object) -> dict[str, object]:
    """Return a comparison as the trace shows it; `by` is how far the left side is above the right."""
    by = left - right if is_number(left) and is_number(right) else None
    return {"left": left, "is": operator, "right": right, "by": by}
