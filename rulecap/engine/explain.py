"""A trace as a colleague would tell it: the answer, why, what changed the number, then every step."""

from collections.abc import Iterator
from typing import Any

from rulecap.language.values import show
from rulecap.problems import cut, on_a_line
from rulecap.rules.kinds import LINES

WIDEST_VALUE = 90


def explain(trace: dict[str, Any], said: list[str]) -> str:
    """Return the text of a trace; no name of what is traded, whatever it is, begins a line or moves a cursor."""
    sections = [
        map(on_a_line, said),
        map(on_a_line, _problems(trace["problems"])),
        map(on_a_line, _waterfalls(trace["steps"])),
        map(on_a_line, _steps(trace["steps"])),
    ]
    return "\n\n".join(text for text in map("\n".join, sections) if text)


def _problems(problems: list[dict[str, Any]]) -> Iterator[str]:
    for problem in problems:
        place = f"{problem['file']}:{problem['line']}" if problem["file"] else problem["path"]
        yield f"{place or 'input'}: {problem['message']} [{problem['code']}]" + (
            f" ({problem['hint']})" if problem["hint"] else ""
        )


def _waterfalls(steps: list[dict[str, Any]]) -> Iterator[str]:
    first = True
    for step in steps:
        if step["kind"] != "adjust" or step["detail"] is None:
            continue
        if not first:
            yield ""
        first = False
        yield f"{_title(step)} — {_place(step)}"
        for line in LINES["adjust"](step["detail"]):
            yield f"  {line}"


def _steps(steps: list[dict[str, Any]]) -> Iterator[str]:
    if steps:
        yield "Every step, in order:"
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        yield f"{'└─' if last else '├─'} {step['rule']} = {_value(step)}   [{_place(step)}]"
        detail = step["detail"]
        lines = LINES[step["kind"]](detail) if detail is not None and step["kind"] != "adjust" else []
        for line in [*lines, *_numbers(step)]:
            yield f"{'   ' if last else '│  '}   {line}"


def _numbers(step: dict[str, Any]) -> Iterator[str]:
    """Tell where in the policy each number stands that took part."""
    for name, spot in step["numbers"].items():
        yield f"{name} is set in {spot}"


def _title(step: dict[str, Any]) -> str:
    title = step["title"] or step["rule"]
    return f"{step['rule']}: {title}" if title != step["rule"].replace("_", " ") else str(step["rule"])


def _place(step: dict[str, Any]) -> str:
    return f"{step['source']['file']}:{step['source']['line']}"


def _value(step: dict[str, Any]) -> str:
    value, unit = step["value"], step["unit"]
    if isinstance(value, dict):
        named = value.get("verdict") or value.get("name") or value.get("symbol")
        return str(named) if named else cut(show(value), WIDEST_VALUE)
    if isinstance(value, list):
        return f"{len(value)} of them" if value and isinstance(value[0], dict) else show(value, unit)
    return show(value, unit)
