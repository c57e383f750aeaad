"""A condition on records, asked by a caller: what it may be, and how much of the log one request looks at."""

import ast
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rulecap.audit import Log
from rulecap.audit.log import Stored
from rulecap.audit.review.filter import Filter, Unaskable, filter_on, written_expression
from rulecap.audit.review.finding import page_within
from rulecap.audit.review.pages import Page, Way
from rulecap.audit.review.selection import Kinds
from rulecap.language.grammar import offset_of
from rulecap.problems import Problem
from rulecap.service.problems import Refused, malformed

# What one request looks at, at the most: a page ends there, and the next one goes on.
MOST_RECORDS, MOST_BYTES, MOST_POLICIES, MOST_SECONDS = 2_000, 32 * 1024 * 1024, 8, 1.0


@dataclass
class Look:
    """What a request has looked at; a first record is looked at whatever it is, so that every page leads on."""

    kinds: Kinds
    clock: Callable[[], float] = time.monotonic
    records: int = 0
    size: int = 0
    policies: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin now."""
        self._end = self.clock() + MOST_SECONDS

    def enough(self, one: Stored) -> bool:
        """Tell whether a record is one too many; else it counts as looked at."""
        policies = self.policies | {self.kinds[one.kind].digest}
        size = self.size + len(one.record.body)
        over = (self.records >= MOST_RECORDS, size > MOST_BYTES, len(policies) > MOST_POLICIES)
        if self.records and (any(over) or self.clock() > self._end):
            return True
        self.records, self.size, self.policies = self.records + 1, size, policies
        return False


def page_on(log: Log, way: Way, most: int, text: str | None) -> tuple[Page, dict[str, Any]]:
    """Return a page of the records on which a condition holds, and what is to be said of the looking.

    Without a condition, of those by who asked.

    Raises:
        Refused: the condition is none, or means nothing for any of the records.
        LogError: the log cannot be read.
    """
    where = None if text is None else _filter(log, way, text)
    look = Look(way.kinds)
    page = page_within(log, way, most, where, look.enough)
    untold = {"unknown": where.unknown, "unfit": _unfit(where)} if where else {"unknown": 0, "unfit": []}
    return page, {"looked_at": look.records, **untold}


def _filter(log: Log, way: Way, text: str) -> Filter:
    _check_nesting(text)
    try:
        return filter_on(text, log, way.kinds, MOST_POLICIES)
    except Unaskable as error:
        raise _refusal(error.problems) from error


def _unfit(where: Filter) -> list[dict[str, Any]]:
    return [
        {"policy": digest, "decision": decision, "count": count,
         "problems": [_placed(problem).message for problem in where.problems(digest, decision)]}
        for (digest, decision), count in sorted(where.unfit.items())
    ]  # fmt: skip


def _check_nesting(text: str) -> None:
    """Refuse a list that is gone through for each element of a list: what that takes has no bound that matters.

    Raises:
        Refused: there is one.
    """
    expression = written_expression(text)
    for outer in ast.walk(expression.tree) if expression.tree is not None else ():
        for inner in ast.walk(outer) if isinstance(outer, ast.GeneratorExp) else ():
            if isinstance(inner, ast.GeneratorExp) and inner is not outer:
                told = "one `for` inside another is not taken here"
                hint = "`rulecap audit query --where` takes it"
                raise _refusal([expression.problem(offset_of(inner), "not-allowed-here", told, hint)])


def _refusal(problems: Iterable[Problem]) -> Refused:
    return malformed([_placed(problem) for problem in problems], "the request")


def _placed(problem: Problem) -> Problem:
    """Return a problem with its place in the query, and the column in the condition in its words."""
    column = f"column {problem.location.column}: " if problem.location else ""
    return Problem(problem.code, column + problem.message, path="where", hint=problem.hint)
