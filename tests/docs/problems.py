"""The table of problem codes: what the program can raise, and how each comes about."""

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from rulecap import Policy, PolicyError, Problem, load_policy
from rulecap.engine.amend import amended, without_none
from rulecap.engine.cases import load_cases
from tests.docs.document import ROOT
from tests.docs.scaffold import Piece

CODE = re.compile(r"[a-z]+(?:-[a-z]+)+\Z|cycle\Z")
NOTHING = "title: Nothing"
PYDANTICS = {"subclass-instances"}


# The edges' codes are told in the documents of the edges, not in the language's.
EDGES = ("audit", "exchange", "service", "monitor", "cli")


def codes() -> set[str]:
    """Return every problem code of policies, snapshots and decisions."""
    rooms = [path for path in (ROOT / "rulecap").iterdir() if path.name not in EDGES]
    return {code for room in rooms for code in codes_in(room)}


def codes_in(room: Path) -> set[str]:
    """Return every code in a folder or file: but for pydantic's, they are its only texts of words joined by dashes."""
    found = set()
    for path in (room, *room.rglob("*.py")):
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
                found.add(node.value)
    return found - PYDANTICS


def recipes() -> dict[str, Any]:
    """Return how each code comes about, or the text that stands in its place."""
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "problems.yaml").read_text(encoding="utf-8"))
    return found


def example(code: str, recipe: Any, folder: Path, snapshot: dict[str, Any]) -> str:
    """Return the example of a code: message and hint of the problem that its recipe brings about."""
    if isinstance(recipe, str):
        return recipe
    problem = next(one for one in brought_about(recipe, folder, snapshot) if one.code == code)
    place = f"{problem.path}: " if problem.path else ""
    text = f"{place}{problem.message}; {problem.hint}" if problem.hint else place + problem.message
    return text.replace("|", "\\|")


def brought_about(recipe: dict[str, Any], folder: Path, snapshot: dict[str, Any]) -> Iterable[Problem]:
    """Return the problems that a recipe brings about."""
    try:
        policy = _loaded(recipe, folder)
    except PolicyError as error:
        return error.problems
    if "tests" in recipe:
        (folder / "snapshot.json").write_text(json.dumps(snapshot), encoding="utf-8")
        (folder / "cases.yaml").write_text(recipe["tests"], encoding="utf-8")
        return load_cases(folder / "cases.yaml")[1]
    if not {"set", "given", "memory"} & set(recipe):
        return policy.warnings
    changes = [(path, without_none(value)) for path, value in recipe.get("set", {}).items()]
    given = recipe["given"] if "given" in recipe else amended(snapshot, changes)
    return policy.evaluate(given, decision=recipe.get("decision", "look")).problems


def _loaded(recipe: dict[str, Any], folder: Path) -> Policy:
    folder.mkdir(parents=True, exist_ok=True)
    if "files" in recipe:
        for name, text in recipe["files"].items():
            (folder / name).write_text(text, encoding="utf-8")
        return load_policy(folder)
    again = recipe.get("again", {"text": "", "times": 0})
    text = recipe.get("piece", NOTHING) + again["text"] * again["times"] + again.get("end", "")
    return Piece(folder, text).load()
