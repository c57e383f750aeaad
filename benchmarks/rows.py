"""One line of a table of measurements, and how figures are written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        figure: the figure with its unit.
        compared: in words, with what, and how many times as much or as fast.
        target: the figure to reach, "" where there is none.
        reached: whether it was, None where there is no target.
    """

    what: str
    figure: str
    compared: str = ""
    target: str = ""
    reached: bool | None = None


def micro(seconds: float) -> str:
    """Return seconds as microseconds."""
    return f"{seconds * 1e6:,.1f} µs"


def milli(seconds: float) -> str:
    """Return seconds as milliseconds."""
    return f"{seconds * 1e3:,.1f} ms"
