"""The pydantic models that rules are read into: every part remembers the node that it was read from."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from rulecap.language.expression import Expression, Template, expression, template
from rulecap.location import Location
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, problem_at
from rulecap.problems import Problem


def _text(value: object) -> object:
    return value.text if isinstance(value, Scalar) else value


def _expression(value: object) -> object:
    return expression(value) if isinstance(value, Scalar) else value


def _template(value: object) -> object:
    return template(value) if isinstance(value, Scalar) else value


def _items(value: object) -> object:
    return value.items if isinstance(value, Sequence) else value


def _entries(value: object) -> object:
    return dict(value.items()) if isinstance(value, Mapping) else value


Words = Annotated[str, BeforeValidator(_text)]
if TYPE_CHECKING:
    Formula: TypeAlias = Expression
    Says: TypeAlias = Template
    Place: TypeAlias = Mapping
    Key: TypeAlias = Scalar
else:  # pydantic would take these dataclasses apart; they are read here and then kept as they are
    Formula = Annotated[Any, BeforeValidator(_expression)]
    Says = Annotated[Any, BeforeValidator(_template)]
    Place = Any
    Key = Any
Items = BeforeValidator(_items)
Entries = BeforeValidator(_entries)
Formulas = Annotated[dict[str, Formula], Entries]
Written = Any  # a node of the document, read as a literal when the policy is checked


class Part(BaseModel):
    """A mapping of the policy file; unknown keys were refused by the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    node: Place
    title: Words | None = None
    why: Says | None = None
    source: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _open(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**cls._keys(dict(value.items())), "node": value}

    @classmethod
    def _keys(cls, parts: dict[str, Node]) -> dict[str, Any]:
        return dict(parts)

    @property
    def location(self) -> Location:
        """Where the part stands."""
        return self.node.location

    @property
    def because(self) -> str:
        """The `why:` as written, empty where there is none."""
        return self.why.scalar.text if self.why else ""


class Named(Part):
    """A part with a name that no other one beside it has."""

    name: Words


def repeated_names(parts: Iterable[Named], what: str, problems: list[Problem]) -> None:
    """Note every second part of one name; `what` says what they are, such as `case`."""
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            message = f"there is a {what} named {part.name} already"
            hint = f"every {what} has a name of its own; overlays name it by that"
            problems.append(problem_at(part.node.get("name") or part.node, "duplicate-case", message, hint))
        seen.add(part.name)


class Case(Named):
    """A case of a bands rule or a row of a table rule: a name, what selects it, and columns."""

    SELECTORS: ClassVar[frozenset[str]] = frozenset()

    columns: dict[str, Written]

    @classmethod
    def _keys(cls, parts: dict[str, Node]) -> dict[str, Any]:
        own = {"name", "title", "why", "source", *cls.SELECTORS}
        kept: dict[str, Any] = {name: part for name, part in parts.items() if name in own}
        return {**kept, "columns": {name: part for name, part in parts.items() if name not in own}}


class Rule(Part):
    """A rule of any kind."""

    name: str
    key: Key
    kind: Words
    unit: Words | None = None

    @classmethod
    def read(cls, key: Scalar, node: Mapping) -> Self:
        """Return the rule under a key; raises pydantic.ValidationError where the schema would have refused it."""
        parts = cls._keys(dict(node.items()))
        return cls.model_validate(
            {**parts, "kind": _text(parts.get("kind")), "node": node, "name": key.text, "key": key}
        )

    @property
    def location(self) -> Location:
        """Where the rule's name stands."""
        return self.key.location


def expressions_of(value: object) -> list[Expression]:
    """Return all expressions in a part, in order."""
    if isinstance(value, Expression):
        return [value]
    if isinstance(value, Template):
        return list(value.expressions)
    if isinstance(inner := getattr(value, "expression", None), Expression):  # `positions as p`
        return [inner]
    if isinstance(value, BaseModel):
        # A rule's or case's `why` is said as it is written; that of a step or check is computed.
        skipped = ("node", "key", "why") if isinstance(value, Rule | Case) else ("node", "key")
        names = [name for name in type(value).model_fields if name not in skipped]
        return [found for name in names for found in expressions_of(getattr(value, name))]
    if isinstance(value, tuple | list):
        return [found for item in value for found in expressions_of(item)]
    if isinstance(value, dict):
        return [found for item in value.values() for found in expressions_of(item)]
    return []
