"""A filter in the policy's own language: one condition, checked and compiled against the policy of each record.

The names are those of the policy: its rules, parameters, the snapshot's paths, `memory.…`; and the outputs of the
decision that answered, where their names are not taken by any of these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from rulecap.audit.log import Log
from rulecap.audit.record import Record
from rulecap.audit.review.selection import Kinds
from rulecap.engine.compiler import BeforeFirstDate, finish, new_code, preload, preload_dated
from rulecap.language import types as t
from rulecap.language.expression import Expression, expression
from rulecap.language.infer import Inference, infer
from rulecap.language.scope import Cases, ParameterValue, Scope
from rulecap.language.slips import Refusal
from rulecap.language.terms import Dated, Local, Read, Remembered, RuleValue, Term, walk
from rulecap.language.values import ANY
from rulecap.policy.nodes import Scalar, SourceFile
from rulecap.policy.plan import plan_of
from rulecap.policy.typed import OutputTerms, TypedPolicy
from rulecap.problems import Problem
from rulecap.snapshot import Snapshot, read_snapshot

PLACE = "--where"


class Unknown(Exception):
    """A record has no value of a name that a filter asks for."""


class Unaskable(Exception):
    """A filter means nothing for any of the records that it is for; with what is wrong, where that is least."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep what is wrong."""
        super().__init__("the filter cannot be asked")
        self.problems = tuple(problems)


class Words:
    """What a checked policy names, for an expression from outside of it."""

    def __init__(self, policy: TypedPolicy) -> None:
        """Take the policy's names; the snapshot has the facts that it declares."""
        self.policy = policy
        self.snapshot: t.Record = policy.snapshot
        self.parameters: Mapping[str, ParameterValue] = policy.parameters

    def rule_names(self) -> frozenset[str]:
        """Return the names of all rules."""
        return frozenset(self.policy.rules)

    def memory_names(self) -> frozenset[str]:
        """Return the names in memory."""
        return frozenset(self.policy.memory)

    def rule_type(self, name: str) -> t.Type:
        """Return the type of a rule's value."""
        return self.policy.rules[name].type

    def rule_kind(self, name: str) -> str:
        """Return the kind of a rule."""
        return self.policy.rules[name].rule.kind

    def cases(self, name: str) -> Cases | None:
        """Return the cases of a bands or table rule."""
        return self.policy.rules[name].cases

    def memory_type(self, name: str) -> t.Type:
        """Return the type of a remembered value."""
        return self.policy.memory[name].type


Test = Callable[[Any, Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter as one policy and decision understand it.

    Attributes:
        test: the compiled condition: snapshot, values by the compiled names → whether it holds.
        values: what has to be taken from a record: the compiled name, the part of the record, the name there, its type.
        needs: the snapshot's paths that have to be there, though a snapshot may lack them.
        reads: whether the snapshot itself is read.
    """

    test: Test
    values: tuple[tuple[str, str, str, t.Type], ...]
    needs: tuple[str, ...]
    reads: bool


@dataclass
class Filter:
    """A condition on records, and how many of them it could not be asked of.

    Attributes:
        matched: records on which it held.
        failed: records on which it did not.
        unknown: records that lack a value that it asks for, such as those of refused evaluations.
        unfit: by policy and decision, how many records it means nothing for.
    """

    text: str
    log: Log
    matched: int = 0
    failed: int = 0
    unknown: int = 0
    unfit: dict[tuple[str, str], int] = field(default_factory=dict)
    _known: dict[tuple[str, str], Condition | list[Problem]] = field(default_factory=dict)

    def holds(self, record: Record) -> bool:
        """Tell whether the condition holds on a record; where it cannot be asked, that is counted.

        Raises:
            LogError: the log lacks the record's policy.
        """
        fields = record.fields
        key = (fields["policy"]["digest"], fields["answered_by"])
        condition = self.condition(*key)
        if isinstance(condition, list):
            self.unfit[key] = self.unfit.get(key, 0) + 1
            return False
        try:
            held = ask(condition, fields)
        except Unknown:
            self.unknown += 1
            return False
        self.matched, self.failed = self.matched + held, self.failed + (not held)
        return held

    def untold(self) -> dict[str, Any]:
        """Return as JSON types how many records could not be asked, and why, with stable keys."""
        return {
            "unknown": self.unknown,
            "unfit": [
                {"policy": digest, "decision": decision, "count": count,
                 "problems": [problem.to_dict() for problem in self.problems(digest, decision)]}
                for (digest, decision), count in sorted(self.unfit.items())
            ],
        }  # fmt: skip

    def problems(self, digest: str, decision: str) -> list[Problem]:
        """Return what is wrong with the filter for a policy and a decision, nothing where it fits."""
        found = self.condition(digest, decision)
        return found if isinstance(found, list) else []

    def condition(self, digest: str, decision: str) -> Condition | list[Problem]:
        """Return the condition for a policy and the decision that answered, or what is wrong with it there."""
        key = (digest, decision)
        if key not in self._known:
            self._known[key] = compiled(self.text, self.log.policy(digest).typed, decision)
        return self._known[key]


def filter_on(text: str, log: Log, kinds: Kinds, most_policies: int | None = None) -> Filter:
    """Return a filter that means something for one of the kinds of records at least, the newest kinds first.

    Args:
        text: the condition.
        log: the records' log.
        kinds: what the records are about.
        most_policies: how many policies are loaded at the most to find one that it fits; none: all of them.

    Raises:
        Unaskable: it is no expression, or fits none of them.
        LogError: the log lacks a policy.
    """
    where, wrong = Filter(text, log), []
    syntax = written_expression(text).syntax
    if isinstance(syntax, Refusal):
        raise Unaskable([written_expression(text).problem(syntax.offset, syntax.code, syntax.message, syntax.hint)])
    newest = [kinds[number] for number in sorted(kinds, reverse=True)]
    digests = list(dict.fromkeys(kind.digest for kind in newest if kind.digest))[:most_policies]
    for digest, decision in dict.fromkeys((kind.digest, kind.decision) for kind in newest if kind.digest in digests):
        condition = where.condition(digest, decision)
        if not isinstance(condition, list):
            return where
        wrong.append(condition)
    if wrong:
        raise Unaskable(min(wrong, key=_strangeness))
    return where


def _strangeness(problems: Sequence[Problem]) -> tuple[int, int]:
    """Return how far a filter is from meaning something: a decision that knows its names can say what is wrong."""
    return sum(problem.code == "unknown-name" for problem in problems), len(problems)


def compiled(text: str, policy: TypedPolicy, decision: str) -> Condition | list[Problem]:
    """Return the condition, or everything that is wrong with it."""
    written = written_expression(text)
    problems: list[Problem] = []
    answered = policy.decisions.get(decision)
    outputs = _free_outputs(policy, answered.outputs) if answered else {}
    scope = Scope(Words(policy), problems).bind(**outputs)
    term = infer(written, scope)
    if not problems and written.tree is not None:
        Inference(written, scope).condition(written.tree, term)
    if problems:
        return problems
    return _condition(policy, term, outputs, tuple(scope.demands))


def _free_outputs(policy: TypedPolicy, outputs: OutputTerms) -> dict[str, t.Type]:
    """Return the outputs that can be called by their names, with their types."""
    taken = {*policy.rules, *policy.parameters, *policy.snapshot.fields, "memory"}
    return {name: _type_of(part) for name, part in outputs.items() if name not in taken}


def _type_of(part: tuple[Expression, Term] | OutputTerms) -> t.Type:
    """Return an output's type; that of outputs within it is a record of them."""
    if not isinstance(part, dict):
        return part[1].type
    return t.Record({name: _type_of(inner) for name, inner in part.items()})


def _condition(policy: TypedPolicy, term: Term, outputs: Mapping[str, t.Type], needs: tuple[str, ...]) -> Condition:
    code = new_code(policy, plan_of(policy, next(iter(policy.decisions.values()))))
    parts = walk(term)
    preload(code, policy, [term])
    preload_dated(code, policy, {one.name for one in parts if isinstance(one, Dated)})
    values: dict[str, tuple[str, str, str, t.Type]] = {}
    for one in parts:
        found = _value_of(policy, one, outputs)
        if found is not None:
            values[found[0]] = found
            code.line(f"{found[0]} = V[{found[0]!r}]")
    code.line(f"return {code.term(term)}")
    run: Any = finish(code, "where", "S, V", ()).run
    reads = any(isinstance(one, Read | Dated) for one in parts)
    return Condition(run, tuple(values.values()), needs, reads)


def _value_of(policy: TypedPolicy, term: Term, outputs: Mapping[str, t.Type]) -> tuple[str, str, str, t.Type] | None:
    """Return where in a record a term's value is; none for what is no name of a record, such as an element."""
    match term:
        case RuleValue(name=name):
            return f"r_{name}", "steps", name, policy.rules[name].type
        case Remembered(name=name):
            return f"m_{name}", "memory", name, policy.memory[name].type
        case Local(name=name) if name in outputs:  # an element of a list cannot have the name of one
            return f"e_{name}", "outputs", name, outputs[name]
    return None


def ask(condition: Condition, fields: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds on a record's fields.

    Raises:
        Unknown: the record lacks a value that is asked for, or one that arithmetic needs.
    """
    values = {variable: _held(fields[part], name, kind) for variable, part, name, kind in condition.values}
    snapshot = _snapshot(fields["snapshot"]) if condition.reads else None
    for path in condition.needs:
        if _at(snapshot, path) is None:
            raise Unknown(path)
    try:
        return bool(condition.test(snapshot, values))
    except (TypeError, ArithmeticError, ValueError, AttributeError, KeyError, BeforeFirstDate) as error:  # no value
        raise Unknown(str(error)) from error


def _held(part: object, name: str, kind: t.Type) -> Any:
    """Return a value of a part of a record; where it must be there and is none, as in a refusal, that is not known."""
    if not isinstance(part, dict) or name not in part:
        raise Unknown(name)
    if _lacks(part[name], kind):
        raise Unknown(name)
    return valued(part[name], kind)


def _lacks(value: object, kind: t.Type) -> bool:
    """Tell whether a value, or one of a record's, is none where its type has no none."""
    if isinstance(kind, t.Record) and isinstance(value, dict):
        return any(_lacks(value.get(name), part) for name, part in kind.fields.items())
    return value is None and not isinstance(kind, t.Optional) and kind != t.NOTHING


def _at(snapshot: Snapshot | None, path: str) -> object:
    """Return what a snapshot has at a path, none where it has not."""
    found: object = snapshot
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found


def _snapshot(recorded: object) -> Snapshot:
    """Return a recorded snapshot; what was recorded was read once, so that its fields suffice."""
    read = read_snapshot(recorded) if isinstance(recorded, dict) else None
    if not isinstance(read, Snapshot):
        raise Unknown("snapshot")
    return read


def valued(value: Any, kind: t.Type) -> Any:
    """Return a value inside, from JSON types: times are times, elements of the snapshot have attributes."""
    inner = t.strip(kind)
    if value is None:
        return None
    if inner == t.TIME:
        return datetime.fromisoformat(value)
    if isinstance(inner, t.ListOf):
        return ANY if inner.holds_any and value == "any" else tuple(valued(item, inner.item) for item in value)
    if isinstance(inner, t.Record) and isinstance(value, dict):
        fields = {name: valued(value.get(name), part) for name, part in inner.fields.items()}
        return SimpleNamespace(**fields) if inner.access == "attribute" else fields
    return value


def written_expression(text: str) -> Expression:
    """Return a filter's text as an expression that stands in `--where`."""
    return expression(Scalar(text, text, SourceFile(PLACE, text), 1, 1))
