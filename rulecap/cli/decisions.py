"""A decision as the command line shows it."""

from typing import Any

from rulecap.cli.here import from_here
from rulecap.cli.outline import INDENT, outline
from rulecap.cli.terminal import Style
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import on_a_line


def decision_as_json(policy: Policy, decision: Decision) -> dict[str, Any]:
    """Return the decision as JSON types; `schemas/decision.schema.json` says how."""
    return {
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "decision": decision.decision,
        "answered_by": decision.answered_by,
        "ok": decision.ok,
        "outputs": decision.outputs,
        "problems": [problem.to_dict() for problem in decision.problems],
        "memory": decision.memory,
        "record_id": decision.record_id,
    }


def decision_as_text(policy: Policy, decision: Decision, style: Style, where: str) -> str:
    """Return the headline, what the policy at `where` says of the answer, the outputs, and any problems."""
    said = [on_a_line(line) for line in decision.trace.said]
    sections = [[_headline(policy, decision, style)], said, _outputs(decision)]
    return _joined([*sections, [style.problem(problem) for problem in from_here(decision.problems, where)]])


def explained(policy: Policy, decision: Decision, style: Style) -> str:
    """Return the headline, the outputs, and the trace, which has what the policy says and the problems."""
    return _joined([[_headline(policy, decision, style)], _outputs(decision), [decision.trace.explain()]])


def _headline(policy: Policy, decision: Decision, style: Style) -> str:
    asked, record = decision.decision, f", on record as {decision.record_id}" if decision.record_id else ""
    by = f", answered by {decision.answered_by}" if decision.answered_by not in ("", asked) else ""
    head = style.strong(on_a_line(f"{policy.name} {policy.version}: {asked}{by}{record}"))
    return (
        head
        if decision.ok
        else f"{head}\n{style.bad('This cannot be decided; the outputs are the ones for that case.')}"
    )


def _outputs(decision: Decision) -> list[str]:
    return [INDENT + line for line in outline(decision.outputs)]


def _joined(sections: list[list[str]]) -> str:
    return "\n\n".join("\n".join(section) for section in sections if section)
