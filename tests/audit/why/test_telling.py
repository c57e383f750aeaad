"""What was found, told: as text and as JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rulecap.audit.why import Change, Counts, Findings, render, why
from rulecap.location import Location
from tests.audit.why.questions import ZONES, asked, judged, seen
from tests.written import policy, snapshot


def test_the_text_says_what_instead_of_what():
    text = render(asked(ZONES))
    assert "GREEN would be RED if account.margin_used were 500 USD instead of 100 USD (+400 %)" in text
    assert "GREEN would be RED if zone.GREEN.below (policy.yaml:10) were 10 % instead of 50 % (−80 %)" in text
    assert "One value is changed at a time, all others are held" in text


def test_the_text_says_all_that_was_found_and_what_was_not():
    def change(before: object, after: object, **more: Any) -> Change:
        told = {"kind": "input", "where": "a.b", "place": None, "unit": None, "turns": None, "stays": None,
                "written": None, "distance": None, "verdict_before": "STOP", "verdict_after": "GO",
                "reason_after": ""}  # fmt: skip
        return Change(before=before, after=after, **{**told, **more})

    place = Location("policy.yaml", 7, 3)
    changes = (
        change(100.0, 80.0, unit="USD", turns=80.5, stays=81.0, reason_after="it\nis"),
        change(-50.0, -25.0, unit="percent", turns=-25.0, stays=-26.0),
        change(0.0, 5.0, unit="hours", verdict_after="STOP"),
        change(1e-9, 5e5, unit="USD"),
        change(1234567, 2469134, unit="count"),
        change(0.1, 0.30000000000000004),
        change(None, "LONG"),
        change(2.0, 3.0, kind="threshold", where="zone.A", place=place, unit="leverage"),
    )
    counts = {"inputs": Counts(7, 2, 3, 4), "thresholds": Counts(1, 0)}
    found = Findings("answer", "STOP", "it is so", False, ("x.y",), changes, counts, 77, True)
    assert (
        render(found)
        == """\
answer: STOP (refused)
  it is so
  x.y would have to be given

Inputs, the nearest change first (7 of 9 change it on their own; 4 not borne out by the changed policy; 3 not tried):
  STOP would be GO if a.b were 80 USD instead of 100 USD (−20 %)
    from 80.5; at 81.0 it still is STOP
    it\\nis
  STOP would be GO if a.b were -25 % instead of -50 % (+50 %)
  STOP would be decided, not refused, if a.b were 5 h instead of 0 h
  STOP would be GO if a.b were 500,000 USD instead of 1e-09 USD
  STOP would be GO if a.b were 2,469,134 instead of 1,234,567 (+100 %)
  STOP would be GO if a.b were 0.30000000000000004 instead of 0.1 (+200 %)
  STOP would be GO if a.b were given as LONG

Thresholds, the nearest change first (1 of 1 change it on their own):
  STOP would be GO if zone.A (policy.yaml:7) were 3 x instead of 2 x (+50 %)

One value is changed at a time, all others are held, also those that move with it in the market or the account.
The work allowed was used up after 77 evaluations: nearer changes may exist."""
    )
    nothing = render(replace(found, changes=(), missing=(), reason="", ok=True, exhausted=False))
    assert nothing.startswith("answer: STOP\n\nNo single input changes it. (7 of 9")
    assert nothing.endswith("in the market or the account.")


def test_the_dictionary_is_json_under_stable_keys():
    told = json.loads(json.dumps(asked(ZONES).to_dict(), allow_nan=False))
    assert set(told) == {
        "decision", "verdict", "reason", "ok", "missing", "changes", "counts", "evaluations", "exhausted", "note",
    }  # fmt: skip
    assert set(told["changes"][0]) == {
        "kind", "where", "place", "unit", "before", "after", "turns", "stays", "written", "distance",
        "verdict_before", "verdict_after", "reason_after", "verified",
    }  # fmt: skip
    assert set(told["counts"]["inputs"]) == {"changing", "unchanging", "untried", "unverified"}
    assert [one["place"] for one in told["changes"] if one["kind"] == "threshold"] == ["policy.yaml:10"]


@pytest.mark.parametrize("work", [65_000, 20])
@pytest.mark.parametrize("requires", ["[]", "[signal.score]"])
def test_the_dictionary_says_what_was_found(requires, work):
    text = judged("account.margin_used >= 150 USD").replace("    on_error", f"    requires: {requires}\n    on_error")
    read = seen(snapshot(signal={"symbol": "A"}))
    findings = why(policy(text), read, None, "answer", lambda one: one.outputs.get("verdict"), work)
    told = findings.to_dict()
    assert (findings.ok, findings.exhausted) == (requires == "[]", work == 20)
    for name in ("decision", "verdict", "reason", "ok", "evaluations", "exhausted"):
        assert told[name] == getattr(findings, name), name
    assert told["missing"] == list(findings.missing) == ([] if findings.ok else ["signal.score"])
    assert [(one["where"], one["after"]) for one in told["changes"]] == [
        (one.where, one.after) for one in findings.changes
    ]
    counts = findings.counts["inputs"]
    assert told["counts"]["inputs"] == {
        "changing": counts.changing, "unchanging": counts.unchanging, "untried": counts.untried, "unverified": 0,
    }  # fmt: skip
