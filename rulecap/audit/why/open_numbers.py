"""Numbers that stand open: what looks like a number of a policy to everybody, and can be moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, cast

from rulecap.engine.compiler import Compiled
from rulecap.engine.decision import Decision
from rulecap.engine.evaluator import Evaluator
from rulecap.engine.memory import MemoryReader
from rulecap.engine.policy import Policy
from rulecap.policy.load import Loaded
from rulecap.policy.plan import Plan
from rulecap.policy.typed import TypedPolicy


class OpenNumber(float):
    """A number that compiled code looks up by name, and that compares as what it is `now`."""

    name: str
    now: float

    def __new__(cls, name: str, value: float) -> "OpenNumber":
        """Make one of that name, which holds its written value."""
        made = super().__new__(cls, value)
        made.name, made.now = name, value
        return made

    def __repr__(self) -> str:
        """Return source: the name."""
        return self.name

    # Python asks the derived class first, on whichever side of the comparison it stands.
    def __lt__(self, other: float) -> bool:
        """Compare what it is now."""
        return self.now < other

    def __le__(self, other: float) -> bool:
        """Compare what it is now."""
        return self.now <= other

    def __gt__(self, other: float) -> bool:
        """Compare what it is now."""
        return self.now > other

    def __ge__(self, other: float) -> bool:
        """Compare what it is now."""
        return self.now >= other

    def __eq__(self, other: object) -> bool:
        """Compare what it is now."""
        return self.now == other

    # A float has one of its own, which would be of the number as it was written.
    def __ne__(self, other: object) -> bool:
        """Compare what it is now."""
        return self.now != other

    def __hash__(self) -> int:
        """Return the hash of the name: the number changes."""
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in a case's columns that is read as a value and not by name; `template` holds the open numbers."""

    holder: dict[str, object]
    key: str
    template: object


@dataclass(slots=True)
class OpenParts:
    """The open numbers, and the cells that have to be filled in when one of them moves."""

    numbers: dict[str, OpenNumber] = field(default_factory=dict)
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    spaces: list[dict[str, object]] = field(default_factory=list)

    def move(self, name: str, value: float) -> None:
        """Put another value in a number's place, everywhere."""
        number = self.numbers[name]
        number.now = value
        for space in self.spaces:
            space[name] = value
        for cell in self.cells.get(name, ()):
            cell.holder[cell.key] = filled(cell.template)

    def enter(self, compiled: Compiled) -> None:
        """Let a compiled function look the numbers up."""
        space = cast("FunctionType", compiled.run).__globals__
        space.update({name: number.now for name, number in self.numbers.items()})
        self.spaces.append(space)


class OpenEvaluator(Evaluator):
    """An evaluator whose functions look numbers up."""

    def __init__(self, policy: TypedPolicy, decision: Any, reader: MemoryReader, parts: OpenParts) -> None:
        """Plan and compile."""
        super().__init__(policy, decision, reader)
        self._parts = parts
        parts.enter(self.compiled)

    def _without(self, unusable: frozenset[str]) -> tuple[Plan, Compiled]:
        known = unusable in self._partial
        plan, compiled = super()._without(unusable)
        if not known:
            self._parts.enter(compiled)
        return plan, compiled


class OpenPolicy(Policy):
    """A policy whose numbers can be moved; not to be shared between threads."""

    __slots__ = ("_parts",)

    def __init__(self, loaded: Loaded, parts: OpenParts) -> None:
        """Take the checked policy whose numbers stand open."""
        super().__init__(loaded)
        self._parts = parts

    def _compile(self, decision: str) -> Evaluator | None:
        typed = self._loaded.policy.decisions.get(decision)
        if typed is None or decision in self._evaluators:
            return self._evaluators.get(decision)
        try:
            made = OpenEvaluator(self._loaded.policy, typed, self._reader, self._parts)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # too large, as the policy itself has said
            return super()._compile(decision)
        return self._evaluators.setdefault(decision, made)

    def evaluate_with(
        self, number: str, value: float, snapshot: object, decision: str, memory: Mapping[str, Any] | None
    ) -> Decision:
        """Return the decision with another value in a number's place; the written one is put back."""
        written = self._parts.numbers[number].now
        self._parts.move(number, value)
        try:
            return self.evaluate(snapshot, decision, memory)
        finally:
            self._parts.move(number, written)


def held(template: object) -> Iterator[OpenNumber]:
    """Yield the open number that a column's value is, or those in the list that it is."""
    if isinstance(template, OpenNumber):
        yield template
    elif isinstance(template, tuple):
        for part in template:
            yield from held(part)


def filled(template: object) -> object:
    """Return a column's value with what its open numbers are now."""
    if isinstance(template, tuple):
        return tuple(filled(part) for part in template)
    return template.now if isinstance(template, OpenNumber) else template
