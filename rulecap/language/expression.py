"""An expression or a text with values in braces, where it stands in a policy file."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rulecap.language.grammar import Syntax, parse
from rulecap.language.slips import Refusal
from rulecap.location import Location
from rulecap.policy.nodes import Scalar, problem_at
from rulecap.problems import Problem


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression in a scalar, `start` characters behind the scalar's first."""

    scalar: Scalar
    text: str
    start: int
    syntax: Syntax | Refusal

    @property
    def tree(self) -> ast.expr | None:
        """The syntax tree, none where the expression was refused."""
        return self.syntax.tree if isinstance(self.syntax, Syntax) else None

    def location(self, offset: int = 0) -> Location:
        """Return the place of a character of the expression."""
        return self.scalar.at(self.start + offset)

    def problem(self, offset: int, code: str, message: str, hint: str = "") -> Problem:
        """Return a finding at a character of the expression."""
        return problem_at(self.scalar, code, message, hint, self.start + offset)


def expression(scalar: Scalar) -> Expression:
    """Return the expression that a whole scalar is."""
    return Expression(scalar, scalar.text, 0, parse(scalar.text))


BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with values in braces: its parts in order, plain texts and expressions."""

    scalar: Scalar
    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in braces."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def template(scalar: Scalar) -> Template:
    """Return the text with its expressions."""
    return Template(scalar, tuple(_parts(scalar)))


def _parts(scalar: Scalar) -> Iterator[str | Expression]:
    done = 0
    for match in BRACES.finditer(scalar.text):
        yield from _plain(scalar, done, match.start())
        yield Expression(scalar, match[1], match.start(1), parse(match[1]))
        done = match.end()
    yield from _plain(scalar, done, len(scalar.text))


def _plain(scalar: Scalar, start: int, end: int) -> Iterator[str | Expression]:
    """Yield a text without values; half a pair of braces is an expression that is refused."""
    text = scalar.text[start:end]
    stray = re.search(r"[{}]", text)
    if stray:
        refusal = Refusal(0, "not-an-expression", f"`{stray[0]}` has no other half", "a value stands in braces: {name}")
        yield Expression(scalar, stray[0], start + stray.start(), refusal)
    elif text:
        yield text
