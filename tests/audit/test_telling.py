"""What a person reads of what would have changed a verdict."""

from dataclasses import replace

import pytest

from rulecap.audit.why import Change, Counts, Findings, render
from rulecap.location import Location

MARGIN = Change(
    kind="input",
    where="account.margin_used",
    place=None,
    unit="USD",
    before=100.0,
    after=150.0,
    turns=150.0,
    stays=149.9,
    written=None,
    distance=0.5,
    verdict_before="GREEN",
    verdict_after="RED",
    reason_after="",
)
BOUND = replace(
    MARGIN,
    kind="threshold",
    where="zone.GREEN.below",
    place=Location("policy.yaml", 12, 9),
    unit="percent",
    before=50,
    after=10,
    turns=10,
    stays=10.1,
)
NOTHING = Findings("margin", "GREEN", "", True, (), (), {"inputs": Counts(), "thresholds": Counts()}, 7, False)
NOTE = "One value is changed at a time, all others are held, also those that move with it in the market or the account."


def told(*changes, **parts):
    return render(replace(NOTHING, changes=changes, **parts))


def of(change):
    """Return the lines about one change of an input."""
    return told(change).split("\n\n")[1].split("\n  ")[1:]


def test_the_whole_of_it_inputs_and_thresholds_apart():
    counts = {"inputs": Counts(1, 2, 3, 0), "thresholds": Counts(2, 5, 0, 1)}
    text = told(BOUND, MARGIN, counts=counts, reason="all is well")
    assert (
        text
        == f"""\
margin: GREEN
  all is well

Inputs, the nearest change first (1 of 3 change it on their own; 3 not tried):
  GREEN would be RED if account.margin_used were 150 USD instead of 100 USD (+50 %)

Thresholds, the nearest change first (2 of 7 change it on their own; 1 not borne out by the changed policy):
  GREEN would be RED if zone.GREEN.below (policy.yaml:12) were 10 % instead of 50 % (−80 %)

{NOTE}"""
    )


def test_that_nothing_changes_it_and_that_the_work_was_used_up():
    text = told(verdict=None, ok=False, reason="no price", missing=("market", "signal.score"), exhausted=True)
    assert (
        text
        == f"""\
margin: none (refused)
  no price
  market would have to be given
  signal.score would have to be given

No single input changes it. (0 of 0 change it on their own)

No single number of the policy changes it. (0 of 0 change it on their own)

{NOTE}
The work allowed was used up after 7 evaluations: nearer changes may exist."""
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": None}, "GREEN would be RED if account.margin_used were 150 instead of 100 (+50 %)"),
        ({"unit": "leverage"}, "GREEN would be RED if account.margin_used were 150 x instead of 100 x (+50 %)"),
        ({"unit": "apples"}, "GREEN would be RED if account.margin_used were 150 instead of 100 (+50 %)"),
        ({"before": None}, "GREEN would be RED if account.margin_used were given as 150 USD"),
        ({"before": 0}, "GREEN would be RED if account.margin_used were 150 USD instead of 0 USD"),
        ({"before": -100.0}, "GREEN would be RED if account.margin_used were 150 USD instead of -100 USD (+250 %)"),
        ({"before": 0.01, "after": 99.0, "turns": 99.0},
         "GREEN would be RED if account.margin_used were 99 USD instead of 0.01 USD (+9.9e+05 %)"),
        ({"before": 1e-5}, "GREEN would be RED if account.margin_used were 150 USD instead of 1e-05 USD"),
        ({"before": 1234567, "after": 2345678, "turns": 2345678},
         "GREEN would be RED if account.margin_used were 2,345,678 USD instead of 1,234,567 USD (+90 %)"),
        ({"before": 1234.5, "after": 1234.5000000000002, "turns": 1234.5000000000002},
         "GREEN would be RED if account.margin_used were 1234.5000000000002 USD instead of 1,234.5 USD (+1.84e-14 %)"),
        ({"before": "CALM", "after": "WILD", "turns": None, "unit": None},
         "GREEN would be RED if account.margin_used were WILD instead of CALM"),
        ({"before": False, "after": True, "turns": None, "unit": None},
         "GREEN would be RED if account.margin_used were yes instead of no"),
        ({"verdict_after": "GREEN"},
         "GREEN would be decided, not refused, if account.margin_used were 150 USD instead of 100 USD (+50 %)"),
    ],
)  # fmt: skip
def test_what_instead_of_what(change, said):
    assert of(replace(MARGIN, **change)) == [said]


def test_where_it_turns_if_that_is_no_short_number_and_what_the_changed_decision_says():
    lines = of(replace(MARGIN, turns=149.99999999999997, stays=149.99999999999994, reason_after="too much"))
    assert lines[1:] == ["  from 149.99999999999997; at 149.99999999999994 it still is GREEN", "  too much"]


def test_what_comes_from_outside_stays_on_its_line():
    assert "\nx" not in told(reason="no\nx")
