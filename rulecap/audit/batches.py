"""Values a few at a time: a statement takes a bounded number of them, and memory too."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")


def batches(values: Iterable[Value], most: int) -> Iterator[list[Value]]:
    """Yield values in their order, as many at a time as are asked for, and the rest; none where there is none."""
    left = iter(values)
    while some := list(islice(left, most)):
        yield some
