"""What a policy file is read into: texts, numbers, lists and mappings that know where they stand."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rulecap.location import Location
from rulecap.policy.places import content_places
from rulecap.policy.unseen import shown
from rulecap.problems import Problem

LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its name, relative to the policy folder and with forward slashes, and its whole text.

    `starts` holds the index of each line's first character.
    """

    name: str
    text: str = field(repr=False)
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find where the lines start."""
        object.__setattr__(self, "starts", (0, *(end.end() for end in LINE_END.finditer(self.text))))

    def location(self, index: int) -> Location:
        """Return the place of the character at `index` of the text."""
        line = bisect_right(self.starts, index)
        return Location(self.name, line, index - self.starts[line - 1] + 1)

    def index(self, line: int, column: int) -> int:
        """Return the index in the text of a line and column that count from 1; beyond the last line, its end."""
        return self.starts[line - 1] + column - 1 if line <= len(self.starts) else len(self.text)

    def line(self, number: int) -> str:
        """Return the text of a line without its end, empty where there is no such line."""
        if not 1 <= number <= len(self.starts):
            return ""
        begin = self.starts[number - 1]
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[begin:end].rstrip("\r\n")

    def problem(self, code: str, message: str, location: Location, hint: str = "") -> Problem:
        """Return a finding that shows its line."""
        return Problem(code, message, location, hint=hint, source_line=shown(self.line(location.line)))

    def unseen(self, character: str, location: Location) -> Problem:
        """Return the finding that names an invisible character."""
        message = f"the invisible character U+{ord(character):04X} is not allowed in a policy"
        return self.problem("yaml-encoding", message, location, "delete it")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value.

    Attributes:
        value: what it is by YAML 1.2's core schema.
        text: its content as a text, such as `0.70`, `5%`, `no`.
        source: the file.
        line: of its first character as written, which is the quote of a quoted text; counts from 1.
        column: likewise.
        style: `'`, `"`, `|`, `>`, or none for a plain value.
    """

    value: str | int | float | bool | None
    text: str
    source: SourceFile = field(repr=False)
    line: int
    column: int
    style: str | None = None

    @property
    def location(self) -> Location:
        """The place of the first character of the content: after an opening quote, below a block's header."""
        return Location(self.source.name, self.line, self.column) if self.style is None else self.at(0)

    def at(self, offset: int) -> Location:
        """Return the place of the content's character `offset`, its end where the offset lies beyond.

        True through quotes, escapes, folded and multi-line texts.
        """
        return next(self.places([offset]))

    def places(self, offsets: Iterable[int]) -> Iterator[Location]:
        """Yield the place of each of the content's characters that are asked for."""
        source = self.source
        found = content_places(source.text, source.index(self.line, self.column), self.style, self.text)
        return (source.location(found[min(max(offset, 0), len(found) - 1)]) for offset in offsets)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, placed at its first `-` or its `[`."""

    items: "tuple[Node, ...]"
    source: SourceFile = field(repr=False)
    line: int
    column: int

    @property
    def location(self) -> Location:
        """The place of the first `-` or of the `[`."""
        return Location(self.source.name, self.line, self.column)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values in the file's order, placed at the first key or the `{`; keys are unique texts."""

    entries: "tuple[tuple[Scalar, Node], ...]"
    source: SourceFile = field(repr=False)
    line: int
    column: int
    _by_name: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the entries by name."""
        object.__setattr__(self, "_by_name", {key.text: number for number, (key, _) in enumerate(self.entries)})

    @property
    def location(self) -> Location:
        """The place of the first key or of the `{`."""
        return Location(self.source.name, self.line, self.column)

    def get(self, key: str) -> "Node | None":
        """Return the value of a key, or none."""
        number = self._by_name.get(key)
        return None if number is None else self.entries[number][1]

    def key(self, key: str) -> Scalar | None:
        """Return the key as it is written, or none."""
        number = self._by_name.get(key)
        return None if number is None else self.entries[number][0]

    def items(self) -> "Iterator[tuple[str, Node]]":
        """Yield each key's text and value."""
        return ((key.text, value) for key, value in self.entries)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such a key."""
        return key in self._by_name


Node = Scalar | Sequence | Mapping


def problem_at(node: Node, code: str, message: str, hint: str = "", offset: int = 0) -> Problem:
    """Return a finding at a node, or at a character of a scalar's content, that shows its line."""
    location = node.at(offset) if offset and isinstance(node, Scalar) else node.location
    return node.source.problem(code, message, location, hint)


def entries_of(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """Return a mapping's keys and values; none of what is no mapping."""
    return node.entries if isinstance(node, Mapping) else ()


def items_of(node: Node | None) -> tuple[Node, ...]:
    """Return a list's items; none of what is no list."""
    return node.items if isinstance(node, Sequence) else ()


def text_at(node: Node | None, key: str) -> str | None:
    """Return the text of a key's value; none where the node is no mapping, or has no single value there."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return value.text if isinstance(value, Scalar) else None


def plain(node: Node) -> Any:
    """Return the node as Python's dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    return [plain(item) for item in node.items]
