"""What was found wrong before a policy is checked: which of its parts that concerns, and what may be hidden by it."""

from collections.abc import Iterable, Iterator

from rulecap.policy.nodes import Mapping, Node, Sequence
from rulecap.policy.overlay import SECTIONS
from rulecap.problems import Problem

HIDE_NOTHING = ("missing-key", "bad-overlay-path", "not-allowed", "out-of-range", "too-few", "too-many")


class FaultyLines:
    """The lines on which something is wrong. A part with such a line is not checked further: its fault is reported."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Take the findings of reading files and of the schema."""
        places = [(one, one.location) for one in problems if one.location is not None]
        self._lines = frozenset((place.file, place.line) for _, place in places)
        self._hiding = frozenset((place.file, place.line) for one, place in places if one.code not in HIDE_NOTHING)

    def within(self, *nodes: Node) -> bool:
        """Tell whether something is wrong on a line of these nodes."""
        return bool(self._lines) and not self._lines.isdisjoint(_lines(nodes))

    def outside(self, document: Mapping) -> bool:
        """Tell whether something is wrong outside of all parts, so that there may be more parts than were read."""
        if not self._hiding:
            return False
        sections = [document.get(name) for name in SECTIONS]
        parts = [
            node for section in sections if isinstance(section, Mapping) for entry in section.entries for node in entry
        ]
        words = [
            value for key, value in document.entries if key.text in ("language", "policy", "version", "title", "why")
        ]
        return not self._hiding <= frozenset(_lines([*parts, *words]))


def _lines(nodes: Iterable[Node]) -> Iterator[tuple[str, int]]:
    todo = list(nodes)
    while todo:
        node = todo.pop()
        place = node.location
        yield place.file, place.line
        if isinstance(node, Mapping):
            todo += [part for entry in node.entries for part in entry]
        elif isinstance(node, Sequence):
            todo += node.items
