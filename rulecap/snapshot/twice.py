"""A name that is in a JSON object twice: parsers take the last one, and say nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from rulecap.problems import Problem
from rulecap.snapshot.findings import MOST_PROBLEMS, path_of
from rulecap.snapshot.model import Snapshot

# Which fields of a part were given; the property that tells it is a function of Python's, and slower.
GIVEN = attrgetter("__pydantic_fields_set__")
# The last step and the way to it: at each place but one step is new.
Way = tuple[int | str, "Way"] | None


def twice(text: str | bytes | bytearray) -> list[Problem]:
    """Return each name that an object in a JSON text has more than once, by its path, at most 50.

    Raises:
        ValueError: it is no JSON.
    """
    # Numbers stay the texts that they are: nobody asks for them. Pairs are a tuple, other than a list of JSON.
    parsed = json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str)
    return [
        Problem("duplicate-key", f"is given {'twice' if count == 2 else f'{count} times'}; keep one of them", path=path)
        for path, count in islice(_repeated(parsed if isinstance(parsed, tuple | list) else []), MOST_PROBLEMS)
    ]


def read_json(text: str | bytes) -> tuple[Any, list[Problem]]:
    """Return what a JSON text says, and what `twice` finds in it.

    Raises:
        ValueError: it is no JSON, or nested deeper than Python reads.
    """
    try:
        return json.loads(text), twice(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def is_given_once(text: bytes | bytearray, snapshot: Snapshot) -> bool:
    """Whether every name is once in the JSON that a snapshot was read from; not certain, where it says no.

    Each of its names and texts has two quotes. One more in the text is of a name that is there twice, or in a text.
    """
    signal, market, positions, assets = snapshot.signal, snapshot.market, snapshot.positions, snapshot.assets or ()
    parts = [snapshot, snapshot.account, *positions, *assets]
    count = 2 + 3 * len(positions) + len(assets)
    if signal is not None:
        parts.append(signal)
        count += 1 + ("side" in GIVEN(signal)) + (signal.market_regime is not None)
    if market is not None:
        parts.append(market)
        count += 1 + (market.base is not None) + 4 * len(market.brackets or ())
    if snapshot.book is not None:
        count += 2
    count += sum(map(len, map(GIVEN, parts))) + sum(one.base is not None for one in assets)
    if snapshot.facts:
        count += len(snapshot.facts) + sum(type(one) is str for one in snapshot.facts.values())
    return text.count(b'"') == 2 * count


def _repeated(parsed: Any) -> Iterator[tuple[str, int]]:
    """Give the path of each name that an object has more than once, and how often it has it, in the text's order."""
    waiting: list[tuple[Any, Way]] = [(parsed, None)]
    while waiting:
        value, way = waiting.pop()
        if isinstance(value, tuple):
            names = Counter(name for name, _ in value)
            yield from ((path_of(_steps((name, way))), count) for name, count in names.items() if count > 1)
        parts = enumerate(value) if isinstance(value, list) else value
        within = [(part, (step, way)) for step, part in parts if isinstance(part, tuple | list)]
        waiting += reversed(within)


def _steps(way: "Way") -> tuple[int | str, ...]:
    """Return a way's steps from the outermost one on."""
    steps: list[int | str] = []
    while way is not None:
        step, way = way
        steps.append(step)
    return tuple(reversed(steps))
