"""Units of numbers: what a percent, a price or a leverage may be added to, compared with and multiplied by."""

import re
from dataclasses import dataclass
from fractions import Fraction

PERCENT, RATIO, USD, PRICE, QUANTITY = "percent", "ratio", "USD", "price", "quantity"
LEVERAGE, HOURS, SECONDS, SCORE, COUNT = "leverage", "hours", "seconds", "score", "count"
UNITS = (PERCENT, RATIO, USD, PRICE, QUANTITY, LEVERAGE, HOURS, SECONDS, SCORE, COUNT)

# The written suffix of a literal: its unit, and how many of the unit one of it is.
SUFFIXES: dict[str, tuple[str, Fraction]] = {
    "%": (PERCENT, Fraction(1)),
    "bp": (PERCENT, Fraction(1, 100)),
    "x": (LEVERAGE, Fraction(1)),
    "min": (HOURS, Fraction(1, 60)),
    "h": (HOURS, Fraction(1)),
    "d": (HOURS, Fraction(24)),
    "s": (SECONDS, Fraction(1)),
    "USD": (USD, Fraction(1)),
}
SUFFIX = "|".join(SUFFIXES)
# Possessive, so that a long row of digits is looked at once.
NUMBER = r"(?:\d[\d_]*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
LITERAL = re.compile(rf"(?P<number>{NUMBER})(?P<space> ?)(?P<suffix>{SUFFIX})(?![A-Za-z0-9_])")


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a snapshot field with the unit of its number."""

    name: str


class Whole:
    """Marks a field that may be absent for a reduction, and that everything else needs."""


WHOLE = Whole()
