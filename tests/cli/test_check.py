"""`rulecap check`."""

import json


def test_a_fine_policy_gives_one_line(folder, rulecap):
    ran = rulecap("check", "small")
    assert ran.code == 0
    assert ran.out.startswith("small 1.2.0: fine, 3 rules, 1 decision, digest ")
    assert ran.out.count("\n") == 1


def test_every_problem_is_reported_with_a_caret(folder, rulecap):
    path = folder / "small" / "policy.yaml"
    path.write_text(
        path.read_text().replace("of: loss_pct", "of: lost_pct").replace("times: zone.size", "times: zone.sise")
    )
    ran = rulecap("check", "small")
    assert ran.code == 1
    assert "policy.yaml:24:9" in ran.out
    assert "    of: lost_pct\n" in ran.out
    assert "            ^\n" in ran.out
    assert "did you mean loss_pct?" in ran.out
    assert "zone.sise" in ran.out


def test_as_json(folder, rulecap):
    fine = json.loads(rulecap("check", "small", "--json").out)
    assert fine["ok"]
    assert fine["policy"]["rules"] == 3
    (folder / "small" / "policy.yaml").write_text("language: 1\npolicy: small\nversoin: 1.0.0\n")
    ran = rulecap("check", "small", "--json")
    answer = json.loads(ran.out)
    assert ran.code == 1
    assert not answer["ok"]
    assert {"code", "message", "file", "line", "column", "hint"} <= set(answer["problems"][0])


def test_a_policy_that_is_not_there_is_a_usage_error(folder, rulecap):
    ran = rulecap("check", "smal")
    assert ran.code == 2
    assert "smal" in ran.err


def test_places_are_told_from_where_the_command_runs(folder, rulecap, monkeypatch):
    path = folder / "small" / "policy.yaml"
    path.write_text(path.read_text().replace("of: loss_pct", "of: lost_pct"))
    assert "\nsmall/policy.yaml:24:9: error" in "\n" + rulecap("check", "small").out
    assert "\nsmall/policy.yaml:24:9: error" in "\n" + rulecap("check", "small/policy.yaml").out
    monkeypatch.chdir(folder / "small")
    assert "\npolicy.yaml:24:9: error" in "\n" + rulecap("check", ".").out


def test_a_file_that_is_not_included_is_told_also_beside_what_it_would_mend(folder, rulecap):
    (folder / "small" / "zeta.yaml").write_text("rules:\n  tax: {kind: formula, unit: percent, formula: 5%}\n")
    (folder / "small" / "overlay.yaml").write_text(
        "language: 1\nextends: .\npolicy: x\nversion: 1.0.0\nset: {most: 4%}\n"
    )
    ran = rulecap("check", "small")
    assert ran.code == 0
    assert ran.out.count("warning [not-included]") == 1
    assert "small/zeta.yaml:1:1: warning [not-included]: zeta.yaml lies in the policy's folder" in ran.out
    path = folder / "small" / "policy.yaml"
    path.write_text(path.read_text().replace("of: loss_pct", "of: tax"))
    ran = rulecap("check", "small")
    assert ran.code == 1
    assert "error [unknown-name]: nothing is named tax" in ran.out
    assert "small/zeta.yaml:1:1: warning [not-included]" in ran.out.splitlines()[0]
