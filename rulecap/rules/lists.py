"""What the rules over lists share: `positions as p`, `where`, and how a candidate is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from rulecap.language import types as t
from rulecap.language.calls import means_something
from rulecap.language.expression import Expression
from rulecap.language.grammar import parse
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Const, Term
from rulecap.policy.nodes import Node, Scalar, entries_of, problem_at
from rulecap.rules.typed import Checker, is_scalar

AS = re.compile(r"(?P<list>.+?)\s+as\s+(?P<name>[a-z][a-z0-9_]*)\s*\Z", re.DOTALL)
SHOWN_FIRST = ("symbol", "name")


@dataclass(frozen=True, slots=True)
class Over:
    """`LIST as name`; `name` is empty where the text has another form."""

    scalar: Scalar
    expression: Expression
    name: str


def _over(value: object) -> object:
    if not isinstance(value, Scalar):
        return value
    match = AS.match(value.text)
    text = match["list"] if match else value.text
    return Over(value, Expression(value, text, 0, parse(text)), match["name"] if match else "")


if TYPE_CHECKING:
    Each: TypeAlias = Over
else:
    Each = Annotated[Any, BeforeValidator(_over)]


@dataclass(frozen=True, slots=True)
class Loop:
    """A checked loop: the list, its element, the condition, and the scope behind the condition."""

    over: Over
    source: Term
    item: t.Type
    where: tuple[Expression, Term] | None
    scope: Scope

    @property
    def variable(self) -> str:
        """The Python variable of the element."""
        return f"e_{self.over.name}"

    def conditions(self) -> list[tuple[Expression, Term]]:
        """Return which elements are looked at, where it says so."""
        return [self.where] if self.where else []

    def terms(self) -> list[Term]:
        """Return list and condition."""
        return [self.source, *(term for _, term in self.conditions())]

    def shown(self) -> str:
        """Return source that names a candidate in the trace."""
        if not isinstance(self.item, t.Record):
            return self.variable if is_scalar(self.item) else "None"
        fields = self.item.fields
        names = [
            *(name for name in SHOWN_FIRST if name in fields),
            *(name for name in fields if is_scalar(fields[name])),
        ]
        if not names:
            return "None"
        return f"{self.variable}.{names[0]}" if self.item.access == "attribute" else f"{self.variable}[{names[0]!r}]"


def loop(checker: Checker, over: Over, where: Expression | None, absent: bool = False) -> Loop:
    """Return the checked loop; `absent` takes a list that may be none as one without candidates."""
    if not over.name:
        message = "a list and a name for its element, in small letters, are needed"
        checker.scope.problems.append(problem_at(over.scalar, "not-an-expression", message, "write: positions as p"))
        return Loop(over, Const(t.UNKNOWN, 0, None), t.UNKNOWN, None, checker.scope)
    _check_name(checker, over)
    source, item = checker.list_of(over.expression, absent)
    scope = checker.scope.bind(**{over.name: item})
    condition = None
    if where is not None:
        condition = (where, checker.condition(where, scope))
        scope = scope.knowing(proven_by(where, True))
    return Loop(over, source, item, condition, scope)


def _check_name(checker: Checker, over: Over) -> None:
    if means_something(checker.scope.vocabulary, over.name):
        offset = len(over.scalar.text.rstrip()) - len(over.name)
        message = f"{over.name} already means something here"
        checker.scope.problems.append(
            problem_at(over.scalar, "name-taken", message, "take another name behind `as`", offset)
        )


def unnamed(formulas: Mapping[str, Expression]) -> dict[str, tuple[Expression, Term]]:
    """Return the terms of formulas about an element without a name, which is reported: nothing is known of them."""
    return {name: (written, Const(t.UNKNOWN, 0, None)) for name, written in formulas.items()}


def check_no_clash(names: Node | None, element: str, checker: Checker) -> None:
    """Note where a running sum would hide another name."""
    for key, _ in entries_of(names):
        if key.text == element or means_something(checker.scope.vocabulary, key.text):
            message = f"{key.text} already means something here"
            checker.scope.problems.append(problem_at(key, "name-taken", message, "take another name for the sum"))
