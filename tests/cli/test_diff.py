"""`rulecap diff`."""

import json

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from tests.cli.conftest import POLICY, SNAPSHOT, write


def changed(folder):
    """Put a second policy beside the first: it knows a higher bound, and names one decision otherwise."""
    text = POLICY.replace("below: 5%", "below: 12%").replace("title: Bet less while losing", "title: Another title")
    write(folder / "other" / "policy.yaml", text)


def test_names_each_value_that_differs_and_where_it_stands(folder, rulecap):
    changed(folder)
    ran = rulecap("diff", "small", "other")
    assert ran.code == 0
    assert ran.out == (
        "small 1.2.0 and small 1.2.0: 1 value differs\n  zone.CALM.below: 5% → 12%  [other/policy.yaml:26]\n"
    )


def test_names_places_as_they_are_found_from_where_one_stands(folder, rulecap, monkeypatch):
    changed(folder)
    more = "      - {name: losses, times: zone.size}\n      - {name: cap, at_most: 4%}\n"
    write(folder / "more" / "policy.yaml", POLICY.replace("      - {name: losses, times: zone.size}\n", more))
    assert "[more/policy.yaml:35]" in rulecap("diff", "small", "more").out
    left_out = rulecap("diff", "more", "small").out
    assert ("left out" in left_out, "[more/policy.yaml:35]" in left_out) == (True, True)
    write(folder / "desk.yaml", "language: 1\nextends: small\npolicy: desk\nversion: 1.0.0\nset: {most.value: 4%}\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert "  most: 5% → 4%  [../desk.yaml:5]" in rulecap("diff", "../small", "../desk.yaml").out.splitlines()
    told = json.loads(rulecap("diff", "../small", "../other", "--json").out)
    assert told["values"][0]["is_at"] == "policy.yaml:26"


def test_tells_a_value_of_several_lines_on_one(folder, rulecap):
    several = POLICY.replace("- {name: CALM, ", '- {name: CALM, goal: "keep\\n9999 ENTER", ')
    assert several != POLICY
    write(folder / "other" / "policy.yaml", several)
    assert "  zone.CALM.goal: new: keep\\n9999 ENTER  [" in rulecap("diff", "small", "other").out


@pytest.mark.parametrize("chosen", [(), ("--policy", "small")])
def test_says_which_of_the_two_has_problems_and_where(folder, rulecap, chosen):
    changed(folder)
    write(folder / "wrong" / "policy.yaml", POLICY.replace("below: 20%", "below: 20x"))
    for arguments in (("small", "wrong"), ("wrong", "small")):
        ran = rulecap("diff", *arguments, *chosen)
        assert ran.code == 1
        assert ran.out.startswith("wrong/policy.yaml:27:")
        assert ran.out.endswith("wrong: 1 problem\n")


def test_says_that_nothing_but_texts_differs(folder, rulecap):
    write(folder / "other" / "policy.yaml", POLICY.replace("title: Bet less while losing", "title: Another title"))
    assert rulecap("diff", "small", "other").out.endswith(": the same but for names and explaining texts\n")
    assert rulecap("diff", "small", "small").out.endswith(": the same\n")


def test_tells_which_decisions_come_out_otherwise_on_a_snapshot(folder, rulecap):
    changed(folder)
    ran = rulecap("diff", "small", "other", "snapshot.json")
    assert ran.code == 0
    assert ran.out.partition("\n\n")[2] == (
        "snapshot.json: 1 of 1 decision comes out otherwise\n"
        "  position\n"
        "    zone: LOSING → CALM\n"
        "    share_pct: 2.5 → 5\n"
    )
    told = json.loads(rulecap("diff", "small", "other", "snapshot.json", "--json").out)
    assert told["values"][0]["path"] == "zone.CALM.below"
    assert told["decisions"][0]["changed"]["share_pct"] == {"before": 2.5, "after": 5.0}
    assert told["recorded"] is None


def test_decides_anew_what_is_on_record_from_the_memory_of_that_time(folder, rulecap):
    changed(folder)
    log = f"sqlite:///{folder / 'log.sqlite3'}"
    policy = load_policy("small")
    with open_ledger(log) as ledger:
        for number, loss in enumerate((0, -100, -100, -300)):
            account = {**SNAPSHOT["account"], "unrealized_pnl": loss}
            ledger.evaluate(policy, {"as_of": f"2026-01-0{number + 1}T00:00:00Z", "account": account})
        ledger.evaluate(policy, {"as_of": "2026-01-09T00:00:00Z"})
    told = json.loads(rulecap("diff", "small", "other", "--on-record", "--log", log, "--json").out)["recorded"]
    assert (told["decided"], told["different"], told["skipped"]) == (5, 2, 0)
    assert told["outputs"][0] == {"decision": "position", "output": "zone", "records": 2, "record": 3}
    ran = rulecap("diff", "small", "other", "--on-record", "--log", log)
    assert "On record: 2 of 5 decisions come out otherwise\n" in ran.out
    assert "worst_loss_pct" not in ran.out
    forgetful = POLICY.replace(
        'worst_loss_pct: "max(memory.worst_loss_pct, loss_pct)"}', "worst_loss_pct: memory.worst_loss_pct}"
    )
    write(folder / "forgetful" / "policy.yaml", forgetful)
    told = json.loads(rulecap("diff", "small", "forgetful", "--on-record", "--log", log, "--json").out)["recorded"]
    assert told["outputs"] == [{"decision": "position", "output": "nested.worst_loss_pct", "records": 2, "record": 4}]


def test_a_snapshot_that_neither_can_decide_on_is_not_told_as_the_same(folder, rulecap):
    changed(folder)
    (folder / "broken.json").write_text("{}")
    ran = rulecap("diff", "small", "other", "broken.json")
    assert ran.code == 1
    assert "\n1 can be decided by neither policy\n  as_of: is missing [missing-field]" in ran.out


def test_what_cannot_be_compared_is_a_mistake_of_usage(folder, rulecap):
    changed(folder)
    for arguments, said in (
        (("small", "nothing"), "there is no policy at nothing"),
        (("small", "other", "none.json"), "cannot read none.json"),
        (("small", "other", "snapshot.json", "--decision", "positoin"), "did you mean position?"),
        (("small", "other", "--on-record", "--log", "sqlite:///none.sqlite3"), "there is no log at none.sqlite3"),
    ):
        ran = rulecap("diff", *arguments)
        assert ran.code == 2
        assert said in ran.err
