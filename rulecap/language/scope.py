"""What the names of an expression mean where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from rulecap.language.expression import Expression
from rulecap.language.terms import Field, RuleValue, Term
from rulecap.language.types import Optional, Record, Type
from rulecap.problems import Problem


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of a bands rule or the rows of a table rule.

    Attributes:
        key: the type that a lookup with `.at(…)` takes.
        rows: value and type of each case by its name, in order.
        type: the type of the matched case.
        gives: the type of a lookup; optional where a key may match nothing.
        matched: whether one of them is the rule's own value; a table may have rows and nothing that it looks up.
    """

    key: Type
    rows: Mapping[str, tuple[dict[str, object], Record]]
    type: Record
    gives: Type
    word: str
    matched: bool = True


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter's type and value; `dated` where the value depends on the snapshot's time."""

    type: Type
    value: object
    dated: bool = False


# An expression that reads something, and where in it.
Reader = tuple[Expression, int]


class Vocabulary(Protocol):
    """All that a policy names."""

    snapshot: Record
    parameters: Mapping[str, ParameterValue]

    def rule_names(self) -> frozenset[str]:
        """Return the names of all rules."""

    def memory_names(self) -> frozenset[str]:
        """Return the names in memory."""

    def rule_type(self, name: str) -> Type:
        """Return the type of a rule's value."""

    def rule_kind(self, name: str) -> str:
        """Return the kind of a rule."""

    def cases(self, name: str) -> Cases | None:
        """Return the cases of a bands or table rule."""

    def memory_type(self, name: str) -> Type:
        """Return the type of a remembered value."""


def lacking(scope: "Scope", term: Term) -> str:
    """Return, of a column that is absent in some cases of a bands or table rule, which ones; empty for all else."""
    path: list[str] = []
    while isinstance(term, Field):
        path.insert(0, term.name)
        term = term.base
    cases = scope.vocabulary.cases(term.name) if isinstance(term, RuleValue) else None
    if cases is None or not path or isinstance(term.type, Optional):
        return ""
    without = [name for name, (value, _) in cases.rows.items() if _at(value, path) is None]
    return f": {', '.join(without)} has none" if len(without) == 1 else f": {', '.join(without)} have none"


def _at(value: object, path: Sequence[str]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@dataclass(slots=True)
class Scope:
    """The vocabulary, the names bound around an expression, what is known to be present, and the findings so far."""

    vocabulary: Vocabulary
    problems: list[Problem]
    demands: dict[str, Reader] = field(default_factory=dict)
    locals: Mapping[str, Type] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    def bind(self, /, **names: Type) -> "Scope":
        """Return a scope with more names; problems and demands stay shared."""
        return replace(self, locals={**self.locals, **names})

    def knowing(self, names: frozenset[str]) -> "Scope":
        """Return a scope where more names are known to be present."""
        return replace(self, known=self.known | names) if names - self.known else self
