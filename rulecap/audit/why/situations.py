"""The same situation with one value changed: a snapshot, or a memory."""

import copy
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from rulecap.audit.why.candidates import Decide, Meter
from rulecap.audit.why.inputs import Places, Way, value_at
from rulecap.audit.why.question import Question
from rulecap.engine.decision import Decision
from rulecap.snapshot import Snapshot, read_snapshot

# So many values of a snapshot take about as long to read, and to look at, as a small policy to evaluate.
VALUES_READ, VALUES_SEEN = 1_024, 2_048


@dataclass(frozen=True, slots=True)
class Situations:
    """What decides with one value changed.

    Attributes:
        question: what is asked.
        tree: its snapshot as JSON types.
        cost: what one evaluation costs.
        searching: counts the quick evaluations.
        proving: counts those that prove what was found.
    """

    question: Question
    tree: dict[str, Any]
    cost: int
    searching: Meter
    proving: Meter

    def deciding(self, places: Places) -> tuple[Decide, Decide]:
        """Return what decides with another value in some places of the snapshot: quickly, and from all of it."""
        return (lambda value: self._decide(places, value, True)), (lambda value: self._decide(places, value, False))

    def remembering(self, name: str) -> tuple[Decide, Decide]:
        """Return what decides with another value under a name of the memory: for the search, and for the proof."""
        return (lambda value: self._recall(name, value, True)), (lambda value: self._recall(name, value, False))

    def _recall(self, name: str, value: object, quickly: bool) -> Decision:
        self._spend(quickly)
        asked = self.question
        return asked.policy.evaluate(asked.snapshot, asked.decision, {**(asked.memory or {}), name: value})

    def _spend(self, quickly: bool) -> None:
        (self.searching if quickly else self.proving).spend(self.cost)

    def _decide(self, places: Places, value: object, quickly: bool) -> Decision | None:
        self._spend(quickly)
        asked = self.question
        read = read_snapshot(self._partly(places, value) if quickly else _with(self.tree, places, value))
        return asked.policy.evaluate(read, asked.decision, asked.memory) if isinstance(read, Snapshot) else None

    def _partly(self, places: Places, value: object) -> dict[str, Any]:
        """Return the changed snapshot with only those parts in JSON types that changed; the others are read already."""
        changed, snapshot = _with(self.tree, places, value), self.question.snapshot
        parts: dict[str, Any] = {name: getattr(snapshot, name) for name in Snapshot.model_fields}
        for part, *rest in places:
            whole, new, index = parts[str(part)], changed[part], rest[0] if rest else None
            if isinstance(whole, tuple) and isinstance(index, int) and isinstance(whole[index], BaseModel):
                parts[str(part)] = [*whole[:index], new[index], *whole[index + 1 :]]
            else:
                parts[str(part)] = new
        return parts


def _with(tree: Any, places: Places, value: object) -> Any:
    """Return a tree with a value in some places; what does not lie on the ways is shared with the old one."""
    for way in places:
        tree = _put(tree, way, value)
    return tree


def _put(tree: Any, way: Way, value: object) -> Any:
    if not way:
        return value
    made = copy.copy(tree)
    made[way[0]] = _put(value_at(tree, way[:1]), way[1:], value)
    return made


def size_of(tree: object) -> int:
    """Return how many values a snapshot has."""
    if isinstance(tree, dict):
        return sum(size_of(part) for part in tree.values())
    return sum(size_of(part) for part in tree) if isinstance(tree, list) else 1
