"""Types of values: numbers with a unit, names, flags, times, records and lists, each possibly absent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from rulecap import units

BASES = ("percent", "USD", "quantity", "hours", "seconds")
Powers = tuple[int, int, int, int, int]
PURE: Powers = (0, 0, 0, 0, 0)


class Type:
    """Base of all types."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Number(Type):
    """A number: powers of the base units, and for pure numbers what they count (`bare` is a literal without unit)."""

    powers: Powers
    tag: str = ""

    def __str__(self) -> str:
        """Return the unit's name, or the product of powers where it has none."""
        if self in NAMES_OF:
            return NAMES_OF[self]
        parts = [
            base if power == 1 else f"{base}^{power}" for base, power in zip(BASES, self.powers, strict=True) if power
        ]
        return "·".join(parts) or self.tag


@dataclass(frozen=True, slots=True)
class Text(Type):
    """A name; `options` are all it can be, where that is known."""

    options: frozenset[str] | None = None

    def __str__(self) -> str:
        """Return a word for messages."""
        return "name"


@dataclass(frozen=True, slots=True)
class Plain(Type):
    """A type without parts: flag, time, none, book, correlation matrix, or unknown after an error."""

    word: str

    def __str__(self) -> str:
        """Return its word."""
        return self.word


@dataclass(frozen=True, slots=True)
class ListOf(Type):
    """A list; `holds_any` where the literal `any` may stand for a list of names that holds every name."""

    item: Type
    holds_any: bool = False

    def __str__(self) -> str:
        """Return a phrase for messages."""
        plural = "s" if isinstance(self.item, Text | Record) else ""
        return f"list of {self.item}{plural}"


@dataclass(frozen=True, slots=True)
class Record(Type):
    """Named fields; `access` says whether the value is an object (attributes) or a mapping (keys)."""

    fields: Mapping[str, Type] = field(hash=False)
    access: Literal["attribute", "key"] = "key"
    word: str = "record"

    def __str__(self) -> str:
        """Return its word."""
        return self.word


@dataclass(frozen=True, slots=True)
class Optional(Type):
    """A value that may be absent (`none`)."""

    inner: Type

    def __str__(self) -> str:
        """Return a phrase for messages."""
        return f"{self.inner} or none"


FLAG, TIME, NOTHING, BOOK, MATRIX = (
    Plain("flag"),
    Plain("time"),
    Plain("none"),
    Plain("book"),
    Plain("correlation matrix"),
)
UNKNOWN = Plain("unknown")
TEXT = Text()

NUMBERS: dict[str, Number] = {
    units.PERCENT: Number((1, 0, 0, 0, 0)),
    units.RATIO: Number(PURE, units.RATIO),
    units.USD: Number((0, 1, 0, 0, 0)),
    units.PRICE: Number((0, 1, -1, 0, 0)),
    units.QUANTITY: Number((0, 0, 1, 0, 0)),
    units.LEVERAGE: Number(PURE, units.LEVERAGE),
    units.HOURS: Number((0, 0, 0, 1, 0)),
    units.SECONDS: Number((0, 0, 0, 0, 1)),
    units.SCORE: Number(PURE, units.SCORE),
    units.COUNT: Number(PURE, units.COUNT),
}
BARE = Number(PURE, "bare")
NAMES_OF: dict[Number, str] = {number: name for name, number in NUMBERS.items()} | {BARE: "number without unit"}
PERCENT, RATIO, USD, PRICE, QUANTITY = (NUMBERS[name] for name in units.UNITS[:5])
LEVERAGE, HOURS, SECONDS, SCORE, COUNT = (NUMBERS[name] for name in units.UNITS[5:])
RANGES = {units.RATIO: " (0 to 1)", units.SCORE: " (0 to 100)"}
ADAPTS = frozenset({units.RATIO, units.SCORE, units.COUNT, "bare"})
NEUTRAL = frozenset({units.RATIO, "bare"})


def declared(name: str) -> Type:
    """Return the type that a `unit:` or `type:` word names."""
    return NUMBERS.get(name) or {"flag": FLAG, "time": TIME, "text": TEXT}[name]


def described(kind: Type) -> str:
    """Return what a value is, as a sentence says it: `a percent`, `in USD`, `an account`."""
    if isinstance(kind, Optional):
        return f"{described(kind.inner)} or none"
    word = str(kind)
    if kind in (NOTHING, UNKNOWN):
        return word
    if isinstance(kind, Number) and (kind in (USD, HOURS, SECONDS) or kind not in NAMES_OF):
        return f"in {word}"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}{RANGES.get(word, '')}"


def strip(kind: Type) -> Type:
    """Return the type without its possible absence."""
    return kind.inner if isinstance(kind, Optional) else kind


def optional(kind: Type) -> Type:
    """Return the type with possible absence."""
    return kind if isinstance(kind, Optional) or kind in (NOTHING, UNKNOWN) else Optional(kind)


def same_unit(a: Number, b: Number) -> Number | None:
    """Return the unit of both where they can be added or compared, else none."""
    if a == b:
        return a
    if a.powers == b.powers == PURE and "bare" in (a.tag, b.tag) and {a.tag, b.tag} <= ADAPTS:
        return a if b.tag == "bare" else b
    return None


def product(a: Number, b: Number) -> Number | None:
    """Return the unit of a product; none where a percent would be multiplied as if it were a ratio."""
    powers = tuple(x + y for x, y in zip(a.powers, b.powers, strict=True))
    mixed = PERCENT in (a, b) and a.powers != PURE and b.powers != PURE
    return None if mixed else _number(powers, _tag_of_product(a.tag, b.tag))


def quotient(a: Number, b: Number) -> Number:
    """Return the unit of a quotient."""
    powers = tuple(x - y for x, y in zip(a.powers, b.powers, strict=True))
    if a.powers != PURE or b.powers != PURE:
        return _number(powers, units.RATIO)
    if b.tag in NEUTRAL and a.tag != "bare":
        return a
    return BARE if a.tag == b.tag == "bare" else RATIO


def _number(powers: tuple[int, ...], tag: str) -> Number:
    percent, money, quantity, hours, seconds = powers
    pure = powers == PURE
    return Number((percent, money, quantity, hours, seconds), tag if pure else "")


def _tag_of_product(a: str, b: str) -> str:
    if a in NEUTRAL or b in NEUTRAL:
        tagged = [tag for tag in (a, b) if tag not in NEUTRAL]
        return tagged[0] if tagged else ("bare" if a == b == "bare" else units.RATIO)
    others = [tag for tag in (a, b) if tag != units.COUNT]
    return others[0] if len(others) == 1 else units.RATIO  # so many of something are of its unit


def unify(a: Type, b: Type) -> Type | None:
    """Return the one type that holds values of both, none where there is no such type."""
    if a == b or b == UNKNOWN:
        return a
    if a == UNKNOWN:
        return b
    if NOTHING in (a, b):
        return optional(b if a == NOTHING else a)
    if isinstance(a, Optional) or isinstance(b, Optional):
        inner = unify(strip(a), strip(b))
        return optional(inner) if inner else None
    return _unify_present(a, b)


def _unify_present(a: Type, b: Type) -> Type | None:
    if isinstance(a, Number) and isinstance(b, Number):
        return same_unit(a, b)
    if isinstance(a, Text) and isinstance(b, Text):
        known = a.options is not None and b.options is not None
        return Text((a.options or frozenset()) | (b.options or frozenset())) if known else TEXT
    if isinstance(a, ListOf) and isinstance(b, ListOf):
        item = unify(a.item, b.item)
        return ListOf(item, a.holds_any or b.holds_any) if item else None
    if isinstance(a, Record) and isinstance(b, Record) and a.access == b.access:
        return _unify_records(a, b)
    return None


def _unify_records(a: Record, b: Record) -> Type | None:
    fields: dict[str, Type] = {}
    for name in [*a.fields, *(other for other in b.fields if other not in a.fields)]:
        joined = unify(a.fields.get(name, NOTHING), b.fields.get(name, NOTHING))
        if joined is None:
            return None
        fields[name] = joined
    return replace(a, fields=fields)
