"""docs/rest.md: each `curl` in it is asked of the demo, and what comes out is held against the answer behind it.

`python -m tests.service.rest_document` writes into the document what comes out.
"""

import json
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from rulecap.service.app import create_app
from rulecap.service.settings import read_settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rest.md"
BLOCK = re.compile(r"```sh\n(curl .*?)```\n\n```(json|text)\n(.*?)```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
CUT = "…"
# What is another one each time that it is asked for.
MOVING = {
    "as_of": "2026-11-24T12:00:00Z",
    "time": "2026-11-24T12:00:00Z",
    "snapshot_age_seconds": 1.5,
    "age_seconds": 1.5,
    "decision_id": "c0ffee000000-1",
    "id": "c0ffee000000-1",
    "policy_digest": CUT,
    "digest": CUT,
    "meaning": CUT,
    "engine": CUT,
    "seq": 1,
    "passed": 100,
    "next": CUT,
}
LONGEST = 12
RECORD = re.compile(r"[0-9a-f]{12}-[0-9]+")


def ask(client: TestClient, command: str) -> Response:
    """Return what the server answers to a `curl` command."""
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    method, headers, body, url, query = "GET", {}, None, "", []
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data") and "-G" in command:
            query.append(tuple(next(words).split("=", 1)))
        elif word in ("-d", "--data"):
            method, body = "POST", next(words)
        elif word == "--data-urlencode":  # after -G
            query.append(tuple(next(words).split("=", 1)))
        elif word == "--json":
            method, body = "POST", next(words)
            headers["Content-Type"] = "application/json"
        elif word == "--data-binary":
            method, body = "POST", Path(PAGE.parents[1], next(words).removeprefix("@")).read_text()
        elif not word.startswith("-"):
            url = word
    asked = {"params": query} if query else {}
    return client.request(method, url.removeprefix(ADDRESS), headers=headers, content=body, **asked)


def asked(client: TestClient, command: str) -> Any:
    """Return what a `curl` command gives."""
    answer = ask(client, command)
    kind = answer.headers["content-type"]
    return answer.json() if kind.endswith("json") else answer.text


def _moves(name: str, value: object) -> bool:
    """Return whether a value is another one each time; an account's `id` is its name."""
    return value is not None and (name != "id" or RECORD.fullmatch(str(value)) is not None)


def settled(value: Any, depth: int = 0) -> Any:
    """Return an answer with what moves put to rest, and what is long cut short."""
    if isinstance(value, dict):
        if depth >= 1 and len(value) > LONGEST:
            return {CUT: CUT}
        return {
            name: MOVING[name] if name in MOVING and _moves(name, one) else settled(one, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [settled(one, depth + 1) for one in value[:2]] + ([CUT] if len(value) > 2 else [])
    if isinstance(value, str) and len(value) > 200:
        return value[:60] + CUT
    return value


def written(answer: Any) -> str:
    """Return an answer as the document has it."""
    if isinstance(answer, str):
        lines = [
            line for line in answer.splitlines() if line.startswith(("rulecap_decisions_total", "rulecap_verdict"))
        ]
        return "\n".join(sorted(lines)) + "\n"
    return json.dumps(settled(answer), indent=2, ensure_ascii=False) + "\n"


def rewritten(text: str) -> str:
    """Return the document with what comes out today."""
    with tempfile.TemporaryDirectory() as folder:
        log = f"sqlite:///{folder}/log.sqlite3"
        settings = read_settings(apart=False, demo=True, log=log, refresh_seconds=3600.0, record_seconds=3600.0)
        with TestClient(create_app(settings), base_url="http://localhost") as client:
            service = client.app.state.service  # type: ignore[attr-defined]  # FastAPI's
            client.portal.call(service.desk.view.read_once.wait)  # type: ignore[union-attr]  # it runs
            client.portal.call(service.desk.record_watched)  # type: ignore[union-attr]  # as above

            def today(found: re.Match[str]) -> str:
                command, kind = found[1], found[2]
                return f"```sh\n{command}```\n\n```{kind}\n{written(asked(client, command))}```"

            return BLOCK.sub(today, text)


def commands(text: str) -> Iterator[str]:
    """Yield the document's commands."""
    for found in BLOCK.finditer(text):
        yield found[1]


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.name}\n")
