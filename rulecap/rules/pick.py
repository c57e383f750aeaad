"""`kind: pick` — one element of a list: the first that fits, or the one with the lowest or highest value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.language.values import show
from rulecap.rules.code import Code, record, unit_name
from rulecap.rules.lists import Each, Loop, loop
from rulecap.rules.parts import Formula, Rule
from rulecap.rules.typed import MOST_SHOWN, Checker, Typed


class PickRule(Rule):
    """An element of a list, or none."""

    kind: Literal["pick"]
    over: Each = Field(alias="from")
    where: Formula | None = None
    lowest: Formula | None = None
    highest: Formula | None = None

    def check(self, scope: Scope) -> "TypedPick":
        """Return the rule with its type; a value of none sorts last."""
        checker = Checker(scope, self)
        candidates = loop(checker, self.over, self.where, absent=True)
        if not self.over.name:
            return TypedPick(self, t.UNKNOWN, candidates, None, False)
        written = self.lowest or self.highest
        key = None
        if written is not None:
            key = (written, checker.ordered(written, checker.term(written, candidates.scope)))
        return TypedPick(self, t.optional(candidates.item), candidates, key, self.highest is not None)


@dataclass(frozen=True, slots=True)
class TypedPick(Typed):
    """A pick with its terms."""

    loop: Loop
    key: tuple[Expression, Term] | None
    highest: bool

    def terms(self) -> Iterable[Term]:
        """Return list, condition and order."""
        return [*self.loop.terms(), *([self.key[1]] if self.key else [])]

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return which elements are looked at."""
        return self.loop.conditions()

    def _source(self, code: Code) -> str:
        text = code.term(self.loop.source)
        return f"({text} or ())" if isinstance(self.loop.source.type, t.Optional) else text

    def write(self, code: Code) -> None:
        """Assign the element; the first in the list's order wins a tie."""
        element = self.loop.variable
        code.line(f"{self.variable} = v_best = None")
        with code.block(f"for {element} in {self._source(code)}:", self.loop.over.expression.location()):
            if self.loop.where:
                code.line(f"if not {code.term(self.loop.where[1])}: continue", self.loop.where[0].location())
            if self.key is None:
                code.line(f"{self.variable} = {element}; break")
                return
            code.line(f"v_key = {code.finite(self.key[1])}", self.key[0].location())
            better = ">" if self.highest else "<"
            with code.block(
                f"if {self.variable} is None or (v_key is not None and (v_best is None or v_key {better} v_best)):"
            ):
                code.line(f"{self.variable} = {element}; v_best = v_key")

    def detail(self, code: Code) -> str:
        """Each candidate with its condition and value; the first twenty of a long list."""
        name, element = f"d_{self.name}", self.loop.variable
        code.line(f"{name} = []")
        with code.block(f"for {element} in {self._source(code)}[:{MOST_SHOWN}]:"):
            fits = code.term(self.loop.where[1]) if self.loop.where else "True"
            code.line(f"v_fits = {fits}")
            parts = {"candidate": self.loop.shown(), "fits": "v_fits", "picked": f"{element} is {self.variable}"}
            value = {"value": f"{code.term(self.key[1])} if v_fits else None"} if self.key else {}
            code.line(f"{name}.append({record({**parts, **value})})")
        where = {"where": repr(self.loop.where[0].text)} if self.loop.where else {}
        rest = {"count": f"len({self._source(code)})", "candidates": name}
        return record({"from": repr(self.loop.over.scalar.text), **where, **self._ordered(), **rest})

    def _ordered(self) -> dict[str, str]:
        if self.key is None:
            return {}
        word = "highest" if self.highest else "lowest"
        return {word: repr(self.key[0].text), "unit": repr(unit_name(self.key[1].type))}


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    unit = detail.get("unit")
    told = [f"from {detail['from']}" + (f" where {detail['where']}" if "where" in detail else "")]
    for candidate in detail["candidates"]:
        value = f" {show(candidate['value'], unit)}" if "value" in candidate else ""
        mark = "→" if candidate["picked"] else " "
        told.append(f"{mark} {show(candidate['candidate'])}{value}{'' if candidate['fits'] else ' (does not fit)'}")
    return told
