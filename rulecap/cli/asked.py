"""What a command was asked about: its policy, snapshot and memory, read from where the arguments say."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rulecap.cli.usage import VENUE_OPTIONS, UsageError
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy, load_policy
from rulecap.problems import did_you_mean

if TYPE_CHECKING:
    from rulecap.snapshot import Snapshot


def evaluate(asked: argparse.Namespace) -> tuple[Policy, Decision]:
    """Return the policy that was named and its decision.

    Raises:
        UsageError: no such decision, an unreadable snapshot or memory.
        PolicyError: there is no such policy, or it has problems.
    """
    policy = load_policy(asked.policy)
    if asked.decision not in policy.decisions:
        hint = did_you_mean(asked.decision, policy.decisions)
        raise UsageError(f"policy {policy.name} has no decision {asked.decision}: {hint}".removesuffix(": "))
    snapshot = _snapshot(asked)
    if getattr(asked, "record", False):
        return policy, _recorded(asked, policy, snapshot)
    if getattr(asked, "idempotency_key", None) is not None:
        raise UsageError("an --idempotency-key belongs to a decision on record: add --record")
    if getattr(asked, "asked_by", None) is not None:
        raise UsageError("--as names who asks for a decision on record: add --record")
    expected = "a JSON object of remembered names and values"
    memory = None if asked.memory is None else _object(asked.memory, "memory", expected)
    return policy, policy.evaluate(snapshot, decision=asked.decision, memory=memory)


def _recorded(asked: argparse.Namespace, policy: Policy, snapshot: "bytes | Snapshot") -> Decision:
    """Return the decision that is put on record."""
    from rulecap.audit import LogError, UnusableKey, open_ledger

    if asked.memory is not None:
        raise UsageError("--record takes the memory from the log: leave out --memory")
    try:
        with open_ledger(asked.log) as ledger:
            return ledger.evaluate(policy, snapshot, asked.decision, asked.idempotency_key, asked_by=asked.asked_by)
    except (LogError, UnusableKey) as error:
        raise UsageError(str(error)) from error


ONLY_WITH_EXCHANGE = ("symbol", "signal", *VENUE_OPTIONS)


def _snapshot(asked: argparse.Namespace) -> "bytes | Snapshot":
    """Return the snapshot's bytes, or the snapshot that an exchange gives."""
    if asked.exchange is None:
        stray = [f"--{name}" for name in ONLY_WITH_EXCHANGE if getattr(asked, name) is not None]
        if stray:
            raise UsageError(f"{', '.join(stray)}: only with --exchange")
        if asked.snapshot is None:
            raise UsageError("name a SNAPSHOT, or an exchange with --exchange")
        return _bytes(asked.snapshot)
    if asked.snapshot is not None:
        raise UsageError(f"SNAPSHOT {asked.snapshot} or --exchange {asked.exchange}, not both")
    from rulecap.cli.venue import read_venue

    expected = "a JSON object of a signal's fields"
    signal = None if asked.signal is None else _object(asked.signal, "signal", expected)
    return read_venue(asked, asked.exchange, asked.symbol, signal)


def _object(name: str, what: str, expected: str) -> dict[str, Any]:
    """Return the JSON object in a file; `what` and `expected` are for messages."""
    from rulecap.snapshot.twice import read_json

    text = _bytes(name)
    try:
        found, problems = read_json(text)
    except ValueError as error:
        raise UsageError(f"the {what} {name} is not JSON: {error}") from error
    for problem in problems:
        raise UsageError(f"the {what} {name}: {problem}")
    if not isinstance(found, dict):
        raise UsageError(f"the {what} {name} is not {expected}")
    return found


def _bytes(name: str) -> bytes:
    """Return the file's bytes, or standard input's for `-`."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
