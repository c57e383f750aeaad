"""Before Python's parser sees an expression: unit literals and reserved words are masked, column for column."""

import keyword
import re
from dataclasses import dataclass
from fractions import Fraction

from rulecap.units import LITERAL, SUFFIXES

SPACE = re.compile(r"[\t\n\v\f\r]")
STRING = r"'[^']*'|\"[^\"]*\""
TOKEN = re.compile(
    rf"(?P<string>{STRING})|(?<![A-Za-z0-9_.])(?P<literal>{LITERAL.pattern})|\.(?P<word>[A-Za-z]+)(?![A-Za-z0-9_])"
)


@dataclass(frozen=True, slots=True)
class Masked:
    """An expression that Python can parse, as long as the original.

    Attributes:
        text: the masked text.
        units: unit and factor of the number that starts at an offset.
        words: the true field name of a masked one, by the offset where it starts.
    """

    text: str
    units: dict[int, tuple[str, Fraction]]
    words: dict[int, str]


def mask(text: str) -> Masked:
    """Blank the suffixes of unit literals and rename fields that are Python's keywords (`zone.from`)."""
    found_units: dict[int, tuple[str, Fraction]] = {}
    words: dict[int, str] = {}

    def blank(match: re.Match[str]) -> str:
        if match["literal"]:
            found_units[match.start()] = SUFFIXES[match["suffix"]]
            number = match["number"]
            return number + " " * (len(match["literal"]) - len(number))
        if match["word"] and keyword.iskeyword(match["word"]):
            words[match.start("word")] = match["word"]
            return "._" + match["word"][1:]
        return match[0]

    return Masked(TOKEN.sub(blank, SPACE.sub(" ", text)), found_units, words)
