"""What conditions leave possible: whether one can still hold where others hold, or have failed.

It reasons about comparisons of one expression with fixed values, of two expressions with each other, about names and
flags, joined by `and`, `or`, `not`. Where it cannot tell, all is possible. A parameter that is a flag or a name, or
a number at the end of what an input may be, switches something: that is left alone, as it may be another one tomorrow.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

from rulecap.language import types as t
from rulecap.language.terms import Compare, Const, Listing, Logic, Member, Not, Term
from rulecap.language.values import is_number

Key = tuple[object, ...]
DECLARED = "declared"  # in front of the key of what is held to a range; only values that are written out narrow that
OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers that an expression may be; each end is in it or not."""

    low: float = -math.inf
    with_low: bool = True
    high: float = math.inf
    with_high: bool = True

    def where(self, operator: str, value: float) -> "Span | None":
        """Return what is left where the number compares so with a value; none where nothing is."""
        if operator == "!=":
            return None if self.low == self.high == value else self
        low, high = (self.low, not self.with_low), (self.high, self.with_high)
        if operator in (">", ">=", "=="):
            low = max(low, (value, operator == ">"))  # of two low ends at one value, the one without it is the higher
        if operator in ("<", "<=", "=="):
            high = min(high, (value, operator != "<"))
        empty = low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1]))
        return None if empty else Span(low[0], not low[1], high[0], high[1])


@dataclass(frozen=True, slots=True)
class Among:
    """The names, or flags, that an expression may be: only some where they are known, and never others."""

    only: frozenset[object] | None
    never: frozenset[object] = frozenset()

    def where(self, operator: str, values: frozenset[object]) -> "Among | None":
        """Return what is left where it is one of some values (`==`), or none of them (`!=`); none where nothing is."""
        never = self.never if operator == "==" else self.never | values
        only = self.only
        if operator == "==":
            only = values if only is None else only & values
        return None if only is not None and only <= never else Among(only, never)


Facts: TypeAlias = Mapping[Key, Span | Among]
"""What is known of expressions."""


def declared(ranges: Iterable[tuple[Term, float | None, float | None]]) -> Facts:
    """Return what is known where values are held to ranges, both ends included."""
    return {
        (DECLARED, key_of(term)): Span(low=-math.inf if low is None else low, high=math.inf if high is None else high)
        for term, low, high in ranges
    }


def declared_of(facts: Facts, kind: type[Term]) -> Facts:
    """Return what is known by the ranges that values of one kind of term are held to."""
    return {
        key: known
        for key, known in facts.items()
        if key[0] == DECLARED and isinstance(key[1], tuple) and key[1][0] == kind.__name__
    }


def given(facts: Facts, condition: Term, truth: bool) -> Facts | None:
    """Return what is known where a condition has come out as `truth`, too; none where it cannot.

    Args:
        facts: what is known before.
        condition: the condition.
        truth: whether it holds.
    """
    match condition:
        case Const(value=bool() as value, name=""):  # a parameter may be another one tomorrow
            return facts if value is truth else None
        case Not(operand=operand):
            return given(facts, operand, not truth)
        case Logic(operator=operator, operands=operands):
            return _joined(facts, operands, truth, all_of=(operator == "and") is truth)
        case Compare():
            pairs = tuple(_pairs(condition))
            return _joined(facts, pairs, truth, all_of=truth) if len(pairs) > 1 else _compared(facts, pairs[0], truth)
        case Member(item=item, container=Listing(items=items), negated=negated):
            values = [one.value for one in items if isinstance(one, Const) and _is_written(one)]
            known = len(values) == len(items)
            return _among(facts, item, "==" if negated is not truth else "!=", frozenset(values)) if known else facts
    return _among(facts, condition, "==", frozenset({truth})) if condition.type == t.FLAG else facts


def _joined(facts: Facts, conditions: Iterable[Term], truth: bool, *, all_of: bool) -> Facts | None:
    if all_of:
        for one in conditions:
            narrowed = given(facts, one, truth)
            if narrowed is None:
                return None
            facts = narrowed
        return facts
    left = [narrowed for one in conditions if (narrowed := given(facts, one, truth)) is not None]
    return None if not left else left[0] if len(left) == 1 else facts


def _pairs(chain: Compare) -> Iterable[Compare]:
    for left, operator, right in zip(chain.operands, chain.operators, chain.operands[1:], strict=False):
        yield Compare(t.FLAG, left.offset, (left, right), (operator,))


def _compared(facts: Facts, pair: Compare, truth: bool) -> Facts | None:
    (left, right), (operator,) = pair.operands, pair.operators
    operator = operator if truth else OPPOSITE[operator]
    if isinstance(left, Const):
        left, operator, right = right, MIRRORED[operator], left
    if isinstance(left, Const):
        return facts
    if isinstance(right, Const):
        if isinstance(right.value, str | bool):
            return _among(facts, left, operator, frozenset({right.value})) if not right.name else facts
        return _spanned(facts, key_of(left), operator, right) if is_number(right.value) else facts
    a, b = key_of(left), key_of(right)
    if repr(a) > repr(b):
        a, b, operator = b, a, MIRRORED[operator]
    return _spanned(facts, ("between", a, b), operator, Const(t.BARE, 0, 0.0))


def _is_written(name: Const) -> bool:
    return isinstance(name.value, str) and not name.name


def _spanned(facts: Facts, key: Key, operator: str, bound: Const) -> Facts | None:
    assert isinstance(bound.value, int | float)  # it was looked at
    told: dict[Key, Span | Among] = {}
    for one in (key, (DECLARED, key)):
        known = facts.get(one, Span() if one is key else None)
        if not isinstance(known, Span) or (one is not key and bound.name):
            continue
        left = known.where(operator, bound.value)
        if left is None:
            return None
        told[one] = left
    return {**facts, **told}


def _among(facts: Facts, term: Term, operator: str, values: frozenset[object]) -> Facts | None:
    if operator not in ("==", "!="):
        return facts
    key, kind = key_of(term), t.strip(term.type)
    options: frozenset[object] | None = kind.options if isinstance(kind, t.Text) else frozenset({True, False})
    known = facts.get(key, Among(options))
    left = known.where(operator, values) if isinstance(known, Among) else known
    return None if left is None else {**facts, key: left}


def key_of(term: Term) -> Key:
    """Return what two terms have in common where they mean the same, wherever they stand."""
    parts = (getattr(term, one.name) for one in fields(term) if one.name not in ("type", "offset"))
    return type(term).__name__, *(_plain(part) for part in parts)


def _plain(part: object) -> object:
    if isinstance(part, Term):
        return key_of(part)
    return tuple(map(_plain, part)) if isinstance(part, tuple) else part
