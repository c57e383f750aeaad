"""One policy under many threads: what is compiled at the first need is compiled by several at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rulecap import load_policy
from rulecap.engine import evaluator
from tests.patience import patience
from tests.promises.policies import put
from tests.written import ACCOUNT, AS_OF

COUNTING = """
language: 1
policy: counting
version: 1.0.0
memory:
  count: {start: 0, next: memory.count + 1, unit: count}
decisions:
  asked:
    answers_anyway: true
    outputs: {wallet: account.total_wallet_balance, count: memory.count}
    on_error: {wallet: none, count: none}
"""


def test_threads_that_fall_back_at_once_get_the_same_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each compiles what is left without the memory; one result stays, and none is in another's way."""
    policy = load_policy(put(tmp_path, COUNTING))
    policy.compile()
    both = threading.Barrier(2, timeout=60)
    compile_plan, fall_back = evaluator.compile_plan, evaluator.fall_back

    def together(*given: Any) -> Any:
        both.wait()  # neither has found anything yet
        return compile_plan(*given)

    def one_after_the_other(decision: Any, plan_without: Any, *given: Any) -> Any:
        def planned(unusable: frozenset[str]) -> Any:
            plan = plan_without(unusable)
            both.wait()  # both have put theirs down
            return plan

        return fall_back(decision, planned, *given)

    monkeypatch.setattr(evaluator, "compile_plan", together)
    monkeypatch.setattr(evaluator, "fall_back", one_after_the_other)
    snapshot = {"as_of": AS_OF, "account": ACCOUNT}
    with patience(), ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(policy.evaluate, snapshot, "asked", {"count": "many"}) for _ in range(2)]
        answers = [one.result() for one in asked]
    for answer in answers:
        assert answer.ok
        assert answer.outputs == {"wallet": ACCOUNT["total_wallet_balance"], "count": None}
