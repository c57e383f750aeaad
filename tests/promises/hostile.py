"""Policies that somebody wrote who means no good, and what is found in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from rulecap import Policy, PolicyError, load_policy
from rulecap.engine.decision import Decision
from rulecap.problems import Problem
from tests.promises.policies import put

Json = dict[str, Any]


def policy_of(rules: Json, **more: Any) -> Json:
    outputs = more.pop("outputs", {"answer": "asked"})
    decision = {
        "title": "D",
        "outputs": outputs,
        "on_error": dict.fromkeys(outputs, "none"),
        **more.pop("decision", {}),
    }
    head = {"language": 1, "policy": "hostile", "version": "1.0.0", "title": "Hostile"}
    return {**head, **more, "decisions": {"asked_for": decision}, "rules": rules}


def refused(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """Return why a policy's text is refused; fail where it is not, or where that is not said."""
    put(folder, "")
    (folder / "policy.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PolicyError) as caught:
        load_policy(folder)
    assert caught.value.problems
    for problem in caught.value.problems:
        assert problem.code
        assert problem.message
        assert problem.code != "internal-error"
        assert len(problem.render()) < 50_000
        json.dumps(problem.to_dict())
    assert len(str(caught.value)) < 5_000_000
    return caught.value.problems


def hold_answered(answer: Decision) -> None:
    json.dumps([answer.outputs, answer.memory], allow_nan=False)
    json.loads(answer.trace.to_json())
    answer.trace.explain()
    assert "internal-error" not in {problem.code for problem in answer.problems}


def loaded_or_refused(folder: Path) -> Policy | None:
    """Return the policy, none where it is refused; whatever else is raised is a finding."""
    try:
        return load_policy(folder)
    except PolicyError:
        return None
