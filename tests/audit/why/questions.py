"""Questions to policies in a text: why they answer as they do."""

import json
from pathlib import Path
from typing import Any

from rulecap.audit.why import Change, Findings, why
from rulecap.snapshot import Snapshot, read_snapshot
from tests.written import policy, snapshot

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ("btc_500", "sushi_recorded")
ASKED = (("position", "recommendation"), ("margin", "zone"), ("state", "band"))

ZONES = """\
rules:
  used:
    kind: formula
    unit: percent
    formula: as_percent(account.margin_used, account.total_wallet_balance)
  zone:
    kind: bands
    of: used
    cases:
      - {name: GREEN, below: 50%}
      - {name: RED}
decisions:
  answer:
    on_error: {verdict: none}
    outputs: {verdict: zone.name}
"""


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "policies/default/examples" / f"{name}.json").read_text())
    return found


def seen(value: dict[str, Any]) -> Snapshot:
    read = read_snapshot(value)
    assert isinstance(read, Snapshot), read
    return read


def asked(text: str, memory: Any = None, output: str = "verdict", **parts: Any) -> Findings:
    """Return why a policy in a text answers as it does."""
    return why(policy(text), seen(snapshot(**parts)), memory, "answer", lambda one: one.outputs.get(output))


def the(findings: Findings, where: str, up: bool | None = None) -> Change:
    """Return the only change of a value, or that upwards or downwards."""
    found = [one for one in findings.changes if one.where == where]
    if up is not None:
        found = [one for one in found if (one.after > one.before) == up]  # type: ignore[operator]
    assert len(found) == 1, (where, [(one.where, one.after) for one in findings.changes])
    return found[0]


def places(findings: Findings) -> set[str]:
    return {one.where for one in findings.changes}


def judged(condition: str, more: str = "") -> str:
    """Return a policy that stops where a condition holds; it stands in the condition's own line, column 13."""
    return f"""\
{more}
rules:
  judgement:
    kind: checks
    order: [GO, STOP]
    checks:
      - name: only
        if: {condition}
        verdict: STOP
        why: it is so
decisions:
  answer:
    on_error: {{verdict: none}}
    outputs: {{verdict: judgement.verdict}}
"""


def recommendation(decision: Any) -> object:
    return decision.outputs.get("recommendation")
