"""Units of numbers: what a percent, a price or a leverage may be added to, compared with and multiplied by."""

import re
from dataclasses import dataclass

PERCENT, RATIO, USD, PRICE, QUANTITY = "percent", "ratio", "USD", "price", "quantity"
LEVERAGE, HOURS, SECONDS, SCORE, COUNT = "leverage", "hours", "seconds", "score", "count"
UNITS = (PERCENT, RATIO, USD, PRICE, QUANTITY, LEVERAGE, HOURS, SECONDS, SCORE, COUNT)

# The written suffix of a literal: its unit, and how many of the unit one of it is.
SUFFIXES: dict[str, tuple[str, float]] = {
    "%": (PERCENT, 1.0),
    "bp": (PERCENT, 0.01),
    "x": (LEVERAGE, 1.0),
    "h": (HOURS, 1.0),
    "s": (SECONDS, 1.0),
    "USD": (USD, 1.0),
}
# Possessive, so that a long row of digits is looked at once.
NUMBER = r"(?:\d[\d_]*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
LITERAL = re.compile(rf"(?P<number>{NUMBER})(?P<space> ?)(?P<suffix>%|bp|x|h|s|USD)(?![A-Za-z0-9_])")


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a snapshot field with the unit of its number."""

    name: str


class Whole:
    """Marks a field that a whole part of a snapshot has, though the model lets it be absent."""


WHOLE = Whole()
