"""Python source in the making, with the policy line that each of its lines came from."""

import math
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rulecap.language import types as t
from rulecap.language.emit import Emitter
from rulecap.language.expression import Expression, Template
from rulecap.language.grammar import LARGEST
from rulecap.language.terms import Aggregate, Binary, Call, Choice, Const, Default, Negative, Term, walk
from rulecap.language.values import SHOWN, digits, show
from rulecap.location import Location


class NotFinite(ArithmeticError):
    """A computed number is infinite or not a number."""


def record(parts: Mapping[str, str]) -> str:
    """Return source of a dict from the source of its values."""
    return "{" + ", ".join(f"{name!r}: {source}" for name, source in parts.items()) + "}"


def place_source(place: Location) -> str:
    """Return source of a place as a trace shows it."""
    return record({"file": repr(place.file), "line": repr(place.line)})


def not_finite() -> None:
    """Refuse a number that is infinite or not a number."""
    raise NotFinite("the result is not a finite number")


def finite(value: float | None) -> float | None:
    """Return the number; refuse it where it is infinite or not a number."""
    if value is not None and not (math.isfinite(value) and (value.__class__ is not int or abs(value) <= LARGEST)):
        not_finite()
    return value


@dataclass(slots=True)
class Code:
    """Lines of a function's body.

    `origins` holds rule and place of each line, `wanted` names the rules whose adjustments are asked for, `kept` the
    variables that `keep` has assigned.
    """

    emitter: Emitter
    lines: list[str] = field(default_factory=list)
    origins: list[tuple[str, Location] | None] = field(default_factory=list)
    origin: tuple[str, Location] | None = None
    depth: int = 1
    wanted: frozenset[str] = frozenset()
    kept: set[str] = field(default_factory=set)

    def keep(self, variable: str, source: str) -> str:
        """Assign what cannot fail to a variable where that is not done yet; return its name."""
        if variable not in self.kept:
            self.kept.add(variable)
            self.line(f"{variable} = {source}")
        return variable

    def line(self, text: str, at: Location | None = None) -> None:
        """Add a line; `at` is where in the policy it came from, the rule's own place where not given."""
        self.lines.append("    " * self.depth + text)
        self.origins.append((self.origin[0], at) if self.origin and at else self.origin)

    @contextmanager
    def block(self, header: str, at: Location | None = None) -> Iterator[None]:
        """Add a line and indent what follows."""
        self.line(header, at)
        self.depth += 1
        yield
        self.depth -= 1

    def term(self, term: Term) -> str:
        """Return source of a term."""
        return self.emitter.term(term)

    def check_finite(self, name: str, kind: t.Type, computed: bool, at: Location | None = None) -> None:
        """Refuse an infinite result where one was computed: what is only read or chosen is finite already."""
        unit = t.strip(kind)
        if not isinstance(unit, t.Number) or not computed:
            return
        if unit in (t.COUNT, t.BARE):  # may be whole, and a whole number has no infinity to find
            self.line(f"{self.emitter.named('f_finite', finite)}({name})", at)
            return
        guard = f"{name} is not None and " if isinstance(kind, t.Optional) else ""
        # x - x is 0 for every number but an infinite one.
        self.line(f"if {guard}{name} - {name}: {self.emitter.named('f_not_finite', not_finite)}()", at)

    def fixed(self, source: str) -> str:
        """Return the name of a constant where the source says nothing but literals, else the source."""
        try:
            return self.emitter.constant(literal_eval(source))
        except ValueError:
            return source

    def finite(self, term: Term) -> str:
        """Return source of a term that refuses an infinite result."""
        text = self.term(term)
        if isinstance(t.strip(term.type), t.Number) and computes(term):
            return f"{self.emitter.named('f_finite', finite)}({text})"
        return text

    def text(self, parts: tuple[str | tuple[Expression, Term], ...]) -> str:
        """Return source of a text with values."""
        pieces = [repr(part) if isinstance(part, str) else self._shown(part[1]) for part in parts]
        return f"''.join(({''.join(f'{piece}, ' for piece in pieces)}))" if len(pieces) > 1 else "".join(pieces) or "''"

    def _shown(self, term: Term) -> str:
        """Return source that shows a value; where its type is certain, by what shows that type."""
        unit = unit_name(term.type)
        if isinstance(term, Const):
            return repr(show(term.value, unit))
        if isinstance(term.type, t.Number):
            function = SHOWN.get(unit or "", digits)
            return f"{self.emitter.named('show_' + function.__name__, function)}({self.term(term)})"
        if isinstance(term.type, t.Text):
            return self.term(term)
        return f"{self.emitter.named('f_show', show)}({self.term(term)}, {unit!r})"


def computes(term: Term) -> bool:
    """Return whether a term does arithmetic, so that its result can be infinite."""
    return any(_computes(one) for one in walk(term))


CHOOSING = frozenset({"min", "max", "abs", "count", "floor", "ceil"})


def _computes(term: Term) -> bool:
    return isinstance(term, Binary) or (isinstance(term, Call | Aggregate) and term.function not in CHOOSING)


def whole_possible(term: Term) -> bool:
    """Return whether a term's number may be a Python int: literals without a point and counts are."""
    match term:
        case Const(value=value):
            return isinstance(value, int)
        case Binary(operator=operator, left=left, right=right):
            return operator not in ("/", "**") and whole_possible(left) and whole_possible(right)
        case Negative(operand=one):
            return whole_possible(one)
        case Choice(then=left, other=right) | Default(value=left, otherwise=right):
            return whole_possible(left) or whole_possible(right)
        case Call(function="min" | "max" | "abs" | "average", arguments=many):
            return any(whole_possible(one) for one in many)
        case Call(function=function) | Aggregate(function=function):
            return function in ("count", "sum", "min", "max")
    return t.strip(term.type) in (t.COUNT, t.BARE)


def unit_name(kind: t.Type) -> str | None:
    """Return the unit's name of a number, or of a list of numbers."""
    inner = t.strip(kind)
    if isinstance(inner, t.ListOf):
        inner = inner.item
    return str(inner) if isinstance(inner, t.Number) and inner != t.BARE else None


def template_terms(
    template: Template | None, infer: Callable[[Expression], Term]
) -> tuple[str | tuple[Expression, Term], ...]:
    """Return a template's parts with their terms."""
    if template is None:
        return ()
    return tuple(part if isinstance(part, str) else (part, infer(part)) for part in template.parts)
