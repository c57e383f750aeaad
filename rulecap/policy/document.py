"""A policy file's text, read into nodes that know their place: YAML 1.2 core, bounded, every finding at once."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import yaml
from yaml import events

from rulecap.location import Location
from rulecap.policy.builder import MOST_FINDINGS, Builder, Stop
from rulecap.policy.nodes import Node, Scalar, SourceFile
from rulecap.policy.parsers import EventParser, FastParser, PureParser
from rulecap.policy.unseen import UNSEEN
from rulecap.policy.yaml_errors import syntax_problem
from rulecap.problems import Problem

MOST_BYTES = 1 << 20
# Above this size the fast parser's own complaint is given; below, the pure one is asked, so that both say the same.
MOST_TO_READ_AGAIN = 1 << 17


def parse_document(
    text: str | bytes, name: str, parser: Callable[[str], EventParser] | None = None
) -> tuple[Node | None, list[Problem]]:
    """Read a file of a policy; never raises for what is in it.

    Args:
        text: the file's text, or its bytes in UTF-8.
        name: its name, relative to the policy folder.
        parser: which of PyYAML's parsers reads it; the fastest that is installed where none is named.

    Returns:
        The document, none where there is nothing to go on with, and every finding in the file's order.
    """
    source, problems = _source(text, name)
    if problems:
        return None, problems
    # The C library takes tabs where the other one does not.
    root, problems = _read(source, PureParser if "\t" in source.text else parser or FastParser)
    return root, sorted(problems, key=lambda problem: problem.location or Location(name, 1, 1))


def _source(text: str | bytes, name: str) -> tuple[SourceFile, list[Problem]]:
    """Return the file's text without a byte order mark, or why it is no text of a policy."""
    size = len(text) if isinstance(text, bytes) or len(text) > MOST_BYTES else len(text.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        message = f"the file has more than {MOST_BYTES:,} bytes"
        empty = SourceFile(name, "")
        return empty, [empty.problem("yaml-too-large", message, Location(name, 1, 1), "split it and use `include`")]
    if isinstance(text, bytes):
        return _decoded(text, name)
    source = SourceFile(name, text.removeprefix("\ufeff"))
    return source, _unseen(source)


def _decoded(text: bytes, name: str) -> tuple[SourceFile, list[Problem]]:
    """Return the text of the bytes."""
    try:
        source = SourceFile(name, text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        source = SourceFile(name, text.decode("utf-8-sig", "replace"))
        good = error.object[: error.start].decode("utf-8")
        place = source.location(len(good))
        message = "the file is not UTF-8 from here on"
        return source, [source.problem("yaml-encoding", message, place, "save it as UTF-8")]
    return source, _unseen(source)


def _unseen(source: SourceFile) -> list[Problem]:
    """Return a finding for each character that does not show."""
    if source.text.isascii() and source.text.replace("\n", "").isprintable():
        return []
    found = islice(UNSEEN.finditer(source.text), MOST_FINDINGS)
    return [source.unseen(match[0], source.location(match.start())) for match in found]


def _read(source: SourceFile, parser: Callable[[str], EventParser]) -> tuple[Node | None, list[Problem]]:
    """Build the document from one parser's events."""
    again = parser is not PureParser and len(source.text) <= MOST_TO_READ_AGAIN
    builder = Builder(source, again)
    try:
        _feed(builder, parser(source.text))
    except Stop:
        return None, builder.problems
    except yaml.YAMLError as error:
        if again:
            return _read(source, PureParser)
        return None, [*builder.problems, syntax_problem(source, error)]
    if builder.root is None or (isinstance(builder.root, Scalar) and not builder.root.text):
        empty = source.problem("yaml-empty", "the file says nothing", Location(source.name, 1, 1))
        return None, [*builder.problems, empty]
    return builder.root, builder.problems


def _feed(builder: "Builder", parser: EventParser) -> None:
    """Hand every event to the builder."""
    steps: dict[type, Callable[[Any], None]] = {
        events.ScalarEvent: builder.scalar,
        events.MappingStartEvent: builder.begin,
        events.SequenceStartEvent: builder.begin,
        events.MappingEndEvent: builder.end,
        events.SequenceEndEvent: builder.end,
        events.AliasEvent: builder.alias,
        events.DocumentStartEvent: builder.document,
    }
    try:
        while (event := parser.get_event()) is not None:
            step = steps.get(type(event))
            if step:
                step(event)
    finally:
        parser.dispose()
