"""A loaded policy: what a bot holds on to."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from rulecap.engine.decision import Decision
from rulecap.engine.evaluator import Evaluator, Uncompiled
from rulecap.engine.memory import MemoryReader, unchanged
from rulecap.policy.load import Loaded, load, load_as_then, load_files
from rulecap.policy.nodes import Mapping as Document
from rulecap.policy.reading import reading_of
from rulecap.policy.typed import TypedPolicy
from rulecap.problems import PolicyError, Problem, did_you_mean, shown, text_of
from rulecap.snapshot import Snapshot, read_snapshot

Files = tuple[tuple[str, bytes], ...]
MOST_SENT = 16


class Policy:
    """A checked policy. Immutable, safe to share between threads; decisions are compiled when first asked for.

    Attributes:
        name: as the policy file says, with `version` and `title`.
        digest: SHA-256 over the exact bytes and relative names of its files, hexadecimal.
        meaning: the same over what they say, without comments, layout and explanatory texts.
        warnings: findings that do not keep the policy from being used.
    """

    __slots__ = (
        "_evaluators",
        "_loaded",
        "_reader",
        "digest",
        "meaning",
        "name",
        "title",
        "version",
        "warnings",
    )

    def __init__(self, loaded: Loaded) -> None:
        """Take a checked policy."""
        text = loaded.policy.text
        self.name, self.version, self.title = text.name, text.version, text.title
        self.digest, self.meaning = loaded.sources.digest, loaded.sources.meaning
        self.warnings = loaded.warnings
        self._loaded = loaded
        self._reader = MemoryReader(loaded.policy.memory)
        self._evaluators: dict[str, Evaluator] = {}

    @property
    def decisions(self) -> tuple[str, ...]:
        """The names of the decisions, in the files' order."""
        return tuple(self._loaded.policy.decisions)

    @property
    def typed(self) -> TypedPolicy:
        """The checked policy, for tools."""
        return self._loaded.policy

    @property
    def document(self) -> Document:
        """Its merged document with every value's place, for tools."""
        document = self._loaded.sources.document
        assert document is not None  # a policy without one is not loaded
        return document

    @property
    def files(self) -> Mapping[str, bytes]:
        """The exact bytes of its files by relative name."""
        return dict(self._loaded.sources.files)

    def evaluate(
        self, snapshot: object, decision: str = "position", memory: Mapping[str, Any] | None = None
    ) -> Decision:
        """Return a decision on a snapshot; never raises for data.

        Args:
            snapshot: a Snapshot, a dict that follows JSON's rules, or JSON as text or bytes.
            decision: which question is asked.
            memory: what the last decision on this account gave; none at the start.

        Returns:
            The decision. Where the snapshot, the memory or the decision's name is wrong, `ok` is false, `problems` name
            what is wrong, the outputs are the decision's `on_error`, and the memory comes back unchanged.
        """
        # By `type`, here and below: an object's own `__class__` may say anything, or raise.
        evaluator = self._evaluators.get(decision) if type(decision) is str else None
        if evaluator is None:
            evaluator = self._named(decision)
            if evaluator is None:
                return self._unknown(decision, memory)
            decision = evaluator.decision.name
        if type(snapshot) is not Snapshot:
            read = read_snapshot(snapshot)
            if isinstance(read, list):
                return evaluator.refused(decision, memory, read)
            snapshot = read
        if evaluator.hands_over is not None:
            target = evaluator.hands_over(snapshot)
            if isinstance(target, Problem):
                return evaluator.refused(decision, memory, [target], snapshot)
            evaluator = evaluator if target is None else self._compile(target) or evaluator
        return evaluator.evaluate(decision, snapshot, memory)

    def partially(
        self,
        snapshot: object,
        decision: str,
        unknown: frozenset[str],
        problem: Problem,
        memory: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Return as much of a decision about reductions as is known; never raises for data.

        Args:
            snapshot: as for `evaluate`.
            decision: which question is asked.
            unknown: paths of the snapshot, such as `account.net_deposits`, whose values are not to be relied on.
            problem: why.
            memory: as for `evaluate`; it comes back unchanged.

        Returns:
            The decision, with the `on_error` value in place of each output that depends on what is unknown, and the
            problem as a warning. One that is not about reductions is refused.
        """
        evaluator, read = self._named(decision), read_snapshot(snapshot)
        if evaluator is None:
            return self._unknown(decision, memory)
        decision = evaluator.decision.name
        if isinstance(read, list):
            return evaluator.refused(decision, memory, read)
        if evaluator.hands_over is not None:
            asked_of = reading_of([term for (_, term), _ in evaluator.decision.hand_over]).paths
            target = problem if asked_of & unknown else evaluator.hands_over(read)
            if isinstance(target, Problem):
                return evaluator.refused(decision, memory, [target], read)
            evaluator = self._compile(target or decision) or evaluator
        return evaluator.partially(decision, read, memory, unknown, problem)

    def refused(self, decision: str, problem: Problem, memory: Mapping[str, Any] | None = None) -> Decision:
        """Return a decision's fail-closed answer, for a reason outside of the policy; the memory stays."""
        evaluator = self._named(decision)
        if evaluator is None:
            return Decision(shown(decision), "", {}, unchanged(memory), (problem,), ok=False)
        return evaluator.refused(evaluator.decision.name, memory, [problem])

    def verdict_of(self, decision: Decision) -> str | None:
        """Return the verdict of one of this policy's decisions, none where the one that answered has none.

        Which output is the verdict the policy says; where the decision could not be computed it is that of `on_error`.
        """
        answered = self._loaded.policy.decisions.get(decision.answered_by)
        if answered is None or answered.verdict is None:
            return None
        verdict = decision.outputs[answered.verdict]
        return verdict if isinstance(verdict, str) else None

    @property
    def opening(self) -> Mapping[str, tuple[str, ...]]:
        """The decisions that open positions, each with the verdicts on which it does."""
        return {name: one.opens for name, one in self._loaded.policy.decisions.items() if one.opens}

    @property
    def watched(self) -> Mapping[str, tuple[str, ...]]:
        """The decisions that a monitor asks, in the files' order, each with the outputs whose changes it tells."""
        typed = self._loaded.policy.decisions
        return {name: one.watch for name, one in typed.items() if one.watch is not None}

    def reductions_of(self, decision: Decision) -> list[Mapping[str, Any]]:
        """Return the reductions that a decision asks a monitor for: the output that the policy has it execute."""
        answered = self._loaded.policy.decisions.get(decision.answered_by)
        if answered is None or answered.execute is None:
            return []
        return list(decision.outputs[answered.execute] or [])

    def _unknown(self, decision: object, memory: object) -> Decision:
        name = shown(decision)
        hint = did_you_mean(name, self.decisions)
        problem = Problem("unknown-decision", f"the policy has no decision {name}", hint=hint)
        return Decision(name, "", {}, unchanged(memory), (problem,), ok=False)

    def reference(
        self, snapshot: object, decision: str = "position", memory: Mapping[str, Any] | None = None
    ) -> Decision:
        """Return what `evaluate` returns, by the slow reference evaluator that the compiled one is held against."""
        from rulecap.engine.by_reference import evaluate_by_reference

        evaluator = self._named(decision)
        read = read_snapshot(snapshot)
        if evaluator is None or isinstance(read, list):
            return self.evaluate(snapshot, decision, memory)
        decision = evaluator.decision.name
        if evaluator.hands_over is not None:
            target = evaluator.hands_over(read)
            if isinstance(target, Problem):
                return evaluator.refused(decision, memory, [target], read)
            evaluator = self._compile(target or decision) or evaluator
        return evaluate_by_reference(evaluator, decision, read, memory)

    def _named(self, decision: object) -> Evaluator | None:
        """Return what evaluates the decision of a name, none where the policy has no such decision."""
        name = text_of(decision)
        return None if name is None else self._compile(name)

    def _compile(self, decision: str) -> Evaluator | None:
        known = self._evaluators.get(decision)
        typed = self._loaded.policy.decisions.get(decision)
        if known is not None or typed is None:
            return known
        try:
            made: Evaluator = Evaluator(self._loaded.policy, typed, self._reader)
        except (RecursionError, MemoryError) as error:  # the caller's depth may be why: the next question tries again
            return Uncompiled(self._loaded.policy, typed, self._reader, error)
        except (SyntaxError, ValueError) as error:  # too deep or too long for Python
            made = Uncompiled(self._loaded.policy, typed, self._reader, error)
        # Two threads may both compile at first; one result is kept, and both are the same.
        return self._evaluators.setdefault(decision, made)

    def compile(self) -> None:
        """Compile every decision now, so that the first evaluation is as fast as the next.

        Raises:
            PolicyError: a decision is too deep or too long to be compiled; `evaluate` answers it with its `on_error`.
        """
        made = [self._compile(name) for name in self.decisions]
        problems = [one.problem for one in made if isinstance(one, Uncompiled)]
        if problems:
            raise PolicyError(problems)

    def __copy__(self) -> Self:
        """Return the policy itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the policy itself."""
        return self

    def __reduce__(self) -> tuple[Callable[[Files], "Policy"], tuple[Files]]:
        """Have another process load it from its files, once for however many questions it is sent along with."""
        return _sent, (tuple(self.files.items()),)

    def __repr__(self) -> str:
        """Return name, version and the digest's beginning."""
        return f"Policy({self.name!r}, version={self.version!r}, digest={self.digest[:12]!r})"


def load_policy(where: str | Path) -> Policy:
    """Return the policy in a folder, in an overlay file, or of a shipped name.

    Raises:
        PolicyError: with every problem of the policy, each at its file, line and column.
    """
    return Policy(load(where))


def policy_from_files(files: Mapping[str, bytes]) -> Policy:
    """Return the policy that its stored files are, as `Policy.files` gave them.

    Nothing but the files is read: what an overlay extends is among them, whatever a shipped policy says today. So the
    policy has the same digest and gives the same decisions, wherever and whenever it is loaded.

    Args:
        files: the exact bytes by relative name.

    Raises:
        PolicyError: with every problem, also where the files do not make up one policy.
    """
    return Policy(load_files(files))


def policy_on_record(files: Mapping[str, bytes]) -> Policy:
    """Return the policy that its stored files are, as `policy_from_files`, to compute again what it decided.

    What the version that recorded it took, and this one refuses, is among its warnings.

    Raises:
        PolicyError: it was none then either, or this version does not know what it means.
    """
    return Policy(load_as_then(files))


@lru_cache(maxsize=MOST_SENT)
def _sent(files: Files) -> Policy:
    """Return the policy that another process has sent as its files."""
    return policy_from_files(dict(files))
