"""rulecap audit replay: every byte, or where the difference begins."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.policy.nodes import problem_at
from rulecap.version import __version__
from tests.audit.counting import COUNTING
from tests.cli.logged import LOG, ask
from tests.cli.test_audit_proof import edit


class TestReplayByAnEarlierPolicy:
    """The checker learns: what it refuses today was taken, and decided, before."""

    @pytest.fixture
    def earlier(self, rulecap, policy, monkeypatch):
        text = COUNTING.format(version="0.9.0", loss="worst").replace('verdict: "NO"}', "verdict: 5 USD}")
        Path("earlier").mkdir()
        Path("earlier/policy.yaml").write_text(text)
        with monkeypatch.context() as patched:
            patched.setattr("rulecap.policy.checks.decisions.check_fallbacks", lambda *_: None)
            earlier = load_policy("earlier")
            ask(earlier, 1, 2)
        return earlier

    def test_agrees_and_says_what_would_be_refused_now(self, rulecap, earlier):
        said = rulecap("audit", "replay", "--log", LOG)
        where = "policy.yaml:13:39: verdict is"
        called = f"{earlier.name} 0.9.0 ({earlier.digest[:12]})"
        refused = f"the policy {called} would not be taken by rulecap {__version__}: {where}"
        assert (said.code, said.out.splitlines()[0]) == (0, "2 decisions replayed: every byte agrees")
        assert said.out.splitlines()[1].startswith(refused)
        told = json.loads(rulecap("audit", "replay", "--log", LOG, "--json").out)
        assert (told["ok"], told["refused_now"][0]["policy"]) == (True, earlier.digest)
        assert (told["refused_now"][0]["name"], told["refused_now"][0]["version"]) == (earlier.name, "0.9.0")

    def test_names_record_policy_and_reason_where_it_is_taken_no_more(self, rulecap, earlier, monkeypatch):
        monkeypatch.setattr("rulecap.policy.checks.decisions.check_fallbacks", no_more)
        said = rulecap("audit", "replay", "--log", LOG)
        why = f"rulecap {__version__} does not take the policy {earlier.digest[:12]}, which was recorded as one: "
        assert said.code == 1
        assert said.out.splitlines()[0] == f"record 1: {why}policy.yaml:13:15: is no more [no-more] [policy-refused]"
        assert rulecap("audit", "verify", "--log", LOG).code == 0


def no_more(outputs, on_error, problems):
    problems.append(problem_at(on_error, "no-more", "is no more"))


def test_replay_says_that_every_byte_agrees_or_where_the_difference_begins(rulecap, log):
    said = rulecap("audit", "replay", "--log", LOG)
    assert (said.code, said.out) == (0, "3 decisions replayed: every byte agrees\n")
    assert rulecap("audit", "replay", "--log", LOG, "2").out == "1 decision replayed: every byte agrees\n"
    assert rulecap("audit", "replay", "--log", LOG, f"{log.id}-9").code == 2
    edit(2, steps={"number": 7, "word": "GO"}, outputs={"number": 7, "verdict": "GO"})
    said = rulecap("audit", "replay", "--log", LOG)
    assert said.code == 1
    assert said.out == "record 2: steps number was 7, comes out as 2\n3 decisions replayed: 1 differs\n"
    told = json.loads(rulecap("audit", "replay", "--log", LOG, "--json").out)
    assert (told["ok"], told["replayed"], told["differ"]) == (False, 3, 1)
    assert {name: told["differences"][0][name] for name in ("record", "part", "step")} == {
        "record": 2,
        "part": "steps",
        "step": "number",
    }


def test_replay_says_which_other_versions_of_rulecap_recorded_what_it_computes(rulecap, log):
    for seq in (1, 3):
        edit(seq, engine="0.0.9")
    said = rulecap("audit", "replay", "--log", LOG)
    assert said.code == 0
    assert said.out.splitlines() == [
        "3 decisions replayed: every byte agrees",
        f"2 of them were recorded by rulecap 0.0.9, and computed by {__version__}",
    ]
    told = json.loads(rulecap("audit", "replay", "--log", LOG, "--json").out)
    assert (told["ok"], told["engine"], told["engines"]) == (True, __version__, {"0.0.9": 2, __version__: 1})


def test_replay_takes_other_words_of_another_version_for_the_same_problem(rulecap, policy):
    ask(policy, 1)
    with open_ledger(LOG) as ledger:
        problems = [one.to_dict() for one in ledger.evaluate(policy, {"account": {"id": "a"}}).problems]
    ask(policy, 2)
    edit(2, engine="0.0.9", problems=[{**one, "message": "said otherwise"} for one in problems])
    said = rulecap("audit", "replay", "--log", LOG)
    assert said.code == 0
    assert said.out.splitlines() == [
        "3 decisions replayed: every value agrees",
        "what was wrong with 1 of them is said in other words than it was recorded",
        f"1 of them was recorded by rulecap 0.0.9, and computed by {__version__}",
    ]
    assert json.loads(rulecap("audit", "replay", "--log", LOG, "--json").out)["in_other_words"] == 1
    assert rulecap("audit", "explain", "2", "--log", LOG).code == 0


def test_replay_takes_other_words_for_no_cover_of_another_difference(rulecap, policy):
    """What else differs is compared all the same: with the words alone, a refusal that became an answer agreed."""
    with open_ledger(LOG) as ledger:
        problems = [one.to_dict() for one in ledger.evaluate(policy, {"account": {"id": "a"}}).problems]
    edit(1, engine="0.0.9", problems=[{**one, "message": "said otherwise"} for one in problems], ok=True)
    said = rulecap("audit", "replay", "--log", LOG, "--json")
    told = json.loads(said.out)
    assert (said.code, told["in_other_words"], [one["part"] for one in told["differences"]]) == (1, 0, ["ok"])


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"5", b'{"policy": []}', b'{"a":' * 3000, "text", 10**12, 1.5])
def test_replay_says_what_is_no_record_and_goes_on(body, rulecap, log):
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("UPDATE records SET body = ? WHERE seq = 2", (body,))
    said = rulecap("audit", "replay", "--log", LOG)
    assert said.code == 1
    assert said.out.startswith("record 2 is no record: ")
    assert said.out.endswith("3 decisions replayed: 1 differs\n")


def test_replay_names_a_stored_policy_that_is_another_or_gone(rulecap, log):
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("UPDATE policies SET content = replace(content, 'seen + 1', 'seen + 2')")
    said = rulecap("audit", "replay", "--log", LOG, "1")
    assert (said.code, "have another digest [log-corrupt]" in said.out) == (1, True)
    with closing(sqlite3.connect("log.sqlite3")) as database, database:
        database.execute("DELETE FROM policies")
    assert "lacks the policy" in rulecap("audit", "replay", "--log", LOG, "1").out
