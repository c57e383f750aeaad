"""Two policies asked the same: which answers differ, output by output."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy

PLACE = {"file", "line"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What two policies answer.

    Attributes:
        before: the first one's decision.
        after: the second one's.
        verdicts: their verdicts, none where there is none.
        changed: the outputs that differ, each with both values; none where one has no such output.
    """

    before: Decision
    after: Decision
    verdicts: tuple[str | None, str | None]
    changed: Mapping[str, tuple[Any, Any]]

    @property
    def differ(self) -> bool:
        """Whether a bot would see a difference."""
        return bool(self.changed) or self.before.ok != self.after.ok


def compare(
    before: Policy, after: Policy, snapshot: object, decision: str, memory: Mapping[str, Any] | None = None
) -> Answers:
    """Return what both answer on a snapshot and a memory; each reads of the memory what it remembers itself."""
    first, second = (policy.evaluate(snapshot, decision, _remembered(policy, memory)) for policy in (before, after))
    ours, theirs = dict(_leaves(first.outputs)), dict(_leaves(second.outputs))
    changed = {
        name: (ours.get(name), theirs.get(name))
        for name in dict.fromkeys([*ours, *theirs])
        if _said(ours.get(name)) != _said(theirs.get(name)) or (name in ours) != (name in theirs)
    }
    return Answers(first, second, (before.verdict_of(first), after.verdict_of(second)), changed)


def _remembered(policy: Policy, memory: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what this policy remembers of a memory, as the log hands it to another version."""
    return None if memory is None else {name: memory[name] for name in policy.typed.memory if name in memory}


def _leaves(outputs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in outputs.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _said(value: Any) -> Any:
    """Return a value without the places in files that a list of adjustments names: another policy has others."""
    if isinstance(value, list | tuple):
        return [_said(item) for item in value]
    if isinstance(value, Mapping):
        return {name: part for name, part in value.items() if not (isinstance(part, Mapping) and part.keys() == PLACE)}
    return value
