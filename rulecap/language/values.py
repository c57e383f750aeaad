"""The few values that Python has no word for, and how a value is shown to a person."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeGuard

from rulecap import units


class Any:
    """The list of names that holds every name: `assets: any`."""

    def __contains__(self, item: object) -> bool:
        """Return true for every name."""
        return True

    def __repr__(self) -> str:
        """Return the word that a policy writes."""
        return "any"


ANY: Final = Any()


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number; to Python a flag is one too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def iso(moment: datetime, precision: str = "auto") -> str:
    """Return a UTC time as ISO-8601 with Z, to the `precision` that `isoformat` takes as its timespec."""
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def show(value: object, unit: str | None = None) -> str:
    """Return a value as a person reads it, with its unit."""
    if isinstance(value, str):  # as most are that are no number
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return SHOWN.get(unit or "", digits)(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, list | tuple):
        return ", ".join(show(item, unit) for item in value) or "nothing"
    if isinstance(value, dict):
        return str(value["name"]) if "name" in value else _fields(value.items())
    return "none" if value is None else str(value)


def _fields(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {show(value)}" for name, value in items)


CENTS_FROM, LARGE = 0.01, 1e15


def money(value: float) -> str:
    """Return an amount with cents, without them where there are none."""
    if value < 0:
        return "-" + money(-value)
    if not CENTS_FROM <= value < LARGE and value:
        return f"${digits(value)}"
    text = f"${value:,.2f}"
    return text[:-3] if text.endswith(".00") else text


def digits(value: float) -> str:
    """Return a number with at most four decimals, or four significant digits where it is small."""
    if -1 < value < 1:
        return f"{value:.4g}" if value else "0"
    if not -LARGE < value < LARGE:
        return f"{value:.6e}" if isinstance(value, float) else f"{Decimal(value):.6e}"
    text = f"{value:,.4f}"
    if text.endswith("0000"):
        return text[:-5]
    return text.rstrip("0") if text.endswith("0") else text


def short(value: float) -> str:
    """Return a number with two decimals; with more where two would make it look whole, or where it is small."""
    if not -LARGE < value < LARGE or -1 < value < 1:
        return digits(value)
    whole = int(value)
    if value == whole:
        return f"{whole:,}"
    text = f"{value:,.2f}"
    if text.endswith("00"):
        return digits(value)
    return text[:-1] if text.endswith("0") else text


def percent(value: float) -> str:
    """Return a number of percents."""
    return short(value) + " %"


def times(value: float) -> str:
    """Return a leverage."""
    return short(value) + "x"


def hours(value: float) -> str:
    """Return a number of hours."""
    return digits(value) + " h"


def seconds(value: float) -> str:
    """Return a number of seconds."""
    return digits(value) + " s"


# How a number of each unit is shown; any other number is shown by its digits.
SHOWN: Mapping[str, Callable[[float], str]] = {
    units.USD: money,
    units.PERCENT: percent,
    units.LEVERAGE: times,
    units.HOURS: hours,
    units.SECONDS: seconds,
}
