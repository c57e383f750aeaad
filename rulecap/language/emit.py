"""Python source of a typed term: what the compiled evaluator runs."""

from collections.abc import Callable, Mapping

from rulecap.language import functions
from rulecap.language import types as t
from rulecap.language.functions import COMPUTED, FUNCTIONS, OVER_LISTS
from rulecap.language.terms import (
    Adjustments,
    Aggregate,
    Binary,
    Call,
    Choice,
    Compare,
    Const,
    Dated,
    Default,
    Field,
    Known,
    Listing,
    Local,
    Logic,
    Lookup,
    Member,
    Negative,
    Not,
    Read,
    Remembered,
    Rows,
    RuleValue,
    Term,
)

Source = Callable[["Emitter", Term], str]


def local_of(term: Term) -> str | None:
    """Return the Python variable that holds a term's value, none where it is computed."""
    match term:
        case Read(path=path):
            return "s_" + path.replace(".", "__")
        case RuleValue(name=name):
            return "r_" + name
        case Remembered(name=name):
            return "m_" + name
        case Dated(name=name):
            return "p_" + name
        case Local(name=name):
            return "e_" + name
    return None


class Emitter:
    """Writes terms as Python source; `constants` is what the source refers to by name."""

    def __init__(self, lookups: Mapping[str, object], rows: Mapping[str, object]) -> None:
        """Take each bands and table rule's lookup function and its rows, by the rule's name."""
        self.constants: dict[str, object] = {}
        self._lookups, self._rows = lookups, rows
        self._temporaries = 0
        self._careful = self._within_source = False

    def constant(self, value: object) -> str:
        """Return source for a value: a literal, or a name that the constants hold it under."""
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        name = f"K{len(self.constants)}"
        self.constants[name] = value
        return name

    def named(self, name: str, value: object) -> str:
        """Return a name that the constants hold a value under."""
        self.constants[name] = value
        return name

    def term(self, term: Term) -> str:
        """Return source that computes the term."""
        return local_of(term) or _WRITERS[type(term)](self, term)

    def carefully(self, term: Term) -> str:
        """Return source that reads a term outside of the condition that proved it present: none where it is absent."""
        self._careful = True
        try:
            return self.term(term)
        finally:
            self._careful = False

    def gone_through(self, term: Term) -> str:
        """Return source of a list that a comprehension goes through: there Python keeps no value by a name."""
        before, self._within_source = self._within_source, True
        try:
            return self.term(term)
        finally:
            self._within_source = before

    def once(self, term: Term) -> tuple[str, str]:
        """Return source that computes a term for the first time, and source that has its value from then on."""
        text = self.term(term)
        if self._within_source or local_of(term) or isinstance(term, Const):
            return text, text
        self._temporaries += 1
        name = f"t{self._temporaries}"
        return f"({name} := {text})", name

    def field(self, term: Field) -> str:
        """Return source that reads a field, none where its record is absent."""
        record = t.strip(term.base.type)
        assert isinstance(record, t.Record)
        tail = f".{term.name}" if record.access == "attribute" else f"[{term.name!r}]"
        if not isinstance(term.base.type, t.Optional) and not self._careful:
            return self.term(term.base) + tail
        base, again = self.once(term.base)
        return f"(None if {base} is None else {again}{tail})"

    def binary(self, term: Binary) -> str:
        """Return source of arithmetic; a time moves by hours through a function."""
        left, right = self.term(term.left), self.term(term.right)
        if term.operator == "**":
            return f"{self.named('f_power', functions.power)}({left}, {right})"
        if term.type == t.TIME:
            sign = "-" if term.operator == "-" else ""
            return f"{self.named('f_shift', functions.shift)}({left}, {sign}{right})"
        return f"({left} {term.operator} {right})"

    def default(self, term: Default) -> str:
        """Return source of a value or its replacement."""
        (value, again), otherwise = self.once(term.value), self.term(term.otherwise)
        return f"({otherwise} if {value} is None else {again})"

    def known(self, term: Known) -> str:
        """Return source of whether a value is there; Python warns of such a question about one that is written."""
        if isinstance(term.value, Const):
            return str(term.value.value is not None)
        return f"({self.term(term.value)} is not None)"

    def call(self, term: Call) -> str:
        """Return source of a call; the plainest ones are written out."""
        if term.function in ("min", "max") and len(term.arguments) == 2:  # a pair has two
            return self._extreme(term)
        arguments = [self.term(argument) for argument in term.arguments]
        if term.function == "percent_of":
            return f"({arguments[0]} * {arguments[1]} / 100.0)"
        if term.function == "as_percent":
            return f"(100.0 * {arguments[0]} / {arguments[1]})"
        if term.function in ("min", "max") and len(arguments) > 1:
            return f"{term.function}({', '.join(arguments)})"
        if term.function in ("abs", "count"):
            return f"{'len' if term.function == 'count' else 'abs'}({arguments[0]})"
        over_list = term.function in OVER_LISTS and len(arguments) == 1
        compute = OVER_LISTS[term.function] if over_list else _implementation(term.function)
        return f"{self.named('f_' + ('list_' if over_list else '') + term.function, compute)}({', '.join(arguments)})"

    def _extreme(self, term: Call) -> str:
        """Return source of the smaller or larger of two, as the built-ins decide it: the first where they are equal."""
        (first, a), (second, b) = map(self.once, term.arguments)
        return f"({b} if {first} {'>' if term.function == 'min' else '<'} {second} else {a})"

    def aggregate(self, term: Aggregate) -> str:
        """Return source of a function over a comprehension."""
        condition = f" if {self.term(term.condition)}" if term.condition else ""
        items = f"[{self.term(term.element)} for e_{term.name} in {self.gone_through(term.source)}{condition}]"
        return f"{self.named('f_list_' + term.function, OVER_LISTS[term.function])}({items})"

    def compare(self, term: Compare) -> str:
        """Return source of a comparison."""
        parts = [self.term(term.operands[0])]
        for operator, operand in zip(term.operators, term.operands[1:], strict=True):
            parts += [operator, self.term(operand)]
        return f"({' '.join(parts)})"

    def lookup(self, term: Lookup) -> str:
        """Return source that finds the case of another key."""
        return f"{self.named('at_' + term.rule, self._lookups[term.rule])}({self.term(term.key)})"

    def rows(self, term: Rows) -> str:
        """Return the name of a rule's cases."""
        return self.named("rows_" + term.rule, self._rows[term.rule])

    def listing(self, term: Listing) -> str:
        """Return source of a tuple."""
        return "(" + "".join(f"{self.term(item)}, " for item in term.items) + ")"


def _implementation(name: str) -> object:
    return COMPUTED[name] if name in COMPUTED else FUNCTIONS[name].compute


_WRITERS: dict[type[Term], Callable[..., str]] = {
    Const: lambda emitter, term: emitter.constant(term.value),
    Field: Emitter.field,
    Binary: Emitter.binary,
    Negative: lambda emitter, term: f"(-{emitter.term(term.operand)})",
    Not: lambda emitter, term: f"(not {emitter.term(term.operand)})",
    Logic: lambda emitter, term: "(" + f" {term.operator} ".join(emitter.term(one) for one in term.operands) + ")",
    Compare: Emitter.compare,
    Member: lambda emitter, term: (
        f"({emitter.term(term.item)} {'not in' if term.negated else 'in'} {emitter.term(term.container)})"
    ),
    Listing: Emitter.listing,
    Choice: lambda emitter, term: (
        f"({emitter.term(term.then)} if {emitter.term(term.test)} else {emitter.term(term.other)})"
    ),
    Call: Emitter.call,
    Aggregate: Emitter.aggregate,
    Default: Emitter.default,
    Known: Emitter.known,
    Lookup: Emitter.lookup,
    Rows: Emitter.rows,
    Adjustments: lambda emitter, term: "[" + ", ".join(f"*x_{rule}" for rule in term.rules) + "]",
}


def reads(term: Term) -> str | None:
    """Return the dotted name under which a trace shows what was read, none for a computed value."""
    match term:
        case Read(path=path):
            return path
        case RuleValue(name=name) | Dated(name=name):
            return name
        case Const(name=name):
            return name or None
        case Remembered(name=name):
            return f"memory.{name}"
        case Field(base=base, name=name):
            inner = reads(base)
            return f"{inner}.{name}" if inner else None
    return None
