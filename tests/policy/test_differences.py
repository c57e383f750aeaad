"""What two policies say differently: everything that has a meaning, under an overlay's paths, and nothing else."""

from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.policy.differences import Difference, differences
from rulecap.policy.nodes import Mapping
from tests.policy.test_meaning import ANSWERS, POLICY, TEXTS
from tests.promises.policies import put


def between(folder: Path, before: str, after: str) -> list[Difference]:
    return differences(load_policy(put(folder / "a", before)).document, load_policy(put(folder / "b", after)).document)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_explains_is_no_difference(tmp_path: Path, text: str) -> None:
    assert between(tmp_path, POLICY, POLICY.replace(text, text + " otherwise told")) == []


@pytest.mark.parametrize("old", ANSWERS)
def test_what_is_part_of_an_answer_is_one_difference(tmp_path: Path, old: str) -> None:
    (found,) = between(tmp_path, POLICY, POLICY.replace(old, ANSWERS[old]))
    assert found.before is not None
    assert found.after is not None
    assert found.before in old or found.before in POLICY
    assert found.is_at is not None


@pytest.mark.parametrize("name", ["conservative"])
def test_every_value_of_an_overlay_that_is_another_is_named_as_the_overlay_names_it(name: str) -> None:
    before, after = load_policy("default"), load_policy(name)
    overlay = after.files[f"{name}.yaml"].decode()
    found = differences(before.document, after.document)
    assert len(found) >= 10
    for one in found:
        assert one.is_at is not None
        assert one.is_at.startswith(f"{name}.yaml:")
        line = overlay.splitlines()[int(one.is_at.partition(":")[2]) - 1]
        assert one.after is not None
        assert one.after in line


def test_what_only_one_has_and_another_order_are_told(tmp_path: Path) -> None:
    before = """
language: 1
policy: a
version: 1.0.0
decisions: {position: {outputs: {x: bet}, on_error: {x: 0 USD}}}
parameters: {most: {value: 5 USD}}
rules:
  bet:
    {kind: adjust, unit: USD, start: account.margin_used, steps: [{name: one, times: 0.5}, {name: two, at_most: most}]}
"""
    after = before.replace("policy: a", "policy: b").replace("version: 1.0.0", "version: 1.0.1")
    assert between(tmp_path / "0", before, after) == []
    swapped = before.replace(
        "{name: one, times: 0.5}, {name: two, at_most: most}", "{name: two, at_most: most}, {name: one, times: 0.5}"
    )
    assert between(tmp_path / "1", before, swapped) == [
        Difference("bet.steps", "one, two", "two, one", "policy.yaml:9", "policy.yaml:9")
    ]
    shorter = before.replace("{name: one, times: 0.5}, ", "")
    assert between(tmp_path / "2", before, shorter) == [
        Difference("bet.one", "{name: one, times: 0.5}", None, "policy.yaml:9", None)
    ]
    longer = before.replace("rules:\n", "rules:\n  more: {kind: formula, unit: USD, formula: bet}\n")
    (found,) = between(tmp_path / "3", before, longer)
    assert (found.path, found.before, found.after) == ("more", None, "{kind: formula, unit: USD, formula: bet}")
    assert isinstance(load_policy("default").document, Mapping)
