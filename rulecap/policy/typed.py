"""A checked policy: every expression with its type, every value with its unit, ready to be planned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rulecap.language.expression import Expression
from rulecap.language.scope import ParameterValue, Reader
from rulecap.language.terms import Term
from rulecap.language.types import Record, Type
from rulecap.location import Location
from rulecap.policy.model import PolicyText
from rulecap.policy.reading import Reading
from rulecap.rules.typed import Typed

OutputTerms = dict[str, "tuple[Expression, Term] | OutputTerms"]
Told = tuple[tuple[Expression, Term] | None, tuple[str | tuple[Expression, Term], ...]]


@dataclass(frozen=True, slots=True)
class DatedParameter:
    """A parameter's values by the time from which each holds, ascending; `location` is the parameter's."""

    values: tuple[tuple[datetime, object], ...]
    location: Location


@dataclass(frozen=True, slots=True)
class TypedMemory:
    """A remembered value: its type, where it starts, what it becomes."""

    type: Type
    start: tuple[Expression, Term]
    next: tuple[Expression, Term]


@dataclass(frozen=True, slots=True)
class InputCheck:
    """What is expected of a path: a range (inclusive), names, or equality with another path; `type` is a fact's."""

    path: str
    low: float | None = None
    high: float | None = None
    names: frozenset[str] | None = None
    same_as: str | None = None
    type: Type | None = None
    optional: bool = True
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class TypedDecision:
    """A decision with its terms.

    Attributes:
        guaranteed: the snapshot's paths that it may rely on.
        verdict: the output that is its verdict, a text; none where it has none.
        opens: the verdicts on which a position is opened.
        watch: the outputs whose changes a monitor tells; none where a monitor does not ask it.
        execute: the output whose reductions a monitor sends; none where it has none.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    guaranteed: frozenset[str]
    hand_over: tuple[tuple[tuple[Expression, Term], str], ...]
    outputs: OutputTerms
    on_error: dict[str, object]
    explain: tuple[Told, ...]
    location: Location
    anyway: bool = False
    verdict: str | None = None
    opens: tuple[str, ...] = ()
    watch: tuple[str, ...] | None = None
    execute: str | None = None

    @property
    def named(self) -> str:
        """What the decision is called among rules and memories; an output is called by that and its own name."""
        return f"decision.{self.name}"


@dataclass(frozen=True, slots=True)
class TypedPanel:
    """A part of an account's history.

    Attributes:
        unit: of the lines; empty where there are none.
        lines: rules that give numbers, by what they are called.
        states: the bands rule whose cases are the states; none where there is none.
        flags: rules that give conditions, by what they are called.
    """

    name: str
    title: str
    unit: str
    lines: Mapping[str, str]
    states: str | None
    flags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TypedPolicy:
    """All of a policy, checked.

    Attributes:
        order: rules and `memory.name`s, each behind what it reads.
        readings: what each rule reads, filled in as plans are made.
        demands: for each of them the optional paths of the snapshot that it cannot do without, and where it reads them.
    """

    text: PolicyText
    snapshot: Record
    parameters: Mapping[str, ParameterValue]
    dated: Mapping[str, DatedParameter]
    rules: Mapping[str, Typed]
    memory: Mapping[str, TypedMemory]
    decisions: Mapping[str, TypedDecision]
    inputs: tuple[InputCheck, ...]
    order: tuple[str, ...]
    demands: Mapping[str, Mapping[str, Reader]]
    history: tuple[TypedPanel, ...] = ()
    readings: dict[str, Reading] = field(default_factory=dict, compare=False, repr=False)
