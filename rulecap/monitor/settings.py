"""How the monitor runs."""

from dataclasses import dataclass, field
from pathlib import Path

from rulecap.audit.errors import LogError
from rulecap.audit.opening import SQLITE, sqlite_path

# One pass alone waits longer: nobody takes up later what it gives up.
LEDGER_SECONDS, ONCE_LEDGER_SECONDS = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Every setting but the log has a default.

    Attributes:
        log: the audit log's address.
        policy: folder, overlay file or shipped name.
        every_seconds: from the beginning of one pass to that of the next.
        stale_seconds: age of the last good reading beyond which the account is stale.
        execute: whether reductions are sent.
        most_orders_per_hour: how many at the most, over restarts.
        fresh_seconds: an action is sent no later than this after the account was read.
        ledger_seconds: how long a pass waits for the venue to tell what was paid in or out; reductions do not wait on.
        settle_seconds: how long an order that the venue does not know may still turn up there.
        rest_seconds: how long a position is left alone after an order on it ended: venues tell it a moment late.
        cancel_seconds: how long an order may stay open before what is left of it is cancelled.
        unsettled_seconds: how long an order may go on after it was to be cancelled, before its position is left out of
            what the policy chooses from.
        longest_pause_seconds: how long a position is left alone at the most after the venue turned its orders down.
    """

    log: str = field(repr=False)  # a database's address may have a password in it
    policy: str = "default"
    every_seconds: float = 30.0
    stale_seconds: float = 90.0
    execute: bool = False
    most_orders_per_hour: int = 30
    fresh_seconds: float = 60.0
    ledger_seconds: float = LEDGER_SECONDS
    settle_seconds: float = 30.0
    rest_seconds: float = 5.0
    cancel_seconds: float = 60.0
    unsettled_seconds: float = 60.0
    longest_pause_seconds: float = 300.0


def journal_beside(log: str, account: str) -> Path | None:
    """Return the journal's file beside a log in SQLite, none for another log.

    Raises:
        LogError: the address names no file.
    """
    if not log.startswith(SQLITE):
        return None
    path = sqlite_path(log)
    named = "".join(one if one.isalnum() or one in "-_." else "_" for one in account)
    if named != account:
        raise LogError("bad-log-address", f"the account's name {account} makes no file name: name one with --journal")
    return path.with_name(f"{path.name}.monitor-{named}")
