"""PyYAML's two parsers, the C library's and the one in Python, made to say the same of the same text."""

from collections.abc import Callable
from typing import Any, Protocol

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

BLANK = "\0 \t\r\n"
BLANK_IN_BRACES = BLANK + ",[]{}"


class EventParser(Protocol):
    """What the two parsers have in common."""

    def get_event(self) -> Any:
        """Return the next event, none behind the last one."""

    def dispose(self) -> None:
        """Let go of the text."""


class PureParser(Reader, Scanner, Parser):
    """The parser in Python, which takes a `?` in braces as YAML 1.2 and the C library do: as a part of a text."""

    def __init__(self, text: str) -> None:
        """Begin to read."""
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def get_event(self) -> Any:
        """Return the next event; an escape beyond the last character is the text's fault, not the program's."""
        try:
            return super().get_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        except (ValueError, OverflowError) as error:
            problem = "escape sequence of no character"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark()) from error

    def check_key(self) -> bool:
        """Tell whether a `?` stands alone, which makes it the mark of a key."""
        return self.peek(1) in (BLANK_IN_BRACES if self.flow_level else BLANK)

    def check_plain(self) -> bool:
        """Tell whether a text without quotes begins here."""
        return bool(super().check_plain()) or (self.peek() == "?" and not self.check_key())

    def scan_plain(self) -> Any:
        """Return a text without quotes; in braces the parent class would end it at a `?`."""
        if not self.flow_level:
            return super().scan_plain()
        self.peek = self._peek_beyond_question_marks  # type: ignore[method-assign]  # for this one call
        try:
            return super().scan_plain()
        finally:
            del self.peek

    def _peek_beyond_question_marks(self, index: int = 0) -> str:
        """Return the character at that distance, a letter in the place of a question mark."""
        character: str = Reader.peek(self, index)
        return "x" if character == "?" else character


FastParser: Callable[[str], EventParser] = getattr(yaml, "CLoader", PureParser)
