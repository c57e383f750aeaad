"""From a YAML parser's events to located nodes, within bounds that hold whatever the text says."""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml
from yaml import events

from rulecap.location import Location
from rulecap.policy.commas import join_at_commas
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, SourceFile, problem_at
from rulecap.policy.scalars import NotANumber, PlainValue, plain_value, tagged_value
from rulecap.policy.unseen import UNSEEN
from rulecap.problems import Problem

DEEPEST = 40
MOST_ALIASES = 100
MOST_NODES = 50_000
MOST_FINDINGS = 100
FLATTEN = "use flat rules that name one another"
CORE_TAG = "tag:yaml.org,2002:"
# An anchor and a tag, in either order, and the space, comments and line ends behind them.
PROPERTIES = re.compile(r"(?:[&!][^ \t\r\n]*(?:[ \t\r\n]|#[^\r\n]*)*)*")
BLOCK_STYLES = frozenset("|>")
GLUED_COMMENT = re.compile(r"[|>][-+0-9]*#")


class Stop(Exception):
    """A bound is reached: nothing more of the file is read."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end is still to come."""

    event: Any
    nodes_before: int
    children: list[Node] = field(default_factory=list)
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A node that aliases may name, with what each of them adds to the document."""

    node: Node
    size: int
    height: int


@dataclass(slots=True)
class Builder:
    """The document as far as it is read; each method takes one kind of the parser's events.

    A lenient parser is one that takes more than the other; where it may have done so, the text is refused here, for
    the other one to judge.
    """

    source: SourceFile
    lenient: bool = False
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchored: dict[str, _Anchored] = field(default_factory=dict)
    _nodes: int = 0
    _aliases: int = 0
    _documents: int = 0

    def document(self, event: Any) -> None:
        """Take the first document only, and no directives."""
        self._documents += 1
        if self._documents > 1:
            self._stop(event, "yaml-many-documents", "a second document begins here", "use two files")
        if event.version or event.tags:
            self._report(event, "yaml-syntax", "`%` lines are not part of a policy", "leave them out")

    def scalar(self, event: Any) -> None:
        """Add a text or number; most are plain, and quickly done."""
        self._count(event, 1, "yaml-too-large")
        text = event.value
        if text and not (event.style or event.anchor or event.tag):
            try:
                value = plain_value(text)
            except NotANumber:
                return self._unusual(event)
            mark = event.start_mark
            return self._add(Scalar(value, text, self.source, mark.line + 1, mark.column + 1), None, 1, 0)
        return self._unusual(event)

    def _unusual(self, event: Any) -> None:
        """Add a text in quotes or of several lines, one with a tag or an anchor, an absent value, or no number."""
        mark = event.start_mark
        text, style = event.value, event.style or None
        line, column = mark.line + 1, mark.column + 1
        if (event.anchor or event.tag) and (text or style):
            line, column = self._behind_properties(line, column)
        elif not text and style is None:
            line, column = self._behind_text(line, column)
        node = Scalar(text, text, self.source, line, column, style)
        if style in BLOCK_STYLES and GLUED_COMMENT.match(self.source.text, self.source.index(line, column)):
            self._doubt()
        if style is None or event.tag or not text.isprintable():
            node = Scalar(self._value(event, node), text, self.source, line, column, style)
        self._add(node, event.anchor, 1, 0)

    def begin(self, event: Any) -> None:
        """Open a list or mapping."""
        self._count(event, 1, "yaml-too-large")
        if len(self._open) >= DEEPEST:
            self._stop(event, "yaml-too-deep", f"lists and mappings are nested more than {DEEPEST} deep", FLATTEN)
        wanted = "map" if type(event) is events.MappingStartEvent else "seq"
        if event.tag and event.tag not in ("!", CORE_TAG + wanted):
            self._wrong_tag(event)
        self._open.append(_Open(event, self._nodes - 1))

    def end(self, _: Any) -> None:
        """Close a list or mapping."""
        done = self._open.pop()
        mark = done.event.start_mark
        line, column = mark.line + 1, mark.column + 1
        node: Node
        if type(done.event) is events.SequenceStartEvent:
            node = Sequence(tuple(done.children), self.source, line, column)
        else:
            node = Mapping(self._entries(done), self.source, line, column)
        self._add(node, done.event.anchor, self._nodes - done.nodes_before, done.height)

    def alias(self, event: Any) -> None:
        """Add once more what an anchor names."""
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            self._stop(event, "yaml-too-many-aliases", f"there are more than {MOST_ALIASES} aliases", "use a parameter")
        named = self._anchored.get(event.anchor) or self._unknown(event)
        self._count(event, named.size, "yaml-too-many-aliases")
        if len(self._open) + named.height > DEEPEST:
            message = f"what this alias names nests lists and mappings more than {DEEPEST} deep"
            self._stop(event, "yaml-too-deep", message, FLATTEN)
        self._add(named.node, None, named.size, named.height)

    def _behind_properties(self, line: int, column: int) -> tuple[int, int]:
        """Return where a scalar itself begins, behind its anchor and tag."""
        behind = PROPERTIES.match(self.source.text, self.source.index(line, column))
        assert behind is not None  # the pattern matches the empty text
        place = self.source.location(behind.end())
        return place.line, place.column

    def _behind_text(self, line: int, column: int) -> tuple[int, int]:
        """Return where an absent value belongs: behind its colon, though the parsers look further, each its own way."""
        index = self.source.index(line, column)
        while index > 0 and self.source.text[index - 1] in " \r\n":
            index -= 1
        place = self.source.location(index)
        return place.line, place.column

    def _value(self, event: Any, node: Scalar) -> PlainValue:
        """Return what a scalar is; its text where that cannot be said."""
        try:
            if event.tag and event.tag != "!":
                return tagged_value(node.text, event.tag.removeprefix(CORE_TAG))
            if node.style is None and not event.tag:
                return plain_value(node.text)
        except NotANumber:
            message = f"{node.text[:50]} is not a number that a policy can hold"
            self._found(problem_at(node, "out-of-range", message, "write a finite number, or a text in quotes"))
        except ValueError:
            self._wrong_tag(event)
        # An escape in double quotes may hide what the file itself must not hold.
        hidden = [match.start() for match in islice(UNSEEN.finditer(node.text), MOST_FINDINGS)]
        for offset, place in zip(hidden, node.places(hidden) if hidden else (), strict=True):
            self._found(self.source.unseen(node.text[offset], place))
        return node.text

    def _entries(self, done: _Open) -> tuple[tuple[Scalar, Node], ...]:
        """Return a mapping's entries, without those whose key is no text or is there already."""
        entries: dict[str, tuple[Scalar, Node]] = {}
        children, problems = join_at_commas(done.children) if done.event.flow_style else (done.children, [])
        for problem in problems:
            self._found(problem)
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                self._found(problem_at(key, "key-not-text", "a key must be a text", 'put it in quotes: "…"'))
            elif (first := entries.setdefault(key.value, (key, value)))[0] is not key:
                message = f"`{key.value}` is given twice, first on line {first[0].line}"
                self._found(problem_at(key, "duplicate-key", message, "keep one of them"))
        return tuple(entries.values())

    def _unknown(self, event: Any) -> _Anchored:
        """Report an alias that names nothing and return nothing in its place."""
        hint = 'for a text that begins with *, use quotes: "*…"'
        self._report(event, "unknown-alias", f"nothing before this is named &{event.anchor}", hint)
        mark = event.start_mark
        return _Anchored(Scalar(None, "", self.source, mark.line + 1, mark.column + 1), 1, 0)

    def _count(self, event: Any, size: int, code: str) -> None:
        """Count nodes, those behind an alias each time; at the most of them, stop."""
        self._nodes += size
        if self._nodes > MOST_NODES:
            self._stop(event, code, f"the file has more than {MOST_NODES:,} values", "split it and use `include`")

    def _add(self, node: Node, anchor: str | None, size: int, height: int) -> None:
        """Put a finished node where it belongs."""
        if anchor:
            self._anchored[anchor] = _Anchored(node, size, height)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.children.append(node)
        if height >= parent.height:
            parent.height = height + 1

    def _wrong_tag(self, event: Any) -> None:
        """Report a tag that is not of the core schema or does not fit what it stands before."""
        self._doubt()
        tag = event.tag.replace(CORE_TAG, "!!")
        self._report(
            event,
            "yaml-tag",
            f"the tag `{tag}` does not fit here",
            "leave the tag out; the opposite of a condition is written `not …`",
        )

    def _doubt(self) -> None:
        """Refuse the whole text, if the parser is lenient."""
        if self.lenient:
            raise yaml.YAMLError

    def _report(self, event: Any, code: str, message: str, hint: str) -> None:
        """Add a finding at the beginning of an event."""
        mark = event.start_mark
        place = Location(self.source.name, mark.line + 1, mark.column + 1)
        self._found(self.source.problem(code, message, place, hint))

    def _stop(self, event: Any, code: str, message: str, hint: str) -> None:
        """Add a finding and read no further."""
        self._report(event, code, message, hint)
        raise Stop

    def _found(self, problem: Problem) -> None:
        """Add a finding; at the most of them, read no further."""
        self.problems.append(problem)
        if len(self.problems) >= MOST_FINDINGS:
            raise Stop
