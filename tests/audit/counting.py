"""A policy whose memory tells how often it was advanced, and snapshots for it."""

from datetime import UTC, datetime, timedelta

from rulecap import load_policy

COUNTING = """\
language: 1
policy: counting
version: {version}
title: Counts evaluations and remembers the largest loss
memory:
  seen: {{start: 0, next: number, unit: count}}
  {loss}: {{start: 0 USD, next: "max(memory.{loss}, 0 USD - account.unrealized_pnl)", unit: USD}}
decisions:
  position:
    title: Go or not?
    outputs: {{number: number, verdict: word}}
    verdict: verdict
    on_error: {{number: none, verdict: "NO"}}
  margin:
    title: How many?
    answers_anyway: true
    outputs: {{number: number, wallet: account.total_wallet_balance}}
    on_error: {{number: none, wallet: none}}
rules:
  number: {{kind: formula, unit: count, formula: memory.seen + 1}}
  word: {{kind: formula, formula: GO if account.unrealized_pnl >= 0 USD else NO}}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


def counting(folder, version="1.0.0", loss="worst_loss"):
    """Return the policy, written into a folder that is not there yet."""
    folder.mkdir()
    (folder / "policy.yaml").write_text(COUNTING.format(version=version, loss=loss))
    return load_policy(folder)


def snapshot(minute: float, pnl: float = 0.0, account: str = "a") -> dict[str, object]:
    """Return a snapshot of a minute."""
    money = {"total_wallet_balance": 1000, "available_balance": 900, "margin_used": 100, "unrealized_pnl": pnl}
    return {"as_of": (START + timedelta(minutes=minute)).isoformat(), "account": {"id": account, **money}}
