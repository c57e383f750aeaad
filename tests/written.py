"""Policies written in a test: text in, policy, problems or decision out, without the lines that every policy has."""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rulecap import Decision, Policy, PolicyError, load_policy
from rulecap.problems import Problem

MAIN = "policy.yaml"
AS_OF = "2026-03-02T10:30:00Z"  # a Monday
ACCOUNT: dict[str, Any] = {
    "id": "demo",
    "total_wallet_balance": 1000,
    "available_balance": 900,
    "margin_used": 100,
    "unrealized_pnl": 0,
}
POSITION: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "base": "BTC",
    "side": "LONG",
    "quantity": 1,
    "entry_price": 100,
    "mark_price": 100,
    "notional": 100,
    "margin": 10,
    "leverage": 10,
    "unrealized_pnl": 0,
}


def completed(text: str, requires: str = "") -> str:
    """Return a policy with what every policy has put behind its last line, so that the text's own places stay true.

    Without decisions there is one, `answer`, whose outputs are all rules. An overlay and a text with `language` are
    complete as they are.

    Args:
        text: the policy.
        requires: what the decision `answer` requires, where it is added.
    """
    text = textwrap.dedent(text)
    if re.search(r"^(language|extends):", text, re.MULTILINE):
        return text
    lines = [text.rstrip("\n"), "language: 1", "policy: written", "version: 1.0.0"]
    if not re.search(r"^decisions:", text, re.MULTILINE):
        section = re.search(r"^rules:[^\n]*\n((?:[ #][^\n]*\n|\n)*)", text + "\n", re.MULTILINE)
        names = re.findall(r"^  ([a-z][a-z0-9_]*):", section[1] if section else "", re.MULTILINE)
        outputs = "".join(f"      {name}: {name}\n" for name in names) or "      one: 1\n"
        nothing = ", ".join(f"{name}: none" for name in names or ["one"])
        lines.append(
            f"decisions:\n  answer:\n    requires: [{requires}]\n    on_error: {{{nothing}}}\n    outputs:\n{outputs}"
        )
    return "\n".join(lines) + "\n"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a policy's files as they are; return what to load: its folder, or the overlay that is called main.yaml."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder / "main.yaml" if "main.yaml" in files else folder


def policy(text: str) -> Policy:
    """Return the policy that a text is."""
    with TemporaryDirectory() as folder:
        return load_policy(write(Path(folder), {MAIN: completed(text)}))


def problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a text, warnings included, nothing where it is a policy."""
    return problems_of({MAIN: completed(text)})


def problems_of(files: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what is wrong with a policy's files."""
    with TemporaryDirectory() as folder:
        try:
            return load_policy(write(Path(folder), files)).warnings
        except PolicyError as error:
            return error.problems


def snapshot(**parts: Any) -> dict[str, Any]:
    """Return a small snapshot; `account` is laid over the usual one, a position over a usual one."""
    account = {**ACCOUNT, **parts.pop("account", {})}
    positions = [{**POSITION, **one} for one in parts.pop("positions", ())]
    return {"as_of": AS_OF, "account": account, "positions": positions, **parts}


def decide(
    text: str | Policy, decision: str = "answer", memory: Mapping[str, Any] | None = None, **parts: Any
) -> Decision:
    """Return the decision on a snapshot of these parts, on which both evaluators agree."""
    asked = policy(text) if isinstance(text, str) else text
    given = snapshot(**parts)
    fast, slow = asked.evaluate(given, decision, memory), asked.reference(given, decision, memory)
    assert fast.ok == slow.ok, (fast.problems, slow.problems)
    assert _exactly(fast.outputs) == _exactly(slow.outputs)
    assert _exactly(fast.memory) == _exactly(slow.memory)
    assert [one.code for one in fast.problems] == [one.code for one in slow.problems]
    return fast


def value(formula: str, unit: str = "", **facts: Any) -> Any:
    """Return what a formula gives; numbers, flags and texts among `facts` are read as `facts.name`, without unit."""
    kinds = {bool: "type: flag", str: "type: text", int: "unit: ratio", float: "unit: ratio"}
    inputs = "".join(f"  facts.{name}: {{{kinds[type(fact)]}}}\n" for name, fact in facts.items())
    declared = f"unit: {unit}, " if unit else ""
    text = f"rules:\n  x: {{kind: formula, {declared}formula: {quoted(formula)}}}\n"
    return decide((f"inputs:\n{inputs}" if inputs else "") + text, facts=facts).outputs["x"]


def quoted(text: str) -> str:
    """Return a text as YAML in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def step(decision: Decision, rule: str) -> dict[str, Any]:
    """Return a rule's step in the trace."""
    return next(one for one in decision.trace.steps if one["rule"] == rule)


def detail(decision: Decision, rule: str) -> Any:
    """Return the detail of a rule's step in the trace."""
    return step(decision, rule)["detail"]


def _exactly(value: Any) -> str:
    """Return a text that also tells 1 from 1.0 and true, and 0.0 from -0.0."""
    return repr(value)
