"""`rulecap test`."""

import json


def test_all_pass(folder, rulecap):
    ran = rulecap("test", "small")
    assert ran.out == "small: 4 passed\n"
    assert ran.code == 0


def test_a_failure_says_where_and_what(folder, rulecap):
    path = folder / "small" / "tests" / "zones.yaml"
    path.write_text(path.read_text().replace("zone: LOSING, share_pct: 2.5", "zone: CALM, share_pct: 2.4"))
    ran = rulecap("test", "small")
    assert ran.code == 1
    assert ran.out == (
        "FAILED small/tests/zones.yaml:8: a tenth lost, half of it\n"
        '    small/tests/zones.yaml:10:20: zone: expected "CALM", got "LOSING"\n'
        "    small/tests/zones.yaml:10:37: share_pct: expected 2.4, got 2.5\n"
        "small: 1 failed, 3 passed\n"
    )


def test_a_step_is_named(folder, rulecap):
    path = folder / "small" / "tests" / "zones.yaml"
    path.write_text(path.read_text().replace("zone: CALM, nested: {worst_loss_pct: 30}", "zone: STOP"))
    assert 'step 2: zone: expected "STOP", got "CALM"' in rulecap("test", "small").out


def test_an_unexpected_problem_fails_a_test(folder, rulecap):
    path = folder / "small" / "tests" / "zones.yaml"
    path.write_text(path.read_text().replace("    problems: [missing-field]\n", ""))
    ran = rulecap("test", "small")
    assert ran.code == 1
    assert "problems: expected none, got account.total_wallet_balance" in ran.out


def test_as_json(folder, rulecap):
    answer = json.loads(rulecap("test", "small", "--json").out)
    assert (answer["ok"], answer["passed"], answer["failed"]) == (True, 4, 0)
    assert answer["tests"][0]["name"] == "nothing lost, everything may be bet"
    assert answer["tests"][0]["line"] == 5


def test_by_word(folder, rulecap):
    assert rulecap("test", "small", "-k", "REMEMBERED").out == "small: 1 passed\n"
    none = rulecap("test", "small", "-k", "xyz")
    assert none.code == 1
    assert "no tests" in none.out


def test_a_file_that_is_not_a_test_file_is_said(folder, rulecap):
    path = folder / "small" / "tests" / "zones.yaml"
    path.write_text(path.read_text().replace("    expect: {zone: CALM", "    expcet: {zone: CALM"))
    ran = rulecap("test", "small")
    assert ran.code == 1
    assert "small/tests/zones.yaml:6:5" in ran.out
    assert "did you mean expect?" in ran.out


def test_an_overlay_is_tested_by_the_file_of_its_name(folder, rulecap):
    (folder / "careful.yaml").write_text(
        "language: 1\nextends: small\npolicy: careful\nversion: 1.0.0\ntitle: Careful\nset: {most: 2%}\n"
    )
    (folder / "tests").mkdir()
    tests = (folder / "small" / "tests" / "zones.yaml").read_text()
    (folder / "tests" / "careful.yaml").write_text(tests.replace("share_pct: 5", "share_pct: 2").replace("2.5", "1"))
    (folder / "tests" / "other.yaml").write_text("tests: []")
    ran = rulecap("test", "careful.yaml")
    assert ran.out == "careful.yaml: 4 passed\n"
