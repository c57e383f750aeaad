"""Rows of a table: the names that a row holds are among those that the table is ever looked up by."""

from collections.abc import Iterable, Iterator

from rulecap.language import types as t
from rulecap.language.terms import Const, Lookup, Term, walk
from rulecap.policy.nodes import problem_at
from rulecap.policy.plan import every_term
from rulecap.policy.typed import TypedPolicy
from rulecap.problems import Problem, did_you_mean, of_late
from rulecap.rules.table import TypedTable


def check_rows(policy: TypedPolicy, problems: list[Problem]) -> None:
    """Note each name of a row that nothing looks up: a slip in it would leave the row out, and nobody would be told."""
    tables = [rule for rule in policy.rules.values() if isinstance(rule, TypedTable) and not _is_list(rule)]
    if not tables:
        return
    keys: dict[str, list[t.Type]] = {table.name: [table.key.type] if table.key else [] for table in tables}
    for name, kind in _looked_up(every_term(policy)):
        if name in keys:
            keys[name].append(kind)
    for table in tables:
        possible = _options(keys[table.name]) if keys[table.name] else None
        if possible is not None:
            problems += _strange(table, possible)


def _is_list(table: TypedTable) -> bool:
    """Tell whether a table is looked up by one fixed name: it is there for its rows."""
    return isinstance(table.key, Const)


def _looked_up(terms: Iterable[Term]) -> Iterator[tuple[str, t.Type]]:
    for part in (part for term in terms for part in walk(term)):
        if isinstance(part, Lookup):
            yield part.rule, part.key.type


def _options(kinds: Iterable[t.Type]) -> frozenset[str] | None:
    """Return all names that the keys can be; none where one of them may be any."""
    found: frozenset[str] = frozenset()
    for kind in map(t.strip, kinds):
        if not isinstance(kind, t.Text) or kind.options is None:
            return None
        found |= kind.options
    return found


def _strange(table: TypedTable, possible: frozenset[str]) -> Iterator[Problem]:
    for name, node in table.listed:
        if name not in possible:
            by = table.of.text if table.of is not None else "what is looked up"
            message = f"{name} is not one of the names that {by} can be"
            yield of_late(problem_at(node, "unknown-name", message, did_you_mean(name, possible)))
