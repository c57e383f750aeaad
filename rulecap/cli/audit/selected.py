"""Which records a review command is about: the arguments that several of them share."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import add_log, reading
from rulecap.cli.usage import UsageError

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.review.selection import Selection


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add `--log` and what chooses records."""
    add_log(parser)
    parser.add_argument("--since", metavar="TIME", help="written at this time or later: 2026-03-01, …T12:00Z, 24h, 7d")
    parser.add_argument("--until", metavar="TIME", help="written before this time")
    several = "; several times for several"
    parser.add_argument(
        "--account", type=str, metavar="A", action="append", default=[], help=f"of this account, '' for none{several}"
    )
    parser.add_argument(
        "--decision", type=str, metavar="D", action="append", default=[], help=f"this decision{several}"
    )
    parser.add_argument(
        "--verdict", type=str, metavar="V", action="append", default=[], help=f"with this verdict, '' for none{several}"
    )
    parser.add_argument(
        "--policy",
        dest="policies",
        type=str,
        metavar="P",
        action="append",
        default=[],
        help=f"by NAME, NAME@VERSION or a digest's start{several}",
    )


def selection_of(asked: argparse.Namespace, log: "Log") -> "Selection":
    """Return what the arguments choose in a log.

    Raises:
        UsageError: a time that is none, or an end that is not after its start.
    """
    from rulecap.audit.clock import now
    from rulecap.audit.review.moments import EVER, NoMoment, Span, moment
    from rulecap.audit.review.selection import Selection, meant

    moment_now = now()
    try:
        span = Span(
            EVER.since if asked.since is None else moment(asked.since, moment_now),
            EVER.until if asked.until is None else moment(asked.until, moment_now),
        )
    except NoMoment as error:
        raise UsageError(str(error)) from error
    if span.since >= span.until:
        raise UsageError(f"nothing lies between --since {asked.since} and --until {asked.until}, which is not after it")
    accounts, decisions = tuple(asked.account), tuple(asked.decision)
    callers = tuple(getattr(asked, "callers", ()))  # where a command streams all that it chooses from
    return meant(log, Selection(accounts, decisions, tuple(asked.verdict), tuple(asked.policies), span, callers))


@contextmanager
def reviewing(url: str) -> "Iterator[Log]":
    """Give the log at an address, as it is at this moment.

    Raises:
        UsageError: there is no log, it cannot be read, or nothing in it is as it was asked for.
    """
    from rulecap.audit import LogError
    from rulecap.audit.review.selection import Unselectable, looking
    from rulecap.problems import on_a_line

    with reading(url) as log:
        try:
            with looking(log):
                yield log
        except (LogError, Unselectable) as error:
            raise UsageError(on_a_line(str(error))) from error
