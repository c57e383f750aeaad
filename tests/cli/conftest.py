"""A small policy, its tests and a snapshot, in a folder of their own."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rulecap.cli import main
from tests.audit.counting import counting
from tests.cli.logged import ask

POLICY = """\
language: 1
policy: small
version: 1.2.0
title: Bet less while losing
parameters:
  most: {value: 5%, unit: percent, why: More than this is a gamble.}
memory:
  worst_loss_pct: {start: 0%, next: "max(memory.worst_loss_pct, loss_pct)", unit: percent}
decisions:
  position:
    title: How much may be bet?
    outputs:
      zone: zone.name
      share_pct: share_pct
      nested: {loss_pct: loss_pct, worst_loss_pct: "max(memory.worst_loss_pct, loss_pct)"}
    on_error: {zone: none, share_pct: 0%, nested: none}
rules:
  loss_pct:
    kind: formula
    unit: percent
    formula: as_percent(0 USD - account.unrealized_pnl, account.total_wallet_balance)
  zone:
    kind: bands
    of: loss_pct
    cases:
      - {name: CALM, below: 5%, size: 1.0}
      - {name: LOSING, below: 20%, size: 0.5}
      - {name: STOP, size: 0.0}
  share_pct:
    kind: adjust
    unit: percent
    start: most
    steps:
      - {name: losses, times: zone.size}
"""

TESTS = """\
snapshot:
  as_of: 2026-01-01T00:00:00Z
  account: {id: a, total_wallet_balance: 1000, available_balance: 1000, margin_used: 0, unrealized_pnl: 0}
tests:
  - name: nothing lost, everything may be bet
    expect: {zone: CALM, share_pct: 5}
    trace: {zone.size: 1}
  - name: a tenth lost, half of it
    set: {account.unrealized_pnl: -100}
    expect: {zone: LOSING, share_pct: 2.5, nested.loss_pct: 10}
  - name: the worst loss is remembered
    set: {account.unrealized_pnl: -300}
    steps:
      - {expect: {zone: STOP, nested: {worst_loss_pct: 30}}, memory_after: {worst_loss_pct: 30}}
      - {set: {account.unrealized_pnl: 0}, expect: {zone: CALM, nested: {worst_loss_pct: 30}}}
  - name: no balance at all is said
    set: {account.total_wallet_balance: none}
    expect: {zone: none, share_pct: 0}
    problems: [missing-field]
"""

SNAPSHOT = {
    "as_of": "2026-01-01T00:00:00Z",
    "account": {
        "id": "a",
        "total_wallet_balance": 1000,
        "available_balance": 900,
        "margin_used": 100,
        "unrealized_pnl": -100,
    },
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with `small/policy.yaml`, its tests and `snapshot.json`; it is the working directory."""
    write(tmp_path / "small" / "policy.yaml", POLICY)
    write(tmp_path / "small" / "tests" / "zones.yaml", TESTS)
    write(tmp_path / "snapshot.json", json.dumps(SNAPSHOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rulecap(capsys):
    """Return a function that runs the command and gives its exit code, output and errors."""

    def run(*arguments: str):
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse: usage, --help, --version
            code = end.code
        shown = capsys.readouterr()
        return SimpleNamespace(code=code, out=shown.out, err=shown.err)

    return run


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def policy(tmp_path, monkeypatch):
    """A policy that counts, in a folder where no log is yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RULECAP_LOG", raising=False)
    monkeypatch.delenv("RULECAP_SIGNING_KEY", raising=False)
    return counting(tmp_path / "counting")


@pytest.fixture
def log(policy):
    """A log of three records that nobody signed."""
    return ask(policy, 1, 2, 3)
