"""README.md does what it says: its files are written, its commands run, its Python executed, its outputs compared."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# Done elsewhere: installing by tests/test_packaging.py; `make test` is what runs this file.
ELSEWHERE = ("pip install", "git clone", "make ")


@dataclass(frozen=True)
class Block:
    language: str
    file: str | None
    text: str
    output: str | None


def blocks() -> list[Block]:
    """Return the README's fenced blocks; a `text` block is the output of the block before it."""
    found = list(BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8")))
    read = []
    for number, one in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else None
        output = following["text"] if following is not None and following["language"] == "text" else None
        if one["language"] != "text":
            read.append(Block(one["language"], one["file"], one["text"], output))
    return read


@pytest.fixture
def folder(tmp_path):
    """Return a folder that looks like the checkout where a reader is."""
    for name in ("policies", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def run(command: str, folder: Path) -> str:
    """Return what a shell shows of a command, whatever its exit code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    ran = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), f"{command}: {ran.stderr}"
    assert ran.stderr == "", f"{command}: {ran.stderr}"
    return ran.stdout


def test_everything_in_the_readme_happens_as_it_says(folder):
    done = dict.fromkeys(("yaml", "sh", "python"), 0)
    for block in blocks():
        if block.language in ("yaml", "json"):
            assert block.file, f"a block of {block.language} without a file name"
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
            shown = ""
        elif block.language == "shell":  # needs a server and a venue: tests/service/test_rest_document.py
            continue
        elif block.language == "python":
            shown = run(f"{shlex.quote(sys.executable)} -c {shlex.quote(block.text)}", folder)
        else:
            assert block.language == "sh"
            commands = [line for line in block.text.splitlines() if line and not line.startswith((*ELSEWHERE, "#"))]
            shown = "".join(run(command, folder) for command in commands)
        if block.output is not None:
            assert _trimmed(shown) == _trimmed(block.output)
        done[block.language] = done.get(block.language, 0) + 1
    assert all(done.values()), done


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_targets_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"`?make (\w+)", "\n".join(block.text for block in blocks())))
    assert {"demo", "test"} <= targets
    for target in targets | set(re.findall(r"`make (\w+)`", text)):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)


def test_the_demo_shows_a_decision_its_trace_and_a_refusal_with_the_smallest_order(folder):
    recipe = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = [line.split("bin/", 1)[1] for line in recipe.splitlines() if "bin/rulecap " in line]
    assert len(commands) == 2
    shown = "".join(run(command, folder) for command in commands)
    assert "REJECT" in shown
    assert "0.001" in shown


def test_every_extra_is_told():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| extra | for |")[2].partition("\n\n")[0]
    told = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert told == set(extras) - {"dev", "bench"}  # these two are for who works on it


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
