"""Inputs: what the policy expects of the snapshot beyond its schema, and the facts that it declares."""

from collections.abc import Mapping as MappingType

from rulecap.language import types as t
from rulecap.language.inputs import snapshot_type
from rulecap.language.literals import literal
from rulecap.policy.checks.parameters import edges
from rulecap.policy.model import Input, PolicyText
from rulecap.policy.nodes import Mapping, Scalar, entries_of, items_of, problem_at
from rulecap.policy.typed import InputCheck
from rulecap.problems import Problem, did_you_mean

FACTS = "facts."


def declared_snapshot(policy: PolicyText, problems: list[Problem]) -> t.Record:
    """Return the snapshot's type with the facts that the policy declares, and the names that it narrows texts to."""
    fields = dict(snapshot_type().fields)
    paths = [key.text for key, _ in entries_of(policy.node.get("inputs"))]
    unread = [path for path in paths if path.startswith(FACTS) and path not in policy.inputs]
    bare = [path for path, written in policy.inputs.items() if _is_bare_fact(path, written, fields)]
    facts: dict[str, t.Type] = {path.removeprefix(FACTS): t.UNKNOWN for path in (*unread, *bare)}
    for path, written in policy.inputs.items():
        if not path.startswith(FACTS):
            continue
        word = written.unit or written.type or ("text" if written.one_of is not None else None)
        if word is None:
            problems.append(
                problem_at(
                    written.node,
                    "missing-unit",
                    f"say what {path} is",
                    "write unit: percent, type: flag or one_of: [NAMES]",
                )
            )
        kind = t.declared(word) if word else t.UNKNOWN
        kind = t.Text(_names(written, [])) if written.one_of is not None else kind
        facts[path.removeprefix(FACTS)] = t.optional(kind) if written.optional else kind
    fields["facts"] = t.Record(facts, "key", "facts")
    record = t.Record(fields, "attribute", "snapshot")
    for path, written in policy.inputs.items():
        if written.one_of is not None and not path.startswith(FACTS):
            record = _narrowed(record, path.split("."), t.Text(_names(written, [])))
    return record


def _is_bare_fact(path: str, written: Input, fields: MappingType[str, object]) -> bool:
    """Tell whether a fact seems to be declared without what its path begins with, which is reported."""
    return "." not in path and path not in fields and (written.unit or written.type) is not None


def _narrowed(record: t.Record, path: list[str], kind: t.Type) -> t.Record:
    name, rest = path[0], path[1:]
    inner = record.fields.get(name)
    if inner is None:
        return record
    if not rest and not isinstance(t.strip(inner), t.Text):  # it has no names, which is reported
        return record
    if not rest:
        new = t.optional(kind) if isinstance(inner, t.Optional) else kind
        return t.Record({**record.fields, name: new}, record.access, record.word)
    part = t.strip(inner)
    if isinstance(part, t.ListOf) and isinstance(part.item, t.Record):
        new = t.ListOf(_narrowed(part.item, rest, kind))
    elif isinstance(part, t.Record):
        new = _narrowed(part, rest, kind)
    else:
        return record
    return t.Record(
        {**record.fields, name: t.optional(new) if isinstance(inner, t.Optional) else new}, record.access, record.word
    )


def check_inputs(policy: PolicyText, snapshot: t.Record, problems: list[Problem]) -> tuple[InputCheck, ...]:
    """Return what evaluation checks of each path."""
    found = []
    for path, written in policy.inputs.items():
        kind = _resolve(policy, path, snapshot, problems)
        if kind is None:
            continue
        fact = kind if path.startswith(FACTS) else None
        fit = _fits(path, written, kind, fact is not None, problems)
        low, high = (
            edges(path, written.range, t.strip(kind), problems) if fit and written.range is not None else (None, None)
        )
        if written.same_as is not None:
            _resolve_other(path, kind, written, snapshot, problems)
        names = _names(written, problems) if written.one_of is not None else None
        unit = str(t.strip(kind)) if isinstance(t.strip(kind), t.Number) else None
        found.append(InputCheck(path, low, high, names, written.same_as, fact, written.optional or fact is None, unit))
    return tuple(found)


def _fits(path: str, written: Input, kind: t.Type, is_fact: bool, problems: list[Problem]) -> bool:
    """Note what cannot be said of a value of this type; return whether its range can be read."""
    said = [key for key in ("unit", "type", "one_of") if getattr(written, key) is not None]
    if not is_fact:
        for key in ("unit", "type", "optional"):
            node = written.node.key(key)
            if node is not None:
                message = f"the snapshot itself says what {path} is"
                problems.append(problem_at(node, "not-allowed-here", message, f"leave {key} out"))
    elif len(said) > 1 and said != ["type", "one_of"]:
        node = written.node.key(said[1])
        problems.append(
            problem_at(node or written.node, "not-allowed-here", f"{path} has {said[0]} already", "keep one of them")
        )
    stripped = t.strip(kind)
    if written.one_of is not None and not isinstance(stripped, t.Text | t.ListOf) and stripped != t.UNKNOWN:
        message = f"{path} is {t.described(stripped)}: it has no names"
        problems.append(problem_at(written.one_of, "wrong-type", message, "leave one_of out"))
    if written.range is not None and not isinstance(stripped, t.Number) and stripped != t.UNKNOWN:
        message = f"{path} is {t.described(stripped)}: it has no range"
        problems.append(problem_at(written.range, "wrong-type", message, "leave range out"))
        return False
    return True


def _names(written: Input, problems: list[Problem]) -> frozenset[str]:
    values = [literal(item, problems).value for item in items_of(written.one_of)]
    return frozenset(value for value in values if isinstance(value, str))


def _resolve(policy: PolicyText, path: str, snapshot: t.Record, problems: list[Problem]) -> t.Type | None:
    kind, wrong, known = follow(path, snapshot)
    if kind is None:
        section = policy.node.get("inputs")
        key = section.key(path) if isinstance(section, Mapping) else None
        node = key if key is not None else policy.inputs[path].node
        hint = did_you_mean(wrong, known)
        if path.startswith(FACTS):
            hint = f"a fact has one name: {FACTS}{path.removeprefix(FACTS).replace('.', '_')}"
        elif _is_bare_fact(path, policy.inputs[path], snapshot.fields):
            hint = f"did you mean {FACTS}{path}?"
        problems.append(problem_at(node, "unknown-name", f"the snapshot has no {path}", hint))
    return kind


def _resolve_other(path: str, kind: t.Type, written: Input, snapshot: t.Record, problems: list[Problem]) -> None:
    other, wrong, known = follow(written.same_as or "", snapshot)
    node = written.node.get("same_as")
    assert isinstance(node, Scalar)  # there is one
    if other is None:
        message = f"the snapshot has no {written.same_as}"
        problems.append(problem_at(node, "unknown-name", message, did_you_mean(wrong, known)))
    elif t.unify(t.strip(kind), t.strip(other)) is None:
        message = f"{path} is {t.described(t.strip(kind))}, {written.same_as} is {t.described(t.strip(other))}"
        problems.append(problem_at(node, "wrong-type", message, "only values of one type can be the same"))


def follow(path: str, snapshot: t.Record) -> tuple[t.Type | None, str, list[str]]:
    """Return the type at a dotted path of the snapshot; else none, the part that is wrong, and what stands there."""
    kind: t.Type = snapshot
    for part in path.split("."):
        inner = t.strip(kind)
        inner = inner.item if isinstance(inner, t.ListOf) else inner
        if not isinstance(inner, t.Record) or part not in inner.fields:
            return None, part, list(inner.fields) if isinstance(inner, t.Record) else []
        kind = t.optional(inner.fields[part]) if isinstance(kind, t.Optional) else inner.fields[part]
    return kind, "", []
