"""What the audit commands share: which log, and progress of long work."""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rulecap.cli.usage import UsageError

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.record import Record
    from rulecap.engine.policy import Policy

VARIABLE = "RULECAP_LOG"
DEFAULT_LOG = "sqlite:///rulecap.sqlite3"
Progress = Callable[[int, int], None]
SHOWN_EVERY = 0.2


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add `--log`."""
    parser.add_argument(
        "--log",
        metavar="URL",
        default=os.environ.get(VARIABLE) or DEFAULT_LOG,
        help=f"the audit log: sqlite:///FILE or postgresql://… (default: {VARIABLE}, else {DEFAULT_LOG})",
    )


@contextmanager
def reading(url: str) -> "Iterator[Log]":
    """Give the log at an address, for reading.

    Raises:
        UsageError: the address is none, there is no log at it, or it cannot be read to its end, or a record is none.
    """
    from rulecap.audit import LogError, open_log
    from rulecap.audit.record import DamagedRecord

    try:
        log = open_log(url)
    except LogError as error:
        raise UsageError(str(error)) from error
    with log:
        try:
            yield log
        except LogError as error:
            raise UsageError(str(error)) from error
        except DamagedRecord as error:
            raise UsageError(f"{error}; look with `rulecap audit verify`") from error


def found(log: "Log", name: str) -> "Record":
    """Return a record by its id or number.

    Raises:
        UsageError: the log has none of it.
    """
    record = log.find(name)
    if record is None:
        raise UsageError(f"there is no record {name} in this log, which has {log.head().size:,}")
    return record


def is_of_no_decision(record: "Record") -> bool:
    """Tell whether a record carries memories over; one that cannot be read does not."""
    from rulecap.audit.carry import carried_by
    from rulecap.audit.review.damage import UNREADABLE

    try:
        return carried_by(record) is not None
    except UNREADABLE:
        return False


def check_decides(record: "Record") -> None:
    """Refuse the record that carries memories over, of which nothing can be told that is told of decisions.

    Raises:
        UsageError: it is that one.
    """
    if is_of_no_decision(record):
        raise UsageError(f"record {record.seq} is of no decision: it carries the memories of another log over")


def decided(log: "Log", name: str) -> "tuple[Record, Policy]":
    """Return the record of a decision by its id or number, and the stored policy that decided it.

    Raises:
        UsageError: the log has no such record, it is damaged, or the log does not have its policy as it was.
    """
    from rulecap.audit import LogError
    from rulecap.audit.review.damage import LOOK
    from rulecap.audit.said import said_by

    record = found(log, name)
    check_decides(record)
    try:
        return record, log.policy(said_by(record.body).policy.digest)
    except LogError as error:
        raise UsageError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"record {record.seq} is damaged ({error}): {LOOK}") from error


def print_csv(head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows as CSV, in UTF-8 where a program reads it, as `export` writes it."""
    import csv

    from rulecap.audit.review.export import harmless

    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(harmless, head))
    writer.writerows([harmless(value) for value in row] for row in rows)


def progress(what: str) -> Progress | None:
    """Return what shows how far long work is, on a terminal; none where nobody looks."""
    if not sys.stderr.isatty():
        return None
    shown = 0.0

    def show(done: int, total: int) -> None:
        nonlocal shown
        moment = time.monotonic()
        if done >= total or moment - shown >= SHOWN_EVERY:
            shown = moment
            end = "\r\x1b[K" if done >= total else ""
            print(f"\r{what} {done:,} of {total:,}{end}", end="", file=sys.stderr, flush=True)

    return show
