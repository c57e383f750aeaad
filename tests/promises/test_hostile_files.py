"""A hostile file is refused by name, in bounded time and memory; nothing outside of the policy's folder is read."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from rulecap import PolicyError, load_policy
from tests.promises.hostile import refused
from tests.promises.policies import put

pytestmark = pytest.mark.usefixtures("no_hanging")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)
HEAD = "language: 1\npolicy: p\nversion: 1.0.0\ntitle: T\n"
BOMBS: dict[str, str | bytes] = {
    "billion laughs": LAUGHS,
    "billion laughs in a policy": HEAD + "parameters:\n" + "".join(f"  {line}\n" for line in LAUGHS.splitlines()),
    "quadratic": f"a: &a '{'x' * 100_000}'\nb: [{', '.join(['*a'] * 5_000)}]\n",
    "many aliases": "a: &a 1\nb: [" + ", ".join(["*a"] * 100_000) + "]\n",
    "an alias of itself": "a: &a [*a]\n",
    "a mapping of itself": "&a ? *a\n: *a\n",
    "deep lists": "a: " + "[" * 100_000 + "]" * 100_000,
    "deep open lists": "[" * 500_000,
    "deep mappings": "".join(" " * n + "a:\n" for n in range(900)),
    "deep flow mappings": "{a: " * 50_000,
    "deep keys": "? " * 20_000,
    "deep dashes": "- " * 50_000,
    "a huge scalar": HEAD + "why: " + "x" * 2_000_000,
    "a huge key": "x" * 1_000_000 + ": 1\n",
    "many keys": "".join(f"k{n}: 1\n" for n in range(90_000)),
    "many rules": HEAD + "rules:\n" + "".join(f"  r{n}: 1\n" for n in range(60_000)),
    "duplicate keys": HEAD + "rules: {}\n" * 20_000,
    "many documents": "---\na: 1\n" * 20_000,
    "python objects": "a: !!python/object/apply:os.system ['id']\n",
    "python names": "a: !!python/name:os.system\n",
    "a tag of ours": "a: !include /etc/passwd\n",
    "binary": "a: !!binary aGk=\n",
    "merge keys": HEAD + "rules: {<<: {a: {kind: formula, formula: as_of}}}\n",
    "null bytes": b"language: 1\n\0\0\0policy: p\n",
    "escaped null bytes": HEAD + 'why: "\\0"\nrules: {"a\\0b": {kind: formula, formula: as_of}}\n',
    "no utf-8": b"language: 1\npolicy: \xff\xfe\n",
    "utf-16": "language: 1\n".encode("utf-16"),
    "surrogates": HEAD + 'why: "\\ud800"\n',
    "control characters": b"language: 1\npolicy: \x01\x02\n",
    "a bell in a name": HEAD + 'rules: {"\\a": {kind: formula, formula: as_of}}\n',
    "huge numbers": HEAD + f"parameters: {{a: {{unit: ratio, value: {'9' * 10_000}}}}}\n",
    "huge hexadecimal": HEAD + f"parameters: {{a: {{unit: ratio, value: 0x{'f' * 200_000}}}}}\n",
    "huge octal": HEAD + f"parameters: {{a: {{unit: ratio, value: 0o{'7' * 200_000}}}}}\n",
    "huge exponents": HEAD + "parameters: {a: {unit: ratio, value: 1e999999999}}\n",
    "a huge literal": HEAD + f"parameters: {{a: {{value: {'9' * 100_000}%}}}}\n",
    "a huge decimal literal": HEAD + f"parameters: {{a: {{value: 1e{'9' * 1_000} USD}}}}\n",
    "not a number": HEAD + "parameters: {a: {unit: ratio, value: .nan}}\n",
    "infinity": HEAD + "parameters: {a: {unit: ratio, value: .inf}}\n",
    "nothing": "",
    "a comment": "# nothing\n",
    "a scalar": "5\n",
    "a list": "- 1\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "an unclosed quote": HEAD + 'why: "' + "x" * 100_000,
    "a tab": "a:\n\tb: 1\n",
    "an escape beyond the last character": 'a: "\\UFFFFFFFF"\n',
    "a huge anchor": "a: &" + "x" * 500_000 + " 1\n",
    "many anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(40_000)),
    "many colons": ":" * 500_000,
    "many quotes": "'" * 500_001,
    "many commas": "[" + "," * 500_000 + "]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, BOMBS[name])


@pytest.mark.parametrize("name", ["billion laughs", "quadratic", "deep lists", "a huge scalar"])
def test_a_bomb_takes_little_memory(tmp_path: Path, name: str) -> None:
    tracemalloc.start()
    try:
        refused(tmp_path, BOMBS[name])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 150 * 2**20


GOOD = "rules: {asked: {kind: formula, formula: as_of}}\n"
INCLUDES = [
    "../outside.yaml",
    "/etc/passwd",
    "sub/../../outside.yaml",
    "..\\outside.yaml",
    "\\outside.yaml",
    "policy.yaml",
    "sub",
    ".",
    "",
    "./../outside.yaml",
    "C:\\outside.yaml",
    "file:///etc/passwd",
    "missing.yaml",
    "sub/..",
    "x\0.yaml",
    "~/x.yaml",
]


def including(name: str, answer: str = "as_of") -> str:
    """Return a policy that includes a file, and answers with an expression."""
    decisions = {"asked_for": {"title": "D", "outputs": {"answer": answer}, "on_error": {"answer": "none"}}}
    head = {"language": 1, "policy": "p", "version": "1.0.0", "title": "T", "include": [name]}
    return json.dumps({**head, "decisions": decisions})


@pytest.mark.parametrize("include", INCLUDES)
def test_an_include_stays_in_its_folder(tmp_path: Path, include: str) -> None:
    (tmp_path / "outside.yaml").write_text(GOOD)
    (tmp_path / "p" / "sub").mkdir(parents=True)
    assert {problem.code for problem in refused(tmp_path / "p", including(include))} & {
        "bad-include",
        "wrong-form",
        "too-few",
        "out-of-range",
    }


def test_a_link_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(GOOD)
    folder = put(tmp_path / "p", "")
    try:
        (folder / "inside.yaml").symlink_to(tmp_path / "outside.yaml")
    except OSError:
        pytest.skip("no links here")
    assert "bad-include" in {problem.code for problem in refused(folder, including("inside.yaml", "asked"))}


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    folder = put(tmp_path / "p", "")
    try:
        (folder / "round.yaml").symlink_to("round.yaml")
    except OSError:
        pytest.skip("no links here")
    assert "bad-include" in {problem.code for problem in refused(folder, including("round.yaml"))}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading it would wait for ever."""
    folder = put(tmp_path / "p", "")
    os.mkfifo(folder / "pipe.yaml")
    assert "bad-include" in {problem.code for problem in refused(folder, including("pipe.yaml"))}


def test_overlays_in_a_circle_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"{HEAD}extends: {other}.yaml\nset: {{}}\n")
    with pytest.raises(PolicyError):
        load_policy(tmp_path / "a.yaml")


@pytest.mark.parametrize("where", ["", "\0", "x" * 10_000, "/", "..", "no/such", "default\0", "💥", "\ud800"])
def test_a_place_that_is_no_policy_is_refused(where: str) -> None:
    with pytest.raises(PolicyError):
        load_policy(where)


def test_a_folder_that_may_not_be_looked_into_has_no_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(PolicyError) as raised:
        load_policy(tmp_path / "p")
    assert [problem.code for problem in raised.value.problems] == ["no-such-policy"]
    assert "Permission denied" in raised.value.problems[0].message
