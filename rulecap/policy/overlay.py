"""Overlays: a policy with single values changed, by paths in the names that its rules use.

A path begins with a rule, a parameter or a section, and goes down by keys, by the names of cases, rows, steps and
checks, or by positions in a list that count from 0: `drawdown.HEAVY.size`, `allowed_leverage.drawdown.at_most`.
"""

from dataclasses import dataclass

from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, entries_of, problem_at, text_at
from rulecap.problems import A_SLIP, Problem, did_you_mean, nearest

SECTIONS = ("inputs", "parameters", "memory", "decisions", "rules", "history")
OTHERWISE = "otherwise"
NOT_CHANGED = ("kind", "title", "why", "source", "unit")

Steps = tuple[str | int, ...]  # the exact way down the document: keys and indexes


@dataclass(frozen=True, slots=True)
class Change:
    """A value of an overlay and the exact way to what it replaces."""

    key: Scalar
    steps: Steps
    value: Node


def apply(base: Mapping, overlay: Mapping) -> tuple[Mapping, list[Problem]]:
    """Return the base with what the overlay's `set` changes; new values keep the overlay's place.

    Args:
        base: a policy's merged document.
        overlay: the overlay's document; only its `set` is read.
    """
    found = [_change(base, key, value) for key, value in entries_of(overlay.get("set"))]
    changes = [change for change in found if isinstance(change, Change)]
    problems = [problem for problem in found if isinstance(problem, Problem)] + _clashes(changes)
    changed = _changed(base, {change.steps: change.value for change in changes})
    assert isinstance(changed, Mapping)  # no way is empty, so the document itself stays
    return changed, sorted(problems, key=lambda problem: problem.location or overlay.location)


def _change(base: Mapping, key: Scalar, value: Node) -> Change | Problem:
    """Return where a path leads, or what is wrong with it."""
    segments = key.text.split(".")
    start = _start(base, segments[0])
    if start is None:
        return _leads_nowhere(base, key, base, segments[:1], value)
    node, steps, used = *start, 1
    while used < len(segments):
        found = _step(node, segments[used:])
        if found is None:
            return _leads_nowhere(base, key, node, segments[: used + 1], value)
        node, steps, used = _descend(node, found[0]), steps + found[0], used + found[1]
    if not isinstance(node, Mapping) or len(steps) > len(("section", "entry")):
        return Change(key, steps, value)
    if steps[0] == "parameters" and _is_parameter_value(node, value):
        return Change(key, (*steps, "value"), value)
    if steps[0] == "rules" and isinstance(value, Mapping) and "kind" not in value:
        return _nested(key, value)
    return Change(key, steps, value) if isinstance(value, Mapping) else _too_much(key, node)


def _nested(key: Scalar, value: Mapping) -> Problem:
    """Return what is wrong with keys below each other, where one path is wanted for each value."""
    path, inner = [key.text], value
    while isinstance(inner, Mapping) and inner.entries:
        name, following = inner.entries[0]
        path.append(name.text)
        if not isinstance(following, Mapping):
            break
        inner = following
    message = f"this would stand in place of the whole rule {key.text}, and is none"
    return problem_at(key, "bad-overlay-path", message, f"write a path for each value: {'.'.join(path)}: …")


def _is_parameter_value(parameter: Mapping, value: Node) -> bool:
    """Tell whether a value is meant for a parameter's `value`, and not to be the whole parameter."""
    old = parameter.get("value")
    if isinstance(value, Mapping):
        return isinstance(old, Mapping) and "value" not in value and "values" not in value
    return old is not None


def _start(base: Mapping, name: str) -> tuple[Node, Steps] | None:
    """Return what a path's first segment names and the way there: a rule, else a parameter, else a section."""
    for section in ("rules", "parameters"):
        entries = base.get(section)
        if isinstance(entries, Mapping) and (entry := entries.get(name)) is not None:
            return entry, (section, name)
    found = base.get(name) if name in SECTIONS else None
    return None if found is None else (found, (name,))


def _step(node: Node, segments: list[str]) -> tuple[Steps, int] | None:
    """Return the way down that the next segments name, and how many they are; none where they name nothing.

    A name may hold points itself (`inputs` are named by paths, steps in words), so the longest name wins.
    """
    for count in range(len(segments), 0, -1):
        down = _down(node, ".".join(segments[:count]))
        if down is not None:
            return down, count
    return None


def _down(node: Node, name: str) -> Steps | None:
    """Return the way from a node to what is called so directly in it."""
    if isinstance(node, Mapping):
        return (name,) if name in node else _named_below(node, name)
    if isinstance(node, Sequence):
        return _named(node, name) or _numbered(node, name)
    return None


def _named_below(node: Mapping, name: str) -> Steps | None:
    """Return the way to the case, row, step or check of that name in one of a rule's lists, or to its `otherwise`."""
    for key, value in node.items():
        if isinstance(value, Sequence) and (way := _named(value, name)):
            return (key, *way)
    return (OTHERWISE,) if text_at(node.get(OTHERWISE), "name") == name else None


def _named(items: Sequence, name: str) -> Steps | None:
    """Return the way to the item of that name."""
    return next(((index,) for index, item in enumerate(items.items) if text_at(item, "name") == name), None)


def _numbered(items: Sequence, name: str) -> Steps | None:
    """Return the way to the item at that position."""
    return next(((index,) for index in range(len(items.items)) if str(index) == name), None)


def _descend(node: Node, steps: Steps) -> Node:
    """Return the node at the end of a way that exists."""
    for step in steps:
        if isinstance(node, Sequence):
            node = node.items[int(step)]
        elif isinstance(node, Mapping):
            node = node.get(str(step)) or node
    return node


def _changed(node: Node, values: dict[Steps, Node]) -> Node:
    """Return a node with the values in place at the ends of their ways."""
    if () in values or not values:
        return values.get((), node)
    below: dict[str | int, dict[Steps, Node]] = {}
    for steps, value in values.items():
        below.setdefault(steps[0], {})[steps[1:]] = value
    if isinstance(node, Sequence):
        items = tuple(_changed(item, below.get(index, {})) for index, item in enumerate(node.items))
        return Sequence(items, node.source, node.line, node.column)
    assert isinstance(node, Mapping)  # a way leads through lists and mappings only
    entries = tuple((key, _changed(value, below.get(key.text, {}))) for key, value in node.entries)
    return Mapping(entries, node.source, node.line, node.column)


def _clashes(changes: list[Change]) -> list[Problem]:
    """Return a finding for each value that another change sets too, or that is a part of what another one sets."""
    first: dict[Steps, Change] = {}
    problems = []
    for change in changes:
        other = first.setdefault(change.steps, change)
        if other is not change:
            message = f"`{change.key.text}` is the same value as `{other.key.text}` on line {other.key.line}"
            problems.append(problem_at(change.key, "duplicate-key", message, "keep one of them"))
    for change in first.values():
        for length in range(1, len(change.steps)):
            if whole := first.get(change.steps[:length]):
                message = f"`{change.key.text}` is a part of `{whole.key.text}`, which line {whole.key.line} replaces"
                problems.append(problem_at(change.key, "bad-overlay-path", message, "say it there"))
    return problems


def _leads_nowhere(base: Mapping, key: Scalar, node: Node, segments: list[str], value: Node) -> Problem:
    """Return the finding at the segment of a path, its last one here, that names nothing."""
    *way, wrong = segments
    place = len(".".join(way)) + bool(way)
    known = _beginnings(base) if not way else [] if isinstance(node, Scalar) else _names(node)
    hint = did_you_mean(wrong, known)
    if isinstance(value, Mapping) and ("kind" in value or "name" in value) and not nearest(wrong, known, A_SLIP):
        hint = "it changes what is there; to add something, copy the folder that it extends"
    if not way:
        message = f"there is no rule, parameter or section `{wrong}`"
        return problem_at(key, "bad-overlay-path", message, hint, place)
    message = f"`{'.'.join(way)}` has nothing that is called `{wrong}`"
    if isinstance(node, Scalar):
        return problem_at(key, "bad-overlay-path", message, f"it is a single value: {node.text}", place)
    return problem_at(key, "bad-overlay-path", message, hint, place)


def _beginnings(base: Mapping) -> list[str]:
    """Return what a path may begin with."""
    return [
        *(key.text for section in ("rules", "parameters") for key, _ in entries_of(base.get(section))),
        *(section for section in SECTIONS if section in base),
    ]


def _names(node: Mapping | Sequence) -> list[str]:
    """Return what may follow in a path behind what leads to a node."""
    if isinstance(node, Sequence):
        return [text_at(item, "name") or str(index) for index, item in enumerate(node.items)]
    lists = [value for _, value in node.items() if isinstance(value, Sequence)]
    named = [text_at(item, "name") for items in lists for item in items.items]
    return [*(key for key, _ in node.items()), *filter(None, [*named, text_at(node.get(OTHERWISE), "name")])]


def _too_much(key: Scalar, node: Mapping) -> Problem:
    """Return the finding for a single value in the place of a whole rule, parameter or section."""
    parts = [name for name, _ in node.items() if name not in NOT_CHANGED]
    part = "values.0.is" if "values" in parts else next(iter(parts), "…")
    message = f"`{key.text}` is not a single value, it has parts"
    return problem_at(key, "bad-overlay-path", message, f"name the part, such as `{key.text}.{part}`")
