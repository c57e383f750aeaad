"""The snapshot's types, read off its pydantic model: fields, units, what may be absent."""

import types
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from rulecap.language.types import (
    BOOK,
    FLAG,
    MATRIX,
    NUMBERS,
    TEXT,
    TIME,
    ListOf,
    Optional,
    Record,
    Text,
    Type,
    optional,
    strip,
)
from rulecap.snapshot import Book, Snapshot
from rulecap.units import WHOLE, Unit

RENAMED = {"correlation": MATRIX, "facts": Record({}, "key", "facts")}


@cache
def snapshot_type() -> Record:
    """Return the type of a snapshot; `facts` has no fields until a policy declares them."""
    record = record_of(Snapshot)
    fields = {name: _renamed(name, kind) for name, kind in record.fields.items()}
    return Record(fields, "attribute", "snapshot")


def whole_fields(part: str) -> frozenset[str]:
    """Return the fields that a whole part of the snapshot has, though its model lets them be absent."""
    model = _part_models().get(part)
    if model is None:
        return frozenset()
    return frozenset(name for name, field in model.model_fields.items() if _is_whole(field.annotation, field.metadata))


def record_of(model: type[BaseModel]) -> Record:
    """Return the record type of a pydantic model."""
    fields = {name: _field(field.annotation, list(field.metadata)) for name, field in model.model_fields.items()}
    return Record(fields, "attribute", model.__name__.lower())


def _renamed(name: str, kind: Type) -> Type:
    special = RENAMED.get(name)
    return kind if special is None else Optional(special)


def _is_whole(annotation: Any, metadata: list[Any]) -> bool:
    if WHOLE in metadata:
        return True
    return (
        any(
            _is_whole(inner, [])
            for inner in get_args(annotation)
            if inner is not annotation and not isinstance(inner, str)
        )
        or annotation is WHOLE
    )


@cache
def _part_models() -> dict[str, type[BaseModel]]:
    found = {}
    for name, field in Snapshot.model_fields.items():
        for candidate in (field.annotation, *get_args(field.annotation)):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                found[name] = candidate
    return found


def _field(annotation: Any, metadata: list[Any]) -> Type:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _field(inner, [*metadata, *more])
    if origin in (Union, types.UnionType):
        present = [member for member in get_args(annotation) if member is not type(None)]
        kind = _field(present[0], metadata)
        return optional(kind) if len(present) < len(get_args(annotation)) else kind
    if origin is Literal:
        return Text(frozenset(get_args(annotation)))
    if origin is tuple:
        return ListOf(strip(_field(get_args(annotation)[0], [])))
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: list[Any]) -> Type:
    for mark in metadata:
        if isinstance(mark, Unit):
            return NUMBERS[mark.name]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return BOOK if annotation is Book else record_of(annotation)
    return {bool: FLAG, datetime: TIME, str: TEXT}.get(annotation, TEXT)
