"""What terms read: other rules, the memory, the snapshot's paths, dated parameters."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from rulecap.language import types as t
from rulecap.language.functions import FUNCTIONS
from rulecap.language.inputs import snapshot_type
from rulecap.language.terms import Adjustments, Call, Dated, Field, Read, Remembered, RuleValue, Term, walk


@dataclass(frozen=True, slots=True)
class Reading:
    """What some terms read.

    Attributes:
        names: rules, and remembered values as `memory.name`.
        paths: the snapshot's paths, elements' fields included (`positions.score`).
        adjusted: rules whose adjustments are listed.
        dated: dated parameters.
    """

    names: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    adjusted: frozenset[str] = frozenset()
    dated: frozenset[str] = frozenset()

    @property
    def remembers(self) -> bool:
        """Whether the memory is read directly."""
        return any(name.startswith("memory.") for name in self.names)


def reading_of(terms: Iterable[Term]) -> Reading:
    """Return what terms read."""
    parts = [one for term in terms for one in walk(term)]
    adjusted = frozenset(rule for one in parts if isinstance(one, Adjustments) for rule in one.rules)
    return Reading(
        frozenset(name for one in parts for name in _names(one)) | adjusted,
        frozenset(path for one in parts for path in _paths(one)),
        adjusted,
        frozenset(one.name for one in parts if isinstance(one, Dated)),
    )


def joined(readings: Iterable[Reading]) -> Reading:
    """Return what several read together."""
    many = list(readings)
    return Reading(
        frozenset().union(*(one.names for one in many)),
        frozenset().union(*(one.paths for one in many)),
        frozenset().union(*(one.adjusted for one in many)),
        frozenset().union(*(one.dated for one in many)),
    )


def _names(term: Term) -> Iterator[str]:
    if isinstance(term, RuleValue):
        yield term.name
    elif isinstance(term, Remembered):
        yield f"memory.{term.name}"


@cache
def element_lists() -> Mapping[str, str]:
    """Return the snapshot's lists of records by the word of an element, as `market.brackets` by `bracket`."""
    found: dict[str, str] = {}
    todo: list[tuple[str, t.Type]] = list(snapshot_type().fields.items())
    while todo:
        path, kind = todo.pop()
        inner = t.strip(kind)
        if isinstance(inner, t.ListOf) and isinstance(inner.item, t.Record):
            found[inner.item.word] = path
        elif isinstance(inner, t.Record):
            todo += [(f"{path}.{name}", part) for name, part in inner.fields.items()]
    return found


def _paths(term: Term) -> Iterator[str]:
    """Yield the snapshot's paths that one term reads; of a list of records, the fields that a function takes."""
    if isinstance(term, Read):
        yield term.path
    elif isinstance(term, Field):
        record = t.strip(term.base.type)
        if isinstance(record, t.Record) and record.access == "attribute" and record.word in element_lists():
            yield f"{element_lists()[record.word]}.{term.name}"
    elif isinstance(term, Call) and term.function in FUNCTIONS:
        for argument, (_, wanted) in zip(term.arguments, FUNCTIONS[term.function].parameters, strict=True):
            yield from _fields_taken(argument.type, wanted)


def _fields_taken(given: t.Type, wanted: t.Type) -> Iterator[str]:
    """Yield the fields of a list's records that a function takes."""
    kind, parameter = t.strip(given), t.strip(wanted)
    if not (isinstance(kind, t.ListOf) and isinstance(kind.item, t.Record) and kind.item.word in element_lists()):
        return
    if isinstance(parameter, t.ListOf) and isinstance(parameter.item, t.Record):
        yield from (f"{element_lists()[kind.item.word]}.{name}" for name in parameter.item.fields)
