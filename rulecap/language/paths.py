"""Names and dotted paths: what each refers to, and its type."""

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rulecap.language import elsewhere
from rulecap.language import types as t
from rulecap.language.functions import ALL_NAMES
from rulecap.language.grammar import CONSTANTS, offset_of
from rulecap.language.scope import Cases
from rulecap.language.terms import Const, Dated, Field, Local, Lookup, Read, Remembered, Rows, RuleValue, Term
from rulecap.language.unit_errors import clash_code, rewritten, what, written
from rulecap.problems import did_you_mean, nearest

if TYPE_CHECKING:
    from rulecap.language.infer import Inference

WRITTEN_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
NOTHING = ("null", "nil", "None")  # what `none` is called elsewhere
A_WORD = 0.75  # a word of the language is meant by what is very like it only: `reduce` is not `true`


def dotted(node: ast.AST) -> str:
    """Return the path of a name or a chain of fields, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def read_path(inference: "Inference", node: ast.Name | ast.Attribute) -> Term:
    """Return the term of a name or a field; where a condition proved it present, its type says so."""
    term = _name(inference, node) if isinstance(node, ast.Name) else _attribute(inference, node)
    if isinstance(term.type, t.Optional) and dotted(node) in inference.scope.known:
        return replace(term, type=t.strip(term.type))
    return term


def _name(inference: "Inference", node: ast.Name) -> Term:
    scope, name, offset = inference.scope, node.id, offset_of(node)
    words = scope.vocabulary
    if name in scope.locals:
        return Local(scope.locals[name], offset, name)
    if name in words.rule_names():
        return _rule(inference, node)
    if name in words.parameters:
        parameter = words.parameters[name]
        return (
            Dated(parameter.type, offset, name)
            if parameter.dated
            else Const(parameter.type, offset, parameter.value, name)
        )
    if name in words.snapshot.fields:
        return Read(words.snapshot.fields[name], offset, name)
    if name == "memory":
        return inference.wrong(
            node, "unknown-name", "memory is read by name", f"memory.{next(iter(sorted(words.memory_names())), 'name')}"
        )
    if name == "value":
        return inference.wrong(node, "unknown-name", "value is the running value in the steps of an adjust rule")
    if name in ALL_NAMES:
        return inference.wrong(node, "unknown-name", f"{name} is a function", f"write {name}(…)")
    return nothing_named(inference, node, name)


def _rule(inference: "Inference", node: ast.Name) -> Term:
    """Return the term of a rule's value; a table that looks nothing up has none."""
    words, name = inference.scope.vocabulary, node.id
    cases = words.cases(name)
    if cases is not None and not cases.matched:
        hint = f"write {name}.at(…) or {name}.{cases.word}, or give it an `of`"
        return inference.wrong(node, "wrong-type", f"{name} looks nothing up by itself: it has no `of`", hint)
    return RuleValue(words.rule_type(name), offset_of(node), name)


def nothing_named(inference: "Inference", node: ast.AST, name: str) -> Term:
    """Note a name that nothing has; where a rule has it in a form that none may have, that is noted there already."""
    near = nearest(name, named(inference))
    if near is not None and near in inference.scope.vocabulary.rule_names() and not WRITTEN_NAME.match(near):
        return Const(t.UNKNOWN, offset_of(node), None)
    hint = (
        elsewhere.WORDS.get(name)
        or _meant(inference, name)
        or f"no rule or parameter has this name; a text stands in quotes: '{name}'"
    )
    return inference.wrong(node, "unknown-name", f"nothing is named {name}", hint)


def _meant(inference: "Inference", name: str) -> str:
    """Return what a name may be a slip of: a value of memory or of a part of the snapshot, or a name like it."""
    words = inference.scope.vocabulary
    if name in words.memory_names():
        return f"did you mean memory.{name}?"
    holder = holder_of(name, words.snapshot)
    if holder is not None:
        return f"did you mean {holder}.{name}?"
    near = nearest(name, named(inference) - set(CONSTANTS)) or nearest(name, CONSTANTS, A_WORD)
    return f"did you mean {near}?" if near is not None else ""


def holder_of(name: str, snapshot: t.Record) -> str | None:
    """Return the part of the snapshot that has a value of that name, a fact before any other; none where none has."""
    parts = {part: t.strip(kind) for part, kind in snapshot.fields.items()}
    holders = [part for part, kind in parts.items() if isinstance(kind, t.Record) and name in kind.fields]
    return "facts" if "facts" in holders else next(iter(holders), None)


def named(inference: "Inference") -> frozenset[str]:
    """Return all names that have a meaning where an expression stands."""
    words = inference.scope.vocabulary
    parts = (inference.scope.locals, words.rule_names(), words.parameters, words.snapshot.fields, CONSTANTS, ["memory"])
    return frozenset(name for part in parts for name in part)


def _attribute(inference: "Inference", node: ast.Attribute) -> Term:
    if isinstance(node.value, ast.Name) and node.value.id not in inference.scope.locals:
        found = _named(inference, node, node.value.id)
        if found is not None:
            return found
    assert isinstance(node.value, ast.Name | ast.Attribute | ast.Call)  # the allow-list takes nothing else
    base = inference.infer(node.value)
    if base.type == t.UNKNOWN:
        return base
    return _field(inference, node, base)


def _named(inference: "Inference", node: ast.Attribute, name: str) -> Term | None:
    """Return what a field of a rule or of memory names; none where it is a field like any other."""
    words = inference.scope.vocabulary
    if name == "memory":
        return _remembered(inference, node)
    cases = words.cases(name) if name in words.rule_names() else None
    if cases is None:
        return None
    if node.attr == cases.word:
        return Rows(t.ListOf(cases.type), offset_of(node), name)
    if node.attr in cases.rows:
        value, kind = cases.rows[node.attr]
        return Const(kind, offset_of(node), value, dotted(node))
    if not node.attr[0].islower():
        return _unknown_case(inference, node, cases)
    return None


def _unknown_case(inference: "Inference", node: ast.Attribute, cases: Cases) -> Term:
    return inference.wrong(node, "unknown-name", f"no case is named {node.attr}", did_you_mean(node.attr, cases.rows))


def _remembered(inference: "Inference", node: ast.Attribute) -> Term:
    words = inference.scope.vocabulary
    if node.attr not in words.memory_names():
        return inference.wrong(
            node, "unknown-name", f"memory has no {node.attr}", did_you_mean(node.attr, words.memory_names())
        )
    return Remembered(words.memory_type(node.attr), offset_of(node), node.attr)


def _field(inference: "Inference", node: ast.Attribute, base: Term) -> Term:
    record = t.strip(base.type)
    if not isinstance(record, t.Record):
        elements = f"its elements have them: sum(x.{node.attr} for x in {written(node.value)})"
        hint = elements if isinstance(record, t.ListOf) else ""
        message = f"{what(node.value, record)}: it has no field {node.attr}"
        return inference.wrong(node, "unknown-name", message, hint)
    if node.attr not in record.fields:
        hint = did_you_mean(node.attr, record.fields)
        if record.word == "facts" and not hint.startswith("did you mean"):
            hint = f"declare it under inputs: facts.{node.attr}: {{unit: …}}"
        return inference.wrong(node, "unknown-name", f"{written(node.value)} has no field {node.attr}", hint)
    kind = record.fields[node.attr]
    if isinstance(base.type, t.Optional):
        kind = t.optional(kind)
    if isinstance(base, Const) and isinstance(base.value, dict):
        return Const(kind, offset_of(node), base.value.get(node.attr), dotted(node))
    if isinstance(base, Read):
        return Read(kind, offset_of(node), f"{base.path}.{node.attr}")
    return Field(kind, offset_of(node), base, node.attr)


def lookup(inference: "Inference", node: ast.Call, name: str) -> Term:
    """Return the term of `rule.at(key)`."""
    words = inference.scope.vocabulary
    cases = words.cases(name) if name in words.rule_names() else None
    if cases is None and name in words.rule_names() and words.rule_type(name) == t.UNKNOWN:
        return Const(t.UNKNOWN, offset_of(node), None)
    if name not in named(inference):
        return nothing_named(inference, node, name)
    if cases is None:
        hint = "`.at(…)` belongs to rules of kind bands or table"
        return inference.wrong(node, "wrong-type", f"{name} has no cases to look up", hint)
    if len(node.args) != 1:
        return inference.wrong(node, "wrong-arguments", f"{name}.at takes one value, not {len(node.args)}")
    key = inference.infer(node.args[0])
    kind = inference.need(node.args[0], key)
    if t.unify(kind, cases.key) is None:
        message = f"{name} is looked up by what is {t.described(cases.key)}, {what(node.args[0], kind)}"
        hint = rewritten(node.args[0], kind, cases.key)
        return inference.wrong(node.args[0], clash_code(kind, cases.key), message, hint)
    return Lookup(cases.gives, offset_of(node), name, key)
