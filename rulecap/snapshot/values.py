"""The single values of a snapshot: names, moments, facts, levels of a book, and the bounds on how many there are."""

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rulecap.units import PRICE, QUANTITY, RATIO, Unit

LONGEST_TEXT = 64
MOST_POSITIONS, MOST_ASSETS, MOST_LEVELS, MOST_BRACKETS, MOST_FACTS = 10_000, 1_000, 5_000, 200, 200
MOST_TRADES = 10**12
LARGEST_WHOLE = 2**63
# Correlations computed in floating point miss their symmetry, their ones and their bounds by a few last digits.
CORRELATION_TOLERANCE = 1e-9

TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def _utc(value: object) -> datetime:
    """Return an aware datetime or ISO-8601 text with a zone as UTC; a number or a time without a zone is refused."""
    moment = _time_of(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise PydanticCustomError("wrong-type", "must be a time as ISO-8601 text, such as 2026-01-31T12:00:00Z")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise PydanticCustomError("naive-time", "has no time zone: end it with Z (UTC) or an offset such as +02:00")
    try:
        utc = moment.astimezone(UTC)
        # pandas' Timestamp is a datetime too, with nanoseconds that no record holds.
        return utc if type(utc) is datetime else datetime.combine(utc.date(), utc.time(), UTC)
    except OverflowError:
        raise PydanticCustomError("out-of-range", "must be a time within the years 1 to 9999 in UTC") from None


def _time_of(text: str) -> datetime:
    """Return the datetime that the text is; one narrow form, so that every Python version reads the same."""
    if TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise PydanticCustomError("wrong-type", "must be a time as ISO-8601 text, such as 2026-01-31T12:00:00Z")


def _fact(value: object) -> float | int | str | bool:
    """Return a fact: a finite number, a text of at most 64 characters, true or false."""
    # The base types' own methods give exactly that type, whatever a derived class makes of it.
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _fact_text(str.__getitem__(value, slice(None)))
    if isinstance(value, int):
        whole = int.__pos__(value)
        if not -LARGEST_WHOLE <= whole <= LARGEST_WHOLE:
            raise PydanticCustomError("out-of-range", "must be a whole number of at most 19 digits")
        return whole
    if isinstance(value, float):
        number = float.__pos__(value)
        if not isfinite(number):
            raise PydanticCustomError("not-finite", "must be a finite number")
        return number
    raise PydanticCustomError("wrong-type", "must be a number, a text, true or false")


def _fact_text(text: str) -> str:
    """Return a text that is short enough and can be written into a record: a lone surrogate cannot."""
    if len(text) > LONGEST_TEXT:
        raise PydanticCustomError("out-of-range", "must be at most 64 characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("wrong-type", "must be a text that UTF-8 can write")
    return text


class Ordered:
    """Marks a list that Python may not hand in as a set: its order would be another one in each process."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Look at Python's values alone: what JSON has is a list."""
        schema = handler(source)
        looked_at = core_schema.no_info_before_validator_function(_in_order, schema)
        return core_schema.json_or_python_schema(json_schema=schema, python_schema=looked_at)


SETS = frozenset({set, frozenset})


def _in_order(value: object) -> object:
    """Return a value that is no set and, where it is a list, has none in it."""
    within = value if isinstance(value, list | tuple) else ()
    if isinstance(value, set | frozenset) or not SETS.isdisjoint(map(type, within)):
        raise PydanticCustomError("wrong-type", "must be a list: a set has no order")
    return value


FACT_SCHEMA = {"type": ["number", "string", "boolean"], "maxLength": LONGEST_TEXT}
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Moment = Annotated[datetime, BeforeValidator(_utc)]
Fact = Annotated[Any, PlainValidator(_fact), WithJsonSchema(FACT_SCHEMA)]
BookSide = Annotated[
    tuple[
        Annotated[
            tuple[Annotated[float, Field(gt=0), Unit(PRICE)], Annotated[float, Field(ge=0), Unit(QUANTITY)]],
            Field(strict=False),
        ],
        ...,
    ],
    Field(strict=False, min_length=1, max_length=MOST_LEVELS, fail_fast=True),
    Ordered(),
]
Correlation = Annotated[float, Field(ge=-1 - CORRELATION_TOLERANCE, le=1 + CORRELATION_TOLERANCE), Unit(RATIO)]
Correlations = Annotated[
    tuple[Annotated[tuple[Correlation, ...], Field(strict=False, max_length=MOST_ASSETS, fail_fast=True)], ...] | None,
    Field(
        strict=False,
        max_length=MOST_ASSETS,
        fail_fast=True,
        description="Correlations of returns, in the order of assets.",
    ),
]
