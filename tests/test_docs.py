"""The documents say what is: their policies are loaded, their commands run, their outputs and tables compared.

After a change that is meant, `python -m tests.docs` writes into the documents what comes out.
"""

import json
import re
from difflib import unified_diff
from pathlib import Path

import pytest

from rulecap.engine.policy import load_policy
from rulecap.language import grammar
from rulecap.language.functions import ALL_NAMES, COMPUTED, FUNCTIONS, OVER_LISTS
from rulecap.policy import builder, document, nodes, scalars, sources
from rulecap.rules.kinds import KINDS
from tests.docs.document import NAMES, ROOT, Document, code
from tests.docs.problems import codes, recipes
from tests.docs.rewrite import rewritten

LANGUAGE, ARCHITECTURE, OPERATIONS = (Document(ROOT / "docs" / name) for name in NAMES)
DOCUMENTS = pytest.mark.parametrize("read", [LANGUAGE, ARCHITECTURE, OPERATIONS], ids=NAMES)


@DOCUMENTS
def test_everything_in_a_document_comes_out_as_it_says(read: Document, tmp_path: Path) -> None:
    today = rewritten(read, tmp_path).splitlines()
    difference = unified_diff(read.text.splitlines(), today, read.path.name, "what comes out", lineterm="")
    assert "\n".join(difference) == ""


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    assert Document(path).broken_links() == []


def test_every_function_is_told_with_its_parameters_and_an_example() -> None:
    told = set()
    for signature, _, example, _ in LANGUAGE.table("Function").rows:
        name, _, rest = code(signature).partition("(")
        parameters = rest.removesuffix(")")
        told.add((name, parameters == "list"))
        assert f"{name}(" in example
        if name in FUNCTIONS:
            assert parameters.split(", ") == [one.replace(" ", "_") for one, _ in FUNCTIONS[name].parameters]
    assert {name for name, _ in told} == ALL_NAMES
    assert {name for name, of_list in told if of_list} == set(OVER_LISTS)
    assert {name for name, of_list in told if not of_list} >= set(COMPUTED)


def test_every_kind_of_rule_is_told() -> None:
    for kind in KINDS:
        assert f"\n### {kind}\n" in LANGUAGE.text
        assert f"| [`{kind}`](#{kind}) |" in LANGUAGE.text
        assert f"\n| {kind} |" in LANGUAGE.text  # what the trace shows of it


TOLD_ONCE = {"name", "title", "why", "source"}  # of whatever may have them


@pytest.mark.parametrize(
    ("schema", "parts", "holding"),
    [
        ("policy", ("policy",), "`language`"),
        ("policy", ("decision",), "`outputs`"),
        ("policy", ("step",), "`times`"),
        ("policy", ("action",), "`sums`"),
        ("policy", ("input",), "`same_as`"),
        ("tests", ("test", "step"), "`expect`"),
    ],
    ids=str,
)
def test_every_key_of_the_schema_is_told(schema: str, parts: tuple[str, ...], holding: str) -> None:
    named = json.loads((ROOT / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8"))["$defs"]
    told = {word.strip("`,") for cells in LANGUAGE.table("Key", holding).rows for word in cells[0].split()}
    assert told - TOLD_ONCE == {key for part in parts for key in named[part]["properties"]} - TOLD_ONCE


def test_every_key_of_an_included_file_is_told() -> None:
    schema = json.loads((ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8"))
    (told,) = re.findall(r"An included file has only ([^.]*)\.", LANGUAGE.text)
    assert re.findall(r"`(\w+)`", told) == list(schema["$defs"]["include"]["properties"])


def test_every_chapter_is_in_the_contents() -> None:
    chapters = re.findall(r"^## (.+)$", LANGUAGE.prose, re.MULTILINE)
    contents = LANGUAGE.text.partition("\n## ")[0]
    assert [one for one in chapters if f"[{one}](#" not in contents] == []


def test_every_problem_code_is_told() -> None:
    assert set(recipes()) == codes()


def test_every_part_of_a_step_is_told() -> None:
    snapshot = json.loads(LANGUAGE.file("snapshot.json"))
    step = load_policy("default").evaluate(snapshot, decision="state").trace.steps[0]
    told = {name for cells in LANGUAGE.table("Key", "`reads`").rows for name in re.findall(r"`(\w+)`,? ?", cells[0])}
    assert told == set(step)


@pytest.mark.parametrize(("written", "meaning"), LANGUAGE.table("Written", "`no`").rows)
def test_yaml_is_read_as_it_looks(written: str, meaning: str) -> None:
    node, problems = document.parse_document(f"key: {code(written)}", "policy.yaml")
    assert isinstance(node, nodes.Mapping)
    value = nodes.plain(node)["key"]
    kinds = {str: "a text", bool: "a flag", type(None): "empty"}
    assert (kinds.get(type(value)) or f"{value:g}", problems) == (meaning, [])


def test_the_bounds_are_those_of_the_program() -> None:
    bounds = {cells[0]: cells[1] for cells in LANGUAGE.table("Bound").rows}
    held = {
        "bytes of a file": document.MOST_BYTES,
        "nesting of lists and mappings": builder.DEEPEST,
        "aliases (`*name`) in a file": builder.MOST_ALIASES,
        "values in a file, aliases counted each time": builder.MOST_NODES,
        "digits of a number": scalars.LONGEST_NUMBER,
        "overlays that extend each other": sources.DEEPEST_EXTENDS,
        "characters of an expression": grammar.MOST_CHARACTERS,
        "nesting of an expression": grammar.MOST_DEPTH,
    }
    assert bounds == {name: f"{most:,}" for name, most in held.items()}


def test_the_places_that_the_architecture_names_exist() -> None:
    today = ARCHITECTURE.text.partition("## Where it differs")[0]
    places = re.findall(r"(?<=[` ])([a-z_]+/[\w./]*)(?=[` ])", today)
    assert places
    assert [place for place in places if not _exists(place)] == []


def _exists(place: str) -> bool:
    """Tell whether a folder, file or module of the project or the package is there."""
    return any((root / name).exists() for root in (ROOT, ROOT / "rulecap") for name in (place, f"{place}.py"))
