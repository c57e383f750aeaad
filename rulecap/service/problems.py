"""Errors as problem documents (RFC 9457): a status, a stable code, what is wrong, and where in the request."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from rulecap.problems import Problem

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:rulecap:problem:"
STEP = re.compile(r"\[(\d+)\]|\['(.*?)'\]|([^.\[\]]+)")


class Refused(Exception):
    """A request that is not answered as asked; it becomes a problem document.

    Attributes:
        errors: every finding, each with its own place in the request.
        headers: what the answer has beside the document.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what is wrong."""
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the problem document; `pointer` is the first finding's place as a JSON pointer."""
        found = [_finding(problem) for problem in self.errors]
        pointer = next((one["pointer"] for one in found if one["pointer"] is not None), None)
        return {
            "type": TYPE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "pointer": pointer,
            "errors": found,
        }

    def response(self) -> Response:
        """Return the answer."""
        return Response(to_json(self.document()), self.status, self.headers, MEDIA_TYPE)


def malformed(problems: Iterable[Problem], what: str = "the request's body") -> Refused:
    """Return the refusal of a request that is not what the endpoint takes: 400 where it is no JSON at all, else 422."""
    found = tuple(problems)
    status = 400 if any(problem.code == "not-json" for problem in found) else 422
    first = found[0]
    place = f"{first.path} " if first.path else ""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return Refused(status, first.code, f"{what}: {place}{first.message}{more}", found)


def pointer_of(path: str | None) -> str | None:
    """Return a JSON path such as `book.asks[3]` as a JSON pointer (RFC 6901): `/book/asks/3`."""
    if path is None:
        return None
    steps = (number or quoted or name for number, quoted, name in STEP.findall(path))
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def shown_problem(problem: Problem) -> dict[str, Any]:
    """Return a decision's problem as an answer shows it."""
    return {"code": problem.code, "severity": problem.severity, "detail": problem.message, "path": problem.path}


def _finding(problem: Problem) -> dict[str, Any]:
    hint = f" ({problem.hint})" if problem.hint else ""
    return {"code": problem.code, "detail": problem.message + hint, "pointer": pointer_of(problem.path)}
