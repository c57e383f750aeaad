"""What a test's `expect` accepts, and what it says of the rest."""

import pytest

from rulecap.engine.expect import mismatches
from rulecap.policy.document import parse_document


def differences(text, got):
    node, problems = parse_document(text, "t.yaml")
    assert not problems
    return [(found.path, found.expected, found.got) for found in mismatches(node, got)]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("{a: 34}", {"a": 34.00000000000001, "b": "more keys may be there"}),
        ("{a: 0}", {"a": 1e-13}),
        ("{a: 0.1}", {"a": 0.1}),
        ("{a: none, b: null}", {"a": None, "b": None}),
        ("{a: []}", {"a": []}),
        ("{a: {}}", {"a": {"b": 1}}),
        ("{a: [{b: 1}, {}]}", {"a": [{"b": 1, "c": 2}, {"b": 2}]}),
        ("{a: {contains: [{b: 2}]}}", {"a": [{"b": 1}, {"b": 2, "c": 3}]}),
        ("{a: {contains: [2, 1]}}", {"a": (1, 2, 3)}),
        ("{a: {contains: minimum}}", {"a": "below the minimum"}),
        ("{a: {contains: [below, minimum]}}", {"a": "below the minimum"}),
        ("{a: {near: 45.2, within: 0.05}}", {"a": 45.169}),
        ("{a.b: 1, c.1.d: 2}", {"a": {"b": 1}, "c": [{}, {"d": 2}]}),
        ("{a: true, b: ENTER}", {"a": True, "b": "ENTER"}),
        ("{a.b: 1}", {"a.b": 1, "a": {"b": 2}}),
        ("{c.1: 2}", {"c": [1, 2]}),
        ("{a: {near: 45, within: 1}}", {"a": 46}),
        ("{a: {near: 45, within: 1}}", {"a": 44}),
    ],
)
def test_matches(text, got):
    assert differences(text, got) == []


@pytest.mark.parametrize(
    ("text", "got", "expected"),
    [
        ("{a: 34}", {"a": 33.9}, ("a", "34", "33.9")),
        ("{a: 1}", {"a": True}, ("a", "1", "true")),
        ("{a: true}", {"a": 1}, ("a", "true", "1")),
        ('{a: "1"}', {"a": 1}, ("a", '"1"', "1")),
        ("{a: none}", {"a": 0}, ("a", "none", "0")),
        ("{a: 0}", {"a": None}, ("a", "0", "none")),
        ("{a: 0}", {"b": 0}, ("a", "0", "nothing of this name (known here: b)")),
        ("{score: 0}", {"scores": 0}, ("score", "0", "nothing of this name (did you mean scores?)")),
        ("{a.b: 0}", {"a": {"c": 0}}, ("a.b", "0", "nothing of this name (known here: c)")),
        ("{a.b: 0}", {"a": None}, ("a.b", "0", "nothing of this name (here stands none)")),
        ("{a: 0}", {}, ("a", "0", "nothing of this name")),
        ("{a: Grün}", {"a": "Grün!"}, ("a", '"Grün"', '"Grün!"')),
        ("{a: [1]}", {"a": [1, 2]}, ("a", "[1]", "[1, 2]")),
        ("{a: [1, 2]}", {"a": [1, 3]}, ("a.1", "2", "3")),
        ("{a: [1, 2]}", {"a": "12"}, ("a", "[1, 2]", '"12"')),
        ("{a: [1, 2]}", {"a": 12}, ("a", "[1, 2]", "12")),
        ("{c.2: 2}", {"c": [1, 2]}, ("c.2", "2", "nothing of this name (here stands [1, 2])")),
        ("{c.first: 2}", {"c": [1, 2]}, ("c.first", "2", "nothing of this name (here stands [1, 2])")),
        ("{a.1: e}", {"a": "text"}, ("a.1", '"e"', 'nothing of this name (here stands "text")')),
        ("{a: {b: 1}}", {"a": None}, ("a", '{"b": 1}', "none")),
        ("{a: {contains: [3]}}", {"a": [1]}, ("a", "something with 3", "[1]")),
        ("{a: {contains: [1]}}", {"a": None}, ("a", "something with 1", "none")),
        ("{a: {contains: [x]}}", {"a": {"x": 1}}, ("a", 'something with "x"', '{"x": 1}')),
        ("{a: {contains: [[1]]}}", {"a": "text"}, ("a", "something with [1]", '"text"')),
        ("{a: {contains: big}}", {"a": "small"}, ("a", 'something with "big"', '"small"')),
        ("{a: {near: 45, within: 0.05}}", {"a": 45.1}, ("a", "45 ± 0.05", "45.1")),
        ("{a: {near: 45, within: 0.05}}", {"a": 44.9}, ("a", "45 ± 0.05", "44.9")),
        ("{a: {near: 45 USD, within: 1}}", {"a": 45.0}, ("a", "45 USD ± 1", "45.0")),
        ("{a: {near: 45, within: 1 USD}}", {"a": 45.0}, ("a", "45 ± 1 USD", "45.0")),
        ("{a: {near: 45, within: 0.05}}", {"a": None}, ("a", "45 ± 0.05", "none")),
        (
            "{a: {near: 45, tol: 0.05}}",
            {"a": 45},
            ("a", '{"near": 45, "tol": 0.05}', "45 (near and within stand together: {near: …, within: …})"),
        ),
        ("{a: 40 USD}", {"a": 40.0}, ("a", '"40 USD"', "40.0 (numbers stand here without their unit)")),
        ("{a: -5%}", {"a": 5.0}, ("a", '"-5%"', "5.0 (numbers stand here without their unit)")),
        ("{a: 5%}", {"a": "5"}, ("a", '"5%"', '"5"')),
    ],
)
def test_says_what_differs(text, got, expected):
    assert differences(text, got) == [expected]


def test_a_difference_has_its_place_in_the_test_file():
    node, _ = parse_document("expect:\n  zone: GREEN\n  rows:\n    - {name: A}\n    - {name: B}\n", "tests/t.yaml")
    found = list(mismatches(node, {"expect": {"zone": "RED", "rows": [{"name": "A"}, {"name": "C"}]}}))
    assert [str(one.location) for one in found] == ["tests/t.yaml:2:9", "tests/t.yaml:5:14"]
    assert found[0].render() == 'tests/t.yaml:2:9: expect.zone: expected "GREEN", got "RED"'
    place = {"file": "tests/t.yaml", "line": 2, "column": 9}
    assert found[0].to_dict() == {"path": "expect.zone", "expected": '"GREEN"', "got": '"RED"', **place}


@pytest.mark.parametrize(("letters", "said"), [(298, '"' + "x" * 298 + '"'), (299, '"' + "x" * 299 + "…")])
def test_what_is_very_long_is_cut(letters, said):
    assert differences("{a: 1}", {"a": "x" * letters}) == [("a", "1", said)]
