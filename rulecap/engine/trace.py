"""The trace of a decision: every step with what it read, where in the policy it stands, and how it came out."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rulecap.engine.outputs import json_text
from rulecap.rules.code import unit_name

if TYPE_CHECKING:
    from rulecap.engine.decision import Decision


class Trace:
    """Ordered steps, rendered when they are asked for."""

    __slots__ = ("_decision", "_partial", "_snapshot", "_steps")

    def __init__(self, decision: "Decision", snapshot: Any, steps: Any, partial: Mapping[str, Any]) -> None:
        """Keep what evaluation kept."""
        self._decision, self._snapshot, self._steps, self._partial = decision, snapshot, steps, partial

    def to_json(self) -> bytes:
        """Return the trace as JSON: decision, outputs, problems, steps."""
        decision = self._decision
        return json_text(
            {
                "decision": decision.decision,
                "answered_by": decision.answered_by,
                "ok": decision.ok,
                "outputs": decision.outputs,
                "problems": [problem.to_dict() for problem in decision.problems],
                "steps": self._rendered(),
            }
        )

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps as JSON types: rule, kind, title, unit, value, reads, detail, source."""
        parsed: list[dict[str, Any]] = json.loads(self.to_json())["steps"]
        return parsed

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the steps of one kind of rule, with the values as evaluation has them: quicker than all as JSON."""
        return self._rendered(kind)

    @property
    def said(self) -> list[str]:
        """The explanation's lines, in the policy's own words, with this decision's values."""
        if self._steps is None or self._steps[1] is None:
            return []
        evaluator, values = self._steps
        lines: list[str] = evaluator.said(self._snapshot, values)
        return lines

    def explain(self) -> str:
        """Return the trace as a person reads it."""
        from rulecap.engine.explain import explain

        return explain(json.loads(self.to_json()), self.said)

    def _rendered(self, kind: str = "") -> list[dict[str, Any]]:
        if self._steps is None:
            return []
        evaluator, values = self._steps
        if values is not None:
            rendered: list[dict[str, Any]] = evaluator.render(kind)(self._snapshot, values)
            return rendered
        rules = evaluator.policy.rules
        kept = {name: value for name, value in self._partial.items() if name in rules}
        return [_bare(rules[name], value) for name, value in kept.items() if kind in ("", rules[name].rule.kind)]


def _bare(rule: Any, value: Any) -> dict[str, Any]:
    """Return a step of an evaluation that did not come to its end: value and place, without detail."""
    place = rule.rule.location
    return {
        "rule": rule.name,
        "kind": rule.rule.kind,
        "title": rule.rule.title or rule.rule.because or rule.name.replace("_", " "),
        "unit": unit_name(rule.type),
        "value": value,
        "reads": {},
        "numbers": {},
        "detail": None,
        "source": {"file": place.file, "line": place.line},
    }
