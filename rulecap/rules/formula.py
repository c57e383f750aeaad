"""`kind: formula` — one expression."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rulecap.language import types as t
from rulecap.language.emit import local_of, reads
from rulecap.language.expression import Expression
from rulecap.language.grammar import Syntax, offset_of
from rulecap.language.paths import dotted
from rulecap.language.scope import Scope
from rulecap.language.terms import Const, Default, Known, Term, walk
from rulecap.language.values import iso
from rulecap.rules.code import Code, computes
from rulecap.rules.parts import Formula, Rule
from rulecap.rules.typed import Checker, Typed, coerced, shown_reads


class FormulaRule(Rule):
    """A value by an expression."""

    kind: Literal["formula"]
    formula: Formula

    def check(self, scope: Scope) -> "TypedFormula":
        """Return the rule with its type."""
        checker = Checker(scope, self)
        term = checker.term(self.formula)
        return TypedFormula(self, checker.declared(self.formula, term), self.formula, term)


@dataclass(frozen=True, slots=True)
class TypedFormula(Typed):
    """A formula with its term."""

    formula: Expression
    term: Term

    def terms(self) -> Iterable[Term]:
        """Return the one term."""
        return (self.term,)

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return the formula where it is a condition."""
        return [(self.formula, self.term)] if self.type == t.FLAG else []

    def write(self, code: Code) -> None:
        """Assign the value."""
        at = self.formula.location()
        code.line(f"{self.variable} = {coerced(code, self.term, self.type)}", at)
        code.check_finite(self.variable, self.type, computes(self.term), at)

    def detail(self, code: Code) -> str:
        """The formula, the formula with values, and which absent values were assumed."""
        parts = [
            f"'formula': {self.formula.text!r}",
            f"'at': {self.formula.location().spot!r}",
            f"'with_values': {with_values(code, self.formula, self.term)}",
        ]
        assumed = [one for one in walk(self.term) if isinstance(one, Default) and reads(one.value)]
        if assumed:
            tests = ", ".join(
                f"*([{reads(one.value)!r}] if {code.emitter.carefully(one.value)} is None else [])" for one in assumed
            )
            parts.append(f"'assumed': [{tests}]")
        return "{" + ", ".join(parts) + "}"


def written(value: object) -> str:
    """Return a value as the language writes it, exactly."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return iso(value) if isinstance(value, datetime) else repr(value)


def with_values(code: Code, expression: Expression, term: Term) -> str:
    """Return source of the expression's text with the values that were read put in."""
    assert isinstance(expression.syntax, Syntax)  # a refused expression never gets this far
    values = shown_reads((term,))
    guarded = any(isinstance(one, Known) for one in walk(term))  # then a value that reads as a number may be absent
    text, arguments, done = "", [], 0
    for start, end, name in sorted(_names(expression.syntax.tree)):
        if name in values and start >= done:
            read = values[name]
            text += expression.text[done:start].replace("%", "%%")
            done = end
            if isinstance(read, Const):
                text += written(read.value).replace("%", "%%")
                continue
            text += "%s"
            arguments.append(_written_source(code, read, guarded))
    text += expression.text[done:].replace("%", "%%")
    return f"{text!r} % ({''.join(f'{one}, ' for one in arguments)})" if arguments else repr(text % ())


def _written_source(code: Code, read: Term, guarded: bool) -> str:
    """Return source of a value as the language writes it; what has a variable is written once for all formulas."""
    value, variable = code.emitter.carefully(read), local_of(read)
    if variable and isinstance(t.strip(read.type), t.Number):
        return code.keep(f"w_{variable}", f"'none' if {value} is None else repr({value})")
    shown = f"{code.emitter.named('f_written', written)}({value})"
    if variable:
        return code.keep(f"w_{variable}", shown)
    return f"repr({value})" if isinstance(read.type, t.Number) and not guarded else shown


def _names(tree: ast.AST) -> Iterable[tuple[int, int, str]]:
    for node in ast.walk(tree):
        name = dotted(node)
        if name and isinstance(node, ast.Name | ast.Attribute):
            start = offset_of(node)
            yield start, start + len(name), name


def lines(detail: dict[str, object]) -> list[str]:
    """Return the explanation of a step."""
    assumed = [f"{name} is not known: assumed" for name in detail.get("assumed") or ()]  # type: ignore[attr-defined]
    same = detail["formula"] == detail["with_values"]
    return [str(detail["formula"]), *([] if same else [f"= {detail['with_values']}"]), *assumed]
