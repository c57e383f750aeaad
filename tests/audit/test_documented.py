"""The program that the manual has for those who check without rulecap, on signed logs and on proofs of any place."""

import re
from itertools import product
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from rulecap.audit import open_ledger
from rulecap.audit.opening import open_log, rotate
from rulecap.audit.review.proof import proof_of
from tests.audit.counting import snapshot
from tests.audit.sample import NEW, OLD, STRANGER

MANUAL = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def program():
    """The functions of the program."""
    section = MANUAL.read_text(encoding="utf-8").partition("## Checking without rulecap\n")[2].partition("\n## ")[0]
    (text,) = re.findall("```python\n(.*?)```", section, re.DOTALL)
    names = {}
    exec(text.partition("\nleaves = ")[0], names)
    return names


def test_agrees_about_each_record_of_a_log_of_any_size_and_about_no_other(program, policy, sqlite_url):
    leaf, proven, root = program["leaf"], program["proven"], program["root"]
    with open_ledger(sqlite_url) as ledger:
        for size in range(1, 20):
            ledger.evaluate(policy, snapshot(size))
            with open_log(sqlite_url) as log:
                bodies = [log.record(seq).body for seq in range(1, size + 1)]
                proofs = [proof_of(log, log.record(seq)).to_dict() for seq in range(1, size + 1)]
            _, told, head = program["checkpoint"](ledger.head.note)
            assert (told, head) == (size, root(list(map(leaf, bodies))))
            for (place, proof), other in product(enumerate(proofs), range(size)):
                path = [bytes.fromhex(one) for one in proof["path"]]
                assert (proven(leaf(bodies[other]), proof["index"], size, path) == head) is (other == place)
                with pytest.raises(ValueError, match="the path is too"):
                    proven(leaf(bodies[place]), proof["index"], size, [*path, head])
                if path:
                    with pytest.raises(ValueError, match="the path is too"):
                        proven(leaf(bodies[place]), proof["index"], size, path[:-1])


def test_agrees_about_who_signed_a_head_and_a_handover(program, policy, sqlite_url):
    checkpoint, (old, new, stranger) = program["checkpoint"], (key.verifier.to_text() for key in (OLD, NEW, STRANGER))
    with open_ledger(sqlite_url, OLD) as ledger:
        ledger.evaluate(policy, snapshot(1))
        first = ledger.head
    handed_over = rotate(sqlite_url, OLD, NEW)
    with open_ledger(sqlite_url, NEW) as ledger:
        ledger.evaluate(policy, snapshot(2))
        last = ledger.head
    assert checkpoint(first.note, old) == (f"rulecap/{first.id}", 1, first.root)
    assert checkpoint(handed_over, old, new) == (f"rulecap/{first.id}", 1, first.root)
    assert handed_over.splitlines()[3] == f"rulecap-next-key {new}"
    assert checkpoint(last.note, new) == (f"rulecap/{last.id}", 2, last.root)
    for note, key in ((first.note, new), (last.note, old), (last.note, stranger)):
        with pytest.raises(ValueError, match="not signed by"):
            checkpoint(note, key)
    with pytest.raises(InvalidSignature):
        checkpoint(last.note.replace("\n2\n", "\n3\n"), new)
