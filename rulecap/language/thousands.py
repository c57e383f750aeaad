"""Amounts whose point may stand between thousands, as much of the world writes it: `1.000 USD` can mean either."""

import re

from rulecap.units import COUNT, USD

# What comes in thousands. A share, a leverage or a span of time with three digits behind its point is what it says.
IN_THOUSANDS = frozenset({USD, COUNT})
EITHER = re.compile(r"-?[1-9]\d{0,2}\.\d{3}\Z")


def either(number: str, unit: str) -> tuple[str, str, str] | None:
    """Return the finding, with a hint, on a number that is a thousand times as much to half its readers; else none."""
    if unit not in IN_THOUSANDS or not EITHER.match(number):
        return None
    suffix = " USD" if unit == USD else ""
    small, large = only_here(f"{float(number):g}", unit), number.replace(".", "")
    message = (
        f"{number}{suffix} may be read as {large}{suffix}: three digits behind a point are thousands in some places"
    )
    return "wrong-form", message, f"write {large}{suffix} or {small}{suffix}"


def only_here(number: str, unit: str | None) -> str:
    """Return a number as it can be read in one way only."""
    return f"{number}0" if unit in IN_THOUSANDS and EITHER.match(number) else number
