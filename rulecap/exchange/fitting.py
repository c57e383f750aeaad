"""Making a part of a snapshot of what a venue sent: where that is no such part, it is the venue's error."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from rulecap.exchange.errors import VenueError
from rulecap.snapshot.findings import problems_of
from rulecap.snapshot.model import Part


@contextmanager
def fitting(kind: type[Part], of: str = "") -> Iterator[None]:
    """Say of a part that cannot be made, or changed, what is wrong with it: a sum of numbers may be infinite.

    Args:
        kind: what is made within.
        of: whose it is, for the message.

    Raises:
        VenueError: `not-a-snapshot`, with every problem.
    """
    try:
        yield
    except ValidationError as error:
        wrong = tuple(problems_of(error, kind))
        told = "; ".join(problem.render() for problem in wrong)
        named = f"{of}: {told}" if of else told
        raise VenueError("not-a-snapshot", f"this makes no snapshot: {named}", problems=wrong) from None
