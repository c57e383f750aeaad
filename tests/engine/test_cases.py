"""Tests in YAML: what is wrong with a test file is said with its place, and what runs is what it says."""

from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.engine.cases import case_files, load_cases, run_files

POLICY = """\
language: 1
policy: half
version: 1.0.0
title: Half of the wallet
memory:
  last: {start: none, next: account.total_wallet_balance, unit: USD}
parameters: {share: {value: 0.5, unit: ratio}}
decisions:
  position: {outputs: {bet: bet, last: memory.last}, on_error: {bet: none, last: none}}
  other: {outputs: {twice: "bet * 2"}, on_error: {twice: none}}
  third: {outputs: {unused: unused}, on_error: {unused: none}}
rules:
  bet: {kind: formula, unit: USD, formula: account.total_wallet_balance * share}
  unused: {kind: formula, formula: true}
"""
HEAD = """\
snapshot:
  as_of: 2026-01-01T00:00:00Z
  account: {id: a, total_wallet_balance: 100, available_balance: 100, margin_used: 0, unrealized_pnl: 0}
tests:
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the text of a test file and gives the results."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    policy = load_policy(tmp_path)

    def run_text(text: str, word: str = ""):
        file = tmp_path / "tests" / "t.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return run_files(policy, [file], word)

    return run_text


def problem_of(results):
    assert len(results) == 1
    assert not results[0].ok
    (problem,) = results[0].problems
    return problem.code, problem.location.line, problem.location.column


def test_a_fine_file(run):
    results = run(
        HEAD + "  - {name: a, expect: {bet: 50, last: none}}\n  - {name: b, decision: other, expect: {twice: 100}}\n"
    )
    assert [(result.name, result.ok, result.location.line) for result in results] == [("a", True, 5), ("b", True, 6)]


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("  - {name: a, expct: {bet: 50}}", ("unknown-key", 5, 15)),
        ("  - {name: a, decision: positon, expect: {bet: 50}}", ("unknown-decision", 5, 25)),
        ("  - {name: a}", ("missing-key", 5, 5)),
        ("  - {expect: {bet: 50}}", ("missing-key", 5, 5)),
        ("  - {name: a, snapshot: absent.json, expect: {bet: 50}}", ("no-such-file", 5, 25)),
        ("  - {name: a, snapshot: bad.json, expect: {bet: 50}}", ("not-json", 5, 25)),
        ("  - {name: a, snapshot: twice.json, expect: {bet: 50}}", ("duplicate-key", 5, 25)),
        ("  - {name: a, snapshot: list.json, expect: {bet: 50}}", ("wrong-type", 5, 25)),
        ("  - {name: a, set: {account.id.x: 1}, expect: {bet: 50}}", ("bad-path", 5, 21)),
        ("  - {name: a, expect: {bet: 50}, steps: [{expect: {bet: 50}}]}", ("not-allowed", 5, 15)),
        ("  - {name: a, steps: [{set: {}}]}", ("missing-key", 5, 23)),
        ("  - {name: a, expect: {bet: 50}", ("yaml-syntax", 5, 5)),
        ("  - 5", ("wrong-type", 5, 5)),
        ("  []", ("too-few", 5, 3)),
    ],
)
def test_what_is_wrong_with_a_file_is_said(run, tmp_path, test, problem):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "bad.json").write_text("{")
    (tmp_path / "tests" / "twice.json").write_text('{"as_of": 1, "as_of": 2}')
    (tmp_path / "tests" / "list.json").write_text("[]")
    assert problem_of(run(f"{HEAD}{test}\n")) == problem


def test_a_file_that_is_no_mapping(run):
    assert problem_of(run("- 1\n")) == ("wrong-type", 1, 1)


def test_without_a_snapshot(run):
    assert problem_of(run("tests:\n  - {name: a, expect: {bet: 1}}\n")) == ("missing-key", 2, 5)


def test_an_unknown_decision_in_a_step_names_the_step_and_keeps_what_was_found(run):
    (result,) = run(
        HEAD + "  - {name: a, steps: [{expect: {bet: 1}}, {decision: x, expect: {bet: 1}}]}\n",
    )
    assert [one.path for one in result.mismatches] == ["step 1: bet"]
    assert [one.code for one in result.problems] == ["unknown-decision"]


def test_memory_is_given_carried_and_compared(run):
    (result,) = run(
        HEAD
        + """\
  - name: a
    memory: {last: 7}
    steps:
      - {set: {account.total_wallet_balance: 200}, expect: {bet: 100, last: 7}, memory_after: {last: 200}}
      - {expect: {bet: 50, last: 200}}
      - {decision: other, expect: {twice: 100}, trace: {bet: 50}}
"""
    )
    assert result.ok, result.render()


def test_expected_problems_are_all_and_only_those(run):
    results = run(
        HEAD
        + """\
  - {name: as said, set: {account.id: none}, problems: [missing-field], expect: {bet: none}}
  - {name: another, set: {account.id: none}, problems: [out-of-range]}
  - {name: none came, problems: [missing-field]}
"""
    )
    assert [result.ok for result in results] == [True, False, False]
    assert "problems: expected out-of-range, got account.id" in results[1].render()
    assert "problems: expected missing-field, got none" in results[2].render()


def test_a_snapshot_may_stand_in_a_file_beside(run, tmp_path):
    (tmp_path / "s.json").write_text(
        '{"as_of": "2026-01-01T00:00:00Z", "account": {"id": "a", "total_wallet_balance": 10,'
        ' "available_balance": 1, "margin_used": 0, "unrealized_pnl": 0}}'
    )
    (result,) = run("snapshot: ../s.json\ntests:\n  - {name: a, expect: {bet: 5}}\n")
    assert result.ok, result.render()


def test_word_picks_by_test_or_file(run):
    text = HEAD + "  - {name: Half of it, expect: {bet: 50}}\n  - {name: b, expect: {bet: 50}}\n"
    assert [result.name for result in run(text, "half")] == ["Half of it"]
    assert [result.name for result in run(text, "t.yaml")] == ["Half of it", "b"]


def test_positions_in_a_case_file(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(HEAD + "  - name: a\n    expect: {bet: 50}\n")
    cases, problems = load_cases(Path(path))
    assert not problems
    assert (cases[0].location.line, cases[0].steps[0].decision) == (5, "position")


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ("  - {name: a, set: {account.margin_used: 5%}, expect: {bet: none}}", (5, 21)),
        ("  - {name: a, memory: {lost: 5}, expect: {bet: none, last: none}}", (5, 5)),
        ("  - {name: a, memory: {last: 5 USD}, expect: {bet: none}}", (5, 24)),
        ("  - {name: a, set: {positions: [{symbol: 5}]}, expect: {bet: none}}", (5, 21)),
        ("  - {name: a, steps: [{expect: {bet: 50}}, {set: {account.margin_used: x}, expect: {bet: none}}]}", (5, 51)),
    ],
)
def test_a_problem_of_what_a_test_gives_is_shown_where_it_gives_it(run, test, place):
    (result,) = run(HEAD + test + "\n")
    found = next(one for one in result.mismatches if one.path.endswith("problems"))
    assert (found.location.line, found.location.column) == place


def test_files_with_the_short_ending_are_tests_too(run, tmp_path):
    run(HEAD + "  - {name: a, expect: {bet: 50}}\n")
    (tmp_path / "tests" / "more.yml").write_text(HEAD + "  - {name: b, expect: {bet: 51}}\n")
    assert [path.name for path in case_files(str(tmp_path))] == ["more.yml", "t.yaml"]


def test_a_file_that_only_has_such_an_ending_within_its_name_is_no_test_and_no_part(run, tmp_path):
    run(HEAD + "  - {name: a, expect: {bet: 50}}\n")
    for folder in (tmp_path, tmp_path / "tests"):
        (folder / "t.yaml.html").write_text("<p>how the tests went</p>")
    assert [path.name for path in case_files(str(tmp_path))] == ["t.yaml"]
    assert load_policy(tmp_path).warnings == ()


def test_what_a_trace_does_not_show_is_told_apart_from_what_is_misspelt(run) -> None:
    (result,) = run(HEAD + "  - {name: one, trace: {unused: 1, share: 2, memory.last: 3, bte: 4}}\n")
    assert [(one.path, one.got) for one in result.mismatches] == [
        ("trace: unused", "nothing: this decision does not compute it"),
        ("trace: share", "nothing: it is a parameter, and a trace shows rules"),
        ("trace: memory.last", "nothing: a trace shows rules; `memory_after` is what is remembered"),
        ("trace: bte", "nothing of this name (did you mean bet?)"),
    ]


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("{name: a, set: {facts.funding_rte: 9}, expect: {bet: 50}}", (5, 21, "did you mean funding_rate?")),
        (
            "{name: a, set: {facts: {funding_rate: 1, news: true}}, expect: {bet: 50}}",
            (5, 46, "known here: funding_rate"),
        ),
        ("{name: a, set: {facts.nws: none}, steps: [{expect: {bet: 50}}]}", (5, 21, "known here: funding_rate")),
        ("{name: a, steps: [{set: {facts.fundingrate: 9}, expect: {bet: 50}}]}", (5, 30, "did you mean funding_rate?")),
    ],
)
def test_a_fact_that_the_policy_does_not_declare_is_no_change(run, tmp_path, test, said):
    declared = POLICY.replace("rules:", "inputs: {facts.funding_rate: {unit: percent, optional: true}}\nrules:")
    (tmp_path / "policy.yaml").write_text(declared)
    (tmp_path / "tests").mkdir(exist_ok=True)
    (tmp_path / "tests" / "t.yaml").write_text(f"{HEAD}  - {test}\n")
    (result,) = run_files(load_policy(tmp_path), [tmp_path / "tests" / "t.yaml"])
    (problem,) = result.problems
    assert (problem.code, problem.location.line, problem.location.column, problem.hint) == ("unknown-name", *said)
    assert problem.message.startswith("the policy declares no fact ")
    assert not result.ok


def test_several_problems_stand_on_a_line_each_with_their_hints_behind_them(run) -> None:
    (result,) = run(HEAD + "  - {name: one, set: {account: {id: a}}, expect: {bet: 50}}\n")
    first = next(one for one in result.mismatches if one.path == "problems")
    lines = first.got.splitlines()
    assert len(lines) == 5
    assert lines[0] == ""
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "account.total_wallet_balance", "account.available_balance", "account.margin_used", "account.unrealized_pnl",
    ]  # fmt: skip
    assert lines[1].endswith("is missing [missing-field] (Balance without unrealized PnL. In USD.)")
    (result,) = run(HEAD + "  - {name: one, set: {account.margin_used: none}, expect: {bet: 50}}\n")
    first = next(one for one in result.mismatches if one.path == "problems")
    assert first.got.startswith("account.margin_used: is missing [missing-field] (")


def test_a_key_beside_the_tests_is_said_to_be_none_of_their_file(run):
    [result] = run("decision: position\n" + HEAD + "  - {name: a, expect: {bet: 50}}\n")
    [problem] = result.problems
    assert (problem.code, problem.message) == ("unknown-key", "a file of tests has no key `decision`")
