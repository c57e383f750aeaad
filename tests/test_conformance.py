"""docs/conformance.md names what is there: each change is in the default policy, each proof a test beside a policy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.docs.document import ROOT, Document

DOCUMENT = Document(ROOT / "docs" / "conformance.md")
POLICIES = ROOT / "policies"
DEFAULT = POLICIES / "default"
NOWHERE = ("", "the same")
TEXTS = {"title", "why", "source"}


def rows() -> Iterator[tuple[str, str]]:
    """Yield what each row says under *change* and *proof*."""
    for table in DOCUMENT.tables():
        for row in table.rows:
            cells = dict(zip(table.head, row, strict=True))
            if "proof" in cells:
                yield cells.get("change", ""), cells["proof"]


def in_files(text: str) -> Iterator[tuple[str, str]]:
    """Yield file and name of each `name` of a cell, such as `zoo.yaml: `cat`, `dog`; barn.yaml: `cow``."""
    for part in text.split("; "):
        file, _, names = part.partition(": ")
        yield from ((file, name) for name in re.findall(r"`([^`]+)`", names))


def named(node: Any) -> Iterator[str]:
    """Yield every name in a file of a policy: keys, and the names of cases, steps and checks."""
    if isinstance(node, dict):
        yield from (name for name in node if name not in TEXTS)
        yield str(node.get("name", ""))
        for inner in node.values():
            yield from named(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from named(inner)


def test_every_change_is_in_the_file_that_is_named() -> None:
    found = [one for change, _ in rows() for one in in_files(change)]
    names = {file: set(named(yaml.safe_load((DEFAULT / file).read_text(encoding="utf-8")))) for file, _ in found}
    assert len(found) > 50
    assert [(file, path) for file, path in found if not set(path.split(".")) <= names[file]] == []


def test_every_proof_is_a_test() -> None:
    of_default = {path.stem: _names(path) for path in (DEFAULT / "tests").glob("*.yaml")}
    of_others = {
        "stop-risk": _names(POLICIES / "stop-risk" / "tests" / "stop_risk.yaml"),
        "conservative": _names(POLICIES / "tests" / "conservative.yaml"),
    }
    tests = {f"{file}: {name}" for file, names in (of_default | of_others).items() for name in names}
    tests |= set().union(*of_default.values())
    proofs = [one for _, proof in rows() if proof not in NOWHERE for one in proof.split("; ")]
    proofs += re.findall(rf"\(((?:{'|'.join(of_default)}): .+?)\)", DOCUMENT.text)
    assert len(proofs) > 80
    assert [one for one in proofs if one not in tests] == []


def _names(path: Path) -> set[str]:
    return {test["name"] for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]}
