"""What else is wrong in a list: the models stop at its first wrong element, and whoever is told mends all at once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from rulecap.snapshot.model import Asset, Part, Position

# The lists that a bot makes element by element; levels, brackets and correlations come whole from a venue.
KINDS: dict[str, type[Part]] = {"positions": Position, "assets": Asset}
MOST_LOOKED_AT = 10_000
MOST_FOUND = 500


def further(error: ValidationError, value: object) -> dict[str, list[ErrorDetails]]:
    """Return what is wrong with elements after the first wrong one, by the name of their list.

    Args:
        error: what the models raised for a snapshot.
        value: what was handed in: JSON text, or a dict.
    """
    firsts = _first_wrong(error.errors(include_url=False, include_context=False, include_input=False))
    if not firsts:
        return {}
    whole = from_json(bytes(value)) if isinstance(value, bytes | bytearray | memoryview) else value
    whole = from_json(whole) if isinstance(whole, str) else whole
    return {name: list(islice(_after(whole, name, first), MOST_FOUND)) for name, first in firsts.items()}


def _first_wrong(details: Sequence[ErrorDetails]) -> dict[str, int]:
    """Return the number of the element at which the models stopped, by its list's name."""
    found = {}
    for detail in details:
        where = detail["loc"]
        if len(where) > 1 and where[0] in KINDS and isinstance(where[1], int):
            found[str(where[0])] = where[1]
    return found


def _after(whole: Any, name: str, first: int) -> Iterator[ErrorDetails]:
    """Give what is wrong with the elements after a list's first wrong one."""
    elements = whole[name]
    if type(elements) not in {list, tuple}:  # what ends when it was read once is not read again
        return
    for number in range(first + 1, min(len(elements), first + MOST_LOOKED_AT)):
        try:
            KINDS[name].model_validate(elements[number])
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                yield {**detail, "loc": (name, number, *detail["loc"])}
