"""What is news: what the policy has watched and says otherwise than it was last told."""

from types import SimpleNamespace

import pytest

from rulecap.monitor.changes import changed, watched

POLICY = SimpleNamespace(watched={"margin": ("zone",)})


def news(ok, reduces, zone, told):
    one = SimpleNamespace(ok=ok, reduces=reduces, decision="margin", record_id="r-1", outputs={"zone": zone})
    return {change.what: (change.before, change.after) for change in changed(told, watched(POLICY, [one]))}


@pytest.mark.parametrize("told", [{}, {"margin.zone": "RED"}])
def test_a_decision_that_could_not_be_made_tells_that_and_no_state_of_its_fallback(told):
    assert news(False, False, "GREEN", told) == {"margin.decided": (True, False)}


def test_a_decision_that_reduces_on_a_part_of_the_account_is_made_and_tells_its_state():
    assert news(False, True, "RED", {"margin.zone": "GREEN"}) == {"margin.zone": ("GREEN", "RED")}


def test_what_is_as_it_was_told_is_no_news_and_a_first_state_is():
    assert news(True, False, "RED", {"margin.zone": "RED"}) == {}
    assert news(True, False, "RED", {}) == {"margin.zone": (None, "RED")}
    assert news(True, False, "RED", {"margin.zone": "RED", "margin.decided": False}) == {
        "margin.decided": (False, True)
    }
