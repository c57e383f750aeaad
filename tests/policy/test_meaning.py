"""The digest of a policy's meaning: texts that change no answer leave it as it is, everything else changes it."""

from pathlib import Path

import pytest

from rulecap import load_policy
from tests.promises.policies import put

POLICY = """
language: 1
policy: meant
version: 1.0.0
title: Meant
why: For the tests
parameters:
  most: {value: 5 USD, title: Most, why: Enough, source: manual 1}
  bounds: {value: {title: A, least: 1%}, why: Bounds}
  later: {unit: USD, values: [{from: 2026-01-01, is: 1 USD, why: At first}]}
decisions:
  asked:
    title: Asked
    why: Somebody asks
    source: manual 2
    hand_over: [{if: account.margin_used < 0 USD, to: other, why: Strange}]
    outputs:
      {title: band.name, why: checked.reason, parts: {source: least}, told: adjusted, all: every, row: row.risk.title,
       leaf: leaf}
    verdict: title
    on_error: {title: LOW, why: none, parts: none, told: none, all: [], row: none, leaf: none}
    explain: [{if: known(signal), say: Something, why: Because}]
  other:
    outputs: {title: band.name, why: checked.reason, parts: {source: later}, told: most, all: [], row: none, leaf: none}
    on_error: {title: LOW, why: none, parts: none, told: none, all: [], row: none, leaf: none}
rules:
  least: {kind: formula, formula: bounds.least, unit: percent, title: Least, why: Little}
  band:
    kind: bands
    title: Band
    of: account.margin_used
    cases: [{name: LOW, below: 100 USD, title: Low, why: Small, source: manual 3}, {name: HIGH, title: High}]
  row:
    kind: table
    of: account.id
    ranges: {risk.title: [0%, 5%]}
    rows: [{name: ONE, is: [demo], risk: {title: 1%}, why: First}]
    otherwise: {name: REST, risk: {title: 2%}, why: Rest}
  leaf:
    kind: tree
    branches: [{if: known(signal), then: GO, why: Signalled}]
    otherwise: {branches: [{if: known(book), then: WAIT, why: Booked}], otherwise: STOP, why: Neither}
  checked:
    kind: checks
    order: [GO, STOP]
    checks: [{name: full, if: account.margin_used > 5 USD, verdict: STOP, why: it is full, title: Full}]
  adjusted:
    kind: adjust
    unit: USD
    start: most
    steps: [{name: cap, at_most: 3 USD, why: It is capped, source: manual 4}]
  every: {kind: each, of: positions as p, give: {source: p.symbol, why: p.base}, why: All}
"""
TEXTS = [
    *("title: Meant", "why: For the tests", "title: Most", "why: Enough", "source: manual 1", "why: Bounds"),
    *("why: At first", "title: Asked", "why: Somebody asks", "source: manual 2", "why: Strange", "why: Because"),
    *("title: Least", "why: Little", "title: Band", "title: Low", "why: Small", "source: manual 3", "title: High"),
    *("why: First", "why: Rest", "why: Signalled", "why: Booked", "why: Neither", "title: Full", "source: manual 4"),
    "why: All",
]
ANSWERS = {
    "title: band.name, why: checked.reason, parts: {source: least}": (
        "title: row.name, why: checked.reason, parts: {source: least}"
    ),
    "why: checked.reason, parts: {source: least}": "why: checked.verdict, parts: {source: least}",
    "source: least": "source: later",
    "on_error: {title: LOW, why: none, parts: none, told: none, all: [], row: none, leaf: none}\n    explain": (
        "on_error: {title: HIGH, why: none, parts: none, told: none, all: [], row: none, leaf: none}\n    explain"
    ),
    "verdict: title": "verdict: why",
    "title: A,": "title: B,",
    "risk.title: [0%, 5%]": "risk.title: [0%, 6%]",
    "risk: {title: 1%}": "risk: {title: 3%}",
    "risk: {title: 2%}": "risk: {title: 3%}",
    "why: it is full": "why: it is too full",
    "why: It is capped": "why: It is cut",
    "source: p.symbol": "source: p.base",
    "why: p.base": "why: p.symbol",
    "say: Something": "say: Something else",
    "name: LOW, below: 100 USD": "name: LOW, below: 101 USD",
}


def meaning(folder: Path, text: str) -> str:
    return load_policy(put(folder, text)).meaning


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_explains_has_no_meaning(tmp_path: Path, text: str) -> None:
    assert POLICY.count(text) == 1
    changed = POLICY.replace(text, text + " otherwise told")
    assert meaning(tmp_path / "a", POLICY) == meaning(tmp_path / "b", changed)


@pytest.mark.parametrize("old", ANSWERS)
def test_what_is_part_of_an_answer_has_meaning_whatever_it_is_called(tmp_path: Path, old: str) -> None:
    assert POLICY.count(old) == 1
    assert meaning(tmp_path / "a", POLICY) != meaning(tmp_path / "b", POLICY.replace(old, ANSWERS[old]))


def test_comments_and_layout_have_no_meaning(tmp_path: Path) -> None:
    changed = POLICY.replace("rules:\n", "# The rules\n\nrules:\n")
    assert meaning(tmp_path / "a", POLICY) == meaning(tmp_path / "b", changed)
