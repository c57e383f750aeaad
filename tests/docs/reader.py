"""Somebody who does what a document says, step by step, in a folder, and looks whether it comes out as written."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
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
            run = {"yaml": self._yaml, "json": self._json, "python": self._python, "text": lambda _: ""}[block.language]
            return run(block)
        except Exception as error:
            error.add_note(f"{self.document.path.name}:{block.line}")
            raise

    def _yaml(self, block: Block) -> str:
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
        return piece.shown(json.loads((self.folder / SNAPSHOT).read_bytes()))

    def _problems(self, piece: Piece) -> str:
        try:
            policy = piece.load()
        except PolicyError as error:
            return "\n".join(problem.render() for problem in error.problems)
        assert policy.warnings, "this is no mistake"
        return "\n".join(problem.render() for problem in policy.warnings)

    def _json(self, block: Block) -> str:
        json.loads(block.text)
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

    def _python(self, block: Block) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            exec(compile(block.text, f"{self.document.path.name}:{block.line}", "exec"), self._names)
        return shown.getvalue()

    def _console(self, block: Block) -> Iterator[tuple[Block, str, str]]:
        for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            start = block.start + block.text.index(f"$ {step}") + len(f"$ {command}\n")
            yield Block("output", command, expected, block.line, start), expected, _shell(command)


def _shell(command: str) -> str:
    """Return what a command shows; `rulecap` runs in this process, which is quicker."""
    word, *arguments = shlex.split(command)
    if word != "rulecap":
        return subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    os.environ["NO_COLOR"] = "1"
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.redirect_stderr(shown):
        with contextlib.suppress(SystemExit):
            main(arguments)
    return shown.getvalue()


def same(expected: str, shown: str) -> bool:
    """Tell whether what came out is what is written; `...` stands for any part of a line, alone for any lines."""
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    pattern = "".join("(?:.*\n)*" if line.strip() == "..." else f"{re.escape(line).replace(re.escape('...'), '.*')}\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in shown.strip("\n").splitlines())) is not None

