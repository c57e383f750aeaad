"""What is wrong, where, and what to write instead: problems are values, gathered and reported together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Self

from rulecap.location import Location

LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    Attributes:
        code: a stable name in kebab-case, such as `unknown-name`.
        message: what is wrong, in the risk manager's words.
        location: the place in a policy file, for a problem of the policy.
        path: the JSON path in the snapshot or memory, for a problem of the input.
        hint: what to write instead.
        source_line: the text of the line at `location`.
        severity: `error` or `warning`.
        later: whether an earlier version took what this one refuses, and knew what it means: what is on record by it
            can be computed again.
    """

    code: str
    message: str
    location: Location | None = None
    path: str | None = None
    hint: str = ""
    source_line: str = ""
    severity: str = "error"
    later: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Cut what repeats a very long text."""
        for name in ("message", "hint"):
            text = getattr(self, name)
            if len(text) > LONGEST_MESSAGE:
                object.__setattr__(self, name, text[:LONGEST_MESSAGE] + "…")

    def render(self) -> str:
        """Return the finding as text: place, code, message, the line with a caret, the hint."""
        place = str(self.location) if self.location else self.path
        lines = [on_a_line(": ".join(part for part in (place, f"{self.severity} [{self.code}]", self.message) if part))]
        if self.location and self.source_line:
            lines += map(on_a_line, _caret(self.source_line, self.location.column))
        if self.hint:
            lines.append(on_a_line(f"    = {self.hint}"))
        return "\n".join(lines)

    def __str__(self) -> str:
        """Return the finding on one line, for a bot's log."""
        place = str(self.location) if self.location else self.path
        said = ": ".join(part for part in (place, self.message) if part)
        return on_a_line(f"{said} [{self.code}]" + (f" ({self.hint})" if self.hint else ""))

    def to_dict(self) -> dict[str, object]:
        """Return the finding as JSON types, with stable keys."""
        place = self.location
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "path": self.path,
            "hint": self.hint,
        }


def of_late(problem: Problem) -> Problem:
    """Return a finding as one that earlier versions did not make."""
    return replace(problem, later=True)


class PolicyError(Exception):
    """A policy cannot be used; `problems` holds every finding, in the files' order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the findings as a tuple; the text is all of them rendered."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        """Have copies, and what another process raised, made of the findings again."""
        return type(self), (self.problems,)


LONGEST_SHOWN = 64


def text_of(value: object) -> str | None:
    """Return a text, also one of a derived class, as a plain `str`, none for anything else; none of its code is run."""
    text: Any = value
    return str.__getitem__(text, slice(None)) if issubclass(type(value), str) else None


def shown(value: object) -> str:
    """Return a caller's text cut to a length that a message can hold, and such that it can be written anywhere."""
    text = text_of(value)
    if text is None:
        text = f"a {type(value).__name__}"
    return text[:LONGEST_SHOWN].encode(errors="backslashreplace").decode()


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters; where something is left out, `…` is the last of them."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


# Characters that move a terminal's cursor, colour what follows, or turn a text's direction; a tab is let through.
_MOVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return a text of several lines with its control characters written out, so that a terminal only shows it."""
    if text.isprintable():  # which none of them is
        return text
    return _MOVING.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def on_a_line(text: str) -> str:
    """Return a text with control characters and line breaks written out, so that it stays on one line."""
    return plain(text).replace("\n", "\\n")


def as_json_has_it(text: str) -> str:
    """Return JSON that says the same with its control characters escaped; only its texts can hold any."""
    return _MOVING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


NEAR, A_SLIP = 0.6, 0.81


def nearest(word: str, known: Iterable[str], near: float = NEAR) -> str | None:
    """Return the known word that is like this one, also where only its capitals are others; none where none is."""
    names = sorted(set(known))
    exact = get_close_matches(word, names, n=1, cutoff=near)
    if exact:
        return exact[0]
    folded = {name.casefold(): name for name in reversed(names)}
    return next((folded[one] for one in get_close_matches(word.casefold(), folded, n=1, cutoff=near)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the nearest known word, or the known words where none is near and they are few."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near}?"
    return f"known here: {', '.join(names)}" if 0 < len(names) <= 12 else ""


WIDEST_LINE = 160


def _caret(line: str, column: int) -> list[str]:
    """Return the line and a caret below the column; a very long line is cut around the column."""
    start = max(0, column - 1 - WIDEST_LINE // 2) if len(line) > WIDEST_LINE else 0
    cut = line[start : start + WIDEST_LINE].replace("\t", " ")
    return [f"    {cut}", f"    {' ' * (column - 1 - start)}^"]
