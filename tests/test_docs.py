"""The documents say what is: their policies are loaded, their commands run, their outputs and tables compared.

After a change that is meant, `python -m tests.docs` writes into the documents what comes out.
"""

import re
import tomllib
from difflib import unified_diff

import pytest

from rulecap.language.functions import ALL_NAMES, COMPUTED, FUNCTIONS, OVER_LISTS
from rulecap.rules.kinds import KINDS
from tests.docs.document import ROOT, Document, code
from tests.docs.problems import codes, recipes
from tests.docs.rewrite import rewritten

LANGUAGE, ARCHITECTURE = (Document(ROOT / "docs" / name) for name in ("language.md", "architecture.md"))
DOCUMENTS = pytest.mark.parametrize("document", [LANGUAGE, ARCHITECTURE], ids=lambda document: document.path.name)


@DOCUMENTS
def test_everything_in_a_document_comes_out_as_it_says(document, tmp_path):
    today = rewritten(document, tmp_path).splitlines()
    difference = unified_diff(document.text.splitlines(), today, document.path.name, "what comes out", lineterm="")
    assert "\n".join(difference) == ""


@DOCUMENTS
def test_links_lead_somewhere(document):
    assert document.broken_links() == []


def test_every_function_has_an_example_and_its_parameters():
    (table,) = [table for table in LANGUAGE.tables() if table.head[0] == "Function"]
    told = set()
    for signature, _, example, _ in table.rows:
        name, parameters = re.fullmatch(r"(\w+)\((.*)\)", code(signature)).groups()
        told.add((name, parameters == "list"))
        assert f"{name}(" in example or name == "adjustments"
        if name in FUNCTIONS:
            wanted = [parameter for parameter, _ in FUNCTIONS[name].parameters]
            assert parameters.replace("_", " ") == ", ".join(wanted).replace("_", " ")
    assert {name for name, _ in told} == ALL_NAMES
    assert {name for name, of_list in told if of_list} == set(OVER_LISTS)
    assert {name for name, of_list in told if not of_list} >= set(COMPUTED)


def test_every_kind_of_rule_has_a_section_and_a_line_in_each_list():
    for kind in KINDS:
        assert f"\n### {kind}\n" in LANGUAGE.text
        assert f"| [`{kind}`](#{kind}) |" in LANGUAGE.text
        assert f"\n| {kind} |" in LANGUAGE.text  # what the trace shows of it


def test_every_problem_code_is_in_the_table():
    assert set(recipes()) == codes()


def test_the_floors_are_those_that_the_import_linter_holds():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (floors,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    (table,) = [table for table in ARCHITECTURE.tables() if table.head[0] == "Modules"]
    told = [{f"rulecap.{name}" for name in re.findall(r"`([\w.]+)`", modules)} for modules, _ in table.rows]
    assert told == [set(re.findall(r"[\w.]+", floor)) for floor in floors]


def test_the_modules_that_the_architecture_names_exist():
    named = re.findall(r"`((?:rulecap|tests|schemas|policies|benchmarks)/[\w./]*)`", ARCHITECTURE.prose)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
