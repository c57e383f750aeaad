"""The compiler: the plan of a decision becomes one Python function that keeps every step's value."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import CodeType
from typing import Any

from rulecap.engine.outputs import output_source
from rulecap.language import types as t
from rulecap.language.emit import Emitter
from rulecap.language.terms import Read, Term, walk
from rulecap.language.values import is_number
from rulecap.location import Location
from rulecap.policy.plan import Plan, leaves, said, terms_of
from rulecap.policy.typed import DatedParameter, InputCheck, OutputTerms, TypedPolicy
from rulecap.rules.bands import TypedBands
from rulecap.rules.code import Code
from rulecap.rules.table import TypedTable
from rulecap.rules.typed import coerced

Origin = tuple[str, Location] | None


class BeforeFirstDate(Exception):
    """A dated parameter has no value yet at the snapshot's time."""

    def __init__(self, name: str, location: Location) -> None:
        """Keep which parameter."""
        super().__init__("no value before its first date")
        self.name, self.location = name, location


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled function.

    Attributes:
        run: snapshot and memory → (outputs, next memory, values), or none where the input is refused.
        names: what the values are, in order: rules and `memory.name`s.
        origins: rule and place of each line of the source.
        source: the Python source, for a reader.
    """

    run: Callable[[Any, Mapping[str, Any]], tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]] | None]
    names: tuple[str, ...]
    origins: tuple[Origin, ...]
    source: str
    code: CodeType


def compile_plan(policy: TypedPolicy, plan: Plan) -> Compiled:
    """Return the function of a plan."""
    code = new_code(policy, plan)
    _preload(code, policy, plan)
    _guards(code, policy, plan)
    preload_dated(code, policy, plan.dated)
    for name in plan.names:
        write_step(code, policy, name)
    _answer(code, policy, plan)
    return finish(code, "decide", "S, M", plan.names)


def new_code(policy: TypedPolicy, plan: Plan) -> Code:
    """Return an empty function body that knows the policy's cases."""
    tables = {name: rule for name, rule in policy.rules.items() if isinstance(rule, TypedBands | TypedTable)}
    lookups = {name: rule.lookup() for name, rule in tables.items()}
    rows = {name: tuple(value for value, _ in rule.table.rows.values()) for name, rule in tables.items()}
    return Code(Emitter(lookups, rows), wanted=plan.adjusted)


def finish(code: Code, name: str, parameters: str, names: tuple[str, ...]) -> Compiled:
    """Return the compiled function; its file name is no file, its line numbers are those of `origins`."""
    source = "\n".join([f"def {name}({parameters}):", *code.lines, ""])
    compiled = compile(source, f"<rulecap {name}>", "exec")
    space: dict[str, Any] = dict(code.emitter.constants)
    exec(compiled, space)  # noqa: S102  # the source is written by this module from checked terms only
    return Compiled(space[name], names, (None, *code.origins), source, space[name].__code__)


def write_step(code: Code, policy: TypedPolicy, name: str) -> None:
    """Write the lines of a rule, or of a remembered value where the memory has none."""
    if name.startswith("memory."):
        own = name.removeprefix("memory.")
        remembered, variable = policy.memory[own], variable_of(name)
        written, term = remembered.start
        code.origin = (name, written.location())
        code.line(f"{variable} = M.get({own!r})")
        code.line(f"if {variable} is None: {variable} = {coerced(code, term, remembered.type)}")
        return
    rule = policy.rules[name]
    code.origin = (name, rule.rule.location)
    rule.write(code)


def variable_of(name: str) -> str:
    """Return the variable of a rule or a remembered value."""
    return "m_" + name.removeprefix("memory.") if name.startswith("memory.") else "r_" + name


def preload(code: Code, policy: TypedPolicy, terms: Iterable[Term]) -> None:
    """Write one line for each of the snapshot's values that the terms read."""
    paths = {one.path for term in terms for one in walk(term) if isinstance(one, Read)}
    loaded: set[str] = set()
    for path in sorted(paths):
        _load(code, policy, path, loaded)


def preload_dated(code: Code, policy: TypedPolicy, dated: Iterable[str]) -> None:
    """Write one line for each dated parameter."""
    for name in sorted(dated):
        value_at = code.emitter.named("at_" + name, _dated(name, policy.dated[name]))
        code.line(f"p_{name} = {value_at}(S.as_of)")


def _load(code: Code, policy: TypedPolicy, path: str, loaded: set[str]) -> None:
    if path in loaded:
        return
    loaded.add(path)
    parent, _, name = path.rpartition(".")
    variable = "s_" + path.replace(".", "__")
    if not parent:
        code.line(f"{variable} = S.{name}")
        return
    _load(code, policy, parent, loaded)
    holder = "s_" + parent.replace(".", "__")
    if parent == "facts":
        fact = code.emitter.named("f_fact_" + name, fact_reader(kind_at(policy, path)))
        code.line(f"{variable} = None if {holder} is None else {fact}({holder}.get({name!r}))")
        return
    # What a decision requires is looked at before it is relied on, so it is loaded as if it could be absent.
    optional = isinstance(policy.snapshot.fields[parent.split(".")[0]], t.Optional)
    code.line(
        f"{variable} = None if {holder} is None else {holder}.{name}" if optional else f"{variable} = {holder}.{name}"
    )


def kind_at(policy: TypedPolicy, path: str) -> t.Type:
    """Return the type at a dotted path of the snapshot, its possible absence left out."""
    kind: t.Type = policy.snapshot
    for part in path.split("."):
        record = t.strip(kind)
        kind = record.fields.get(part, t.UNKNOWN) if isinstance(record, t.Record) else t.UNKNOWN
    return t.strip(kind)


def _dated(name: str, parameter: DatedParameter) -> Callable[[datetime], object]:
    values = tuple(reversed(parameter.values))

    def value_at(moment: datetime) -> object:
        for start, value in values:
            if moment >= start:
                return value
        raise BeforeFirstDate(name, parameter.location)

    return value_at


def _preload(code: Code, policy: TypedPolicy, plan: Plan) -> None:
    terms = list(all_terms(policy, plan))
    terms += [Read(t.UNKNOWN, 0, path) for path in plan.decision.requires]
    for check in enforced(policy, plan):
        paths = [check.path, *([check.same_as] if check.same_as else [])]
        terms += [Read(t.UNKNOWN, 0, _list_of(policy, path) or path) for path in paths]
    preload(code, policy, terms)


def all_terms(policy: TypedPolicy, plan: Plan) -> Iterable[Term]:
    """Yield every term that a plan evaluates."""
    yield from (term for _, term in leaves(plan.decision.outputs))
    for name in plan.names:
        yield from terms_of(policy, name)
    if plan.advances:
        yield from (memory.next[1] for memory in policy.memory.values())
    yield from said(plan.decision)


def enforced(policy: TypedPolicy, plan: Plan) -> list[InputCheck]:
    """Return the input checks that concern what the plan reads."""
    parts = {path.split(".")[0] for path in plan.reads}
    found = []
    for check in policy.inputs:
        if check.same_as is not None:
            if {check.path.split(".")[0], check.same_as.split(".")[0]} <= parts:
                found.append(check)
        elif check.path in plan.reads and not (plan.decision.anyway and check.low is not None and check.type is None):
            found.append(check)
    return found


def _list_of(policy: TypedPolicy, path: str) -> str | None:
    """Return the list that a path of elements' fields runs through, none for a plain path."""
    kind: t.Type = policy.snapshot
    parts = path.split(".")
    for end, part in enumerate(parts, 1):
        record = t.strip(kind)
        kind = record.fields[part] if isinstance(record, t.Record) else t.UNKNOWN
        if isinstance(t.strip(kind), t.ListOf) and end < len(parts):
            return ".".join(parts[:end])
    return None


def _guards(code: Code, policy: TypedPolicy, plan: Plan) -> None:
    """Refuse, without saying why, an input that the plan cannot work with; the slow path then says why."""
    missing = [f"s_{path.replace('.', '__')} is None" for path in plan.decision.requires]
    if missing:
        code.line(f"if {' or '.join(missing)}: return None")
    for check in enforced(policy, plan):
        many = _list_of(policy, check.path)
        if many is None:
            code.line(f"if {_outside(code, 's_' + check.path.replace('.', '__'), check)}: return None")
            continue
        with code.block(f"for v_one in s_{many.replace('.', '__')} or ():"):
            value = f"v_one.{check.path.removeprefix(many + '.')}"
            code.line(f"if {_outside(code, value, check)}: return None")


def _outside(code: Code, value: str, check: InputCheck) -> str:
    if check.same_as is not None:
        other = "s_" + check.same_as.replace(".", "__")
        return f"{value} is not None and {other} is not None and {value} != {other}"
    if check.type is not None:
        fits = code.emitter.named(f"fits_{check.path.replace('.', '_')}", fact_test(check))
        return f"not {fits}({value})"
    absent = f"{value} is not None and "
    if check.names is not None:
        return f"{absent}{value} not in {code.emitter.constant(check.names)}"
    return f"{absent}not {check.low!r} <= {value} <= {check.high!r}" if check.low is not None else "False"


def fact_test(check: InputCheck) -> Callable[[object], bool]:
    """Return what tells whether a fact is of its declared type, within its range, one of its names."""

    def fits(value: object) -> bool:
        if value is None:
            return check.optional
        kind = t.strip(check.type) if check.type is not None else t.UNKNOWN
        if isinstance(kind, t.Number):
            return is_number(value) and (check.low is None or check.high is None or check.low <= value <= check.high)
        if isinstance(kind, t.Text):
            return isinstance(value, str) and (check.names is None or value in check.names)
        return isinstance(value, bool) if kind == t.FLAG else isinstance(fact_time(value), datetime)

    return fits


def fact_reader(kind: t.Type) -> Callable[[object], object]:
    """Return what makes of a fact, as JSON has it, a value of its declared type; what does not fit stays as it is."""
    if kind == t.TIME:
        return fact_time
    return fact_number if isinstance(kind, t.Number) and kind != t.COUNT else lambda value: value


def fact_number(value: object) -> object:
    """Return a number as a float."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def fact_time(value: object) -> object:
    """Return the time that an ISO-8601 text is; anything else as it is, for the guards to refuse."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return value if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return value


def _answer(code: Code, policy: TypedPolicy, plan: Plan) -> None:
    code.origin = (plan.decision.named, plan.decision.location)
    _outputs(code, plan.decision.outputs, plan.decision.named, "O = {", "}")
    entries = []
    for name, memory in policy.memory.items() if plan.advances else ():
        written, term = memory.next
        code.origin = (f"memory.{name}", written.location())
        code.line(f"n_{name} = {code.finite(term)}")
        entries.append(f"{name!r}: {output_source(code, f'n_{name}', term.type)}")
    code.origin = None
    values = "".join(f"{variable_of(name)}, " for name in plan.names)
    code.line(f"return O, {{{', '.join(entries)}}}, ({values})")


def _outputs(code: Code, outputs: OutputTerms, within: str, opening: str, closing: str) -> None:
    """Write the outputs, each on a line of its own, so that what fails has its own name and place."""
    with code.block(opening):
        for name, part in outputs.items():
            if isinstance(part, dict):
                _outputs(code, part, f"{within}.{name}", f"{name!r}: {{", "},")
                continue
            expression, term = part
            code.origin = (f"{within}.{name}", expression.location())
            code.line(f"{name!r}: {output_source(code, code.finite(term), term.type)},")
    code.line(closing)
