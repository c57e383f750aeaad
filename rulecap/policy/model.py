"""A policy as it is written: parameters, memory, inputs and decisions as frozen models, rules by their kind."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from rulecap.language.expression import Expression, expression
from rulecap.policy.nodes import Mapping, Scalar, Sequence
from rulecap.rules.parts import Entries, Formula, Items, Part, Rule, Says, Words, Written

Outputs = dict[str, "Expression | Outputs"]


def _outputs(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _outputs(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not value.items:
        return expression(Scalar("[]", "[]", value.source, value.line, value.column))
    return expression(value) if isinstance(value, Scalar) else value


def _flag(value: object) -> object:
    return value.value if isinstance(value, Scalar) else value


def _say(value: object) -> object:
    if isinstance(value, Scalar):
        return Say.model_validate({"node": value, "say": value})
    return Say.model_validate(value) if isinstance(value, Mapping) else value


class DatedValue(Part):
    """A parameter's value from a day on."""

    start: Words = Field(alias="from")
    value: Written = Field(alias="is")


class Parameter(Part):
    """A number or name that a risk manager sets; dated values take turns by the snapshot's time."""

    value: Written = None
    values: Annotated[tuple[DatedValue, ...], Items] = ()
    unit: Words | None = None
    type: Words | None = None
    range: Written = None


class Remembered(Part):
    """A value that is carried from one evaluation to the next."""

    start: Formula
    next: Formula
    unit: Words | None = None
    type: Words | None = None


class Input(Part):
    """What the policy expects of a value of the snapshot, beyond the snapshot's schema."""

    one_of: Written = None
    range: Written = None
    unit: Words | None = None
    type: Words | None = None
    optional: Annotated[bool, BeforeValidator(_flag)] = False
    same_as: Words | None = None


class HandOver(Part):
    """A condition under which another decision answers."""

    when: Formula = Field(alias="if")
    to: Words


class Say(Part):
    """A line of the explanation, said where its condition holds."""

    when: Formula | None = Field(default=None, alias="if")
    say: Says


Named: TypeAlias = Any  # the scalar that names a rule, kept as it is: a finding stands at its place

if TYPE_CHECKING:
    SayLine: TypeAlias = Say
    OutputTree: TypeAlias = "Outputs"
else:
    SayLine = Annotated[Any, BeforeValidator(_say)]
    OutputTree = Annotated[Any, BeforeValidator(_outputs)]


class Decision(Part):
    """A question and the names of its answers; `verdict` is the one that decisions are counted and looked up by.

    On the verdicts of `opens` a position is opened, with the signal's score.

    What a monitor asks has `watch`: the outputs whose changes it tells; `execute` is the one whose reductions it sends.

    With `answers_anyway` the policy's own ranges do not keep it from answering, nor does a memory that cannot be used:
    only what depends on that memory then has its `on_error` value. It is for decisions about reductions.
    """

    requires: Annotated[tuple[Words, ...], Items] = ()
    hand_over: Annotated[tuple[HandOver, ...], Items] = ()
    outputs: OutputTree
    on_error: Written
    explain: Annotated[tuple[SayLine, ...], Items] = ()
    verdict: Words | None = None
    opens: Annotated[tuple[Words, ...], Items] = ()
    answers_anyway: Annotated[bool, BeforeValidator(_flag)] = False
    watch: Annotated[tuple[Words, ...] | None, Items] = None
    execute: Words | None = None


class Panel(Part):
    """A part of an account's history: rules whose values are lines, states or flags over time."""

    lines: Annotated[dict[str, Named], Entries] = Field(default_factory=dict)
    states: Named | None = None
    flags: Annotated[dict[str, Named], Entries] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy as written: the merged document's parts by name, in order.

    Attributes:
        node: the merged document.
        name: the policy's name, version and title as written.
        inputs: by dotted path.
    """

    node: Mapping
    name: str
    version: str
    title: str
    inputs: MappingType[str, Input]
    parameters: MappingType[str, Parameter]
    memory: MappingType[str, Remembered]
    decisions: MappingType[str, Decision]
    rules: MappingType[str, Rule]
    history: MappingType[str, Panel]
