"""A policy from its stored files: the same policy, by those files alone, and by name what keeps them from being one."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap import Policy, PolicyError, load_policy, policy_from_files
from rulecap.policy import document, shelf
from rulecap.policy.sources import Sources, base_prefix, read_sources
from rulecap.problems import Problem
from tests.promises.shipped import ROOT, SHIPPED, shipped
from tests.snapshots import random_snapshot, sequence
from tests.test_invalid import AS_IT_IS, Case, corpus
from tests.written import completed

Json = dict[str, Any]
HEAD = "language: 1\npolicy: {}\nversion: 1.0.0\n"
BASE = HEAD.format("base") + (
    "parameters: {limit: {value: 5%}}\ndecisions: {answer: {outputs: {a: limit}, on_error: {a: none}}}\n"
)
PART = "rules:\n  left: {kind: formula, formula: true}\n"  # which no decision needs: a warning with its place


def overlay(base: str, limit: str = "6%", name: str = "over") -> str:
    return HEAD.format(name) + f"extends: {json.dumps(base)}\nset: {{limit: {limit}}}\n"


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def hold_same(policy: Policy, again: Policy) -> None:
    """Fail where a policy from stored files differs from the one that the files were taken of."""
    assert again.files == policy.files
    assert (again.digest, again.meaning) == (policy.digest, policy.meaning)
    assert (again.name, again.version, again.title) == (policy.name, policy.version, policy.title)
    assert again.warnings == policy.warnings
    assert again.decisions == policy.decisions


def as_bytes(policy: Policy, snapshot: Json, asked: str, memory: Json | None) -> tuple[bytes, ...]:
    answer = policy.evaluate(snapshot, asked, memory)
    return json.dumps([answer.outputs, answer.memory]).encode(), answer.steps_json(), answer.trace.to_json()


@contextmanager
def nothing_on_disk() -> Iterator[None]:
    """Within it nothing on disk can be looked at and no shipped policy found; the schemas are read before."""
    shipped("stop-risk")

    def forbid(*_: Any, **__: Any) -> Any:
        raise AssertionError("something on disk is looked at")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open", "read_bytes", "read_text", "glob", "is_file", "is_dir", "exists", "resolve"):
            patch.setattr(Path, name, forbid)
        patch.setattr(shelf, "resource_folder", forbid)
        yield


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policys_files_alone_are_the_same_policy(name: str) -> None:
    policy, rng = shipped(name), Random(f"stored {name}")
    with nothing_on_disk():
        again = policy_from_files(policy.files)
    hold_same(policy, again)
    memory: Json | None = None
    for snapshot in [*(random_snapshot(rng) for _ in range(40)), *sequence(rng, 20)]:
        asked = rng.choice(policy.decisions)
        assert as_bytes(again, snapshot, asked, memory) == as_bytes(policy, snapshot, asked, memory)
        memory = policy.evaluate(snapshot, asked, memory).memory


@pytest.mark.parametrize("name", ["stop-risk", "conservative"])
def test_a_shipped_policy_that_has_changed_since_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    then = load_policy(name)
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    changed = tmp_path / "policies" / "default" / "parameters.yaml"
    changed.write_text(changed.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    monkeypatch.setattr(shelf, "resource_folder", lambda kind: tmp_path / kind)
    assert load_policy(name).digest != then.digest
    hold_same(then, policy_from_files(then.files))


# Every way in which the files of a policy may lie: what is loaded, the files there, the names by which they are kept.
LAYOUTS: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "a folder": ("", {"policy.yaml": BASE}, ["policy.yaml"]),
    "a folder with parts": (
        "",
        {
            "policy.yaml": BASE + "include: [part.yaml, sub/more.yaml]\n",
            "part.yaml": PART,
            "sub/more.yaml": "rules: {}\n",
        },
        ["part.yaml", "policy.yaml", "sub/more.yaml"],
    ),
    "a file of its own name": ("mine.yaml", {"mine.yaml": BASE}, ["mine.yaml"]),
    "a file with parts beside it": (
        "mine.yaml",
        {"mine.yaml": BASE + "include: [all.yaml]\n", "all.yaml": PART, "other.yaml": BASE},
        ["all.yaml", "mine.yaml"],
    ),
    "a file with a part that is called as a folder's main file": (
        "mine.yaml",
        {"mine.yaml": BASE + "include: [policy.yaml]\n", "policy.yaml": PART},
        ["mine.yaml", "policy.yaml"],
    ),
    "an overlay of a folder beside it": (
        "over.yaml",
        {"over.yaml": overlay("base"), "base/policy.yaml": BASE},
        ["base/policy.yaml", "over.yaml"],
    ),
    "an overlay in a folder beside its base": (
        "over",
        {"over/policy.yaml": overlay("../base"), "base/policy.yaml": BASE + "include: [p.yaml]\n", "base/p.yaml": PART},
        ["base/p.yaml", "base/policy.yaml", "policy.yaml"],
    ),
    "an overlay of a file with parts": (
        "over.yaml",
        {"over.yaml": overlay("mine.yaml"), "mine.yaml": BASE + "include: [policy.yaml]\n", "policy.yaml": PART},
        ["mine/mine.yaml", "mine/policy.yaml", "over.yaml"],
    ),
    "an overlay of an overlay": (
        "top.yaml",
        {"top.yaml": overlay("over/over.yaml"), "over/over.yaml": overlay("../base"), "base/policy.yaml": BASE},
        ["over/base/policy.yaml", "over/over.yaml", "top.yaml"],
    ),
    "an overlay of an overlay of the same name": (
        "x.yaml",
        {"x.yaml": overlay("x/x.yaml"), "x/x.yaml": overlay("x/x.yaml", "7%"), "x/x/x.yaml": BASE},
        ["x.yaml", "x/x.yaml", "x/x/x.yaml"],
    ),
    "an overlay in its base's own folder": (
        "over.yaml",
        {"over.yaml": overlay("."), "policy.yaml": BASE},
        ["base/policy.yaml", "over.yaml"],
    ),
    "an overlay in a folder of its base": (
        "mine",
        {"mine/policy.yaml": overlay(".."), "policy.yaml": BASE},
        ["base/policy.yaml", "policy.yaml"],
    ),
    "an overlay of a shipped overlay": (
        "over.yaml",
        {"over.yaml": HEAD.format("over") + "extends: conservative\nset: {kelly_share: 0.2}\n"},
        ["conservative/conservative.yaml", "conservative/default/policy.yaml", "over.yaml"],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_are_the_same_policy_however_they_lay(tmp_path: Path, layout: str) -> None:
    where, files, names = LAYOUTS[layout]
    policy = load_policy(put(tmp_path, files) / where)
    kept = dict(policy.files)
    assert set(names) <= set(kept)
    assert len(kept) == len(names) or layout.endswith("shipped overlay")
    with nothing_on_disk():
        again = policy_from_files(kept)
    hold_same(policy, again)


@given(st.text(min_size=1, max_size=12) | st.sampled_from(["..", ".", "/", "a\\..\\b", "C:", "../..", "...", "a/.."]))
def test_a_stored_name_never_leads_out_of_the_folder_that_it_is_written_to(extends: str) -> None:
    prefix = base_prefix(extends)
    assert prefix.count("/") == 1
    assert prefix.endswith("/")
    assert prefix.strip("./")
    assert not set("\\:") & set(prefix)


@given(
    *[st.dictionaries(st.text(max_size=3).filter(lambda name: name.isprintable()), st.binary(max_size=3), max_size=3)]
    * 2
)
def test_other_files_have_another_digest(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (Sources(files=one).digest == Sources(files=other).digest) == (one == other)


def refused(files: Any) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        policy_from_files(files)
    for problem in caught.value.problems:
        problem.render().encode()
    return list(caught.value.problems)


def said(problem: Problem) -> tuple[str, str, str, str]:
    return problem.code, str(problem.location or ""), problem.message, problem.hint


def test_files_without_a_main_file_are_no_policy() -> None:
    message = "there is no main file among the policy's files"
    for files in ({}, {"base/policy.yaml": BASE.encode()}, {"a.yaml": PART.encode(), "b.yaml": PART.encode()}):
        assert [said(one) for one in refused(files)] == [
            ("no-such-policy", "", message, "one of them says language: 1")
        ]


def test_files_with_two_main_files_are_no_policy() -> None:
    [found] = refused({"a.yaml": BASE.encode(), "b.yaml": BASE.encode()})
    message = "each of these files could be the policy's main file: a.yaml, b.yaml"
    assert said(found) == ("no-such-policy", "", message, "keep one of them")


def test_a_file_that_nothing_names_is_no_part_of_a_policy() -> None:
    """It would be in the digest under which the files are kept, and the policy would have another one."""
    files = {"policy.yaml": BASE.encode(), "mine.yaml": BASE.encode(), "base/policy.yaml": BASE.encode()}
    left = "does not belong to the policy: nothing includes or extends it"
    assert [said(one) for one in refused(files)] == [
        ("bad-include", "base/policy.yaml:1:1", f"base/policy.yaml {left}", ""),
        ("bad-include", "mine.yaml:1:1", f"mine.yaml {left}", ""),
    ]


def test_a_missing_base_is_named_where_it_is_extended() -> None:
    [found] = refused({"over.yaml": overlay("default").encode()})
    message = "the policy default is not among the files: none of their names begins with default/"
    assert said(found) == ("no-such-policy", "over.yaml:4:11", message, "")
    [found] = refused({"over.yaml": overlay("default").encode(), "defalt/policy.yaml": BASE.encode()})
    assert found.hint == "did you mean defalt/?"


def test_a_base_without_a_main_file_or_with_two_is_named_where_it_is_extended() -> None:
    parts = {"base/a.yaml": PART.encode(), "base/b.yaml": PART.encode()}
    [found] = refused({"over.yaml": overlay("base").encode(), **parts})
    message = "there is no main file among the policy's files below base/"
    assert said(found) == ("no-such-policy", "over.yaml:4:11", message, "one of them says language: 1")
    [found] = refused({"over.yaml": overlay("base").encode(), **dict.fromkeys(parts, BASE.encode())})
    message = "each of these files could be the policy's main file: base/a.yaml, base/b.yaml"
    assert said(found) == ("no-such-policy", "over.yaml:4:11", message, "keep one of them")


def test_a_missing_include_is_named_where_it_is_included() -> None:
    main = BASE + "include: [part.yaml]\n"
    [found] = refused({"policy.yaml": main.encode(), "prt.yaml": PART.encode()})
    reason = "part.yaml cannot be read: it is not among the policy's files"
    assert said(found) == ("bad-include", "policy.yaml:6:11", reason, "did you mean prt.yaml?")


def test_what_is_no_file_is_refused() -> None:
    for files, name in (({"policy.yaml": BASE}, "policy.yaml"), ({5: BASE.encode()}, "a int")):
        [found] = refused(files)
        assert said(found) == ("wrong-type", "", f"a policy's files are bytes by name, {name} is not", "")


def test_a_name_that_no_record_can_hold_is_refused(tmp_path: Path) -> None:
    """A file's name on disk need not be UTF-8, the digest's and a record's names are."""
    [found] = refused({"\ud800.yaml": BASE.encode()})
    assert (found.code, str(found.location)) == ("bad-include", "\\ud800.yaml:1:1")
    found = refused({"policy.yaml": BASE.encode(), "\ud800.yaml": PART.encode()})[0]
    assert (found.code, str(found.location)) == ("bad-include", "\\ud800.yaml:1:1")
    where = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")
    try:
        Path(where).write_text(BASE)
    except OSError:
        pytest.skip("names are UTF-8 here")
    with pytest.raises(PolicyError) as caught:
        load_policy(where)
    assert [one.code for one in caught.value.problems] == ["bad-include"]


def test_a_stored_file_is_not_larger_than_one_on_disk() -> None:
    [found] = refused({"policy.yaml": BASE.encode() + b"#" * document.MOST_BYTES})
    assert (found.code, str(found.location)) == ("yaml-too-large", "policy.yaml:1:1")


def test_overlays_of_overlays_have_an_end() -> None:
    files = {"a/" * depth + "a.yaml": overlay("a").encode() for depth in range(40)}
    [found] = refused(files)
    assert found.code == "cycle"


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_stored_files_have_the_problems_of_those_on_disk_at_the_same_places(tmp_path: Path, case: Case) -> None:
    complete = (lambda text: text) if AS_IT_IS in case.name else completed
    files = {name: complete(text) if name == "policy.yaml" else text for name, text in case.files.items()}
    place = put(tmp_path, files)
    place = place if "policy.yaml" in files else place / "main.yaml"
    found = problems_of_loading(lambda: load_policy(place))
    problems = tuple(
        one for one in found if one.code != "not-included"
    )  # what lies beside a policy is not stored either
    if not {one.code for one in problems} & {"bad-include", "no-such-policy"}:  # what was not read was not stored
        assert problems_of_loading(lambda: policy_from_files(read_sources(place).files)) == problems


def problems_of_loading(load: Callable[[], Policy]) -> tuple[Problem, ...]:
    try:
        return load().warnings
    except PolicyError as error:
        return error.problems
