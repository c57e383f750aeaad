"""What is answered while nothing can be recorded: reductions all the same, by the memory as it was last known."""

from dataclasses import replace

from rulecap.audit.asked import Input
from rulecap.audit.errors import LogError
from rulecap.audit.timeline import MOST_ACCOUNTS, Last, fitting, memory_at
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.problems import Problem

Key = tuple[str, str]
"""An account's name, and a policy's."""


class Unlogged:
    """Keeps each account's latest memory, and answers by it what could not be recorded."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._memories: dict[Key, Last] = {}

    def note(self, key: Key, last: Last | None) -> None:
        """Keep a memory, where there is one."""
        if last is None:
            return
        if key not in self._memories and len(self._memories) >= MOST_ACCOUNTS:
            self._memories.clear()
        self._memories[key] = last

    def recall(self, key: Key, last: Last | None) -> None:
        """Keep a memory that was read from the log, unless a later one is known."""
        if key not in self._memories:
            self.note(key, last)

    def known(self, key: Key) -> Last | None:
        """Return a memory that is kept."""
        return self._memories.get(key)

    def answer(
        self, policy: Policy, given: Input, decision: str, problem: Problem, unknown: frozenset[str] = frozenset()
    ) -> Decision:
        """Answer a reduction all the same, and anything else with its `on_error`; both say why it is on no record.

        Args:
            policy: what decides.
            given: the snapshot, or what was to be one.
            decision: which question is asked.
            problem: why it is on no record.
            unknown: paths of the snapshot that are not to be relied on.
        """
        last = self._memories.get((given.account, policy.name))
        memory = None if last is None else fitting(memory_at(last, given.as_of), policy)
        if unknown:
            return policy.partially(given.given, decision, unknown, problem, memory)
        answer = policy.evaluate(given.given, decision, memory)
        if not answer.reduces:
            return policy.refused(decision, problem, memory)
        answer.problems = (*answer.problems, replace(problem, severity="warning"))
        answer.memory = dict(memory or {})
        return answer


def unlogged(error: LogError) -> Problem:
    """Return the problem that a log which cannot be written is."""
    return Problem("unlogged", f"this is not on record: {error}", hint="nothing is entered without a record")
