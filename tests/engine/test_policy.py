"""What a loaded policy says of its decisions: which output is the verdict, whatever way the answer came about."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rulecap import Policy, PolicyError, load_policy
from rulecap.engine import evaluator
from rulecap.engine import policy as engine
from tests.promises.policies import put
from tests.promises.shipped import SHIPPED, shipped
from tests.snapshots import random_snapshot
from tests.written import ACCOUNT, AS_OF

SNAPSHOT = {"as_of": AS_OF, "account": ACCOUNT}
JUDGING = """
language: 1
policy: judging
version: 1.0.0
memory:
  count: {start: 0, next: memory.count + 1, unit: count}
decisions:
  asked:
    hand_over: [{if: account.unrealized_pnl < 0 USD, to: handed}]
    outputs: {answer: "GO if account.total_wallet_balance / account.margin_used > 5 else STOP", note: account.id}
    verdict: answer
    on_error: {answer: STOP, note: none}
  handed:
    outputs: {answer: NOT_THIS, note: account.id}
    verdict: note
    on_error: {answer: NOT_THIS, note: none}
  partly:
    answers_anyway: true
    outputs: {answer: "GO if memory.count > 3 else STOP"}
    verdict: answer
    on_error: {answer: none}
  silent:
    outputs: {answer: GO}
    on_error: {answer: STOP}
"""
VERDICTS = {
    "position": "recommendation",
    "reduction": "recommendation",
    "margin": "zone",
    "drawdown": "state",
    "opportunity": "opportunity",
    "scaling": "band",
    "state": "capital_status",
    "multi_tier": "rebalance",
    "liquidity": "execution_method",
    "leverage": None,
    "kelly": None,
    "risk_parity": None,
}


@pytest.fixture
def judging(tmp_path: Path) -> Policy:
    return load_policy(put(tmp_path, JUDGING))


def verdict(policy: Policy, asked: str, memory: Any = None, **account: float) -> str | None:
    given = {**SNAPSHOT, "account": {**ACCOUNT, **account}}
    found = {policy.verdict_of(ask(given, asked, memory)) for ask in (policy.evaluate, policy.reference)}
    assert len(found) == 1
    return found.pop()


def test_the_verdict_is_the_named_output(judging: Policy) -> None:
    assert verdict(judging, "asked") == "GO"
    assert verdict(judging, "asked", margin_used=1000) == "STOP"
    assert verdict(judging, "partly", {"count": 4}) == "GO"


def test_the_verdict_is_that_of_the_decision_that_answered(judging: Policy) -> None:
    assert verdict(judging, "asked", unrealized_pnl=-1) == "demo"


def test_what_cannot_be_computed_has_the_verdict_of_on_error(judging: Policy) -> None:
    assert verdict(judging, "asked", margin_used=0) == "STOP"
    assert judging.verdict_of(judging.evaluate({}, "asked")) == "STOP"
    assert verdict(judging, "partly", {"count": "many"}) is None


def test_a_decision_without_a_verdict_and_an_unknown_one_have_none(judging: Policy) -> None:
    assert judging.typed.decisions["silent"].verdict is None
    assert verdict(judging, "silent") is None
    assert verdict(judging, "unheard_of") is None


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_policies_name_their_verdicts(name: str) -> None:
    policy, rng = shipped(name), Random(f"verdict {name}")
    assert {one: decision.verdict for one, decision in policy.typed.decisions.items()} == VERDICTS
    for _ in range(20):
        snapshot = random_snapshot(rng)
        for asked in policy.decisions:
            answer = policy.evaluate(snapshot, asked)
            output = VERDICTS[answer.answered_by]
            assert policy.verdict_of(answer) == (answer.outputs[output] if output else None)


def at_depth(left: int, ask: Callable[[], Any]) -> Any:
    return ask() if left <= 0 else at_depth(left - 1, ask)


def test_a_question_from_too_deep_is_no_word_on_the_next_one(judging: Policy) -> None:
    """What could not be compiled there, for want of stack, was refused for as long as the process lived."""
    for spare in range(sys.getrecursionlimit()):
        try:
            answer = at_depth(sys.getrecursionlimit() - spare, lambda: judging.evaluate(SNAPSHOT, "asked"))
        except RecursionError:
            continue  # not even enough to be asked
        if answer.ok:
            break
    assert judging.evaluate(SNAPSHOT, "asked").ok


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_what_could_not_be_compiled_for_want_of_room_is_compiled_later(
    judging: Policy, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def no_room(*given: Any) -> Any:
        raise error("no room")

    with monkeypatch.context() as once:
        once.setattr(engine, "Evaluator", no_room)
        assert [problem.code for problem in judging.evaluate(SNAPSHOT, "asked").problems] == ["too-large"]
        with pytest.raises(PolicyError, match="no room"):
            judging.compile()
    assert judging.evaluate(SNAPSHOT, "asked").ok


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_where_there_is_no_room_to_compile_what_is_left_of_a_decision_it_is_refused_that_time(
    judging: Policy, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """It raised, though whoever asks is told that it never does."""
    judging.compile()

    def no_room(*given: Any) -> Any:
        raise error("no room")

    with monkeypatch.context() as once:
        once.setattr(evaluator, "compile_plan", no_room)
        answer = judging.evaluate(SNAPSHOT, "partly", {"count": "many"})
        assert (answer.ok, answer.outputs) == (False, {"answer": None})
        assert [problem.code for problem in answer.problems] == ["wrong-type", "too-large"]
        assert answer.trace.to_json()
    assert judging.evaluate(SNAPSHOT, "partly", {"count": "many"}).ok


ALWAYS_KNOWN = """
language: 1
policy: known
version: 1.0.0
parameters:
  limit: {value: 5 USD}
decisions:
  asked: {outputs: {one: known(limit), other: known(none)}, on_error: {one: none, other: none}}
"""


def test_whether_a_written_value_is_known_is_asked_without_a_word_of_pythons(tmp_path: Path) -> None:
    """Python warned of what was compiled, on standard error; where warnings are errors, the decision was refused."""
    policy = load_policy(put(tmp_path, ALWAYS_KNOWN))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = policy.evaluate(SNAPSHOT, "asked")
    assert answer.outputs == {"one": True, "other": False}
