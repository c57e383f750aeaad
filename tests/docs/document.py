"""A document as its tests see it: fenced blocks and tables, in order, each with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<language>[a-z]+)(?: (?P<what>[^\n]*))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?:^\|[^\n]*\|\n)+", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: the first word behind the fence.
        what: the words behind it, which say what the block is to the tests.
        start: the index of its text in the document.
        output: the `text` block right behind it, which is what comes out.
    """

    language: str
    what: str
    text: str
    line: int
    start: int
    output: "Block | None" = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its head, and its rows with their lines."""

    head: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def column(self, name: str) -> list[str]:
        """Return the cells below a head."""
        place = self.head.index(name)
        return [cells[place] for _, cells in self.rows]


@dataclass(slots=True)
class Document:
    """A Markdown file."""

    path: Path
    text: str = field(init=False)
    prose: str = field(init=False)

    def __post_init__(self) -> None:
        """Read it; `prose` is the text with the insides of the blocks blanked, line for line."""
        self.text = self.path.read_text(encoding="utf-8")
        self.prose = FENCE.sub(lambda block: "\n" * block[0].count("\n"), self.text)

    def blocks(self) -> list[Block]:
        """Return the blocks that do something, each with its output."""
        found: list[Block] = []
        for match in FENCE.finditer(self.text):
            block = Block(match["language"], match["what"] or "", match["text"], self._line(match), match.start("text"))
            if block.language == "text" and not block.what:
                assert found, f"{self.path.name}:{block.line}: an output of nothing"
                assert found[-1].output is None, f"{self.path.name}:{block.line}: a second output"
                found[-1].output = block
            else:
                found.append(block)
        return found

    def tables(self) -> Iterator[Table]:
        """Yield the tables."""
        for match in TABLE.finditer(self.prose):
            first = self._line(match)
            rows = [_cells(line) for line in match[0].splitlines()]
            body = tuple((first + number, cells) for number, cells in enumerate(rows) if number > 1)
            yield Table(rows[0], body)

    def table(self, *head: str) -> Table:
        """Return the one table with this head."""
        (found,) = [table for table in self.tables() if table.head == head]
        return found

    def broken_links(self) -> list[str]:
        """Return the links within the project that lead nowhere."""
        return [f"{file}#{anchor}" if anchor else file for file, anchor in LINK.findall(self.prose) if not self._leads(file, anchor)]

    def _leads(self, file: str, anchor: str) -> bool:
        target = self.path.parent / file if file else self.path
        if not target.exists():
            return False
        return not anchor or anchor in {_anchor(heading) for heading in HEADING.findall(FENCE.sub("", target.read_text(encoding="utf-8")))}

    def _line(self, match: re.Match[str]) -> int:
        return self.text.count("\n", 0, match.start()) + 1 if match.re is FENCE else self.prose.count("\n", 0, match.start()) + 1


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split(" | "))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def code(cell: str) -> str:
    """Return what stands in a cell's backticks."""
    assert cell.startswith("`") and cell.endswith("`"), f"no code: {cell}"
    return cell[1:-1]
