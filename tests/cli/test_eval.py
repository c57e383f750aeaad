"""`rulecap eval` and `rulecap explain`."""

import io
import json

import pytest
from jsonschema import Draft202012Validator

from rulecap.resources import resource_folder
from tests.cli.conftest import SNAPSHOT, write

SMALL = ("--policy", "small")


def test_eval_prints_the_outputs_aligned(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out == (
        "small 1.2.0: position\n"
        "\n"
        "  zone       LOSING\n"
        "  share_pct  2.5\n"
        "  nested\n"
        "    loss_pct        10\n"
        "    worst_loss_pct  10\n"
    )


def test_eval_as_json_is_what_the_schema_says(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL, "--json")
    answer = json.loads(ran.out)
    assert ran.code == 0
    assert list(answer) == ["policy", "decision", "answered_by", "ok", "outputs", "problems", "memory", "record_id"]
    assert answer["policy"]["name"] == "small"
    assert answer["outputs"] == {"zone": "LOSING", "share_pct": 2.5, "nested": {"loss_pct": 10, "worst_loss_pct": 10}}
    assert answer["memory"] == {"worst_loss_pct": 10}
    schema = json.loads((resource_folder("schemas") / "decision.schema.json").read_text())
    Draft202012Validator(schema).validate(answer)


def test_the_snapshot_may_come_from_standard_input(folder, rulecap, monkeypatch):
    text = (folder / "snapshot.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert "LOSING" in rulecap("eval", "-", *SMALL).out


def test_memory_is_taken_from_a_file(folder, rulecap):
    (folder / "memory.json").write_text('{"worst_loss_pct": 12.5}')
    ran = rulecap("eval", "snapshot.json", *SMALL, "--memory", "memory.json", "--json")
    assert json.loads(ran.out)["outputs"]["nested"]["worst_loss_pct"] == 12.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"as_of": "2026-01-01T00:00:00Z", "account": {"id": "a"}}', "account.total_wallet_balance"),
        ("{", "not-json"),
    ],
)
def test_a_bad_snapshot_gives_the_outputs_for_errors_and_names_the_place(folder, rulecap, text, said):
    (folder / "snapshot.json").write_text(text)
    ran = rulecap("eval", "snapshot.json", *SMALL)
    assert ran.code == 1
    assert "share_pct  0" in ran.out
    assert said in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "absent.json", *SMALL], "cannot read absent.json"),
        (["eval", "snapshot.json", "--policy", "absent"], "absent"),
        (["eval", "snapshot.json", "--policy", "defualt"], "did you mean default?"),
        (["eval", "snapshot.json", *SMALL, "--decision", "positon"], "did you mean position?"),
        (["eval", "snapshot.json", *SMALL, "--memory", "absent.json"], "cannot read absent.json"),
        (["eval", "snapshot.json", *SMALL, "--memory", ""], "argument --memory: is empty"),
        (["eval", "snapshot.json", *SMALL, "--memory", "small/policy.yaml"], "is not JSON"),
        (["eval", "snapshot.json", *SMALL, "--memory", "list.json"], "not a JSON object"),
        (
            ["eval", "snapshot.json", *SMALL, "--memory", "twice.json"],
            "the memory twice.json: a: is given twice; keep one of them [duplicate-key]",
        ),
        (["eval"], "SNAPSHOT"),
        (["evaluate", "snapshot.json"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(folder, rulecap, arguments, said):
    (folder / "list.json").write_text("[]")
    (folder / "twice.json").write_text('{"a": 1, "a": 2}')
    ran = rulecap(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err


def test_a_policy_with_problems_decides_nothing(folder, rulecap):
    path = folder / "small" / "policy.yaml"
    path.write_text(path.read_text().replace("of: loss_pct", "of: lost_pct"))
    ran = rulecap("eval", "snapshot.json", *SMALL)
    assert ran.code == 1
    assert "policy.yaml:24:9" in ran.out
    assert json.loads(rulecap("eval", "snapshot.json", *SMALL, "--json").out)["problems"][0]["line"] == 24


def test_what_goes_wrong_in_a_policy_is_placed_as_it_is_found_from_here(folder, rulecap):
    path = folder / "small" / "policy.yaml"
    path.write_text(path.read_text().replace("_pnl, account", "_pnl, account.margin_used - account"))
    write(folder / "snapshot.json", json.dumps({**SNAPSHOT, "account": {**SNAPSHOT["account"], "margin_used": 1000}}))
    assert "\nsmall/policy.yaml:21:14: error [division-by-zero]" in rulecap("eval", "snapshot.json", *SMALL).out
    told = json.loads(rulecap("eval", "snapshot.json", *SMALL, "--json").out)
    assert told["problems"][0]["file"] == "policy.yaml"


def test_explain_shows_the_rules_and_the_adjustments(folder, rulecap):
    ran = rulecap("explain", "snapshot.json", *SMALL)
    assert ran.code == 0
    assert ran.out.startswith("small 1.2.0: position\n")
    for word in ("loss_pct", "LOSING", "losses"):
        assert word in ran.out


def test_explain_as_json_has_the_steps(folder, rulecap):
    answer = json.loads(rulecap("explain", "snapshot.json", *SMALL, "--json").out)
    assert {step["rule"]: step["value"] for step in answer["trace"]}["loss_pct"] == 10


def test_a_memory_that_is_nested_too_deep_is_a_slip(folder, rulecap):
    (folder / "memory.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    ran = rulecap("eval", "snapshot.json", "--policy", "small", "--memory", "memory.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "rulecap: the memory memory.json is not JSON: it is nested too deep\n"
