"""Something that could have been otherwise: a value, where it may move, and the decision with it moved."""

from collections.abc import Callable
from dataclasses import dataclass

from rulecap.audit.clock import iso_of, time_of
from rulecap.audit.why.axis import Axis
from rulecap.audit.why.changes import Kind
from rulecap.engine.decision import Decision
from rulecap.location import Location

MICROSECONDS_A_DAY = 86_400_000_000

Decide = Callable[[object], Decision | None]


class WorkDone(Exception):
    """The work that was allowed is used up."""


class Meter:
    """Counts evaluations and stops when their cost exceeds what is allowed; counts, not clocks, so that it repeats."""

    def __init__(self, most: int) -> None:
        """Start at nothing."""
        self.left, self.evaluations = most, 0

    def spend(self, cost: int) -> None:
        """Count one evaluation.

        Raises:
            WorkDone: it is more than what is left.
        """
        if cost > self.left:
            raise WorkDone
        self.left -= cost
        self.evaluations += 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that could have been otherwise.

    Attributes:
        at: the decision with another value in its place, the quickest way; none where nothing can have that value.
        really: the same from the whole changed snapshot, memory or policy, read and checked as any other.
        axis: where a number or a time may move; none for texts and flags.
        choices: the other texts or flags to try; for an absent number the numbers to try.
        time: whether the axis counts microseconds since 1970.
        written: for a number of the policy, what an overlay writes for another one.
    """

    kind: Kind
    where: str
    value: object
    at: Decide
    really: Decide
    axis: Axis | None = None
    choices: tuple[object, ...] = ()
    unit: str | None = None
    place: Location | None = None
    time: bool = False
    written: Callable[[float], str] | None = None

    @property
    def start(self) -> float:
        """Where on the axis the value is."""
        if self.time:
            return time_of(str(self.value))
        assert isinstance(self.value, int | float)  # what has an axis is a number or a time
        return self.value

    def value_at(self, position: float) -> object:
        """Return the value at a position of the axis."""
        return iso_of(int(position)) if self.time else position

    def distance(self, position: float) -> float:
        """Return how far a position is from the value: as a share of it, for a time in days."""
        moved = abs(position - self.start)
        if self.time:
            return moved / MICROSECONDS_A_DAY
        return moved / abs(self.start) if self.start else 1.0
