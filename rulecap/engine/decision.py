"""A decision: what to do, what was wrong, what to remember, and how it came about."""

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn

from rulecap.problems import Problem

if TYPE_CHECKING:
    from rulecap.engine.trace import Trace
    from rulecap.snapshot import Snapshot

MOST_SHOWN = 5


class Decision:
    """The answer to one evaluation. Outputs and memory are plain dicts of JSON types and belong to the caller.

    Attributes:
        decision: the decision that was asked for.
        answered_by: the decision that answered; another one where the asked one handed over.
        outputs: the answers by name; the decision's `on_error` where it could not be made.
        memory: what to give to the next evaluation; the given one, unchanged, where something was wrong.
        problems: what was wrong, empty where nothing was.
        ok: whether the outputs are computed ones.
    """

    __slots__ = (
        "_partial",
        "_snapshot",
        "_steps",
        "answered_by",
        "decision",
        "memory",
        "ok",
        "outputs",
        "problems",
        "record_id",
    )

    def __init__(  # noqa: PLR0913, PLR0917  # it is a record of one evaluation, made in one place
        self,
        decision: str,
        answered_by: str,
        outputs: dict[str, Any],
        memory: dict[str, Any],
        problems: tuple[Problem, ...] = (),
        ok: bool = True,
        snapshot: Any = None,
        steps: Any = None,
        partial: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the parts; the trace is made of `steps` when it is asked for."""
        self.decision, self.answered_by = decision, answered_by
        self.outputs, self.memory = outputs, memory
        self.problems, self.ok = problems, ok
        self.record_id: str | None = None
        self._snapshot, self._steps, self._partial = snapshot, steps, partial

    @property
    def advanced(self) -> bool:
        """Whether the memory is the next one; else it is the given one, handed back as it was."""
        return self.ok and not self.problems

    @property
    def snapshot(self) -> "Snapshot | None":
        """The snapshot that was evaluated, none where it could not be read or the policy has no such decision."""
        kept: Snapshot | None = self._snapshot
        return kept

    @property
    def reduces(self) -> bool:
        """Whether the decision that answered is one about reductions, which the policy has answer anyway."""
        return self._steps is not None and bool(self._steps[0].decision.anyway)

    @property
    def steps(self) -> dict[str, Any]:
        """The value of every evaluated rule in order, as JSON types; after a failure, of those before it."""
        from rulecap.engine.outputs import json_value

        return {name: json_value(value) for name, value in self._values().items()}

    def steps_json(self) -> bytes:
        """Return `steps` as JSON, several times quicker than taking every value apart first."""
        from rulecap.engine.outputs import json_text

        return json_text(self._values())

    def _values(self) -> dict[str, Any]:
        """Return the values of the rules as evaluation kept them, without the memory's."""
        if self._steps is not None and self._steps[1] is not None:
            evaluator, values = self._steps
            computed: dict[str, Any] = evaluator.of_rules(values)
            return computed
        return {name: value for name, value in (self._partial or {}).items() if not name.startswith("memory.")}

    @property
    def trace(self) -> "Trace":
        """How the decision came about, rendered when it is asked for."""
        from rulecap.engine.trace import Trace

        return Trace(self, self._snapshot, self._steps, self._partial or {})

    def __copy__(self) -> "Decision":
        """Return another decision with outputs and memory of its own."""
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> "Decision":
        """Return another decision with outputs and memory of its own; what its trace is made of is the same."""
        outputs, memory = deepcopy(self.outputs, memo), deepcopy(self.memory, memo)
        parts = self.problems, self.ok, self._snapshot, self._steps, self._partial
        copied = Decision(self.decision, self.answered_by, outputs, memory, *parts)
        copied.record_id = self.record_id
        return copied

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: what the trace is made of is compiled code."""
        raise TypeError(
            "a decision cannot be sent to another process, since its trace is made by the compiled policy: "
            "send its outputs, memory and problems, and trace.to_json() where the trace is wanted"
        )

    def __repr__(self) -> str:
        """Return a short text: the outputs, and what was wrong by its place and code."""
        told = [f"{one.path}: {one.code}" if one.path else one.code for one in self.problems[:MOST_SHOWN]]
        told += [f"and {len(self.problems) - MOST_SHOWN} more"] if len(self.problems) > MOST_SHOWN else []
        record = f", record_id={self.record_id!r}" if self.record_id is not None else ""
        wrong = f", problems={told!r}" if told else ""
        return f"Decision({self.decision!r}, ok={self.ok}, outputs={self.outputs!r}{wrong}{record})"
