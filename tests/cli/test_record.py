"""`rulecap eval --record`: a decision of the command line on record."""

import json

SMALL = ("--policy", "small")


def test_eval_puts_the_decision_on_record(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL, "--record", "--log", "sqlite:///log.sqlite3", "--json")
    record = json.loads(ran.out)["record_id"]
    assert ran.code == 0
    assert record.endswith("-1")
    assert (folder / "log.sqlite3").is_file()
    assert (
        f"on record as {record[:-1]}2"
        in rulecap("eval", "snapshot.json", *SMALL, "--record", "--log", "sqlite:///log.sqlite3").out
    )


def test_the_log_may_be_named_by_the_environment(folder, rulecap, monkeypatch):
    monkeypatch.setenv("RULECAP_LOG", "sqlite:///other.sqlite3")
    rulecap("eval", "snapshot.json", *SMALL, "--record")
    assert (folder / "other.sqlite3").is_file()


def test_the_memory_of_a_decision_on_record_is_the_log_s(folder, rulecap):
    (folder / "memory.json").write_text("{}")
    ran = rulecap("eval", "snapshot.json", *SMALL, "--record", "--memory", "memory.json")
    assert (ran.code, ran.err) == (2, "rulecap: --record takes the memory from the log: leave out --memory\n")


def test_an_idempotency_key_is_for_decisions_on_record(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL, "--idempotency-key", "k")
    assert ran.code == 2
    assert "add --record" in ran.err


def test_a_log_that_cannot_be_opened_is_a_usage_error(folder, rulecap):
    ran = rulecap("eval", "snapshot.json", *SMALL, "--record", "--log", "sqlite:///small")
    assert ran.code == 2
    assert "small" in ran.err


def test_evaluating_without_record_makes_no_log(folder, rulecap):
    rulecap("eval", "snapshot.json", *SMALL)
    assert not (folder / "rulecap.sqlite3").exists()
