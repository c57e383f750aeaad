"""Findings as text for a person."""

from rulecap.audit.why.changes import ONE_AT_A_TIME, Change, Counts, Findings
from rulecap.language.values import is_number, show
from rulecap.problems import on_a_line

INDENT = "  "
SAID = {"USD": "USD", "percent": "%", "leverage": "x", "hours": "h", "seconds": "s"}
MOST_DIGITS = 12


def render(findings: Findings) -> str:
    """Return what would have changed the verdict, inputs and thresholds apart, the nearest first."""
    sections = [
        _head(findings),
        *_group(findings, "inputs", findings.inputs, "No single input changes it."),
        *_group(findings, "thresholds", findings.thresholds, "No single number of the policy changes it."),
        [ONE_AT_A_TIME, *_work(findings)],
    ]
    return "\n\n".join("\n".join(map(on_a_line, section)) for section in sections if section)


def _head(findings: Findings) -> list[str]:
    state = "" if findings.ok else " (refused)"
    lines = [f"{findings.decision}: {show(findings.verdict)}{state}"]
    if findings.reason:
        lines.append(INDENT + findings.reason)
    lines += [f"{INDENT}{path} would have to be given" for path in findings.missing]
    return lines


def _group(findings: Findings, name: str, changes: tuple[Change, ...], none: str) -> list[list[str]]:
    counts = findings.counts[name]
    title = f"{name.capitalize()}, the nearest change first{_counted(counts)}:"
    lines = [line for change in changes for line in _change(change)]
    return [[title, *(INDENT + line for line in lines)] if lines else [f"{none}{_counted(counts)}"]]


def _counted(counts: Counts) -> str:
    looked = counts.changing + counts.unchanging
    told = [f"{counts.changing} of {looked} change it on their own"]
    told += [f"{counts.unverified} not borne out by the changed policy"] if counts.unverified else []
    told += [f"{counts.untried} not tried"] if counts.untried else []
    return f" ({'; '.join(told)})"


def _change(change: Change) -> list[str]:
    where = change.where if change.place is None else f"{change.where} ({change.place.spot})"
    before = "absent" if change.before is None else _value(change.before, change.unit)
    instead = f"given as {_value(change.after, change.unit)}" if change.before is None else _instead(change, before)
    first = f"{_becoming(change)} if {where} were {instead}"
    lines = [first]
    if change.turns is not None and change.turns != change.after:
        lines.append(f"{INDENT}from {change.turns!r}; at {change.stays!r} it still is {show(change.verdict_before)}")
    if change.reason_after:
        lines.append(INDENT + change.reason_after)
    return lines


def _becoming(change: Change) -> str:
    """Return what becomes of the verdict; a refusal's may be what is decided too."""
    if change.verdict_after == change.verdict_before:
        return f"{show(change.verdict_before)} would be decided, not refused,"
    return f"{show(change.verdict_before)} would be {show(change.verdict_after)}"


def _instead(change: Change, before: str) -> str:
    return f"{_value(change.after, change.unit)} instead of {before}{_moved(change)}"


def _moved(change: Change) -> str:
    """Return how far the value moves, as a share of what it is."""
    before, after = change.before, change.after
    if not is_number(before) or not is_number(after) or not before:
        return ""
    assert isinstance(before, int | float) and isinstance(after, int | float)
    share = 100 * (after - before) / abs(before)
    sign = "+" if share > 0 else "−"
    return f" ({sign}{abs(share):.3g} %)" if abs(share) < 1e6 else ""


def _value(value: object, unit: str | None) -> str:
    """Return a value with its unit; a number with as many digits as tell it from its neighbours in the text."""
    if not is_number(value):
        return show(value)
    assert isinstance(value, int | float)
    text = f"{value:,.{MOST_DIGITS}g}" if not isinstance(value, int) else f"{value:,}"
    exact = text if float(text.replace(",", "")) == value else repr(value)
    return f"{exact} {SAID[unit]}" if unit in SAID else exact


def _work(findings: Findings) -> list[str]:
    if not findings.exhausted:
        return []
    return [f"The work allowed was used up after {findings.evaluations} evaluations: nearer changes may exist."]
