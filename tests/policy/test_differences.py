"""What two policies say differently: everything that has a meaning, under an overlay's paths, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rulecap import load_policy
from rulecap.policy.differences import Difference, differences
from rulecap.policy.meaning import meaning_of
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence
from rulecap.policy.overlay import SECTIONS
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


def test_a_range_that_is_another_one_or_that_only_one_has_is_told(tmp_path: Path) -> None:
    before = """
language: 1
policy: a
version: 1.0.0
decisions: {position: {outputs: {x: mood.size}, on_error: {x: none}}}
rules:
  mood:
    kind: bands
    of: account.margin_used
    ranges: {size: [0, 1], risk.most: [0%, 5%]}
    cases: [{name: CALM, size: 1, risk: {most: 5%}}]
"""
    at = ("policy.yaml:10", "policy.yaml:10")
    wider = before.replace("[0, 1]", "[0, 2]").replace("0%, 5%", "0%, 10%")
    assert between(tmp_path / "0", before, wider) == [
        Difference("mood.ranges.size", "[0, 1]", "[0, 2]", *at),
        Difference("mood.ranges.risk.most", "[0%, 5%]", "[0%, 10%]", *at),
    ]
    fewer = before.replace("size: [0, 1], ", "")
    assert between(tmp_path / "1", before, fewer) == [Difference("mood.ranges.size", "[0, 1]", None, at[0], None)]
    none = before.replace("    ranges: {size: [0, 1], risk.most: [0%, 5%]}\n", "")
    assert between(tmp_path / "2", none, before) == [
        Difference("mood.ranges", None, "{size: [0, 1], risk.most: [0%, 5%]}", None, at[1])
    ]


def scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
        return
    for part in node.items if isinstance(node, Sequence) else [value for _, value in node.entries]:
        yield from scalars(part)


def with_another(node: Node, old: Scalar) -> Node:
    """Return a document in which one value is another one."""
    if node is old:
        return replace(old, value="another", text="another")
    if isinstance(node, Sequence):
        return replace(node, items=tuple(with_another(item, old) for item in node.items))
    if isinstance(node, Mapping):
        return replace(node, entries=tuple((key, with_another(value, old)) for key, value in node.entries))
    return node


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["default", "stop-risk", "conservative"])
def test_whatever_is_another_value_is_told_where_it_has_a_meaning_and_only_there(name: str) -> None:
    document = load_policy(name).document
    sections = [part for key, part in document.entries if key.text in SECTIONS]
    every = [one for section in sections for one in scalars(section)]
    meant = meaning_of(document)
    for one in Random(name).sample(every, min(len(every), 300)):
        changed = with_another(document, one)
        assert isinstance(changed, Mapping)
        found = differences(document, changed)
        assert bool(found) == (meant != meaning_of(changed)), one
        assert len(found) <= 3, one  # another name: one is left out, one is new, and the order is another
