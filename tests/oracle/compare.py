"""Whether two answers are the same answer: numbers within a billionth, times as times, texts of reasons left aside."""

import math
from collections import Counter
from datetime import datetime
from typing import Any

RELATIVE = 1e-9
TIMES = ("breaker_until", "breaker_tripped_at")


def differences(got: dict[str, Any], want: dict[str, Any], scale: float, *, complete: bool = True) -> list[str]:
    """Return what differs, as lines of text.

    Args:
        got: the outputs of the policy.
        want: the outputs of the oracle.
        scale: the largest amount in play; differences of money near zero are rounding in proportion to it.
        complete: whether every output of the policy is the oracle's too.
    """
    found = [f"{name}: missing" for name in want if name not in got]
    if complete:
        found += [f"{name}: the oracle does not know it" for name in got if name not in want]
    slack = max(1e-9, 1e-13 * scale)
    for name, value in want.items():
        if name in got and not same(name, got[name], value, slack):
            found.append(f"{name}: policy {got[name]!r}, oracle {value!r}")
    return found


def same(name: str, got: Any, want: Any, slack: float) -> bool:
    """Return whether two values of an output are the same."""
    if name == "reasons":
        return verdicts(got) == verdicts(want)
    if name == "actions":
        return all(one["why"] for one in got) and same("", [without_why(one) for one in got], want, slack)
    if name == "adjustments":
        return same("", changes(got), changes(want), slack)
    if name in TIMES and got is not None and want is not None:
        return datetime.fromisoformat(got) == datetime.fromisoformat(want)
    if isinstance(want, dict):
        return (
            isinstance(got, dict) and got.keys() == want.keys() and all(same(k, got[k], want[k], slack) for k in want)
        )
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(_alike(slack), got, want))
    if is_number(want) and is_number(got):
        return math.isclose(got, want, rel_tol=RELATIVE, abs_tol=slack)
    return type(got) is type(want) and bool(got == want)


def _alike(slack: float) -> Any:
    """Return the comparison of two items of a list."""
    return lambda got, want: same("", got, want, slack)


def is_number(value: object) -> bool:
    """Return whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def without_why(action: dict[str, Any]) -> dict[str, Any]:
    """Return an action without its text."""
    return {key: value for key, value in action.items() if key != "why"}


def verdicts(reasons: list[dict[str, Any]]) -> Counter[str]:
    """Return how often each verdict stands among the reasons."""
    return Counter(reason["verdict"] for reason in reasons)


def changes(adjustments: list[dict[str, Any]]) -> list[list[float]]:
    """Return from where to where each adjustment went that changed something, in order."""
    pairs = [[step["from"], step["to"]] for step in adjustments]
    return sorted(pair for pair in pairs if not math.isclose(pair[0], pair[1], rel_tol=RELATIVE, abs_tol=1e-12))
