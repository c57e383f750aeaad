"""Somebody who does what a document says, step by step, in a folder, and looks whether it comes out as written."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from json import loads
from pathlib import Path
from typing import Any

from rulecap import PolicyError
from rulecap.cli import main
from tests.docs.document import ROOT, Block, Document
from tests.docs.scaffold import Piece

SNAPSHOT = "snapshot.json"
CHANGE = re.compile(r"(?P<file>\S+) (?P<how>below|instead of) (?P<line>.+)")


class Reader:
    """Runs the blocks of a document in order; `folder` looks like a checkout."""

    def __init__(self, document: Document, folder: Path) -> None:
        """Put the policies and schemas where they are in a checkout."""
        self.document, self.folder = document, folder
        self._names: dict[str, Any] = {}
        for name in ("policies", "schemas"):
            shutil.copytree(ROOT / name, folder / name)

    def differences(self) -> Iterator[tuple[Block, str, str]]:
        """Run every block; yield the block whose output it is, what is written there, and what came out."""
        with contextlib.chdir(self.folder):
            for block in self.document.blocks():
                if block.language == "console":
                    yield from self._console(block)
                else:
                    shown = self._run(block)
                    if block.output is not None:
                        yield block.output, block.output.text, shown

    def _run(self, block: Block) -> str:
        try:
            return KINDS[block.language](self, block)
        except Exception as error:
            error.add_note(f"{self.document.path.name}:{block.line}")
            raise

    def yaml(self, block: Block) -> str:
        """Write a file, change one, or load a piece."""
        change = CHANGE.fullmatch(block.what)
        if change is not None:
            return self._change(block, change["file"], change["how"], change["line"])
        if block.what.endswith(".yaml"):
            return self._write(block)
        if block.what == "comment":
            assert block.text.startswith("#"), "a comment begins with #"
            return ""
        piece = Piece(self.folder / "piece", block.text)
        if block.what == "mistake":
            return self._problems(piece)
        assert block.what in ("", "names"), f"what is a block of `yaml {block.what}`?"
        return piece.shown(loads((self.folder / SNAPSHOT).read_bytes()))

    def _problems(self, piece: Piece) -> str:
        try:
            policy = piece.load()
        except PolicyError as error:
            return "\n".join(problem.render() for problem in error.problems)
        assert policy.warnings, "this is no mistake"
        return "\n".join(problem.render() for problem in policy.warnings)

    def json(self, block: Block) -> str:
        """Write a file."""
        loads(block.text)
        return self._write(block)

    def _write(self, block: Block) -> str:
        assert block.what, "a block without a file name"
        path = self.folder / block.what
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return ""

    def _change(self, block: Block, file: str, how: str, wanted: str) -> str:
        path = self.folder / file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (place,) = [number for number, line in enumerate(lines) if wanted in line]
        lines[place + (how == "below") : place + 1] = [block.text]
        path.write_text("".join(lines), encoding="utf-8")
        return ""

    def python(self, block: Block) -> str:
        """Run it; names are kept from block to block."""
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            exec(compile(block.text, f"{self.document.path.name}:{block.line}", "exec"), self._names)
        return shown.getvalue()

    def _console(self, block: Block) -> Iterator[tuple[Block, str, str]]:
        for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            start = block.start + block.text.index(f"$ {step}") + len(f"$ {command}\n")
            yield Block("output", command, expected, block.line, start), expected, _shell(command)


def _nothing(_: Reader, __: Block) -> str:
    return ""


KINDS: dict[str, Callable[[Reader, Block], str]] = {
    "yaml": Reader.yaml,
    "json": Reader.json,
    "python": Reader.python,
    "text": _nothing,
}


def _shell(command: str) -> str:
    """Return what a command shows; `rulecap` runs in this process, which is quicker."""
    word, *arguments = shlex.split(command)
    if word != "rulecap":
        return subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    shown, file = io.StringIO(), arguments[-1] if arguments[-2:-1] == [">"] else None
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
        main(arguments if file is None else arguments[:-2])
    if file is None:
        return shown.getvalue()
    Path(file).write_text(shown.getvalue(), encoding="utf-8")
    return ""


def same(expected: str, shown: str) -> bool:
    """Tell whether what came out is what is written; `...` stands for any part of a line, alone for any lines."""
    pattern = "".join(map(_pattern, _lines(expected)))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(shown))) is not None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _pattern(line: str) -> str:
    return "(?:.*\n)*" if line.strip() == "..." else re.escape(line).replace(re.escape("..."), ".*") + "\n"
