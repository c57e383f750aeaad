"""What a plain YAML value is, by YAML 1.2's core schema: `no` and `12:30` are texts, `010` is ten, `1e3` a number."""

import math
import re

BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
# Python's int() takes quadratic time in the digits, and no policy counts that far.
LONGEST_NUMBER = 40
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")

PlainValue = str | int | float | bool | None


class NotANumber(ValueError):
    """A text is written as a number that a policy cannot hold: endless, or far too long."""


def plain_value(text: str) -> PlainValue:
    """Return what a plain text is.

    Raises:
        NotANumber: it is written as a number, but as one that is not finite or has too many digits.
    """
    if text[:1] in _NUMBER_STARTS:
        return _number(text)
    if text in BOOLEANS:
        return BOOLEANS[text]
    return None if text in NULLS else text


def tagged_value(text: str, tag: str) -> PlainValue:
    """Return what a text is under one of the core schema's tags: str, int, float, bool, null.

    Raises:
        ValueError: the text is not such a value, or the tag is another one.
    """
    if tag == "str":
        return text
    value = plain_value(text)
    if tag == "float" and type(value) is int:
        return float(value)
    if {"int": int, "float": float, "bool": bool, "null": type(None)}.get(tag) is not type(value):
        raise ValueError(f"{text!r} is not a {tag}")
    return value


def _number(text: str) -> str | int | float:
    """Return the number, or the text where it only begins like one."""
    if _INTEGER.match(text):
        return int(_bounded(text))
    if _FLOAT.match(text):
        return _finite(float(_bounded(text)))
    if _BASED.match(text):
        return int(_bounded(text), 0)
    if _NOT_FINITE.match(text):
        raise NotANumber
    return text


def _bounded(text: str) -> str:
    """Return the digits if they are few enough."""
    if len(text) > LONGEST_NUMBER:
        raise NotANumber
    return text


def _finite(number: float) -> float:
    """Return the number if there is one."""
    if not math.isfinite(number):
        raise NotANumber
    return number
