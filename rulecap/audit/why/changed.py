"""A policy with one of its numbers changed, as an overlay's `set` would change it."""

from rulecap.audit.why.written import WrittenNumber, overlay_text
from rulecap.engine.policy import Policy
from rulecap.policy import overlay
from rulecap.policy.check import check_policy
from rulecap.policy.document import parse_document
from rulecap.policy.load import Loaded
from rulecap.policy.nodes import Mapping
from rulecap.policy.schema import validate
from rulecap.policy.sources import Sources
from rulecap.problems import Problem

NAME = "overlay.yaml"


def changed_document(document: Mapping, number: WrittenNumber, value: float) -> Mapping | None:
    """Return a policy's merged document with another number in its place; none where an overlay cannot say it."""
    text = f"set:\n  {overlay_text(number, value)}\n"
    node, problems = parse_document(text, NAME)
    if problems or not isinstance(node, Mapping):
        return None
    changed, problems = overlay.apply(document, node)
    return None if problems else changed


def changed_policy(policy: Policy, number: WrittenNumber, value: float) -> Policy | None:
    """Return the policy with another number in its place, checked as a loaded one is; none where it is no policy."""
    document = changed_document(policy.typed.text.node, number, value)
    if document is None:
        return None
    problems: list[Problem] = list(validate(document))
    typed = check_policy(document, problems)
    if any(problem.severity == "error" for problem in problems):
        return None
    return Policy(Loaded(typed, Sources(document), ()))
