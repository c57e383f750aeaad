"""Typed expressions: what inference makes of a syntax tree, and what the compiler writes code from."""

from dataclasses import dataclass

from rulecap.language.types import Type


@dataclass(frozen=True, slots=True)
class Term:
    """A typed expression; `offset` is where it starts in the expression's text."""

    type: Type
    offset: int


@dataclass(frozen=True, slots=True)
class Const(Term):
    """A value written in the policy; `name` is the parameter or the case's column that it was given as."""

    value: object
    name: str = ""


@dataclass(frozen=True, slots=True)
class Read(Term):
    """A value of the snapshot, by its dotted path."""

    path: str


@dataclass(frozen=True, slots=True)
class RuleValue(Term):
    """The value of a rule."""

    name: str


@dataclass(frozen=True, slots=True)
class Remembered(Term):
    """A value of the memory."""

    name: str


@dataclass(frozen=True, slots=True)
class Dated(Term):
    """A parameter whose value depends on the snapshot's time."""

    name: str


@dataclass(frozen=True, slots=True)
class Local(Term):
    """A name that a rule binds: a list's element, the running value, a running sum."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Term):
    """A field of a record; where the record may be absent, so may the field."""

    base: Term
    name: str


@dataclass(frozen=True, slots=True)
class Lookup(Term):
    """A bands or table rule applied to another key."""

    rule: str
    key: Term


@dataclass(frozen=True, slots=True)
class Rows(Term):
    """All cases or rows of a bands or table rule."""

    rule: str


@dataclass(frozen=True, slots=True)
class Binary(Term):
    """Arithmetic on two values."""

    operator: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Negative(Term):
    """A value with its sign changed."""

    operand: Term


@dataclass(frozen=True, slots=True)
class Not(Term):
    """The opposite of a condition."""

    operand: Term


@dataclass(frozen=True, slots=True)
class Logic(Term):
    """Conditions joined by `and` or `or`."""

    operator: str
    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Compare(Term):
    """A comparison, chained or not: `a < b <= c`."""

    operands: tuple[Term, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member(Term):
    """Whether a value is in a list."""

    item: Term
    container: Term
    negated: bool


@dataclass(frozen=True, slots=True)
class Listing(Term):
    """A list written in an expression."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Choice(Term):
    """`then if test else other`."""

    test: Term
    then: Term
    other: Term


@dataclass(frozen=True, slots=True)
class Call(Term):
    """A function of the language's table."""

    function: str
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Term):
    """A function over `element for name in source if condition`."""

    function: str
    name: str
    source: Term
    element: Term
    condition: Term | None


@dataclass(frozen=True, slots=True)
class Default(Term):
    """A value, or another where it is absent."""

    value: Term
    otherwise: Term


@dataclass(frozen=True, slots=True)
class Known(Term):
    """Whether a value is present."""

    value: Term


@dataclass(frozen=True, slots=True)
class Adjustments(Term):
    """The adjustments that adjust rules made, in their order."""

    rules: tuple[str, ...]


def children(term: Term) -> tuple[Term, ...]:
    """Return the terms that a term is made of."""
    match term:
        case Field(base=one) | Lookup(key=one) | Negative(operand=one) | Not(operand=one) | Known(value=one):
            return (one,)
        case Binary(left=one, right=two) | Member(item=one, container=two) | Default(value=one, otherwise=two):
            return (one, two)
        case Logic(operands=many) | Compare(operands=many) | Listing(items=many) | Call(arguments=many):
            return many
        case Choice(test=test, then=then, other=other):
            return (test, then, other)
        case Aggregate(source=source, element=element, condition=condition):
            return (source, element) if condition is None else (source, element, condition)
    return ()


def walk(term: Term) -> list[Term]:
    """Return the term and all that it is made of."""
    found, todo = [], [term]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += reversed(children(one))
    return found
