"""A document as its tests see it: fenced blocks, tables and links, in order, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("language.md", "architecture.md", "operations.md")
FENCE = re.compile(r"^```(?P<language>[a-z]+)(?: (?P<what>[^\n]*))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?:^\|[^\n]*\|\n)+", re.MULTILINE)
BETWEEN = re.compile(r"(?<=\s)\|(?=\s)")
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
INK = re.compile(r"[^\n]")


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
    """A table: its head, its rows, and where the rows begin and end in the document."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    start: int
    end: int


@dataclass(slots=True)
class Document:
    """A Markdown file, or a text that would stand in its place; `prose` is the text with its blocks blanked."""

    path: Path
    text: str = ""
    prose: str = field(init=False)

    def __post_init__(self) -> None:
        """Read the file where no text is given."""
        self.text = self.text or self.path.read_text(encoding="utf-8")
        self.prose = FENCE.sub(lambda block: INK.sub(" ", block[0]), self.text)

    def blocks(self) -> list[Block]:
        """Return the blocks that do something, each with its output."""
        found: list[Block] = []
        for match in FENCE.finditer(self.text):
            line = self.text.count("\n", 0, match.start()) + 1
            block = Block(match["language"], match["what"] or "", match["text"], line, match.start("text"))
            if block.language == "text" and not block.what:
                assert found and found[-1].output is None, f"{self.path.name}:{line}: an output of nothing"
                found[-1].output = block
            else:
                found.append(block)
        return found

    def file(self, name: str) -> str:
        """Return the text of the one block that is a file of this name."""
        (text,) = [block.text for block in self.blocks() if block.what == name]
        return text

    def tables(self) -> Iterator[Table]:
        """Yield the tables."""
        for match in TABLE.finditer(self.prose):
            head, rule, *rows = match[0].splitlines(keepends=True)
            start = match.start() + len(head) + len(rule)
            yield Table(_cells(head), tuple(map(_cells, rows)), start, match.end())

    def table(self, head: str, holding: str = "") -> Table:
        """Return the one table whose first head is this, and that has this within a first cell."""
        tables = [one for one in self.tables() if one.head[0] == head]
        (found,) = [one for one in tables if holding in " ".join(cells[0] for cells in one.rows)]
        return found

    def broken_links(self) -> list[str]:
        """Return the links within the project that lead nowhere."""
        return [link[0] for link in LINK.finditer(self.prose) if not self._leads(link["file"], link["heading"])]

    def _leads(self, file: str, heading: str | None) -> bool:
        target = self.path.parent / file if file else self.path
        if not target.exists() or not heading:
            return target.exists()
        return heading in {_anchor(found) for found in HEADING.findall(Document(target).prose)}


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in BETWEEN.split(line.strip().removeprefix("|").removesuffix("|")))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def row(cells: tuple[str, ...]) -> str:
    """Return a table's row as it is written."""
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |")


def code(cell: str) -> str:
    """Return what stands in a cell's backticks."""
    assert cell.startswith("`") and cell.endswith("`"), f"no code: {cell}"
    return cell[1:-1]
