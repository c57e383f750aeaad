"""What `import rulecap` gives, and what it costs."""

import subprocess
import sys

import pytest

import rulecap

HEAVY = (
    "pydantic",
    "pydantic_core",
    "yaml",
    "jsonschema",
    "referencing",
    "simpleeval",
    "orjson",
    "asyncio",
    "importlib.metadata",
    "dataclasses",
    "rulecap.problems",
)


def test_the_public_names_are_few_and_there():
    assert len(rulecap.__all__) <= 15
    assert sorted(set(rulecap.__all__)) == sorted(rulecap.__all__)
    assert [name for name in rulecap.__all__ if getattr(rulecap, name, None) is None] == []
    assert {"load_policy", "Snapshot", "PolicyError", "__version__"} <= set(rulecap.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="load_polcy"):
        rulecap.load_polcy  # noqa: B018 - looking it up is the test


@pytest.mark.parametrize("arguments", [["-c", "import rulecap"], ["-m", "rulecap", "--version"]])
def test_nothing_heavy_is_imported_before_it_is_needed(arguments):
    ran = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert not imported & set(HEAVY)
