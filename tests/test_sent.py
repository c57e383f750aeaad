"""What goes from one process to another, as a bot with a pool of workers sends it, and what is copied."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rulecap import Policy, PolicyError, Problem, Snapshot, load_policy
from rulecap.audit import LogError, UnusableKey
from rulecap.exchange import VenueError
from rulecap.service import SourceError
from rulecap.service.sources import UnknownSymbol

SNAPSHOT = Path(__file__).parents[1] / "policies/default/examples/sushi_recorded.json"
FAULTY = """
language: 1
policy: faulty
version: 1.0.0
title: Faulty
decisions: {asked: {outputs: {a: nothing}, on_error: {a: none}}}
"""


def load_faulty(folder: Path) -> None:
    load_policy(folder)


def answered(policy: Policy, snapshot: Snapshot) -> tuple[Any, ...]:
    decision = policy.evaluate(snapshot)
    return decision.outputs, decision.memory, decision.problems, decision.trace.to_json(), id(policy)


def test_workers_evaluate_the_policy_that_they_are_sent() -> None:
    """Begun anew, they have nothing of this process; each loads the policy once."""
    policy, snapshot = load_policy("default"), Snapshot.model_validate_json(SNAPSHOT.read_bytes())
    *expected, _ = answered(policy, snapshot)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as workers:
        answers = list(workers.map(answered, [policy] * 3, [snapshot] * 3))
    assert [list(answer) for *answer, _ in answers] == [expected] * 3
    assert len({where for *_, where in answers}) == 1


@pytest.mark.parametrize("name", ["default", "conservative", "stop-risk"])
def test_a_policy_that_was_sent_is_the_same(name: str) -> None:
    policy = load_policy(name)
    policy.compile()
    sent = pickle.loads(pickle.dumps(policy))
    assert (sent.digest, sent.meaning, sent.name, sent.version) == (
        policy.digest,
        policy.meaning,
        policy.name,
        policy.version,
    )
    assert sent.warnings == policy.warnings
    assert copy.copy(policy) is copy.deepcopy(policy) is policy


def test_a_decision_says_what_to_send_in_its_place() -> None:
    policy = load_policy("default")
    for decision in (policy.evaluate(SNAPSHOT.read_bytes()), policy.evaluate({}), policy.evaluate({}, "nothing")):
        for whole in (decision, decision.trace):
            with pytest.raises(TypeError, match=r"send its outputs, memory and problems, and trace\.to_json\(\)"):
                pickle.dumps(whole)
        assert pickle.loads(pickle.dumps(decision.problems)) == decision.problems


def test_a_decision_is_copied_with_outputs_of_its_own() -> None:
    decision = load_policy("default").evaluate(SNAPSHOT.read_bytes())
    decision.record_id = "a-1"
    for copied in (copy.copy(decision), copy.deepcopy(decision)):
        assert copied.trace.to_json() == decision.trace.to_json()
        assert (copied.outputs, copied.memory, copied.record_id) == (decision.outputs, decision.memory, "a-1")
        copied.outputs["adjustments"].clear()
        copied.memory.clear()
        assert decision.outputs["adjustments"]
        assert decision.memory


RAISED = [
    PolicyError([Problem("unknown-name", "there is no such name"), Problem("bad-unit", "a unit")]),
    LogError("log-full", "the disk is full"),
    UnusableKey("no key"),
    VenueError("not-a-snapshot", "this makes none", "account", (Problem("missing-field", "is missing"),)),
    SourceError("venue-down", "not there"),
    UnknownSymbol("no market"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_is_raised_can_be_sent_and_copied(error: Exception) -> None:
    """An exception that cannot be is worse than none: it breaks the pool of workers that it comes from."""
    if isinstance(error, VenueError):
        error.retry_after, error.status = 2.5, 429
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_a_worker_that_cannot_load_a_policy_says_why(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(FAULTY)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as workers,
        pytest.raises(PolicyError) as caught,
    ):
        workers.submit(load_faulty, tmp_path).result()
    assert [problem.code for problem in caught.value.problems] == ["unknown-name"]
