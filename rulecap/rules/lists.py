"""What the rules over lists share: `positions as p`, `where`, and how a candidate is shown."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from rulecap.language import types as t
from rulecap.language.expression import Expression, problem_at
from rulecap.language.grammar import Syntax, parse
from rulecap.language.presence import proven
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.policy.nodes import Scalar
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

    def terms(self) -> list[Term]:
        """Return list and condition."""
        return [self.source, *([self.where[1]] if self.where else [])]

    def shown(self) -> str:
        """Return source that names a candidate in the trace."""
        if isinstance(self.item, t.Record):
            for name in SHOWN_FIRST:
                if name in self.item.fields:
                    return (
                        f"{self.variable}.{name}" if self.item.access == "attribute" else f"{self.variable}[{name!r}]"
                    )
            first = next((name for name, kind in self.item.fields.items() if is_scalar(kind)), None)
            if first:
                return f"{self.variable}.{first}" if self.item.access == "attribute" else f"{self.variable}[{first!r}]"
        return self.variable if is_scalar(self.item) else "None"


def loop(checker: Checker, over: Over, where: Expression | None, absent: bool = False) -> Loop:
    """Return the checked loop; `absent` takes a list that may be none as one without candidates."""
    if not over.name:
        checker.scope.problems.append(
            problem_at(
                over.scalar,
                0,
                "not-an-expression",
                "a list and a name for its element are needed",
                "write: positions as p",
            )
        )
        return Loop(over, checker.term(over.expression), t.UNKNOWN, None, checker.scope.bind(_=t.UNKNOWN))
    source, item = checker.list_of(over.expression, absent)
    scope = checker.element(over.expression, over.name, item)
    condition = None
    if where is not None:
        condition = (where, checker.condition(where, scope))
        if isinstance(where.syntax, Syntax):
            scope = scope.knowing(proven(where.syntax.tree, True))
    return Loop(over, source, item, condition, scope)


def check_no_clash(names: dict[str, Any], checker: Checker) -> None:
    """Note where a running sum would hide another name."""
    words = checker.scope.vocabulary
    for name, written in names.items():
        if name in words.rule_names() or name in words.parameters or name in words.snapshot.fields:
            checker.scope.problems.append(
                problem_at(written.scalar, 0, "name-taken", f"{name} already means something here")
            )
