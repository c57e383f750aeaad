"""Values as JSON types: outputs and memory, fresh at each evaluation, so that a caller may change them."""

from datetime import datetime

import orjson
from pydantic import BaseModel
from pydantic_core import to_json

from rulecap.language import types as t
from rulecap.language.calls import ADJUSTMENTS
from rulecap.language.values import ANY, iso
from rulecap.rules.code import Code
from rulecap.rules.typed import is_scalar


def json_value(value: object) -> object:
    """Return a value as JSON types, copied."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {name: json_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, BaseModel):
        return {name: json_value(getattr(value, name)) for name in type(value).model_fields}
    if value is ANY:
        return "any"
    raise TypeError(f"{type(value).__name__} is no value of the language")


# What orjson would write by rules of its own is taken apart here, by the one rule that there is.
OURS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def json_text(value: object) -> bytes:
    """Return a value as JSON in UTF-8: the bytes that pydantic would write, in a quarter of the time.

    Raises:
        ValueError: it is no value of the language.
    """
    try:
        return orjson.dumps(value, json_value, OURS)
    except orjson.JSONEncodeError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, Exception):
            raise error.__cause__ from None  # a Ctrl-C that came while a value was taken apart
        return to_json(value, fallback=json_value)  # a whole number beyond 64 bits, or what this refuses too


def output_source(code: Code, source: str, kind: t.Type) -> str:
    """Return Python source that makes JSON types of a value; plain cases are written out because they are most."""
    inner = t.strip(kind)
    if inner == t.TIME:
        iso_of = code.emitter.named("f_iso", iso)
        return (
            f"(None if {source} is None else {iso_of}({source}))"
            if isinstance(kind, t.Optional)
            else f"{iso_of}({source})"
        )
    if kind == ADJUSTMENTS:  # made for this output
        return source
    if is_scalar(inner):
        return source
    if isinstance(inner, t.ListOf) and not inner.holds_any and not isinstance(kind, t.Optional):
        if is_scalar(inner.item) and inner.item != t.TIME:
            return f"list({source})"
        if (
            isinstance(inner.item, t.Record)
            and inner.item.access == "key"
            and all(_flat(part) for part in inner.item.fields.values())
        ):
            return f"list(map(dict, {source}))"
    return f"{code.emitter.named('f_json', json_value)}({source})"


def _flat(kind: t.Type) -> bool:
    return is_scalar(kind) and t.strip(kind) != t.TIME
