"""A process that writes to the same accounts as others do."""

import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from rulecap.audit import open_ledger
from tests.audit.counting import counting, snapshot

with tempfile.TemporaryDirectory() as folder:
    POLICIES = [
        counting(Path(folder) / loss, f"1.{n}.0", loss) for n, loss in enumerate(("worst_loss", "largest_loss"))
    ]
for policy in POLICIES:  # compiled before the fork
    policy.evaluate({}, "position")


def ask(url: str, accounts: Sequence[str], keys: Sequence[str], times: int, start: Connection) -> None:
    """Wait for the start, then ask for each account in turn, and under each key once; tell what was answered."""
    with open_ledger(url, patience=30) as ledger:
        start.send(None)
        start.recv()
        answers = []
        for number in range(times):
            for account in accounts:
                asked = snapshot(number, pnl=-number, account=account)
                answers.append(ledger.evaluate(POLICIES[number % 2], asked))
        under = {key: ledger.evaluate(POLICIES[0], snapshot(10_000, account="keys"), "position", key) for key in keys}
    start.send((
        [(answer.record_id, answer.ok) for answer in answers],
        {key: (answer.record_id, answer.outputs) for key, answer in under.items()},
    ))  # fmt: skip
