"""Engines for the scalar steps: simpleeval, zen-engine's static loader, and rulecap with the steps as a policy."""

import ast
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simpleeval import SimpleEval

from benchmarks.steps import STEPS, zen
from rulecap import Snapshot, load_policy

Scalars = dict[str, Any]
Evaluation = Callable[[], Scalars]


def simpleeval(scalars: Scalars) -> Evaluation:
    """Return a call that evaluates every step with simpleeval and returns inputs and steps by name."""
    evaluator = SimpleEval(functions={"min": min, "max": max, "floor": math.floor})
    parsed: list[tuple[str, str, ast.AST]] = [(name, text, evaluator.parse(text)) for name, text in STEPS.items()]

    def evaluate() -> Scalars:
        names = dict(scalars)
        evaluator.names = names
        for name, text, expression in parsed:
            names[name] = evaluator.eval(text, expression)
        return names

    return evaluate


def zen_engine(scalars: Scalars, *, trace: bool) -> Evaluation:
    """Return a call that evaluates every step with zen-engine, in one expression node of a preloaded decision."""
    import zen as engine  # only the benchmarks' own extra installs it

    make: Any = engine.ZenEngine
    evaluate_key = make({"loader": {"type": "static", "content": {"position": graph()}}}).evaluate
    options = {"trace": trace}

    def evaluate() -> Scalars:
        result: Scalars = evaluate_key("position", scalars, options)["result"]
        return result

    return evaluate


def graph() -> dict[str, Any]:
    """Return the steps as a decision in JDM, zen-engine's JSON format: input, one expression node, output."""
    place = {"x": 0, "y": 0}
    expressions = [{"id": name, "key": name, "value": zen(text)} for name, text in STEPS.items()]
    return {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "snapshot", "position": place},
            {
                "id": "steps",
                "type": "expressionNode",
                "name": "steps",
                "position": place,
                "content": {"expressions": expressions, "passThrough": False},
            },
            {"id": "out", "type": "outputNode", "name": "decision", "position": place},
        ],
        "edges": [
            {"id": "1", "type": "edge", "sourceId": "in", "targetId": "steps"},
            {"id": "2", "type": "edge", "sourceId": "steps", "targetId": "out"},
        ],
    }


def rulecap_policy(scalars: Scalars, snapshot: Snapshot) -> Evaluation:
    """Return a call that evaluates every step with rulecap, as a policy of formulas over the snapshot's facts."""
    with TemporaryDirectory() as folder:
        Path(folder, "policy.yaml").write_text(policy_text(scalars), encoding="utf-8")
        policy = load_policy(folder)
    handed = snapshot.model_copy(update={"facts": scalars})

    def evaluate() -> Scalars:
        return policy.evaluate(handed, "steps").outputs

    return evaluate


def policy_text(scalars: Scalars) -> str:
    """Return the steps as a policy's YAML: every scalar a fact, every step a rule and an output."""
    units = {name: _unit(value) for name, value in simpleeval(scalars)().items()}
    lines = ["language: 1", "policy: steps", "version: 1.0.0", "title: The scalar steps", "inputs:"]
    lines += [f"  facts.{name}: {{{units[name]}}}" for name in scalars]
    lines += ["rules:"]
    for name, text in STEPS.items():
        unit = "unit: ratio, " if units[name] == "unit: ratio" else ""
        lines.append(f"  {name}: {{kind: formula, {unit}formula: {json.dumps(_with_facts(text, scalars))}}}")
    lines += ["decisions:", "  steps:", "    title: The scalar steps", "    outputs:"]
    lines += [f"      {name}: {name}" for name in STEPS]
    lines += ["    on_error:", *(f"      {name}: none" for name in STEPS)]
    return "\n".join(lines) + "\n"


def _unit(value: object) -> str:
    """Return how a policy declares a value of this type."""
    return "type: flag" if isinstance(value, bool) else "type: text" if isinstance(value, str) else "unit: ratio"


def _with_facts(text: str, scalars: Scalars) -> str:
    """Return a step with what is handed in named as a fact."""
    parts = re.split(r"('[^']*')", text)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"\b[a-z_]\w*\b", lambda m: f"facts.{m[0]}" if m[0] in scalars else m[0], parts[index])
    return "".join(parts)
