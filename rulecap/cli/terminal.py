"""What is written to the terminal: JSON, and colour where somebody looks."""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from rulecap.problems import Problem, as_json_has_it

RED, GREEN, BOLD, DIM = "31", "32", "1", "2"


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print a value as JSON; what a terminal would obey, or the output cannot write, by its number."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent, allow_nan=False)
    print(as_json_has_it(text))


@dataclass(frozen=True, slots=True)
class Style:
    """Marks text with colour, or leaves it as it is."""

    coloured: bool = False

    @classmethod
    def of_output(cls) -> "Style":
        """Return colour for a terminal whose user did not decline it (NO_COLOR)."""
        terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        return cls(terminal and not os.environ.get("NO_COLOR"))

    def good(self, text: str) -> str:
        """Mark what is as it should be."""
        return self._marked(text, GREEN)

    def bad(self, text: str) -> str:
        """Mark what is not."""
        return self._marked(text, RED)

    def strong(self, text: str) -> str:
        """Mark a headline."""
        return self._marked(text, BOLD)

    def weak(self, text: str) -> str:
        """Mark what explains the rest."""
        return self._marked(text, DIM)

    def problem(self, problem: Problem) -> str:
        """Return a finding as text, its first line marked."""
        first, *rest = problem.render().splitlines()
        return "\n".join([self.bad(first), *rest])

    def _marked(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text
