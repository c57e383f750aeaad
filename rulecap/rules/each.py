"""`kind: each` — one record for each element of a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.rules.code import Code, record
from rulecap.rules.lists import Each, Loop, loop, unnamed
from rulecap.rules.parts import Formula, Formulas, Rule
from rulecap.rules.typed import Checker, Typed


class EachRule(Rule):
    """Records made of a list's elements."""

    kind: Literal["each"]
    of: Each
    where: Formula | None = None
    give: Formulas

    def check(self, scope: Scope) -> "TypedEach":
        """Return the rule with its type."""
        checker = Checker(scope, self)
        elements = loop(checker, self.of, self.where)
        if not self.of.name:
            return TypedEach(self, t.UNKNOWN, elements, unnamed(self.give))
        give = {name: (written, checker.term(written, elements.scope)) for name, written in self.give.items()}
        record = t.Record({name: term.type for name, (_, term) in give.items()}, "key", "record")
        return TypedEach(self, t.ListOf(record), elements, give)


@dataclass(frozen=True, slots=True)
class TypedEach(Typed):
    """Records with their terms."""

    loop: Loop
    give: dict[str, tuple[Expression, Term]]

    def terms(self) -> Iterable[Term]:
        """Return list, condition and fields."""
        return [*self.loop.terms(), *(term for _, term in self.give.values())]

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return which elements are looked at."""
        return self.loop.conditions()

    def write(self, code: Code) -> None:
        """Build the list."""
        code.line(f"{self.variable} = []")
        with code.block(
            f"for {self.loop.variable} in {code.term(self.loop.source)}:", self.loop.over.expression.location()
        ):
            if self.loop.where:
                code.line(f"if not {code.term(self.loop.where[1])}: continue", self.loop.where[0].location())
            for number, (written, term) in enumerate(self.give.values()):
                code.line(f"v_{number} = {code.finite(term)}", written.location())
            fields = ", ".join(f"{name!r}: v_{number}" for number, name in enumerate(self.give))
            code.line(f"{self.variable}.append({{{fields}}})")

    def detail(self, code: Code) -> str:
        """The list and each field's formula; the records are the step's value."""
        formulas = code.emitter.constant({name: written.text for name, (written, _) in self.give.items()})
        where = {"where": repr(self.loop.where[0].text)} if self.loop.where else {}
        count = f"len({code.term(self.loop.source)})"
        return record({"of": repr(self.loop.over.scalar.text), **where, "count": count, "give": formulas})


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    return [f"for each of {detail['of']}", *(f"{name}: {formula}" for name, formula in detail["give"].items())]
