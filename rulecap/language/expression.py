"""An expression or a text with values in braces, where it stands in a policy file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rulecap.language.grammar import Refusal, Syntax, parse
from rulecap.location import Location
from rulecap.problems import Problem


class Written(Protocol):
    """A scalar of a policy file that knows where each of its characters stands."""

    @property
    def text(self) -> str:
        """The scalar's content."""

    def at(self, offset: int) -> Location:
        """Return the place of a character."""

    def source_line(self, location: Location) -> str:
        """Return the file's line at a place."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression in a scalar, `start` characters behind the scalar's first."""

    scalar: Written
    text: str
    start: int
    syntax: Syntax | Refusal

    def location(self, offset: int = 0) -> Location:
        """Return the place of a character of the expression."""
        return self.scalar.at(self.start + offset)

    def problem(self, offset: int, code: str, message: str, hint: str = "") -> Problem:
        """Return a finding at a character of the expression."""
        return problem_at(self.scalar, self.start + offset, code, message, hint)


def problem_at(scalar: Written, offset: int, code: str, message: str, hint: str = "") -> Problem:
    """Return a finding at a character of a scalar."""
    place = scalar.at(offset)
    return Problem(code, message, place, hint=hint, source_line=scalar.source_line(place))


def expression(scalar: Written) -> Expression:
    """Return the expression that a whole scalar is."""
    return Expression(scalar, scalar.text, 0, parse(scalar.text))


BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with values in braces: its parts in order, plain texts and expressions."""

    scalar: Written
    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in braces."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def template(scalar: Written) -> Template:
    """Return the text with its expressions."""
    return Template(scalar, tuple(_parts(scalar)))


def _parts(scalar: Written) -> Iterator[str | Expression]:
    done = 0
    for match in BRACES.finditer(scalar.text):
        yield from _plain(scalar, done, match.start())
        yield Expression(scalar, match[1], match.start(1), parse(match[1]))
        done = match.end()
    yield from _plain(scalar, done, len(scalar.text))


def _plain(scalar: Written, start: int, end: int) -> Iterator[str | Expression]:
    """Yield a text without values; half a pair of braces is an expression that is refused."""
    text = scalar.text[start:end]
    stray = re.search(r"[{}]", text)
    if stray:
        refusal = Refusal(0, "not-an-expression", f"`{stray[0]}` has no other half", "a value stands in braces: {name}")
        yield Expression(scalar, stray[0], start + stray.start(), refusal)
    elif text:
        yield text
