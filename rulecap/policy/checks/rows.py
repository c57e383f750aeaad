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
    tables = [rule for rule in policy.rules.values() if isinstance(rule, TypedTable)]
    keys: dict[str, list[Term]] = {table.name: [table.key] if table.key else [] for table in tables}
    for name, key in _looked_up(every_term(policy)):
        keys.setdefault(name, []).append(key)
    for table in tables:
        possible = None if _is_list(keys[table.name]) else _options(key.type for key in keys[table.name])
        if possible is not None:
            problems += _strange(table, possible)


def _is_list(keys: Iterable[Term]) -> bool:
    """Tell whether a table is looked up by fixed names at the most: it is there for its rows."""
    return all(isinstance(key, Const) for key in keys)


def _looked_up(terms: Iterable[Term]) -> Iterator[tuple[str, Term]]:
    for part in (part for term in terms for part in walk(term)):
        if isinstance(part, Lookup):
            yield part.rule, part.key


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
            by = f"{table.of.text} can be" if table.of is not None else f"{table.name} is looked up by"
            message = f"{name} is not one of the names that {by}"
            yield of_late(problem_at(node, "unknown-name", message, did_you_mean(name, possible)))
