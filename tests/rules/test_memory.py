"""Memory: where it starts, what it becomes, and that it comes back unchanged where something is wrong."""

import math

import pytest

from tests.written import decide, policy, snapshot

PEAK = policy("""
memory:
  peak: {start: equity, next: highest}
  zone: {start: NORMAL, next: "HEAVY if deep else NORMAL"}
  tripped_at: {start: none, type: time, next: as_of if just_tripped else memory.tripped_at}
  steps: {start: 0, unit: count, next: memory.steps + 1}
decisions:
  answer:
    outputs: {deep: deep, just: just_tripped, open: open, peak: highest, steps: memory.steps, was: memory.tripped_at}
    on_error: {deep: none, just: none, open: none, peak: none, steps: none, was: none}
rules:
  equity: {kind: formula, unit: USD, formula: account.total_wallet_balance + account.unrealized_pnl}
  highest: {kind: formula, unit: USD, formula: "max(memory.peak, equity)"}
  deep: {kind: formula, formula: "as_percent(highest - equity, highest) >= 20%"}
  just_tripped: {kind: formula, formula: deep and memory.zone != HEAVY}
  open: {kind: formula, formula: "known(memory.tripped_at) and hours_between(memory.tripped_at, as_of) < 24h"}
""")


def test_it_starts_where_the_policy_says_and_goes_on_from_what_was_given() -> None:
    first = decide(PEAK)
    assert first.outputs == {"deep": False, "just": False, "open": False, "peak": 1000.0, "steps": 0, "was": None}
    assert first.memory == {"peak": 1000.0, "zone": "NORMAL", "tripped_at": None, "steps": 1}
    fall = decide(PEAK, memory=first.memory, account={"total_wallet_balance": 800})
    assert (fall.outputs["deep"], fall.outputs["just"], fall.outputs["open"]) == (True, True, False)
    assert fall.memory == {"peak": 1000.0, "zone": "HEAVY", "tripped_at": "2026-03-02T10:30:00Z", "steps": 2}
    after = decide(PEAK, memory=fall.memory, account={"total_wallet_balance": 800}, as_of="2026-03-03T10:29:59Z")
    assert (after.outputs["just"], after.outputs["open"]) == (False, True)
    later = decide(PEAK, memory=after.memory, account={"total_wallet_balance": 800}, as_of="2026-03-03T10:30:00Z")
    assert later.outputs["open"] is False
    assert later.memory["tripped_at"] == "2026-03-02T10:30:00Z"


def test_an_absent_value_starts_again() -> None:
    assert decide(PEAK, memory={"steps": 7}).memory == {
        "peak": 1000.0, "zone": "NORMAL", "tripped_at": None, "steps": 8,
    }  # fmt: skip


def test_it_comes_back_unchanged_where_something_is_wrong() -> None:
    memory = {"peak": 5000.0, "zone": "HEAVY", "tripped_at": None, "steps": 3}
    decision = PEAK.evaluate({"as_of": "yesterday"}, "answer", memory)
    assert (decision.ok, decision.memory) == (False, memory)


def test_it_holds_the_names_that_start_and_next_give_and_what_is_only_handed_on_any() -> None:
    kept = policy("""
memory:
  stage: {start: FULL, next: stage}
  note: {type: text, start: none, next: memory.note}
rules:
  stage: {kind: tree, branches: [{if: account.margin_used > 500 USD, then: HALF}], otherwise: memory.stage}
  noted: {kind: formula, formula: "default(memory.note, NOTHING)"}
""")
    held = decide(kept, memory={"stage": "HALF", "note": "by hand"})
    assert (held.ok, held.outputs, held.memory) == (
        True, {"stage": "HALF", "noted": "by hand"}, {"stage": "HALF", "note": "by hand"},
    )  # fmt: skip
    strange = decide(kept, memory={"stage": "EMPTY", "note": None})
    assert [(one.path, one.message) for one in strange.problems] == [("memory.stage", "must be one of FULL, HALF")]


REMEMBERED = policy("""
memory:
  peak: {start: 5 USD, next: memory.peak}
  seen: {start: 0, unit: count, next: memory.seen}
  zone: {start: LOW, next: "HIGH if account.margin_used > 5 USD else LOW"}
  note: {type: text, start: none, next: memory.note}
  since: {type: time, start: none, next: memory.since}
  shut: {type: flag, start: false, next: memory.shut}
decisions:
  answer: {outputs: {was: memory.zone}, on_error: {was: none}}
""")


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        *[("peak", value, "a finite number") for value in ("5", True, math.nan, math.inf, 10**400, [5])],
        *[("seen", value, "a finite number") for value in ("5", False, -math.inf)],
        *[("zone", value, "one of HIGH, LOW") for value in ("MIDDLE", 5, True)],
        *[("note", value, "a text") for value in (5, "\ud800", [])],
        *[
            ("since", value, "a time with its zone, as ISO-8601 text")
            for value in ("2026-03-02T10:30:00", "yesterday", 1772447400, True, "0001-01-01T00:00:00+14:00")
        ],
        *[("shut", value, "true or false") for value in (0, 1, "true")],
    ],
)
def test_what_a_caller_hands_back_is_of_its_kind_or_refused_and_says_what_it_must_be(
    name: str, value: object, wanted: str
) -> None:
    """Nothing is read as what it nearly is: true is no 1, a time without its zone could be hours off."""
    decision = REMEMBERED.evaluate(snapshot(), "answer", {name: value})
    [problem] = decision.problems
    assert (problem.code, problem.path, problem.message) == ("wrong-type", f"memory.{name}", f"must be {wanted}")
    assert decision.outputs == {"was": None}


def test_a_time_that_is_handed_back_is_kept_in_utc_and_a_count_whole() -> None:
    handed = {"since": "2026-03-02T12:30:00+02:00", "seen": 7, "peak": 7, "shut": True, "note": "x", "zone": "HIGH"}
    kept = REMEMBERED.evaluate(snapshot(), "answer", handed).memory
    assert kept == {**handed, "since": "2026-03-02T10:30:00Z"}
    assert (repr(kept["seen"]), repr(kept["peak"])) == ("7", "7.0")
