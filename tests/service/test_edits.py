"""A policy's files edited while it is in force: a bad edit leaves the last good one, and says so."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rulecap import PolicyError
from rulecap.service import edits, in_force
from rulecap.service.app import create_app
from rulecap.service.settings import read_settings
from tests.service.conftest import ROOT
from tests.service.steps import POSITION, overlay_of, wait
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED


def edited(policy):
    """Return whether the files are others than those that were read last."""
    return edits.fingerprint(policy._where) != policy._seen


def test_a_bad_edit_leaves_the_last_good_policy_in_force_and_says_so(served, tmp_path, caplog):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    first = client.get("/api/policy").json()
    overlay.write_text(overlay_of("desk", "1.0.1", "nothing.value: 1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["policy"]["digest"] == first["digest"]
    assert ready.json()["policy"]["edit_problems"]
    assert client.post(POSITION, json=SPECIFIED).json()["policy_digest"] == first["digest"]
    assert 'rulecap_policy_reloads_total{outcome="refused"} 1.0' in client.get("/metrics").text
    assert "rulecap_policy_edit_refused 1.0" in client.get("/metrics").text
    assert "stays in force" in caplog.text
    overlay.write_text(overlay_of("desk", "1.0.2"))
    wait(lambda: client.get("/api/policy").json()["version"] == "1.0.2")
    assert client.get("/ready").json()["status"] == "ok"
    assert client.post(POSITION, json=SPECIFIED).json()["policy_digest"] != first["digest"]


def test_an_edit_of_the_policy_s_name_is_taken_and_warned_of(tmp_path, caplog):
    """Memory belongs to the name: a circuit breaker that is open would be closed, and nobody told why."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    assert policy.reload()
    assert not caplog.records
    overlay.write_text(overlay_of("bureau", "1.0.1"))
    assert policy.reload()
    (record,) = caplog.records
    assert (record.code, record.levelname) == ("policy-renamed", "WARNING")
    assert "bureau" in record.message
    assert "desk" in record.message


def test_an_edit_is_taken_at_once_where_that_is_asked_for(served, tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=3600.0)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    assert client.post("/api/policy/reload").json()["version"] == "1.0.1"
    overlay.write_text("language: 1\n")
    refused(client.post("/api/policy/reload"), 409, "bad-policy")


def test_of_two_edits_that_are_read_at_once_the_later_one_stays_in_force(tmp_path, monkeypatch):
    """Asked for while the look that found an earlier edit goes through that one's tests."""
    overlay, going, go_on = tmp_path / "desk.yaml", threading.Event(), threading.Event()
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))

    def slowly(taken, where):
        if taken.version == "1.0.1":
            going.set()
            go_on.wait(60)
        return {"passed": 0, "failed": 0, "failures": []}

    monkeypatch.setattr(in_force, "tested", slowly)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    first = threading.Thread(target=policy.reload)
    first.start()
    going.wait(60)
    overlay.write_text(overlay_of("desk", "1.0.2"))
    second = threading.Thread(target=policy.reload)
    second.start()
    second.join(0.3)  # it is done by then, or waits for the first
    go_on.set()
    first.join()
    second.join()
    assert (policy.policy.version, edited(policy)) == ("1.0.2", False)


FAILING = "tests:\n  - name: {name}\n    decision: state\n    expect: {{band: {band}}}\n"


def metric(client, name):
    return next(line.split()[1] for line in client.get("/metrics").text.splitlines() if line.startswith(name + " "))


def test_that_a_bad_edit_is_taken_back_is_told_in_the_log_too(served, tmp_path, caplog):
    caplog.set_level("INFO", logger="rulecap")
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    overlay.write_text("language: [")
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    overlay.write_text(overlay_of("desk", "1.0.0"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "none")
    assert "in force again" in caplog.text


def test_an_edit_that_fails_its_own_tests_is_a_bad_edit(served, tmp_path):
    overlay, tests = tmp_path / "desk.yaml", tmp_path / "tests" / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    tests.parent.mkdir()
    (tmp_path / "tests" / "calm.json").write_bytes((ROOT / "policies/default/tests/calm.json").read_bytes())
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="LARGE"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    first = client.get("/api/policy").json()
    assert (first["tests"]["passed"], metric(client, "rulecap_policy_tests_failing")) == (1, "0.0")
    # The tests alone are edited: the policy is as it was, and they fail.
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="SMALL"))
    wait(lambda: client.get("/ready").json()["policy"]["tests_failed"] == 1)
    assert (client.get("/ready").json()["status"], client.get("/ready").json()["policy"]["edit"]) == (
        "degraded",
        "none",
    )
    assert metric(client, "rulecap_policy_tests_failing") == "1.0"
    # Now the policy is edited, and does not do what its tests say.
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    told = client.get("/ready").json()
    assert (told["status"], told["policy"]["digest"]) == ("degraded", first["digest"])
    assert [one["code"] for one in told["policy"]["edit_problems"]] == ["tests-fail"]
    assert metric(client, "rulecap_policy_edit_refused") == "1.0"
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="LARGE"))
    wait(lambda: client.get("/api/policy").json()["version"] == "1.0.1")
    assert client.get("/ready").json()["status"] == "ok"


def test_of_many_tests_that_an_edit_fails_the_first_are_told_and_how_many_more(served, tmp_path, caplog):
    """A load balancer asks every second, and an edit may fail thousands."""
    overlay, tests = tmp_path / "desk.yaml", tmp_path / "tests" / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    tests.parent.mkdir()
    (tmp_path / "tests" / "calm.json").write_bytes((ROOT / "policies/default/tests/calm.json").read_bytes())
    each = (FAILING.partition("\n")[2].format(name=f"number {n}", band="SMALL") for n in range(25))
    tests.write_text("snapshot: calm.json\ntests:\n" + "".join(each))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    told = client.get("/ready").json()["policy"]["edit_problems"]
    assert [one["code"] for one in told] == ["tests-fail"] * 10 + ["too-many"]
    assert told[-1]["message"] == "and 15 more problems"
    wait(lambda: "stays in force" in caplog.text)
    (said,) = [one.getMessage() for one in caplog.records if "stays in force" in one.getMessage()]
    assert said.endswith("fails, and 24 more")
    whole = client.post("/api/policy/reload").json()["errors"]
    assert len(whole) == 25


def test_an_output_that_would_hide_a_part_of_each_answer_is_refused(tmp_path):
    text = """\
language: 1
policy: hiding
version: 1.0.0
title: Hiding
decisions:
  asked: {title: Asked, outputs: {as_of: as_of, said: account.id}, on_error: {as_of: none, said: none}}
rules: {}
"""
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(PolicyError, match=r"the output as_of of the decision asked would hide") as raised:
        in_force.PolicyInForce(str(tmp_path))
    assert [one.code for one in raised.value.problems] == ["reserved-output"]


def test_half_an_edit_that_is_a_policy_too_is_not_taken(tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    assert not policy.rested()
    overlay.write_text(overlay_of("desk", "1.0.2"))
    assert not policy.rested()
    assert policy.rested()
    assert policy.reload()
    assert (policy.policy.version, policy.rested()) == ("1.0.2", False)


def test_an_edit_of_a_file_that_is_included_from_a_folder_below_is_one(tmp_path):
    rule = "decisions:\n  asked: {{title: Asked, outputs: {{said: {said}}}, on_error: {{said: none}}}}\n"
    main, part = tmp_path / "policy.yaml", tmp_path / "parts" / "asked.yaml"
    main.write_text("language: 1\npolicy: parted\nversion: 1.0.0\ntitle: In parts\ninclude: [parts/asked.yaml]\n")
    part.parent.mkdir()
    part.write_text(rule.format(said="account.id"))
    policy = in_force.PolicyInForce(str(tmp_path))
    assert not edited(policy)
    part.write_text(rule.format(said="account.margin_used"))
    assert edited(policy)
    assert policy.reload()
    part.unlink()
    assert edited(policy)
    overlay = tmp_path / "desk.yaml"
    part.write_text(rule.format(said="account.id"))
    overlay.write_text(overlay_of("desk", "1.0.0", "{}").replace("extends: default", "extends: ."))
    policy = in_force.PolicyInForce(str(overlay))
    part.write_text(rule.format(said="account.margin_used"))
    assert edited(policy)


@pytest.fixture
def full(monkeypatch):
    """Return how to have no more files opened while a policy is read, as where a crowd of connections has all."""
    monkeypatch.setattr(in_force, "AGAIN_SECONDS", 0.0)
    load = in_force.load_policy

    def refused(*_, **__):
        raise OSError(24, "Too many open files")

    def loaded(where):
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", refused)
            return load(where)

    @contextmanager
    def no_more_files():
        with monkeypatch.context() as patched:
            patched.setattr(in_force, "load_policy", loaded)
            yield

    return no_more_files


def test_an_edit_that_cannot_be_read_for_a_moment_is_taken_then_without_another_edit(tmp_path, full, caplog):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    with full():
        assert not policy.reload()
        assert [policy.mended() for _ in range(3)] == [False] * 3
    assert policy.failure is not None
    assert not edited(policy)
    assert [one.code for one in caplog.records] == ["bad-policy"]  # told once
    policy.look()
    assert (policy.policy.version, policy.failure) == ("1.0.1", None)
    assert not policy.mended()


def test_an_edit_that_stays_bad_is_told_once_and_the_next_one_again(tmp_path, full, caplog):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    for count in (1, 2):
        overlay.write_text("language: [" + "\n" * count)
        for _ in range(4):
            policy.look()
        assert len([one for one in caplog.records if one.code == "bad-policy"]) == count


def test_what_is_refused_is_not_read_at_each_look(tmp_path, monkeypatch):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text("language: [")
    assert not policy.reload()
    monkeypatch.setattr(in_force, "read", lambda where: pytest.fail("it was read again at once"))
    policy.look()


def test_tests_that_could_not_be_read_at_the_start_are_run_again(tmp_path, full, monkeypatch):
    """A monitor sends nothing by a policy whose tests fail from the start, until they pass."""
    overlay, tests = tmp_path / "desk.yaml", tmp_path / "tests" / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    tests.parent.mkdir()
    tests.write_text("snapshot: calm.json\n" + FAILING.format(name="of the band", band="LARGE"))
    policy = in_force.PolicyInForce(str(overlay))  # as where a file beside the tests comes a moment late
    assert policy.unproven
    assert not policy.mended()
    (tests.parent / "calm.json").write_bytes((ROOT / "policies/default/tests/calm.json").read_bytes())
    assert not edited(policy)
    policy.look()
    assert (policy.unproven, policy.tests["failed"]) == (False, 0)


def test_files_that_are_touched_are_no_other_policy(served, tmp_path):
    """As by a checkout of the same; an alarm tells of another policy in force."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    overlay.write_text(overlay_of("desk", "1.0.0"))
    wait(lambda: metric(client, 'rulecap_policy_reloads_total{outcome="unchanged"}') == "1.0")
    assert metric(client, 'rulecap_policy_reloads_total{outcome="taken"}') == "0.0"
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: metric(client, 'rulecap_policy_reloads_total{outcome="taken"}') == "1.0")


def test_a_policy_that_is_read_again_in_vain_is_counted_once(served, tmp_path, full):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)
    policy, readings = client.app.state.service.in_force, []
    overlay.write_text("language: [")
    wait(lambda: policy.failure is not None)
    first = policy.failure
    wait(lambda: policy.failure is not first and not readings.append(1) and len(readings) > 3)
    assert metric(client, 'rulecap_policy_reloads_total{outcome="refused"}') == "1.0"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "none")


def test_files_that_change_while_they_are_read_are_read_again(tmp_path, monkeypatch):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    read = in_force.read

    def meanwhile(where):
        found = read(where)
        if found.version == "1.0.1":
            overlay.write_text(overlay_of("desk", "1.0.2"))
        return found

    monkeypatch.setattr(in_force, "read", meanwhile)
    assert policy.reload()
    assert (policy.policy.version, edited(policy)) == ("1.0.2", False)


def test_what_nobody_foresaw_in_an_edit_is_told_as_one_that_is_refused(served, tmp_path, monkeypatch):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    client = served(policy=str(overlay), reload_seconds=0.02)

    def unforeseen(where):
        raise RuntimeError("a figure: 5000")

    monkeypatch.setattr(in_force, "read", unforeseen)
    overlay.write_text(overlay_of("desk", "1.0.1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    assert client.get("/ready").json()["policy"]["edit_problems"][0]["code"] == "internal"
    refused(client.post("/api/policy/reload"), 409, "bad-policy")


def test_without_an_account_the_metrics_tell_of_a_bad_edit_too(tmp_path):
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    settings = read_settings(policy=str(overlay), reload_seconds=0.02)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert metric(client, "rulecap_snapshot_age_seconds") == "NaN"
        overlay.write_text("language: [")
        wait(lambda: metric(client, "rulecap_policy_edit_refused") == "1.0")


def test_a_folder_that_may_not_be_read_any_more_is_a_bad_edit(tmp_path, monkeypatch):
    """Looking for the policy in it fails then, and not only reading it; the monitor goes on with the last good one."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))

    def denied(where):
        raise PermissionError(13, "Permission denied", str(where))

    for module, names in ((edits, ("find_policy", "case_files")), (in_force, ("case_files", "load_policy"))):
        for name in names:
            monkeypatch.setattr(module, name, denied)
    assert edited(policy)
    assert not policy.reload()
    assert [one.code for one in policy.failure.problems] == ["unreadable-policy"]
    monkeypatch.undo()
    assert (edited(policy), policy.reload(), policy.failure) == (True, True, None)


def test_an_edit_that_may_be_read_only_later_is_read_then(tmp_path, monkeypatch):
    """Who may read a file is no part of it: it can be given when nothing else of the file changes any more."""
    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    policy = in_force.PolicyInForce(str(overlay))
    overlay.write_text(overlay_of("desk", "1.0.1"))
    overlay.chmod(0o000)

    def denied(where):
        raise PermissionError(13, "Permission denied", str(where))

    with monkeypatch.context() as patched:  # the tests' own user may read everything
        patched.setattr(in_force, "load_policy", denied)
        assert not policy.reload()
    overlay.chmod(0o600)
    assert edited(policy)
    assert (policy.reload(), policy.policy.version) == (True, "1.0.1")
