"""The benchmarks compare like with like: every peer gives the policy's answer. Nothing here looks at a clock."""

import json
from random import Random

import pytest

from benchmarks import case, handwritten, measure, report, suite
from rulecap import Snapshot
from tests.snapshots import random_snapshot


def test_hand_written_code_gives_the_policys_answer_on_random_snapshots() -> None:
    policy, rng = case.default_policy(), Random("hand-written")
    compared = 0
    for number in range(300):
        snapshot = Snapshot.model_validate_json(json.dumps(random_snapshot(rng)))
        if snapshot.signal is not None and snapshot.signal.reduce_only:
            continue
        answer = policy.evaluate(snapshot, "position")
        if not answer.ok:
            with pytest.raises(ValueError, match=r"\w"):
                handwritten.decide(snapshot, None)
            continue
        outputs, memory = handwritten.decide(snapshot, None)
        found = case.differences(answer.outputs, outputs) + case.differences(answer.memory, memory)
        assert not found, f"snapshot {number}: {snapshot!r}"
        compared += 1
    assert compared > 200


def test_rule_engines_give_the_policys_answer_on_the_recorded_snapshot() -> None:
    pytest.importorskip("zen")
    case.check_equal()


def test_a_difference_is_found_but_no_other_wording_and_no_other_source_line() -> None:
    one = {"reasons": [{"check": "edge", "source": 1, "text": "no edge"}], "quantity": 1.0}
    same = {"reasons": [{"check": "edge", "source": 2, "text": "without an edge"}], "quantity": 1.0 + 1e-12}
    assert case.differences(one, same) == []
    assert case.differences(one, {"reasons": [{"check": "heat", "text": ""}], "quantity": 1.1}) == [
        "quantity: 1.0 is not 1.1",
        "reasons[0].check: 'edge' is not 'heat'",
        "reasons[0].text: True is not False",
    ]


def test_ratios_are_medians_of_the_rounds_own() -> None:
    timings = measure.Timings({"a": (1.0, 2.0, 30.0), "b": (1.0, 1.0, 10.0)})
    assert timings.median("a") == 2.0
    assert timings.ratio("a", "b") == 2.0


def test_every_call_is_timed_once_a_round() -> None:
    timings = measure.time_calls({"a": lambda: None, "b": lambda: 1}, rounds=3, seconds_each=1e-6)
    assert {name: len(seconds) for name, seconds in timings.seconds.items()} == {"a": 3, "b": 3}


def test_the_page_has_each_row_with_its_target() -> None:
    rows = [suite.Row("import", "90.0 ms", "", "≤ 120 ms", reached=True), suite.Row("bare", "20.0 ms")]
    page = report.page({"Starting": rows})
    assert "| import | 90.0 ms |  | ≤ 120 ms | yes |" in page
    assert "| bare | 20.0 ms |  |  |  |" in page
    assert "yes" in report.terminal("Starting", rows)
