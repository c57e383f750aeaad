"""Where something stands in a policy: file, line, column."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a policy file; line and column count from 1, the file is relative to the policy folder."""

    file: str
    line: int
    column: int

    @property
    def spot(self) -> str:
        """The place without its column, `file:line`, as traces and differences show it."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        """Return `file:line:column`, as editors understand it."""
        return f"{self.file}:{self.line}:{self.column}"
