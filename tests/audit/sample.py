"""One log of everything that a log holds, written by the engine itself; the tests of its proof tamper with copies."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.audit.note import Signer
from rulecap.audit.opening import rotate
from rulecap.engine.policy import Policy
from tests.audit.counting import counting, snapshot
from tests.snapshots import sequence

OLD, NEW, STRANGER = (Signer(name, bytes([number]) * 32) for number, name in enumerate(("desk", "desk-2", "thief"), 1))
ROTATED_AT = 40
DECISIONS = ("position", "margin", "drawdown", "reduce_only")
UNREADABLE = (
    "",
    "{",
    '{"account": {"id": "main"}}',
    "{}",
    "\ud800",
    "[" * 300,
    5,
    None,
    float("nan"),
    b"\xff",
    {"a": {1}},
)


class Clock:
    """Goes on by a second at each look; a day now and then, so that keys outlive their time."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@cache
def policies(folder: Path) -> tuple[Policy, Policy, Policy]:
    """Return the shipped policy, and another in two versions that remember other names."""
    first, second = folder / "first", folder / "second"
    return load_policy("default"), counting(first), counting(second, version="1.1.0", loss="largest_loss")


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def write(path: Path, folder: Path, key: Signer | None = None, seed: object = "log", following: bool = False) -> None:
    """Write a log of 64 records; with `following`, its key hands over to the next one on the way."""
    rng, clock = Random(str(seed)), Clock()
    snapshots = {name: sequence(rng, 40) for name in ("main", "second")}
    for name, made in snapshots.items():
        for one in made:
            one["account"]["id"] = name
    questions = [lambda ledger, at=at: _ask(ledger, at, rng, snapshots, folder) for at in range(64)]
    with open_ledger(url_of(path), key, clock=clock) as ledger:
        for ask in questions[: ROTATED_AT if following else 64]:
            ask(ledger)
            clock.moment += timedelta(hours=25) if rng.random() < 0.05 else timedelta()
    if following and key is not None:
        rotate(url_of(path), key, NEW)
        with open_ledger(url_of(path), NEW, clock=clock) as ledger:
            for ask in questions[ROTATED_AT:]:
                ask(ledger)


def _ask(ledger, at, rng, snapshots, folder):
    """Ask one question: mostly of the shipped policy, some again, some late, some of what is no snapshot."""
    default, first, second = policies(folder)
    account = rng.choice(("main", "second"))
    if at % 8 == 5:
        return ledger.evaluate(default, UNREADABLE[at % len(UNREADABLE)], rng.choice(DECISIONS))
    if at % 8 == 7:
        policy, minute = (first if at < 32 else second), at if at % 16 == 7 else at - 10
        return ledger.evaluate(policy, snapshot(minute, pnl=-at, account="small"), rng.choice(("position", "margin")))
    given = snapshots[account][max(0, at // 2 - (3 if at % 8 == 3 else 0))]
    key = f"key {at % 3}" if at % 4 == 0 else None
    request = b"the same" if key else None
    decision = "margin" if key else "no such decision" if at == 33 else rng.choice(DECISIONS)
    return ledger.evaluate(default, given, decision, key, request)
