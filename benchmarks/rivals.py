"""Rule engines that evaluate the scalar steps: simpleeval, every step parsed once, and zen-engine's static loader."""

import ast
import math
from collections.abc import Callable
from typing import Any

from simpleeval import SimpleEval

from benchmarks.steps import STEPS, zen

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
